//! What a table is built from: plain data, in the words of the configuration.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use proxai_providers::Provider;
use proxai_types::Protocol;

use crate::pattern::MatchKind;

/// Everything a table is built from.
#[derive(Clone, Debug, Default)]
pub struct TableSpec {
    /// The configured providers, in file order. [`ProviderId`](crate::ProviderId) counts them.
    pub providers: Vec<ProviderFacts>,
    /// The explicit routes, in the order in which they are tried.
    pub routes: Vec<RouteSpec>,
    /// The provider that takes what nothing else takes, per protocol.
    pub protocol_defaults: BTreeMap<Protocol, String>,
    /// The provider that takes the rest.
    pub default: Option<DefaultSpec>,
}

/// What routing needs to know of a provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderFacts {
    /// The name in the configuration.
    pub name: String,
    /// Further names that a `provider/model` prefix may use.
    pub aliases: Vec<String>,
    /// The only models that may be used; entries may hold `*`. `None` means any.
    pub models: Option<Vec<String>>,
    /// The client's name for a model to the provider's.
    pub model_aliases: BTreeMap<String, String>,
    /// The model of requests that name none.
    pub default_model: Option<String>,
    /// Whether only routes may use it: a `provider/model` prefix does not name it.
    pub anonymous: bool,
    /// What becomes of cache marks where neither request nor rule says it.
    pub cache: Option<CachePolicy>,
}

impl ProviderFacts {
    /// A provider that takes any model.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }
}

impl From<&Provider> for ProviderFacts {
    fn from(provider: &Provider) -> Self {
        Self {
            name: provider.name.clone(),
            models: provider.models.clone(),
            model_aliases: provider.model_aliases.clone(),
            ..Self::default()
        }
    }
}

/// `[default]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultSpec {
    /// The provider.
    pub provider: String,
    /// The model of requests that name none, or ask for the model `default`.
    pub model: Option<String>,
}

/// One explicit route (R2).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RouteSpec {
    /// For logs and `x-proxai-route`; routes without one are called by their pattern.
    pub name: Option<String>,
    /// The only protocol whose requests it takes.
    pub request_protocol: Option<Protocol>,
    /// How the pattern is read.
    pub match_kind: MatchKind,
    /// Compared with the client's model, letter case aside.
    pub model_pattern: String,
    /// An extra endpoint, such as `/hybrid`; the route then takes only requests to it.
    pub path: Option<String>,
    /// Header names with what their values must be; `*` stands for any text.
    pub headers: Vec<(String, String)>,
    /// Where requests go; at least one.
    pub targets: Vec<TargetSpec>,
    /// Whether a target without a model of its own gets the client's model without the pattern's
    /// literal prefix up to its last slash: `groq/*` sends `groq/x` on as `x`.
    pub strip_prefix: bool,
    /// When the next target is tried.
    pub fallback: FallbackPolicy,
    /// What becomes of a request that the target cannot get whole.
    pub loss: LossPolicy,
    /// What becomes of cache marks, for targets that do not say it themselves.
    pub cache: Option<CachePolicy>,
}

/// What becomes of marks and keys for the upstream's prompt cache (T13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CachePolicy {
    /// The request's own are sent.
    #[default]
    Respect,
    /// None are sent.
    Disable,
    /// They are sent, whether the request has any or not.
    Force,
}

impl CachePolicy {
    /// Every policy.
    pub const ALL: [Self; 3] = [Self::Respect, Self::Disable, Self::Force];

    /// The word in the configuration and in `x-proxai-cache`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Respect => "respect",
            Self::Disable => "disable",
            Self::Force => "force",
        }
    }
}

/// What becomes of a request that the target cannot get whole (T4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LossPolicy {
    /// It is sent, and the client is told what is missing.
    #[default]
    Report,
    /// It is refused with the list of what would be missing.
    Strict,
}

impl LossPolicy {
    /// Every policy.
    pub const ALL: [Self; 2] = [Self::Report, Self::Strict];

    /// The word in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Strict => "strict",
        }
    }
}

/// One place a route sends to (R3).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetSpec {
    /// For logs and `x-proxai-attempts`.
    pub name: Option<String>,
    /// The name of a provider.
    pub provider: String,
    /// The provider's model: fixed, or with captures of the pattern (`$1`, `${name}`). Without
    /// it the client's model goes on unchanged.
    pub model: Option<String>,
    /// The share among targets of the same priority. 0 gets requests only when nothing is left.
    pub weight: u32,
    /// Lower is tried first.
    pub priority: i64,
    /// What is merged into the body.
    pub options: Options,
    /// What becomes of cache marks, if not what the route says.
    pub cache: Option<CachePolicy>,
}

impl TargetSpec {
    /// A target of weight 1 and priority 0.
    pub fn new(provider: impl Into<String>) -> Self {
        Self {
            provider: provider.into(),
            weight: 1,
            ..Self::default()
        }
    }

    /// Sets the model.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }
}

/// JSON objects, as text, to merge into the body of the target's protocol (R4).
///
/// Both are applied to the client's original body for every attempt: objects deep, arrays whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Values for members that the request does not have.
    pub defaults: Option<Arc<str>>,
    /// Values that replace the request's.
    pub forced: Option<Arc<str>>,
}

impl Options {
    /// Whether there is nothing to merge.
    pub fn is_empty(&self) -> bool {
        self.defaults.is_none() && self.forced.is_none()
    }
}

/// When the next target is tried instead of reporting a failure (R5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FallbackPolicy {
    /// Kinds of failure.
    pub on: Vec<FallbackOn>,
    /// Further upstream statuses.
    pub statuses: Vec<u16>,
}

impl Default for FallbackPolicy {
    /// Rate limits, upstream errors, timeouts and broken connections: what another target may
    /// well not have. Never what is the request's own fault.
    fn default() -> Self {
        Self {
            on: vec![
                FallbackOn::Http429,
                FallbackOn::Http5xx,
                FallbackOn::Timeout,
                FallbackOn::Transport,
            ],
            statuses: Vec::new(),
        }
    }
}

/// A kind of failure that another target may not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FallbackOn {
    /// Status 429.
    Http429,
    /// Statuses 500 to 599.
    Http5xx,
    /// No answer in time.
    Timeout,
    /// No connection, or one that broke.
    Transport,
    /// The upstream does not know the model.
    ModelNotFound,
    /// The request is too long for the model.
    ContextLength,
    /// The model refused to answer.
    Refusal,
}

impl FallbackOn {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::Http429,
        Self::Http5xx,
        Self::Timeout,
        Self::Transport,
        Self::ModelNotFound,
        Self::ContextLength,
        Self::Refusal,
    ];

    /// The word in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http429 => "http_429",
            Self::Http5xx => "http_5xx",
            Self::Timeout => "timeout",
            Self::Transport => "transport",
            Self::ModelNotFound => "model_not_found",
            Self::ContextLength => "context_length",
            Self::Refusal => "refusal",
        }
    }
}

impl FromStr for FallbackOn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| {
                let known: Vec<&str> = Self::ALL.iter().map(|kind| kind.name()).collect();
                format!(
                    "unknown fallback condition `{text}`; use {}",
                    known.join(", ")
                )
            })
    }
}
