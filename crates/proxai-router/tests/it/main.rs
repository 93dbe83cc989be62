//! Routing through the public surface.

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test fails, also in a function that several tests share"
)]

mod build;
mod explain;
mod lints;
mod patterns;
mod precedence;
mod properties;
mod targets;

use proxai_router::{
    Ask, DefaultSpec, NoRoute, Plan, ProviderFacts, RouteSpec, Table, TableSpec, TargetSpec,
    resolve,
};
use proxai_types::Protocol;

/// A route from a pattern to a provider.
fn route(pattern: &str, provider: &str) -> RouteSpec {
    RouteSpec {
        model_pattern: pattern.to_owned(),
        targets: vec![TargetSpec::new(provider)],
        ..RouteSpec::default()
    }
}

/// Providers `a`, `b` and `c`, each of which takes any model, and some routes.
fn spec(routes: Vec<RouteSpec>) -> TableSpec {
    TableSpec {
        providers: ["a", "b", "c"].map(ProviderFacts::named).to_vec(),
        routes,
        ..TableSpec::default()
    }
}

fn table(routes: Vec<RouteSpec>) -> Table {
    Table::build(spec(routes)).unwrap()
}

fn default_to(provider: &str, model: Option<&str>) -> DefaultSpec {
    DefaultSpec {
        provider: provider.to_owned(),
        model: model.map(str::to_owned),
    }
}

fn chat(model: &str) -> Ask<'_> {
    Ask {
        protocol: Some(Protocol::Chat),
        ..Ask::new(model)
    }
}

/// `provider:model` of the first attempt.
fn first(table: &Table, ask: &Ask<'_>) -> Result<String, NoRoute> {
    resolve(table, ask).map(|plan| describe(table, &plan).remove(0))
}

/// `provider:model` of every attempt.
fn describe(table: &Table, plan: &Plan) -> Vec<String> {
    plan.attempts
        .iter()
        .map(|attempt| {
            let provider = &table.facts(attempt.provider).unwrap().name;
            format!("{provider}:{}", attempt.upstream_model)
        })
        .collect()
}
