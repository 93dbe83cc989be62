//! Finding the configuration, and the local servers for somebody who has none (K4).

use proxai_config::{Loaded, Overrides, Problems, Sources, load_with};
use proxai_providers::Registry;

/// Loads the configuration. Doors of local servers are knocked at only if nothing is configured:
/// only then is it worth the time.
pub fn load(
    sources: &dyn Sources,
    overrides: &Overrides,
    registry: &Registry,
    probe: &dyn Fn(&Registry) -> Vec<String>,
) -> Result<Loaded, Problems> {
    let loaded = load_with(sources, overrides, registry, &[])?;
    if !loaded.settings.zero_config {
        return Ok(loaded);
    }
    let answering = probe(registry);
    if answering.is_empty() {
        return Ok(loaded);
    }
    let answering: Vec<&str> = answering.iter().map(String::as_str).collect();
    load_with(sources, overrides, registry, &answering)
}
