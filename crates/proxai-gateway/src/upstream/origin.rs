//! What a request refers to and only one upstream has: its stored answers, and items that nobody
//! else can read (case 118).
//!
//! What went through a client of another protocol names its issuer, who is then asked first,
//! whatever priorities and weights say: any other target would get the conversation without its
//! thoughts. What an upstream gave a client of its own protocol names nobody. There the upstream
//! says itself that it is not its own, and the next target is asked; it is the one refusal as a
//! client's mistake that another target may not have.

use proxai_router::Plan;
use proxai_translate::seal;

use crate::inbound::call::Call;
use crate::problem::{Cause, Problem};
use crate::snapshot::Snapshot;

/// Refusals that say that the state is not the upstream's own.
/// <https://platform.openai.com/docs/guides/error-codes> (2026-11)
const NOT_OURS: [&str; 2] = ["previous_response_not_found", "invalid_encrypted_content"];

/// Puts the targets of the one who issued the latest sealed item first.
pub(crate) fn first(snapshot: &Snapshot, call: &Call, plan: &mut Plan) {
    if plan.attempts.len() < 2 {
        return;
    }
    if let Some(issuer) = seal::latest_issuer(&call.body) {
        let foreign = |name: &str| name != issuer;
        plan.attempts
            .sort_by_key(|attempt| foreign(&snapshot.upstreams[attempt.provider.index()].name));
    }
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
