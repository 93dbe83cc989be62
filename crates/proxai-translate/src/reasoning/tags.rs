//! Thoughts that an upstream wrote into its text, between `<think>` and `</think>`.
//!
//! Local servers and some vendors do not tell thoughts from text. A thought counts only where the
//! chat templates put it: at the very start of the answer's first text part. White space around it
//! is of the template, not of the thought or the answer, and goes; a thought without words, which
//! is how models that were told not to think write it, leaves no part.
//!
//! Not done: thoughts whose opening tag stood in the prompt, so that the answer has the closing
//! one only. A stream would have to be held back until it comes, and mostly it does not.

use std::borrow::Cow;
use std::ops::Range;

use proxai_ir::{Citation, Content, Event, Part, PartId, PartKind, Reasoning, Response, Sink};
use proxai_json::Str;

use super::slots::{Slots, part_of};

/// The tags that open a thought and those that close it.
const TAGS: [(&str, &str); 2] = [("<think>", "</think>"), ("<thinking>", "</thinking>")];

/// Most bytes of white space before a tag.
const MAX_LEAD: usize = 64;

/// Most citations and log probabilities that are held until it is known which part they are of.
const MAX_HELD: usize = 64;

/// What the beginning of a text tells.
#[derive(Debug, PartialEq, Eq)]
enum Lead {
    /// Nothing yet.
    Open,
    /// It is no thought.
    Text,
    /// It is a thought, which begins at this byte and ends with this tag.
    Thought(usize, &'static str),
}

fn lead(text: &str) -> Lead {
    let rest = text.trim_start();
    let space = text.len() - rest.len();
    if space > MAX_LEAD {
        return Lead::Text;
    }
    for (open, close) in TAGS {
        if rest.starts_with(open) {
            return Lead::Thought(space + open.len(), close);
        }
    }
    if TAGS.iter().any(|(open, _)| open.starts_with(rest)) {
        Lead::Open
    } else {
        Lead::Text
    }
}

/// How many bytes at the end of `text` may be the beginning of `tag`.
fn begun(text: &str, tag: &str) -> usize {
    (1..tag.len().min(text.len() + 1))
        .rev()
        .find(|&length| text.as_bytes().ends_with(&tag.as_bytes()[..length]))
        .unwrap_or(0)
}

/// Applies to a whole answer.
pub(super) fn apply(response: &mut Response<'_>) {
    let Some((index, part)) = response
        .parts
        .iter_mut()
        .enumerate()
        .find(|(_, part)| matches!(part.content, Content::Text(_)))
    else {
        return;
    };
    let at = part.at;
    let Content::Text(text) = &mut part.content else {
        return;
    };
    let Lead::Thought(start, close) = lead(&text.text) else {
        return;
    };
    let whole = std::mem::take(&mut text.text);
    let (_, thought) = whole.split_at(start);
    let thought = thought.trim_start();
    let begin = whole.len() - thought.len();
    let (end, rest) = match thought.split_once(close) {
        Some((thought, rest)) => (begin + thought.len(), whole.len() - rest.trim_start().len()),
        None => (whole.len(), whole.len()),
    };
    let thought = within(&whole, begin..end);
    text.text = within(&whole, rest..whole.len());
    if text.text.is_empty() && text.citations.is_empty() && text.logprobs.is_none() {
        response.parts.remove(index);
    }
    if !thought.is_empty() {
        let reasoning = Reasoning {
            text: thought,
            ..Reasoning::default()
        };
        let part = Part::new(at, Content::Reasoning(reasoning));
        response.parts.insert(index, part);
    }
}

/// A piece of a text, borrowed if the text is.
fn within<'a>(whole: &Str<'a>, range: Range<usize>) -> Str<'a> {
    match &whole.0 {
        Cow::Borrowed(text) => text.get(range).unwrap_or_default().into(),
        Cow::Owned(text) => text.get(range).unwrap_or_default().to_owned().into(),
    }
}

/// The same for a stream.
#[derive(Debug, Default)]
pub(super) struct Tags {
    slots: Slots<PartId>,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    /// No text part has been opened.
    #[default]
    Before,
    /// The first text part is open and may be a thought. Nothing of it was told.
    Undecided {
        from: PartId,
        /// At most `MAX_LEAD` and an opening tag.
        text: String,
        held: Held,
    },
    /// It began with a tag.
    Split(Split),
    /// Whatever comes is told as it is.
    After,
}

/// A text part that is told as two.
#[derive(Debug)]
struct Split {
    from: PartId,
    /// The tag that ends the thought; `None` behind it.
    close: Option<&'static str>,
    /// How many bytes of that tag have come, which are thought if the rest of it does not come.
    matched: usize,
    /// The thought, once it has a word.
    thought: Option<PartId>,
    /// The text, once it has a word.
    text: Option<PartId>,
    /// Words have come since the last tag, so that white space counts.
    worded: bool,
    held: Held,
}

/// What belongs to a text part that has not been told yet.
type Held = Vec<Attached>;

#[derive(Debug)]
enum Attached {
    Cite(Citation<'static>),
    Logprobs(String),
}

impl Attached {
    fn of(event: Event<'_>) -> Option<Self> {
        match event {
            Event::Cite { citation, .. } => Some(Self::Cite(Citation {
                url: citation.url.into_static(),
                title: citation.title.map(Str::into_static),
                quote: citation.quote.map(Str::into_static),
                ..citation
            })),
            Event::Logprobs { json, .. } => Some(Self::Logprobs(json.into_string())),
            _ => None,
        }
    }

    fn tell(self, part: PartId, sink: &mut dyn Sink) {
        sink.event(match self {
            Self::Cite(citation) => Event::Cite { part, citation },
            Self::Logprobs(json) => {
                let json = json.into();
                Event::Logprobs { part, json }
            }
        });
    }
}

impl Tags {
    pub(super) fn pass(&mut self, mut event: Event<'_>, sink: &mut dyn Sink) {
        if let Event::Open { part, kind } = event {
            return self.open(part, kind, sink);
        }
        if matches!(event, Event::Failure(_)) {
            self.close(sink);
            return sink.event(event);
        }
        let Some(from) = part_of(&mut event) else {
            return sink.event(event);
        };
        if self.state.is_of(*from) {
            return self.divided(event, sink);
        }
        let Some(&mut part) = self.slots.get_mut(*from) else {
            return;
        };
        *from = part;
        sink.event(event);
    }

    fn open(&mut self, from: PartId, kind: PartKind<'_>, sink: &mut dyn Sink) {
        if matches!(self.state, State::Before) && matches!(kind, PartKind::Text) {
            self.state = State::Undecided {
                from,
                text: String::new(),
                held: Held::new(),
            };
            // Replaced when the part is told as a text; until then no event reaches it.
            return self.slots.push(from);
        }
        if matches!(&self.state, State::Undecided { text, .. } if !text.is_empty()) {
            // So that this part does not come before what has been said already.
            self.settle(sink);
        }
        let part = self.slots.open();
        self.slots.push(part);
        sink.event(Event::Open { part, kind });
    }

    /// An event of the part that is, or may be, divided.
    fn divided(&mut self, event: Event<'_>, sink: &mut dyn Sink) {
        if matches!(event, Event::Close { .. }) {
            return self.close(sink);
        }
        match &mut self.state {
            State::Undecided { from, text, held } => {
                let Event::Delta { text: piece, .. } = event else {
                    held.extend(Attached::of(event));
                    if held.len() >= MAX_HELD {
                        self.settle(sink);
                    }
                    return;
                };
                let known = if text.is_empty() {
                    Cow::Borrowed(piece.as_str())
                } else {
                    text.push_str(&piece);
                    Cow::Owned(std::mem::take(text))
                };
                match lead(&known) {
                    Lead::Open => *text = known.into_owned(),
                    Lead::Text => {
                        *text = known.into_owned();
                        self.settle(sink);
                    }
                    Lead::Thought(start, close) => {
                        let mut split = Split {
                            from: *from,
                            close: Some(close),
                            matched: 0,
                            thought: None,
                            text: None,
                            worded: false,
                            held: std::mem::take(held),
                        };
                        split.piece(known.split_at(start).1, &mut self.slots, sink);
                        self.state = State::Split(split);
                    }
                }
            }
            State::Split(split) => match event {
                Event::Delta { text, .. } => split.piece(&text, &mut self.slots, sink),
                other => {
                    split.held.extend(Attached::of(other));
                    // Held back only while the thought, which comes first, has no word.
                    let ordered = split.close.is_none() || split.thought.is_some();
                    if ordered || split.text.is_some() || split.held.len() >= MAX_HELD {
                        split.text(&mut self.slots, sink);
                    }
                }
            },
            State::Before | State::After => {}
        }
    }

    /// The undecided part is a text.
    fn settle(&mut self, sink: &mut dyn Sink) {
        let State::Undecided { from, text, held } =
            std::mem::replace(&mut self.state, State::After)
        else {
            return;
        };
        let part = self.slots.open();
        if let Some(slot) = self.slots.get_mut(from) {
            *slot = part;
        }
        let kind = PartKind::Text;
        sink.event(Event::Open { part, kind });
        if !text.is_empty() {
            let text = text.into();
            sink.event(Event::Delta { part, text });
        }
        for attached in held {
            attached.tell(part, sink);
        }
    }

    /// The part ends, or the stream does: what was held back is told.
    fn close(&mut self, sink: &mut dyn Sink) {
        match &mut self.state {
            State::Undecided { from, .. } => {
                let from = *from;
                self.settle(sink);
                if let Some(&mut part) = self.slots.get_mut(from) {
                    sink.event(Event::Close { part });
                }
            }
            State::Split(split) => {
                split.end(&mut self.slots, sink);
                self.state = State::After;
            }
            State::Before | State::After => {}
        }
    }
}

impl State {
    fn is_of(&self, part: PartId) -> bool {
        match self {
            Self::Undecided { from, .. } | Self::Split(Split { from, .. }) => *from == part,
            Self::Before | Self::After => false,
        }
    }
}

impl Split {
    /// More of the divided text.
    fn piece(&mut self, piece: &str, slots: &mut Slots<PartId>, sink: &mut dyn Sink) {
        let Some(close) = self.close else {
            return self.words(piece, slots, sink);
        };
        let joined;
        let text = if self.matched == 0 {
            piece
        } else {
            joined = [close.split_at(self.matched).0, piece].concat();
            &joined
        };
        if let Some((thought, rest)) = text.split_once(close) {
            self.words(thought, slots, sink);
            if let Some(part) = self.thought {
                sink.event(Event::Close { part });
            }
            self.close = None;
            self.worded = false;
            self.words(rest, slots, sink);
        } else {
            self.matched = begun(text, close);
            let (thought, _) = text.split_at(text.len() - self.matched);
            self.words(thought, slots, sink);
        }
    }

    /// Words of the thought or, behind its tag, of the text.
    fn words(&mut self, mut text: &str, slots: &mut Slots<PartId>, sink: &mut dyn Sink) {
        if !self.worded {
            text = text.trim_start();
        }
        if text.is_empty() {
            return;
        }
        self.worded = true;
        let part = if self.close.is_none() {
            self.text(slots, sink)
        } else {
            self.thought(slots, sink)
        };
        let text = text.into();
        sink.event(Event::Delta { part, text });
    }

    fn thought(&mut self, slots: &mut Slots<PartId>, sink: &mut dyn Sink) -> PartId {
        *self.thought.get_or_insert_with(|| {
            let part = slots.open();
            let kind = PartKind::Reasoning {
                id: None,
                summary: false,
                redacted: false,
            };
            sink.event(Event::Open { part, kind });
            part
        })
    }

    /// The text part, opened if need be, with all that belongs to it.
    fn text(&mut self, slots: &mut Slots<PartId>, sink: &mut dyn Sink) -> PartId {
        let part = *self.text.get_or_insert_with(|| {
            let part = slots.open();
            let kind = PartKind::Text;
            sink.event(Event::Open { part, kind });
            part
        });
        for attached in self.held.drain(..) {
            attached.tell(part, sink);
        }
        part
    }

    fn end(&mut self, slots: &mut Slots<PartId>, sink: &mut dyn Sink) {
        if let Some(close) = self.close {
            // An unclosed thought is one, with the beginning of a tag that did not come.
            let (rest, _) = close.split_at(self.matched);
            self.words(rest, slots, sink);
            if let Some(part) = self.thought {
                sink.event(Event::Close { part });
            }
        }
        if !self.held.is_empty() {
            self.text(slots, sink);
        }
        if let Some(part) = self.text {
            sink.event(Event::Close { part });
        }
    }
}
