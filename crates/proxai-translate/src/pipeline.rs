//! The whole way of one exchange: request in, answer or stream back.
//!
//! Everything here is bytes to bytes. A gateway needs nothing else: decode and encode are joined,
//! tools are made legal and restored, and a stream's first event is held back until it is clear
//! that the stream is not an error (S3), so that the caller can still answer with a status.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use proxai_ir::{Event, Failure, Finish, Losses, Sink, Start, StopReason};
use proxai_sse::{Decoder, Frame};
use proxai_types::{Protocol, Usage};

use crate::adapter::{ReplyError, RequestError, StreamDecoder, StreamEncoder, adapter};
use crate::context::{ReplyContext, Target};
use crate::reasoning::{self, ReasoningFilter};
use crate::tally::{self, Tally};
use crate::tools::{Restoring, prepare, restore_response};
use crate::turn::Turn;

/// What a translated request needs to know of its client.
#[derive(Clone, Copy, Debug)]
pub struct RequestInfo<'a> {
    /// An id for the answer, without prefix, should the upstream give none.
    pub id: &'a str,
    /// Seconds since 1970.
    pub created: u64,
    /// The model, as the client named it.
    pub model: &'a str,
}

/// A request ready to be sent.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The upstream's body.
    pub body: Vec<u8>,
    /// What it could not carry (T4).
    pub losses: Losses,
    /// What the answer needs.
    pub reply: Arc<ReplyContext>,
    /// Whether the client asked for a stream.
    pub stream: bool,
}

/// Translates a request from the client's protocol into the upstream's.
pub fn translate_request(
    client: Protocol,
    upstream: Protocol,
    body: &[u8],
    target: &Target<'_>,
    info: &RequestInfo<'_>,
) -> Result<Prepared, RequestError> {
    let mut losses = Losses::new();
    let mut request = adapter(client).decode_request(body, &mut losses)?;
    let tools = prepare(&mut request, upstream, &target.abilities, &mut losses);
    let mut out = Vec::with_capacity(body.len() + body.len() / 4 + 256);
    adapter(upstream).encode_request(&request, target, &mut losses, &mut out)?;
    crate::features::as_sent(&mut losses, body);
    let echo = request
        .echo
        .iter()
        .map(|(name, value)| (name.into(), value.get().into()))
        .collect();
    let reply = ReplyContext {
        model: info.model.into(),
        upstream_names_model: false,
        issuer: target.issuer.into(),
        upstream,
        id: info.id.into(),
        created: info.created,
        include_usage: request.include_usage.unwrap_or(true),
        estimated_input: crate::estimate::prompt_tokens(&request),
        echo,
        tools: Arc::new(tools),
        reasoning: reasoning::ReasoningRules {
            // Elsewhere a thought without a seal is never taken back.
            wanted_back: upstream == Protocol::Chat && target.abilities.reasoning_echo,
            ..target.abilities.reasoning
        },
    };
    Ok(Prepared {
        body: out,
        losses,
        reply: Arc::new(reply),
        stream: request.stream,
    })
}

/// Translates a whole answer.
pub fn translate_response(
    client: Protocol,
    reply: &ReplyContext,
    body: &[u8],
) -> Result<Translated, ReplyError> {
    let response = decode(reply, body)?;
    Ok(encode(client, reply, &response))
}

/// An answer as the client is to see it.
fn decode<'a>(reply: &ReplyContext, body: &'a [u8]) -> Result<proxai_ir::Response<'a>, ReplyError> {
    let mut response =
        adapter(reply.upstream).decode_response_with(body, reply.reasoning.fields)?;
    tally::complete(&mut response, reply.estimated_input);
    restore_response(&reply.tools, &mut response);
    reasoning::apply_response(reply.reasoning, &mut response);
    Ok(response)
}

/// A whole answer for the client.
#[derive(Clone, Debug)]
pub struct Translated {
    /// The client's body.
    pub body: Vec<u8>,
    /// What it could not carry.
    pub losses: Losses,
    /// What the answer cost; counts that the upstream did not give are estimated (T10).
    pub usage: Option<Usage>,
}

pub(crate) fn encode(
    client: Protocol,
    reply: &ReplyContext,
    response: &proxai_ir::Response<'_>,
) -> Translated {
    let mut losses = Losses::new();
    let mut body = Vec::with_capacity(1024);
    let reply = reply.naming(&response.model);
    adapter(client).encode_response(response, &reply, &mut losses, &mut body);
    Translated {
        body,
        losses,
        usage: response.usage,
    }
}

/// Tells a whole answer as a stream, for a client that asked for one and an upstream that did not
/// give one (P13).
pub fn replay_as_stream(
    client: Protocol,
    reply: Arc<ReplyContext>,
    body: &[u8],
    out: &mut BytesMut,
) -> Result<Option<Usage>, ReplyError> {
    let response = decode(&reply, body)?;
    let mut encoder = stream_encoder(client, reply, &response.model);
    encoder.whole();
    response.replay(&mut |event: Event<'_>| encoder.event(event, out));
    Ok(response.usage)
}

/// What writes a stream whose upstream calls the model `model`.
pub(crate) fn stream_encoder(
    client: Protocol,
    reply: Arc<ReplyContext>,
    model: &str,
) -> Box<dyn StreamEncoder> {
    let named = match reply.naming(model) {
        Cow::Borrowed(_) => None,
        Cow::Owned(named) => Some(Arc::new(named)),
    };
    adapter(client).stream_encoder(named.unwrap_or(reply))
}

/// Folds a whole stream into one answer, for a client that did not ask for a stream and an
/// upstream that can only give one (P13).
pub fn fold_stream(
    client: Protocol,
    reply: &ReplyContext,
    body: Bytes,
) -> Result<Translated, ReplyError> {
    let mut turn = Turn::forgetful(Arc::new(reply.clone()));
    turn.stream(body);
    turn.translate(client)
}

/// Reads an upstream's error body.
pub fn decode_failure(upstream: Protocol, status: u16, body: &[u8]) -> Failure {
    let framed = first_event(body);
    let body = framed.as_ref().map_or(body, |frame| frame.data());
    adapter(upstream).decode_failure(status, body)
}

/// The first event, where an error was written as one: some servers that were asked for a stream
/// do so whatever the status (LiteLLM 1.106, seen 2026-11-21).
fn first_event(body: &[u8]) -> Option<Frame> {
    let begin = body.trim_ascii_start();
    if !begin.starts_with(b"data:") && !begin.starts_with(b"event:") {
        return None;
    }
    let mut frames = Decoder::new();
    frames.push(Bytes::copy_from_slice(body));
    loop {
        let frame = match frames.next_frame() {
            Ok(None) => frames.finish().ok()??,
            found => found.ok()??,
        };
        if !frame.data().trim_ascii().is_empty() {
            return Some(frame);
        }
    }
}

/// Writes an error body in the client's dialect.
pub fn encode_failure(dialect: Protocol, failure: &Failure, request_id: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    adapter(dialect).encode_failure(failure, request_id, &mut out);
    out
}

/// Translates one stream, frame by frame.
pub struct StreamTranslator {
    decoder: Box<dyn StreamDecoder>,
    writer: Writer,
}

impl std::fmt::Debug for StreamTranslator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamTranslator")
            .field("phase", &self.writer.phase)
            .field("usage", &self.writer.usage)
            .finish_non_exhaustive()
    }
}

impl StreamTranslator {
    /// A stream from `reply.upstream` to `client`.
    pub fn new(client: Protocol, reply: Arc<ReplyContext>) -> Self {
        Self {
            decoder: adapter(reply.upstream).stream_decoder_with(reply.reasoning.fields),
            writer: Writer {
                client,
                encoder: adapter(client).stream_encoder(Arc::clone(&reply)),
                tally: Tally::default(),
                restoring: Restoring::default(),
                filter: ReasoningFilter::new(reply.reasoning),
                reply,
                phase: Phase::Waiting(None),
                usage: None,
                error: None,
                progress: Progress::default(),
                holds_pause: false,
                paused: None,
            },
        }
    }

    /// The next frame of the upstream; what the client gets goes to the end of `out`.
    pub fn push(&mut self, frame: &Frame, out: &mut BytesMut) {
        self.decoder.frame(
            frame,
            &mut Pass {
                writer: &mut self.writer,
                out,
            },
        );
    }

    /// The upstream's body ended.
    pub fn end(&mut self, out: &mut BytesMut) {
        self.decoder.end(&mut Pass {
            writer: &mut self.writer,
            out,
        });
    }

    /// The same for a request that the upstream may pause ([`Adapter::may_pause`]): a pause is
    /// held back until [`resume`](Self::resume) or [`settle`](Self::settle) says what becomes of
    /// it.
    ///
    /// [`Adapter::may_pause`]: crate::Adapter::may_pause
    #[must_use]
    pub fn continuing(mut self) -> Self {
        self.decoder.remember();
        self.writer.holds_pause = true;
        self
    }

    /// Whether the upstream has paused the turn, and nothing has become of that yet.
    pub const fn paused(&self) -> bool {
        self.writer.paused.is_some()
    }

    /// The request that continues the paused turn, made of the one before; `None` if it cannot be
    /// continued.
    pub fn continuation(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        self.decoder.continuation(request)
    }

    /// The frames that are pushed from now on are the answer to the continuation.
    pub fn resume(&mut self) {
        self.writer.paused = None;
        self.decoder.resume();
    }

    /// Reads a whole answer in the place of a stream.
    pub fn push_whole(&mut self, body: &[u8], out: &mut BytesMut) {
        let mut pass = Pass {
            writer: &mut self.writer,
            out,
        };
        self.decoder.whole(body, &mut pass);
    }

    /// Ends the stream with the pause, which is then all there is.
    pub fn settle(&mut self, out: &mut BytesMut) {
        self.writer.holds_pause = false;
        if let Some(finish) = self.writer.paused.take() {
            let mut pass = Pass {
                writer: &mut self.writer,
                out,
            };
            self.decoder.settle(&mut pass);
            pass.event(Event::Finish(finish));
        }
    }

    /// Ends the stream with an error that the gateway found. Does nothing once it has ended.
    pub fn fail(&mut self, failure: Failure, out: &mut BytesMut) {
        self.writer.event(Event::Failure(failure), out);
    }

    /// Tells the client that the stream is alive (S4). Begins the stream if need be.
    pub fn keepalive(&mut self, out: &mut BytesMut) {
        if !self.ended() {
            self.writer.commit(out);
            self.writer.encoder.event(Event::Keepalive, out);
        }
    }

    /// Whether the client has got anything yet. Until then an error can still be a status.
    pub const fn started(&self) -> bool {
        matches!(self.writer.phase, Phase::Streaming | Phase::Ended)
    }

    /// Whether the terminal frames have been written, or there was an error before the start.
    pub const fn ended(&self) -> bool {
        matches!(self.writer.phase, Phase::Ended | Phase::Refused(_))
    }

    /// Whether it ended with an error instead of an answer, told to the client or before the start.
    pub const fn failed(&self) -> bool {
        self.writer.error.is_some()
    }

    /// The code or type of that error, for an account of it; `error` where it has none.
    pub fn error_code(&self) -> Option<&str> {
        self.writer.error.as_deref()
    }

    /// The error that came instead of an answer, before anything was written.
    pub const fn failure_before_start(&self) -> Option<&Failure> {
        match &self.writer.phase {
            Phase::Refused(failure) => Some(failure),
            _ => None,
        }
    }

    /// What the stream cost so far. Until it has finished, only what the upstream said; see
    /// [`usage_or_estimate`](Self::usage_or_estimate) for one that does not.
    pub const fn usage(&self) -> Option<Usage> {
        self.writer.usage
    }

    /// What the stream cost so far, with estimates of what the upstream has not said: for the
    /// account of a stream that was cut or that the client left (S6).
    pub fn usage_or_estimate(&self) -> Usage {
        let writer = &self.writer;
        let mut usage = writer.usage.unwrap_or_default();
        if let Some(rest) = writer.tally.missing_so_far(writer.reply.estimated_input) {
            usage.merge(&rest);
        }
        usage
    }

    /// Whether a tool call's input is being streamed (S3), and how many deltas it had so far.
    pub const fn open_tool_call(&self) -> Option<u64> {
        if self.writer.progress.open_calls > 0 {
            Some(self.writer.progress.call_deltas)
        } else {
            None
        }
    }

    /// What the client's form could not carry.
    pub fn take_losses(&mut self) -> Losses {
        self.writer.encoder.take_losses()
    }
}

struct Writer {
    client: Protocol,
    encoder: Box<dyn StreamEncoder>,
    reply: Arc<ReplyContext>,
    tally: Tally,
    restoring: Restoring,
    filter: ReasoningFilter,
    phase: Phase,
    usage: Option<Usage>,
    /// The code of the error it ended with.
    error: Option<Box<str>>,
    progress: Progress,
    /// Whether a pause is held back.
    holds_pause: bool,
    /// The pause that is held back.
    paused: Option<Finish<'static>>,
}

#[derive(Debug)]
enum Phase {
    /// Nothing written; the head of the answer, if it has come.
    Waiting(Option<Start<'static>>),
    Streaming,
    Ended,
    /// An error came first; nothing was written.
    Refused(Failure),
}

/// What is needed to notice a tool call that stalls.
#[derive(Debug, Default)]
struct Progress {
    /// Ids of open tool call parts.
    calls: Vec<proxai_ir::PartId>,
    open_calls: usize,
    call_deltas: u64,
}

impl Progress {
    fn note(&mut self, event: &Event<'_>) {
        match event {
            Event::Open {
                part,
                kind: proxai_ir::PartKind::ToolCall { .. },
            } => {
                self.calls.push(*part);
                self.call_deltas += 1;
            }
            Event::Delta { part, .. } if self.calls.contains(part) => self.call_deltas += 1,
            Event::Close { part } => self.calls.retain(|open| open != part),
            _ => return,
        }
        self.open_calls = self.calls.len();
    }
}

impl Writer {
    fn event(&mut self, event: Event<'_>, out: &mut BytesMut) {
        self.tally.note(&event);
        if let Event::Usage(usage) = &event {
            self.usage.get_or_insert_with(Usage::default).merge(usage);
        }
        if let Event::Failure(failure) = &event
            && !matches!(self.phase, Phase::Ended | Phase::Refused(_))
        {
            let code = failure.code.as_deref().or(failure.vendor_type.as_deref());
            self.error = Some(code.unwrap_or("error").into());
        }
        if matches!(event, Event::Failure(_)) {
            self.paused = None;
        }
        match (&mut self.phase, event) {
            // Usage is kept above and told when the stream begins.
            (Phase::Ended | Phase::Refused(_), _)
            | (Phase::Waiting(_), Event::Keepalive | Event::Usage(_)) => {}
            (Phase::Waiting(held), Event::Start(start)) => {
                *held = Some(Start {
                    id: start.id.into_static(),
                    model: start.model.into_static(),
                    created: start.created,
                    service_tier: start.service_tier.map(proxai_json::Str::into_static),
                });
            }
            (_, Event::Finish(finish))
                if self.holds_pause && finish.reason == StopReason::Pause =>
            {
                self.paused = Some(finish.into_static());
            }
            (Phase::Waiting(_), Event::Failure(failure)) => self.phase = Phase::Refused(failure),
            (_, event) => {
                self.commit(out);
                if matches!(event, Event::Finish(_)) {
                    self.complete_usage(out);
                }
                self.write(event, out);
            }
        }
    }

    /// Tells what the upstream should have said of the cost (T10).
    fn complete_usage(&mut self, out: &mut BytesMut) {
        if let Some(rest) = self.tally.missing(self.reply.estimated_input) {
            self.usage.get_or_insert_with(Usage::default).merge(&rest);
            self.write(Event::Usage(rest), out);
        }
    }

    /// Writes the head of the stream if it has not been written.
    fn commit(&mut self, out: &mut BytesMut) {
        if let Phase::Waiting(start) = &mut self.phase {
            let start = start.take().unwrap_or_default();
            self.phase = Phase::Streaming;
            // Nothing has been written, so another encoder can take its place.
            if self.reply.upstream_names_model {
                self.encoder = stream_encoder(self.client, Arc::clone(&self.reply), &start.model);
            }
            self.encoder.event(Event::Start(start), out);
            if let Some(usage) = self.usage {
                self.encoder.event(Event::Usage(usage), out);
            }
        }
    }

    fn write(&mut self, event: Event<'_>, out: &mut BytesMut) {
        if matches!(event, Event::Finish(_) | Event::Failure(_)) {
            self.phase = Phase::Ended;
        }
        self.progress.note(&event);
        let Self {
            encoder, filter, ..
        } = self;
        self.restoring
            .pass(&self.reply.tools, event, &mut |event: Event<'_>| {
                filter.pass(event, &mut |event: Event<'_>| encoder.event(event, out));
            });
        if self.error.is_none()
            && let Some(failure) = self.encoder.failure()
        {
            self.error = Some(failure.code.as_deref().unwrap_or("error").into());
            self.phase = Phase::Ended;
        }
    }
}

struct Pass<'p> {
    writer: &'p mut Writer,
    out: &'p mut BytesMut,
}

impl Sink for Pass<'_> {
    fn event(&mut self, event: Event<'_>) {
        self.writer.event(event, self.out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_body_written_as_an_event_is_read_like_any_other() {
        let said =
            r#"{"error": {"message": "no such stream", "type": "t", "param": null, "code": "c"}}"#;
        for body in [
            format!("data: {said}\n\ndata: [DONE]\n\n"),
            format!("event: error\r\ndata: {said}"),
        ] {
            for protocol in [Protocol::Chat, Protocol::Responses] {
                let failure = decode_failure(protocol, 500, body.as_bytes());
                assert_eq!(failure, decode_failure(protocol, 500, said.as_bytes()));
                assert_eq!(failure.message, "no such stream");
            }
        }
        let said = r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#;
        let body = format!("event: error\ndata: {said}\n\n");
        let failure = decode_failure(Protocol::Messages, 529, body.as_bytes());
        assert_eq!(failure.message, "busy");
        let words = "data: it is all gone";
        let failure = decode_failure(Protocol::Chat, 500, words.as_bytes());
        assert!(failure.message.ends_with("it is all gone") && !failure.message.contains("data:"));
    }
}
