//! What is remembered of a request for its one log line (O1) and its metrics, and where that goes.
//!
//! Ids, names and numbers; never a body, a prompt or a secret.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use proxai_ir::Losses;
use proxai_types::{Protocol, Usage};
use tokio::time::Instant;

use crate::account::counters::Counters;
use crate::upstream::permit::Permit;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// With everything the upstream had to say.
    End,
    /// The client went away before that.
    ClientClosed,
    /// The upstream, or a tool call, went silent.
    Stalled,
    /// The upstream's answer broke off.
    Cut,
    /// With an error, ours or the upstream's.
    Error,
}

impl Outcome {
    /// The word in logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::End => "end",
            Self::ClientClosed => "client_closed",
            Self::Stalled => "stalled",
            Self::Cut => "cut",
            Self::Error => "error",
        }
    }
}

/// What is remembered of a request.
#[derive(Clone, Debug)]
pub struct Record {
    /// Our id.
    pub id: Arc<str>,
    /// The operation or path family: `chat`, `responses`, `messages`, `embeddings`, ….
    pub operation: &'static str,
    /// What the upstream speaks, where the request got that far.
    pub upstream_protocol: Option<Protocol>,
    /// The provider's name.
    pub provider: Arc<str>,
    /// The upstream's model.
    pub model: Arc<str>,
    /// Which route decided.
    pub route: Arc<str>,
    /// The status the client got.
    pub status: u16,
    /// Attempts made.
    pub attempts: u32,
    /// Further requests that the answer took, because the upstream paused the turn (case 104).
    pub continuations: u32,
    /// Whether the answer was a stream.
    pub stream: bool,
    /// When the request came.
    pub started: Instant,
    /// Until the first byte of the answer's body.
    pub first_byte: Option<Duration>,
    /// Until the end of the answer.
    pub duration: Duration,
    /// What it cost.
    pub usage: Option<Usage>,
    /// What the request or the answer could not carry (T4). Paths hold the client's own keys: what
    /// counts them must not use them as they are; see
    /// [`features::label`](proxai_translate::features::label).
    pub losses: Losses,
    /// How it ended.
    pub outcome: Outcome,
    /// The code of the error, if there was one.
    pub error: Option<Box<str>>,
}

/// Where records go: the hook for whoever logs, counts or bills. The gateway's own [`Counters`]
/// are one. Called once per request, from the task that served it: must not block.
pub trait Journal: fmt::Debug + Send + Sync {
    /// A request has ended.
    fn record(&self, record: &Record);
}

/// Keeps nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Journal for Silent {
    fn record(&self, _: &Record) {}
}

/// Counts what is recorded, and passes it on.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) counters: Arc<Counters>,
    pub(crate) journal: Arc<dyn Journal>,
}

impl Journal for Counted {
    fn record(&self, record: &Record) {
        self.counters.record(record);
        self.journal.record(record);
    }
}

/// Lives as long as the response's body and writes the record when that is dropped, however that
/// comes about.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) record: Record,
    pub(crate) journal: Arc<dyn Journal>,
    /// Held, not read: dropping them makes room.
    pub(crate) permits: [Option<Permit>; 2],
    /// The next attempt to write decides; until the body says so it is the client who left.
    pub(crate) ended: bool,
}

impl Ticket {
    /// Notes the first byte of the body, once.
    pub(crate) fn first_byte(&mut self) {
        if self.record.first_byte.is_none() {
            self.record.first_byte = Some(self.record.started.elapsed());
        }
    }

    /// The body is complete as far as it will ever be.
    pub(crate) fn end(&mut self, outcome: Outcome) {
        if !self.ended {
            self.ended = true;
            self.record.outcome = outcome;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.ended {
            self.record.outcome = Outcome::ClientClosed;
        }
        self.record.duration = self.record.started.elapsed();
        self.journal.record(&self.record);
    }
}
