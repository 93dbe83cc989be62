//! Makes items out of hub events, and tells how they grow.
//!
//! One state machine serves JSON answers and streams: an answer that is not streamed is replayed
//! through it quietly, so the two can never disagree (T2).
//!
//! Texts that follow each other become parts of one message. A message therefore stays open until
//! something else begins or the answer ends; each of its parts is done as soon as the upstream is
//! done with it. Calls of shells and the editor have no deltas that clients could read before the
//! whole input is there: they are held until it is. Sources are told when their text is complete,
//! because their span may be all of it.

use std::sync::Arc;

use bytes::BytesMut;
use proxai_ir::{
    Event, Failure, Finish, Losses, PartId, PartKind, Sealed, Start, StopReason, ToolKind,
};
use proxai_json::{RawValue, Str};
use proxai_responses::lenient::JsonText;
use proxai_responses::{
    AnnotationEvent, ArgumentsEvent, ContentPart, CustomInputEvent, DeltaEvent, InputDeltaEvent,
    Item, PartEvent, RefusalEvent, Response, Status, StreamEvent, SummaryDeltaEvent,
    SummaryPartEvent, SummaryTextEvent, TextEvent,
};
use proxai_types::Usage;

use super::content::has_elements;
use super::draft::{Body, Call, Draft, Piece, Thought, message_item, summary_part, thought_item};
use super::head::{Ending, Head};
use super::raw::{constant, parsed};
use super::wire_out::Wire;
use crate::context::ReplyContext;
use crate::{ids, seal};

/// The answer so far.
pub(super) struct Composer {
    context: Arc<ReplyContext>,
    head: Option<Head>,
    wire: Wire,
    slots: Vec<Slot>,
    /// By output index.
    items: Vec<Draft>,
    usage: Option<Usage>,
    refused: bool,
    ended: bool,
    losses: Losses,
}

/// Where a part of the hub goes.
enum Slot {
    /// Nowhere.
    Ignored,
    /// A content part of a message.
    Piece { item: usize, index: usize },
    /// An item of its own.
    Item(usize),
    /// A call that is held until it is whole.
    Held(Call),
}

impl Composer {
    pub(super) fn new(context: Arc<ReplyContext>) -> Self {
        Self {
            context,
            head: None,
            wire: Wire::default(),
            slots: Vec::new(),
            items: Vec::new(),
            usage: None,
            refused: false,
            ended: false,
            losses: Losses::new(),
        }
    }

    /// What was lost so far.
    pub(super) fn take_losses(&mut self) -> Losses {
        std::mem::take(&mut self.losses)
    }

    /// Takes an event; `out` is `None` for an answer that is not streamed.
    pub(super) fn event(&mut self, event: Event<'_>, mut out: Option<&mut BytesMut>) {
        if self.ended {
            return;
        }
        self.wire.attach(out.as_deref_mut());
        self.take(event);
        self.wire.detach(out);
    }

    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(start) => self.start(&start),
            Event::Open { kind, .. } => {
                self.begin();
                self.open(kind);
            }
            Event::Delta { part, text } => self.delta(part, &text),
            Event::Seal { part, sealed } => self.sealed(part, &sealed),
            Event::Cite { part, citation } => {
                if citation.url.is_empty() {
                    self.losses.dropped(
                        "output[].content[].annotations",
                        "the source has no address, and only files of the provider may have none",
                    );
                } else if let Some(piece) = self.piece(part) {
                    piece.citations.push(proxai_ir::Citation {
                        url: citation.url.into_static(),
                        title: citation.title.map(Str::into_static),
                        quote: None,
                        ..citation
                    });
                }
            }
            Event::Logprobs { part, json } => self.logprobs(part, &json),
            Event::Close { part } => self.close(part),
            Event::Usage(usage) => self.usage.get_or_insert_with(Usage::default).merge(&usage),
            Event::Keepalive => self.wire.keepalive(),
            Event::Finish(finish) => self.finish(&finish),
            Event::Failure(failure) => self.fail(&failure),
            _ => {}
        }
    }

    fn start(&mut self, start: &Start<'_>) {
        // A keep-alive may have begun the answer before the upstream did.
        if self.head.is_some() {
            return;
        }
        let tier = start.service_tier.as_deref();
        let head = Head::new(&self.context, &start.id, start.created, tier);
        let object = head.object(Vec::new(), &Ending::none_yet());
        self.wire.response("response.created", &object);
        self.wire.response("response.in_progress", &object);
        self.head = Some(head);
    }

    fn begin(&mut self) {
        if self.head.is_none() {
            self.start(&Start::default());
        }
    }

    fn new_id(&self, prefix: &str) -> String {
        let answer = self.head.as_ref().map_or("", |head| head.id.as_str());
        ids::item(prefix, answer, self.items.len())
    }

    fn open(&mut self, kind: PartKind<'_>) {
        let slot = match kind {
            PartKind::Text => self.open_piece(false),
            PartKind::Refusal => {
                self.refused = true;
                self.open_piece(true)
            }
            PartKind::Reasoning { id, .. } => {
                self.close_idle_message("completed");
                let thought = Thought {
                    upstream_id: id.map(Str::into_string),
                    ..Thought::default()
                };
                Slot::Item(self.add("rs_", Body::Thought(thought)))
            }
            PartKind::ToolCall {
                id,
                name,
                namespace,
                kind,
                ..
            } => {
                let call = Call {
                    id: id.into_string(),
                    name: name.into_string(),
                    namespace: namespace.map(Str::into_string),
                    kind,
                    ..Call::default()
                };
                self.open_call(call)
            }
            PartKind::Opaque { kind, hosted } => {
                if !hosted {
                    self.losses
                        .dropped("output[]", format!("`{kind}` has no form in this protocol"));
                }
                Slot::Ignored
            }
            _ => Slot::Ignored,
        };
        self.slots.push(slot);
    }

    fn open_call(&mut self, mut call: Call) -> Slot {
        if call.id.is_empty() {
            call.id = self.new_id("call_");
        }
        if call.kind == ToolKind::Native {
            return Slot::Held(call);
        }
        self.close_idle_message("completed");
        Slot::Item(self.add(call.prefix(), Body::Call(call)))
    }

    /// Adds an item and tells that it begins.
    fn add(&mut self, prefix: &str, body: Body) -> usize {
        let id = self.new_id(prefix);
        let index = self.items.len();
        let item = match &body {
            Body::Message(_) => message_item(&id, Vec::new(), "in_progress"),
            Body::Thought(_) => thought_item(&id, "", None, None),
            Body::Call(call) if call.kind == ToolKind::Native => {
                call.item(&id, &call.input, "in_progress")
            }
            Body::Call(call) => call.item(&id, "", "in_progress"),
        };
        self.wire.item_added(index, &item);
        self.items.push(Draft {
            id,
            body,
            done: None,
        });
        index
    }

    fn open_piece(&mut self, refusal: bool) -> Slot {
        let last = self.items.len().wrapping_sub(1);
        let joins = self
            .items
            .last()
            .is_some_and(|item| item.done.is_none() && matches!(item.body, Body::Message(_)));
        let item = if joins {
            last
        } else {
            self.add("msg_", Body::Message(Vec::new()))
        };
        let draft = &mut self.items[item];
        let Body::Message(pieces) = &mut draft.body else {
            return Slot::Ignored;
        };
        let index = pieces.len();
        let piece = Piece {
            refusal,
            ..Piece::default()
        };
        let part = Some(piece.part("[]"));
        self.wire.send(&StreamEvent::PartAdded(PartEvent {
            sequence_number: self.wire.number(),
            item_id: Some(draft.id.as_str().into()),
            output_index: Some(item as u64),
            content_index: Some(index as u64),
            part,
        }));
        pieces.push(piece);
        Slot::Piece { item, index }
    }

    fn piece(&mut self, part: PartId) -> Option<&mut Piece> {
        let Some(Slot::Piece { item, index }) = self.slots.get(part.0 as usize) else {
            return None;
        };
        match &mut self.items[*item].body {
            Body::Message(pieces) => pieces.get_mut(*index),
            _ => None,
        }
    }

    fn delta(&mut self, part: PartId, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.slots.get_mut(part.0 as usize) {
            Some(Slot::Piece { item, index }) => {
                let (item, index) = (*item, *index);
                let draft = &mut self.items[item];
                let Body::Message(pieces) = &mut draft.body else {
                    return;
                };
                let piece = &mut pieces[index];
                piece.text.push_str(text);
                let event = DeltaEvent {
                    sequence_number: self.wire.number(),
                    item_id: Some(draft.id.as_str().into()),
                    output_index: Some(item as u64),
                    content_index: Some(index as u64),
                    delta: text.into(),
                    logprobs: (!piece.refusal).then(|| constant("[]")),
                };
                self.wire.send(&if piece.refusal {
                    StreamEvent::RefusalDelta(event)
                } else {
                    StreamEvent::TextDelta(event)
                });
            }
            Some(Slot::Item(item)) => {
                let item = *item;
                self.item_delta(item, text);
            }
            Some(Slot::Held(call)) => call.input.push_str(text),
            Some(Slot::Ignored) | None => {}
        }
    }

    fn item_delta(&mut self, item: usize, text: &str) {
        let draft = &mut self.items[item];
        let item_id = Some(Str::from(draft.id.as_str()));
        let output_index = Some(item as u64);
        match &mut draft.body {
            Body::Thought(thought) => {
                if thought.text.is_empty() {
                    self.wire
                        .send(&StreamEvent::SummaryPartAdded(SummaryPartEvent {
                            sequence_number: self.wire.number(),
                            item_id: item_id.clone(),
                            output_index,
                            summary_index: Some(0),
                            part: Some(summary_part("")),
                        }));
                }
                thought.text.push_str(text);
                self.wire
                    .send(&StreamEvent::SummaryDelta(SummaryDeltaEvent {
                        sequence_number: self.wire.number(),
                        item_id,
                        output_index,
                        summary_index: Some(0),
                        delta: text.into(),
                    }));
            }
            Body::Call(call) => {
                call.input.push_str(text);
                let event = InputDeltaEvent {
                    sequence_number: self.wire.number(),
                    item_id,
                    output_index,
                    delta: JsonText(text.into()),
                };
                self.wire.send(&if call.kind == ToolKind::Custom {
                    StreamEvent::CustomInputDelta(event)
                } else {
                    StreamEvent::ArgumentsDelta(event)
                });
            }
            Body::Message(_) => {}
        }
    }

    fn sealed(&mut self, part: PartId, sealed: &Sealed<'_>) {
        let issuer = Arc::clone(&self.context.issuer);
        let wrap = |id: Option<&str>| Some(seal::wrap(sealed, &issuer, id));
        match self.slots.get_mut(part.0 as usize) {
            Some(Slot::Held(call)) => call.sealed = wrap(Some(&call.id)),
            Some(Slot::Item(item)) => match &mut self.items[*item].body {
                Body::Thought(thought) => thought.sealed = wrap(thought.upstream_id.as_deref()),
                Body::Call(call) => call.sealed = wrap(Some(&call.id)),
                Body::Message(_) => {}
            },
            _ => {}
        }
    }

    /// Log probabilities come beside their text; they are told by a delta without text.
    fn logprobs(&mut self, part: PartId, json: &str) {
        if !has_elements(json) {
            return;
        }
        let Some(Slot::Piece { item, index }) = self.slots.get(part.0 as usize) else {
            return;
        };
        let (item, index) = (*item, *index);
        let Some(piece) = self.piece(part) else {
            return;
        };
        let inner = json.trim().trim_start_matches('[').trim_end_matches(']');
        if !piece.logprobs.is_empty() {
            piece.logprobs.push(',');
        }
        piece.logprobs.push_str(inner.trim());
        self.wire.send(&StreamEvent::TextDelta(DeltaEvent {
            sequence_number: self.wire.number(),
            item_id: Some(self.items[item].id.as_str().into()),
            output_index: Some(item as u64),
            content_index: Some(index as u64),
            delta: Str::default(),
            logprobs: parsed(json),
        }));
    }

    fn close(&mut self, part: PartId) {
        let Some(slot) = self.slots.get_mut(part.0 as usize) else {
            return;
        };
        match std::mem::replace(slot, Slot::Ignored) {
            Slot::Ignored => {}
            Slot::Piece { item, index } => {
                self.close_piece(item, index);
                let is_last = item + 1 == self.items.len();
                if !is_last && self.is_idle(item) {
                    self.close_item(item, "completed");
                }
            }
            Slot::Item(item) => self.close_item(item, "completed"),
            Slot::Held(call) => {
                self.close_idle_message("completed");
                let item = self.add(call.prefix(), Body::Call(call));
                self.close_item(item, "completed");
            }
        }
    }

    fn is_idle(&self, item: usize) -> bool {
        match &self.items[item].body {
            Body::Message(pieces) => pieces.iter().all(|piece| piece.closed),
            _ => false,
        }
    }

    /// Ends the message at the end of the items, unless a part of it is still being written.
    fn close_idle_message(&mut self, status: &'static str) {
        let Some(last) = self.items.len().checked_sub(1) else {
            return;
        };
        if self.items[last].done.is_none() && self.is_idle(last) {
            self.close_item(last, status);
        }
    }

    fn close_piece(&mut self, item: usize, index: usize) {
        let draft = &mut self.items[item];
        let item_id = Some(Str::from(draft.id.as_str()));
        let (output_index, content_index) = (Some(item as u64), Some(index as u64));
        let Body::Message(pieces) = &mut draft.body else {
            return;
        };
        let piece = &mut pieces[index];
        if piece.closed {
            return;
        }
        piece.closed = true;
        for (at, annotation) in piece.annotations().into_iter().enumerate() {
            self.wire
                .send(&StreamEvent::AnnotationAdded(AnnotationEvent {
                    sequence_number: self.wire.number(),
                    item_id: item_id.clone(),
                    output_index,
                    content_index,
                    annotation_index: Some(at as u64),
                    annotation: Some(annotation),
                }));
        }
        let logprobs = piece.logprobs_array();
        let sequence_number = self.wire.number();
        self.wire.send(&if piece.refusal {
            StreamEvent::RefusalDone(RefusalEvent {
                sequence_number,
                item_id: item_id.clone(),
                output_index,
                content_index,
                refusal: piece.text.as_str().into(),
            })
        } else {
            StreamEvent::TextDone(TextEvent {
                sequence_number,
                item_id: item_id.clone(),
                output_index,
                content_index,
                text: piece.text.as_str().into(),
                logprobs: parsed(&logprobs),
            })
        });
        self.wire.send(&StreamEvent::PartDone(PartEvent {
            sequence_number: self.wire.number(),
            item_id,
            output_index,
            content_index,
            part: Some(piece.part(&logprobs)),
        }));
    }

    /// Tells what is owed for an item, and the whole item (107).
    fn close_item(&mut self, item: usize, status: &'static str) {
        if self.items[item].done.is_some() {
            return;
        }
        let mut belated = None;
        if let Body::Message(pieces) = &self.items[item].body {
            for index in 0..pieces.len() {
                self.close_piece(item, index);
            }
        }
        if let Body::Call(call) = &self.items[item].body
            && call.kind == ToolKind::Function
            && call.input.trim().is_empty()
        {
            self.item_delta(item, "{}");
        }
        let draft = &mut self.items[item];
        let item_id = Some(Str::from(draft.id.as_str()));
        let output_index = Some(item as u64);
        let whole = match &draft.body {
            Body::Message(pieces) => {
                let logprobs: Vec<String> = pieces.iter().map(Piece::logprobs_array).collect();
                let parts: Vec<ContentPart<'_>> = pieces
                    .iter()
                    .zip(&logprobs)
                    .map(|(piece, logprobs)| piece.part(logprobs))
                    .collect();
                self.wire
                    .item_done(item, &message_item(&draft.id, parts, status))
            }
            Body::Thought(thought) => {
                if !thought.text.is_empty() {
                    self.wire.send(&StreamEvent::SummaryDone(SummaryTextEvent {
                        sequence_number: self.wire.number(),
                        item_id: item_id.clone(),
                        output_index,
                        summary_index: Some(0),
                        text: thought.text.as_str().into(),
                    }));
                    self.wire
                        .send(&StreamEvent::SummaryPartDone(SummaryPartEvent {
                            sequence_number: self.wire.number(),
                            item_id,
                            output_index,
                            summary_index: Some(0),
                            part: Some(summary_part(&thought.text)),
                        }));
                }
                let sealed = thought.sealed.as_deref();
                let whole = thought_item(&draft.id, &thought.text, sealed, Some(status));
                self.wire.item_done(item, &whole)
            }
            Body::Call(call) => {
                let sequence_number = self.wire.number();
                match call.kind {
                    ToolKind::Function => {
                        self.wire.send(&StreamEvent::ArgumentsDone(ArgumentsEvent {
                            sequence_number,
                            item_id,
                            output_index,
                            arguments: JsonText(call.input.as_str().into()),
                        }))
                    }
                    ToolKind::Custom => {
                        self.wire
                            .send(&StreamEvent::CustomInputDone(CustomInputEvent {
                                sequence_number,
                                item_id,
                                output_index,
                                input: JsonText(call.input.as_str().into()),
                            }))
                    }
                    ToolKind::Native => {}
                }
                belated.clone_from(&call.sealed);
                let whole: Item<'_> = call.item(&draft.id, &call.input, status);
                self.wire.item_done(item, &whole)
            }
        };
        draft.done = Some(whole);
        draft.body = Body::Message(Vec::new());
        // The signature of a call has no place in the call: it follows as reasoning without text.
        if let Some(sealed) = belated {
            let thought = Thought {
                sealed: Some(sealed),
                ..Thought::default()
            };
            let item = self.add("rs_", Body::Thought(thought));
            self.close_item(item, "completed");
        }
    }

    fn finish(&mut self, finish: &Finish<'_>) {
        self.begin();
        if let (StopReason::Refusal, false, Some(explanation)) =
            (finish.reason, self.refused, &finish.explanation)
        {
            let part = PartId(u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
            let slot = self.open_piece(true);
            self.slots.push(slot);
            self.delta(part, explanation);
            self.close(part);
        }
        let incomplete = match finish.reason {
            StopReason::Length | StopReason::ContextWindow => Some("max_output_tokens"),
            StopReason::ContentFilter => Some("content_filter"),
            // A refusal in the model's own words says so itself.
            StopReason::Refusal if !self.refused => Some("content_filter"),
            _ => None,
        };
        if finish.reason == StopReason::Pause {
            self.losses.approximated(
                "status",
                "the provider paused a long turn: send the conversation again to go on",
            );
        }
        let (status, item_status) = match incomplete {
            Some(_) => (Status::Incomplete, "incomplete"),
            None => (Status::Completed, "completed"),
        };
        self.close_idle_message(item_status);
        self.terminal(&Ending {
            status,
            incomplete,
            failure: None,
            usage: self.usage,
        });
    }

    fn fail(&mut self, failure: &Failure) {
        self.begin();
        for item in 0..self.items.len() {
            self.close_item(item, "incomplete");
        }
        self.terminal(&Ending {
            status: Status::Failed,
            incomplete: None,
            failure: Some(failure),
            usage: self.usage,
        });
    }

    fn terminal(&mut self, ending: &Ending<'_>) {
        for item in 0..self.items.len() {
            self.close_item(item, "completed");
        }
        self.ended = true;
        let kind = match ending.status {
            Status::Failed => "response.failed",
            Status::Incomplete => "response.incomplete",
            _ => "response.completed",
        };
        if let Some(head) = &self.head {
            let output = outputs(&self.items);
            let object: Response<'_> = head.object(output, ending);
            self.wire.terminal(kind, &object);
        }
    }

    /// The body of an answer that was not streamed.
    pub(super) fn into_body(self) -> Vec<u8> {
        self.wire.into_body()
    }
}

fn outputs(items: &[Draft]) -> Vec<&RawValue> {
    items
        .iter()
        .filter_map(|item| item.done.as_deref())
        .collect()
}
