//! The configuration as a user writes it, through the public surface. No real file or variable is
//! read except the repository's own fixtures.

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test fails, also in a function that several tests share"
)]

mod access;
mod example;
mod expansion;
mod fixtures;
mod layers;
mod problems;
mod properties;
mod providers;
mod routes;
#[cfg(feature = "schema")]
mod schema;
#[cfg(feature = "schema")]
mod schema_validator;
mod server;
mod zero;

use proxai_config::{Loaded, Memory, Overrides, Problems, load};
use proxai_providers::Resource;
use proxai_router::{Ask, Plan, resolve};
use proxai_types::Protocol;

/// Loads a text as `proxai.toml`.
fn try_load(sources: Memory, text: &str) -> Result<Loaded, Problems> {
    load(
        &sources.with_file("proxai.toml", text),
        &Overrides::default(),
    )
}

/// Loads a text that must be right.
fn loaded(text: &str) -> Loaded {
    try_load(Memory::default(), text).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The problems of a text that must be wrong, as they are printed.
fn problems(text: &str) -> Vec<String> {
    let problems = try_load(Memory::default(), text).expect_err("the text is wrong");
    problems.0.iter().map(ToString::to_string).collect()
}

/// Plans a request of a protocol.
fn plan(loaded: &Loaded, protocol: Protocol, model: &str) -> Plan {
    let ask = Ask {
        protocol: Some(protocol),
        ..Ask::new(model)
    };
    resolve(&loaded.settings.table, &ask).unwrap_or_else(|error| panic!("{model}: {error}"))
}

/// Provider, upstream model and Chat URL of the first attempt of a Chat request.
fn goes_to(loaded: &Loaded, model: &str) -> (String, String, String) {
    let plan = plan(loaded, Protocol::Chat, model);
    let attempt = &plan.attempts[0];
    let provider = &loaded.settings.provider(attempt.provider).unwrap().provider;
    let spoken = provider.protocol_for(Protocol::Chat);
    (
        provider.name.clone(),
        attempt.upstream_model.clone(),
        provider
            .url(Resource::Generate(spoken))
            .unwrap()
            .to_string(),
    )
}

/// As [`goes_to`], to compare with literals.
fn place(provider: &str, model: &str, url: &str) -> (String, String, String) {
    (provider.to_owned(), model.to_owned(), url.to_owned())
}

/// The keys of a provider by name.
fn keys(loaded: &Loaded, name: &str) -> Vec<String> {
    let providers = &loaded.settings.providers;
    let found = providers.iter().find(|p| p.provider.name == name).unwrap();
    let secrets = found.keys.iter().map(|key| key.secret.expose().to_owned());
    secrets.collect()
}
