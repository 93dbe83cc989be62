//! `proxai check`: what the configuration means, and what is wrong with it.

use std::io::Write as _;
use std::process::ExitCode;

use proxai_server::Assembly;

use crate::args::ConfigArgs;
use crate::serve::load;
use crate::show;

/// Validates and prints. A configuration that cannot be run is the error.
pub(crate) fn run(args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let loaded = load(args)?;
    let settings = &loaded.settings;
    let snapshot = proxai_server::snapshot(0, settings, &Assembly::default());
    let mut out = String::new();
    let file = loaded
        .file
        .as_ref()
        .map_or_else(|| "no file".to_owned(), |file| file.display().to_string());
    show::line(&mut out, &format!("configuration: {file}\n\nproviders:"));
    show::providers(&mut out, settings, &snapshot);
    show::line(&mut out, "\nroutes, in the order they are tried:");
    show::routes(&mut out, settings);

    let mut warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    warnings.extend(settings.table.lints().iter().map(ToString::to_string));
    warnings.extend(
        snapshot
            .upstreams
            .iter()
            .filter_map(|upstream| upstream.key_problem().map(str::to_owned)),
    );
    warnings.extend(
        settings
            .unimplemented()
            .iter()
            .map(|key| format!("{key}: has no effect in this version")),
    );
    if warnings.is_empty() {
        show::line(&mut out, "\nnothing to remark");
    } else {
        show::line(&mut out, "\nwarnings:");
        for warning in warnings {
            show::line(&mut out, &format!("  {warning}"));
        }
    }
    std::io::stdout().write_all(out.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
