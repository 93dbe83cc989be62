//! Finds out which tool call a stream's delta belongs to.
//!
//! By rule deltas carry an index and the first one the id and the name. In practice indices are
//! missing, have gaps or all say 0, ids are missing or repeated on each delta, and the name may
//! come after the id. So: a known id of the same index continues its call; another id with a name
//! begins a new one; without any id, a second name does once the arguments so far are a whole JSON
//! value. That a call's arguments are whole is also what allows to close it before the stream
//! ends, so that the calls behind it need not wait.
//!
//! Never opens a call twice and never opens one without a name.

use proxai_ir::{Event, Failure, FailureKind, PartId, PartKind, Sink, ToolKind};
use proxai_json::Str;

use super::reasoning::native;
use crate::ids::Given;
use crate::nesting::Nesting;

/// Most calls in one answer.
const MAX_CALLS: usize = 1024;

/// Most bytes of input that wait for the name of their call.
const MAX_HELD: usize = 1 << 20;

/// One delta of a call.
#[derive(Debug, Default)]
pub(super) struct Piece<'d> {
    pub(super) index: Option<u64>,
    pub(super) id: Str<'d>,
    pub(super) name: Str<'d>,
    pub(super) input: Str<'d>,
    pub(super) custom: bool,
    /// A thought signature, as JSON.
    pub(super) seal: Option<Str<'d>>,
}

/// The calls of one stream.
#[derive(Debug, Default)]
pub(super) struct Calls {
    calls: Vec<Call>,
    given: Given,
}

#[derive(Debug)]
struct Call {
    index: Option<u64>,
    id: String,
    name: String,
    kind: ToolKind,
    /// `None` until the name is known.
    part: Option<PartId>,
    closed: bool,
    /// Input and seal that came before the name.
    held: String,
    held_seal: Option<String>,
    progress: Nesting,
}

impl Calls {
    /// Whether a call has been opened.
    pub(super) fn any_opened(&self) -> bool {
        self.calls.iter().any(|call| call.part.is_some())
    }

    /// Finds the call of a delta, or makes it. The result names it in the other functions.
    pub(super) fn place(&mut self, piece: &Piece<'_>) -> Result<usize, Failure> {
        if let Some(at) = self.find(piece) {
            let call = &mut self.calls[at];
            if call.id.is_empty() && call.part.is_none() {
                call.id.push_str(&piece.id);
            }
            if call.name.is_empty() {
                call.name.push_str(&piece.name);
            }
            if piece.custom && call.part.is_none() {
                call.kind = ToolKind::Custom;
            }
            return Ok(at);
        }
        if self.calls.len() >= MAX_CALLS {
            return Err(Failure::new(
                FailureKind::BadUpstream,
                format!("the upstream sent more than {MAX_CALLS} tool calls in one answer"),
            ));
        }
        self.calls.push(Call {
            index: piece.index,
            id: piece.id.as_str().to_owned(),
            name: piece.name.as_str().to_owned(),
            kind: if piece.custom {
                ToolKind::Custom
            } else {
                ToolKind::Function
            },
            part: None,
            closed: false,
            held: String::new(),
            held_seal: None,
            progress: Nesting::default(),
        });
        Ok(self.calls.len() - 1)
    }

    fn find(&self, piece: &Piece<'_>) -> Option<usize> {
        let same_index = |call: &Call| piece.index.is_none() || call.index == piece.index;
        if !piece.id.is_empty() {
            let known = |call: &Call| call.id == piece.id.as_str() && same_index(call);
            if let Some(at) = self.calls.iter().rposition(known) {
                return Some(at);
            }
            piece.index?;
        }
        let at = self.calls.iter().rposition(same_index)?;
        let call = &self.calls[at];
        let named_again = !piece.name.is_empty() && !call.name.is_empty();
        let new_id = !piece.id.is_empty() && !call.id.is_empty();
        let begins = if new_id {
            !piece.name.is_empty() || call.progress.complete()
        } else {
            named_again && (call.name != piece.name.as_str() || call.progress.complete())
        };
        (!begins).then_some(at)
    }

    /// Whether the call has its name but is not open yet.
    pub(super) fn ready(&self, at: usize) -> bool {
        let call = &self.calls[at];
        call.part.is_none() && !call.name.is_empty()
    }

    /// Opens the call as `part` and tells what was held back for it.
    pub(super) fn open(&mut self, at: usize, part: PartId, sink: &mut dyn Sink) {
        let call = &mut self.calls[at];
        call.part = Some(part);
        sink.event(Event::Open {
            part,
            kind: PartKind::ToolCall {
                id: self.given.once(Str::borrowed(&call.id)),
                item_id: None,
                name: Str::borrowed(&call.name),
                namespace: None,
                kind: call.kind,
            },
        });
        if !call.held.is_empty() {
            sink.event(Event::Delta {
                part,
                text: Str::borrowed(&call.held),
            });
            call.held = String::new();
        }
        if let Some(seal) = call.held_seal.take() {
            sink.event(Event::Seal {
                part,
                sealed: native(seal.into()),
            });
        }
    }

    /// Adds the input and the seal of a delta.
    pub(super) fn feed(
        &mut self,
        at: usize,
        piece: Piece<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        let call = &mut self.calls[at];
        if call.closed {
            return Ok(());
        }
        if call.kind == ToolKind::Function {
            call.progress.push(&piece.input);
        }
        match call.part {
            Some(part) => {
                if !piece.input.is_empty() {
                    sink.event(Event::Delta {
                        part,
                        text: piece.input,
                    });
                }
                if let Some(seal) = piece.seal {
                    sink.event(Event::Seal {
                        part,
                        sealed: native(seal),
                    });
                }
            }
            None if call.held.len() + piece.input.len() > MAX_HELD => {
                return Err(nameless());
            }
            None => {
                call.held.push_str(&piece.input);
                if let Some(seal) = piece.seal {
                    call.held_seal = Some(seal.into_string());
                }
            }
        }
        Ok(())
    }

    /// Closes the calls whose arguments are whole.
    pub(super) fn close_complete(&mut self, sink: &mut dyn Sink) {
        for call in &mut self.calls {
            if call.progress.complete() {
                call.close(sink);
            }
        }
    }

    /// Closes all calls; a failure if one has input but never got a name.
    pub(super) fn close_all(&mut self, sink: &mut dyn Sink) -> Result<(), Failure> {
        for call in &mut self.calls {
            call.close(sink);
            if call.part.is_none() && !call.held.is_empty() {
                return Err(nameless());
            }
        }
        Ok(())
    }
}

impl Call {
    fn close(&mut self, sink: &mut dyn Sink) {
        if let Some(part) = self.part
            && !self.closed
        {
            self.closed = true;
            sink.event(Event::Close { part });
        }
    }
}

pub(super) fn nameless() -> Failure {
    Failure::new(
        FailureKind::BadUpstream,
        "the upstream sent a tool call without a name",
    )
    .with_code("upstream_nameless_call")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds deltas of (index, id, name, input) and gives each call's id, name and input.
    fn run(pieces: &[(Option<u64>, &str, &str, &str)]) -> Vec<(String, String, String)> {
        let mut calls = Calls::default();
        let mut seen: Vec<(String, String, String)> = Vec::new();
        let mut sink = |event: Event<'_>| match event {
            Event::Open {
                kind: PartKind::ToolCall { id, name, .. },
                ..
            } => seen.push((id.into_string(), name.into_string(), String::new())),
            Event::Delta { part, text } => seen[part.0 as usize].2.push_str(&text),
            _ => {}
        };
        let mut next = 0;
        for (index, id, name, input) in pieces {
            let piece = Piece {
                index: *index,
                id: (*id).into(),
                name: (*name).into(),
                input: (*input).into(),
                ..Piece::default()
            };
            let at = calls.place(&piece).unwrap();
            if calls.ready(at) {
                calls.close_complete(&mut sink);
                calls.open(at, PartId(next), &mut sink);
                next += 1;
            }
            calls.feed(at, piece, &mut sink).unwrap();
        }
        calls.close_all(&mut sink).unwrap();
        seen
    }

    fn call(id: &str, name: &str, input: &str) -> (String, String, String) {
        (id.to_owned(), name.to_owned(), input.to_owned())
    }

    #[test]
    fn interleaved_deltas_find_their_call_by_index() {
        let seen = run(&[
            (Some(1), "a", "f", ""),
            (Some(3), "b", "g", ""),
            (Some(1), "", "", "{\"x\":"),
            (Some(3), "", "", "{}"),
            (Some(1), "", "", "1}"),
        ]);
        assert_eq!(seen, [call("a", "f", "{\"x\":1}"), call("b", "g", "{}")]);
    }

    #[test]
    fn indices_that_all_say_zero_or_are_missing_give_way_to_ids() {
        for index in [Some(0), None] {
            let seen = run(&[
                (index, "a", "f", "{\"x\":"),
                (index, "a", "", "1}"),
                (index, "b", "g", "{\"y\":"),
                (index, "", "", "2}"),
            ]);
            assert_eq!(
                seen,
                [call("a", "f", "{\"x\":1}"), call("b", "g", "{\"y\":2}")],
                "{index:?}"
            );
        }
    }

    #[test]
    fn calls_without_any_id_are_told_apart_by_their_whole_arguments() {
        let seen = run(&[
            (Some(0), "", "f", "{\"x\":1}"),
            (Some(0), "", "f", "{\"x\":2}"),
        ]);
        assert_eq!(
            seen,
            [call("", "f", "{\"x\":1}"), call("", "f", "{\"x\":2}")]
        );
    }

    #[test]
    fn a_name_that_is_repeated_on_each_delta_begins_nothing() {
        let seen = run(&[
            (Some(0), "a", "f", "{\"x\":"),
            (Some(0), "a", "f", "{\"y\":1}"),
            (Some(0), "a", "f", "}"),
        ]);
        assert_eq!(seen, [call("a", "f", "{\"x\":{\"y\":1}}")]);
    }

    #[test]
    fn the_name_may_come_after_the_id_and_the_input() {
        let seen = run(&[
            (Some(0), "a", "", ""),
            (Some(0), "", "", "{\"x\""),
            (Some(0), "", "f", ":1}"),
        ]);
        assert_eq!(seen, [call("a", "f", "{\"x\":1}")]);
    }

    #[test]
    fn an_id_that_changes_on_each_delta_continues_the_call_of_its_index() {
        let seen = run(&[
            (Some(0), "a", "f", ""),
            (Some(0), "b", "", "{\"x\""),
            (Some(0), "c", "", ":1}"),
        ]);
        assert_eq!(seen, [call("a", "f", "{\"x\":1}")]);
    }

    #[test]
    fn a_repeated_id_is_left_for_the_encoder_to_make() {
        let seen = run(&[(Some(0), "a", "f", "{}"), (Some(1), "a", "f", "{}")]);
        assert_eq!(seen, [call("a", "f", "{}"), call("", "f", "{}")]);
    }

    #[test]
    fn input_without_a_name_is_a_failure() {
        let mut calls = Calls::default();
        let piece = Piece {
            id: "a".into(),
            input: "{}".into(),
            ..Piece::default()
        };
        let at = calls.place(&piece).unwrap();
        let mut sink = |_: Event<'_>| {};
        calls.feed(at, piece, &mut sink).unwrap();
        assert!(calls.close_all(&mut sink).is_err());
    }
}
