//! The JSON schema of the configuration, for editors (K8). Only with the feature `schema`.
//!
//! `config/proxai.schema.json` is this text; a test compares the two. Cells whose types live in
//! the registry are open tables here: loading checks them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::options::SecretOptions;
use crate::word::{FromWord, Word};

/// The schema as formatted JSON with a final line break.
pub fn json() -> String {
    let mut schema = schemars::schema_for!(crate::Options);
    add_aliases(&mut schema);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// Further names of keys, per table. serde knows them and schemars does not look; a test compares
/// this with the names that reading accepts.
const ALIASES: [(&str, &str, &[&str]); 13] = [
    ("LoggingOptions", "output_format", &["format"]),
    ("ProviderOptions", "type", &["provider"]),
    ("ProviderOptions", "base_url", &["api_url", "base"]),
    ("ProviderOptions", "models", &["supported_models"]),
    ("ProviderOptions", "protocols", &["protocol"]),
    ("ProviderOptions", "endpoint", &["endpoints"]),
    ("RouteOptions", "model_pattern", &["pattern"]),
    ("RouteOptions", "targets", &["instances"]),
    ("TargetOptions", "model", &["upstream_model"]),
    ("ModelRouteOptions", "pattern", &["model_pattern"]),
    ("ModelRouteOptions", "model", &["upstream_model"]),
    ("ModelRouteOptions", "api_url", &["base_url", "base"]),
    ("ModelRouteOptions", "protocols", &["protocol"]),
];

fn add_aliases(schema: &mut Schema) {
    for (table, key, aliases) in ALIASES {
        let pointer = format!("/$defs/{table}/properties");
        let Some(serde_json::Value::Object(properties)) = schema.pointer_mut(&pointer) else {
            continue;
        };
        let Some(described) = properties.get(key).cloned() else {
            continue;
        };
        for alias in aliases {
            properties.insert((*alias).to_owned(), described.clone());
        }
    }
}

macro_rules! shape {
    ($($(#[$doc:meta])* $name:ident = $schema:tt;)*) => { $(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )* };
}

shape! {
    /// A table that the registry's types describe.
    Table = { "type": "object" };
    /// A word or a table.
    StringOrTable = { "type": ["string", "object", "null"] };
    /// A word or a list of tables.
    StringOrTables = { "type": ["string", "array", "null"], "items": { "type": "object" } };
    /// A word or a list of words.
    WordOrWords = { "type": ["string", "array"], "items": { "type": "string" } };
}

impl JsonSchema for SecretOptions {
    fn schema_name() -> Cow<'static, str> {
        "Secret".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A secret, such as \"${VARIABLE}\", or the file that holds it.",
            "oneOf": [
                { "type": "string" },
                {
                    "type": "object",
                    "properties": { "file": { "type": "string" } },
                    "required": ["file"],
                    "additionalProperties": false
                }
            ]
        })
    }
}

impl<T: FromWord> JsonSchema for Word<T> {
    fn schema_name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": T::words() })
    }
}
