//! How parts and items end.

use proxai_ir::{PartId, StopReason, ToolKind};
use proxai_json::Str;
use proxai_responses::lenient::JsonText;
use proxai_responses::{
    AnnotationEvent, ArgumentsEvent, ContentPart, CustomInputEvent, Item, PartEvent, RefusalEvent,
    StreamEvent, SummaryPartEvent, SummaryTextEvent, TextEvent, WebSearchCall,
};

use super::super::draft::{Body, Piece, message_item, summary_part, thought_item};
use super::super::raw::parsed;
use super::super::search;
use super::grow::Stage;
use super::{Composer, Slot};
use crate::seal;

impl Composer {
    pub(super) fn close(&mut self, part: PartId) {
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
            Slot::Item(item) => self.over(item),
            Slot::HeldSearch(id, search) => {
                let item = self.add_search(&id, search);
                self.close_item(item, "completed");
            }
            Slot::Held(call) => {
                let item = self.add(call.prefix(), Body::Call(call));
                self.over(item);
            }
        }
    }

    /// The upstream adds nothing more to an item: it is told as done, unless it may have been cut.
    fn over(&mut self, item: usize) {
        let draft = &mut self.items[item];
        match draft.body {
            Body::Call(_) if self.withheld => self.close_item(item, "incomplete"),
            Body::Call(_) | Body::Thought(_) if self.newest == Some(item) => draft.over = true,
            _ => self.close_item(item, "completed"),
        }
    }

    pub(super) fn is_idle(&self, item: usize) -> bool {
        match &self.items[item].body {
            Body::Message(pieces) => pieces.iter().all(|piece| piece.closed),
            _ => self.items[item].over,
        }
    }

    /// Ends the item of the newest part, unless it is still being written.
    pub(super) fn close_idle(&mut self, status: &'static str) {
        if let Some(newest) = self.newest
            && self.items[newest].done.is_none()
            && self.is_idle(newest)
        {
            self.close_item(newest, status);
        }
    }

    /// Ends the thought or call that the answer ended with; a message may still get a part.
    ///
    /// A call is told as cut even where its input is JSON: an upstream that answers in JSON makes
    /// an object of what there was. Only a pause comes when the call is whole.
    pub(super) fn close_newest_item(&mut self, reason: StopReason, status: &'static str) {
        let Some(newest) = self.newest else {
            return;
        };
        match self.items[newest].body {
            Body::Call(_) if reason == StopReason::Pause => self.close_idle("completed"),
            Body::Call(_) | Body::Thought(_) => self.close_idle(status),
            Body::Message(_) | Body::Search(_) => {}
        }
    }

    pub(super) fn close_piece(&mut self, item: usize, index: usize) {
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
    pub(super) fn close_item(&mut self, item: usize, status: &'static str) {
        if self.items[item].done.is_some() {
            return;
        }
        let mut belated = None;
        if let Body::Search(_) = &self.items[item].body {
            let id = std::mem::take(&mut self.items[item].id);
            self.progress(&id, item, Stage::Completed);
            self.items[item].id = id;
        }
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
            Body::Search(search) => {
                let status = match (status, &search.failed) {
                    ("completed", Some(_)) => "failed",
                    _ => status,
                };
                let own = search.sealed.as_ref().and_then(search::item_of);
                if let Some(Item::WebSearchCall(own)) = own {
                    let own = Item::WebSearchCall(WebSearchCall {
                        id: Some(draft.id.as_str().into()),
                        ..own
                    });
                    self.wire.item_done(item, &own)
                } else {
                    let sealed = search.sealed.as_ref();
                    belated = sealed
                        .map(|sealed| seal::wrap(sealed, &self.context.issuer, Some(&draft.id)));
                    let action = search::action(search);
                    self.wire
                        .item_done(item, &search::item(&draft.id, &action, status))
                }
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
                        }));
                    }
                    ToolKind::Custom => {
                        self.wire
                            .send(&StreamEvent::CustomInputDone(CustomInputEvent {
                                sequence_number,
                                item_id,
                                output_index,
                                input: JsonText(call.input.as_str().into()),
                            }));
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
        // What seals a call or a search has no place in it: it follows as reasoning without text.
        if let Some(sealed) = belated {
            let item = self.add_belated(sealed);
            self.close_item(item, "completed");
        }
    }
}
