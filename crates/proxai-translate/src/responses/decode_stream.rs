//! Streams, read.
//!
//! Clients of this API live on `output_item.done` and `response.completed` alone, so some upstreams
//! send nothing else; others send deltas and leave out what repeats them. Whatever comes first is
//! passed on, and what comes later only adds what is new ([`Progress`]). Items are told apart by
//! `output_index`: one vendor gives the same item another id in every event.
//!
//! A reasoning part is opened late, when its first text or the finished item shows of what kind it
//! is; calls of shells and the editor when they are whole, since their deltas are no JSON.

use proxai_ir::{
    Content, Event, Failure, FailureKind, PartId, PartKind, Sink, Start, ToolCall, ToolKind,
};
use proxai_json::{RawValue, Str, Text};
use proxai_responses::{
    self as wire, ContentPart, DeltaEvent, ErrorEvent, Item, ItemEvent, Response, Status,
    StreamEvent,
};
use proxai_sse::Frame;

use super::content::{self, has_elements};
use super::items::{self, PARAGRAPH};
use super::progress::Progress;
use super::{decode_reply, failure};
use crate::adapter::{ReplyError, StreamDecoder};

/// Most items of one answer. The longest agentic answers have some hundreds.
const MAX_ITEMS: usize = 10_000;
/// Most content parts of one message.
const MAX_PARTS: usize = 10_000;

/// Reads one stream.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    started: bool,
    ended: bool,
    parts: u32,
    calls: bool,
    refusal: bool,
    items: Vec<(u64, Slot)>,
}

/// What is known of an item.
#[derive(Debug)]
enum Slot {
    Message(Vec<(u64, Piece)>),
    Thought(Thought),
    Call(Call),
    Opaque(PartId),
    /// Finished, with the id it had then.
    Done(Option<String>),
}

/// A content part of a message.
#[derive(Debug)]
struct Piece {
    part: PartId,
    told: Progress,
    citations: usize,
    logprobs: bool,
    closed: bool,
}

#[derive(Debug, Default)]
struct Thought {
    id: Option<String>,
    part: Option<PartId>,
    told: Progress,
    /// The section that is being told: whether of the summary, and its index.
    section: Option<(bool, u64)>,
    section_told: Progress,
}

/// A call; without a part until its name is known and its deltas are the hub's.
#[derive(Debug, Default)]
struct Call {
    part: Option<PartId>,
    told: Progress,
}

impl StreamDecoder for Decoder {
    fn frame(&mut self, frame: &Frame, sink: &mut dyn Sink) {
        if self.ended {
            return;
        }
        if frame.is_comment() {
            return sink.event(Event::Keepalive);
        }
        if frame.is_done() {
            return self.end(sink);
        }
        match proxai_json::from_slice(frame.data()) {
            Ok(event) => self.take(event, sink),
            Err(error) => self.fail(
                Failure::new(
                    FailureKind::BadUpstream,
                    format!("the upstream sent an event that could not be read: {error}"),
                ),
                sink,
            ),
        }
    }

    fn end(&mut self, sink: &mut dyn Sink) {
        if !self.ended {
            let cut = Failure::new(
                FailureKind::BadUpstream,
                "the upstream closed the stream before its answer was complete",
            );
            self.fail(cut.with_code("upstream_stream_cut"), sink);
        }
    }
}

impl Decoder {
    fn fail(&mut self, failure: Failure, sink: &mut dyn Sink) {
        self.ended = true;
        sink.event(Event::Failure(failure));
    }

    fn take(&mut self, event: StreamEvent<'_>, sink: &mut dyn Sink) {
        match event {
            StreamEvent::Created(event)
            | StreamEvent::InProgress(event)
            | StreamEvent::Queued(event) => {
                if self.started {
                    sink.event(Event::Keepalive);
                } else {
                    self.start(event.response, sink);
                }
            }
            StreamEvent::Completed(event) => self.finish(event.response, Status::Completed, sink),
            StreamEvent::Incomplete(event) => self.finish(event.response, Status::Incomplete, sink),
            StreamEvent::Failed(event) => self.finish(event.response, Status::Failed, sink),
            StreamEvent::Error(event) => self.fail(failure::of_event(event), sink),
            StreamEvent::Keepalive(_) => sink.event(Event::Keepalive),
            StreamEvent::ItemAdded(event) => self.item_added(event, sink),
            StreamEvent::ItemDone(event) => self.item_done(event, sink),
            StreamEvent::PartAdded(event) => {
                let (item, index) = (self.index(event.output_index), event.content_index);
                match event.part {
                    Some(ContentPart::OutputText(_)) => {
                        self.piece(item, index.unwrap_or(0), false, sink);
                    }
                    Some(ContentPart::Refusal(_)) => {
                        self.piece(item, index.unwrap_or(0), true, sink);
                    }
                    _ => {}
                }
            }
            StreamEvent::PartDone(event) => {
                let (item, index) = (
                    self.index(event.output_index),
                    event.content_index.unwrap_or(0),
                );
                match event.part {
                    Some(ContentPart::ReasoningText(part)) => {
                        self.thought(item, (false, index), &part.text, true, sink);
                    }
                    Some(part) => self.piece_done(item, index, part, sink),
                    None => {}
                }
            }
            StreamEvent::TextDelta(event) => self.text_delta(&event, false, sink),
            StreamEvent::RefusalDelta(event) => self.text_delta(&event, true, sink),
            StreamEvent::TextDone(event) => {
                let item = self.index(event.output_index);
                let piece = self.piece(item, event.content_index.unwrap_or(0), false, sink);
                tell_piece(piece, &event.text, event.logprobs, sink);
            }
            StreamEvent::RefusalDone(event) => {
                let item = self.index(event.output_index);
                let piece = self.piece(item, event.content_index.unwrap_or(0), true, sink);
                tell_piece(piece, &event.refusal, None, sink);
            }
            StreamEvent::AnnotationAdded(event) => {
                let item = self.index(event.output_index);
                let piece = self.piece(item, event.content_index.unwrap_or(0), false, sink);
                let citation = event.annotation.and_then(content::citation);
                if let (Some(piece), Some(citation)) = (piece, citation) {
                    piece.citations += 1;
                    sink.event(Event::Cite {
                        part: piece.part,
                        citation,
                    });
                }
            }
            StreamEvent::ReasoningDelta(event) => {
                let item = self.index(event.output_index);
                let section = (false, event.content_index.unwrap_or(0));
                self.thought(item, section, &event.delta, false, sink);
            }
            StreamEvent::ReasoningDone(event) => {
                let item = self.index(event.output_index);
                let section = (false, event.content_index.unwrap_or(0));
                self.thought(item, section, &event.text, true, sink);
            }
            StreamEvent::SummaryDelta(event) => {
                let item = self.index(event.output_index);
                let section = (true, event.summary_index.unwrap_or(0));
                self.thought(item, section, &event.delta, false, sink);
            }
            StreamEvent::SummaryDone(event) => {
                let item = self.index(event.output_index);
                let section = (true, event.summary_index.unwrap_or(0));
                self.thought(item, section, &event.text, true, sink);
            }
            StreamEvent::ArgumentsDelta(event) | StreamEvent::CustomInputDelta(event) => {
                let item = self.index(event.output_index);
                self.input(item, &event.delta.0, false, sink);
            }
            StreamEvent::ArgumentsDone(event) => {
                let item = self.index(event.output_index);
                self.input(item, &event.arguments.0, true, sink);
            }
            StreamEvent::CustomInputDone(event) => {
                let item = self.index(event.output_index);
                self.input(item, &event.input.0, true, sink);
            }
            StreamEvent::Unknown(event) => self.unknown(&event, sink),
            // Progress of tools that the provider runs, and what the finished item repeats.
            _ => {}
        }
    }

    fn unknown(&mut self, event: &proxai_json::Unknown<'_>, sink: &mut dyn Sink) {
        if event.kind.ends_with("keepalive") || event.kind == "ping" {
            return sink.event(Event::Keepalive);
        }
        // An error body as an event, without a type of its own.
        if event.kind.is_empty()
            && let Some(error) = event.members.get("error")
            && let Ok(error) = serde_json::from_str(error.get())
        {
            let event = ErrorEvent {
                error: Some(error),
                ..ErrorEvent::default()
            };
            self.fail(failure::of_event(event), sink);
        }
    }

    fn start(&mut self, response: Option<&RawValue>, sink: &mut dyn Sink) {
        let response: Response<'_> = response
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default();
        self.started = true;
        sink.event(Event::Start(Start {
            id: response.id,
            model: response.model.unwrap_or_default(),
            created: response
                .created_at
                .map(|time| time.0)
                .filter(|time| *time > 0),
            service_tier: response.service_tier,
        }));
    }

    /// The index of an event's item; events without one belong to the newest item.
    fn index(&self, output_index: Option<u64>) -> u64 {
        output_index.unwrap_or_else(|| self.items.last().map_or(0, |(index, _)| *index))
    }

    fn slot(&mut self, index: u64) -> Option<&mut Slot> {
        self.items
            .iter_mut()
            .rev()
            .find(|(known, _)| *known == index)
            .map(|(_, slot)| slot)
    }

    fn add_slot(&mut self, index: u64, slot: Slot, sink: &mut dyn Sink) {
        if self.items.len() < MAX_ITEMS {
            return self.items.push((index, slot));
        }
        let message = format!("the upstream's answer has more than {MAX_ITEMS} items");
        self.fail(Failure::new(FailureKind::BadUpstream, message), sink);
    }

    /// The slot of an item, made if it is new.
    fn slot_or(
        &mut self,
        index: u64,
        new: impl FnOnce() -> Slot,
        sink: &mut dyn Sink,
    ) -> Option<&mut Slot> {
        if self.slot(index).is_none() {
            self.add_slot(index, new(), sink);
        }
        self.slot(index)
    }

    fn open(&mut self, kind: PartKind<'_>, sink: &mut dyn Sink) -> PartId {
        if !self.started {
            self.start(None, sink);
        }
        match &kind {
            PartKind::ToolCall { .. } => self.calls = true,
            PartKind::Refusal => self.refusal = true,
            _ => {}
        }
        let part = PartId(self.parts);
        self.parts += 1;
        sink.event(Event::Open { part, kind });
        part
    }

    fn item_added(&mut self, event: ItemEvent<'_>, sink: &mut dyn Sink) {
        let index = event.output_index.unwrap_or(self.items.len() as u64);
        let item = event
            .item
            .and_then(|raw| serde_json::from_str(raw.get()).ok());
        // What cannot be read here is read when the item is done.
        let Some(item) = item else { return };
        // One vendor gives every item the same index: a finished item leaves room for the next.
        if self
            .slot(index)
            .is_some_and(|slot| !matches!(slot, Slot::Done(_)))
        {
            return;
        }
        let slot = match item {
            Item::Message(_) => Slot::Message(Vec::new()),
            Item::Reasoning(item) => Slot::Thought(Thought {
                id: item.id.map(Str::into_string),
                ..Thought::default()
            }),
            item => match items::call(item) {
                Ok(call) if call.kind == ToolKind::Native || call.name.is_empty() => {
                    Slot::Call(Call::default())
                }
                Ok(call) => Slot::Call(Call {
                    part: Some(self.open_call(&call, sink)),
                    told: Progress::default(),
                }),
                Err(item) => Slot::Opaque(self.open_opaque(&item, sink)),
            },
        };
        self.add_slot(index, slot, sink);
    }

    fn open_call(&mut self, call: &ToolCall<'_>, sink: &mut dyn Sink) -> PartId {
        let kind = PartKind::ToolCall {
            id: call.id.reborrow(),
            item_id: call.item_id.as_ref().map(Str::reborrow),
            name: call.name.reborrow(),
            namespace: call.namespace.as_ref().map(Str::reborrow),
            kind: call.kind,
        };
        self.open(kind, sink)
    }

    fn open_opaque(&mut self, item: &Item<'_>, sink: &mut dyn Sink) -> PartId {
        let hosted = matches!(items::opaque(item), Content::Opaque(opaque) if opaque.hosted);
        let kind = Str::from(item.kind());
        self.open(PartKind::Opaque { kind, hosted }, sink)
    }

    /// The content part of a message, opened if it is new.
    fn piece(
        &mut self,
        item: u64,
        index: u64,
        refusal: bool,
        sink: &mut dyn Sink,
    ) -> Option<&mut Piece> {
        let next = self.parts;
        let Slot::Message(pieces) = self.slot_or(item, || Slot::Message(Vec::new()), sink)? else {
            return None;
        };
        let known = pieces.iter().any(|(known, _)| *known == index);
        if !known {
            if pieces.len() >= MAX_PARTS {
                return None;
            }
            pieces.push((
                index,
                Piece {
                    part: PartId(next),
                    told: Progress::default(),
                    citations: 0,
                    logprobs: false,
                    closed: false,
                },
            ));
            let kind = if refusal {
                PartKind::Refusal
            } else {
                PartKind::Text
            };
            self.open(kind, sink);
        }
        match self.slot(item) {
            Some(Slot::Message(pieces)) => pieces
                .iter_mut()
                .find(|(known, _)| *known == index)
                .map(|(_, piece)| piece)
                .filter(|piece| !piece.closed),
            _ => None,
        }
    }

    fn text_delta(&mut self, event: &DeltaEvent<'_>, refusal: bool, sink: &mut dyn Sink) {
        let item = self.index(event.output_index);
        let index = event.content_index.unwrap_or(0);
        let Some(piece) = self.piece(item, index, refusal, sink) else {
            return;
        };
        if !event.delta.is_empty() {
            piece.told.push(&event.delta);
            sink.event(Event::Delta {
                part: piece.part,
                text: event.delta.reborrow(),
            });
        }
        tell_logprobs(piece, event.logprobs, sink);
    }

    /// The end of a content part: what was not told, and its close.
    fn piece_done(&mut self, item: u64, index: u64, part: ContentPart<'_>, sink: &mut dyn Sink) {
        let Some(content) = items::message_part(part) else {
            return;
        };
        let refusal = matches!(content, Content::Refusal(_));
        let Some(piece) = self.piece(item, index, refusal, sink) else {
            return;
        };
        match content {
            Content::Refusal(text) => tell_piece(Some(piece), &text, None, sink),
            Content::Text(text) => {
                let rest = piece.told.rest(&text.text);
                tell(piece.part, &mut piece.told, rest, sink);
                for citation in text.citations.into_iter().skip(piece.citations) {
                    sink.event(Event::Cite {
                        part: piece.part,
                        citation,
                    });
                }
                if let Some(json) = text.logprobs.filter(|_| !piece.logprobs) {
                    sink.event(Event::Logprobs {
                        part: piece.part,
                        json,
                    });
                }
            }
            _ => {}
        }
        piece.closed = true;
        sink.event(Event::Close { part: piece.part });
    }

    /// A text of a section of a reasoning item: a piece of it, or the whole.
    fn thought(
        &mut self,
        item: u64,
        section: (bool, u64),
        text: &str,
        whole: bool,
        sink: &mut dyn Sink,
    ) {
        let slot = self.slot_or(item, || Slot::Thought(Thought::default()), sink);
        let Some(Slot::Thought(thought)) = slot else {
            return;
        };
        let is_new = thought.section != Some(section);
        let is_over = is_new
            && thought
                .section
                .is_some_and(|(summary, index)| summary == section.0 && section.1 < index);
        if text.is_empty() || is_over {
            return;
        }
        let mut thought = std::mem::take(thought);
        let part = match thought.part {
            Some(part) => part,
            None => {
                let kind = PartKind::Reasoning {
                    id: thought.id.as_deref().map(Str::from),
                    summary: section.0,
                    redacted: false,
                };
                self.open(kind, sink)
            }
        };
        if is_new {
            if thought.section.is_some() {
                tell(part, &mut thought.told, PARAGRAPH, sink);
            }
            thought.section = Some(section);
            thought.section_told = Progress::default();
        }
        thought.part = Some(part);
        let text = if whole {
            thought.section_told.rest(text)
        } else {
            text
        };
        thought.section_told.push(text);
        tell(part, &mut thought.told, text, sink);
        if let Some(slot) = self.slot(item) {
            *slot = Slot::Thought(thought);
        }
    }

    /// The input of a call: a piece of it, or the whole.
    fn input(&mut self, item: u64, text: &str, whole: bool, sink: &mut dyn Sink) {
        let Some(Slot::Call(Call {
            part: Some(part),
            told,
        })) = self.slot(item)
        else {
            return;
        };
        let text = if whole { told.rest(text) } else { text };
        tell(*part, told, text, sink);
    }

    fn item_done(&mut self, event: ItemEvent<'_>, sink: &mut dyn Sink) {
        let index = event
            .output_index
            .unwrap_or_else(|| match self.items.last() {
                Some((index, Slot::Done(_))) => index + 1,
                Some((index, _)) => *index,
                None => 0,
            });
        let Some(raw) = event.item else { return };
        match proxai_json::from_str(raw.get()) {
            Ok(item) => self.whole_item(index, item, sink),
            Err(error) => self.fail(
                Failure::new(
                    FailureKind::BadUpstream,
                    format!("the upstream sent an item that could not be read: {error}"),
                ),
                sink,
            ),
        }
    }

    fn whole_item(&mut self, index: u64, item: Item<'_>, sink: &mut dyn Sink) {
        let id = items::id(&item).map(str::to_owned);
        if let Some(Slot::Done(known)) = self.slot(index) {
            if *known == id {
                return;
            }
            self.add_slot(index, Slot::Call(Call::default()), sink);
        }
        match item {
            Item::Message(message) => self.whole_message(index, message, sink),
            Item::Reasoning(item) => self.whole_thought(index, item, sink),
            item => match items::call(item) {
                Ok(call) => self.whole_call(index, &call, sink),
                Err(item) => {
                    let part = match self.slot(index) {
                        Some(Slot::Opaque(part)) => *part,
                        _ => self.open_opaque(&item, sink),
                    };
                    sink.event(Event::Close { part });
                }
            },
        }
        if let Some(slot) = self.slot_or(index, || Slot::Done(None), sink) {
            *slot = Slot::Done(id);
        }
    }

    fn whole_message(&mut self, index: u64, message: wire::Message<'_>, sink: &mut dyn Sink) {
        let parts = match message.content.unwrap_or_default() {
            Text::Parts(parts) => parts,
            Text::String(text) => vec![ContentPart::Text(wire::InputText {
                text,
                ..wire::InputText::default()
            })],
        };
        for (at, part) in parts.into_iter().enumerate() {
            self.piece_done(index, at as u64, part, sink);
        }
        self.close_slot(index, sink);
    }

    fn whole_thought(&mut self, index: u64, item: wire::Reasoning<'_>, sink: &mut dyn Sink) {
        let mut known = match self.slot(index) {
            Some(Slot::Thought(thought)) => std::mem::take(thought),
            _ => Thought::default(),
        };
        let whole = items::reasoning(item);
        if known.part.is_none() && whole.text.is_empty() && whole.sealed.is_none() {
            return;
        }
        let part = match known.part {
            Some(part) => part,
            None => {
                let kind = PartKind::Reasoning {
                    id: whole.id.as_ref().map(Str::reborrow),
                    summary: whole.summary,
                    redacted: whole.redacted,
                };
                self.open(kind, sink)
            }
        };
        let rest = known.told.rest(&whole.text);
        tell(part, &mut known.told, rest, sink);
        if let Some(sealed) = whole.sealed {
            sink.event(Event::Seal { part, sealed });
        }
        sink.event(Event::Close { part });
    }

    fn whole_call(&mut self, index: u64, call: &ToolCall<'_>, sink: &mut dyn Sink) {
        let known = match self.slot(index) {
            Some(Slot::Call(known)) => std::mem::take(known),
            _ => Call::default(),
        };
        let mut told = known.told;
        let part = match known.part {
            Some(part) => part,
            None => self.open_call(call, sink),
        };
        let rest = told.rest(&call.input);
        tell(part, &mut told, rest, sink);
        sink.event(Event::Close { part });
    }

    /// Closes what is open of an item.
    fn close_slot(&mut self, index: u64, sink: &mut dyn Sink) {
        let Some(slot) = self.slot(index) else { return };
        let slot = std::mem::replace(slot, Slot::Done(None));
        match slot {
            Slot::Message(pieces) => {
                for (_, piece) in pieces.into_iter().filter(|(_, piece)| !piece.closed) {
                    sink.event(Event::Close { part: piece.part });
                }
            }
            Slot::Thought(Thought {
                part: Some(part), ..
            })
            | Slot::Call(Call {
                part: Some(part), ..
            })
            | Slot::Opaque(part) => sink.event(Event::Close { part }),
            Slot::Thought(_) | Slot::Call(_) | Slot::Done(_) => {}
        }
    }

    fn finish(&mut self, response: Option<&RawValue>, told: Status<'static>, sink: &mut dyn Sink) {
        let read = response.map(|raw| proxai_json::from_str::<Response<'_>>(raw.get()));
        let response = match read {
            Some(Ok(response)) => response,
            None => Response::default(),
            Some(Err(error)) => return self.fail(unreadable(&ReplyError::Json(error)), sink),
        };
        if !self.started {
            self.start_with(&response, sink);
        }
        if self.items.is_empty()
            && let Err(failure) = self.tell_output(&response, sink)
        {
            return self.fail(failure, sink);
        }
        if let Some(usage) = decode_reply::usage(&response) {
            sink.event(Event::Usage(usage));
        }
        match decode_reply::ending(&response, told, self.calls, self.refusal) {
            Ok(finish) => {
                for at in 0..self.items.len() {
                    let index = self.items[at].0;
                    self.close_slot(index, sink);
                }
                self.ended = true;
                sink.event(Event::Finish(finish));
            }
            Err(failure) => self.fail(failure, sink),
        }
    }

    fn start_with(&mut self, response: &Response<'_>, sink: &mut dyn Sink) {
        self.started = true;
        sink.event(Event::Start(Start {
            id: response.id.reborrow(),
            model: response
                .model
                .as_ref()
                .map(Str::reborrow)
                .unwrap_or_default(),
            created: response
                .created_at
                .map(|time| time.0)
                .filter(|time| *time > 0),
            service_tier: response.service_tier.as_ref().map(Str::reborrow),
        }));
    }

    /// Tells the items of a response that had no events of their own.
    fn tell_output(&mut self, response: &Response<'_>, sink: &mut dyn Sink) -> Result<(), Failure> {
        for (index, raw) in response.output.iter().enumerate() {
            let item = proxai_json::from_str(raw.get())
                .map_err(|error| unreadable(&ReplyError::Json(error)))?;
            self.whole_item(index as u64, item, sink);
        }
        Ok(())
    }
}

fn unreadable(error: &ReplyError) -> Failure {
    Failure::new(FailureKind::BadUpstream, error.to_string())
}

fn tell(part: PartId, told: &mut Progress, text: &str, sink: &mut dyn Sink) {
    if !text.is_empty() {
        told.push(text);
        sink.event(Event::Delta {
            part,
            text: text.into(),
        });
    }
}

/// What a closing event adds to a content part.
fn tell_piece(
    piece: Option<&mut Piece>,
    whole: &str,
    logprobs: Option<&RawValue>,
    sink: &mut dyn Sink,
) {
    if let Some(piece) = piece {
        let rest = piece.told.rest(whole);
        tell(piece.part, &mut piece.told, rest, sink);
        if !piece.logprobs {
            tell_logprobs(piece, logprobs, sink);
        }
    }
}

fn tell_logprobs(piece: &mut Piece, logprobs: Option<&RawValue>, sink: &mut dyn Sink) {
    if let Some(json) = logprobs.filter(|json| has_elements(json.get())) {
        piece.logprobs = true;
        sink.event(Event::Logprobs {
            part: piece.part,
            json: json.get().into(),
        });
    }
}
