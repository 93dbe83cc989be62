//! A stream, told as events.
//!
//! Grammar: `Start (Usage | Keepalive | Open (Delta | Seal | Cite | Logprobs |
//! Search)* Close)* (Finish | Failure)`. Parts may be open at the same time and their deltas may interleave; each is opened
//! once and closed before `Finish`. A `Failure` may come at any time, also first, and leaves open
//! parts for the encoder to close. Nothing follows `Finish` or `Failure`.
//!
//! Decoders must produce this, encoders may rely on it, [`Checked`](crate::Checked) verifies it.

use proxai_json::Str;
use proxai_types::Usage;

use crate::{Citation, Failure, Finish, Sealed, ToolKind, WebSearch};

/// Names a part within one stream: dense, from 0, in the order of opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartId(pub u32);

/// The head of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Start<'a> {
    /// The upstream's id; may be empty.
    pub id: Str<'a>,
    /// The model, as the upstream names it; may be empty.
    pub model: Str<'a>,
    /// Seconds since 1970.
    pub created: Option<u64>,
    /// The service tier that is used.
    pub service_tier: Option<Str<'a>>,
}

/// What kind of part begins.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PartKind<'a> {
    /// Text.
    Text,
    /// Reasoning.
    Reasoning {
        /// The upstream's id of the item.
        id: Option<Str<'a>>,
        /// The text is a summary.
        summary: bool,
        /// The text is withheld.
        redacted: bool,
    },
    /// A refusal.
    Refusal,
    /// A tool call; its deltas are pieces of the input.
    ToolCall {
        /// Joins the call with its result.
        id: Str<'a>,
        /// The upstream's id of the item.
        item_id: Option<Str<'a>>,
        /// The tool.
        name: Str<'a>,
        /// Its namespace.
        namespace: Option<Str<'a>>,
        /// How it takes its input.
        kind: ToolKind,
    },
    /// A search of the web that the provider runs; [`Event::Search`] tells what it was.
    WebSearch {
        /// Its id.
        id: Str<'a>,
    },
    /// Something only its own protocol has a form for.
    Opaque {
        /// Its kind there.
        kind: Str<'a>,
        /// It belongs to a tool that the provider runs.
        hosted: bool,
    },
}

/// One step of a stream.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The answer begins.
    Start(Start<'a>),
    /// A part begins.
    Open {
        /// The part.
        part: PartId,
        /// Its kind.
        kind: PartKind<'a>,
    },
    /// More text of a part: text, thought, refusal or tool input, by its kind.
    Delta {
        /// The part.
        part: PartId,
        /// The piece.
        text: Str<'a>,
    },
    /// The seal of a reasoning or tool call part.
    Seal {
        /// The part.
        part: PartId,
        /// The seal.
        sealed: Sealed<'a>,
    },
    /// A citation of a text part.
    Cite {
        /// The part.
        part: PartId,
        /// The citation.
        citation: Citation<'a>,
    },
    /// Log probabilities of a text part, a JSON array.
    Logprobs {
        /// The part.
        part: PartId,
        /// The array.
        json: Str<'a>,
    },
    /// The whole of a search part, once, before it is closed.
    Search {
        /// The part.
        part: PartId,
        /// The search.
        search: WebSearch<'a>,
    },
    /// A part ends.
    Close {
        /// The part.
        part: PartId,
    },
    /// Counts so far; later ones replace earlier ones, count by count.
    Usage(Usage),
    /// The upstream is alive but has nothing to say.
    Keepalive,
    /// The answer is complete.
    Finish(Finish<'a>),
    /// The answer will not be completed.
    Failure(Failure),
}

/// Takes events.
pub trait Sink {
    /// The next event.
    fn event(&mut self, event: Event<'_>);
}

impl<F: FnMut(Event<'_>)> Sink for F {
    fn event(&mut self, event: Event<'_>) {
        self(event);
    }
}
