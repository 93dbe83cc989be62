//! `[[routing.routes]]` and `[[model_routes]]`.

use std::collections::BTreeMap;

use proxai_router::{CachePolicy, FallbackOn, LossPolicy, MatchKind};
use proxai_types::Protocol;
use serde::Deserialize;

use super::provider::{OneOrMore, SecretOptions};
use crate::word::{Balance, Word};

/// Any JSON object, to be merged into a body.
pub type Json = serde_json::Map<String, serde_json::Value>;

/// One route.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RouteOptions {
    /// For logs and `x-proxai-route`. Names must differ.
    pub name: Option<String>,
    /// The only protocol whose requests it takes.
    pub request_protocol: Option<Word<Protocol>>,
    /// How the pattern is read. `auto`: `^…` and `…$` are regular expressions, else `*` or `?`
    /// makes a glob, else `( [ | + \` a regular expression, else it is exact.
    pub match_kind: Word<MatchKind>,
    /// Compared with the client's model, letter case aside.
    #[serde(alias = "pattern")]
    pub model_pattern: String,
    /// An extra endpoint, such as `/hybrid`; the route then takes only requests to it.
    pub path: Option<String>,
    /// Request headers that must be there; `*` in a value stands for any text.
    pub headers: BTreeMap<String, String>,
    /// Where it goes, if there is one target.
    pub provider: Option<String>,
    /// The provider's model: fixed, or with captures of the pattern (`$1`, `${name}`).
    pub upstream_model: Option<String>,
    /// Where it goes, if there are several.
    #[serde(alias = "instances")]
    pub targets: Vec<TargetOptions>,
    /// Values for members of the body that the request does not have, for all targets.
    pub options: Json,
    /// Values that replace members of the body, for all targets.
    pub forced_options: Json,
    /// How targets of one priority share requests.
    pub balance: Word<Balance>,
    /// What `balance = "hash"` goes by.
    pub hash_on: Option<String>,
    /// The failures after which the next target is tried; `[]` for none.
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<crate::schema::WordOrWords>")
    )]
    pub fallback_strategy: Option<OneOrMore<Word<FallbackOn>>>,
    /// Further upstream statuses after which the next target is tried.
    pub fallback_http_statuses: Vec<u16>,
    /// What becomes of a request that the target cannot get whole: `report` sends it and says so
    /// in `x-proxai-loss`, `strict` refuses it. The header `x-proxai-strict` decides otherwise.
    pub loss: Word<LossPolicy>,
    /// What becomes of marks and keys for the upstream's prompt cache: `respect` sends the
    /// request's own, `disable` none, `force` some in any case. The header `x-proxai-cache`
    /// decides otherwise.
    pub cache: Option<Word<CachePolicy>>,
}

/// One of several targets.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct TargetOptions {
    /// For logs and `x-proxai-attempts`.
    pub name: Option<String>,
    /// A provider.
    pub provider: String,
    /// The provider's model.
    #[serde(alias = "upstream_model")]
    pub model: Option<String>,
    /// The share among targets of the same priority; 0 only when nothing else is left.
    pub weight: u32,
    /// Lower is tried first.
    pub priority: i64,
    /// The key for this target.
    pub api_key: Option<SecretOptions>,
    /// The key for this target, as the header or query parameter that carries it.
    pub auth: TargetAuthOptions,
    /// Values for members of the body that the request does not have. `model` is the model.
    pub options: Json,
    /// Values that replace members of the body.
    pub forced_options: Json,
    /// Where this target is, if not where its provider is.
    #[serde(rename = "override")]
    pub overrides: TargetOverrideOptions,
    /// As in the route, for this target.
    pub cache: Option<Word<CachePolicy>>,
}

impl Default for TargetOptions {
    fn default() -> Self {
        Self {
            name: None,
            provider: String::new(),
            model: None,
            weight: 1,
            priority: 0,
            api_key: None,
            auth: TargetAuthOptions::default(),
            options: Json::new(),
            forced_options: Json::new(),
            overrides: TargetOverrideOptions::default(),
            cache: None,
        }
    }
}

/// A key as the header or query parameter that carries it. At most one.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct TargetAuthOptions {
    /// Such as `{ Authorization = "Bearer …" }`.
    pub header: BTreeMap<String, SecretOptions>,
    /// Such as `{ key = "…" }`.
    pub query: BTreeMap<String, SecretOptions>,
}

/// Where a target is, if not where its provider is.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct TargetOverrideOptions {
    /// A base URL or the full URL of an endpoint.
    pub endpoint: Option<String>,
}

/// A short route.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ModelRouteOptions {
    /// For logs and `x-proxai-route`.
    pub name: Option<String>,
    /// Compared with the client's model. `groq/*` sends `groq/x` on as `x`.
    #[serde(alias = "model_pattern")]
    pub pattern: String,
    /// A provider, configured or built in.
    pub provider: Option<String>,
    /// The provider's model, if not the client's.
    #[serde(alias = "upstream_model")]
    pub model: Option<String>,
    /// Where it is, if not where the provider is.
    #[serde(alias = "base_url", alias = "base")]
    pub api_url: Option<String>,
    /// The key for this route.
    pub api_key: Option<SecretOptions>,
    /// Several keys, used in turn.
    pub api_keys: Vec<SecretOptions>,
    /// As in `[providers.<name>]`.
    pub auth_style: Option<String>,
    /// As in `[providers.<name>]`.
    pub auth_header: Option<String>,
    /// As in `[providers.<name>]`.
    pub headers: BTreeMap<String, SecretOptions>,
    /// As in `[providers.<name>]`.
    #[serde(alias = "protocol")]
    #[cfg_attr(
        feature = "schema",
        schemars(with = "Option<crate::schema::WordOrWords>")
    )]
    pub protocols: Option<OneOrMore<Word<Protocol>>>,
    /// As in `[providers.<name>]`.
    pub read_idle_timeout_secs: Option<u64>,
}
