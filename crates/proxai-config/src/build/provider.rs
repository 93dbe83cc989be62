//! `[providers.<name>]` to a provider with its keys.

use std::collections::BTreeMap;
use std::time::Duration;

use proxai_providers::{
    AuthCells, AuthStyle, EndpointCells, ProviderError, ProviderOverride, Quirks, Secret, StyleName,
};
use proxai_router::ProviderFacts;

use super::Build;
use crate::options::{AuthOptions, ModelCellsOr, ProviderOptions, SecretOptions};
use crate::place::KeyPath;
use crate::problem::Problem;
use crate::settings::{InFlight, ProviderSettings};
use crate::word::Compatibility;

/// How long an upstream may be silent if nothing else is said.
const READ_IDLE_TIMEOUT: Duration = Duration::from_mins(2);

/// How long a request may wait for another to the same provider if nothing else is said.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(10);

impl Build<'_> {
    /// Builds a provider and adds it, or reports what is wrong with the table at `key`.
    pub(super) fn add_provider(
        &mut self,
        name: &str,
        options: &ProviderOptions,
        key: &[String],
        anonymous: bool,
    ) {
        let before = self.problems.len();
        let cells = self.cells(options, key);
        let kind = options.kind.as_deref();
        let sources = self.sources;
        let built = self
            .registry
            .build(name, kind, &cells, &|variable| sources.var(variable));
        let provider = match built {
            Ok(provider) => provider,
            Err(error) => {
                self.broken.push(name.to_owned());
                self.provider_error(options, key, &error);
                return;
            }
        };
        let registry = self.registry;
        let row = registry.resolve(&provider.row).ok();
        let own = own_keys(options, key);
        let keys = self.keys(&provider, row, &own, options.base_url.is_some());
        let wants_key = provider.protocols().any(|protocol| {
            *provider.auth_style(protocol) != AuthStyle::None && provider.auth.required
        });
        if keys.is_empty() && wants_key && self.problems.len() == before {
            let variables: Vec<&str> = provider.auth.env.iter().map(|e| e.name.as_str()).collect();
            let mut warning = self
                .layers
                .problem(key, format!("provider `{name}` has no key"));
            warning.hint = Some(match variables.as_slice() {
                _ if options.base_url.is_some() => {
                    "set `api_key`, or `auth_style = \"none\"` if it needs none".to_owned()
                }
                [] => "set `api_key`".to_owned(),
                variables => format!("set `api_key` or {}", variables.join(" or ")),
            });
            self.warnings.push(warning);
        }
        let read_idle_timeout = match options.read_idle_timeout_secs {
            Some(seconds) => self.seconds_at(&below(key, "read_idle_timeout_secs"), seconds),
            None => READ_IDLE_TIMEOUT,
        };
        let in_flight = self.in_flight(options, key);
        let default_model = match &options.model {
            Some(ModelCellsOr::Default(model)) => Some(model.clone()),
            _ => None,
        };
        let answers_to_name = registry
            .resolve(name)
            .ok()
            .filter(|by_name| by_name.identity.id == provider.row && !by_name.identity.generic);
        self.facts.push(ProviderFacts {
            aliases: answers_to_name
                .map(|row| row.names().map(str::to_owned).collect())
                .unwrap_or_default(),
            default_model: default_model.clone(),
            anonymous,
            cache: options.cache.map(|word| word.0),
            ..ProviderFacts::from(&provider)
        });
        self.providers.push(ProviderSettings {
            provider,
            keys,
            default_model,
            read_idle_timeout,
            in_flight,
            anonymous,
        });
    }

    fn in_flight(&mut self, options: &ProviderOptions, key: &[String]) -> InFlight {
        if options.max_in_flight == Some(0) {
            let problem = self.layers.problem(
                &below(key, "max_in_flight"),
                "must be greater than 0".to_owned(),
            );
            self.report(problem);
        }
        if options.max_in_flight.is_none() {
            for (name, set) in [
                ("max_queue", options.max_queue.is_some()),
                ("queue_timeout_secs", options.queue_timeout_secs.is_some()),
            ] {
                if set {
                    let message = "nothing waits without `max_in_flight`; set that too".to_owned();
                    let problem = self.layers.problem(&below(key, name), message);
                    self.report(problem);
                }
            }
        }
        let count = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
        InFlight {
            max: options.max_in_flight.map(count),
            queue: options.max_queue.map_or(0, count),
            queue_timeout: match options.queue_timeout_secs {
                Some(seconds) => self.seconds_at(&below(key, "queue_timeout_secs"), seconds),
                None => QUEUE_TIMEOUT,
            },
        }
    }

    fn cells(&mut self, options: &ProviderOptions, key: &[String]) -> ProviderOverride {
        let mut endpoint = options.endpoint.clone();
        if let Some(compatibility) = options.compatibility {
            let messages = endpoint.messages.get_or_insert_with(EndpointCells::default);
            let mut quirks = Quirks::default();
            quirks.repair_responses = Some(compatibility.0 == Compatibility::AnthropicCompatible);
            // What the table says about the quirk itself is more exact.
            quirks.overlay(&messages.quirks);
            messages.quirks = quirks;
        }
        ProviderOverride {
            base: options.base_url.clone(),
            bare_path: options.bare_path.clone(),
            parameters: options.parameters.clone(),
            protocols: options
                .protocols
                .as_ref()
                .map(|list| list.0.iter().map(|word| word.0).collect()),
            endpoint,
            auth: self.auth_cells(options, key),
            headers: self.headers(options, key),
            forward_headers: options.forward_headers.clone(),
            http: options.http,
            local: options.local,
            embedded: options.embedded,
            quirks: options.quirks.clone(),
            url: options.url.clone(),
            model: match &options.model {
                Some(ModelCellsOr::Cells(cells)) => cells.clone(),
                _ => Vec::new(),
            },
            models: options.models.clone(),
            model_aliases: options.model_aliases.clone(),
        }
    }

    fn headers(&mut self, options: &ProviderOptions, key: &[String]) -> BTreeMap<String, Secret> {
        let at = below(key, "headers");
        let mut headers = BTreeMap::new();
        for (name, value) in &options.headers {
            if let Some(value) = self.secret(value, &below(&at, name)) {
                headers.insert(name.clone(), value);
            }
        }
        headers
    }

    fn auth_cells(&mut self, options: &ProviderOptions, key: &[String]) -> AuthCells {
        let (mut cells, style) = match (&options.auth, &options.auth_style) {
            (Some(AuthOptions::Cells(cells)), None) => (AuthCells::clone(cells), None),
            (Some(AuthOptions::Style(style)), None) => {
                (AuthCells::default(), Some(("auth", style)))
            }
            (None, Some(style)) => (AuthCells::default(), Some(("auth_style", style))),
            (None, None) => (AuthCells::default(), None),
            (Some(_), Some(_)) => {
                let problem = self.layers.problem(
                    &below(key, "auth_style"),
                    "the style is there twice, in `auth` and in `auth_style`; keep one".to_owned(),
                );
                self.report(problem);
                return AuthCells::default();
            }
        };
        if let Some((name, text)) = style {
            match parse_style(text) {
                Ok(styled) => cells = styled,
                Err(message) => {
                    let problem = self.layers.problem(&below(key, name), message);
                    self.report(problem);
                }
            }
        }
        if let Some(header) = &options.auth_header {
            cells.style = cells.style.or(Some(StyleName::Custom));
            cells.header = Some(header.clone());
        }
        if let Some(param) = &options.auth_param {
            cells.style = cells.style.or(Some(StyleName::Query));
            cells.param = Some(param.clone());
        }
        cells
    }

    fn provider_error(&mut self, options: &ProviderOptions, key: &[String], error: &ProviderError) {
        let base = ["base_url", "api_url", "base"];
        let auth = ["auth_style", "auth"];
        let mut key: KeyPath = key.to_vec();
        let mut hint = None;
        let mut push = |names: &[&str]| {
            let name = self.existing(&key, names).to_owned();
            key.push(name);
        };
        match error {
            ProviderError::Unknown(_) if options.kind.is_some() => push(&["type", "provider"]),
            ProviderError::Unknown(_) => {
                hint = Some("give it a `base_url` if it is a server of your own");
            }
            ProviderError::Url { .. } => push(&base),
            ProviderError::Auth { .. } => push(&auth),
            ProviderError::Header { .. } => push(&["headers"]),
            ProviderError::NoProtocol { .. } => push(&["protocols", "protocol"]),
            _ => {}
        }
        let inside = format!("{}.", key.join("."));
        // Not knowing the name has nothing to do with most keys of the table.
        let unknown = matches!(error, ProviderError::Unknown(_));
        let related = |inner: &str| !unknown || base.contains(&inner) || inner == "type";
        let covered = |problem: &Problem| problem.key.strip_prefix(&inside).is_some_and(related);
        // A variable that is not set has been reported; that it gives no URL is no news.
        if self.problems.iter().any(covered) {
            return;
        }
        let mut problem = self.layers.problem(&key, error.to_string());
        problem.hint = hint.map(str::to_owned);
        self.report(problem);
    }
}

fn own_keys<'o>(options: &'o ProviderOptions, key: &[String]) -> Vec<(&'o SecretOptions, KeyPath)> {
    let one = options
        .api_key
        .iter()
        .map(|secret| (secret, below(key, "api_key")));
    let more = options.api_keys.iter().enumerate().map(|(index, secret)| {
        let list = below(key, "api_keys");
        (secret, below(&list, &index.to_string()))
    });
    one.chain(more).collect()
}

/// `bearer`, `X-API-Key`, `custom:Name`, `query:name`.
fn parse_style(text: &str) -> Result<AuthCells, String> {
    const KNOWN: &str =
        "use bearer, x-api-key, api-key, none, custom:<header> or query:<parameter>";
    let (word, name) = match text.split_once(':') {
        Some((word, name)) => (word, Some(name.trim().to_owned())),
        None => (text, None),
    };
    let style = match word.trim().to_ascii_lowercase().replace('_', "-").as_str() {
        "bearer" => StyleName::Bearer,
        "x-api-key" => StyleName::XApiKey,
        "api-key" => StyleName::ApiKey,
        "none" => StyleName::None,
        "custom" | "header" | "custom-header" => StyleName::Custom,
        "query" => StyleName::Query,
        // Not shown: it may be a key that ended up here.
        _ => return Err(format!("unknown auth style; {KNOWN}")),
    };
    let takes_name = matches!(style, StyleName::Custom | StyleName::Query);
    if name.is_some() && !takes_name {
        return Err(format!("auth style `{word}` takes no name; {KNOWN}"));
    }
    let mut cells = AuthCells {
        style: Some(style),
        ..AuthCells::default()
    };
    if style == StyleName::Query {
        cells.param = name;
    } else {
        cells.header = name;
    }
    Ok(cells)
}

/// A key below another.
pub(super) fn below(key: &[String], name: &str) -> KeyPath {
    key.iter().cloned().chain([name.to_owned()]).collect()
}
