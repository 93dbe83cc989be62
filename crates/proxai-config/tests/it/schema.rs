//! K8: the shipped schema is the one of the types.

use std::path::Path;

use figment::error::Kind;
use proxai_config::{
    LoggingOptions, ModelRouteOptions, Options, ProviderOptions, RouteOptions, TargetOptions,
    schema,
};
use serde::de::DeserializeOwned;

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
