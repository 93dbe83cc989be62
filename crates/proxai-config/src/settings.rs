//! The validated configuration: plain values that need no further checks.
//!
//! Whoever holds [`Settings`] may rely on it: every route leads to a provider that is here, every
//! limit is above zero, and a listener that others can reach was allowed to be open.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use proxai_providers::{Key, Provider};
use proxai_router::{ProviderId, Table};

/// Everything the program runs by.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `[server]`: the proxy listener and its limits.
    pub server: Server,
    /// `[mcp]`: the admin listener.
    pub admin: SocketAddr,
    /// The providers, in the order of the configuration. [`ProviderId`] counts them.
    pub providers: Vec<ProviderSettings>,
    /// The routes and defaults over them.
    pub table: Table,
    /// `[tool_calls] timeout_secs`: how long a tool call may stand still in a stream. Above zero.
    pub tool_call_timeout: Duration,
    /// `[logging]`.
    pub logging: Logging,
    /// `[error_responses] format`.
    pub error_format: ErrorFormat,
    /// `[routing] answer_model`.
    pub answer_model: AnswerModel,
    /// `[fetch]`; `None` where nothing is downloaded.
    pub fetch: Option<Fetch>,
    /// `[capture]`.
    pub capture: Capture,
    /// Whether no provider is configured, so that these are the ones that were found (K4).
    pub zero_config: bool,
    pub(crate) unimplemented: Vec<String>,
}

impl Settings {
    /// Keys that are set, understood, and have no effect in this version. Startup warns about
    /// each: a setting is never ignored in silence.
    pub fn unimplemented(&self) -> &[String] {
        &self.unimplemented
    }

    /// The keys whose new value takes effect only after a restart (K7): sockets stay as they are.
    pub fn needs_restart(&self, new: &Self) -> Vec<&'static str> {
        [
            ("server.host", self.server.host != new.server.host),
            ("server.port", self.server.port != new.server.port),
            ("mcp.host", self.admin.ip() != new.admin.ip()),
            ("mcp.port", self.admin.port() != new.admin.port()),
        ]
        .into_iter()
        .filter_map(|(key, changed)| changed.then_some(key))
        .collect()
    }

    /// A provider of a plan.
    pub fn provider(&self, id: ProviderId) -> Option<&ProviderSettings> {
        self.providers.get(id.index())
    }
}

/// The proxy listener and its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The address to listen on.
    pub host: IpAddr,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// The largest request body, before and after decompression. Above zero.
    pub max_request_body_bytes: usize,
    /// How many requests may be in flight, counted until their answer has ended. Above zero.
    pub max_concurrent_requests: usize,
    /// How often a silent stream shows the client that it lives. Above zero.
    pub keepalive: Duration,
    /// How long requests in flight may go on after the signal to stop.
    pub shutdown_deadline: Duration,
    /// Whether others may reach the listener although no key is configured (A1).
    pub allow_open: bool,
}

impl Server {
    /// Where the proxy listens.
    pub const fn listen(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }
}

/// A provider with what it takes to call it.
#[derive(Clone, Debug)]
pub struct ProviderSettings {
    /// Endpoints, authentication, quirks; its `name` is the one in the configuration.
    pub provider: Provider,
    /// Keys to rotate; none for servers that need none.
    pub keys: Vec<Key>,
    /// The model of requests that name none.
    pub default_model: Option<String>,
    /// How long the upstream may be silent in the middle of an answer.
    pub read_idle_timeout: Duration,
    /// How many requests it gets at once (R8).
    pub in_flight: InFlight,
    /// Made for one route: neither listed nor reachable by a `provider/model` prefix.
    pub anonymous: bool,
}

/// How many requests a provider gets at once, and how many more may wait (R8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// At once; `None` is no limit. Above zero.
    pub max: Option<usize>,
    /// How many may wait.
    pub queue: usize,
    /// How long each may wait. Above zero.
    pub queue_timeout: Duration,
}

/// `[logging]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    /// What is logged.
    pub level: LogLevel,
    /// For people or for programs.
    pub format: LogFormat,
    /// Whether the human format may use colour, where the output is a terminal.
    pub use_color: bool,
    /// Requests that take longer are coloured as slow.
    pub slow: Duration,
    /// Requests that take longer are coloured as too slow.
    pub too_slow: Duration,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// For finding faults.
    Debug,
    /// One line per request.
    #[default]
    Info,
    /// What deserves a look.
    Warn,
    /// What failed.
    Error,
}

impl LogLevel {
    /// The word that log filters use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Who reads the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// People.
    #[default]
    Human,
    /// Programs: one JSON object per line.
    Json,
}

/// The body of error answers (X1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorFormat {
    /// The dialect's own error object.
    #[default]
    Json,
    /// The message alone, for clients that show bodies to people.
    Text,
}

/// Whose name of the model an answer tells (T12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnswerModel {
    /// The one that the client asked for.
    #[default]
    Requested,
    /// The one that the upstream tells.
    Upstream,
}

/// `[fetch]` (Z3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// Whether `http` URLs are downloaded too.
    pub allow_http: bool,
    /// The only hosts, with an optional port; empty means every public one.
    pub hosts: Vec<String>,
    /// Hosts, with an optional port, that need not be public.
    pub internal_hosts: Vec<String>,
    /// The largest file. Above zero.
    pub max_bytes: usize,
    /// The most files of one request. Above zero.
    pub max_files: usize,
    /// How long one file may take. Above zero.
    pub timeout: Duration,
    /// The most redirects.
    pub max_redirects: usize,
}

/// `[capture]` (O3). All off by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture {
    /// What the client sent.
    pub inbound_request: bool,
    /// What went upstream.
    pub provider_request: bool,
    /// What came back.
    pub upstream_response: bool,
    /// What the client got.
    pub outbound_response: bool,
    /// Where to write; `None` means the program's own folder.
    pub dir: Option<PathBuf>,
}

impl Capture {
    /// Whether anything is written.
    pub const fn any(&self) -> bool {
        self.inbound_request
            || self.provider_request
            || self.upstream_response
            || self.outbound_response
    }
}
