//! `[[routing.routes]]` and `[[model_routes]]` to the router's specification.
//!
//! Both kinds are tried in the order of the file. A route or target with an address or a key of
//! its own gets a provider of its own, which nothing else can reach.

use std::sync::Arc;

use proxai_router::{FallbackPolicy, Options as Merge, RouteSpec, TargetSpec};

use super::provider::below;
use super::{Build, path};
use crate::options::{
    Json, ModelRouteOptions, ProviderOptions, RouteOptions, SecretOptions, TargetOptions,
};
use crate::place::KeyPath;

/// A route and the table it was written in.
pub(super) struct Placed {
    pub(super) key: KeyPath,
    pub(super) spec: RouteSpec,
}

impl Build<'_> {
    pub(super) fn routes(&mut self) -> Vec<Placed> {
        let options = self.options;
        let mut routes = Vec::new();
        for (index, route) in options.routing.routes.iter().enumerate() {
            let key = path(&["routing", "routes", &index.to_string()]);
            routes.push(self.route(route, key));
        }
        for (index, route) in options.model_routes.iter().enumerate() {
            let key = path(&["model_routes", &index.to_string()]);
            routes.push(self.model_route(route, key));
        }
        // Stable: those from elsewhere than the file stay behind it, in their own order.
        routes.sort_by_key(|route| self.offset(&route.key));
        routes
    }

    fn route(&mut self, route: &RouteOptions, key: KeyPath) -> Placed {
        let mut targets = Vec::new();
        if route.targets.is_empty() {
            if let Some(provider) = &route.provider {
                let target = TargetOptions {
                    provider: provider.clone(),
                    model: route.upstream_model.clone(),
                    ..TargetOptions::default()
                };
                targets.push(self.target(&target, route, &key));
            }
        } else {
            let list = below(&key, self.existing(&key, &["targets", "instances"]));
            for (index, target) in route.targets.iter().enumerate() {
                let mut target = target.clone();
                if target.provider.is_empty() {
                    target.provider = route.provider.clone().unwrap_or_default();
                }
                target.model = target.model.or_else(|| route.upstream_model.clone());
                targets.push(self.target(&target, route, &below(&list, &index.to_string())));
            }
        }
        for status in &route.fallback_http_statuses {
            if !(400..=599).contains(status) {
                let message = format!("{status} is not an error status; use 400 to 599");
                let at = below(&key, "fallback_http_statuses");
                let problem = self.layers.problem(&at, message);
                self.report(problem);
            }
        }
        let spec = RouteSpec {
            name: route.name.clone(),
            request_protocol: route.request_protocol.map(|word| word.0),
            match_kind: route.match_kind.0,
            model_pattern: route.model_pattern.clone(),
            path: route.path.clone(),
            headers: route
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
            targets,
            strip_prefix: false,
            fallback: FallbackPolicy {
                on: match &route.fallback_strategy {
                    Some(list) => list.0.iter().map(|word| word.0).collect(),
                    None => FallbackPolicy::default().on,
                },
                statuses: route.fallback_http_statuses.clone(),
            },
            loss: route.loss.0,
            cache: route.cache.map(|word| word.0),
        };
        Placed { key, spec }
    }

    fn target(
        &mut self,
        target: &TargetOptions,
        route: &RouteOptions,
        key: &[String],
    ) -> TargetSpec {
        let provider = self.target_provider(target, key);
        self.ensure(&provider, &below(key, "provider"));
        let mut defaults = merged(&route.options, &target.options);
        let mut forced = merged(&route.forced_options, &target.forced_options);
        // Other gateways put the model among the options; here it is where the request goes.
        let from_options = [forced.remove("model"), defaults.remove("model")]
            .into_iter()
            .flatten()
            .find_map(|model| model.as_str().map(|model| model.replace('$', "$$")));
        TargetSpec {
            name: target.name.clone(),
            provider,
            model: target.model.clone().or(from_options),
            weight: target.weight,
            priority: target.priority,
            options: Merge {
                defaults: text(&defaults),
                forced: text(&forced),
            },
            cache: target.cache.map(|word| word.0),
        }
    }

    /// The name of a target's provider: one of its own if it has an address or a key of its own.
    fn target_provider(&mut self, target: &TargetOptions, key: &[String]) -> String {
        let auth = &target.auth;
        let carried = auth.header.len() + auth.query.len() + usize::from(target.api_key.is_some());
        if carried > 1 {
            let message = "more than one key; keep one of `api_key`, `auth.header`, `auth.query`";
            let problem = self.layers.problem(&below(key, "auth"), message.to_owned());
            self.report(problem);
        }
        let endpoint = target.overrides.endpoint.clone();
        if carried == 0 && endpoint.is_none() {
            return target.provider.clone();
        }
        let mut options = self.base_options(&target.provider, endpoint.is_some());
        options.base_url = endpoint.or(options.base_url);
        if let Some(secret) = &target.api_key {
            options.set_key(secret.clone());
        }
        if let Some((header, secret)) = auth.header.first_key_value() {
            options.auth = None;
            let bearer = header.eq_ignore_ascii_case("authorization");
            options.auth_style = Some(if bearer {
                "bearer".to_owned()
            } else {
                format!("custom:{header}")
            });
            options.set_key(secret.clone());
        }
        if let Some((parameter, secret)) = auth.query.first_key_value() {
            options.auth = None;
            options.auth_style = Some(format!("query:{parameter}"));
            options.set_key(secret.clone());
        }
        let label = target.name.clone().unwrap_or_else(|| key.join("."));
        self.anonymous(&target.provider, &label, &options, key)
    }

    fn model_route(&mut self, route: &ModelRouteOptions, key: KeyPath) -> Placed {
        let own = route.api_url.is_some()
            || route.api_key.is_some()
            || !route.api_keys.is_empty()
            || route.auth_style.is_some()
            || route.auth_header.is_some()
            || !route.headers.is_empty()
            || route.protocols.is_some()
            || route.read_idle_timeout_secs.is_some();
        let named = route.provider.clone();
        let provider = if own {
            let generic = self.registry.generic().map(|row| row.identity.id.clone());
            let kind = named.or(generic).unwrap_or_default();
            let mut options = self.base_options(&kind, route.api_url.is_some());
            options.base_url = route.api_url.clone().or(options.base_url);
            if route.api_key.is_some() || !route.api_keys.is_empty() {
                options.api_key.clone_from(&route.api_key);
                options.api_keys.clone_from(&route.api_keys);
            }
            if route.auth_style.is_some() || route.auth_header.is_some() {
                options.auth = None;
                options.auth_style.clone_from(&route.auth_style);
                options.auth_header.clone_from(&route.auth_header);
            }
            options.headers.extend(route.headers.clone());
            options.protocols = route.protocols.clone().or(options.protocols);
            options.read_idle_timeout_secs = route
                .read_idle_timeout_secs
                .or(options.read_idle_timeout_secs);
            Some(self.anonymous(&kind, &route.pattern, &options, &key))
        } else {
            if let Some(name) = &named {
                self.ensure(name, &below(&key, "provider"));
            }
            named
        };
        let target = provider.map(|provider| TargetSpec {
            model: route.model.clone(),
            ..TargetSpec::new(provider)
        });
        let spec = RouteSpec {
            name: route.name.clone(),
            model_pattern: route.pattern.clone(),
            targets: target.into_iter().collect(),
            strip_prefix: true,
            ..RouteSpec::default()
        };
        Placed { key, spec }
    }

    /// What a provider of a route's own starts from: the configured table of that name, else the
    /// built-in one. A new address does not inherit a key that was meant for the old one.
    fn base_options(&self, name: &str, rebased: bool) -> ProviderOptions {
        let configured = self.configured(name).map(str::to_owned);
        let section = configured.and_then(|name| self.options.providers.get(&name));
        let mut options = section.cloned().unwrap_or_default();
        if section.is_none() || self.registry.resolve(name).is_ok() {
            options.kind = options.kind.or_else(|| Some(name.to_owned()));
        }
        if rebased {
            options.api_key = None;
            options.api_keys = Vec::new();
        }
        options
    }

    fn anonymous(
        &mut self,
        provider: &str,
        label: &str,
        options: &ProviderOptions,
        key: &[String],
    ) -> String {
        let plain = format!("{provider}@{label}");
        let taken = |name: &str| self.facts.iter().any(|facts| facts.name == name);
        // One more candidate than there are names: one of them is free.
        let name = (1..=self.facts.len() + 1)
            .map(|count| match count {
                1 => plain.clone(),
                count => format!("{plain}#{count}"),
            })
            .find(|name| !taken(name))
            .unwrap_or(plain);
        self.add_provider(&name, options, key, true);
        name
    }
}

impl ProviderOptions {
    fn set_key(&mut self, secret: SecretOptions) {
        self.api_key = Some(secret);
        self.api_keys = Vec::new();
    }
}

/// A target's options over the route's: objects deep, everything else whole (R4).
fn merged(low: &Json, high: &Json) -> Json {
    let mut out = low.clone();
    for (key, value) in high {
        match (out.get_mut(key), value) {
            (Some(serde_json::Value::Object(inner)), serde_json::Value::Object(over)) => {
                *inner = merged(inner, over);
            }
            _ => {
                out.insert(key.clone(), value.clone());
            }
        }
    }
    out
}

fn text(options: &Json) -> Option<Arc<str>> {
    if options.is_empty() {
        return None;
    }
    serde_json::to_string(options).ok().map(Arc::from)
}
