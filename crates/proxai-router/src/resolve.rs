//! The order of R1: routes, provider prefix, declared models, protocol default, default.
//!
//! The walk records what each step saw; [`resolve`] throws that away and
//! [`explain`](crate::explain) prints it, so the two cannot disagree.

use std::sync::Arc;

use proxai_providers::glob;

use crate::ask::Ask;
use crate::explain::{Outcome, Step};
use crate::order::ordered;
use crate::plan::{Attempt, CacheRules, NoRoute, Plan, ProviderId, Rule};
use crate::spec::{CachePolicy, FallbackPolicy, LossPolicy, Options, ProviderFacts};
use crate::table::{Route, SIMILAR, Table};

/// How many similar models an error names.
const SUGGESTIONS: usize = 3;

/// More than any likeness.
const NAMED: f64 = 2.0;

/// The model that means [`DefaultSpec::model`](crate::DefaultSpec::model).
const DEFAULT_MODEL: &str = "default";

/// Plans a request.
pub fn resolve(table: &Table, ask: &Ask<'_>) -> Result<Plan, NoRoute> {
    walk(table, ask, &mut |_| {})
}

/// One of the rules after the routes.
type Finder<'w, 'a> = fn(&mut Walk<'w, 'a>) -> Result<Found, Outcome>;

/// Plans a request and shows every step on the way.
pub(crate) fn walk<'w, 'a>(
    table: &'w Table,
    ask: &'w Ask<'a>,
    show: &mut dyn FnMut(Step),
) -> Result<Plan, NoRoute> {
    let mut walk = Walk {
        table,
        ask,
        refused_by: None,
    };
    let mut mismatch = None;
    for (index, route) in table.routes.iter().enumerate() {
        let outcome = walk.try_route(route);
        show(Step {
            rule: Rule::Route { index },
            label: route.name.to_string(),
            outcome: outcome.clone(),
        });
        match outcome {
            Outcome::Taken => return Ok(walk.route_plan(index, route)),
            Outcome::WrongProtocol { wanted, got } => mismatch = Some((route, wanted, got)),
            _ => {}
        }
    }
    // An extra endpoint belongs to its routes: the rules below would answer for another.
    if ask.path.is_none() {
        let rules: [(Rule, Finder<'w, 'a>); 4] = [
            (Rule::Prefix, Walk::prefix),
            (Rule::Declared, Walk::declared),
            (Rule::ProtocolDefault, Walk::protocol_default),
            (Rule::Default, Walk::default),
        ];
        for (rule, find) in rules {
            let found = find(&mut walk);
            show(Step {
                label: rule.to_string(),
                rule: rule.clone(),
                outcome: found.as_ref().map_or_else(Clone::clone, |_| Outcome::Taken),
            });
            if let Ok(found) = found {
                return Ok(walk.plain_plan(rule, found));
            }
        }
    }
    Err(walk.nowhere(mismatch))
}

struct Walk<'w, 'a> {
    table: &'w Table,
    ask: &'w Ask<'a>,
    /// The first provider whose `models` kept it from taking the request.
    refused_by: Option<String>,
}

struct Found {
    provider: ProviderId,
    model: String,
}

impl Walk<'_, '_> {
    fn try_route(&self, route: &Route) -> Outcome {
        if route.path.as_deref() != self.ask.path {
            return Outcome::OtherPath;
        }
        if !route.pattern.matches(self.ask.model) {
            return Outcome::NoMatch;
        }
        let header = route.headers.iter().find(|(name, pattern)| {
            !(self.ask.header)(name).is_some_and(|value| glob::matches(pattern, value))
        });
        if let Some((name, _)) = header {
            return Outcome::Header { name: name.clone() };
        }
        match (route.guard, self.ask.protocol) {
            (Some(_), None) => Outcome::NoProtocol,
            (Some(wanted), Some(got)) if wanted != got => Outcome::WrongProtocol { wanted, got },
            _ => Outcome::Taken,
        }
    }

    fn route_plan(&self, index: usize, route: &Route) -> Plan {
        let model = self.ask.model;
        let attempts = ordered(&route.targets, self.ask.seed)
            .into_iter()
            .map(|target| {
                let from_client = if route.strip_prefix {
                    route.pattern.strip_literal(model)
                } else {
                    model
                };
                let upstream_model = match &target.model {
                    Some(template) => template.expand(&route.pattern, model).unwrap_or_default(),
                    None => self.model_of(target.provider, from_client),
                };
                Attempt {
                    provider: target.provider,
                    upstream_model,
                    target: Arc::clone(&target.name),
                    options: target.options.clone(),
                    cache: CacheRules {
                        rule: target.cache.or(route.cache),
                        default: self.cache_of(target.provider),
                    },
                }
            })
            .collect();
        Plan {
            rule: Rule::Route { index },
            route: Arc::clone(&route.name),
            attempts,
            fallback: route.fallback.clone(),
            loss: route.loss,
        }
    }

    fn plain_plan(&self, rule: Rule, found: Found) -> Plan {
        let name = self.table.facts(found.provider).map(|facts| &facts.name);
        Plan {
            route: rule.to_string().into(),
            rule,
            attempts: vec![Attempt {
                provider: found.provider,
                upstream_model: found.model,
                target: name.map_or_else(|| Arc::from(""), |name| Arc::from(name.as_str())),
                options: Options::default(),
                cache: CacheRules {
                    rule: None,
                    default: self.cache_of(found.provider),
                },
            }],
            fallback: FallbackPolicy::default(),
            loss: LossPolicy::default(),
        }
    }

    fn cache_of(&self, provider: ProviderId) -> Option<CachePolicy> {
        self.table.facts(provider).and_then(|facts| facts.cache)
    }

    /// The provider's own id for a model, or its default model for none.
    fn model_of(&self, provider: ProviderId, model: &str) -> String {
        let Some(facts) = self.table.facts(provider) else {
            return model.to_owned();
        };
        match (model, &facts.default_model) {
            ("", Some(default)) => facts.upstream_model(default).to_owned(),
            (model, _) => facts.upstream_model(model).to_owned(),
        }
    }

    /// Whether a provider takes a model, and as which.
    fn take(&mut self, provider: ProviderId, model: &str) -> Result<Found, Outcome> {
        let Some(facts) = self.table.facts(provider) else {
            return Err(Outcome::NoMatch);
        };
        if !model.is_empty() && !facts.allows(model) {
            self.refused_by.get_or_insert_with(|| facts.name.clone());
            return Err(Outcome::NotAllowed {
                provider: facts.name.clone(),
            });
        }
        let model = self.model_of(provider, model);
        if model.is_empty() && self.ask.protocol.is_some() {
            return Err(Outcome::NoModel);
        }
        Ok(Found { provider, model })
    }

    fn prefix(&mut self) -> Result<Found, Outcome> {
        let (name, model) = self.ask.model.split_once('/').ok_or(Outcome::NoMatch)?;
        let provider = self.table.find_provider(name).ok_or(Outcome::NoMatch)?;
        if model.is_empty() {
            return Err(Outcome::NoModel);
        }
        self.take(provider, model)
    }

    fn declared(&mut self) -> Result<Found, Outcome> {
        let model = self.ask.model;
        if model.is_empty() {
            return Err(Outcome::NoMatch);
        }
        let providers = &self.table.providers;
        let by_name = providers.iter().position(|facts| {
            let listed = facts.models.iter().flatten();
            !facts.anonymous
                && (facts.alias(model).is_some()
                    || is_default_model(facts, model)
                    || listed
                        .into_iter()
                        .any(|entry| entry.eq_ignore_ascii_case(model)))
        });
        let by_pattern = || {
            providers.iter().position(|facts| {
                let mut listed = facts.models.iter().flatten();
                // A lone `*` allows everything and declares nothing.
                !facts.anonymous && listed.any(|entry| entry != "*" && glob::matches(entry, model))
            })
        };
        let index = by_name.or_else(by_pattern).ok_or(Outcome::NoMatch)?;
        self.take(ProviderId(index), model)
    }

    fn protocol_default(&mut self) -> Result<Found, Outcome> {
        // Requests of no protocol (embeddings, files) go where Chat goes.
        let protocol = self.ask.protocol.unwrap_or(proxai_types::Protocol::Chat);
        let provider = self
            .table
            .protocol_default(protocol)
            .ok_or(Outcome::NotConfigured)?;
        if self.wants_default_model() {
            return Err(Outcome::NoMatch);
        }
        self.take(provider, self.ask.model)
    }

    fn default(&mut self) -> Result<Found, Outcome> {
        let (provider, model) = self
            .table
            .default_provider()
            .ok_or(Outcome::NotConfigured)?;
        match model {
            Some(model) if self.ask.model.is_empty() || self.wants_default_model() => {
                let model = model.to_owned();
                self.take(provider, &model)
            }
            _ => self.take(provider, self.ask.model),
        }
    }

    /// Whether the client asks for the model of `[default]` by that word.
    fn wants_default_model(&self) -> bool {
        self.ask.model.eq_ignore_ascii_case(DEFAULT_MODEL)
            && matches!(self.table.default, Some((_, Some(_))))
    }

    fn nowhere(
        self,
        mismatch: Option<(&Route, proxai_types::Protocol, proxai_types::Protocol)>,
    ) -> NoRoute {
        let model = self.ask.model.to_owned();
        if let Some((route, wanted, got)) = mismatch {
            return NoRoute::WrongProtocol {
                route: route.name.to_string(),
                model,
                wanted,
                got,
            };
        }
        let closest = self.table.closest_models(&model);
        if model.is_empty() {
            return NoRoute::MissingModel { closest };
        }
        NoRoute::UnknownModel {
            model,
            refused_by: self.refused_by,
            closest,
        }
    }
}

/// Whether a model is the one that a provider is configured to use.
fn is_default_model(facts: &ProviderFacts, model: &str) -> bool {
    let default = facts.default_model.as_deref();
    default.is_some_and(|default| default.eq_ignore_ascii_case(model))
}

impl Table {
    /// The known models most like one that is not known, best first.
    pub fn closest_models(&self, model: &str) -> Vec<String> {
        closest(model, self.models().into_iter().map(|listed| listed.id))
    }
}

/// The models most like one that is not known, best first. Equally good ones stay in their order. One
/// that the caller named but for its provider comes before all that are merely alike.
pub fn closest(model: &str, known: impl IntoIterator<Item = String>) -> Vec<String> {
    let wanted = model.to_ascii_lowercase();
    let bare = wanted.split_once('/').map_or(&*wanted, |(_, rest)| rest);
    let mut scored: Vec<(f64, String)> = known
        .into_iter()
        .map(|id| {
            let known = id.to_ascii_lowercase();
            let mut score = 0.0_f64;
            for part in [Some(&*known), known.split_once('/').map(|(_, rest)| rest)] {
                let Some(part) = part else { continue };
                if part == wanted || part.ends_with(&format!("/{wanted}")) {
                    score = NAMED;
                }
                score = score.max(strsim::jaro_winkler(&wanted, part));
                score = score.max(strsim::jaro_winkler(bare, part));
            }
            (score, id)
        })
        .filter(|(score, _)| model.is_empty() || *score >= SIMILAR)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    scored
        .into_iter()
        .take(SUGGESTIONS)
        .map(|(_, id)| id)
        .collect()
}
