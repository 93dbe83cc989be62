//! The answer of the router: attempts in order, or why there are none.

use std::fmt;
use std::sync::Arc;

use proxai_types::Protocol;

use crate::spec::{CachePolicy, FallbackPolicy, LossPolicy, Options};

/// A provider, counted in the order of [`TableSpec::providers`](crate::TableSpec::providers).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderId(pub(crate) usize);

impl ProviderId {
    /// The position in the list the table was built from.
    pub const fn index(self) -> usize {
        self.0
    }
}

/// Which rule of R1 decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// An explicit route.
    Route {
        /// Its position in [`TableSpec::routes`](crate::TableSpec::routes).
        index: usize,
    },
    /// The model begins with a provider's name and a slash.
    Prefix,
    /// A provider declares the model.
    Declared,
    /// The default provider of the protocol.
    ProtocolDefault,
    /// `[default]`.
    Default,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Route { index } => write!(f, "route {}", index + 1),
            Self::Prefix => f.write_str("provider prefix"),
            Self::Declared => f.write_str("declared model"),
            Self::ProtocolDefault => f.write_str("protocol default"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Which rule decided.
    pub rule: Rule,
    /// The name for logs and `x-proxai-route`: the route's, else a word for the rule.
    pub route: Arc<str>,
    /// In the order in which they are to be made; never empty, each target at most once.
    pub attempts: Vec<Attempt>,
    /// When to go on to the next one.
    pub fallback: FallbackPolicy,
    /// What becomes of a request that a target cannot get whole.
    pub loss: LossPolicy,
}

/// One target of a plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// The provider.
    pub provider: ProviderId,
    /// The model to ask it for; empty if the request names none and neither does the table.
    pub upstream_model: String,
    /// The target's name, else the provider's.
    pub target: Arc<str>,
    /// What to merge into the body.
    pub options: Options,
    /// What the rules say of cache marks.
    pub cache: CacheRules,
}

/// What becomes of cache marks where the request does not say it (T13). A caller's key stands
/// between the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheRules {
    /// The target's word, else the route's.
    pub rule: Option<CachePolicy>,
    /// The provider's.
    pub default: Option<CachePolicy>,
}

impl CacheRules {
    /// What is done: what the request's header says, else the rule, else the caller's key, else
    /// the provider, else what the body says.
    pub fn decide(self, header: Option<CachePolicy>, key: Option<CachePolicy>) -> CachePolicy {
        header
            .or(self.rule)
            .or(key)
            .or(self.default)
            .unwrap_or_default()
    }
}

/// Why a request goes nowhere. Always the client's to change, or the operator's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoRoute {
    /// Only routes with another guard match, and nothing else takes the request (R2).
    #[error(
        "route `{route}` matches model `{model}` but takes only {wanted} requests and this is {got}; \
         remove its request_protocol to accept any protocol, or set it to \"{}\"",
        .got.config_name()
    )]
    WrongProtocol {
        /// The last route that matched but for its guard.
        route: String,
        /// The client's model.
        model: String,
        /// What the guard says.
        wanted: Protocol,
        /// What the client speaks.
        got: Protocol,
    },
    /// Nothing takes the model.
    #[error("no provider takes model `{model}`{}{}", refused(.refused_by.as_ref()), suggestions(.closest))]
    UnknownModel {
        /// The client's model.
        model: String,
        /// A provider that would have taken it if its `models` allowed it.
        refused_by: Option<String>,
        /// The most similar models that would work, best first.
        closest: Vec<String>,
    },
    /// The request names no model, and nothing has one for it.
    #[error("the request names no `model` and the configuration has no default model{}", suggestions(.closest))]
    MissingModel {
        /// Models that would work.
        closest: Vec<String>,
    },
}

impl NoRoute {
    /// The HTTP status to answer with.
    pub const fn status(&self) -> u16 {
        match self {
            Self::WrongProtocol { .. } | Self::MissingModel { .. } => 400,
            Self::UnknownModel { .. } => 404,
        }
    }

    /// A stable word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::WrongProtocol { .. } => "route_protocol_mismatch",
            Self::UnknownModel { .. } => "model_not_found",
            Self::MissingModel { .. } => "missing_model",
        }
    }
}

fn refused(by: Option<&String>) -> String {
    by.map(|name| format!(" (`models` of provider `{name}` does not list it)"))
        .unwrap_or_default()
}

fn suggestions(closest: &[String]) -> String {
    if closest.is_empty() {
        return "; configure a route, a provider that declares it, or [default]".to_owned();
    }
    let list: Vec<String> = closest.iter().map(|model| format!("`{model}`")).collect();
    format!("; did you mean {}?", list.join(" or "))
}
