//! What is known of the items so far.

use proxai_ir::{Event, Failure, FailureKind, PartId, PartKind, Sink};

use super::super::progress::Progress;
use super::Decoder;

/// Most items of one answer. The longest agentic answers have some hundreds.
const MAX_ITEMS: usize = 10_000;

/// What is known of an item.
#[derive(Debug)]
pub(super) enum Slot {
    Message(Vec<(u64, Piece)>),
    Thought(Thought),
    Call(Call),
    Opaque(PartId),
    Search(PartId),
    /// Finished, with the id it had then.
    Done(Option<String>),
}

/// A content part of a message.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) part: PartId,
    pub(super) told: Progress,
    pub(super) citations: usize,
    pub(super) logprobs: bool,
    pub(super) closed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Thought {
    pub(super) id: Option<String>,
    pub(super) part: Option<PartId>,
    pub(super) told: Progress,
    /// The section that is being told: whether of the summary, and its index.
    pub(super) section: Option<(bool, u64)>,
    pub(super) section_told: Progress,
}

/// A call; without a part until its name is known and its deltas are the hub's.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) part: Option<PartId>,
    pub(super) told: Progress,
}

impl Decoder {
    /// The index of an event's item; events without one belong to the newest item.
    pub(super) fn index(&self, output_index: Option<u64>) -> u64 {
        output_index.unwrap_or_else(|| self.items.last().map_or(0, |(index, _)| *index))
    }

    pub(super) fn slot(&mut self, index: u64) -> Option<&mut Slot> {
        self.items
            .iter_mut()
            .rev()
            .find(|(known, _)| *known == index)
            .map(|(_, slot)| slot)
    }

    pub(super) fn add_slot(&mut self, index: u64, slot: Slot, sink: &mut dyn Sink) {
        if self.items.len() < MAX_ITEMS {
            return self.items.push((index, slot));
        }
        let message = format!("the upstream's answer has more than {MAX_ITEMS} items");
        self.fail(Failure::new(FailureKind::BadUpstream, message), sink);
    }

    /// The slot of an item, made if it is new.
    pub(super) fn slot_or(
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

    pub(super) fn open(&mut self, kind: PartKind<'_>, sink: &mut dyn Sink) -> PartId {
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

    /// Closes what is open of an item.
    pub(super) fn close_slot(&mut self, index: u64, sink: &mut dyn Sink) {
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
            | Slot::Opaque(part)
            | Slot::Search(part) => sink.event(Event::Close { part }),
            Slot::Thought(_) | Slot::Call(_) | Slot::Done(_) => {}
        }
    }
}
