//! How items begin and grow.

use std::sync::Arc;

use proxai_ir::{PartId, PartKind, Sealed, ToolKind, WebSearch};
use proxai_json::Str;
use proxai_responses::lenient::JsonText;
use proxai_responses::{
    DeltaEvent, HostedEvent, InputDeltaEvent, PartEvent, StreamEvent, SummaryDeltaEvent,
    SummaryPartEvent,
};

use super::super::content::has_elements;
use super::super::draft::{
    Body, Call, Draft, Piece, Thought, message_item, summary_part, thought_item,
};
use super::super::raw::{constant, one_line, parsed};
use super::super::{native, search};
use super::{Composer, Slot};
use crate::{ids, seal};

/// How far a search has got.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stage {
    InProgress,
    Searching,
    Completed,
}

impl Composer {
    pub(super) fn open(&mut self, kind: PartKind<'_>) {
        let slot = match kind {
            PartKind::Text => self.open_piece(false),
            PartKind::Refusal => {
                self.refused = true;
                self.open_piece(true)
            }
            PartKind::Reasoning { id, .. } => {
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
            PartKind::WebSearch { id } => {
                let searching =
                    |item: &Draft| item.done.is_none() && matches!(item.body, Body::Search(_));
                if self.items.iter().any(searching) {
                    Slot::HeldSearch(id.into_string(), WebSearch::default())
                } else {
                    Slot::Item(self.add_search(&id, WebSearch::default()))
                }
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

    pub(super) fn open_call(&mut self, mut call: Call) -> Slot {
        if call.id.is_empty() {
            call.id = ids::item("call_", self.answer(), self.calls);
        }
        self.calls += 1;
        let searches = self.head.as_ref().is_some_and(|head| head.client_search);
        if searches && call.kind == ToolKind::Function && call.name == native::TOOL_SEARCH {
            call.kind = ToolKind::Native;
        }
        if call.kind == ToolKind::Native {
            return Slot::Held(call);
        }
        Slot::Item(self.add(call.prefix(), Body::Call(call)))
    }

    /// Adds the item of a part and tells that it begins.
    pub(super) fn add(&mut self, prefix: &str, body: Body) -> usize {
        // That something else begins proves that what came before it is whole.
        self.close_idle("completed");
        let id = self.new_id(prefix);
        let item = self.add_as(id, body);
        self.newest = Some(item);
        item
    }

    /// Adds what seals an item that was told already.
    pub(super) fn add_belated(&mut self, sealed: String) -> usize {
        let thought = Thought {
            sealed: Some(sealed),
            ..Thought::default()
        };
        let id = self.new_id("rs_");
        self.add_as(id, Body::Thought(thought))
    }

    /// Adds a search; an id of this protocol is kept.
    pub(super) fn add_search(&mut self, id: &str, search: WebSearch<'static>) -> usize {
        self.close_idle("completed");
        let is_new = self.items.iter().all(|item| item.id != id);
        let id = if id.starts_with(search::PREFIX) && is_new {
            id.to_owned()
        } else {
            self.new_id(search::PREFIX)
        };
        let item = self.add_as(id, Body::Search(search));
        self.newest = Some(item);
        item
    }

    fn add_as(&mut self, id: String, body: Body) -> usize {
        let index = self.items.len();
        let begun = search::action(&WebSearch::default());
        let item = match &body {
            Body::Search(_) => search::item(&id, &begun, "in_progress"),
            Body::Message(_) => message_item(&id, Vec::new(), "in_progress"),
            Body::Thought(_) => thought_item(&id, "", None, None),
            Body::Call(call) if call.kind == ToolKind::Native => {
                call.item(&id, &call.input, "in_progress")
            }
            Body::Call(call) => call.item(&id, "", "in_progress"),
        };
        self.wire.item_added(index, &item);
        if let Body::Search(_) = &body {
            self.progress(&id, index, Stage::InProgress);
            self.progress(&id, index, Stage::Searching);
        }
        self.items.push(Draft {
            id,
            body,
            over: false,
            done: None,
        });
        index
    }

    /// Tells how far a search has got.
    pub(super) fn progress(&mut self, id: &str, index: usize, stage: Stage) {
        let event = HostedEvent {
            sequence_number: self.wire.number(),
            item_id: Some(id.into()),
            output_index: Some(index as u64),
        };
        self.wire.send(&match stage {
            Stage::InProgress => StreamEvent::WebSearchInProgress(event),
            Stage::Searching => StreamEvent::WebSearchSearching(event),
            Stage::Completed => StreamEvent::WebSearchCompleted(event),
        });
    }

    pub(super) fn searched(&mut self, part: PartId, search: WebSearch<'_>) {
        match self.slots.get_mut(part.0 as usize) {
            Some(Slot::Item(item)) => {
                if let Body::Search(slot) = &mut self.items[*item].body {
                    *slot = search.into_static();
                }
            }
            Some(Slot::HeldSearch(_, slot)) => *slot = search.into_static(),
            _ => {}
        }
    }

    pub(super) fn open_piece(&mut self, refusal: bool) -> Slot {
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

    pub(super) fn piece(&mut self, part: PartId) -> Option<&mut Piece> {
        let Some(Slot::Piece { item, index }) = self.slots.get(part.0 as usize) else {
            return None;
        };
        match &mut self.items[*item].body {
            Body::Message(pieces) => pieces.get_mut(*index),
            _ => None,
        }
    }

    pub(super) fn delta(&mut self, part: PartId, text: &str) {
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
            Some(Slot::Ignored | Slot::HeldSearch(..)) | None => {}
        }
    }

    pub(super) fn item_delta(&mut self, item: usize, text: &str) {
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
            Body::Message(_) | Body::Search(_) => {}
        }
    }

    pub(super) fn sealed(&mut self, part: PartId, sealed: &Sealed<'_>) {
        let issuer = Arc::clone(&self.context.issuer);
        let wrap = |id: Option<&str>| Some(seal::wrap(sealed, &issuer, id));
        match self.slots.get_mut(part.0 as usize) {
            Some(Slot::Held(call)) => call.sealed = wrap(Some(&call.id)),
            Some(Slot::Item(item)) => match &mut self.items[*item].body {
                // Some clients give back nothing but the seal, so the text goes into it (VS Code
                // sends an empty summary, 2026-11-21).
                Body::Thought(thought) if seal::echo_of(sealed).is_some() => {
                    let whole = seal::echo(&thought.text);
                    thought.sealed = Some(seal::wrap(&whole, &issuer, None));
                }
                Body::Thought(thought) => thought.sealed = wrap(thought.upstream_id.as_deref()),
                Body::Call(call) => call.sealed = wrap(Some(&call.id)),
                Body::Message(_) | Body::Search(_) => {}
            },
            _ => {}
        }
    }

    /// Log probabilities come beside their text; they are told by a delta without text.
    pub(super) fn logprobs(&mut self, part: PartId, json: &str) {
        if !has_elements(json) {
            return;
        }
        let json = &*one_line(json);
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
}
