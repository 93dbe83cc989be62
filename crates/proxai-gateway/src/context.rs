//! What an attempt needs to know beside its call: the bounds, the names, who it is for.
//!
//! Made once per attempt and copied. What changes while an upstream is asked is no part of it.

use std::sync::Arc;

use bytes::Bytes;
use proxai_providers::Quirks;
use proxai_types::{Operation, Protocol};

use crate::inbound::call::Call;
use crate::outbound::fetch::{self, Fetcher, Wanted};
use crate::problem::Problem;
use crate::snapshot::{AnswerModel, Limits};
use crate::upstream::issued::Issued;
use crate::upstream::provider::{Asked, Upstream};

/// What an attempt needs to know beside the call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) answer_model: AnswerModel,
    pub(crate) request_id: &'a Arc<str>,
    /// Downloads files, where that is allowed (Z3).
    pub(crate) fetcher: Option<&'a Fetcher>,
    /// Whether a refusal sends the request to another target, so that it has to be told from an
    /// answer (R5).
    pub(crate) asks_on_after_refusal: bool,
    /// Where to note what the answer issues, if another provider could be asked for it.
    pub(crate) issued: Option<&'a Arc<Issued>>,
    /// Seconds since 1970.
    pub(crate) now: u64,
}

impl<'a> Context<'a> {
    /// The id for an answer whose upstream gives none.
    pub(crate) fn bare_id(self) -> &'a str {
        self.request_id
            .strip_prefix("req_")
            .unwrap_or(self.request_id)
    }

    /// The name of the model that the answer tells, `sent` being the upstream's: it stands where the
    /// client named none, and until the upstream tells another where that is wanted (T12).
    pub(crate) fn model_told<'n>(self, call: &'n Call, sent: &'n str) -> &'n str {
        match self.answer_model {
            AnswerModel::Requested if !call.head.model.is_empty() => &call.head.model,
            _ => sent,
        }
    }

    /// The body with the files that the upstream takes only as data; `None` if it has them.
    pub(crate) async fn inline(
        self,
        protocol: Protocol,
        body: &Bytes,
        wanted: Wanted,
        upstream: &Upstream,
    ) -> Result<Option<Bytes>, Box<Problem>> {
        let limit = self.limits.request_body;
        fetch::inline(self.fetcher, protocol, body, wanted, limit, &upstream.name).await
    }

    pub(crate) fn asked(
        self,
        call: &'a Call,
        operation: Operation,
        protocol: Protocol,
        quirks: &'a Quirks,
    ) -> Asked<'a> {
        Asked {
            operation,
            protocol,
            path: call.uri.path(),
            id: self.bare_id(),
            now: self.now,
            final_codes: quirks.final_error_codes.as_deref().unwrap_or_default(),
        }
    }
}
