//! One generation of the configuration, as requests see it.
//!
//! Everything that can be worked out once is worked out here: a request looks up and clones
//! reference counts, and builds nothing that is the same for the next one.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use proxai_router::Table;

use crate::models::ModelList;
use crate::outbound::fetch::Fetcher;
use crate::problem::ErrorFormat;
use crate::upstream::provider::Upstream;

/// What a request is measured against.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The largest request body, before and after decompression.
    pub request_body: usize,
    /// The largest answer that is held whole, to translate it.
    pub response_body: usize,
    /// The largest event of a stream.
    pub event: usize,
    /// How long a client may take to send its body.
    pub body_timeout: Duration,
    /// How long a client hears nothing before it is told that the stream lives (S4).
    pub keepalive: Duration,
    /// How long a tool call may go without a further piece of its arguments (S3).
    pub tool_call_timeout: Duration,
    /// Requests at once, streams included, before new ones are turned away.
    pub concurrent_requests: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_body: 50 << 20,
            response_body: 64 << 20,
            event: proxai_sse::DEFAULT_MAX_FRAME,
            body_timeout: Duration::from_mins(1),
            keepalive: Duration::from_secs(15),
            tool_call_timeout: Duration::from_mins(2),
            concurrent_requests: 65_536,
        }
    }
}

/// Whose name of the model an answer tells (`routing.answer_model`, T12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnswerModel {
    /// The one that the client asked for.
    #[default]
    Requested,
    /// The one that the upstream tells.
    Upstream,
}

/// One generation of the configuration.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts up with each reload.
    pub generation: u64,
    /// Bounds and times.
    pub limits: Limits,
    /// How errors look.
    pub errors: ErrorFormat,
    /// Whose name of the model answers tell.
    pub answer_model: AnswerModel,
    /// In the order of the table's providers.
    pub upstreams: Vec<Arc<Upstream>>,
    /// Who takes which model.
    pub table: Table,
    /// What `/v1/models` lists.
    pub models: ModelList,
    /// Downloads what upstreams take only as data (Z3); `None` where that is off.
    pub fetcher: Option<Fetcher>,
}

impl Snapshot {
    /// Puts a generation together. `upstreams` are in the order of the table's providers.
    pub fn new(
        generation: u64,
        limits: Limits,
        errors: ErrorFormat,
        upstreams: Vec<Arc<Upstream>>,
        table: Table,
    ) -> Self {
        let models = ModelList::of(&table, &upstreams);
        Self {
            generation,
            limits,
            errors,
            answer_model: AnswerModel::default(),
            upstreams,
            table,
            models,
            fetcher: None,
        }
    }

    /// The same with answers that tell this name of the model.
    #[must_use]
    pub fn naming(mut self, answer_model: AnswerModel) -> Self {
        self.answer_model = answer_model;
        self
    }

    /// The same with files fetched for upstreams that take only data.
    #[must_use]
    pub fn fetching(mut self, fetcher: Option<Fetcher>) -> Self {
        self.fetcher = fetcher;
        self
    }
}

/// The generation in use. Requests in flight keep the one they began with.
#[derive(Debug)]
pub struct Live(ArcSwap<Snapshot>);

impl Live {
    /// Begins with a generation.
    pub fn new(snapshot: Snapshot) -> Self {
        Self(ArcSwap::from_pointee(snapshot))
    }

    /// The current generation.
    pub fn load(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Replaces the generation for all requests that come from now on.
    pub fn replace(&self, snapshot: Snapshot) {
        self.0.store(Arc::new(snapshot));
    }
}
