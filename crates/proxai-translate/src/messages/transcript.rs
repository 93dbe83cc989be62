//! An answer as the provider gave it, so that a turn it pauses can be sent again (case 104).
//!
//! Tools that run at the provider may take longer than one answer: it then stops with `pause_turn`
//! and goes on when the same conversation comes back with what it said so far. That has to be what
//! it said and not what the hub made of it: results are encrypted, thoughts signed. So blocks are
//! kept as text: those of a whole answer by the byte, those of a stream as their start with their
//! deltas put in.
//!
//! Refuses to go on where that would be wrong or is not known to be right: the answer calls a tool
//! of the client, who has to answer first; a delta does not fit its block; or it is too large.
//!
//! <https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons>, checked 2026-11-21

use proxai_json::{Container, Doc, Edit, Span};
use proxai_messages::{Delta, StopReason, StreamEvent};

/// Most bytes of one turn. A search gives some 100 kB of encrypted results, and a turn has
/// tens of searches at most.
const MAX_TURN: usize = 8 << 20;

/// Whether a request is one that the provider may pause: it has a tool that is no function of the
/// client's, servers to be asked, or a context that the provider edits.
pub(super) fn may_pause(request: &[u8]) -> bool {
    let Ok(doc) = Doc::scan(request) else {
        return false;
    };
    let filled = |key: &str| doc.child(key).is_some_and(|list| !list.items.is_empty());
    let hosted = |item: &Span| {
        let tool = Container::scan(request, *item).ok();
        let kind = tool.and_then(|tool| tool.value(request, "type")?.string(request));
        kind.is_some_and(|kind| kind != "custom")
    };
    filled("mcp_servers")
        || filled("context_management")
        || doc
            .child("tools")
            .is_some_and(|tools| tools.items.iter().any(|item| hosted(&item.value)))
}

/// What the provider said in one turn, in however many answers.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    /// Blocks of the answers before, as JSON with commas between them.
    before: Vec<u8>,
    blocks: Vec<Block>,
    size: usize,
    /// The container that its tools run in, a JSON string.
    container: Option<Vec<u8>>,
    paused: bool,
    /// Why the turn cannot be continued, if it cannot.
    refused: Option<&'static str>,
}

/// A block of a stream: how it began, and what came after.
#[derive(Debug, Default)]
struct Block {
    index: Option<u64>,
    start: Vec<u8>,
    text: String,
    thinking: String,
    signature: String,
    input: String,
    /// JSON objects with commas between them.
    citations: Vec<u8>,
    compaction: Option<[String; 2]>,
}

impl Transcript {
    /// Takes down an event of a stream; `data` is its text.
    pub(super) fn note(&mut self, event: &StreamEvent<'_>, data: &[u8]) {
        match event {
            StreamEvent::MessageStart(_) => {
                let doc = Doc::scan(data).ok();
                let message = doc.and_then(|doc| doc.child("message"));
                if let Some(message) = message {
                    self.container_of(data, &message);
                    let content = message.child(data, "content");
                    if content.is_some_and(|content| !content.items.is_empty()) {
                        self.refuse("the stream began with content");
                    }
                }
            }
            StreamEvent::BlockStart(event) => {
                let doc = Doc::scan(data).ok();
                if let Some(span) = doc.and_then(|doc| doc.get("content_block")) {
                    self.begin(event.index, span.of(data));
                }
            }
            StreamEvent::BlockDelta(event) => {
                if let Some(delta) = &event.delta {
                    self.delta(event.index, delta, data);
                }
            }
            StreamEvent::MessageDelta(event) => {
                if let Some(delta) = &event.delta
                    && let Some(reason) = delta.stop_reason.as_ref()
                {
                    self.paused = pauses(reason);
                    let doc = Doc::scan(data).ok();
                    if let Some(delta) = doc.and_then(|doc| doc.child("delta")) {
                        self.container_of(data, &delta);
                    }
                }
            }
            _ => {}
        }
    }

    /// Takes down a whole answer.
    pub(super) fn whole(&mut self, body: &[u8], reason: Option<&StopReason<'_>>) {
        let Ok(doc) = Doc::scan(body) else {
            return self.refuse("the answer is no object");
        };
        for item in doc.child("content").iter().flat_map(|list| &list.items) {
            self.begin(None, item.value.of(body));
        }
        self.container_of(body, &doc.root);
        self.paused = reason.is_some_and(pauses);
    }

    /// The request that continues the turn; `None` if it was not paused or cannot be continued.
    pub(super) fn continuation(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        if !self.paused || self.refused.is_some() {
            return None;
        }
        self.close()?;
        if self.before.is_empty() {
            return None;
        }
        let doc = Doc::scan(request).ok()?;
        let mut turn = br#"{"role":"assistant","content":["#.to_vec();
        turn.extend_from_slice(&self.before);
        turn.extend_from_slice(b"]}");
        let mut edit = Edit::new(request);
        edit.push(&doc.child("messages")?, &turn);
        if let Some(id) = &self.container {
            // What the tools have made lies there. A request that describes one gets its id.
            match doc.child("container") {
                Some(described) => edit.set(&described, "id", id),
                None => edit.set(&doc.root, "container", id),
            }
        }
        edit.finish().ok()
    }

    /// Goes on with the next answer of the turn.
    pub(super) fn resume(&mut self) {
        self.paused = false;
    }

    fn refuse(&mut self, why: &'static str) {
        self.refused = Some(why);
        self.before = Vec::new();
        self.blocks = Vec::new();
    }

    fn grow(&mut self, bytes: usize) {
        self.size += bytes;
        if self.size > MAX_TURN {
            self.refuse("the turn is too large");
        }
    }

    fn begin(&mut self, index: Option<u64>, start: &[u8]) {
        if self.refused.is_some() {
            return;
        }
        if kind_of(start).as_deref() == Some("tool_use") {
            return self.refuse("a tool of the client is called");
        }
        self.blocks.push(Block {
            index,
            start: start.to_vec(),
            ..Block::default()
        });
        self.grow(start.len() + size_of::<Block>());
    }

    fn delta(&mut self, index: Option<u64>, delta: &Delta<'_>, data: &[u8]) {
        if self.refused.is_some() {
            return;
        }
        let place = self
            .blocks
            .iter_mut()
            .rfind(|block| index.is_none() || block.index == index);
        let Some(block) = place else {
            return self.refuse("a delta belongs to no block");
        };
        let grown = match delta {
            Delta::Text(delta) => put(&mut block.text, &delta.text),
            Delta::InputJson(delta) => put(&mut block.input, &delta.partial_json),
            Delta::Thinking(delta) => put(&mut block.thinking, &delta.thinking),
            Delta::Signature(delta) => put(&mut block.signature, &delta.signature),
            Delta::Citations(_) => {
                let doc = Doc::scan(data).ok().and_then(|doc| doc.child("delta"));
                let span = doc.and_then(|delta| delta.value(data, "citation"));
                span.map_or(0, |span| put_json(&mut block.citations, span.of(data)))
            }
            Delta::Compaction(delta) => {
                let [content, sealed] = block.compaction.get_or_insert_default();
                put(content, delta.content.as_deref().unwrap_or_default())
                    + put(
                        sealed,
                        delta.encrypted_content.as_deref().unwrap_or_default(),
                    )
            }
            _ => return self.refuse("a delta is of a kind that is not known"),
        };
        self.grow(grown);
    }

    /// Writes the blocks of this answer behind those of the answers before.
    fn close(&mut self) -> Option<()> {
        for block in std::mem::take(&mut self.blocks) {
            let Some(whole) = block.whole() else {
                self.refuse("a delta does not fit its block");
                return None;
            };
            put_json(&mut self.before, &whole);
        }
        Some(())
    }

    fn container_of(&mut self, body: &[u8], object: &Container) {
        let container = object.child(body, "container");
        let id = container.and_then(|container| container.value(body, "id"));
        if let Some(id) = id.filter(|id| id.kind(body) == b'"') {
            self.container = Some(id.of(body).to_vec());
        }
    }
}

impl Block {
    /// The block with its deltas in it, if each of them has a place there.
    fn whole(self) -> Option<Vec<u8>> {
        let body = &self.start;
        let doc = Doc::scan(body).ok()?;
        let mut edit = Edit::new(body);
        let mut join = |key: &str, more: &str| {
            let have = doc.str(key).unwrap_or_default();
            let joined = proxai_json::to_vec(&format!("{have}{more}"));
            edit.set(&doc.root, key, &joined);
        };
        let kind = doc.str("type")?;
        for (of, key, more) in [
            ("text", "text", &self.text),
            ("thinking", "thinking", &self.thinking),
            ("thinking", "signature", &self.signature),
        ] {
            if !more.is_empty() {
                (kind == of).then(|| join(key, more))?;
            }
        }
        if let Some([content, sealed]) = &self.compaction {
            (kind == "compaction").then_some(())?;
            for (key, more) in [("content", content), ("encrypted_content", sealed)] {
                if !more.is_empty() {
                    join(key, more);
                }
            }
        }
        if !self.input.is_empty() {
            Doc::scan(self.input.as_bytes()).ok()?;
            edit.set(&doc.root, "input", self.input.as_bytes());
        }
        if !self.citations.is_empty() {
            (kind == "text").then_some(())?;
            let mut all = b"[".to_vec();
            for have in doc.child("citations").iter().flat_map(|list| &list.items) {
                all.extend_from_slice(have.value.of(body));
                all.push(b',');
            }
            all.extend_from_slice(&self.citations);
            all.push(b']');
            edit.set(&doc.root, "citations", &all);
        }
        edit.finish().ok()
    }
}

fn pauses(reason: &StopReason<'_>) -> bool {
    matches!(reason, StopReason::PauseTurn | StopReason::Compaction)
}

fn kind_of(block: &[u8]) -> Option<String> {
    Some(Doc::scan(block).ok()?.str("type")?.into_owned())
}

fn put(slot: &mut String, more: &str) -> usize {
    slot.push_str(more);
    more.len()
}

fn put_json(list: &mut Vec<u8>, value: &[u8]) -> usize {
    if !list.is_empty() {
        list.push(b',');
    }
    list.extend_from_slice(value);
    value.len() + 1
}
