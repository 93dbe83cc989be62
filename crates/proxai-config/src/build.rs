//! From [`Options`] to [`Settings`]: what the values mean together.
//!
//! Everything is checked and everything wrong is reported; a part that is wrong is left out, and
//! what depends on it is not reported again.

mod fetch;
mod key;
mod provider;
mod route;
mod zero;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use proxai_providers::{Registry, normalize_name};
use proxai_router::{DefaultSpec, ProviderFacts, RouteError, RouteField, Table, TableSpec};
use proxai_types::Protocol;

use crate::layers::{Layers, find};
use crate::options::{Options, ProviderOptions};
use crate::place::KeyPath;
use crate::problem::Problem;
use crate::settings::{Capture, Logging, ProviderSettings, Server, Settings};
use crate::sources::Sources;

/// A timeout may not be longer: a larger number was meant as milliseconds.
const MAX_SECONDS: u64 = 24 * 60 * 60;

/// What the checks share.
pub(crate) struct Build<'a> {
    pub(crate) layers: &'a Layers,
    pub(crate) sources: &'a dyn Sources,
    pub(crate) registry: &'a Registry,
    pub(crate) options: &'a Options,
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
    /// Files that were read besides the configuration itself.
    pub(crate) files: Vec<PathBuf>,
    providers: Vec<ProviderSettings>,
    facts: Vec<ProviderFacts>,
    /// Names of providers that were found wrong: what leads to them needs no further report.
    broken: Vec<String>,
}

impl<'a> Build<'a> {
    pub(crate) fn new(
        layers: &'a Layers,
        sources: &'a dyn Sources,
        registry: &'a Registry,
        options: &'a Options,
    ) -> Self {
        Self {
            layers,
            sources,
            registry,
            options,
            problems: Vec::new(),
            warnings: Vec::new(),
            files: Vec::new(),
            providers: Vec::new(),
            facts: Vec::new(),
            broken: Vec::new(),
        }
    }

    /// Builds the settings. They are whole only if `problems` stays empty.
    pub(crate) fn settings(&mut self, answering: &[&str]) -> Settings {
        let options = self.options;
        let zero_config = options.providers.is_empty()
            && options.model_routes.is_empty()
            && options.routing.routes.is_empty()
            && options.default.provider.is_none()
            && options.default.model.is_none()
            && self.protocol_defaults().is_empty();
        let server = self.server();
        let admin = SocketAddr::new(options.mcp.host, options.mcp.port);
        self.reachable(&["mcp", "host"], options.mcp.host);
        let table = if zero_config {
            self.zero_table(answering)
        } else {
            self.table()
        };
        Settings {
            server,
            admin,
            providers: std::mem::take(&mut self.providers),
            table,
            tool_call_timeout: self.seconds(
                &["tool_calls", "timeout_secs"],
                options.tool_calls.timeout_secs,
            ),
            logging: Logging {
                level: options.logging.level.0,
                format: options.logging.output_format.0,
                use_color: options.logging.use_color,
                slow: Duration::from_millis(options.logging.duration_thresholds.warn_ms),
                too_slow: Duration::from_millis(options.logging.duration_thresholds.error_ms),
            },
            error_format: options.error_responses.format.0,
            answer_model: options.routing.answer_model.0,
            fetch: self.fetch(),
            capture: Capture {
                inbound_request: options.capture.inbound_request_enabled,
                provider_request: options.capture.provider_request_enabled,
                upstream_response: options.capture.upstream_response_enabled,
                outbound_response: options.capture.outbound_response_enabled,
                dir: options.capture.dir.as_ref().map(PathBuf::from),
            },
            zero_config,
            unimplemented: crate::later::unimplemented(&self.layers.tree),
        }
    }

    fn server(&mut self) -> Server {
        let server = &self.options.server;
        self.reachable(&["server", "host"], server.host);
        Server {
            host: server.host,
            port: server.port,
            max_request_body_bytes: self.count(
                &["server", "max_request_body_bytes"],
                server.max_request_body_bytes,
            ),
            max_concurrent_requests: self.count(
                &["server", "max_concurrent_requests"],
                server.max_concurrent_requests,
            ),
            keepalive: self.seconds(&["server", "keepalive_secs"], server.keepalive_secs),
            shutdown_deadline: Duration::from_secs(server.shutdown_deadline_secs.min(MAX_SECONDS)),
            allow_open: server.allow_open,
        }
    }

    /// Without a key anybody who reaches the listener spends the keys behind it (A1).
    fn reachable(&mut self, key: &[&str], host: IpAddr) {
        if host.is_loopback() || self.options.server.allow_open {
            return;
        }
        self.problem(
            key,
            format!("{host} can be reached by others and no key is configured"),
            Some("listen on 127.0.0.1, or set server.allow_open = true"),
        );
    }

    fn count(&mut self, key: &[&str], value: u64) -> usize {
        if value == 0 {
            self.problem(key, "must be greater than 0".to_owned(), None);
        }
        usize::try_from(value).unwrap_or(usize::MAX)
    }

    fn seconds(&mut self, key: &[&str], value: u64) -> Duration {
        let key: KeyPath = key.iter().map(|part| (*part).to_owned()).collect();
        self.seconds_at(&key, value)
    }

    fn seconds_at(&mut self, key: &[String], value: u64) -> Duration {
        let wrong = match value {
            0 => Some("must be greater than 0".to_owned()),
            value if value > MAX_SECONDS => Some(format!(
                "{value} seconds are more than a day; the unit is seconds"
            )),
            _ => None,
        };
        if let Some(message) = wrong {
            let problem = self.layers.problem(key, message);
            self.report(problem);
        }
        Duration::from_secs(value.clamp(1, MAX_SECONDS))
    }

    fn table(&mut self) -> Table {
        let options = self.options;
        let mut names: Vec<&String> = options.providers.keys().collect();
        names.sort_by_key(|name| (self.offset(&path(&["providers", name])), *name));
        for name in names {
            let key = path(&["providers", name]);
            if let Some(first) = self.configured(name) {
                self.problem(
                    &["providers", name],
                    format!("the same name as `{first}`, letter case and `-_.` aside"),
                    Some("rename one"),
                );
                continue;
            }
            if let Some(section) = options.providers.get(name) {
                self.add_provider(name, section, &key, false);
            }
        }

        let routes = self.routes();
        let protocol_defaults = self.protocol_defaults();
        for (protocol, name) in &protocol_defaults {
            let names = path(&["routing", "default_provider_names"]);
            self.ensure(name, &provider::below(&names, protocol.config_name()));
        }
        let default = self.default_spec();
        let spec = TableSpec {
            providers: self.facts.clone(),
            routes: routes.iter().map(|route| route.spec.clone()).collect(),
            protocol_defaults,
            default,
        };
        match Table::build(spec) {
            Ok(table) => {
                for lint in table.lints() {
                    let at = routes.get(lint.route).map(|route| route.key.clone());
                    let warning = self
                        .layers
                        .problem(&at.unwrap_or_default(), lint.to_string());
                    self.warnings.push(warning);
                }
                table
            }
            Err(errors) => {
                for error in errors {
                    self.route_error(&routes, error);
                }
                Table::default()
            }
        }
    }

    fn route_error(&mut self, routes: &[route::Placed], error: RouteError) {
        // A provider that is wrong itself has been reported where it is configured.
        if self
            .broken
            .iter()
            .any(|name| error.message.starts_with(&format!("no provider `{name}` ")))
        {
            return;
        }
        let nowhere = error.field == RouteField::Provider && error.target.is_none();
        let unread = |route: &route::Placed| {
            ["targets", "instances"].iter().any(|list| {
                let key = provider::below(&route.key, list);
                route.spec.targets.is_empty() && find(&self.layers.tree, &key).is_some()
            })
        };
        let route = error.route.and_then(|index| routes.get(index));
        if nowhere && route.is_some_and(unread) && !self.problems.is_empty() {
            return;
        }
        let mut key = match error.route.and_then(|index| routes.get(index)) {
            Some(route) => route.key.clone(),
            None => KeyPath::new(),
        };
        if let Some(target) = error.target {
            let list = self.existing(&key, &["targets", "instances"]);
            key.extend([list.to_owned(), target.to_string()]);
        }
        let names: &[&str] = match error.field {
            RouteField::Name => &["name"],
            RouteField::ModelPattern => &["model_pattern", "pattern"],
            RouteField::Path => &["path"],
            RouteField::Provider => &["provider"],
            RouteField::UpstreamModel => &["upstream_model", "model"],
            RouteField::ProtocolDefault(protocol) => {
                key = path(&["routing", "default_provider_names"]);
                &[protocol.config_name()]
            }
            RouteField::Default => {
                key = path(&["default"]);
                &["provider"]
            }
            _ => &["targets"],
        };
        key.push(self.existing(&key, names).to_owned());
        let problem = self.layers.problem(&key, error.message);
        self.report(problem);
    }

    /// The name under which a key with several names was written.
    fn existing<'n>(&self, table: &[String], names: &[&'n str]) -> &'n str {
        let written = names.iter().find(|name| {
            let key: KeyPath = table.iter().cloned().chain([(**name).to_owned()]).collect();
            find(&self.layers.tree, &key).is_some()
        });
        written.or(names.first()).copied().unwrap_or_default()
    }

    fn protocol_defaults(&self) -> std::collections::BTreeMap<Protocol, String> {
        let names = &self.options.routing.default_provider_names;
        [
            (Protocol::Chat, &names.openai_chat_completions),
            (Protocol::Responses, &names.openai_responses),
            (Protocol::Messages, &names.anthropic_messages),
        ]
        .into_iter()
        .filter_map(|(protocol, name)| Some((protocol, name.clone()?)))
        .collect()
    }

    fn default_spec(&mut self) -> Option<DefaultSpec> {
        let default = &self.options.default;
        let spec = match (&default.provider, &default.model) {
            (Some(provider), model) => DefaultSpec {
                provider: provider.clone(),
                model: model.clone(),
            },
            (None, None) => return None,
            (None, Some(model)) => {
                let split = model
                    .split_once('/')
                    .filter(|(name, _)| self.is_known(name));
                let unread = find(&self.layers.tree, &path(&["default", "provider"]));
                if split.is_none() && unread.is_some() {
                    return None;
                }
                let Some((provider, model)) = split else {
                    self.problem(
                        &["default", "model"],
                        format!("nothing says which provider has `{model}`"),
                        Some("set default.provider, or write `provider/model`"),
                    );
                    return None;
                };
                DefaultSpec {
                    provider: provider.to_owned(),
                    model: Some(model.to_owned()),
                }
            }
        };
        let from = default.provider.as_ref().map_or("model", |_| "provider");
        self.ensure(&spec.provider, &path(&["default", from]));
        Some(spec)
    }

    /// The configured provider of a name, or of another name of its row.
    fn configured(&self, name: &str) -> Option<&str> {
        let wanted = normalize_name(name);
        let is = |known: &String| normalize_name(known) == wanted;
        let named = self.facts.iter().filter(|facts| !facts.anonymous);
        named
            .clone()
            .find(|facts| is(&facts.name))
            .map(|facts| facts.name.as_str())
    }

    fn is_known(&self, name: &str) -> bool {
        self.configured(name).is_some()
            || self.facts.iter().any(|facts| {
                let mut aliases = facts.aliases.iter();
                aliases.any(|alias| normalize_name(alias) == normalize_name(name))
            })
            || self.registry.resolve(name).is_ok()
    }

    /// Adds a built-in provider that is used without a table of its own: `[default]` with nothing
    /// but a name is a whole configuration. `key` is where it is used.
    fn ensure(&mut self, name: &str, key: &[String]) {
        let wanted = normalize_name(name);
        let aliased = self.facts.iter().any(|facts| {
            let mut aliases = facts.aliases.iter();
            !facts.anonymous && aliases.any(|alias| normalize_name(alias) == wanted)
        });
        let broken = self
            .broken
            .iter()
            .any(|known| normalize_name(known) == wanted);
        if aliased
            || broken
            || self.configured(name).is_some()
            || self.registry.resolve(name).is_err()
        {
            return;
        }
        self.add_provider(name, &ProviderOptions::default(), key, false);
    }

    fn offset(&self, key: &[String]) -> usize {
        let file = self.layers.file.as_ref();
        file.and_then(|file| file.places.offset(key))
            .unwrap_or(usize::MAX)
    }

    /// Adds a problem, unless its key has one: what could not be read is not also missing.
    fn report(&mut self, problem: Problem) {
        if !self.problems.iter().any(|known| known.key == problem.key) {
            self.problems.push(problem);
        }
    }

    fn problem(&mut self, key: &[&str], message: String, hint: Option<&str>) {
        let mut problem = self.layers.problem(&path(key), message);
        problem.hint = hint.map(str::to_owned);
        self.report(problem);
    }
}

/// A key from its parts.
pub(crate) fn path(parts: &[&str]) -> KeyPath {
    parts.iter().map(|part| (*part).to_owned()).collect()
}
