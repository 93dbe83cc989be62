//! Parts of the hub on their way into blocks, and whoever takes the blocks.

use proxai_ir::{Citation, Sealed, WebSearch};
use proxai_json::Str;
use proxai_messages::{ContentBlock, Delta};

use super::input::Input;

/// Takes what is written.
pub(super) trait Blocks {
    /// A block begins, without content.
    fn start(&mut self, index: u64, block: ContentBlock<'_>);
    /// More of the open block.
    fn delta(&mut self, index: u64, delta: Delta<'_>);
    /// The open block ends.
    fn stop(&mut self, index: u64);
}

/// What a part becomes.
#[derive(Debug)]
pub(super) enum Kind {
    Text,
    Thinking {
        id: Option<Str<'static>>,
    },
    Redacted {
        id: Option<Str<'static>>,
    },
    Tool {
        id: String,
        name: Str<'static>,
        input: Input,
    },
    /// A search of the provider, shown as a whole once it is over.
    Search {
        id: String,
        search: Option<Box<WebSearch<'static>>>,
    },
    /// Nothing this protocol's clients can be shown.
    Hidden,
}

/// What waits for its block.
#[derive(Debug, PartialEq)]
pub(super) enum Held {
    Text(String),
    Cite(Citation<'static>),
}

/// How long a text is, and whether its citations stand for less of it.
#[derive(Debug)]
pub(super) struct Length {
    characters: u64,
    /// The shortest piece from the beginning that is cited.
    cited: u64,
}

impl Length {
    const fn new() -> Self {
        Self {
            characters: 0,
            cited: u64::MAX,
        }
    }

    pub(super) fn add(&mut self, text: &str) {
        self.characters += text.chars().count() as u64;
    }

    /// Vendors that know of no place say from 0 to 0.
    pub(super) fn cited(&mut self, citation: &Citation<'_>) {
        match (citation.start.unwrap_or(0), citation.end) {
            (start, Some(end)) if end <= start => {}
            (0, end) => self.cited = self.cited.min(end.unwrap_or(u64::MAX)),
            _ => self.cited = 0,
        }
    }

    pub(super) const fn exceeds_cited(&self) -> bool {
        self.cited < self.characters
    }
}

/// One part of the hub.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) kind: Kind,
    /// The index of its block, once begun.
    pub(super) index: Option<u64>,
    /// Its block has ended.
    pub(super) stopped: bool,
    /// The upstream has closed the part.
    pub(super) closed: bool,
    pub(super) queued: bool,
    pub(super) held: Vec<Held>,
    pub(super) length: Length,
    pub(super) sealed: Option<Sealed<'static>>,
}

impl Slot {
    /// A part that has just been opened.
    pub(super) const fn new(kind: Kind) -> Self {
        Self {
            kind,
            index: None,
            stopped: false,
            closed: false,
            queued: false,
            held: Vec::new(),
            length: Length::new(),
            sealed: None,
        }
    }

    /// Whether there is something to show that did not come as text.
    pub(super) fn has_late_content(&self) -> bool {
        self.sealed.is_some()
            || matches!(
                &self.kind,
                Kind::Search {
                    search: Some(_),
                    ..
                }
            )
    }
}
