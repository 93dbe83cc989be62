//! Lays a configuration over a row.
//!
//! A base that the configuration gives replaces the row's everywhere: an endpoint's own base
//! survives only as a path below the new host, and only if the configured path gives no reason to
//! doubt it. An absolute base of the row never survives, since it names the vendor's host.

use std::collections::BTreeMap;

use proxai_types::Protocol;

use super::{Auth, Endpoint, EnvKey, Provider, ProviderError, template};
use crate::auth::{self, AuthError, AuthStyle};
use crate::endpoint::{DEFAULT_PATH, Resource, Stem};
use crate::glob;
use crate::quirks::Quirks;
use crate::row::{AuthCells, EndpointCells, EnvName, ParameterCells, ProviderOverride, Row};
use crate::secret::Secret;
use crate::url::Url;

/// The two layers and what was worked out from them so far.
pub(super) struct Builder<'a> {
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
    pub(super) fn new(
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
        // Only the path of the row matters below a replaced host, so parameters that are missing
        // from the row's host do no harm.
        let row_path = row_base
            .and_then(Result::ok)
            .map(|url| trimmed(url.path()).to_owned())
            .or_else(|| template::path(row.cells.base.as_deref()?).map(str::to_owned));
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

    pub(super) fn build(self) -> Result<Provider, ProviderError> {
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
                Secret::new(auth::ANTHROPIC_VERSION),
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
        headers: &mut BTreeMap<String, Secret>,
        layer: &BTreeMap<String, Secret>,
    ) -> Result<(), ProviderError> {
        for (name, value) in layer {
            let printable = value
                .expose()
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
