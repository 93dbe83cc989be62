//! The schema of a provider row, shared by the embedded files and the configuration.
//!
//! A file is an [`Identity`] plus cells; a configured provider is cells alone
//! ([`ProviderOverride`]), each of which replaces the row's. Unknown keys are errors in both:
//! a misspelt quirk that is silently ignored costs an evening.

use std::collections::BTreeMap;
use std::str::FromStr;

use proxai_types::Protocol;
use serde::{Deserialize, Deserializer};

use crate::notes::{self, Note};
use crate::quirks::Quirks;
use crate::registry::RegistryError;
use crate::secret::Secret;

/// One provider as the registry knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Who it is and where that is documented.
    pub identity: Identity,
    /// Everything a configuration may override.
    pub cells: ProviderOverride,
    /// What the file's comments say.
    pub notes: Vec<Note>,
}

/// Who a provider is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The one name that logs, metrics and explanations use.
    pub id: String,
    /// Further names it answers to; `id` is always one.
    #[serde(default)]
    pub names: Vec<String>,
    /// The name for people.
    pub title: String,
    /// The vendor's page that the row was checked against.
    pub docs: String,
    /// When that was, `YYYY-MM-DD`.
    pub verified: String,
    /// Whether it is the row for configured providers whose name no row answers to.
    #[serde(default)]
    pub generic: bool,
}

/// The cells of a row. Absent ones leave the row below as it is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProviderOverride {
    /// Base URL; `{name}` stands for a parameter.
    #[serde(alias = "base_url", alias = "api_url")]
    pub base: Option<String>,
    /// The path a bare host gets; absent means the path of the row's `base`, else `/v1`.
    pub bare_path: Option<String>,
    /// Values for the parameters in `base`.
    pub parameters: BTreeMap<String, ParameterCells>,
    /// Protocols to use, best first; absent means those with an `[endpoint.…]` table.
    #[serde(alias = "protocol", deserialize_with = "protocols")]
    pub protocols: Option<Vec<Protocol>>,
    /// Where each endpoint is and what is special about it.
    pub endpoint: Endpoints,
    /// How requests are authenticated.
    pub auth: AuthCells,
    /// Headers that every request carries; an empty value takes a row's header away. Values may
    /// be tokens and are never printed.
    pub headers: BTreeMap<String, Secret>,
    /// Further client headers that may pass on a same-protocol hop; `*` stands for any text.
    pub forward_headers: Option<Vec<String>>,
    /// Which HTTP version to speak (P7).
    pub http: Option<HttpVersion>,
    /// A server on this machine: no key needed, probed at start (K4).
    pub local: Option<bool>,
    /// Answers come from inside the process; there is no URL.
    pub embedded: Option<bool>,
    /// Deviations that hold for all endpoints.
    pub quirks: Quirks,
    /// Deviations that hold while the base URL matches a pattern.
    pub url: Vec<UrlCells>,
    /// Deviations that hold for models that match a pattern; later ones win.
    pub model: Vec<ModelCells>,
    /// The only models that may be used, and that `/v1/models` lists (P14); absent means any.
    pub models: Option<Vec<String>>,
    /// The client's name for a model to the provider's.
    pub model_aliases: BTreeMap<String, String>,
}

/// The endpoints that can differ from what the base URL implies.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Endpoints {
    /// Chat Completions.
    pub chat: Option<EndpointCells>,
    /// Responses.
    pub responses: Option<EndpointCells>,
    /// Anthropic Messages.
    pub messages: Option<EndpointCells>,
    /// Embeddings.
    pub embeddings: Option<EndpointCells>,
    /// The list of models.
    pub models: Option<EndpointCells>,
}

impl Endpoints {
    /// The cells of a protocol's endpoint.
    pub const fn of(&self, protocol: Protocol) -> Option<&EndpointCells> {
        match protocol {
            Protocol::Chat => self.chat.as_ref(),
            Protocol::Responses => self.responses.as_ref(),
            Protocol::Messages => self.messages.as_ref(),
        }
    }
}

/// One endpoint.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct EndpointCells {
    /// `false` takes away an endpoint that the row has.
    pub enabled: Option<bool>,
    /// The endpoint's own base: absolute, or from the root of the provider's host (`/anthropic`).
    /// A base that was overridden in the configuration beats an absolute one of the row, so that
    /// a request never goes to a host that was configured away.
    #[serde(alias = "base_url", alias = "api_url")]
    pub base: Option<String>,
    /// The path below the base, if it is not the protocol's usual one.
    pub path: Option<String>,
    /// Authentication, where this endpoint differs.
    pub auth: AuthCells,
    /// Further headers.
    pub headers: BTreeMap<String, Secret>,
    /// Deviations of this endpoint.
    pub quirks: Quirks,
}

/// How requests are authenticated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct AuthCells {
    /// `bearer`, `x-api-key`, `api-key`, `custom`, `query` or `none`.
    pub style: Option<StyleName>,
    /// The header of style `custom`.
    pub header: Option<String>,
    /// What comes before the key in the header of style `custom`, such as `Bearer `.
    pub prefix: Option<String>,
    /// The parameter of style `query`.
    pub param: Option<String>,
    /// Variables that may hold the key, best first.
    pub env: Option<Vec<EnvName>>,
    /// Whether a request without a key makes no sense.
    pub required: Option<bool>,
}

/// The word for an authentication style; see [`AuthStyle`](crate::AuthStyle) for the full thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum StyleName {
    /// `Authorization: Bearer <key>`.
    Bearer,
    /// `x-api-key: <key>`.
    XApiKey,
    /// `api-key: <key>`.
    ApiKey,
    /// A header that `header` names.
    #[serde(alias = "header", alias = "custom-header")]
    Custom,
    /// A query parameter that `param` names.
    Query,
    /// Nothing.
    None,
}

/// A variable that may hold a key.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum EnvName {
    /// Used in the provider's own style.
    Plain(String),
    /// Holds a key of another kind, sent in another style.
    #[serde(rename_all = "snake_case")]
    Styled {
        /// The variable.
        name: String,
        /// The style of its keys.
        style: StyleName,
    },
}

impl EnvName {
    /// The variable's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Plain(name) | Self::Styled { name, .. } => name,
        }
    }
}

/// Where the value of a parameter of the base URL comes from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ParameterCells {
    /// This value.
    Value(String),
    /// The first of these variables that is set, else the default.
    Lookup(ParameterLookup),
}

/// Where to look for the value of a parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ParameterLookup {
    /// Variables, best first.
    pub env: Vec<String>,
    /// The value if none is set; without it the parameter must be given.
    pub default: Option<String>,
}

/// Deviations for base URLs that match a pattern.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct UrlCells {
    /// Compared with the whole base URL; `*` stands for any text.
    pub pattern: String,
    /// What holds then.
    pub quirks: Quirks,
}

/// Deviations for models that match a pattern.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ModelCells {
    /// Compared with the upstream's model id; `*` stands for any text.
    pub pattern: String,
    /// What holds then.
    pub quirks: Quirks,
}

/// Which HTTP version to speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum HttpVersion {
    /// As ALPN decides.
    #[default]
    #[serde(rename = "auto")]
    Auto,
    /// HTTP/1.1, where HTTP/2 breaks (P7).
    #[serde(rename = "1.1", alias = "1")]
    Http1,
    /// HTTP/2, with prior knowledge on plain text.
    #[serde(rename = "2")]
    Http2,
}

impl Row {
    /// Reads a row from a provider file.
    pub fn from_toml(text: &str) -> Result<Self, RegistryError> {
        const IDENTITY: [&str; 6] = ["id", "names", "title", "docs", "verified", "generic"];
        let mut cells: toml::Table = text.parse().map_err(RegistryError::row)?;
        let identity: toml::Table = IDENTITY
            .into_iter()
            .filter_map(|key| cells.remove(key).map(|value| (key.to_owned(), value)))
            .collect();
        Ok(Self {
            identity: identity.try_into().map_err(RegistryError::row)?,
            cells: cells.try_into().map_err(RegistryError::row)?,
            notes: notes::read(text),
        })
    }

    /// The id and every further name.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.identity.id)
            .chain(&self.identity.names)
            .map(String::as_str)
    }

    /// The protocols the row speaks, best first.
    pub fn protocols(&self) -> Vec<Protocol> {
        self.cells
            .protocols
            .clone()
            .unwrap_or_else(|| self.cells.endpoint.enabled())
    }
}

impl Endpoints {
    /// Protocols that have a table here that is not switched off.
    pub(crate) fn enabled(&self) -> Vec<Protocol> {
        Protocol::ALL
            .into_iter()
            .filter(|p| {
                self.of(*p)
                    .is_some_and(|cells| cells.enabled != Some(false))
            })
            .collect()
    }
}

/// Accepts one name or a list, short or long.
fn protocols<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<Protocol>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(String),
        More(Vec<String>),
    }
    let names = match OneOrMore::deserialize(deserializer)? {
        OneOrMore::One(name) => vec![name],
        OneOrMore::More(names) => names,
    };
    names
        .iter()
        .map(|name| Protocol::from_str(name).map_err(serde::de::Error::custom))
        .collect::<Result<Vec<_>, _>>()
        .map(Some)
}
