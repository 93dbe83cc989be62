//! A provider to be tested, with what advice about it needs to know.

use std::time::Duration;

use proxai_config::{ProviderSettings, Settings, Sources};
use proxai_providers::auth::ANTHROPIC_VERSION;
use proxai_providers::{Key, Provider, Registry};

use crate::text::provider_table;

/// A variable shorter than this may be equal to a key by chance.
const MIN_KEY_BYTES: usize = 6;

/// A provider to be tested.
#[derive(Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) provider: &'a Provider,
    pub(crate) keys: &'a [Key],
    pub(crate) read_idle_timeout: Duration,
    /// The model that the configuration has for it.
    pub(crate) model: Option<String>,
    /// The vendor's page.
    pub(crate) docs: Option<String>,
    /// Per key, where it comes from.
    origins: Vec<String>,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(
        configured: &'a ProviderSettings,
        settings: &Settings,
        registry: &Registry,
        sources: &dyn Sources,
    ) -> Self {
        let provider = &configured.provider;
        let of_default = settings.table.default_provider().and_then(|(id, model)| {
            let is_this = settings.provider(id)?.provider.name == provider.name;
            model.filter(|_| is_this)
        });
        let listed = provider.models.iter().flatten();
        let model = configured
            .default_model
            .as_deref()
            .or(of_default)
            .or_else(|| {
                listed
                    .map(String::as_str)
                    .find(|model| !model.contains('*'))
            })
            .map(|model| provider.upstream_model(model).to_owned());
        let docs = registry
            .resolve(&provider.row)
            .ok()
            .filter(|row| !row.identity.generic)
            .map(|row| row.identity.docs.clone());
        let keys = configured.keys.iter();
        Self {
            provider,
            keys: &configured.keys,
            read_idle_timeout: configured.read_idle_timeout,
            model,
            docs,
            origins: keys.map(|key| origin(provider, key, sources)).collect(),
        }
    }

    /// The provider's table in the configuration.
    pub(crate) fn table(&self) -> String {
        provider_table(&self.provider.name)
    }

    /// Where a key comes from, for a person.
    pub(crate) fn key_origin(&self, index: usize) -> String {
        match self.origins.get(index) {
            Some(origin) => origin.clone(),
            None => format!("`api_key` of {}", self.table()),
        }
    }

    /// What must not appear in any output.
    pub(crate) fn secrets(&self) -> Vec<&str> {
        let keys = self.keys.iter().map(|key| key.secret.expose());
        // The values of static headers may be tokens.
        let headers = self
            .provider
            .protocols()
            .flat_map(|protocol| self.provider.headers(protocol))
            .map(|(_, value)| value)
            .filter(|value| value.len() >= MIN_KEY_BYTES && *value != ANTHROPIC_VERSION);
        keys.chain(headers).collect()
    }
}

/// The variable whose value is the key, else the table.
fn origin(provider: &Provider, key: &Key, sources: &dyn Sources) -> String {
    let secret = key.secret.expose();
    let mut known = provider.auth.env.iter().map(|variable| &variable.name);
    let usual = known.find(|name| {
        let value = sources.var(name);
        value.is_some_and(|value| value.trim() == secret)
    });
    let any = || {
        let mut names: Vec<String> = sources
            .vars("")
            .into_iter()
            .filter(|(_, value)| secret.len() >= MIN_KEY_BYTES && value.trim() == secret)
            .map(|(name, _)| name)
            .collect();
        names.sort();
        names.into_iter().next()
    };
    match usual.cloned().or_else(any) {
        Some(variable) => format!("variable {variable}"),
        None => format!("`api_key` of {}", provider_table(&provider.name)),
    }
}
