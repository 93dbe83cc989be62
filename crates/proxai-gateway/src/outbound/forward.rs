//! What is not a model's answer: embeddings (E2), token counts (E4) and every other path (E7).
//!
//! Requests go on as they came, but for the model's name, the target's options and what the quirks
//! of the row say about the head; the bodies of embeddings and counts also lose what their endpoint
//! refuses, as those of answers do, and none takes a seal to anybody but its issuer (T6). Answers
//! come back as they are, errors included, with three exceptions: embeddings are brought to the
//! shape of the reference (P9), a count that the upstream does not offer is made here, and an error
//! that another target may do better is a problem first and the upstream's own bytes last.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use proxai_ir::{FailureKind, Losses};
use proxai_json::Doc;
use proxai_providers::embeddings::{EmbeddingRequestFacts, conform};
use proxai_providers::headers::Hop;
use proxai_providers::{Quirks, Resource};
use proxai_router::Attempt;
use proxai_types::Protocol;
use proxai_upstream::ReplyBody;

use crate::answer::Answer;
use crate::answer::body::{Forward, Source};
use crate::answer::reply::{Kind, collect, is_error_object};
use crate::context::Context;
use crate::headers::{JSON, ReplyHop, filter_reply, forward_request, mark_stream};
use crate::inbound::call::{Call, Place};
use crate::outbound::fetch;
use crate::outbound::options;
use crate::outbound::refusal::endpoint_is_missing;
use crate::outbound::request::{edit, refuse_losses, set_user_agent, unsealed};
use crate::problem::{Cause, Problem};
use crate::upstream::keys::tell_final;
use crate::upstream::provider::{To, Upstream, UsedUp};

const ESTIMATED: HeaderName = HeaderName::from_static("x-proxai-estimated");

/// The largest error that is held so that another target may be tried.
const MAX_ERROR_BODY: usize = 1 << 20;

/// Counting what is larger takes long enough to hold up other requests of the same thread: about a
/// millisecond from here on.
const COUNT_ELSEWHERE: usize = 32 << 10;

/// Whether something has been counted: the first count unpacks the vocabulary, which takes longer
/// than any that follows.
static COUNTED: AtomicBool = AtomicBool::new(false);

/// Any other path: everything is the upstream's.
pub(crate) async fn forward(
    cx: Context<'_>,
    call: &Call,
    upstream: &Upstream,
    attempt: &Attempt,
    to: To<'_>,
) -> Result<Answer, Box<Problem>> {
    let sent = send(cx, call, upstream, attempt, to).await?;
    Ok(sent.untouched(upstream))
}

/// Embeddings in the shape of the reference, whatever the upstream makes of it.
pub(crate) async fn embeddings(
    cx: Context<'_>,
    call: &Call,
    upstream: &Upstream,
    attempt: &Attempt,
) -> Result<Answer, Box<Problem>> {
    let sent = send(cx, call, upstream, attempt, To::Embeddings).await?;
    if !sent.status.is_success() {
        return Ok(sent.untouched(upstream));
    }
    let body = collect(sent.body, cx.limits.response_body, upstream).await?;
    if is_error_object(&body) {
        let mut failure = proxai_translate::decode_failure(sent.protocol, 200, &body);
        failure.status = failure.status.filter(|status| *status >= 400);
        let mut problem = Problem::refused(failure);
        problem.headers = filter_reply(ReplyHop::Replaced, sent.headers);
        problem.verbatim = Some(body);
        problem.cause = Cause::InBand;
        return Err(problem);
    }
    let mut facts = EmbeddingRequestFacts::read(&call.body);
    if facts.model.is_empty() {
        facts.model.clone_from(&attempt.upstream_model);
    }
    let conformed = match conform(&body, &facts) {
        Ok(std::borrow::Cow::Borrowed(_)) => None,
        Ok(std::borrow::Cow::Owned(conformed)) => Some(Bytes::from(conformed)),
        Err(error) => {
            let mut problem = Problem::new(
                FailureKind::BadUpstream,
                "upstream_unreadable",
                format!("provider `{}`: {error}", upstream.name),
            );
            problem.headers = filter_reply(ReplyHop::Replaced, sent.headers);
            problem.cause = Cause::InBand;
            return Err(problem);
        }
    };
    let mut headers = filter_reply(ReplyHop::Untouched, sent.headers);
    headers.remove(CONTENT_LENGTH);
    let losses = sent.losses;
    let body = match conformed {
        None => body,
        Some(conformed) => {
            headers.insert(CONTENT_TYPE, JSON);
            conformed
        }
    };
    Ok(Answer {
        usage: crate::answer::usage::in_tail(&body),
        losses,
        ..Answer::whole(sent.status, headers, body, sent.protocol)
    })
}

/// The upstream's count, or our own where it has none.
pub(crate) async fn count_tokens(
    cx: Context<'_>,
    call: &Call,
    upstream: &Upstream,
    attempt: &Attempt,
) -> Result<Answer, Box<Problem>> {
    let provider = &upstream.provider;
    if provider.embedded || !provider.speaks(Protocol::Messages) {
        return estimate(call, upstream).await;
    }
    let sent = send(cx, call, upstream, attempt, To::CountTokens).await?;
    let missing = [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED];
    if !missing.contains(&sent.status) && sent.status != StatusCode::OK {
        return Ok(sent.untouched(upstream));
    }
    let Sent {
        status,
        headers,
        body,
        protocol,
        ..
    } = sent;
    let body = collect(body, MAX_ERROR_BODY, upstream).await?;
    // Some gateways answer 0 for what they cannot count, and agents never compact by that (case 115).
    let nothing = status == StatusCode::OK && counts_nothing(&body);
    if !nothing && !endpoint_is_missing(status.as_u16(), &body, &attempt.upstream_model) {
        let mut headers = filter_reply(ReplyHop::Forwarded, headers);
        headers.remove(CONTENT_LENGTH);
        return Ok(Answer::whole(status, headers, body, protocol));
    }
    estimate(call, upstream).await
}

fn counts_nothing(body: &[u8]) -> bool {
    Doc::scan(body).is_ok_and(|doc| {
        doc.get("input_tokens")
            .is_none_or(|count| matches!(count.of(body), b"0" | b"null"))
    })
}

/// A count of our own (E4), marked as such.
async fn estimate(call: &Call, upstream: &Upstream) -> Result<Answer, Box<Problem>> {
    let body = call.body.clone();
    let count = move || proxai_translate::count::count_tokens(Protocol::Messages, &body);
    let quick = call.body.len() < COUNT_ELSEWHERE && COUNTED.load(Ordering::Relaxed);
    let counted = if quick {
        count()
    } else {
        tokio::task::spawn_blocking(count).await.map_err(|error| {
            tracing::error!(%error, "counting tokens failed; please report it");
            Problem::new(
                FailureKind::Internal,
                "internal_error",
                "an internal error ended the request; other requests are not affected",
            )
        })?
    };
    let tokens = counted.map_err(|error| Problem::request(&error))?;
    COUNTED.store(true, Ordering::Relaxed);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(ESTIMATED, HeaderValue::from_static("true"));
    let body = format!(r#"{{"input_tokens":{tokens}}}"#);
    let protocol = upstream.provider.protocol_for(Protocol::Messages);
    Ok(Answer::whole(
        StatusCode::OK,
        headers,
        body.into(),
        protocol,
    ))
}

/// The answer of an upstream, not yet looked at.
struct Sent {
    status: StatusCode,
    losses: Losses,
    headers: HeaderMap,
    body: ReplyBody,
    protocol: Protocol,
}

impl Sent {
    fn untouched(self, upstream: &Upstream) -> Answer {
        let wants_usage = Kind::of(&self.headers, false) == Kind::Json;
        let mut headers = filter_reply(ReplyHop::Forwarded, self.headers);
        if Kind::of(&headers, false) == Kind::Events {
            mark_stream(&mut headers);
        }
        let forward = Forward::new(None, self.body, upstream.read_idle_timeout, wants_usage);
        Answer {
            status: self.status,
            headers,
            source: Source::Forward(Box::new(forward)),
            upstream_protocol: self.protocol,
            losses: self.losses,
            usage: None,
            stream: false,
            continuations: 0,
        }
    }
}

async fn send(
    cx: Context<'_>,
    call: &Call,
    upstream: &Upstream,
    attempt: &Attempt,
    to: To<'_>,
) -> Result<Sent, Box<Problem>> {
    let resource = match to {
        To::Embeddings => Resource::Embeddings,
        To::CountTokens => Resource::CountTokens,
        _ => Resource::Path(call.uri.path()),
    };
    let protocol = resource.family();
    let quirks = upstream
        .provider
        .quirks_at(resource, &attempt.upstream_model);
    let mut request = upstream.request(to, call.uri.query())?;
    request.method_mut().clone_from(&call.method);
    let headers = request.headers_mut();
    // What the body is, the client says; a request without a body says nothing.
    headers.remove(CONTENT_TYPE);
    forward_request(
        Hop::Other,
        &call.headers,
        &upstream.provider.forward_headers,
        headers,
    );
    set_user_agent(&quirks, headers);
    let mut body = call.body_for(&attempt.upstream_model);
    if !attempt.options.is_empty()
        && let Some(merged) = options::merge(&body, &attempt.options)
    {
        body = merged.into();
    }
    let mut losses = Losses::new();
    fit(
        cx,
        call,
        &quirks,
        resource,
        upstream,
        &mut body,
        &mut losses,
    )
    .await?;
    if call.wishes.strict {
        refuse_losses(&losses)?;
    }
    *request.body_mut() = body;
    let response = upstream
        .send(cx.asked(call, call.operation, protocol, &quirks), request)
        .await
        .map_err(|error| Problem::upstream(&error, &upstream.name))?;
    let (parts, body) = response.into_parts();
    let status = parts.status;
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        // Shown only if no other target does better (R5), and then as it is.
        let body = collect(body, MAX_ERROR_BODY, upstream).await?;
        let mut failure = proxai_translate::decode_failure(protocol, status.as_u16(), &body);
        failure.status = Some(status.as_u16());
        let mut problem = Problem::refused(failure);
        problem.headers = filter_reply(ReplyHop::Forwarded, parts.headers);
        problem.headers.remove(CONTENT_LENGTH);
        problem.verbatim = Some(body);
        problem.cause = Cause::Status(status.as_u16());
        if parts.extensions.get::<UsedUp>().is_some() {
            tell_final(&mut problem);
        }
        return Err(problem);
    }
    Ok(Sent {
        status,
        losses,
        headers: parts.headers,
        body,
        protocol,
    })
}

/// Fits a body to its endpoint. Any other path is the upstream's own business (E7), but a seal in
/// it is not: conversations go to other paths too, such as that which compacts one.
async fn fit(
    cx: Context<'_>,
    call: &Call,
    quirks: &Quirks,
    resource: Resource<'_>,
    upstream: &Upstream,
    body: &mut Bytes,
    losses: &mut Losses,
) -> Result<(), Box<Problem>> {
    match resource {
        Resource::CountTokens => {
            // Counted as it would be sent; what that loses is told where an answer is asked for.
            let protocol = Protocol::Messages;
            let wanted = fetch::wanted(quirks, protocol, protocol, cx.fetcher.is_some());
            if let Some(with_files) = cx.inline(protocol, body, wanted, upstream).await? {
                *body = with_files;
            }
            *body = unsealed(protocol, upstream, body.clone(), &mut Losses::new());
            edit(quirks, protocol, false, &[], body, &mut Losses::new())?;
            Ok(())
        }
        Resource::Embeddings if call.head.place != Place::Nowhere => {
            let mut few = Quirks::default();
            few.omit_model = quirks.omit_model;
            few.refused_parameters
                .clone_from(&quirks.refused_parameters);
            edit(&few, Protocol::Chat, false, &[], body, losses)?;
            Ok(())
        }
        Resource::Path(_) => {
            *body = unsealed(resource.family(), upstream, body.clone(), losses);
            Ok(())
        }
        _ => Ok(()),
    }
}
