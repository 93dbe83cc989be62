//! The configuration as it is written: every key, all of them optional.
//!
//! These types are the schema (`config/proxai.schema.json` is generated from them) and the list of
//! known keys. They check types and words; what values mean together is for
//! [`Settings`](crate::Settings).
//!
//! A key whose feature comes later is here too, and in the table of [`crate::later`], so that it
//! is warned about instead of refused or ignored.

mod provider;
mod route;

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Deserialize;

pub use provider::{AuthOptions, ModelCellsOr, OneOrMore, ProviderOptions, SecretOptions};
pub use route::{
    Json, ModelRouteOptions, RouteOptions, TargetAuthOptions, TargetOptions, TargetOverrideOptions,
};

use crate::settings::{AnswerModel, ErrorFormat, LogFormat, LogLevel};
use crate::word::Word;

/// The whole file.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// Where requests go that nothing else takes.
    pub default: DefaultOptions,
    /// The upstreams. The name of a table is the name of a built-in provider, or any name if the
    /// table has `type` or `base_url`.
    pub providers: BTreeMap<String, ProviderOptions>,
    /// Short routes: a pattern and where it goes.
    pub model_routes: Vec<ModelRouteOptions>,
    /// Routes and defaults per protocol.
    pub routing: RoutingOptions,
    /// The proxy listener and its limits.
    pub server: ServerOptions,
    /// The admin listener: metrics, readiness, admin API, MCP.
    pub mcp: AdminOptions,
    /// Tool calls in streams.
    pub tool_calls: ToolCallOptions,
    /// Logs.
    pub logging: LoggingOptions,
    /// Error answers.
    pub error_responses: ErrorOptions,
    /// Downloading images and documents that a request names by URL, for upstreams that take them
    /// only as data.
    pub fetch: FetchOptions,
    /// Recording of requests and answers.
    pub capture: CaptureOptions,
}

/// Where requests go that nothing else takes.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DefaultOptions {
    /// A provider. One that is not configured is taken from the registry, with its key variable.
    pub provider: Option<String>,
    /// The model of requests that name none, or that ask for the model `default`.
    pub model: Option<String>,
}

/// Routes and defaults per protocol.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RoutingOptions {
    /// Whose name of the model answers tell: the one that was asked for, or the upstream's.
    pub answer_model: Word<AnswerModel>,
    /// The provider that takes what no route takes, per protocol.
    pub default_provider_names: DefaultProviderNames,
    /// Routes, tried in the order of the file.
    pub routes: Vec<RouteOptions>,
}

/// The provider that takes what no route takes, per protocol. Each may be left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct DefaultProviderNames {
    /// For Chat Completions.
    pub openai_chat_completions: Option<String>,
    /// For Responses.
    pub openai_responses: Option<String>,
    /// For Messages.
    pub anthropic_messages: Option<String>,
}

/// The proxy listener and its limits.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ServerOptions {
    /// The address to listen on.
    pub host: IpAddr,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// The largest request body in bytes, before and after decompression.
    pub max_request_body_bytes: u64,
    /// How many requests may be in flight. A stream counts until its last byte, so this is far
    /// higher than the number of requests that are being started at once.
    pub max_concurrent_requests: u64,
    /// Seconds after which a silent stream shows the client that it lives.
    pub keepalive_secs: u64,
    /// Seconds that requests in flight may go on after the signal to stop.
    pub shutdown_deadline_secs: u64,
    /// Listen where others can reach it although no key is configured.
    pub allow_open: bool,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self {
            host: IpAddr::from([127, 0, 0, 1]),
            port: 18080,
            max_request_body_bytes: 50 << 20,
            max_concurrent_requests: 16_384,
            keepalive_secs: 15,
            shutdown_deadline_secs: 30,
            allow_open: false,
        }
    }
}

/// The admin listener: metrics, readiness, admin API, MCP.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct AdminOptions {
    /// The address to listen on.
    pub host: IpAddr,
    /// The port; 0 lets the system choose.
    pub port: u16,
}

impl Default for AdminOptions {
    fn default() -> Self {
        Self {
            host: IpAddr::from([127, 0, 0, 1]),
            port: 18081,
        }
    }
}

/// Tool calls in streams.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ToolCallOptions {
    /// Seconds that a tool call may stand still before the stream ends with an error. Not 0.
    pub timeout_secs: u64,
}

impl Default for ToolCallOptions {
    fn default() -> Self {
        Self { timeout_secs: 120 }
    }
}

/// Logs.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct LoggingOptions {
    /// How much.
    pub level: Word<LogLevel>,
    /// For people or for programs.
    #[serde(alias = "format")]
    pub output_format: Word<LogFormat>,
    /// Colour, where the output is a terminal.
    pub use_color: bool,
    /// From when a request counts as slow.
    pub duration_thresholds: ThresholdOptions,
}

impl Default for LoggingOptions {
    fn default() -> Self {
        Self {
            level: Word::default(),
            output_format: Word::default(),
            use_color: true,
            duration_thresholds: ThresholdOptions::default(),
        }
    }
}

/// From when a request counts as slow.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ThresholdOptions {
    /// Milliseconds until it is coloured as a warning.
    pub warn_ms: u64,
    /// Milliseconds until it is coloured as an error.
    pub error_ms: u64,
}

impl Default for ThresholdOptions {
    fn default() -> Self {
        Self {
            warn_ms: 5_000,
            error_ms: 15_000,
        }
    }
}

/// Error answers.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ErrorOptions {
    /// The dialect's error object, or the message alone.
    pub format: Word<ErrorFormat>,
}

/// Downloading images and documents that a request names by URL, for upstreams that take them only
/// as data. The URLs are the clients': read what each key opens.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct FetchOptions {
    /// Whether anything is downloaded.
    pub enabled: bool,
    /// Whether `http` URLs are too.
    pub allow_http: bool,
    /// The only hosts that are downloaded from; `*` stands for any text, a port may follow. Empty
    /// means every host on the public internet, on its usual port.
    pub hosts: Vec<String>,
    /// Hosts, with a port if it is not the usual one, that may have addresses which are not public,
    /// and may use `http`. Metadata services of clouds stay closed.
    pub internal_hosts: Vec<String>,
    /// The largest file in bytes.
    pub max_bytes: u64,
    /// The most files of one request.
    pub max_files: u64,
    /// Seconds that one file may take, redirects included.
    pub timeout_secs: u64,
    /// The most redirects of one file; each goes through the same checks.
    pub max_redirects: u64,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            enabled: false,
            allow_http: false,
            hosts: Vec::new(),
            internal_hosts: Vec::new(),
            max_bytes: 10 << 20,
            max_files: 20,
            timeout_secs: 20,
            max_redirects: 3,
        }
    }
}

/// Recording of requests and answers.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct CaptureOptions {
    /// What the client sent.
    pub inbound_request_enabled: bool,
    /// What went upstream.
    pub provider_request_enabled: bool,
    /// What came back.
    pub upstream_response_enabled: bool,
    /// What the client got.
    pub outbound_response_enabled: bool,
    /// The folder to write to.
    pub dir: Option<String>,
}
