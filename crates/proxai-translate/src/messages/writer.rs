//! Hub events into a sequence of content blocks, one open at a time.
//!
//! Parts may interleave in the hub, blocks may not: the first part with something to say is
//! written live, later ones are held until it is complete. A tool call is complete once its JSON
//! object has closed, so two parallel calls flow one behind the other even if the upstream closes
//! both at the end; text and thoughts are complete when they are closed. Indices are dense and
//! none is ever begun twice (cases 21, 22, 25, 26).
//!
//! JSON answers and streams are written by this one state machine, so they cannot disagree (T2).
//! That is also why a text stays one block when a citation tells the characters it stands behind:
//! this protocol would end a block there, but an upstream may tell of a citation when the text is
//! long sent, and a block of JSON must be a block of the stream. The whole block is cited, and the
//! lost place reported (T4).
//!
//! In one thing they do disagree: parts that an upstream has open side by side stand in the order
//! of their first words in a stream and of their beginnings in JSON. To wait for a part that says
//! nothing yet would make the stream silent (S5).

use std::collections::VecDeque;
use std::sync::Arc;

use proxai_ir::{
    Citation, Event, Losses, PartId, PartKind, Sealed, StopReason, ToolKind, WEB_SEARCH, WebSearch,
};
use proxai_json::Str;
use proxai_messages as wire;
use proxai_messages::{ContentBlock, Delta};
use proxai_types::Protocol;

use super::input::{Broken, Input};
use super::slot::{Blocks, Held, Kind, Slot};
use super::{blocks, search};
use crate::context::ReplyContext;
use crate::{ids, seal};

/// Most bytes that are held while another block is open.
pub(super) const MAX_HELD: usize = 16 << 20;

/// Turns parts into blocks.
#[derive(Debug)]
pub(super) struct Writer {
    issuer: Arc<str>,
    /// The id of the answer, from which missing call ids are made.
    answer: String,
    slots: Vec<Slot>,
    current: Option<usize>,
    queue: VecDeque<usize>,
    /// Seals of tool calls whose block had already ended.
    late_seals: VecDeque<String>,
    next: u64,
    held: usize,
    calls: bool,
    refused: bool,
    /// Whether the answer is there before it is written.
    whole: bool,
    /// A call whose input is no object although it has been passed on, and what is wrong with it:
    /// the worst that was found.
    broken: Option<(String, Broken)>,
    pub(super) losses: Losses,
}

impl Writer {
    /// A writer for one answer.
    pub(super) fn new(context: &ReplyContext) -> Self {
        Self {
            issuer: context.issuer.clone(),
            answer: String::new(),
            slots: Vec::new(),
            current: None,
            queue: VecDeque::new(),
            late_seals: VecDeque::new(),
            next: 0,
            held: 0,
            calls: false,
            refused: false,
            whole: false,
            broken: None,
            losses: Losses::new(),
        }
    }

    /// What comes now is a whole answer, of which nothing has to be passed on at once.
    pub(super) const fn whole(&mut self) {
        self.whole = true;
    }

    /// What is wrong with the calls, for an answer that ended with `reason`. A model that had to
    /// stop may stop within an input; clients of this protocol know that from the reason.
    pub(super) fn broken(&self, reason: StopReason) -> Option<String> {
        let (name, broken) = self.broken.as_ref()?;
        let stopped = !matches!(reason, StopReason::Stop | StopReason::ToolCalls);
        let what = match broken {
            Broken::Cut if stopped => return None,
            Broken::Cut => "ends in the middle of its JSON object",
            Broken::Malformed => "is not one JSON object",
        };
        Some(format!(
            "the model called the tool `{name}` with an input that {what}; ask again"
        ))
    }

    /// The id of the answer is known.
    pub(super) fn answer(&mut self, id: String) {
        self.answer = id;
    }

    /// Whether the client is to run a tool.
    pub(super) const fn calls(&self) -> bool {
        self.calls
    }

    /// Whether part of the answer is a refusal.
    pub(super) const fn refused(&self) -> bool {
        self.refused
    }

    /// Whether more is held than [`MAX_HELD`]. A whole answer has its own bounds.
    pub(super) const fn overflows(&self) -> bool {
        !self.whole && self.held > MAX_HELD
    }

    /// The next event of a part; others are ignored.
    pub(super) fn event(&mut self, event: Event<'_>, out: &mut impl Blocks) {
        match event {
            Event::Open { kind, .. } => self.open(kind, out),
            Event::Delta { part, text } if !text.is_empty() => self.text(part, &text, out),
            Event::Cite { part, citation } => self.cite(part, citation, out),
            Event::Seal { part, sealed } => self.seal(part, sealed, out),
            Event::Search { part, search } => {
                if let Some(Kind::Search { search: slot, .. }) = self
                    .slots
                    .get_mut(part.0 as usize)
                    .map(|slot| &mut slot.kind)
                {
                    *slot = Some(Box::new(search.into_static()));
                }
            }
            Event::Logprobs { .. } => self
                .losses
                .dropped("logprobs", "Messages has no log probabilities"),
            Event::Close { part } => self.close(part, out),
            _ => {}
        }
    }

    /// Ends what is open and writes what is held: the answer is complete.
    pub(super) fn finish(&mut self, out: &mut impl Blocks) {
        for slot in &mut self.slots {
            slot.closed = true;
        }
        self.stop_current(out);
        self.release(out);
    }

    /// Ends what is open; what is held is lost with the rest of the answer.
    pub(super) fn abort(&mut self, out: &mut impl Blocks) {
        if let Some(current) = self.current.take()
            && let Some(index) = self.slots[current].index
        {
            out.stop(index);
        }
    }

    fn open(&mut self, kind: PartKind<'_>, out: &mut impl Blocks) {
        let at = self.slots.len();
        let kind = match kind {
            PartKind::Text => Kind::Text,
            PartKind::Refusal => {
                self.refused = true;
                Kind::Text
            }
            PartKind::Reasoning { id, redacted, .. } => {
                let id = id.map(Str::into_static);
                if redacted {
                    Kind::Redacted { id }
                } else {
                    Kind::Thinking { id }
                }
            }
            PartKind::ToolCall { id, name, kind, .. } => {
                self.calls = true;
                let id = if id.is_empty() {
                    ids::item("call_", &self.answer, at)
                } else {
                    ids::call(&id).into_owned()
                };
                Kind::Tool {
                    id,
                    name: name.into_static(),
                    input: if self.whole {
                        Input::whole(kind == ToolKind::Custom)
                    } else {
                        Input::new(kind == ToolKind::Custom)
                    },
                }
            }
            PartKind::WebSearch { id } => Kind::Search {
                id: if id.starts_with(search::PREFIX) && self.is_new(&id) {
                    id.into_string()
                } else {
                    ids::item(search::PREFIX, &self.answer, at)
                },
                search: None,
            },
            PartKind::Opaque { kind, hosted } => {
                let why = if hosted {
                    format!("`{kind}` belongs to a tool that the provider ran")
                } else {
                    format!("`{kind}` has no counterpart in Messages")
                };
                self.losses.dropped(format_args!("content[{at}]"), why);
                Kind::Hidden
            }
            _ => Kind::Hidden,
        };
        let is_tool = matches!(kind, Kind::Tool { .. });
        self.slots.push(Slot::new(kind));
        // A call is there as soon as it is named; the others once they have content.
        if is_tool {
            self.claim(at, out);
        }
    }

    /// Whether no search has that id.
    fn is_new(&self, id: &str) -> bool {
        let mut kinds = self.slots.iter().map(|slot| &slot.kind);
        kinds.all(|kind| !matches!(kind, Kind::Search { id: known, .. } if known == id))
    }

    fn text(&mut self, part: PartId, text: &str, out: &mut impl Blocks) {
        let at = part.0 as usize;
        if !self.takes_more(at, text) {
            return;
        }
        self.slots[at].length.add(text);
        if self.claim(at, out) {
            self.put(at, text, out);
        } else {
            self.held += text.len();
            match self.slots[at].held.last_mut() {
                Some(Held::Text(have)) => have.push_str(text),
                _ => self.slots[at].held.push(Held::Text(text.to_owned())),
            }
        }
    }

    fn cite(&mut self, part: PartId, citation: Citation<'_>, out: &mut impl Blocks) {
        let at = part.0 as usize;
        if !self.takes_more(at, "") || !matches!(self.slots[at].kind, Kind::Text) {
            return;
        }
        if citation.url.is_empty() {
            self.losses.dropped(
                format_args!("content[{at}].citations"),
                "the source has no address",
            );
            return;
        }
        self.slots[at].length.cited(&citation);
        if self.claim(at, out) {
            self.put_citation(at, &citation, out);
        } else {
            self.slots[at].held.push(Held::Cite(Citation {
                url: citation.url.into_static(),
                title: citation.title.map(Str::into_static),
                quote: citation.quote.map(Str::into_static),
                ..citation
            }));
        }
    }

    fn seal(&mut self, part: PartId, sealed: Sealed<'_>, out: &mut impl Blocks) {
        let at = part.0 as usize;
        let Some(slot) = self.slots.get_mut(at) else {
            return;
        };
        let sealed = sealed.into_static();
        match &slot.kind {
            Kind::Tool { id, .. } if slot.stopped => {
                let wrapped = seal::wrap(&sealed, &self.issuer, Some(id));
                self.late_seals.push_back(wrapped);
                self.release(out);
            }
            _ => slot.sealed = Some(sealed),
        }
    }

    fn close(&mut self, part: PartId, out: &mut impl Blocks) {
        let at = part.0 as usize;
        let Some(slot) = self.slots.get_mut(at) else {
            return;
        };
        slot.closed = true;
        if slot.length.exceeds_cited() {
            self.losses.approximated(
                format_args!("content[{at}].citations"),
                "Messages cites whole blocks, so the cited piece of the text is not told",
            );
        }
        if self.current == Some(at) {
            self.stop_current(out);
            self.release(out);
        } else if !slot.stopped && !slot.queued && slot.has_late_content() {
            // A search, or a thought of which only the seal is shown.
            self.claim(at, out);
        }
    }

    /// Whether more of that part can still be written.
    fn takes_more(&mut self, at: usize, text: &str) -> bool {
        let Some(slot) = self.slots.get(at) else {
            return false;
        };
        if slot.stopped && !text.trim().is_empty() {
            self.losses.approximated(
                format_args!("content[{at}]"),
                "what came after the end of the block was left out",
            );
        }
        let slot = &self.slots[at];
        !slot.stopped
            && matches!(
                slot.kind,
                Kind::Text | Kind::Thinking { .. } | Kind::Tool { .. }
            )
    }

    /// Makes `at` the open block if it may be; else queues it. Tells whether it is.
    fn claim(&mut self, at: usize, out: &mut impl Blocks) -> bool {
        if self.current == Some(at) {
            return true;
        }
        if !self.slots[at].queued {
            self.slots[at].queued = true;
            self.queue.push_back(at);
        }
        if self
            .current
            .is_some_and(|current| self.is_complete(current))
        {
            self.stop_current(out);
        }
        self.release(out);
        self.current == Some(at)
    }

    fn is_complete(&self, at: usize) -> bool {
        let slot = &self.slots[at];
        slot.closed || matches!(&slot.kind, Kind::Tool { input, .. } if input.closed())
    }

    /// Begins the blocks that wait, as long as none is open.
    fn release(&mut self, out: &mut impl Blocks) {
        while self.current.is_none() {
            while let Some(data) = self.late_seals.pop_front() {
                self.redacted(data.into(), out);
            }
            let Some(at) = self.queue.pop_front() else {
                return;
            };
            self.slots[at].queued = false;
            self.begin(at, out);
            for held in std::mem::take(&mut self.slots[at].held) {
                match held {
                    Held::Text(text) => {
                        self.held -= text.len();
                        self.put(at, &text, out);
                    }
                    Held::Cite(citation) => self.put_citation(at, &citation, out),
                }
            }
            let waiting = !self.queue.is_empty();
            if self.slots[at].closed || (waiting && self.is_complete(at)) {
                self.stop_current(out);
            }
        }
    }

    /// Makes `at` the open block. A thought without text begins nothing yet: whether it becomes a
    /// redacted block is known when it ends.
    fn begin(&mut self, at: usize, out: &mut impl Blocks) {
        self.current = Some(at);
        let slot = &mut self.slots[at];
        let block = match &slot.kind {
            Kind::Text => ContentBlock::Text(wire::TextBlock::default()),
            Kind::Thinking { .. } if !slot.held.is_empty() || !slot.closed => {
                ContentBlock::Thinking(wire::ThinkingBlock::default())
            }
            Kind::Tool { id, name, .. } => ContentBlock::ToolUse(wire::ToolUseBlock {
                id: Str::from(id.as_str()),
                name: name.reborrow(),
                input: wire::Json::parse("{}"),
                ..wire::ToolUseBlock::default()
            }),
            Kind::Search {
                id,
                search: Some(search),
            } if search.is_shown() => ContentBlock::ServerToolUse(wire::ServerToolUseBlock {
                id: Str::from(id.as_str()),
                name: Str::borrowed(WEB_SEARCH),
                input: wire::Json::parse("{}"),
                ..wire::ServerToolUseBlock::default()
            }),
            _ => return,
        };
        out.start(self.next, block);
        slot.index = Some(self.next);
        self.next += 1;
    }

    fn put(&mut self, at: usize, text: &str, out: &mut impl Blocks) {
        let slot = &mut self.slots[at];
        if let Kind::Tool { input, .. } = &mut slot.kind {
            let before = input.held();
            let piece = input.push(text);
            self.held += input.held() - before;
            if let (Some(piece), Some(index)) = (piece, slot.index) {
                let partial_json = Str(piece);
                out.delta(
                    index,
                    Delta::InputJson(wire::InputJsonDelta { partial_json }),
                );
            }
            return;
        }
        let Some(index) = slot.index else { return };
        let text = Str::from(text);
        let delta = match slot.kind {
            Kind::Thinking { .. } => Delta::Thinking(wire::ThinkingDelta {
                thinking: text,
                estimated_tokens: None,
            }),
            _ => Delta::Text(wire::TextDelta { text }),
        };
        out.delta(index, delta);
    }

    fn put_citation(&mut self, at: usize, citation: &Citation<'_>, out: &mut impl Blocks) {
        if let (Some(index), Some(citation)) = (self.slots[at].index, blocks::cite(citation)) {
            let citation = Some(citation);
            out.delta(index, Delta::Citations(wire::CitationsDelta { citation }));
        }
    }

    fn stop_current(&mut self, out: &mut impl Blocks) {
        let Some(at) = self.current.take() else {
            return;
        };
        let slot = &mut self.slots[at];
        slot.stopped = true;
        let sealed = slot.sealed.take();
        match &mut slot.kind {
            Kind::Tool { id, name, input } => {
                let held = input.held();
                let ending = input.finish();
                self.held -= held;
                if let Some(why) = ending.changed {
                    self.losses
                        .approximated(format_args!("content[{at}].input"), why);
                }
                let worst = matches!(self.broken, Some((_, Broken::Malformed)));
                if let Some(broken) = ending.broken.filter(|_| !worst) {
                    self.losses.approximated(
                        format_args!("content[{at}].input"),
                        "the input is not one whole JSON object",
                    );
                    self.broken = Some((name.as_str().to_owned(), broken));
                }
                if let (Some(piece), Some(index)) = (ending.piece, slot.index) {
                    let partial_json = Str::from(piece);
                    out.delta(
                        index,
                        Delta::InputJson(wire::InputJsonDelta { partial_json }),
                    );
                }
                let seal = sealed.map(|sealed| seal::wrap(&sealed, &self.issuer, Some(id)));
                if let Some(index) = slot.index {
                    out.stop(index);
                }
                if let Some(seal) = seal {
                    self.redacted(seal.into(), out);
                }
            }
            Kind::Thinking { id } => {
                let native = sealed.as_ref().is_some_and(is_native);
                let signature = sealed.map(|sealed| signature(sealed, &self.issuer, id.as_deref()));
                match (slot.index, signature) {
                    (Some(index), signature) => {
                        if let Some(signature) = signature {
                            out.delta(index, Delta::Signature(wire::SignatureDelta { signature }));
                        }
                        out.stop(index);
                    }
                    (None, Some(signature)) if native => self.signed(signature, out),
                    (None, Some(signature)) => self.redacted(signature, out),
                    (None, None) => {}
                }
            }
            Kind::Redacted { id } => {
                if let Some(sealed) = sealed {
                    let data = signature(sealed, &self.issuer, id.as_deref());
                    self.redacted(data, out);
                }
            }
            Kind::Search { id, search } => {
                let (id, search) = (id.clone(), search.take());
                let index = slot.index;
                if let Some(search) = search {
                    self.search(index, &id, *search, out);
                }
            }
            Kind::Text | Kind::Hidden => {
                if let Some(index) = slot.index {
                    out.stop(index);
                }
            }
        }
    }

    /// What was searched for, what was found, and the seal that brings both home. A page that was
    /// looked at on the way has only the seal.
    fn search(
        &mut self,
        index: Option<u64>,
        id: &str,
        search: WebSearch<'static>,
        out: &mut impl Blocks,
    ) {
        if let Some(index) = index {
            let partial_json = Str::from(search::input(&search.query));
            out.delta(
                index,
                Delta::InputJson(wire::InputJsonDelta { partial_json }),
            );
            out.stop(index);
            let index = self.next;
            self.next += 1;
            out.start(index, search::result(id, &search));
            out.stop(index);
        }
        if let Some(sealed) = search.sealed.filter(|sealed| !is_native(sealed)) {
            let data = seal::wrap(&sealed, &self.issuer, Some(id));
            self.redacted(data.into(), out);
        }
    }

    /// A whole block that holds nothing but a seal.
    fn redacted(&mut self, data: Str<'_>, out: &mut impl Blocks) {
        let index = self.next;
        self.next += 1;
        let block = wire::RedactedThinkingBlock {
            data,
            ..wire::RedactedThinkingBlock::default()
        };
        out.start(index, ContentBlock::RedactedThinking(block));
        out.stop(index);
    }

    /// A whole thinking block whose text is not shown (case 60).
    fn signed(&mut self, signature: Str<'_>, out: &mut impl Blocks) {
        let index = self.next;
        self.next += 1;
        out.start(
            index,
            ContentBlock::Thinking(wire::ThinkingBlock::default()),
        );
        out.delta(index, Delta::Signature(wire::SignatureDelta { signature }));
        out.stop(index);
    }
}

fn is_native(sealed: &Sealed<'_>) -> bool {
    sealed.origin == Protocol::Messages
}

/// A seal as it stands in this protocol's own fields: plain if it was made for them.
fn signature(sealed: Sealed<'static>, issuer: &str, id: Option<&str>) -> Str<'static> {
    if is_native(&sealed) {
        match seal::withheld_of(&sealed.data) {
            Some(data) => Str::from(data.to_owned()),
            None => sealed.data,
        }
    } else {
        seal::wrap(&sealed, issuer, id).into()
    }
}
