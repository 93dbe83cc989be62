//! Items as they are added and as they are finished.

use proxai_ir::{
    Content, Event, Failure, FailureKind, PartId, PartKind, Sink, ToolCall, ToolKind, WebSearch,
};
use proxai_json::{Str, Text};
use proxai_responses::{self as wire, ContentPart, Item, ItemEvent};

use super::super::progress::Progress;
use super::super::{items, search};
use super::Decoder;
use super::deltas::tell;
use super::slots::{Call, Slot, Thought};

impl Decoder {
    pub(super) fn item_added(&mut self, event: &ItemEvent<'_>, sink: &mut dyn Sink) {
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
            Item::WebSearchCall(call) => Slot::Search(self.open_search(&search::read(call), sink)),
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

    pub(super) fn open_call(&mut self, call: &ToolCall<'_>, sink: &mut dyn Sink) -> PartId {
        let kind = PartKind::ToolCall {
            id: self.given.once(call.id.reborrow()),
            item_id: call.item_id.as_ref().map(Str::reborrow),
            name: call.name.reborrow(),
            namespace: call.namespace.as_ref().map(Str::reborrow),
            kind: call.kind,
        };
        self.open(kind, sink)
    }

    fn open_search(&mut self, search: &WebSearch<'_>, sink: &mut dyn Sink) -> PartId {
        let id = search.id.reborrow();
        self.open(PartKind::WebSearch { id }, sink)
    }

    pub(super) fn open_opaque(&mut self, item: &Item<'_>, sink: &mut dyn Sink) -> PartId {
        let hosted = matches!(items::opaque(item), Content::Opaque(opaque) if opaque.hosted);
        let kind = Str::from(item.kind());
        self.open(PartKind::Opaque { kind, hosted }, sink)
    }

    pub(super) fn item_done(&mut self, event: &ItemEvent<'_>, sink: &mut dyn Sink) {
        let index = event
            .output_index
            .unwrap_or_else(|| match self.items.last() {
                Some((index, Slot::Done(_))) => index.saturating_add(1),
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

    pub(super) fn whole_item(&mut self, index: u64, item: Item<'_>, sink: &mut dyn Sink) {
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
            Item::WebSearchCall(call) => {
                let search = search::read(call);
                let part = match self.slot(index) {
                    Some(Slot::Search(part)) => *part,
                    _ => self.open_search(&search, sink),
                };
                self.searches += u64::from(search.is_shown());
                sink.event(Event::Search { part, search });
                sink.event(Event::Close { part });
                // It is closed, whatever it began as.
                if let Some(slot @ Slot::Search(_)) = self.slot(index) {
                    *slot = Slot::Done(None);
                }
            }
            item => match items::call(item) {
                Ok(call) => self.whole_call(index, &call, sink),
                Err(item) => {
                    if !matches!(self.slot(index), Some(Slot::Opaque(_))) {
                        let part = self.open_opaque(&item, sink);
                        sink.event(Event::Close { part });
                    }
                }
            },
        }
        // Also what is open of an item that began as another kind.
        self.close_slot(index, sink);
        if let Some(slot) = self.slot_or(index, || Slot::Done(None), sink) {
            *slot = Slot::Done(id);
        }
    }

    pub(super) fn whole_message(
        &mut self,
        index: u64,
        message: wire::Message<'_>,
        sink: &mut dyn Sink,
    ) {
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

    pub(super) fn whole_thought(
        &mut self,
        index: u64,
        item: wire::Reasoning<'_>,
        sink: &mut dyn Sink,
    ) {
        let mut known = match self.slot(index) {
            Some(Slot::Thought(thought)) => std::mem::take(thought),
            _ => Thought::default(),
        };
        let whole = items::reasoning(item);
        if known.part.is_none() && whole.text.is_empty() && whole.sealed.is_none() {
            return;
        }
        let part = if let Some(part) = known.part {
            part
        } else {
            let kind = PartKind::Reasoning {
                id: whole.id.as_ref().map(Str::reborrow),
                summary: whole.summary,
                redacted: whole.redacted,
            };
            self.open(kind, sink)
        };
        let rest = known.told.rest(&whole.text);
        tell(part, &mut known.told, rest, sink);
        if let Some(sealed) = whole.sealed {
            sink.event(Event::Seal { part, sealed });
        }
        sink.event(Event::Close { part });
    }

    pub(super) fn whole_call(&mut self, index: u64, call: &ToolCall<'_>, sink: &mut dyn Sink) {
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
}
