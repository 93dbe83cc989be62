//! The effective provider: a row with a configuration laid over it, ready to be asked.
//!
//! Everything that can be wrong (a missing parameter, a base that is no URL, an incomplete
//! authentication style) is found here, once, when the configuration is loaded. What is asked
//! per request is a lookup.
//!
//! Invariant: a base that the configuration gives is never mixed with a host of the row.

use std::collections::BTreeMap;

use proxai_types::Protocol;

use crate::auth::{self, Applied, AuthError, AuthStyle};
use crate::endpoint::{EndpointError, Resource, Stem};
use crate::glob;
use crate::quirks::Quirks;
use crate::registry::UnknownProvider;
use crate::row::{HttpVersion, ModelCells, ProviderOverride, Row};
use crate::secret::Secret;
use crate::url::{Url, UrlError};

mod build;
mod template;

/// A provider as requests meet it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Provider {
    /// The name it has in the configuration.
    pub name: String,
    /// The id of the row it is built on.
    pub row: String,
    /// The name for people.
    pub title: String,
    /// The base URL as configured, parameters filled in.
    pub base: Url,
    /// Which HTTP version to speak.
    pub http: HttpVersion,
    /// A server on this machine.
    pub local: bool,
    /// Answers come from inside the process.
    pub embedded: bool,
    /// The key variables and whether a key is needed.
    pub auth: Auth,
    /// Patterns of further client headers that may pass.
    pub forward_headers: Vec<String>,
    /// The only models that may be used; `None` means any.
    pub models: Option<Vec<String>>,
    /// The client's name for a model to the provider's.
    pub model_aliases: BTreeMap<String, String>,
    /// Best first, never empty.
    endpoints: Vec<Endpoint>,
    embeddings: Option<Endpoint>,
    model_list: Option<Endpoint>,
    patterns: Vec<ModelCells>,
}

/// Where the key comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Auth {
    /// Variables that may hold it, best first.
    pub env: Vec<EnvKey>,
    /// Whether a request without a key makes no sense.
    pub required: bool,
}

/// A variable that may hold a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvKey {
    /// The variable.
    pub name: String,
    /// The style of its keys, where it is not the provider's.
    pub style: Option<AuthStyle>,
}

/// A key and, if it is of another kind than the provider's usual ones, its own style.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The key.
    pub secret: Secret,
    /// Beats the endpoint's style.
    pub style: Option<AuthStyle>,
}

impl From<Secret> for Key {
    fn from(secret: Secret) -> Self {
        Self {
            secret,
            style: None,
        }
    }
}

/// Why a provider cannot be built. The first problem that was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProviderError {
    /// No row to start from.
    #[error(transparent)]
    Unknown(UnknownProvider),
    /// Nothing says where it is.
    #[error("provider `{provider}` needs `base_url`")]
    MissingBase {
        /// The provider's name.
        provider: String,
    },
    /// The base has parameters without a value.
    #[error("provider `{provider}` needs {}; set them under `parameters` or give a whole `base_url`", list(.parameters))]
    MissingParameters {
        /// The provider's name.
        provider: String,
        /// Each with the variables that would be read.
        parameters: Vec<(String, Vec<String>)>,
    },
    /// A base is not a URL.
    #[error("provider `{provider}`: {source}")]
    Url {
        /// The provider's name.
        provider: String,
        /// What is wrong with it.
        source: UrlError,
    },
    /// The authentication style is incomplete.
    #[error("provider `{provider}`: {source}")]
    Auth {
        /// The provider's name.
        provider: String,
        /// What is missing.
        source: AuthError,
    },
    /// A static header has an impossible name or value. The value is not shown.
    #[error("provider `{provider}`: header `{header}` has a name or value that HTTP cannot carry")]
    Header {
        /// The provider's name.
        provider: String,
        /// The header's name.
        header: String,
    },
    /// Every endpoint is switched off.
    #[error("provider `{provider}` speaks no protocol; set `protocols`")]
    NoProtocol {
        /// The provider's name.
        provider: String,
    },
}

/// One endpoint of a provider.
#[derive(Clone, Debug)]
struct Endpoint {
    protocol: Protocol,
    stem: Stem,
    path: Option<String>,
    style: AuthStyle,
    headers: BTreeMap<String, Secret>,
    quirks: Quirks,
}

impl Endpoint {
    fn url(&self, primary: Resource<'_>, resource: Resource<'_>) -> Result<Url, EndpointError> {
        match &self.path {
            Some(path) if resource == primary && !self.stem.is_full_url_of(resource) => {
                let stem = self.stem.as_url();
                Ok(stem.with_path(format!("{}/{}", stem.path(), path.trim_start_matches('/'))))
            }
            _ => self.stem.url_as(self.protocol, resource),
        }
    }
}

impl Provider {
    /// Lays a configuration over a row. `env` looks up a variable.
    pub fn build(
        name: &str,
        row: &Row,
        cells: &ProviderOverride,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ProviderError> {
        build::Builder::new(name, row, cells, env)?.build()
    }

    /// The protocols it speaks, best first.
    pub fn protocols(&self) -> impl Iterator<Item = Protocol> {
        self.endpoints.iter().map(|endpoint| endpoint.protocol)
    }

    /// Whether it speaks a protocol.
    pub fn speaks(&self, protocol: Protocol) -> bool {
        self.endpoint(protocol).is_some()
    }

    /// The protocol to use for a client: its own if possible, since nothing is then translated.
    pub fn protocol_for(&self, client: Protocol) -> Protocol {
        if self.speaks(client) {
            client
        } else {
            self.first().protocol
        }
    }

    /// The URL of a resource. A client's query is the caller's to append.
    pub fn url(&self, resource: Resource<'_>) -> Result<Url, EndpointError> {
        match resource {
            Resource::Generate(protocol) => self.spoken(protocol)?.url(resource, resource),
            Resource::CountTokens => {
                let messages = Resource::Generate(Protocol::Messages);
                self.spoken(Protocol::Messages)?.url(messages, resource)
            }
            Resource::Embeddings => self.beside(self.embeddings.as_ref(), resource),
            Resource::Models => self.beside(self.model_list.as_ref(), resource),
            Resource::Path(_) => {
                let endpoint = self.nearest(resource.family());
                endpoint.url(Resource::Generate(endpoint.protocol), resource)
            }
        }
    }

    /// The quirks of a request: row, endpoint, configuration and model pattern, in this order.
    pub fn quirks(&self, protocol: Protocol, model: &str) -> Quirks {
        self.quirks_at(Resource::Generate(protocol), model)
    }

    /// The quirks of a request to a resource, which may have an endpoint of its own.
    pub fn quirks_at(&self, resource: Resource<'_>, model: &str) -> Quirks {
        let mut quirks = self.serving(resource).quirks.clone();
        for cells in self
            .patterns
            .iter()
            .filter(|cells| glob::matches(&cells.pattern, model))
        {
            quirks.overlay(&cells.quirks);
        }
        quirks
    }

    /// How an endpoint takes its key.
    pub fn auth_style(&self, protocol: Protocol) -> &AuthStyle {
        &self.nearest(protocol).style
    }

    /// The header or parameter that carries a key; nothing if there is none and none is needed.
    pub fn authenticate<'a>(
        &'a self,
        protocol: Protocol,
        key: Option<&'a Key>,
    ) -> Result<Applied<'a>, AuthError> {
        self.authenticate_at(Resource::Generate(protocol), key)
    }

    /// The same for a resource, which may have an endpoint of its own.
    pub fn authenticate_at<'a>(
        &'a self,
        resource: Resource<'_>,
        key: Option<&'a Key>,
    ) -> Result<Applied<'a>, AuthError> {
        let style = key
            .and_then(|key| key.style.as_ref())
            .unwrap_or(&self.serving(resource).style);
        let secret = key
            .map(|key| &key.secret)
            .filter(|secret| !secret.is_empty());
        if secret.is_none() && self.auth.required && *style != AuthStyle::None {
            return Err(AuthError::MissingKey {
                provider: self.name.clone(),
                variables: self.auth.env.iter().map(|key| key.name.clone()).collect(),
            });
        }
        auth::apply(style, secret)
    }

    /// The key in the first variable that is set.
    pub fn key_from_env(&self, env: &dyn Fn(&str) -> Option<String>) -> Option<Key> {
        self.auth.env.iter().find_map(|variable| {
            let secret = Secret::from(env(&variable.name)?);
            (!secret.is_empty()).then(|| Key {
                secret,
                style: variable.style.clone(),
            })
        })
    }

    /// Where to try again when an endpoint turns out to be missing (P5): Responses for Chat and
    /// the reverse, spoken or not, unless the row says that this cannot help.
    pub fn fallback(&self, missing: Protocol, model: &str) -> Option<(Protocol, Url)> {
        let other = match missing {
            Protocol::Chat => Protocol::Responses,
            Protocol::Responses => Protocol::Chat,
            Protocol::Messages => return None,
        };
        if !self.quirks(missing, model).responses_fallback() {
            return None;
        }
        let resource = Resource::Generate(other);
        let url = match self.endpoint(other) {
            Some(endpoint) => endpoint.url(resource, resource),
            None => self.endpoint(missing)?.stem.url(resource),
        };
        Some((other, url.ok()?))
    }

    /// The static headers of an endpoint, names in lower case, among them the API version that
    /// Messages endpoints insist on. A client's own `anthropic-version` beats the one from here.
    pub fn headers(&self, protocol: Protocol) -> impl Iterator<Item = (&str, &str)> {
        self.headers_at(Resource::Generate(protocol))
    }

    /// The same for a resource, which may have an endpoint of its own.
    pub fn headers_at(&self, resource: Resource<'_>) -> impl Iterator<Item = (&str, &str)> {
        self.serving(resource)
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose()))
    }

    /// The provider's id for a model that a client asks for.
    pub fn upstream_model<'a>(&'a self, model: &'a str) -> &'a str {
        self.model_aliases.get(model).map_or(model, String::as_str)
    }

    /// Whether a model, in the provider's spelling, may be used (P14). Entries may end in `*`.
    pub fn allows_model(&self, model: &str) -> bool {
        self.models
            .as_ref()
            .is_none_or(|models| models.iter().any(|pattern| glob::matches(pattern, model)))
    }

    fn endpoint(&self, protocol: Protocol) -> Option<&Endpoint> {
        self.endpoints
            .iter()
            .find(|endpoint| endpoint.protocol == protocol)
    }

    fn spoken(&self, protocol: Protocol) -> Result<&Endpoint, EndpointError> {
        self.endpoint(protocol)
            .ok_or_else(|| EndpointError::NotSpoken {
                provider: self.name.clone(),
                protocol,
            })
    }

    fn first(&self) -> &Endpoint {
        self.endpoints
            .first()
            .expect("a provider without endpoints is not built")
    }

    /// The endpoint of a protocol, else Chat's, else the best one.
    fn nearest(&self, protocol: Protocol) -> &Endpoint {
        self.endpoint(protocol)
            .or_else(|| self.endpoint(Protocol::Chat))
            .unwrap_or_else(|| self.first())
    }

    /// The endpoint whose cells hold for a resource.
    fn serving(&self, resource: Resource<'_>) -> &Endpoint {
        let own = match resource {
            Resource::Embeddings => self.embeddings.as_ref(),
            Resource::Models => self.model_list.as_ref(),
            _ => None,
        };
        own.unwrap_or_else(|| self.nearest(resource.family()))
    }

    fn beside(&self, own: Option<&Endpoint>, resource: Resource<'_>) -> Result<Url, EndpointError> {
        if let Some(endpoint) = own {
            return endpoint.url(resource, resource);
        }
        let endpoint = self.nearest(Protocol::Chat);
        endpoint.url(Resource::Generate(endpoint.protocol), resource)
    }
}

fn list(parameters: &[(String, Vec<String>)]) -> String {
    let each: Vec<String> = parameters
        .iter()
        .map(|(name, variables)| match variables.as_slice() {
            [] => format!("`{name}`"),
            variables => format!("`{name}` (or {})", variables.join(" or ")),
        })
        .collect();
    each.join(" and ")
}
