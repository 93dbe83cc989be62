//! The request path: classify, admit, collect, plan, attempt, answer.
//!
//! [`Gateway`] takes an HTTP request and returns a response whose body is polled by the
//! connection that asked. It spawns no task and opens no channel, so back-pressure reaches the
//! upstream and a client that leaves ends its request there. What to do is read from the
//! [`Snapshot`] that is [`Live`] when the request begins; a reload never touches it.
//!
//! Within one protocol the client's bytes go upstream and the upstream's bytes come back; only
//! between two does [`proxai_translate`] read and write bodies.

mod abilities;
mod attempt;
mod body;
mod cache;
mod call;
mod classify;
mod collect;
mod context;
mod continuing;
mod counters;
mod date;
mod detour;
mod discovery;
mod ending;
mod fetch;
mod forward;
mod headers;
mod id;
mod keys;
mod learned;
mod models;
mod named;
mod options;
mod origin;
mod outgoing;
mod output;
mod permit;
mod problem;
mod pulse;
mod record;
mod refusal;
mod reply;
mod restore;
mod seen;
mod service;
mod snapshot;
mod stream;
#[cfg(test)]
mod stream_tests;
mod tap;
mod tower_service;
mod upstream;
mod usage;
mod wishes;

pub use abilities::{abilities, needs_hub};
pub use body::{BodyError, GatewayBody};
pub use counters::{
    Counters, Counts, LossLabels, RequestLabels, StatusClass, TokenKind, TokenLabels,
};
pub use fetch::{FetchOptions, FetchRules, Fetcher};
pub use models::ModelList;
pub use permit::{Gauge, Permit, PlaceLimits};
pub use problem::ErrorFormat;
pub use record::{Journal, Outcome, Record, Silent};
pub use service::Gateway;
pub use snapshot::{AnswerModel, Limits, Live, Snapshot};
pub use upstream::{LocalAnswer, LocalAsk, LocalUpstream, Sender, Upstream, UpstreamOptions};
