//! Seals the thoughts that an upstream wants back and did not seal itself (T6).
//!
//! The seal is made when the thought ends, so nothing is held back. A thought that has a seal of
//! its own keeps it, and one without text gets none: there is nothing to give back. Whether the
//! seal carries the text is for the writer of a protocol to say, who knows what its clients keep.

use proxai_ir::{Content, Event, PartId, PartKind, Response, Sink};

use crate::seal;

/// Seals the thoughts of a whole answer.
pub(super) fn apply(response: &mut Response<'_>) {
    for part in &mut response.parts {
        if let Content::Reasoning(thought) = &mut part.content
            && thought.sealed.is_none()
            && !thought.text.is_empty()
        {
            thought.sealed = Some(seal::echo(""));
        }
    }
}

/// The same on a stream.
#[derive(Debug, Default)]
pub(super) struct Echo {
    /// Thoughts that are open and have no seal.
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    part: PartId,
    has_text: bool,
}

impl Echo {
    pub(super) fn pass(&mut self, event: Event<'_>, sink: &mut dyn Sink) {
        match &event {
            Event::Open {
                part,
                kind: PartKind::Reasoning { .. },
            } => self.open.push(Open {
                part: *part,
                has_text: false,
            }),
            Event::Delta { part, text } if !text.is_empty() => {
                if let Some(open) = self.open.iter_mut().find(|open| open.part == *part) {
                    open.has_text = true;
                }
            }
            Event::Seal { part, .. } => self.open.retain(|open| open.part != *part),
            Event::Close { part } => {
                if let Some(at) = self.open.iter().position(|open| open.part == *part)
                    && self.open.swap_remove(at).has_text
                {
                    sink.event(Event::Seal {
                        part: *part,
                        sealed: seal::echo(""),
                    });
                }
            }
            _ => {}
        }
        sink.event(event);
    }
}

#[cfg(test)]
mod tests {
    use proxai_ir::{Accumulator, At, Part, Reasoning, Sealed};

    use super::super::{ReasoningFilter, ReasoningPolicy, ReasoningRules, apply_response};
    use super::*;

    fn answer() -> Response<'static> {
        let thought = |text: &'static str, sealed: Option<&'static str>| {
            let sealed = sealed.map(|data| Sealed {
                origin: proxai_types::Protocol::Chat,
                issuer: None,
                data: data.into(),
            });
            Part::new(
                At::default(),
                Content::Reasoning(Reasoning {
                    text: text.into(),
                    sealed,
                    ..Reasoning::default()
                }),
            )
        };
        Response {
            parts: vec![
                thought("Hm.", None),
                thought("Signed.", Some("[1]")),
                thought("", None),
                Part::text(At::default(), "<think>So.</think>Yes"),
            ],
            ..Response::default()
        }
    }

    fn both(rules: ReasoningRules) -> Vec<String> {
        let mut whole = answer();
        apply_response(rules, &mut whole);
        let mut filter = ReasoningFilter::new(rules);
        let mut folded = Accumulator::new();
        answer().replay(&mut |event: Event<'_>| filter.pass(event, &mut folded));
        let folded = folded.into_response().unwrap();
        let seals = |response: &Response<'_>| {
            let seal = |part: &Part<'_>| match &part.content {
                Content::Reasoning(thought) => thought
                    .sealed
                    .as_ref()
                    .map_or("none".to_owned(), |sealed| sealed.data.as_str().to_owned()),
                _ => "text".to_owned(),
            };
            response.parts.iter().map(seal).collect::<Vec<_>>()
        };
        assert_eq!(seals(&whole), seals(&folded), "{rules:?}");
        seals(&whole)
    }

    #[test]
    fn what_has_a_text_and_no_seal_gets_one_alike_in_answers_and_streams() {
        let usual = ReasoningRules {
            wanted_back: true,
            ..ReasoningRules::default()
        };
        assert!(!usual.change_nothing());
        assert_eq!(both(usual), ["\u{1}", "[1]", "none", "text"]);
        let tagged = ReasoningRules {
            think_tags: true,
            ..usual
        };
        assert_eq!(both(tagged), ["\u{1}", "[1]", "none", "\u{1}", "text"]);
        for (policy, left) in [(ReasoningPolicy::Drop, 1), (ReasoningPolicy::Inline, 3)] {
            let seals = both(ReasoningRules { policy, ..usual });
            assert_eq!(seals, vec!["text"; left], "{policy:?}");
        }
    }
}
