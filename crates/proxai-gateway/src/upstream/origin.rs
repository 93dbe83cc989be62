//! What a request refers to and only one upstream has: its stored answers, and items that nobody
//! else can read (case 118).
//!
//! What went through a client of another protocol names its issuer, who is then asked first,
//! whatever priorities and weights say: any other target would get the conversation without its
//! thoughts. What a Responses upstream gave a client of its own protocol names nobody; that is
//! remembered ([`issued`](super::issued)). Where it is not, the upstream says itself that it is not
//! its own, and the next target is asked; it is the one refusal as a client's mistake that another
//! target may not have.

use proxai_router::Plan;
use proxai_translate::seal;
use proxai_types::{Operation, Protocol};

use crate::inbound::call::Call;
use crate::problem::{Cause, Problem};
use crate::snapshot::Snapshot;
use crate::upstream::issued::{Issued, Name};

/// Refusals that say that the state is not the upstream's own.
/// <https://platform.openai.com/docs/guides/error-codes> (2026-11)
const NOT_OURS: [&str; 2] = ["previous_response_not_found", "invalid_encrypted_content"];

/// Puts the targets of the one who has what the request goes on from, or issued its latest sealed
/// item, first.
pub(crate) fn first(snapshot: &Snapshot, call: &Call, plan: &mut Plan, issued: &Issued) {
    if !has_several_providers(plan) {
        return;
    }
    let issuer = remembered(call, issued)
        .or_else(|| seal::latest_issuer(&call.body).map(|issuer| issued.name(&issuer)));
    if let Some(issuer) = issuer {
        let names = |index: usize| issued.name(&snapshot.upstreams[index].name);
        plan.attempts
            .sort_by_cached_key(|attempt| names(attempt.provider.index()) != issuer);
    }
}

fn remembered(call: &Call, issued: &Issued) -> Option<Name> {
    if call.dialect != Protocol::Responses {
        return None;
    }
    let by_path = match call.operation {
        Operation::Other => issued.of_path(call.uri.path()),
        _ => None,
    };
    by_path.or_else(|| issued.of_request(&call.body))
}

/// Whether what the answer issues is worth remembering: another provider could be asked for it.
pub(crate) fn is_remembered(call: &Call, plan: &Plan) -> bool {
    call.dialect == Protocol::Responses && has_several_providers(plan)
}

fn has_several_providers(plan: &Plan) -> bool {
    let mut providers = plan.attempts.iter().map(|attempt| attempt.provider);
    let first = providers.next();
    providers.any(|other| Some(other) != first)
}

/// Whether a refusal means that the request belongs to another target.
pub(crate) fn is_elsewhere(problem: &Problem) -> bool {
    let failure = &problem.failure;
    match problem.cause {
        // A target without stored answers of its own cannot be the one.
        Cause::Refused => failure.param.as_deref() == Some("previous_response_id"),
        _ => failure
            .code
            .as_deref()
            .is_some_and(|code| NOT_OURS.contains(&code)),
    }
}
