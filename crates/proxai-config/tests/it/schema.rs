//! K8: the shipped schema is the one of the types.

use std::path::Path;

use figment::error::Kind;
use proxai_config::{
    LoggingOptions, ModelRouteOptions, Options, ProviderOptions, RouteOptions, TargetOptions,
    schema,
};
use proxai_providers::quirks::{NameRule, ReasoningQuirks, Temperature, ToolChoiceQuirks};
use proxai_providers::{
    AuthCells, EndpointCells, Endpoints, ModelCells, ParameterLookup, Quirks, UrlCells,
};
use serde::de::DeserializeOwned;

use crate::schema_validator::problems;

fn folder(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path)
}

fn shipped() -> serde_json::Value {
    serde_json::from_str(&schema::json()).unwrap()
}

fn as_json(text: &str) -> serde_json::Value {
    let table: toml::Table = text.parse().unwrap();
    serde_json::to_value(table).unwrap()
}

#[test]
fn the_shipped_schema_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/proxai.schema.json");
    let fresh = schema::json();
    if std::env::var_os("PROXAI_BLESS").is_some() {
        std::fs::write(&path, &fresh).unwrap();
    }
    let shipped = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        shipped == fresh,
        "config/proxai.schema.json is out of date; run PROXAI_BLESS=1 cargo test -p proxai-config --features schema"
    );
}

#[test]
fn the_schema_knows_every_name_that_reading_accepts() {
    let schema: serde_json::Value = serde_json::from_str(&schema::json()).unwrap();
    for (table, known) in [
        ("/properties", known::<Options>()),
        (
            "/$defs/ProviderOptions/properties",
            known::<ProviderOptions>(),
        ),
        (
            "/$defs/LoggingOptions/properties",
            known::<LoggingOptions>(),
        ),
        ("/$defs/RouteOptions/properties", known::<RouteOptions>()),
        ("/$defs/TargetOptions/properties", known::<TargetOptions>()),
        (
            "/$defs/ModelRouteOptions/properties",
            known::<ModelRouteOptions>(),
        ),
        ("/$defs/Endpoints/properties", known::<Endpoints>()),
        ("/$defs/EndpointCells/properties", known::<EndpointCells>()),
        ("/$defs/AuthCells/properties", known::<AuthCells>()),
        (
            "/$defs/ParameterLookup/properties",
            known::<ParameterLookup>(),
        ),
        ("/$defs/ModelCells/properties", known::<ModelCells>()),
        ("/$defs/UrlCells/properties", known::<UrlCells>()),
        ("/$defs/Quirks/properties", known::<Quirks>()),
        ("/$defs/Temperature/properties", known::<Temperature>()),
        ("/$defs/NameRule/properties", known::<NameRule>()),
        (
            "/$defs/ToolChoiceQuirks/properties",
            known::<ToolChoiceQuirks>(),
        ),
        (
            "/$defs/ReasoningQuirks/properties",
            known::<ReasoningQuirks>(),
        ),
    ] {
        let properties = schema.pointer(table).unwrap().as_object().unwrap();
        let mut described: Vec<&str> = properties.keys().map(String::as_str).collect();
        let mut known = known;
        described.sort_unstable();
        known.sort_unstable();
        assert_eq!(described, known, "{table}");
    }
}

/// The names that a table accepts, aliases included, from the error about one that it does not.
fn known<T: DeserializeOwned>() -> Vec<&'static str> {
    let wrong = figment::value::Value::from(figment::value::Dict::from([(
        "no such key".to_owned(),
        figment::value::Value::from(1),
    )]));
    match T::deserialize(&wrong).map(|_| ()).unwrap_err().kind {
        Kind::UnknownField(_, known) => known.to_vec(),
        kind => panic!("{kind:?}"),
    }
}

#[test]
fn every_configuration_that_ships_fits_the_schema() {
    let fixtures = std::fs::read_dir(folder("fixtures/config")).unwrap();
    let mut files: Vec<_> = fixtures
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "toml"))
        .collect();
    files.push(folder("config/proxai.example.toml"));
    assert!(files.len() > 10);
    let schema = shipped();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let found = problems(&schema, &as_json(&text));
        assert!(found.is_empty(), "{}: {}", file.display(), found.join("\n"));
    }
}

#[test]
fn what_a_row_of_the_registry_says_fits_the_schema() {
    let schema = shipped();
    let mut checked = 0;
    for entry in std::fs::read_dir(folder("crates/proxai-providers/providers")).unwrap() {
        let path = entry.unwrap().path();
        let mut row: toml::Table = std::fs::read_to_string(&path).unwrap().parse().unwrap();
        for key in ["id", "names", "title", "docs", "verified", "generic"] {
            row.remove(key);
        }
        let provider = serde_json::json!({ "providers": { "row": row } });
        let found = problems(&schema, &provider);
        assert!(found.is_empty(), "{}: {}", path.display(), found.join("\n"));
        checked += 1;
    }
    assert!(checked > 60);
}

#[test]
fn what_reading_refuses_does_not_fit_the_schema() {
    let schema = shipped();
    for (text, place) in [
        (
            "[providers.a.quirks]\nstream_option = false",
            "quirks.stream_option",
        ),
        (
            "[providers.a.quirks]\ntemperature = { maximum = 1 }",
            "temperature.maximum",
        ),
        ("[providers.a.quirks]\nsystem = 'merge'", "quirks.system"),
        (
            "[providers.a.quirks]\nreasoning = { fields = ['thoughts'] }",
            "fields[0]",
        ),
        ("[providers.a.endpoint.chats]", "endpoint.chats"),
        (
            "[providers.a.endpoint.chat]\nurl = 'x'",
            "endpoint.chat.url",
        ),
        ("[providers.a.auth]\nstyle = 'bear'", "auth.style"),
        (
            "[providers.a.parameters]\nregion = { envs = ['A'] }",
            "parameters.region",
        ),
        ("[providers.a]\nhttp = '3'", ".http"),
        ("[[providers.a.model]]\npattern = 'x'", "model[0]"),
        (
            "[[providers.a.url]]\npattern = 'x'\nquirks = { a = 1 }",
            "quirks.a",
        ),
    ] {
        assert!(
            crate::try_load(proxai_config::Memory::default(), text).is_err(),
            "{text}"
        );
        let found = problems(&schema, &as_json(text));
        let told = found.iter().any(|problem| problem.contains(place));
        assert!(told, "{text}: {found:?}");
    }
    for text in [
        "[providers.a]\nbase_url = 'http://h'\nhttp = '1'\nauth = 'x-api-key'",
        "[providers.a]\nbase_url = 'http://h'\nmodel = 'm'\nauth = { style = 'header', header = 'x-k' }",
    ] {
        assert_eq!(problems(&schema, &as_json(text)), [""; 0], "{text}");
    }
}
