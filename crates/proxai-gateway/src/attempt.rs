//! One attempt: a request to one upstream, sent again where a refusal says how to do better.
//!
//! Returns either an answer that is committed (its status is known to be right and the body can
//! be sent) or a problem, after which another target may still be tried. Nothing here writes to
//! the client.

use std::sync::Arc;

use bytes::Bytes;
use proxai_router::Attempt;
use proxai_types::{Operation, Protocol};

use crate::answer::Answer;
use crate::answer::read::Reading;
use crate::answer::reply::refused;
use crate::context::Context;
use crate::inbound::call::Call;
use crate::outbound::cache;
use crate::outbound::continuing::Continuing;
use crate::outbound::fetch;
use crate::outbound::refusal::{endpoint_is_missing, items, room, unknown_parameters};
use crate::outbound::request::{Way, prepare};
use crate::problem::{Cause, Problem};
use crate::upstream::detour;
use crate::upstream::keys::tell_final;
use crate::upstream::provider::{Upstream, UsedUp};

/// A refusal, and what may be tried against it.
struct Refusal {
    problem: Box<Problem>,
    /// The upstream's words, where it was the upstream that refused.
    said: Bytes,
    /// Members that the request had on proxai's own account.
    own: &'static [&'static str],
    /// The limit of the answer that the client did not set.
    made_up: Option<u64>,
    /// The body that was refused.
    sent: Bytes,
}

impl From<Box<Problem>> for Refusal {
    fn from(problem: Box<Problem>) -> Self {
        Self {
            problem,
            said: Bytes::new(),
            own: &[],
            made_up: None,
            sent: Bytes::new(),
        }
    }
}

/// Asks one upstream for a model's answer.
///
/// Twice if a refusal says how to do better: at the other endpoint where one is missing (P5), and
/// without a parameter that the model does not know, or with a lower limit where proxai made one up
/// that the model cannot keep (P12). Each is done once, and remembered when
/// it has helped. Once too, and never remembered since it is about one conversation: without the
/// ids of items that the upstream has not stored (case 62).
pub(crate) async fn generate(
    cx: Context<'_>,
    call: &Call,
    client: Protocol,
    upstream: &Arc<Upstream>,
    attempt: &Attempt,
) -> Result<Answer, Box<Problem>> {
    let model = attempt.upstream_model.as_str();
    let mut way = first_way(call, client, upstream, model);
    let mut before: Option<Box<Problem>> = None;
    loop {
        let refusal = match exchange(cx, call, client, &way, upstream, attempt).await {
            Ok(mut answer) => {
                remember(upstream, model, &way);
                let policy = call.wishes.cache_of(attempt);
                cache::tell(policy, answer.usage.as_ref(), &mut answer.headers);
                return Ok(answer);
            }
            Err(refusal) => refusal,
        };
        let Cause::Status(status) = refusal.problem.cause else {
            return Err(refusal.problem);
        };
        let shown = detour::shown_by(status, &refusal.said, upstream, way.protocol);
        if let Some(other) = shown.filter(|_| way.instead_of.is_none()) {
            way.protocol = other;
            continue;
        }
        if endpoint_is_missing(status, &refusal.said, model) {
            if let Some(missing) = way.instead_of {
                // Neither is there: what was remembered is no longer true.
                upstream.learned.set_missing(missing, false);
                return Err(before.unwrap_or(refusal.problem));
            }
            let Some(other) = upstream.instead_of(way.protocol, model) else {
                return Err(refusal.problem);
            };
            way.instead_of = Some(way.protocol);
            way.protocol = other;
            before = Some(refusal.problem);
            continue;
        }
        if way.room.is_none()
            && let Some(told) = refusal
                .made_up
                .and_then(|limit| room::room(status, &refusal.said, limit))
        {
            way.room = Some(told);
            continue;
        }
        if let Some(gone) = gone_items(&way, status, &refusal) {
            way.gone = gone;
            continue;
        }
        let unknown = unknown_parameters(status, &refusal.said, refusal.own);
        let lossless = || unknown.iter().all(|name| refusal.own.contains(name));
        let again = way.without.is_empty() && (!call.wishes.strict || lossless());
        if again && !unknown.is_empty() {
            way.without = unknown;
            continue;
        }
        // A server that breaks over an endpoint that was only tried says nothing of the request.
        if status >= 500
            && let Some(first) = before
        {
            return Err(first);
        }
        // Refused for another reason: what was changed has helped.
        if status < 500 && !way.without.iter().any(|name| unknown.contains(name)) {
            remember(upstream, model, &way);
        }
        return Err(refusal.problem);
    }
}

/// The items that the upstream misses, if the request can be sent again without their ids.
fn gone_items(way: &Way, status: u16, refusal: &Refusal) -> Option<Vec<Box<str>>> {
    if way.protocol != Protocol::Responses || !way.gone.is_empty() {
        return None;
    }
    let gone = items::gone(status, &refusal.problem.failure.message);
    items::without_ids(&refusal.sent, &gone)?;
    Some(gone)
}

/// The client's own protocol if the upstream speaks it and takes the request there, as far as is
/// known.
fn first_way(call: &Call, client: Protocol, upstream: &Upstream, model: &str) -> Way {
    let protocol = upstream.provider.protocol_for(client);
    let protocol = detour::around(call, client, upstream, protocol, model).unwrap_or(protocol);
    let other = upstream
        .learned
        .is_missing(protocol)
        .then(|| upstream.instead_of(protocol, model))
        .flatten();
    Way {
        protocol: other.unwrap_or(protocol),
        instead_of: other.map(|_| protocol),
        without: Vec::new(),
        room: None,
        gone: Vec::new(),
    }
}

fn remember(upstream: &Upstream, model: &str, way: &Way) {
    if let Some(missing) = way.instead_of
        && upstream.learned.set_missing(missing, true)
    {
        tracing::warn!(
            provider = %upstream.name,
            missing = missing.name(),
            instead = way.protocol.name(),
            "an endpoint is missing; another one is used from now on; set `protocols` to say so"
        );
    }
    if let Some(told) = way.room {
        tracing::warn!(
            provider = %upstream.name,
            model,
            output = told.room.output,
            context = told.room.context,
            "the model takes fewer tokens than requests without a limit are given; they get fewer from now on"
        );
        upstream.learned.set_room(model, told.room);
    }
    if !way.without.is_empty() {
        tracing::warn!(
            provider = %upstream.name,
            model,
            parameters = way.without.join(","),
            "the upstream refuses parameters; they are left out from now on"
        );
        upstream.learned.refuses(model, &way.without);
    }
}

async fn exchange(
    cx: Context<'_>,
    call: &Call,
    client: Protocol,
    way: &Way,
    upstream: &Arc<Upstream>,
    attempt: &Attempt,
) -> Result<Answer, Refusal> {
    let quirks = upstream
        .provider
        .quirks(way.protocol, &attempt.upstream_model);
    let wanted = fetch::wanted(&quirks, client, way.protocol, cx.fetcher.is_some());
    let with_files = cx
        .inline(client, &call.body, wanted, upstream)
        .await?
        .map(|body| call.with_body(body))
        .transpose()?;
    let call = with_files.as_ref().unwrap_or(call);
    let (mut request, mut sent) = prepare(cx, call, client, way, upstream, attempt)?;
    // Markers became images only now (P11).
    if quirks.vision_markers()
        && let Some(body) = cx
            .inline(way.protocol, &sent.body, wanted, upstream)
            .await?
    {
        sent.body = body.clone();
        *request.body_mut() = body;
    }
    let continuing = Continuing::of(cx, call, client, upstream, &request, &sent);
    let operation = Operation::Generate(way.protocol);
    let response = upstream
        .send(cx.asked(call, operation, way.protocol, &quirks), request)
        .await
        .map_err(|error| Problem::upstream(&error, &upstream.name))?;
    let status = response.status();
    if status.is_success() {
        // The answer may take long, and nothing asks for the request again.
        sent.body = Bytes::new();
        let continuing = continuing.map(|continuing| continuing.with_key_of(&response));
        let reading = Reading {
            cx,
            call,
            upstream,
            sent,
            continuing,
        };
        return Ok(reading.answer(response).await?);
    }
    let (parts, body) = response.into_parts();
    let (mut problem, said) =
        refused(client, upstream, sent.upstream, status, parts.headers, body).await;
    if parts.extensions.get::<UsedUp>().is_some() {
        tell_final(&mut problem);
    }
    Err(Refusal {
        problem,
        said,
        own: sent.own,
        made_up: sent.made_up,
        sent: sent.body,
    })
}
