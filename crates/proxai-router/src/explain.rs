//! Why a request goes where it goes, for `proxai route` and the admin listener.

use std::fmt;

use proxai_types::Protocol;

use crate::ask::Ask;
use crate::plan::{NoRoute, Plan, Rule};
use crate::resolve::walk;
use crate::table::Table;

/// One rule that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The rule.
    pub rule: Rule,
    /// The route's name, or a word for the rule.
    pub label: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It takes the request; nothing after it was tried.
    Taken,
    /// The model does not match.
    NoMatch,
    /// The route is for another path.
    OtherPath,
    /// A header is missing or different.
    Header {
        /// Its name.
        name: String,
    },
    /// All matches but the protocol guard.
    WrongProtocol {
        /// What the guard says.
        wanted: Protocol,
        /// What the client speaks.
        got: Protocol,
    },
    /// The route has a guard and the request has no protocol.
    NoProtocol,
    /// The provider's `models` do not list the model.
    NotAllowed {
        /// The provider.
        provider: String,
    },
    /// Neither the request nor the provider names a model.
    NoModel,
    /// There is no such default.
    NotConfigured,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Taken => f.write_str("takes it"),
            Self::NoMatch => f.write_str("does not match"),
            Self::OtherPath => f.write_str("is for another path"),
            Self::Header { name } => write!(f, "header `{name}` does not match"),
            Self::WrongProtocol { wanted, got } => {
                write!(f, "takes only {wanted} requests, this is {got}")
            }
            Self::NoProtocol => f.write_str("has a protocol guard, the request has no protocol"),
            Self::NotAllowed { provider } => {
                write!(f, "`models` of provider `{provider}` does not list it")
            }
            Self::NoModel => f.write_str("no model to ask for"),
            Self::NotConfigured => f.write_str("not configured"),
        }
    }
}

/// Every step of a decision and its result.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What was tried, in order.
    pub steps: Vec<Step>,
    /// The plan, as [`resolve`](crate::resolve) returns it.
    pub result: Result<Plan, NoRoute>,
    /// The names of the attempts' providers, in their order.
    pub providers: Vec<String>,
}

/// Plans a request and says why. Costs a little more than [`resolve`](crate::resolve).
pub fn explain(table: &Table, ask: &Ask<'_>) -> Explanation {
    let mut steps = Vec::new();
    let result = walk(table, ask, &mut |step| steps.push(step));
    let providers = result
        .iter()
        .flat_map(|plan| &plan.attempts)
        .filter_map(|attempt| Some(table.facts(attempt.provider)?.name.clone()))
        .collect();
    Explanation {
        steps,
        result,
        providers,
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            match step.rule {
                Rule::Route { index } => {
                    writeln!(f, "route {} `{}`: {}", index + 1, step.label, step.outcome)?;
                }
                _ => writeln!(f, "{}: {}", step.label, step.outcome)?,
            }
        }
        match &self.result {
            Err(error) => writeln!(f, "nowhere: {error}"),
            Ok(plan) => {
                for (index, attempt) in plan.attempts.iter().enumerate() {
                    let provider = self.providers.get(index).map_or("", String::as_str);
                    write!(f, "attempt {}: provider `{provider}`", index + 1)?;
                    if *attempt.target != *provider {
                        write!(f, ", target `{}`", attempt.target)?;
                    }
                    writeln!(f, ", model `{}`", attempt.upstream_model)?;
                }
                Ok(())
            }
        }
    }
}
