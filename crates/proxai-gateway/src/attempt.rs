//! One attempt: a request to one upstream, and what becomes of its answer.
//!
//! Returns either an answer that is committed (its status is known to be right and the body can
//! be sent) or a problem, after which another target may still be tried. Nothing here writes to
//! the client.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use http::{Response, StatusCode};
use proxai_ir::{FailureKind, Losses};
use proxai_json::{Doc, Edit};
use proxai_providers::headers::Hop;
use proxai_providers::{Quirks, quirks};
use proxai_router::Attempt;
use proxai_sse::Decoder;
use proxai_translate::{Abilities, ReplyContext, RequestInfo, StreamTranslator, Target};
use proxai_types::{Operation, Protocol, Usage};
use proxai_upstream::ReplyBody;

use crate::body::{Forward, Source};
use crate::call::Call;
use crate::headers::{EVENT_STREAM, JSON, ReplyHop, filter_reply, forward_request, mark_stream};
use crate::options;
use crate::problem::{Cause, Problem};
use crate::pulse::Pulse;
use crate::reply::{Kind, collect, is_error_object, next_piece, refused, unreadable};
use crate::snapshot::Limits;
use crate::stream::{Engine, StreamBody};
use crate::tap::Tap;
use crate::upstream::{Asked, To, Upstream};
use crate::usage;

/// Up to here an answer is looked at whether it is an error in disguise (X4). Errors are short.
const MAX_PEEK: usize = 64 << 10;

/// What an attempt needs to know beside the call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) request_id: &'a Arc<str>,
    /// Seconds since 1970.
    pub(crate) now: u64,
}

impl<'a> Context<'a> {
    /// The id for an answer whose upstream gives none.
    fn bare_id(self) -> &'a str {
        self.request_id
            .strip_prefix("req_")
            .unwrap_or(self.request_id)
    }

    pub(crate) fn asked(
        self,
        call: &'a Call,
        operation: Operation,
        protocol: Protocol,
    ) -> Asked<'a> {
        Asked {
            operation,
            protocol,
            path: call.uri.path(),
            id: self.bare_id(),
            now: self.now,
        }
    }
}

/// An answer that is certain enough to be sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) source: Source,
    pub(crate) upstream_protocol: Protocol,
    pub(crate) losses: Losses,
    pub(crate) usage: Option<Usage>,
    pub(crate) stream: bool,
}

/// What the upstream was sent, as far as reading its answer depends on it.
struct Sent {
    upstream: Protocol,
    /// `None` within one protocol.
    reply: Option<Arc<ReplyContext>>,
    losses: Losses,
    body: Bytes,
    query: bool,
}

/// Asks one upstream for a model's answer.
pub(crate) async fn generate(
    cx: Context<'_>,
    call: &Call,
    client: Protocol,
    upstream: &Upstream,
    attempt: &Attempt,
) -> Result<Answer, Box<Problem>> {
    let protocol = upstream.provider.protocol_for(client);
    let quirks = upstream.provider.quirks(protocol, &attempt.upstream_model);
    let mut sent = if protocol == client {
        Sent {
            upstream: protocol,
            reply: None,
            losses: Losses::new(),
            body: call.body_for(&attempt.upstream_model),
            query: true,
        }
    } else {
        translated(cx, call, client, protocol, upstream, attempt, &quirks)?
    };
    if !attempt.options.is_empty() {
        match options::merge(&sent.body, &attempt.options) {
            Some(merged) => sent.body = merged.into(),
            None => {
                return Err(Problem::new(
                    FailureKind::Internal,
                    "invalid_options",
                    "the options of the target are not JSON objects; correct the configuration",
                ));
            }
        }
    }
    let streams = match quirks.stream() {
        quirks::StreamSupport::Never => false,
        quirks::StreamSupport::Always => true,
        quirks::StreamSupport::Both => call.head.stream,
    };
    if streams != call.head.stream {
        sent.body = asking_for(&sent.body, streams);
    }
    let query = call.uri.query().filter(|_| sent.query);
    let mut request = upstream.request(To::Generate(protocol), query)?;
    let hop = if sent.reply.is_none() {
        Hop::Same(protocol)
    } else {
        Hop::Translated
    };
    let headers = request.headers_mut();
    forward_request(
        hop,
        &call.headers,
        &upstream.provider.forward_headers,
        headers,
    );
    headers.insert(
        ACCEPT,
        HeaderValue::from_static(if streams {
            "text/event-stream"
        } else {
            "application/json"
        }),
    );
    if let Some(agent) = quirks
        .user_agent()
        .and_then(|agent| HeaderValue::from_str(agent).ok())
    {
        headers.insert(USER_AGENT, agent);
    }
    *request.body_mut() = std::mem::take(&mut sent.body);
    let response = upstream
        .send(
            cx.asked(call, Operation::Generate(protocol), protocol),
            request,
        )
        .await
        .map_err(|error| Problem::upstream(&error, &upstream.name))?;
    read(cx, call, client, upstream, sent, response).await
}

fn translated(
    cx: Context<'_>,
    call: &Call,
    client: Protocol,
    protocol: Protocol,
    upstream: &Upstream,
    attempt: &Attempt,
    quirks: &Quirks,
) -> Result<Sent, Box<Problem>> {
    let mut target = Target::new(&attempt.upstream_model, &upstream.name);
    target.abilities = abilities(quirks);
    let info = RequestInfo {
        id: cx.bare_id(),
        created: cx.now,
        model: &call.head.model,
    };
    let prepared =
        proxai_translate::translate_request(client, protocol, &call.body, &target, &info)
            .map_err(|error| Problem::request(&error))?;
    Ok(Sent {
        upstream: protocol,
        reply: Some(prepared.reply),
        losses: prepared.losses,
        body: prepared.body.into(),
        query: false,
    })
}

/// The body with the other value of `stream`, for an upstream that knows but one (P13).
fn asking_for(body: &Bytes, streams: bool) -> Bytes {
    let Ok(doc) = Doc::scan(body) else {
        return body.clone();
    };
    let mut edit = Edit::new(body);
    edit.set(
        &doc.root,
        "stream",
        if streams { b"true" } else { b"false" },
    );
    if !streams {
        edit.remove(&doc.root, "stream_options");
    }
    edit.finish().map_or_else(|_| body.clone(), Bytes::from)
}

/// What an upstream's quirks say about the core of its protocol.
fn abilities(quirks: &Quirks) -> Abilities {
    Abilities {
        custom_tools: quirks.custom_tools(),
        max_completion_tokens: quirks.max_tokens_field()
            == quirks::MaxTokensField::MaxCompletionTokens,
        ..Abilities::default()
    }
}

async fn read(
    cx: Context<'_>,
    call: &Call,
    client: Protocol,
    upstream: &Upstream,
    sent: Sent,
    response: Response<ReplyBody>,
) -> Result<Answer, Box<Problem>> {
    let (parts, body) = response.into_parts();
    if !parts.status.is_success() {
        return Err(refused(
            client,
            upstream,
            sent.upstream,
            parts.status,
            parts.headers,
            body,
        )
        .await);
    }
    let kind = Kind::of(&parts.headers, call.head.stream);
    match (kind, call.head.stream) {
        (Kind::Page, _) => {
            let mut problem = Problem::new(
                FailureKind::BadUpstream,
                "upstream_not_an_api",
                format!(
                    "provider `{}` answered with a web page; check its base URL",
                    upstream.name
                ),
            );
            problem.cause = Cause::Status(parts.status.as_u16());
            Err(problem)
        }
        (Kind::Events, true) => stream(cx, client, upstream, sent, parts.headers, body).await,
        (Kind::Events, false) => {
            let whole = collect(body, cx.limits.response_body, upstream).await?;
            let reply = sent.context(cx, call, upstream);
            let folded = proxai_translate::fold_stream(client, &reply, whole)
                .map_err(|error| unreadable(&error, upstream))?;
            let mut losses = sent.losses;
            losses.extend(folded.losses);
            Ok(json(
                parts.headers,
                folded.body.into(),
                sent.upstream,
                losses,
                folded.usage,
            ))
        }
        (Kind::Json, true) => {
            let whole = collect(body, cx.limits.response_body, upstream).await?;
            let reply = sent.context(cx, call, upstream);
            let mut out = BytesMut::new();
            let usage = proxai_translate::replay_as_stream(client, reply, &whole, &mut out)
                .map_err(|error| unreadable(&error, upstream))?;
            let mut headers = filter_reply(ReplyHop::Replaced, parts.headers);
            headers.insert(CONTENT_TYPE, EVENT_STREAM);
            mark_stream(&mut headers);
            Ok(Answer {
                status: StatusCode::OK,
                headers,
                source: Source::Whole(out.freeze()),
                upstream_protocol: sent.upstream,
                losses: sent.losses,
                usage,
                stream: true,
            })
        }
        (Kind::Json, false) => match sent.reply {
            None => untouched(upstream, sent.upstream, parts.status, parts.headers, body).await,
            Some(reply) => {
                let whole = collect(body, cx.limits.response_body, upstream).await?;
                let translated = proxai_translate::translate_response(client, &reply, &whole)
                    .map_err(|error| unreadable(&error, upstream))?;
                let mut losses = sent.losses;
                losses.extend(translated.losses);
                Ok(json(
                    parts.headers,
                    translated.body.into(),
                    sent.upstream,
                    losses,
                    translated.usage,
                ))
            }
        },
    }
}

impl Sent {
    /// What the answer is written with, also where no translation was expected.
    fn context(&self, cx: Context<'_>, call: &Call, upstream: &Upstream) -> Arc<ReplyContext> {
        self.reply.clone().unwrap_or_else(|| {
            Arc::new(ReplyContext::new(
                &call.head.model,
                &upstream.name,
                self.upstream,
                cx.bare_id(),
                cx.now,
            ))
        })
    }
}

fn json(
    headers: HeaderMap,
    body: Bytes,
    upstream_protocol: Protocol,
    losses: Losses,
    usage: Option<Usage>,
) -> Answer {
    let mut headers = filter_reply(ReplyHop::Replaced, headers);
    headers.insert(CONTENT_TYPE, JSON);
    Answer {
        status: StatusCode::OK,
        headers,
        source: Source::Whole(body),
        upstream_protocol,
        losses,
        usage,
        stream: false,
    }
}

/// A stream, once it has begun.
async fn stream(
    cx: Context<'_>,
    client: Protocol,
    upstream: &Upstream,
    sent: Sent,
    headers: HeaderMap,
    body: ReplyBody,
) -> Result<Answer, Box<Problem>> {
    let pulse = Pulse::new(
        cx.limits.keepalive,
        upstream.read_idle_timeout,
        cx.limits.tool_call_timeout,
    );
    let same = sent.reply.is_none();
    let engine = match sent.reply {
        None => {
            let id = Arc::clone(cx.request_id);
            Engine::Tap(Box::new(Tap::new(client, cx.limits.event, id)))
        }
        Some(reply) => Engine::Translate(
            Decoder::with_max_frame(cx.limits.event),
            Box::new(StreamTranslator::new(client, reply)),
        ),
    };
    let mut stream = StreamBody::new(body, engine, pulse);
    if let Err(failure) = stream.begin().await {
        let mut problem = Problem::refused(failure);
        problem.headers = filter_reply(ReplyHop::Replaced, headers);
        problem.cause = Cause::InBand;
        return Err(problem);
    }
    let mut headers = if same {
        filter_reply(ReplyHop::Untouched, headers)
    } else {
        filter_reply(ReplyHop::Replaced, headers)
    };
    if !same {
        headers.insert(CONTENT_TYPE, EVENT_STREAM);
    }
    mark_stream(&mut headers);
    Ok(Answer {
        status: StatusCode::OK,
        headers,
        source: Source::Stream(Box::new(stream)),
        upstream_protocol: sent.upstream,
        losses: sent.losses,
        usage: None,
        stream: true,
    })
}

/// An answer within one protocol: its first piece is looked at, then all goes on as it comes.
async fn untouched(
    upstream: &Upstream,
    protocol: Protocol,
    status: StatusCode,
    headers: HeaderMap,
    mut body: ReplyBody,
) -> Result<Answer, Box<Problem>> {
    let first = next_piece(&mut body, upstream).await?;
    let whole = match &first {
        None => true,
        Some(_) => http_body::Body::is_end_stream(&body),
    };
    if let Some(piece) = &first
        && whole
        && piece.len() <= MAX_PEEK
        && is_error_object(piece)
    {
        let mut failure = proxai_translate::decode_failure(protocol, 200, piece);
        failure.status = failure.status.filter(|status| *status >= 400);
        let mut problem = Problem::refused(failure);
        problem.headers = filter_reply(ReplyHop::Untouched, headers);
        problem.headers.remove(CONTENT_LENGTH);
        problem.verbatim = first;
        problem.cause = Cause::InBand;
        return Err(problem);
    }
    let mut headers = filter_reply(ReplyHop::Untouched, headers);
    let (source, usage) = if whole {
        // Known now, where the upstream used chunks.
        headers.remove(CONTENT_LENGTH);
        let first = first.unwrap_or_default();
        let usage = usage::in_tail(&first);
        (Source::Whole(first), usage)
    } else {
        let forward = Forward::new(first, body, upstream.read_idle_timeout, true);
        (Source::Forward(Box::new(forward)), None)
    };
    Ok(Answer {
        status,
        headers,
        source,
        upstream_protocol: protocol,
        losses: Losses::new(),
        usage,
        stream: false,
    })
}
