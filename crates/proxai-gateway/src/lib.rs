//! The request path: classify, admit, collect, plan, attempt, answer.
//!
//! [`Gateway`] takes an HTTP request and returns a response whose body is polled by the
//! connection that asked. It spawns no task and opens no channel, so back-pressure reaches the
//! upstream and a client that leaves ends its request there. What to do is read from the
//! [`Snapshot`] that is [`Live`] when the request begins; a reload never touches it.
//!
//! Within one protocol the client's bytes go upstream and the upstream's bytes come back; only
//! between two does [`proxai_translate`] read and write bodies.

mod account;
mod answer;
mod attempt;
mod context;
mod date;
mod fallback;
mod headers;
mod id;
mod inbound;
mod models;
mod outbound;
mod problem;
mod respond;
mod service;
mod snapshot;
mod tower_service;
mod upstream;

pub use account::counters::{
    Counters, Counts, LossLabels, RequestLabels, StatusClass, TokenKind, TokenLabels,
};
pub use account::record::{Journal, Outcome, Record, Silent};
pub use answer::body::{BodyError, GatewayBody};
pub use models::ModelList;
pub use outbound::fetch::{FetchOptions, FetchRules, Fetcher};
pub use problem::ErrorFormat;
pub use service::Gateway;
pub use snapshot::{AnswerModel, Limits, Live, Snapshot};
pub use upstream::abilities::{abilities, needs_hub};
pub use upstream::permit::{Gauge, Permit, PlaceLimits};
pub use upstream::provider::{
    LocalAnswer, LocalAsk, LocalUpstream, Sender, Upstream, UpstreamOptions,
};
