//! `[providers.<name>]`: the cells of a registry row under the names that people write, plus keys.

use std::collections::BTreeMap;
use std::fmt;

use proxai_providers::{
    AuthCells, Endpoints, HttpVersion, ModelCells, ParameterCells, Quirks, UrlCells,
};
use proxai_router::CachePolicy;
use proxai_types::Protocol;
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::word::{Compatibility, Word};

/// One upstream.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ProviderOptions {
    /// The built-in provider to start from, if the table's own name is not one.
    #[serde(rename = "type", alias = "provider")]
    pub kind: Option<String>,
    /// Where it is: a host, a base URL or the full URL of one endpoint.
    #[serde(alias = "api_url", alias = "base")]
    pub base_url: Option<String>,
    /// The key.
    pub api_key: Option<SecretOptions>,
    /// Several keys, used in turn.
    pub api_keys: Vec<SecretOptions>,
    /// The model of requests that name none; or `[[providers.<name>.model]]` tables, each a
    /// pattern with quirks.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<crate::schema::ModelOrTables>")
    )]
    pub model: Option<ModelCellsOr>,
    /// The only models that may be used; entries may hold `*`.
    #[serde(alias = "supported_models")]
    pub models: Option<Vec<String>>,
    /// The client's name for a model to the provider's.
    pub model_aliases: BTreeMap<String, String>,
    /// `bearer`, `x-api-key`, `api-key`, `none`, `custom` (with `auth_header`, or as
    /// `custom:Name-Of-Header`) or `query` (with `auth_param`, or as `query:name`).
    pub auth_style: Option<String>,
    /// The header of `auth_style = "custom"`.
    pub auth_header: Option<String>,
    /// The parameter of `auth_style = "query"`.
    pub auth_param: Option<String>,
    /// The style as a word, or a table with `style`, `header`, `prefix`, `param`, `env` and
    /// `required`.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<crate::schema::StyleOrTable>")
    )]
    pub auth: Option<AuthOptions>,
    /// Headers that every request carries; an empty value takes a built-in one away.
    pub headers: BTreeMap<String, SecretOptions>,
    /// Further client headers that may pass on a same-protocol hop.
    pub forward_headers: Option<Vec<String>>,
    /// The protocol or protocols to use, best first.
    #[serde(alias = "protocol")]
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<crate::schema::WordOrWords>")
    )]
    pub protocols: Option<OneOrMore<Word<Protocol>>>,
    /// What is special about the endpoints `chat`, `responses`, `messages`, `embeddings`, `models`.
    #[serde(alias = "endpoints")]
    pub endpoint: Endpoints,
    /// For Messages upstreams: complete their answers to the reference's shape, or trust them.
    pub compatibility: Option<Word<Compatibility>>,
    /// Seconds that the upstream may be silent in the middle of an answer.
    pub read_idle_timeout_secs: Option<u64>,
    /// Requests that the provider gets at once; a stream counts until its last byte.
    pub max_in_flight: Option<u64>,
    /// Requests that may wait while `max_in_flight` are under way; 0, the default, turns each of
    /// them away.
    pub max_queue: Option<u64>,
    /// Seconds that a request may wait.
    pub queue_timeout_secs: Option<u64>,
    /// What becomes of marks and keys for its prompt cache where neither the request nor a route
    /// says it: `respect`, `disable` or `force`.
    pub cache: Option<Word<CachePolicy>>,
    /// `auto`, `1.1` or `2`.
    pub http: Option<HttpVersion>,
    /// A server on this machine: needs no key.
    pub local: Option<bool>,
    /// Answers come from inside the process.
    pub embedded: Option<bool>,
    /// The path that a bare host gets.
    pub bare_path: Option<String>,
    /// Values for the parameters in the base URL.
    pub parameters: BTreeMap<String, ParameterCells>,
    /// Deviations from the protocol's reference.
    pub quirks: Quirks,
    /// Deviations while the base URL matches a pattern.
    pub url: Vec<UrlCells>,
}

/// A secret: the text itself or the file that holds it.
#[derive(Clone, PartialEq, Eq)]
pub enum SecretOptions {
    /// The secret.
    Text(String),
    /// The path of a file that holds nothing else; relative to the configuration file.
    File(String),
}

impl fmt::Debug for SecretOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("[redacted]"),
            Self::File(path) => write!(f, "file {path:?}"),
        }
    }
}

impl<'de> Deserialize<'de> for SecretOptions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct File {
            file: String,
        }

        struct SecretVisitor;

        impl<'de> Visitor<'de> for SecretVisitor {
            type Value = SecretOptions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or { file = \"…\" }")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(SecretOptions::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let File { file } = File::deserialize(MapAccessDeserializer::new(map))?;
                Ok(SecretOptions::File(file))
            }
        }

        deserializer.deserialize_any(SecretVisitor)
    }
}

/// `auth`: a style, or all cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthOptions {
    /// A style, in the form of `auth_style`.
    Style(String),
    /// The cells.
    Cells(Box<AuthCells>),
}

impl<'de> Deserialize<'de> for AuthOptions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AuthVisitor;

        impl<'de> Visitor<'de> for AuthVisitor {
            type Value = AuthOptions;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a style such as \"bearer\", or a table")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(AuthOptions::Style(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let cells = AuthCells::deserialize(MapAccessDeserializer::new(map))?;
                Ok(AuthOptions::Cells(Box::new(cells)))
            }
        }

        deserializer.deserialize_any(AuthVisitor)
    }
}

/// `model`: a model id, or patterns with quirks.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelCellsOr {
    /// The model of requests that name none.
    Default(String),
    /// Deviations per model.
    Cells(Vec<ModelCells>),
}

impl<'de> Deserialize<'de> for ModelCellsOr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ModelVisitor;

        impl<'de> Visitor<'de> for ModelVisitor {
            type Value = ModelCellsOr;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a model id, or tables with `pattern` and `quirks`")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(ModelCellsOr::Default(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(ModelCellsOr::Cells)
            }
        }

        deserializer.deserialize_any(ModelVisitor)
    }
}

/// One value or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OneOrMore<T>(pub Vec<T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OneOrMore<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
            type Value = OneOrMore<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word or a list of words")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                let one = de::value::StrDeserializer::new(text);
                T::deserialize(one).map(|one| OneOrMore(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(seq)).map(OneOrMore)
            }
        }

        deserializer.deserialize_any(ListVisitor(std::marker::PhantomData))
    }
}
