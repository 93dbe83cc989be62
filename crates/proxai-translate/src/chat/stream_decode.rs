//! Reads a stream of chunks into hub events.
//!
//! Chunks are flat: what is a part has to be found out. A text ends when something else begins
//! and never goes on afterwards; calls may be open side by side (see [`Calls`]); reasoning blocks
//! that come too late for their part get one of their own.
//!
//! The finish reason does not end the stream: usage may follow, and so may an error. `Finish` is
//! told at the usage chunk behind it, at `[DONE]` or at the end of the body. Without a finish
//! reason only `[DONE]` counts as an end, anything else is a cut stream (S3).
//!
//! Only choice 0 is read. `<think>` tags are text here.

use proxai_chat as wire;
use proxai_ir::{Citation, Event, Failure, FailureKind, PartId, PartKind, Sink, Start};
use proxai_json::{RawValue, Str, Text};
use proxai_sse::Frame;
use proxai_types::Usage;

use super::calls::{Calls, Piece};
use super::reasoning::{self, Collector, Members};
use super::response_decode::thinking_text;
use super::{citations, failure, finish, usage};
use crate::adapter::StreamDecoder;
use crate::reasoning::ReasoningFields;

/// The index under which the old `function_call` is kept; real ones start at 0.
const LEGACY_INDEX: u64 = u64::MAX;

/// Most bytes of a list of sources that is kept until its text ends.
const MAX_SOURCES: usize = 1 << 20;

/// The reader of one stream.
#[derive(Debug, Default)]
pub(super) struct ChatStream {
    fields: ReasoningFields,
    started: bool,
    ended: bool,
    next_part: u32,
    text: Option<PartId>,
    thought: Option<PartId>,
    refusal: Option<PartId>,
    calls: Calls,
    blocks: Collector,
    /// The signature of the whole message, JSON.
    message_seal: Option<String>,
    /// Lists of sources: with titles, bare.
    sources: [Option<String>; 2],
    usage: Option<Usage>,
    finish: Option<FinishSeen>,
}

#[derive(Debug)]
struct FinishSeen {
    reason: String,
    /// JSON.
    matched: Option<String>,
}

impl StreamDecoder for ChatStream {
    fn frame(&mut self, frame: &Frame, sink: &mut dyn Sink) {
        if self.ended {
            return;
        }
        if frame.data().trim_ascii().is_empty() {
            return sink.event(Event::Keepalive);
        }
        if frame.is_done() {
            return self.complete(true, sink);
        }
        if let Err(failure) = self.chunk(frame, sink) {
            self.fail(failure, sink);
        }
    }

    fn end(&mut self, sink: &mut dyn Sink) {
        if !self.ended {
            self.complete(false, sink);
        }
    }
}

impl ChatStream {
    /// A reader that looks for reasoning in these members.
    pub(super) fn new(fields: ReasoningFields) -> Self {
        Self {
            fields,
            ..Self::default()
        }
    }

    fn fail(&mut self, failure: Failure, sink: &mut dyn Sink) {
        self.ended = true;
        sink.event(Event::Failure(failure));
    }

    fn chunk(&mut self, frame: &Frame, sink: &mut dyn Sink) -> Result<(), Failure> {
        let mut chunk: wire::Chunk<'_> = match proxai_json::from_slice(frame.data()) {
            Ok(chunk) => chunk,
            Err(error) => {
                return Err(failure::in_success(frame.data()).unwrap_or_else(|| {
                    let problem = format!("the upstream sent a frame that is no chunk: {error}");
                    Failure::new(FailureKind::BadUpstream, problem).with_code("upstream_bad_frame")
                }));
            }
        };
        let error = failure::in_chunk(&chunk, frame.data(), frame.event() == Some("error"));
        // The first chunk of some servers has nothing but empty strings: the head comes later.
        if !self.started && error.is_none() && !(chunk.id.is_empty() && chunk.choices.is_empty()) {
            self.start(&mut chunk, sink);
        }
        let beside = chunk.x_groq.take().and_then(|groq| groq.usage);
        // Kimi (https://github.com/earendil-works/pi/issues/2017, 2026-03).
        let within = chunk
            .choices
            .first_mut()
            .and_then(|first| first.usage.take());
        if let Some(counts) = chunk.usage.take().or(beside).or(within) {
            self.count(usage::decode(&counts), sink);
        }
        if let Some(error) = error {
            return Err(error);
        }
        keep(&mut self.sources[0], chunk.search_results);
        keep(&mut self.sources[1], chunk.citations);
        let only_usage = chunk.choices.is_empty();
        for choice in chunk.choices {
            if choice.index.unwrap_or(0) == 0 {
                self.choice(choice, sink)?;
            }
        }
        if only_usage && self.finish.is_some() && self.usage.is_some() {
            self.complete(true, sink);
        }
        Ok(())
    }

    fn start(&mut self, chunk: &mut wire::Chunk<'_>, sink: &mut dyn Sink) {
        self.started = true;
        sink.event(Event::Start(Start {
            id: std::mem::take(&mut chunk.id),
            model: std::mem::take(&mut chunk.model),
            created: chunk.created.map(|wire::Count(created)| created),
            service_tier: chunk.service_tier.take(),
        }));
        if let Some(usage) = self.usage {
            sink.event(Event::Usage(usage));
        }
    }

    fn count(&mut self, usage: Usage, sink: &mut dyn Sink) {
        let before = self.usage;
        self.usage.get_or_insert_with(Usage::default).merge(&usage);
        if self.started && self.usage != before {
            sink.event(Event::Usage(usage));
        }
    }

    fn choice(
        &mut self,
        choice: wire::ChunkChoice<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        if let Some(delta) = choice.delta.or(choice.message) {
            self.delta(delta, sink)?;
        }
        let logprobs = choice
            .logprobs
            .and_then(|logprobs| logprobs.content.value());
        if let (Some(part), Some(logprobs)) = (self.text, logprobs)
            && logprobs.get() != "[]"
        {
            sink.event(Event::Logprobs {
                part,
                json: Str::borrowed(logprobs.get()),
            });
        }
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            self.finish = Some(FinishSeen {
                reason: reason.into_string(),
                matched: choice.stop_reason.map(|value| value.get().to_owned()),
            });
        }
        Ok(())
    }

    fn delta(&mut self, delta: wire::Delta<'_>, sink: &mut dyn Sink) -> Result<(), Failure> {
        let (thought, details) = Members {
            content: delta.reasoning_content,
            reasoning: delta.reasoning,
            text: delta.reasoning_text,
            thinking: delta.thinking,
            details: delta.reasoning_details,
        }
        .choose(self.fields);
        let mut thought = thought.unwrap_or_default();
        let details = details.filter(|details| details.get() != "[]");
        let mut summary = false;
        let blocks = details
            .as_ref()
            .map(|details| reasoning::parse(details.get()))
            .unwrap_or_default();
        if thought.is_empty() {
            thought = reasoning::text_of(&blocks).into();
            summary = reasoning::is_summary(&blocks);
        }
        self.reasoning(thought, summary, sink);
        if !blocks.is_empty() {
            self.blocks.push(blocks);
        }
        if let Some(seal) = delta.extra_content {
            self.message_seal = Some(seal.into_text().into_string());
        }
        match delta.content {
            Some(Text::String(text)) => self.text(text, sink),
            Some(Text::Parts(parts)) => {
                for part in parts {
                    self.content(part, sink);
                }
            }
            None => {}
        }
        if let Some(audio) = delta.audio {
            self.text(audio.transcript.unwrap_or_default(), sink);
        }
        if delta.images.is_some() {
            self.opaque("images", sink);
        }
        self.refusal(delta.refusal.unwrap_or_default(), sink);
        for annotation in citations::from_annotations(delta.annotations.unwrap_or_default()) {
            self.cite(annotation, sink);
        }
        for call in delta.tool_calls.unwrap_or_default() {
            self.call(piece(call), sink)?;
        }
        if let Some(call) = delta.function_call {
            self.call(function(Some(LEGACY_INDEX), Str::default(), call), sink)?;
        }
        Ok(())
    }

    fn content(&mut self, part: wire::ContentPart<'_>, sink: &mut dyn Sink) {
        match part {
            wire::ContentPart::Text(part) => self.text(part.text, sink),
            wire::ContentPart::Thinking(part) => {
                self.reasoning(thinking_text(part.thinking), false, sink);
            }
            wire::ContentPart::Refusal(part) => self.refusal(part.refusal, sink),
            // References into lists that this protocol does not define.
            _ => {}
        }
    }

    /// Begins a part; what has to end for it ends.
    fn open(&mut self, kind: PartKind<'_>, sink: &mut dyn Sink) -> PartId {
        self.close_flat(sink);
        self.open_beside(kind, sink)
    }

    fn open_beside(&mut self, kind: PartKind<'_>, sink: &mut dyn Sink) -> PartId {
        let part = self.next();
        sink.event(Event::Open { part, kind });
        part
    }

    fn next(&mut self) -> PartId {
        let part = PartId(self.next_part);
        self.next_part += 1;
        part
    }

    fn text(&mut self, text: Str<'_>, sink: &mut dyn Sink) {
        if text.is_empty() {
            return;
        }
        let part = self.text.unwrap_or_else(|| self.open(PartKind::Text, sink));
        self.text = Some(part);
        sink.event(Event::Delta { part, text });
    }

    fn reasoning(&mut self, text: Str<'_>, summary: bool, sink: &mut dyn Sink) {
        if text.is_empty() {
            return;
        }
        let kind = reasoning_part(false, summary);
        let part = self.thought.unwrap_or_else(|| self.open(kind, sink));
        self.thought = Some(part);
        sink.event(Event::Delta { part, text });
    }

    fn refusal(&mut self, text: Str<'_>, sink: &mut dyn Sink) {
        if text.is_empty() {
            return;
        }
        let part = self
            .refusal
            .unwrap_or_else(|| self.open(PartKind::Refusal, sink));
        self.refusal = Some(part);
        sink.event(Event::Delta { part, text });
    }

    fn opaque(&mut self, kind: &str, sink: &mut dyn Sink) {
        let kind = PartKind::Opaque {
            kind: Str::borrowed(kind),
            hosted: false,
        };
        let part = self.open(kind, sink);
        sink.event(Event::Close { part });
    }

    fn call(&mut self, piece: Piece<'_>, sink: &mut dyn Sink) -> Result<(), Failure> {
        let at = self.calls.place(&piece)?;
        if self.calls.ready(at) {
            self.close_flat(sink);
            let part = self.next();
            self.calls.open(at, part, sink);
        }
        self.calls.feed(at, piece, sink)
    }

    fn cite(&mut self, citation: Citation<'_>, sink: &mut dyn Sink) {
        if let Some(part) = self.text {
            sink.event(Event::Cite { part, citation });
        }
    }

    /// Closes what ends when a part begins: text, reasoning, refusal and the calls that are whole.
    fn close_flat(&mut self, sink: &mut dyn Sink) {
        self.calls.close_complete(sink);
        if let Some(part) = self.text {
            let [results, addresses] = std::mem::take(&mut self.sources);
            let (results, addresses) = (list(results.as_deref()), list(addresses.as_deref()));
            for citation in citations::from_lists(results, addresses) {
                sink.event(Event::Cite { part, citation });
            }
            self.text = None;
            sink.event(Event::Close { part });
        }
        if let Some(part) = self.refusal.take() {
            sink.event(Event::Close { part });
        }
        // Blocks without a part to belong to get one now, ahead of what begins.
        if !self.blocks.is_empty() && self.thought.is_none() {
            self.thought = Some(self.open_beside(reasoning_part(true, false), sink));
        }
        if let Some(part) = self.thought.take() {
            self.seal(part, sink);
        }
    }

    fn seal(&mut self, part: PartId, sink: &mut dyn Sink) {
        if let Some(blocks) = self.blocks.take() {
            sink.event(Event::Seal {
                part,
                sealed: reasoning::native(blocks.into()),
            });
        }
        sink.event(Event::Close { part });
    }

    /// The stream is over; `done` is whether the upstream said so.
    fn complete(&mut self, done: bool, sink: &mut dyn Sink) {
        self.ended = true;
        let seen = self.finish.take();
        if (seen.is_none() && !done) || !self.started {
            return sink.event(Event::Failure(cut()));
        }
        let (reason, matched) = match &seen {
            Some(seen) => (Some(seen.reason.as_str()), list(seen.matched.as_deref())),
            None => (None, None),
        };
        let called = self.calls.any_opened();
        let finish = match finish::decode(reason.map(Str::borrowed), matched, called) {
            Ok(finish) => finish,
            Err(failure) => return sink.event(Event::Failure(failure)),
        };
        self.close_flat(sink);
        if let Some(seal) = self.message_seal.take() {
            let part = self.open_beside(reasoning_part(true, false), sink);
            sink.event(Event::Seal {
                part,
                sealed: reasoning::native(seal.into()),
            });
            sink.event(Event::Close { part });
        }
        if let Err(failure) = self.calls.close_all(sink) {
            return sink.event(Event::Failure(failure));
        }
        sink.event(Event::Finish(finish));
    }
}

const fn reasoning_part(redacted: bool, summary: bool) -> PartKind<'static> {
    PartKind::Reasoning {
        id: None,
        summary,
        redacted,
    }
}

fn cut() -> Failure {
    Failure::new(
        FailureKind::BadUpstream,
        "the upstream closed the stream before its answer was complete",
    )
    .with_code("upstream_stream_cut")
}

/// Keeps the latest list, which vendors repeat in each chunk.
fn keep(slot: &mut Option<String>, list: Option<&RawValue>) {
    if let Some(list) = list
        && list.get().len() <= MAX_SOURCES
        && slot.as_deref() != Some(list.get())
    {
        *slot = Some(list.get().to_owned());
    }
}

fn list(text: Option<&str>) -> Option<&RawValue> {
    text.and_then(|text| serde_json::from_str(text).ok())
}

fn piece(call: wire::ToolCallDelta<'_>) -> Piece<'_> {
    let index = call.index.map(|wire::Count(index)| index);
    let id = call.id.unwrap_or_default();
    let custom = call.r#type.is_some_and(|kind| kind == "custom") || call.custom.is_some();
    let mut piece = match call.custom {
        Some(body) => Piece {
            index,
            id,
            name: body.name.unwrap_or_default(),
            input: body.input.unwrap_or_default(),
            ..Piece::default()
        },
        None => function(index, id, call.function.unwrap_or_default()),
    };
    piece.custom = custom;
    piece.seal = call.extra_content.map(wire::Raw::into_text);
    piece
}

fn function<'d>(index: Option<u64>, id: Str<'d>, body: wire::FunctionDelta<'d>) -> Piece<'d> {
    Piece {
        index,
        id,
        name: body.name.unwrap_or_default(),
        input: body.arguments.unwrap_or_default().0,
        ..Piece::default()
    }
}

#[cfg(test)]
#[path = "stream_decode_tests.rs"]
mod tests;
