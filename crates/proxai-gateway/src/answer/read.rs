//! What becomes of an answer that an upstream has begun: read, translated or passed on.
//!
//! Which of these depends on three things: what the client asked for (a stream or not), what came
//! (events, JSON or a web page) and whether both ends speak one protocol. Vendors answer JSON to
//! `stream: true` and events to the lack of it (P13); both are mended here.
//!
//! Nothing is committed before the first piece has been looked at, so that an error under status
//! 200 may still send the request elsewhere (X4, R5).

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use http::{Response, StatusCode};
use proxai_ir::Losses;
use proxai_sse::Decoder;
use proxai_translate::verdict::refuses;
use proxai_translate::{ReplyContext, StreamTranslator, Turn, Verdict};
use proxai_types::{Protocol, Usage};
use proxai_upstream::ReplyBody;

use super::Answer;
use super::body::{Forward, Source};
use super::declined::{Scout, declined};
use super::named;
use super::pulse::Pulse;
use super::reply::{
    Kind, collect, has_shape, in_words_acted_on, is_error_object, next_piece, unreadable, web_page,
};
use super::restore::{self, Restorer};
use super::stream::{Engine, StreamBody};
use super::tap::Tap;
use super::usage;
use crate::context::Context;
use crate::headers::{EVENT_STREAM, JSON, ReplyHop, filter_reply, mark_stream};
use crate::inbound::call::Call;
use crate::outbound::continuing::Continuing;
use crate::outbound::request::Sent;
use crate::problem::{Cause, Problem};
use crate::upstream::issued::Noting;
use crate::upstream::provider::Upstream;

/// Up to here an answer is looked at whether it is an error in disguise (X4). Errors are short.
const MAX_PEEK: usize = 64 << 10;

/// What an answer is read with.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    pub(crate) cx: Context<'a>,
    pub(crate) call: &'a Call,
    pub(crate) upstream: &'a Upstream,
    pub(crate) sent: Sent,
    /// What goes on with a turn that the upstream may pause.
    pub(crate) continuing: Option<Box<Continuing>>,
}

impl Reading<'_> {
    /// Reads as much as is needed to know that the answer is one.
    pub(crate) async fn answer(
        mut self,
        response: Response<ReplyBody>,
    ) -> Result<Answer, Box<Problem>> {
        let (parts, body) = response.into_parts();
        let wants_stream = self.call.head.stream;
        let kind = Kind::of(&parts.headers, wants_stream);
        let goes_on_in_stream = kind == Kind::Events && wants_stream;
        if let Some(continuing) = self.continuing.take_if(|_| !goes_on_in_stream) {
            return self.turn(continuing, parts.headers, body).await;
        }
        match (kind, wants_stream) {
            (Kind::Page, _) => {
                let cause = Cause::Status(parts.status.as_u16());
                Err(web_page(self.upstream, cause))
            }
            (Kind::Events, true) => self.stream(parts.headers, body).await,
            (Kind::Events, false) => self.fold(parts.headers, body).await,
            (Kind::Json, true) => self.replay(parts.headers, body).await,
            (Kind::Json, false) => match self.sent.reply.clone() {
                None => self.untouched(parts.status, parts.headers, body).await,
                Some(reply) => self.translate(&reply, parts.headers, body).await,
            },
        }
    }

    fn context(&self) -> Arc<ReplyContext> {
        self.sent.context(self.cx, self.call, self.upstream)
    }

    async fn collect(&self, body: ReplyBody) -> Result<Bytes, Box<Problem>> {
        collect(body, self.cx.limits.response_body, self.upstream).await
    }

    /// Takes note of what the answer issues, within Responses.
    fn noting(&self) -> Option<Noting> {
        let within = self.sent.client == self.sent.upstream;
        let issued = self.cx.issued.filter(|_| within)?;
        Some(Noting::new(issued, &self.upstream.name))
    }

    /// Stops here if this is a refusal and another target may do better.
    fn unless_refused(&self, body: &[u8]) -> Result<(), Box<Problem>> {
        if self.cx.asks_on_after_refusal && refuses(self.sent.upstream, body) {
            return Err(declined(&self.upstream.name));
        }
        Ok(())
    }

    /// JSON of one protocol as JSON of another.
    async fn translate(
        self,
        reply: &ReplyContext,
        headers: HeaderMap,
        body: ReplyBody,
    ) -> Result<Answer, Box<Problem>> {
        let whole = restore::whole(&self.sent.names, self.collect(body).await?);
        self.unless_refused(&whole)?;
        let told = proxai_translate::translate_response(self.sent.client, reply, &whole)
            .map_err(|error| unreadable(&error, self.upstream))?;
        Ok(self.json(headers, told.body.into(), told.losses, told.usage))
    }

    /// Events for a client that asked for JSON.
    async fn fold(self, headers: HeaderMap, body: ReplyBody) -> Result<Answer, Box<Problem>> {
        let whole = self.collect(body).await?;
        let whole = restore::events(&self.sent.names, whole, self.cx.limits.event);
        if self.cx.asks_on_after_refusal {
            let mut scout = Scout::new(self.sent.upstream, self.cx.limits.event);
            scout.read(whole.clone());
            if scout.verdict() == Verdict::Refuses {
                return Err(declined(&self.upstream.name));
            }
        }
        let told = proxai_translate::fold_stream(self.sent.client, &self.context(), whole)
            .map_err(|error| unreadable(&error, self.upstream))?;
        if let Some(noting) = self.noting() {
            noting.answer(&told.body);
        }
        Ok(self.json(headers, told.body.into(), told.losses, told.usage))
    }

    /// JSON for a client that asked for events.
    async fn replay(self, headers: HeaderMap, body: ReplyBody) -> Result<Answer, Box<Problem>> {
        let whole = restore::whole(&self.sent.names, self.collect(body).await?);
        self.unless_refused(&whole)?;
        let mut out = BytesMut::new();
        let usage =
            proxai_translate::replay_as_stream(self.sent.client, self.context(), &whole, &mut out)
                .map_err(|error| unreadable(&error, self.upstream))?;
        if let Some(noting) = self.noting() {
            noting.answer(&whole);
        }
        Ok(self.events(headers, out, usage))
    }

    /// A turn that the upstream may pause, read whole (case 104).
    async fn turn(
        self,
        mut continuing: Box<Continuing>,
        headers: HeaderMap,
        body: ReplyBody,
    ) -> Result<Answer, Box<Problem>> {
        let (client, upstream) = (self.sent.client, self.upstream);
        let mut turn = Turn::new(self.context());
        continuing.complete(&mut turn, &headers, body).await?;
        if self.cx.asks_on_after_refusal && turn.refuses() {
            return Err(declined(&upstream.name));
        }
        let answer = if continuing.wants_stream() {
            let mut out = BytesMut::new();
            let usage = turn
                .replay(client, &mut out)
                .map_err(|error| unreadable(&error, upstream))?;
            self.events(headers, out, usage)
        } else {
            let told = turn
                .translate(client)
                .map_err(|error| unreadable(&error, upstream))?;
            self.json(headers, told.body.into(), told.losses, told.usage)
        };
        Ok(Answer {
            continuations: continuing.count(),
            ..answer
        })
    }

    fn json(self, headers: HeaderMap, body: Bytes, lost: Losses, usage: Option<Usage>) -> Answer {
        let mut headers = filter_reply(ReplyHop::Replaced, headers);
        headers.insert(CONTENT_TYPE, JSON);
        let mut losses = self.sent.losses;
        losses.extend(lost);
        Answer {
            losses,
            usage,
            ..Answer::whole(StatusCode::OK, headers, body, self.sent.upstream)
        }
    }

    fn events(self, headers: HeaderMap, body: BytesMut, usage: Option<Usage>) -> Answer {
        let mut answer = self.json(headers, body.freeze(), Losses::new(), usage);
        answer.headers.insert(CONTENT_TYPE, EVENT_STREAM);
        mark_stream(&mut answer.headers);
        Answer {
            stream: true,
            ..answer
        }
    }

    /// A stream, once it has begun.
    async fn stream(self, headers: HeaderMap, body: ReplyBody) -> Result<Answer, Box<Problem>> {
        let noting = self.noting();
        let Self {
            cx,
            upstream,
            sent,
            continuing,
            ..
        } = self;
        let pulse = Pulse::new(
            cx.limits.keepalive,
            upstream.read_idle_timeout,
            cx.limits.tool_call_timeout,
        );
        let same = sent.reply.is_none();
        let engine = match sent.reply {
            None => {
                let id = Arc::clone(cx.request_id);
                let tap = Tap::new(sent.client, cx.limits.event, id);
                let tap = tap.withholding_usage(sent.withhold_usage).noting(noting);
                Engine::Tap(Box::new(tap.naming(sent.name)))
            }
            Some(reply) => {
                let translator = StreamTranslator::new(sent.client, reply);
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
        if cx.asks_on_after_refusal {
            stream.scout(Scout::new(sent.upstream, cx.limits.event));
        }
        if let Err(failure) = stream.begin().await {
            let mut problem = Problem::refused(failure);
            problem.headers = filter_reply(ReplyHop::Replaced, headers);
            problem.cause = Cause::InBand;
            return Err(problem);
        }
        if stream.take_refusal() {
            return Err(declined(&upstream.name));
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

    /// An answer within one protocol: its first piece is looked at, then all goes on as it comes.
    async fn untouched(
        self,
        status: StatusCode,
        headers: HeaderMap,
        mut body: ReplyBody,
    ) -> Result<Answer, Box<Problem>> {
        let (upstream, protocol) = (self.upstream, self.sent.upstream);
        // Names, refusals and ids may stand anywhere in the answer; then all of it is needed.
        let noting = self.noting();
        let passes =
            self.sent.names.is_empty() && !self.cx.asks_on_after_refusal && noting.is_none();
        let (first, rest) = if passes {
            let first = next_piece(&mut body, upstream).await?;
            let whole = first.is_none() || http_body::Body::is_end_stream(&body);
            (first, (!whole).then_some(body))
        } else {
            let whole = self.collect(body).await?;
            (Some(restore::whole(&self.sent.names, whole)), None)
        };
        // One that is an object is whole, whatever white space follows.
        if let Some(piece) = &first
            && piece.len() <= MAX_PEEK
            && is_error_object(piece)
        {
            return Err(error_in_disguise(protocol, headers, piece));
        }
        if let Some(piece) = &first {
            self.unless_refused(piece)?;
            if let Some(noting) = noting {
                noting.answer(piece);
            }
        }
        let mut headers = filter_reply(ReplyHop::Untouched, headers);
        let named = self.sent.name.as_deref().zip(first.as_ref());
        let first = match named.and_then(|(name, piece)| named::answer(piece, name)) {
            Some(named) => {
                let more = named.len() as u64;
                let less = first.map_or(0, |piece| piece.len() as u64);
                lengthen(&mut headers, more, less);
                Some(named)
            }
            None => first,
        };
        let losses = self.sent.losses;
        let Some(body) = rest else {
            // Known now, where the upstream used chunks.
            headers.remove(CONTENT_LENGTH);
            let first = first.unwrap_or_default();
            return Ok(Answer {
                losses,
                usage: usage::in_tail(&first),
                ..Answer::whole(status, headers, first, protocol)
            });
        };
        let forward = Forward::new(first, body, upstream.read_idle_timeout, true);
        Ok(Answer {
            status,
            headers,
            source: Source::Forward(Box::new(forward)),
            upstream_protocol: protocol,
            losses,
            usage: None,
            stream: false,
            continuations: 0,
        })
    }
}

/// An answer that is passed on unread, such as that of the path which compacts a conversation; but
/// what it issues is noted, where it is JSON and a note is wanted.
pub(crate) async fn noted(
    cx: Context<'_>,
    upstream: &Upstream,
    answer: Answer,
) -> Result<Answer, Box<Problem>> {
    let is_json = Kind::of(&answer.headers, false) == Kind::Json;
    match (cx.issued, answer.source) {
        (Some(issued), Source::Forward(forward)) if is_json && answer.status.is_success() => {
            let body = collect(forward.inner, cx.limits.response_body, upstream).await?;
            Noting::new(issued, &upstream.name).answer(&body);
            Ok(Answer {
                usage: usage::in_tail(&body),
                source: Source::Whole(body),
                ..answer
            })
        }
        (_, source) => Ok(Answer { source, ..answer }),
    }
}

/// An error object under a status of success, for a client of the same protocol.
fn error_in_disguise(protocol: Protocol, headers: HeaderMap, piece: &Bytes) -> Box<Problem> {
    let mut failure = proxai_translate::decode_failure(protocol, 200, piece);
    failure.status = failure.status.filter(|status| *status >= 400);
    let told = in_words_acted_on(protocol, &failure, piece);
    let mut problem = Problem::refused(failure);
    if has_shape(protocol, piece) {
        problem.headers = filter_reply(ReplyHop::Untouched, headers);
        problem.headers.remove(CONTENT_LENGTH);
        problem.verbatim = told.map(Bytes::from).or_else(|| Some(piece.clone()));
    } else {
        problem.headers = filter_reply(ReplyHop::Replaced, headers);
    }
    problem.cause = Cause::InBand;
    problem
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
