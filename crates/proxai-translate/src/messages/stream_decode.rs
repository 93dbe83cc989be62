//! An upstream's stream into hub events.
//!
//! The wire is already block-structured, so this is nearly a renaming. The exceptions: usage
//! comes in two halves; a signature may come in pieces and becomes one seal at the end of its
//! block; a tool's whole input may stand in the start of its block; `ping` and comments become
//! keep-alives. Tolerated: a missing `message_start`, `message_stop` or `content_block_start`,
//! a reused index, a `type` that stands only in the `event:` line. A stream that ends without a
//! stop reason is cut (S3). A turn that was paused goes on as more of the same answer: its parts
//! are numbered on and its costs are added up.

use proxai_ir::{
    Event, Failure, FailureKind, Finish, PartId, PartKind, Reasoning, Sealed, Sink, Start,
    StopReason, ToolKind,
};
use proxai_json::Str;
use proxai_messages as wire;
use proxai_messages::{ContentBlock, Delta, StreamEvent};
use proxai_sse::Frame;
use proxai_types::{Protocol, Usage};

use super::searches::Searches;
use super::transcript::Transcript;
use super::{blocks, failure, response_decode, search, stop, usage};
use crate::adapter::{ReplyError, StreamDecoder};
use crate::ids::Given;
use crate::seal;

/// Most bytes of one signature; a longer one is not sealed.
const MAX_SEAL: usize = 4 << 20;

/// Most bytes of the input of a search that are read.
const MAX_QUERY: usize = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Reasoning,
    Tool,
    /// The call of a search; the part stays open until its result has come.
    Search,
    Opaque,
}

/// A block that has begun and not ended.
#[derive(Debug)]
struct Open {
    index: u64,
    part: PartId,
    kind: Kind,
    /// The input that stood in the start of a tool block, until a delta shows it was not all.
    input: Option<String>,
    /// The signature; of a search its input.
    seal: String,
}

/// Reads one stream.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    open: Vec<Open>,
    searches: Searches,
    given: Given,
    parts: u32,
    started: bool,
    calls: bool,
    usage: wire::Usage<'static>,
    /// What the answers before this one cost.
    before: Usage,
    /// The head of an answer that continues another has yet to come.
    resumed: bool,
    transcript: Option<Box<Transcript>>,
    finish: Option<Finish<'static>>,
    ended: bool,
}

impl StreamDecoder for Decoder {
    fn frame(&mut self, frame: &Frame, sink: &mut dyn Sink) {
        if self.ended {
            return;
        }
        let data = frame.data();
        if data.is_empty() || frame.is_done() {
            if frame.is_comment() {
                sink.event(Event::Keepalive);
            }
            return;
        }
        match proxai_json::from_slice::<StreamEvent<'_>>(data) {
            Ok(StreamEvent::Unknown(unknown)) if unknown.kind.is_empty() => {
                self.untagged(frame, data, sink);
            }
            Ok(event) => self.event(event, data, sink),
            Err(error) => self.fail(
                Failure::new(
                    FailureKind::BadUpstream,
                    format!("the upstream sent a stream event that could not be read: {error}"),
                ),
                sink,
            ),
        }
    }

    fn end(&mut self, sink: &mut dyn Sink) {
        if self.ended {
            return;
        }
        if self.finish.is_some() {
            self.complete(sink);
        } else {
            self.fail(
                Failure::new(
                    FailureKind::BadUpstream,
                    "the upstream closed the stream before its answer was complete",
                )
                .with_code("upstream_stream_cut"),
                sink,
            );
        }
    }

    fn whole(&mut self, body: &[u8], sink: &mut dyn Sink) {
        match response_decode::answer(body) {
            Ok(answer) => self.answer(answer, body, sink),
            Err(ReplyError::Failure(failure)) => self.fail(failure, sink),
            Err(ReplyError::Json(error)) => self.fail(
                Failure::new(
                    FailureKind::BadUpstream,
                    format!("the upstream's answer could not be read: {error}"),
                ),
                sink,
            ),
        }
    }

    fn remember(&mut self) {
        self.transcript.get_or_insert_default();
    }

    fn continuation(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        self.transcript.as_mut()?.continuation(request)
    }

    fn settle(&mut self, sink: &mut dyn Sink) {
        self.searches.tell_rest(sink);
    }

    fn resume(&mut self) {
        let usage = usage::decode(&std::mem::take(&mut self.usage));
        self.before = self.before.plus(&usage);
        if let Some(transcript) = &mut self.transcript {
            transcript.resume();
        }
        self.open.clear();
        self.finish = None;
        self.resumed = true;
        self.ended = false;
    }
}

impl Decoder {
    /// An event whose `type` stands only in the `event:` line, or an error object without any.
    fn untagged(&mut self, frame: &Frame, data: &[u8], sink: &mut dyn Sink) {
        let rest = data.trim_ascii_start().strip_prefix(b"{").unwrap_or(b"}");
        let kind = match frame.event() {
            Some(kind) if StreamEvent::KINDS.contains(&kind) => kind,
            _ => "error",
        };
        let comma = if rest.trim_ascii_start().starts_with(b"}") {
            ""
        } else {
            ","
        };
        let mut tagged = format!(r#"{{"type":"{kind}"{comma}"#).into_bytes();
        tagged.extend_from_slice(rest);
        match proxai_json::from_slice::<StreamEvent<'_>>(&tagged) {
            Ok(StreamEvent::Error(event)) if event.error.is_none() => {}
            Ok(event) => self.event(event, &tagged, sink),
            Err(_) => {}
        }
    }

    fn event(&mut self, event: StreamEvent<'_>, data: &[u8], sink: &mut dyn Sink) {
        if let Some(transcript) = &mut self.transcript {
            transcript.note(&event, data);
        }
        match event {
            StreamEvent::MessageStart(event) => {
                let first = !self.started || self.resumed;
                if let Some(message) = event.message.filter(|_| first) {
                    self.start(message, sink);
                }
            }
            StreamEvent::BlockStart(event) => {
                let index = event.index.unwrap_or_else(|| self.free_index());
                if let Some(block) = event.content_block {
                    self.begin(index, block, sink);
                }
            }
            StreamEvent::BlockDelta(event) => {
                let index = event.index.unwrap_or_else(|| self.last_index());
                if let Some(delta) = event.delta {
                    self.delta(index, delta, sink);
                }
            }
            StreamEvent::BlockStop(event) => {
                let index = event.index.unwrap_or_else(|| self.last_index());
                if let Some(at) = self.open.iter().position(|open| open.index == index) {
                    self.close(at, sink);
                }
            }
            StreamEvent::MessageDelta(event) => {
                if let Some(later) = event.usage {
                    self.count(later, sink);
                }
                if let Some(delta) = event.delta
                    && let Some(reason) = delta.stop_reason.value()
                {
                    self.stop(reason, delta.stop_sequence.value(), delta.stop_details);
                }
            }
            StreamEvent::MessageStop(_) => self.complete(sink),
            StreamEvent::Ping(_) => sink.event(Event::Keepalive),
            StreamEvent::Error(event) => {
                let response = wire::ErrorResponse {
                    error: event.error,
                    ..wire::ErrorResponse::default()
                };
                let failure = failure::from_response(response, None).unwrap_or_else(|| {
                    Failure::new(
                        FailureKind::Server,
                        "the upstream ended the stream with an error that says nothing",
                    )
                });
                self.fail(failure, sink);
            }
            _ => {}
        }
    }

    /// A whole answer, block by block.
    fn answer(&mut self, mut answer: wire::Answer<'_>, body: &[u8], sink: &mut dyn Sink) {
        let reason = std::mem::take(&mut answer.stop_reason).value();
        if let Some(transcript) = &mut self.transcript {
            transcript.whole(body, reason.as_ref());
        }
        let sequence = std::mem::take(&mut answer.stop_sequence).value();
        let details = answer.stop_details.take();
        let content = answer.content.take();
        self.start(answer, sink);
        match content {
            Some(proxai_json::Text::Parts(blocks)) => {
                for block in blocks {
                    let index = self.free_index();
                    self.begin(index, block, sink);
                    self.close_all(sink);
                }
            }
            Some(proxai_json::Text::String(text)) => {
                let part = self.of_kind(0, Kind::Text, sink);
                put(part, text, sink);
            }
            None => {}
        }
        if let Some(reason) = reason {
            self.stop(reason, sequence, details);
        }
        self.complete(sink);
    }

    fn start(&mut self, message: wire::Answer<'_>, sink: &mut dyn Sink) {
        self.resumed = false;
        if !self.started {
            self.started = true;
            let tier = message
                .usage
                .as_ref()
                .and_then(|usage| usage.service_tier.clone());
            sink.event(Event::Start(Start {
                id: message.id,
                model: message.model,
                created: None,
                service_tier: tier.map(response_decode::service_tier),
            }));
        }
        if let Some(usage) = message.usage {
            self.count(usage, sink);
        }
        if let Some(proxai_json::Text::Parts(blocks)) = message.content {
            for block in blocks {
                let index = self.free_index();
                self.begin(index, block, sink);
            }
        }
    }

    fn ensure_started(&mut self, sink: &mut dyn Sink) {
        if !self.started {
            self.started = true;
            sink.event(Event::Start(Start::default()));
        }
    }

    fn count(&mut self, later: wire::Usage<'_>, sink: &mut dyn Sink) {
        self.ensure_started(sink);
        // Only counts are kept, so nothing borrows from the frame.
        let later = wire::Usage {
            service_tier: None,
            inference_geo: None,
            speed: None,
            iterations: None,
            fallback_credit: None,
            input_tokens: later.input_tokens,
            cache_creation_input_tokens: later.cache_creation_input_tokens,
            cache_read_input_tokens: later.cache_read_input_tokens,
            cache_creation: later.cache_creation,
            output_tokens: later.output_tokens,
            output_tokens_details: later.output_tokens_details,
            server_tool_use: later.server_tool_use,
        };
        usage::merge(&mut self.usage, later);
        let usage = usage::decode(&self.usage);
        sink.event(Event::Usage(self.before.plus(&usage)));
    }

    fn begin(&mut self, index: u64, block: ContentBlock<'_>, sink: &mut dyn Sink) {
        self.ensure_started(sink);
        if let Some(at) = self.open.iter().position(|open| open.index == index) {
            self.close(at, sink);
        }
        match block {
            ContentBlock::Text(block) => {
                let part = self.open(index, Kind::Text, PartKind::Text, sink);
                put(part, block.text, sink);
                for citation in block.citations.unwrap_or_default() {
                    cite(part, citation, sink);
                }
            }
            ContentBlock::Thinking(block) => {
                let part = self.open(index, Kind::Reasoning, thought(false), sink);
                put(part, block.thinking, sink);
                self.seal(index, &block.signature);
            }
            ContentBlock::RedactedThinking(block) => {
                self.open(index, Kind::Reasoning, thought(true), sink);
                if !block.data.is_empty() {
                    self.seal(index, &seal::withheld(&block.data));
                }
            }
            ContentBlock::ToolUse(block) => {
                self.calls = true;
                let kind = PartKind::ToolCall {
                    id: self.given.once(block.id),
                    item_id: None,
                    name: block.name,
                    namespace: block.toolset_name,
                    kind: ToolKind::Function,
                };
                self.open(index, Kind::Tool, kind, sink);
                let input = block.input.map(blocks::tool_input);
                if let Some(open) = self.open.last_mut() {
                    open.input = input
                        .filter(|input| !matches!(input.trim(), "" | "{}" | "null"))
                        .map(Str::into_string);
                }
            }
            ContentBlock::ServerToolUse(block) if search::is_call(&block) => {
                let id = block.id.reborrow();
                let part = self.open(index, Kind::Search, PartKind::WebSearch { id }, sink);
                if let Some(open) = self.open.last_mut() {
                    open.input = block.input.as_ref().map(|input| input.get().to_owned());
                }
                self.searches.begin(part, block.id);
            }
            ContentBlock::WebSearchResult(block) => {
                self.searches.found(block, &mut self.parts, sink);
            }
            other => {
                let kind = PartKind::Opaque {
                    hosted: blocks::hosted(&other),
                    kind: Str::from(other.kind()),
                };
                self.open(index, Kind::Opaque, kind, sink);
            }
        }
    }

    fn open(
        &mut self,
        index: u64,
        kind: Kind,
        part_kind: PartKind<'_>,
        sink: &mut dyn Sink,
    ) -> PartId {
        let part = PartId(self.parts);
        self.parts += 1;
        self.open.push(Open {
            index,
            part,
            kind,
            input: None,
            seal: String::new(),
        });
        sink.event(Event::Open {
            part,
            kind: part_kind,
        });
        part
    }

    fn delta(&mut self, index: u64, delta: Delta<'_>, sink: &mut dyn Sink) {
        match delta {
            Delta::Text(delta) => {
                let part = self.of_kind(index, Kind::Text, sink);
                put(part, delta.text, sink);
            }
            Delta::Thinking(delta) => {
                let part = self.of_kind(index, Kind::Reasoning, sink);
                put(part, delta.thinking, sink);
            }
            Delta::InputJson(delta) => {
                let Some(open) = self.open.iter_mut().find(|open| open.index == index) else {
                    return;
                };
                if open.kind == Kind::Search && open.seal.len() <= MAX_QUERY {
                    open.seal.push_str(&delta.partial_json);
                }
                if open.kind == Kind::Tool && !delta.partial_json.is_empty() {
                    open.input = None;
                    put(open.part, delta.partial_json, sink);
                }
            }
            Delta::Signature(delta) => {
                self.of_kind(index, Kind::Reasoning, sink);
                self.seal(index, &delta.signature);
            }
            Delta::Citations(delta) => {
                let part = self.of_kind(index, Kind::Text, sink);
                if let Some(citation) = delta.citation {
                    cite(part, citation, sink);
                }
            }
            _ => {}
        }
    }

    /// The open part of that index, if it is of that kind; else a new one. Vendors put text into
    /// thinking blocks, and deltas before any block.
    fn of_kind(&mut self, index: u64, kind: Kind, sink: &mut dyn Sink) -> PartId {
        if let Some(at) = self.open.iter().position(|open| open.index == index) {
            if self.open[at].kind == kind {
                return self.open[at].part;
            }
            self.close(at, sink);
        }
        self.ensure_started(sink);
        let part_kind = match kind {
            Kind::Reasoning => thought(false),
            _ => PartKind::Text,
        };
        self.open(index, kind, part_kind, sink)
    }

    fn seal(&mut self, index: u64, piece: &str) {
        if let Some(open) = self.open.iter_mut().find(|open| open.index == index)
            && open.seal.len() + piece.len() <= MAX_SEAL
        {
            open.seal.push_str(piece);
        }
    }

    fn close(&mut self, at: usize, sink: &mut dyn Sink) {
        let open = self.open.remove(at);
        if open.kind == Kind::Search {
            let input = Some(open.seal).filter(|input| !input.is_empty());
            return self.searches.called(open.part, input.or(open.input));
        }
        if let Some(input) = open.input {
            put(open.part, input.into(), sink);
        }
        if !open.seal.is_empty() {
            sink.event(Event::Seal {
                part: open.part,
                sealed: Sealed {
                    origin: Protocol::Messages,
                    issuer: None,
                    data: open.seal.into(),
                },
            });
        }
        sink.event(Event::Close { part: open.part });
    }

    fn close_all(&mut self, sink: &mut dyn Sink) {
        while !self.open.is_empty() {
            self.close(0, sink);
        }
    }

    fn stop(
        &mut self,
        reason: wire::StopReason<'_>,
        sequence: Option<Str<'_>>,
        details: Option<wire::StopDetails<'_>>,
    ) {
        let finish = stop::decode(Some(reason), sequence, details, self.calls);
        self.finish = Some(finish.into_static());
    }

    fn complete(&mut self, sink: &mut dyn Sink) {
        self.ensure_started(sink);
        self.close_all(sink);
        self.ended = true;
        let finish = self
            .finish
            .take()
            .unwrap_or_else(|| stop::decode(None, None, None, self.calls));
        // The result may be the first thing that the next answer says.
        if self.transcript.is_none() || finish.reason != StopReason::Pause {
            self.settle(sink);
        }
        sink.event(Event::Finish(finish));
    }

    fn fail(&mut self, failure: Failure, sink: &mut dyn Sink) {
        self.ended = true;
        sink.event(Event::Failure(failure));
    }

    fn last_index(&self) -> u64 {
        self.open.last().map_or(0, |open| open.index)
    }

    /// An index for a block that came without one: behind all that came before.
    fn free_index(&self) -> u64 {
        u64::from(self.parts) + 1_000_000
    }
}

fn thought(redacted: bool) -> PartKind<'static> {
    PartKind::Reasoning {
        id: None,
        summary: Reasoning::default().summary,
        redacted,
    }
}

fn put(part: PartId, text: Str<'_>, sink: &mut dyn Sink) {
    if !text.is_empty() {
        sink.event(Event::Delta { part, text });
    }
}

fn cite(part: PartId, citation: wire::Citation<'_>, sink: &mut dyn Sink) {
    if let Some(citation) = blocks::citation(citation) {
        sink.event(Event::Cite { part, citation });
    }
}
