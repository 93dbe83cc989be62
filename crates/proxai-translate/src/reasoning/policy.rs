//! What becomes of thoughts.
//!
//! The surprise is `Fallback` on a stream: whether there will be a text is known at the end only,
//! and holding thoughts back until then would make the stream silent (S5). So they are told as
//! reasoning when they come and, if nothing else came, once more as the text.

use proxai_ir::{At, Content, Event, Part, PartId, PartKind, Response, Sink};
use proxai_json::Str;

use super::ReasoningPolicy;
use super::slots::{Slots, part_of};

/// Stands between a thought told as text and the text behind it.
const GAP: &str = "\n\n";

/// How much of an answer's thoughts is kept for `Fallback`; eight times what the longest outputs
/// of 2026 have. A text is cut here.
const MAX_KEPT: usize = 4 << 20;

/// Applies a policy to a whole answer.
pub(super) fn apply(policy: ReasoningPolicy, response: &mut Response<'_>) {
    match policy {
        ReasoningPolicy::Separate => {}
        ReasoningPolicy::Drop => response
            .parts
            .retain(|part| !matches!(part.content, Content::Reasoning(_))),
        ReasoningPolicy::Inline => inline(response),
        ReasoningPolicy::Fallback => {
            let mut kept = Kept::default();
            for part in &response.parts {
                match &part.content {
                    Content::Reasoning(thought) => kept.thought(&thought.text),
                    Content::Text(text) => kept.answer(&text.text),
                    Content::Refusal(text) => kept.answer(text),
                    Content::ToolCall(_) => kept.call(),
                    _ => {}
                }
                kept.end_of_part();
            }
            if let Some(text) = kept.into_text() {
                response.parts.push(Part::text(At::default(), text));
            }
        }
    }
}

fn inline(response: &mut Response<'_>) {
    response.parts.retain(
        |part| !matches!(&part.content, Content::Reasoning(thought) if thought.text.is_empty()),
    );
    let mut thought_before = false;
    for part in &mut response.parts {
        match &mut part.content {
            Content::Reasoning(thought) => {
                let mut text = std::mem::take(&mut thought.text);
                if thought_before {
                    text.0.to_mut().insert_str(0, GAP);
                }
                thought_before = true;
                part.content = Part::text(part.at, text).content;
            }
            Content::Text(text) if thought_before && !text.text.is_empty() => {
                text.text.0.to_mut().insert_str(0, GAP);
                for citation in &mut text.citations {
                    shift(citation);
                }
                thought_before = false;
            }
            _ => {}
        }
    }
}

/// Moves a citation behind the gap. Both are counted in characters, and the gap has one per byte.
fn shift(citation: &mut proxai_ir::Citation<'_>) {
    let by = GAP.len() as u64;
    for place in [&mut citation.start, &mut citation.end] {
        *place = place.map(|place| place.saturating_add(by));
    }
}

/// A policy at work on a stream.
#[derive(Debug)]
pub(super) struct Policy {
    policy: ReasoningPolicy,
    slots: Slots<Slot>,
    /// A thought was told as text, and no text has come behind it.
    thought_before: bool,
    kept: Kept,
}

#[derive(Debug)]
enum Slot {
    /// Not told.
    Hidden,
    /// Reasoning that is told as text, from its first piece on.
    Inlined(Option<PartId>),
    /// Told as what it is.
    Told { part: PartId, form: Form },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Reasoning,
    /// Text or a refusal.
    Answer {
        /// A gap was put before its text.
        moved: bool,
        /// Whether it has a text yet.
        begun: bool,
    },
    Other,
}

impl Policy {
    pub(super) fn new(policy: ReasoningPolicy) -> Self {
        Self {
            policy,
            slots: Slots::default(),
            thought_before: false,
            kept: Kept::default(),
        }
    }

    pub(super) fn pass(&mut self, event: Event<'_>, sink: &mut dyn Sink) {
        if self.policy == ReasoningPolicy::Separate {
            return sink.event(event);
        }
        match event {
            Event::Open { kind, .. } => self.open(kind, sink),
            Event::Finish(finish) => {
                if let Some(text) = std::mem::take(&mut self.kept).into_text() {
                    let part = self.slots.open();
                    let kind = PartKind::Text;
                    sink.event(Event::Open { part, kind });
                    let text = Str::borrowed(&text);
                    sink.event(Event::Delta { part, text });
                    sink.event(Event::Close { part });
                }
                sink.event(Event::Finish(finish));
            }
            mut event => match part_of(&mut event) {
                Some(&mut part) => self.part(part, event, sink),
                None => sink.event(event),
            },
        }
    }

    fn open(&mut self, kind: PartKind<'_>, sink: &mut dyn Sink) {
        let form = match kind {
            PartKind::Reasoning { .. } => match self.policy {
                ReasoningPolicy::Drop => return self.slots.push(Slot::Hidden),
                ReasoningPolicy::Inline => return self.slots.push(Slot::Inlined(None)),
                ReasoningPolicy::Separate | ReasoningPolicy::Fallback => Form::Reasoning,
            },
            PartKind::Text => Form::Answer {
                moved: false,
                begun: false,
            },
            // A refusal takes no gap: it is not joined with the text.
            PartKind::Refusal => Form::Answer {
                moved: false,
                begun: true,
            },
            PartKind::ToolCall { .. } => {
                self.kept.call();
                Form::Other
            }
            _ => Form::Other,
        };
        let part = self.slots.open();
        self.slots.push(Slot::Told { part, form });
        sink.event(Event::Open { part, kind });
    }

    fn part(&mut self, from: PartId, mut event: Event<'_>, sink: &mut dyn Sink) {
        match self.slots.get_mut(from) {
            None | Some(Slot::Hidden) => {}
            Some(Slot::Inlined(_)) => self.inlined(from, event, sink),
            Some(Slot::Told { part, form }) => {
                let part = *part;
                match (&mut event, &mut *form) {
                    (Event::Delta { text, .. }, Form::Reasoning) => self.kept.thought(text),
                    (Event::Delta { text, .. }, Form::Answer { moved, begun }) => {
                        self.kept.answer(text);
                        if !*begun && !text.is_empty() {
                            *begun = true;
                            *moved = std::mem::take(&mut self.thought_before);
                            if *moved {
                                let text = Str::borrowed(GAP);
                                sink.event(Event::Delta { part, text });
                            }
                        }
                    }
                    (Event::Cite { citation, .. }, Form::Answer { moved: true, .. }) => {
                        shift(citation);
                    }
                    (Event::Close { .. }, Form::Reasoning) => self.kept.end_of_part(),
                    _ => {}
                }
                if let Some(slot) = part_of(&mut event) {
                    *slot = part;
                }
                sink.event(event);
            }
        }
    }

    fn inlined(&mut self, from: PartId, event: Event<'_>, sink: &mut dyn Sink) {
        let Some(Slot::Inlined(told)) = self.slots.get_mut(from) else {
            return;
        };
        match event {
            Event::Delta { text, .. } if !text.is_empty() => {
                if let Some(part) = *told {
                    return sink.event(Event::Delta { part, text });
                }
                let part = self.slots.open();
                let kind = PartKind::Text;
                sink.event(Event::Open { part, kind });
                if std::mem::replace(&mut self.thought_before, true) {
                    let text = Str::borrowed(GAP);
                    sink.event(Event::Delta { part, text });
                }
                sink.event(Event::Delta { part, text });
                if let Some(Slot::Inlined(told)) = self.slots.get_mut(from) {
                    *told = Some(part);
                }
            }
            Event::Close { .. } => {
                if let Some(part) = *told {
                    sink.event(Event::Close { part });
                }
            }
            // What belongs to a thought and not to a text, such as its seal.
            _ => {}
        }
    }
}

/// Thoughts that become the text if there is no other.
#[derive(Debug, Default)]
struct Kept {
    text: String,
    /// The next thought is another one.
    parted: bool,
    /// There is a text, a refusal or a call.
    answered: bool,
}

impl Kept {
    fn thought(&mut self, piece: &str) {
        if self.answered || piece.is_empty() {
            return;
        }
        if std::mem::take(&mut self.parted) && !self.text.is_empty() {
            self.push(GAP);
        }
        self.push(piece);
    }

    fn push(&mut self, piece: &str) {
        let room = MAX_KEPT - self.text.len();
        let (taken, _) = piece.split_at(piece.floor_char_boundary(room));
        self.text.push_str(taken);
    }

    fn end_of_part(&mut self) {
        self.parted = true;
    }

    /// White space is no answer: some templates put line ends behind the thoughts.
    fn answer(&mut self, piece: &str) {
        if !self.answered && !piece.trim_start().is_empty() {
            self.call();
        }
    }

    fn call(&mut self) {
        self.answered = true;
        self.text = String::new();
    }

    fn into_text(self) -> Option<String> {
        (!self.text.trim_start().is_empty()).then_some(self.text)
    }
}
