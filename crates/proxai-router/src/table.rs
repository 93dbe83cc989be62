//! The routing table: specifications checked once, so that resolving cannot fail on them.
//!
//! Building reports every problem, each with the route and the field it is in; the configuration
//! turns those into file and line. Provider names are compared as the registry compares them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use proxai_providers::{glob, normalize_name};
use proxai_types::Protocol;

use crate::pattern::{MatchKind, Pattern};
use crate::plan::ProviderId;
use crate::spec::{
    CachePolicy, FallbackPolicy, LossPolicy, Options, ProviderFacts, RouteSpec, TableSpec,
    TargetSpec,
};
use crate::template::Template;

/// Paths that a route may not claim: they have a meaning already.
const RESERVED_PATHS: [&str; 10] = [
    "/",
    "/v1",
    "/chat/completions",
    "/responses",
    "/messages",
    "/embeddings",
    "/models",
    "/healthz",
    "/readyz",
    "/metrics",
];

/// Where every request goes.
#[derive(Clone, Debug, Default)]
pub struct Table {
    pub(crate) providers: Vec<ProviderFacts>,
    /// Normalized names and aliases.
    pub(crate) names: HashMap<String, ProviderId>,
    pub(crate) routes: Vec<Route>,
    pub(crate) protocol_defaults: BTreeMap<Protocol, ProviderId>,
    pub(crate) default: Option<(ProviderId, Option<String>)>,
}

#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) name: Arc<str>,
    pub(crate) guard: Option<Protocol>,
    pub(crate) pattern: Pattern,
    pub(crate) path: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) targets: Vec<Target>,
    pub(crate) strip_prefix: bool,
    pub(crate) fallback: FallbackPolicy,
    pub(crate) loss: LossPolicy,
    pub(crate) cache: Option<CachePolicy>,
}

#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) name: Arc<str>,
    pub(crate) provider: ProviderId,
    pub(crate) model: Option<Template>,
    pub(crate) weight: u32,
    pub(crate) priority: i64,
    pub(crate) options: Options,
    pub(crate) cache: Option<CachePolicy>,
}

/// The field of a route that a problem is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RouteField {
    /// `name`.
    Name,
    /// `model_pattern`.
    ModelPattern,
    /// `path`.
    Path,
    /// `provider` of the route or of a target.
    Provider,
    /// `upstream_model` of the route or `model` of a target.
    UpstreamModel,
    /// `targets`.
    Targets,
    /// `[routing.default_provider_names]`, for this protocol.
    ProtocolDefault(Protocol),
    /// `[default] provider`.
    Default,
}

/// Something wrong with the specification of a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct RouteError {
    /// The route, in file order; `None` for the defaults.
    pub route: Option<usize>,
    /// The target within the route, if it is in one.
    pub target: Option<usize>,
    /// The field.
    pub field: RouteField,
    /// What is wrong and what to do.
    pub message: String,
}

/// A route as `proxai check` prints it.
#[derive(Clone, Debug)]
pub struct RouteView<'t> {
    /// Its name, or its pattern if it has none.
    pub name: &'t str,
    /// The protocol guard.
    pub request_protocol: Option<Protocol>,
    /// How the pattern is read; never `auto`.
    pub match_kind: MatchKind,
    /// The pattern.
    pub model_pattern: &'t str,
    /// The extra endpoint.
    pub path: Option<&'t str>,
    /// Names of the targets with their providers, in the order of their tiers.
    pub targets: Vec<(&'t str, ProviderId)>,
}

/// A model that a caller may ask for (E3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListedModel {
    /// What the caller writes.
    pub id: String,
    /// The provider that takes it first.
    pub provider: ProviderId,
}

impl Table {
    /// Checks a specification and builds the table, or returns everything that is wrong with it.
    pub fn build(spec: TableSpec) -> Result<Self, Vec<RouteError>> {
        let mut table = Self {
            names: names(&spec.providers),
            providers: spec.providers,
            ..Self::default()
        };
        let mut errors = Vec::new();
        let mut seen = BTreeMap::new();
        for (index, route) in spec.routes.into_iter().enumerate() {
            if let Some(name) = route.name.as_deref().map(str::trim)
                && let Some(first) = seen.insert(name.to_owned(), index)
            {
                errors.push(RouteError {
                    route: Some(index),
                    target: None,
                    field: RouteField::Name,
                    message: format!(
                        "route name `{name}` is taken by route {}; names must differ",
                        first + 1
                    ),
                });
            }
            let route = table.route(index, route, &mut errors);
            table.routes.extend(route);
        }
        let missing = |field, message| RouteError {
            route: None,
            target: None,
            field,
            message,
        };
        for (protocol, name) in spec.protocol_defaults {
            match table.provider(&name) {
                Ok(id) => {
                    table.protocol_defaults.insert(protocol, id);
                }
                Err(message) => {
                    errors.push(missing(RouteField::ProtocolDefault(protocol), message));
                }
            }
        }
        if let Some(default) = spec.default {
            match table.provider(&default.provider) {
                Ok(id) => table.default = Some((id, default.model)),
                Err(message) => errors.push(missing(RouteField::Default, message)),
            }
        }
        if errors.is_empty() {
            Ok(table)
        } else {
            Err(errors)
        }
    }

    /// The facts of a provider.
    pub fn facts(&self, id: ProviderId) -> Option<&ProviderFacts> {
        self.providers.get(id.index())
    }

    /// A configured provider by name, as a `provider/model` prefix would find it.
    pub fn find_provider(&self, name: &str) -> Option<ProviderId> {
        self.names.get(&normalize_name(name)).copied()
    }

    /// The routes in the order in which they are tried.
    pub fn routes(&self) -> impl Iterator<Item = RouteView<'_>> {
        self.routes.iter().map(|route| {
            let mut targets: Vec<&Target> = route.targets.iter().collect();
            targets.sort_by_key(|target| (target.weight == 0, target.priority));
            RouteView {
                name: &route.name,
                request_protocol: route.guard,
                match_kind: route.pattern.kind(),
                model_pattern: route.pattern.as_str(),
                path: route.path.as_deref(),
                targets: targets
                    .into_iter()
                    .map(|target| (&*target.name, target.provider))
                    .collect(),
            }
        })
    }

    /// The default provider of a protocol.
    pub fn protocol_default(&self, protocol: Protocol) -> Option<ProviderId> {
        self.protocol_defaults.get(&protocol).copied()
    }

    /// The provider of `[default]` and its model.
    pub fn default_provider(&self) -> Option<(ProviderId, Option<&str>)> {
        self.default
            .as_ref()
            .map(|(id, model)| (*id, model.as_deref()))
    }

    /// Every model that is known by name: exact routes, aliases, declared models. Those of one
    /// name are listed once, for the first that takes it; patterns are not listed.
    pub fn models(&self) -> Vec<ListedModel> {
        let mut seen = BTreeSet::new();
        let routed = self
            .routes
            .iter()
            .filter(|route| route.pattern.kind() == MatchKind::Exact && route.path.is_none())
            .filter_map(|route| {
                let target = route.targets.first()?;
                Some((route.pattern.as_str(), target.provider))
            });
        let declared = self
            .providers
            .iter()
            .enumerate()
            .flat_map(|(index, facts)| {
                let plain = facts.models.iter().flatten();
                facts
                    .model_aliases
                    .keys()
                    .chain(plain.filter(|model| !model.contains('*')))
                    .map(move |model| (model.as_str(), ProviderId(index)))
            });
        routed
            .chain(declared)
            .filter(|(id, _)| !id.is_empty() && seen.insert(id.to_ascii_lowercase()))
            .map(|(id, provider)| ListedModel {
                id: id.to_owned(),
                provider,
            })
            .collect()
    }

    fn provider(&self, name: &str) -> Result<ProviderId, String> {
        let wanted = normalize_name(name);
        let by_name = self
            .providers
            .iter()
            .position(|facts| normalize_name(&facts.name) == wanted)
            .map(ProviderId);
        by_name
            .or_else(|| self.names.get(&wanted).copied())
            .ok_or_else(|| {
                let known = self.providers.iter().filter(|facts| !facts.anonymous);
                let closest = known
                    .map(|facts| {
                        let score = strsim::jaro_winkler(&wanted, &normalize_name(&facts.name));
                        (score, facts.name.as_str())
                    })
                    .max_by(|a, b| a.0.total_cmp(&b.0))
                    .filter(|(score, _)| *score >= SIMILAR);
                match closest {
                    Some((_, closest)) => {
                        format!("no provider `{name}` is configured; did you mean `{closest}`?")
                    }
                    None => format!("no provider `{name}` is configured; add [providers.{name}]"),
                }
            })
    }

    fn route(&self, index: usize, spec: RouteSpec, errors: &mut Vec<RouteError>) -> Option<Route> {
        let before = errors.len();
        let mut report = |target, field, message| {
            errors.push(RouteError {
                route: Some(index),
                target,
                field,
                message,
            });
        };
        let name = spec.name.as_deref().map(str::trim);
        if name == Some("") {
            let message = "`name` is empty; give one or leave it out".to_owned();
            report(None, RouteField::Name, message);
        }
        if let Some(message) = spec.path.as_deref().and_then(path_problem) {
            report(None, RouteField::Path, message);
        }
        if spec.targets.is_empty() {
            let message = "the route sends nowhere; set `provider` or `targets`".to_owned();
            report(None, RouteField::Provider, message);
        }
        let no_pattern = spec.model_pattern.is_empty() && spec.match_kind != MatchKind::Prefix;
        if no_pattern && spec.path.is_none() {
            let message = "`model_pattern` is empty and matches nothing; use \"*\" for any model";
            report(None, RouteField::ModelPattern, message.to_owned());
        }
        // An extra endpoint needs no pattern: whoever asks there means this route.
        let (kind, text) = if no_pattern {
            (MatchKind::Glob, "*")
        } else {
            (spec.match_kind, spec.model_pattern.as_str())
        };
        let pattern = Pattern::new(kind, text)
            .map_err(|error| report(None, RouteField::ModelPattern, error.to_string()))
            .ok();
        let many = spec.targets.len() > 1;
        let targets = spec
            .targets
            .into_iter()
            .enumerate()
            .filter_map(|(at, target)| {
                let at = many.then_some(at);
                let mut report = |field, message| report(at, field, message);
                self.target(target, pattern.as_ref(), &mut report)
            });
        let targets: Vec<Target> = targets.collect();
        let pattern = pattern?;
        (errors.len() == before).then(|| Route {
            name: name.unwrap_or(pattern.as_str()).into(),
            guard: spec.request_protocol,
            pattern,
            path: spec.path.map(|path| path.trim_end_matches('/').to_owned()),
            headers: spec
                .headers
                .into_iter()
                .map(|(name, value)| (name.to_ascii_lowercase(), value))
                .collect(),
            targets,
            strip_prefix: spec.strip_prefix,
            fallback: spec.fallback,
            loss: spec.loss,
            cache: spec.cache,
        })
    }

    fn target(
        &self,
        spec: TargetSpec,
        pattern: Option<&Pattern>,
        report: &mut dyn FnMut(RouteField, String),
    ) -> Option<Target> {
        let provider = self
            .provider(&spec.provider)
            .map_err(|message| report(RouteField::Provider, message))
            .ok();
        let model = match (spec.model.as_deref(), pattern) {
            (Some(""), _) => {
                let message = "the upstream model is empty; leave it out to keep the client's";
                report(RouteField::UpstreamModel, message.to_owned());
                None
            }
            (Some(text), Some(pattern)) => Template::parse(text, pattern)
                .map_err(|error| report(RouteField::UpstreamModel, error.to_string()))
                .ok(),
            _ => None,
        };
        let provider = provider?;
        let name = spec.name.unwrap_or_else(|| {
            let facts = self.facts(provider);
            facts.map(|facts| facts.name.clone()).unwrap_or_default()
        });
        Some(Target {
            name: name.into(),
            provider,
            model,
            weight: spec.weight,
            priority: spec.priority,
            options: spec.options,
            cache: spec.cache,
        })
    }
}

/// Names less alike than this are not suggested.
pub(crate) const SIMILAR: f64 = 0.72;

impl ProviderFacts {
    /// The provider's own id for a client's model, through its aliases.
    pub(crate) fn upstream_model<'a>(&'a self, model: &'a str) -> &'a str {
        self.alias(model).unwrap_or(model)
    }

    pub(crate) fn alias(&self, model: &str) -> Option<&str> {
        self.model_aliases
            .iter()
            .find(|(alias, _)| alias.eq_ignore_ascii_case(model))
            .map(|(_, upstream)| upstream.as_str())
    }

    /// Whether a client may ask this provider for a model. An alias is always allowed: whoever
    /// wrote it meant it.
    pub(crate) fn allows(&self, model: &str) -> bool {
        self.alias(model).is_some()
            || self
                .models
                .as_ref()
                .is_none_or(|models| models.iter().any(|entry| glob::matches(entry, model)))
    }
}

fn names(providers: &[ProviderFacts]) -> HashMap<String, ProviderId> {
    let mut names = HashMap::new();
    let visible = || {
        let all = providers.iter().enumerate();
        all.filter(|(_, facts)| !facts.anonymous)
    };
    for (index, facts) in visible() {
        names
            .entry(normalize_name(&facts.name))
            .or_insert(ProviderId(index));
    }
    // After all names: an alias of one never hides the name of another.
    for (index, facts) in visible() {
        for alias in &facts.aliases {
            names
                .entry(normalize_name(alias))
                .or_insert(ProviderId(index));
        }
    }
    names
}

fn path_problem(path: &str) -> Option<String> {
    let bare = path.trim_end_matches('/');
    if !path.starts_with('/') {
        return Some(format!("path `{path}` must begin with `/`"));
    }
    let reserved = bare.is_empty()
        || bare.starts_with("/v1/")
        || RESERVED_PATHS
            .iter()
            .any(|taken| *taken == bare || bare.starts_with(&format!("{taken}/")) && *taken != "/");
    if reserved {
        return Some(format!(
            "path `{path}` has a meaning already; choose one such as `/hybrid`"
        ));
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/".contains(&b);
    if !bare.bytes().all(plain)
        || bare
            .split('/')
            .skip(1)
            .any(|s| matches!(s, "" | "." | ".."))
    {
        return Some(format!(
            "path `{path}` may hold letters, digits and `-._~` between single slashes"
        ));
    }
    None
}
