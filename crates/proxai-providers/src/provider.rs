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
use crate::endpoint::{DEFAULT_PATH, EndpointError, Resource, Stem};
use crate::glob;
use crate::quirks::Quirks;
use crate::registry::UnknownProvider;
use crate::row::{
    AuthCells, EndpointCells, EnvName, HttpVersion, ModelCells, ParameterCells, ProviderOverride,
    Row,
};
use crate::secret::Secret;
use crate::url::{Url, UrlError};

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
    headers: BTreeMap<String, String>,
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
        Builder::new(name, row, cells, env)?.build()
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
        let mut quirks = self.nearest(protocol).quirks.clone();
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
        let style = key
            .and_then(|key| key.style.as_ref())
            .unwrap_or(self.auth_style(protocol));
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

    /// The static headers of an endpoint, names in lower case, among them the API version that
    /// Messages endpoints insist on. A client's own `anthropic-version` beats the one from here.
    pub fn headers(&self, protocol: Protocol) -> impl Iterator<Item = (&str, &str)> {
        self.nearest(protocol)
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
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

    fn beside(&self, own: Option<&Endpoint>, resource: Resource<'_>) -> Result<Url, EndpointError> {
        match own {
            Some(endpoint) => endpoint.url(resource, resource),
            None => {
                let endpoint = self.nearest(Protocol::Chat);
                endpoint.url(Resource::Generate(endpoint.protocol), resource)
            }
        }
    }
}

/// The two layers and what was worked out from them so far.
struct Builder<'a> {
    name: &'a str,
    row: &'a Row,
    cells: &'a ProviderOverride,
    env: &'a dyn Fn(&str) -> Option<String>,
    base: Url,
    known_path: String,
    /// The row's own bases for single endpoints are still valid: its host and path are in use,
    /// or only the host was replaced.
    row_paths_hold: bool,
}

impl<'a> Builder<'a> {
    fn new(
        name: &'a str,
        row: &'a Row,
        cells: &'a ProviderOverride,
        env: &'a dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ProviderError> {
        let row_base = row
            .cells
            .base
            .as_deref()
            .map(|base| parse(name, base, row, cells, env));
        let base = match (&cells.base, row_base.clone()) {
            (Some(base), _) => parse(name, base, row, cells, env)?,
            (None, Some(base)) => base?,
            (None, None) => {
                return Err(ProviderError::MissingBase {
                    provider: name.to_owned(),
                });
            }
        };
        let row_path = row_base
            .and_then(Result::ok)
            .map(|url| trimmed(url.path()).to_owned());
        let known_path = cells
            .bare_path
            .clone()
            .or_else(|| row.cells.bare_path.clone())
            .or_else(|| row_path.clone().filter(|path| !path.is_empty()))
            .unwrap_or_else(|| DEFAULT_PATH.to_owned());
        let path = trimmed(base.path());
        let row_paths_hold = cells.base.is_none()
            || path.is_empty()
            || row_path.is_some_and(|row_path| row_path.eq_ignore_ascii_case(path));
        Ok(Self {
            name,
            row,
            cells,
            env,
            base,
            known_path,
            row_paths_hold,
        })
    }

    fn build(self) -> Result<Provider, ProviderError> {
        let (row, cells) = (&self.row.cells, self.cells);
        let endpoints = self
            .protocols()
            .into_iter()
            .map(|p| self.endpoint(p, row.endpoint.of(p), cells.endpoint.of(p)))
            .collect::<Result<Vec<_>, _>>()?;
        if endpoints.is_empty() {
            return Err(ProviderError::NoProtocol {
                provider: self.name.to_owned(),
            });
        }
        let beside = |low: Option<&EndpointCells>, high: Option<&EndpointCells>| {
            (low.is_some() || high.is_some())
                .then(|| self.endpoint(Protocol::Chat, low, high))
                .transpose()
        };
        let embeddings = beside(
            row.endpoint.embeddings.as_ref(),
            cells.endpoint.embeddings.as_ref(),
        )?;
        let model_list = beside(row.endpoint.models.as_ref(), cells.endpoint.models.as_ref())?;
        let local = cells.local.or(row.local).unwrap_or(false);
        let mut auth_cells = row.auth.clone();
        overlay_auth(&mut auth_cells, &cells.auth);
        let env = auth_cells
            .env
            .iter()
            .flatten()
            .map(|variable| self.variable(variable));
        let auth = Auth {
            env: env.collect::<Result<_, _>>()?,
            required: auth_cells.required.unwrap_or(!local),
        };
        let mut model_aliases = row.model_aliases.clone();
        model_aliases.extend(cells.model_aliases.clone());
        Ok(Provider {
            name: self.name.to_owned(),
            row: self.row.identity.id.clone(),
            title: self.row.identity.title.clone(),
            http: cells.http.or(row.http).unwrap_or_default(),
            local,
            embedded: cells.embedded.or(row.embedded).unwrap_or(false),
            auth,
            forward_headers: cells
                .forward_headers
                .clone()
                .or_else(|| row.forward_headers.clone())
                .unwrap_or_default(),
            models: cells.models.clone().or_else(|| row.models.clone()),
            model_aliases,
            endpoints,
            embeddings,
            model_list,
            patterns: row.model.iter().chain(&cells.model).cloned().collect(),
            base: self.base,
        })
    }

    fn protocols(&self) -> Vec<Protocol> {
        if let Some(explicit) = &self.cells.protocols {
            return explicit.clone();
        }
        let changes = &self.cells.endpoint;
        let mut protocols = self.row.protocols();
        protocols.retain(|p| {
            changes
                .of(*p)
                .is_none_or(|cells| cells.enabled != Some(false))
        });
        for protocol in changes.enabled() {
            if !protocols.contains(&protocol) {
                protocols.push(protocol);
            }
        }
        // A base that is the full URL of an endpoint says what is spoken there.
        let stem = Stem::new(&self.base, &self.known_path);
        let named = Protocol::ALL
            .into_iter()
            .find(|p| stem.is_full_url_of(Resource::Generate(*p)))
            .filter(|p| self.cells.base.is_some() && !protocols.contains(p));
        named.map_or(protocols, |protocol| vec![protocol])
    }

    fn endpoint(
        &self,
        protocol: Protocol,
        low: Option<&EndpointCells>,
        high: Option<&EndpointCells>,
    ) -> Result<Endpoint, ProviderError> {
        let (row, cells) = (&self.row.cells, self.cells);
        let empty = EndpointCells::default();
        let (low, high) = (low.unwrap_or(&empty), high.unwrap_or(&empty));

        let mut auth = row.auth.clone();
        let mut quirks = row.quirks.clone();
        let full = self.base.to_string();
        let overlay_urls = |quirks: &mut Quirks, layer: &ProviderOverride| {
            for url in layer
                .url
                .iter()
                .filter(|url| glob::matches(&url.pattern, &full))
            {
                quirks.overlay(&url.quirks);
            }
        };
        overlay_urls(&mut quirks, row);
        quirks.overlay(&low.quirks);
        quirks.overlay(&cells.quirks);
        overlay_urls(&mut quirks, cells);
        quirks.overlay(&high.quirks);
        for layer in [&low.auth, &cells.auth, &high.auth] {
            overlay_auth(&mut auth, layer);
        }

        let mut headers = BTreeMap::new();
        if protocol == Protocol::Messages {
            headers.insert(
                auth::ANTHROPIC_VERSION_HEADER.to_owned(),
                auth::ANTHROPIC_VERSION.to_owned(),
            );
        }
        for layer in [&row.headers, &low.headers, &cells.headers, &high.headers] {
            self.overlay_headers(&mut headers, layer)?;
        }
        // A path of the row belongs to the row's base.
        let row_path = low.path.clone().filter(|_| self.row_paths_hold);
        Ok(Endpoint {
            protocol,
            stem: self.stem(low, high)?,
            path: high.path.clone().or(row_path),
            style: AuthStyle::from_cells(&auth).map_err(|source| self.auth_error(source))?,
            headers,
            quirks,
        })
    }

    fn stem(&self, low: &EndpointCells, high: &EndpointCells) -> Result<Stem, ProviderError> {
        let of_row = low.base.as_ref().filter(|base| {
            self.cells.base.is_none() || (base.starts_with('/') && self.row_paths_hold)
        });
        let Some(own) = high.base.as_ref().or(of_row) else {
            return Ok(Stem::new(&self.base, &self.known_path));
        };
        let url = if own.starts_with('/') {
            self.base.with_path(own.clone())
        } else {
            parse(self.name, own, self.row, self.cells, self.env)?
        };
        Ok(Stem::new(&url, DEFAULT_PATH))
    }

    fn overlay_headers(
        &self,
        headers: &mut BTreeMap<String, String>,
        layer: &BTreeMap<String, String>,
    ) -> Result<(), ProviderError> {
        for (name, value) in layer {
            let printable = value
                .bytes()
                .all(|b| b == b'\t' || (b' '..=b'~').contains(&b));
            if !auth::is_header_name(name) || !printable {
                return Err(ProviderError::Header {
                    provider: self.name.to_owned(),
                    header: name.clone(),
                });
            }
            let name = name.to_ascii_lowercase();
            if value.is_empty() {
                headers.remove(&name);
            } else {
                headers.insert(name, value.clone());
            }
        }
        Ok(())
    }

    fn variable(&self, variable: &EnvName) -> Result<EnvKey, ProviderError> {
        let style = match variable {
            EnvName::Plain(_) => None,
            EnvName::Styled { style, .. } => {
                let cells = AuthCells {
                    style: Some(*style),
                    ..AuthCells::default()
                };
                Some(AuthStyle::from_cells(&cells).map_err(|source| self.auth_error(source))?)
            }
        };
        Ok(EnvKey {
            name: variable.name().to_owned(),
            style,
        })
    }

    fn auth_error(&self, source: AuthError) -> ProviderError {
        ProviderError::Auth {
            provider: self.name.to_owned(),
            source,
        }
    }
}

/// A style is replaced with all that belongs to it: the header of one style means nothing to
/// another.
fn overlay_auth(low: &mut AuthCells, high: &AuthCells) {
    if high.style.is_some() || high.header.is_some() || high.param.is_some() {
        low.style = high.style;
        low.header.clone_from(&high.header);
        low.param.clone_from(&high.param);
        low.prefix.clone_from(&high.prefix);
    }
    if high.env.is_some() {
        low.env.clone_from(&high.env);
    }
    low.required = high.required.or(low.required);
}

fn parse(
    name: &str,
    base: &str,
    row: &Row,
    cells: &ProviderOverride,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Url, ProviderError> {
    let find = |parameter: &str| {
        cells
            .parameters
            .get(parameter)
            .or_else(|| row.cells.parameters.get(parameter))
    };
    let filled = template::fill(base, |parameter| match find(parameter)? {
        ParameterCells::Value(value) => Some(value.clone()),
        ParameterCells::Lookup(lookup) => lookup
            .env
            .iter()
            .find_map(|variable| env(variable))
            .or_else(|| lookup.default.clone()),
    })
    .map_err(|missing| ProviderError::MissingParameters {
        provider: name.to_owned(),
        parameters: missing
            .into_iter()
            .map(|parameter| {
                let variables = match find(&parameter) {
                    Some(ParameterCells::Lookup(lookup)) => lookup.env.clone(),
                    _ => Vec::new(),
                };
                (parameter, variables)
            })
            .collect(),
    })?;
    Url::parse(&filled).map_err(|source| ProviderError::Url {
        provider: name.to_owned(),
        source,
    })
}

fn trimmed(path: &str) -> &str {
    path.trim_end_matches('/')
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
