//! One attempt: a request to one upstream, and what becomes of its answer.
//!
//! Returns either an answer that is committed (its status is known to be right and the body can
//! be sent) or a problem, after which another target may still be tried. Nothing here writes to
//! the client.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use http::{Response, StatusCode};
use proxai_ir::Losses;
use proxai_router::Attempt;
use proxai_sse::Decoder;
use proxai_translate::{ReplyContext, StreamTranslator, Turn};
use proxai_types::{Operation, Protocol, Usage};
use proxai_upstream::ReplyBody;

use crate::answer::body::{Forward, Source};
use crate::answer::named;
use crate::answer::pulse::Pulse;
use crate::answer::reply::{
    Kind, collect, in_words_acted_on, is_error_object, next_piece, refused, unreadable, web_page,
};
use crate::answer::restore::{self, Restorer};
use crate::answer::stream::{Engine, StreamBody};
use crate::answer::tap::Tap;
use crate::answer::usage;
use crate::context::Context;
use crate::headers::{EVENT_STREAM, JSON, ReplyHop, filter_reply, mark_stream};
use crate::inbound::call::Call;
use crate::outbound::cache;
use crate::outbound::continuing::Continuing;
use crate::outbound::fetch;
use crate::outbound::refusal::{endpoint_is_missing, room, unknown_parameters};
use crate::outbound::request::{Sent, Way, prepare};
use crate::problem::{Cause, Problem};
use crate::upstream::detour;
use crate::upstream::keys::tell_final;
use crate::upstream::provider::{Upstream, UsedUp};

/// Up to here an answer is looked at whether it is an error in disguise (X4). Errors are short.
const MAX_PEEK: usize = 64 << 10;

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
    /// How often a paused turn was sent again for it.
    pub(crate) continuations: u32,
}

/// A refusal, and what may be tried against it.
struct Refusal {
    problem: Box<Problem>,
    /// The upstream's words, where it was the upstream that refused.
    said: Bytes,
    /// Members that the request had on proxai's own account.
    own: &'static [&'static str],
    /// The limit of the answer that the client did not set.
    made_up: Option<u64>,
}

impl From<Box<Problem>> for Refusal {
    fn from(problem: Box<Problem>) -> Self {
        Self {
            problem,
            said: Bytes::new(),
            own: &[],
            made_up: None,
        }
    }
}

/// Asks one upstream for a model's answer.
///
/// Twice if a refusal says how to do better: at the other endpoint where one is missing (P5), and
/// without a parameter that the model does not know, or with a lower limit where proxai made one up
/// that the model cannot keep (P12). Each is done once, and remembered when
/// it has helped.
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
        let unknown = unknown_parameters(status, &refusal.said, refusal.own);
        let lossless = || unknown.iter().all(|name| refusal.own.contains(name));
        let again = way.without.is_empty() && (!call.wishes.strict || lossless());
        if again && !unknown.is_empty() {
            way.without = unknown;
            continue;
        }
        // Refused for another reason: what was changed has helped.
        if status < 500 && !way.without.iter().any(|name| unknown.contains(name)) {
            remember(upstream, model, &way);
        }
        return Err(refusal.problem);
    }
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
        return Ok(read(cx, call, client, upstream, sent, continuing, response).await?);
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
    })
}

async fn read(
    cx: Context<'_>,
    call: &Call,
    client: Protocol,
    upstream: &Upstream,
    sent: Sent,
    continuing: Option<Box<Continuing>>,
    response: Response<ReplyBody>,
) -> Result<Answer, Box<Problem>> {
    let (parts, body) = response.into_parts();
    let kind = Kind::of(&parts.headers, call.head.stream);
    let (continuing, whole) = match continuing {
        Some(continuing) if kind == Kind::Events && call.head.stream => (Some(continuing), None),
        whole => (None, whole),
    };
    if let Some(continuing) = whole {
        let reply = sent.context(cx, call, upstream);
        return turn(
            client,
            upstream,
            reply,
            sent,
            continuing,
            parts.headers,
            body,
        )
        .await;
    }
    match (kind, call.head.stream) {
        (Kind::Page, _) => {
            let cause = Cause::Status(parts.status.as_u16());
            Err(web_page(upstream, cause))
        }
        (Kind::Events, true) => {
            stream(cx, client, upstream, sent, continuing, parts.headers, body).await
        }
        (Kind::Events, false) => {
            let whole = collect(body, cx.limits.response_body, upstream).await?;
            let whole = restore::events(&sent.names, whole, cx.limits.event);
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
            let whole = restore::whole(&sent.names, whole);
            let reply = sent.context(cx, call, upstream);
            let mut out = BytesMut::new();
            let usage = proxai_translate::replay_as_stream(client, reply, &whole, &mut out)
                .map_err(|error| unreadable(&error, upstream))?;
            Ok(replayed(
                parts.headers,
                out,
                sent.upstream,
                sent.losses,
                usage,
            ))
        }
        (Kind::Json, false) => match sent.reply.clone() {
            None => untouched(cx, upstream, sent, parts.status, parts.headers, body).await,
            Some(reply) => {
                let whole = collect(body, cx.limits.response_body, upstream).await?;
                let whole = restore::whole(&sent.names, whole);
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

/// A turn that the upstream may pause, read whole (case 104).
async fn turn(
    client: Protocol,
    upstream: &Upstream,
    reply: Arc<ReplyContext>,
    sent: Sent,
    mut continuing: Box<Continuing>,
    headers: HeaderMap,
    body: ReplyBody,
) -> Result<Answer, Box<Problem>> {
    let mut turn = Turn::new(reply);
    continuing.complete(&mut turn, &headers, body).await?;
    let mut answer = if continuing.wants_stream() {
        let mut out = BytesMut::new();
        let usage = turn
            .replay(client, &mut out)
            .map_err(|error| unreadable(&error, upstream))?;
        replayed(headers, out, sent.upstream, sent.losses, usage)
    } else {
        let told = turn
            .translate(client)
            .map_err(|error| unreadable(&error, upstream))?;
        let mut losses = sent.losses;
        losses.extend(told.losses);
        let body = told.body.into();
        json(headers, body, sent.upstream, losses, told.usage)
    };
    answer.continuations = continuing.count();
    Ok(answer)
}

fn replayed(
    headers: HeaderMap,
    body: BytesMut,
    upstream_protocol: Protocol,
    losses: Losses,
    usage: Option<Usage>,
) -> Answer {
    let mut answer = json(headers, body.freeze(), upstream_protocol, losses, usage);
    answer.headers.insert(CONTENT_TYPE, EVENT_STREAM);
    mark_stream(&mut answer.headers);
    answer.stream = true;
    answer
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
        continuations: 0,
    }
}

/// A stream, once it has begun.
async fn stream(
    cx: Context<'_>,
    client: Protocol,
    upstream: &Upstream,
    sent: Sent,
    continuing: Option<Box<Continuing>>,
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
            let tap = Tap::new(client, cx.limits.event, id);
            let tap = tap.withholding_usage(sent.withhold_usage);
            Engine::Tap(Box::new(tap.naming(sent.name)))
        }
        Some(reply) => {
            let translator = StreamTranslator::new(client, reply);
            let translator = match &continuing {
                Some(_) => translator.continuing(),
                None => translator,
            };
            Engine::Translate(
                Decoder::with_max_frame(cx.limits.event),
                Box::new(translator),
            )
        }
    };
    let mut stream = StreamBody::new(body, engine, pulse);
    if let Some(continuing) = continuing {
        stream.continue_with(continuing);
    }
    if !sent.names.is_empty() {
        stream.restore(Restorer::new(sent.names, cx.limits.event));
    }
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
        continuations: 0,
    })
}

/// Corrects the length that the upstream told.
fn lengthen(headers: &mut HeaderMap, more: u64, less: u64) {
    let told = headers
        .get(CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok())
        .and_then(|told| (told + more).checked_sub(less));
    if let Some(told) = told {
        headers.insert(CONTENT_LENGTH, told.into());
    }
}

/// An answer within one protocol: its first piece is looked at, then all goes on as it comes.
async fn untouched(
    cx: Context<'_>,
    upstream: &Upstream,
    sent: Sent,
    status: StatusCode,
    headers: HeaderMap,
    mut body: ReplyBody,
) -> Result<Answer, Box<Problem>> {
    let protocol = sent.upstream;
    let (first, rest) = if sent.names.is_empty() {
        let first = next_piece(&mut body, upstream).await?;
        let whole = first.is_none() || http_body::Body::is_end_stream(&body);
        (first, (!whole).then_some(body))
    } else {
        // A name may stand anywhere in the answer, so all of it is needed.
        let whole = collect(body, cx.limits.response_body, upstream).await?;
        (Some(restore::whole(&sent.names, whole)), None)
    };
    if let Some(piece) = &first
        && rest.is_none()
        && piece.len() <= MAX_PEEK
        && is_error_object(piece)
    {
        let mut failure = proxai_translate::decode_failure(protocol, 200, piece);
        failure.status = failure.status.filter(|status| *status >= 400);
        let told = in_words_acted_on(protocol, &failure, piece);
        let mut problem = Problem::refused(failure);
        problem.headers = filter_reply(ReplyHop::Untouched, headers);
        problem.headers.remove(CONTENT_LENGTH);
        problem.verbatim = told.map(Bytes::from).or(first);
        problem.cause = Cause::InBand;
        return Err(problem);
    }
    let mut headers = filter_reply(ReplyHop::Untouched, headers);
    let named = sent.name.as_deref().zip(first.as_ref());
    let first = match named.and_then(|(name, piece)| named::answer(piece, name)) {
        Some(named) => {
            let more = named.len() as u64;
            let less = first.map_or(0, |piece| piece.len() as u64);
            lengthen(&mut headers, more, less);
            Some(named)
        }
        None => first,
    };
    let (source, usage) = match rest {
        None => {
            // Known now, where the upstream used chunks.
            headers.remove(CONTENT_LENGTH);
            let first = first.unwrap_or_default();
            let usage = usage::in_tail(&first);
            (Source::Whole(first), usage)
        }
        Some(body) => {
            let forward = Forward::new(first, body, upstream.read_idle_timeout, true);
            (Source::Forward(Box::new(forward)), None)
        }
    };
    Ok(Answer {
        status,
        headers,
        source,
        upstream_protocol: protocol,
        losses: sent.losses,
        usage,
        stream: false,
        continuations: 0,
    })
}
