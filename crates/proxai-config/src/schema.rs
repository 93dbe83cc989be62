//! The JSON schema of the configuration, for editors (K8). Only with the feature `schema`.
//!
//! `config/proxai.schema.json` is this text; a test compares the two. The tables of the registry
//! (`quirks`, `endpoint`, `auth`, `parameters`) describe themselves, so an editor completes and
//! checks them too. What the derived schemas miss are further names that serde reads; they are
//! listed here, and a test finds one that is not.

use std::borrow::Cow;

use proxai_providers::{AuthCells, ModelCells};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::options::SecretOptions;
use crate::word::{FromWord, Word};

/// The schema as formatted JSON with a final line break.
pub fn json() -> String {
    let mut schema = schemars::schema_for!(crate::Options);
    add_aliases(&mut schema);
    add_words(&mut schema);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// Further names of keys, per table. serde knows them and schemars does not look; a test compares
/// this with the names that reading accepts.
const ALIASES: [(&str, &str, &[&str]); 14] = [
    ("LoggingOptions", "output_format", &["format"]),
    ("ProviderOptions", "type", &["provider"]),
    ("ProviderOptions", "base_url", &["api_url", "base"]),
    ("ProviderOptions", "models", &["supported_models"]),
    ("ProviderOptions", "protocols", &["protocol"]),
    ("ProviderOptions", "endpoint", &["endpoints"]),
    ("EndpointCells", "base", &["base_url", "api_url"]),
    ("RouteOptions", "model_pattern", &["pattern"]),
    ("RouteOptions", "targets", &["instances"]),
    ("TargetOptions", "model", &["upstream_model"]),
    ("ModelRouteOptions", "pattern", &["model_pattern"]),
    ("ModelRouteOptions", "model", &["upstream_model"]),
    ("ModelRouteOptions", "api_url", &["base_url", "base"]),
    ("ModelRouteOptions", "protocols", &["protocol"]),
];

/// Further words for a value, per type.
const WORDS: [(&str, &str, &[&str]); 2] = [
    ("StyleName", "custom", &["header", "custom-header"]),
    ("HttpVersion", "1.1", &["1"]),
];

fn add_words(schema: &mut Schema) {
    for (name, word, aliases) in WORDS {
        let Some(serde_json::Value::Array(words)) =
            schema.pointer_mut(&format!("/$defs/{name}/oneOf"))
        else {
            continue;
        };
        let Some(described) = words.iter().find(|known| known["const"] == word).cloned() else {
            continue;
        };
        for alias in aliases {
            let mut described = described.clone();
            described["const"] = (*alias).into();
            words.push(described);
        }
    }
}

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
    ($($(#[$doc:meta])* $name:ident($generator:ident) = $schema:tt;)*) => { $(
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

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        }
    )* };
}

shape! {
    /// A style of authentication, or all cells of it.
    StyleOrTable(generator) = {
        "anyOf": [{ "type": "string" }, generator.subschema_for::<AuthCells>()]
    };
    /// A model id, or tables of patterns with quirks.
    ModelOrTables(generator) = {
        "anyOf": [{ "type": "string" }, generator.subschema_for::<Vec<ModelCells>>()]
    };
    /// A word or a list of words.
    WordOrWords(_generator) = { "type": ["string", "array"], "items": { "type": "string" } };
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
