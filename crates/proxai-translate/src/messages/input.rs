//! The input of a tool call on its way into `input_json_delta` events.
//!
//! The protocol demands a JSON object, and clients parse the pieces once the block ends. Text that
//! begins as an object is passed on as it comes (case 55); everything else is held until the end,
//! because it has to be wrapped (case 30). Once the object has closed the call is complete, whatever
//! the upstream still says about it.

use std::borrow::Cow;

use super::blocks::RAW_INPUT;
use crate::nesting::Nesting;

/// The member that holds the text of a tool that takes free text.
const CUSTOM_INPUT: &str = "input";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing but space so far.
    Empty,
    /// Inside the object.
    Object,
    /// The object has closed.
    Closed,
    /// No object: the text is held.
    Held,
}

/// How the input ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    /// The last piece, if one is owed.
    pub(super) piece: Option<String>,
    /// What is not as the model wrote it, for a report.
    pub(super) changed: Option<&'static str>,
}

/// Follows one tool call's input.
#[derive(Clone, Debug)]
pub(super) struct Input {
    state: State,
    nesting: Nesting,
    surplus: bool,
    free_text: bool,
    held: String,
}

impl Input {
    /// `free_text` for a tool whose input is no JSON at all.
    pub(super) fn new(free_text: bool) -> Self {
        Self {
            state: if free_text { State::Held } else { State::Empty },
            nesting: Nesting::default(),
            surplus: false,
            free_text,
            held: String::new(),
        }
    }

    /// Whether the object has closed.
    pub(super) fn closed(&self) -> bool {
        self.state == State::Closed
    }

    /// How many bytes are held.
    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    /// Takes the next piece; what comes back is to be passed on now.
    pub(super) fn push<'t>(&mut self, text: &'t str) -> Option<Cow<'t, str>> {
        let text = match self.state {
            State::Empty => {
                let text = text.trim_start();
                match text.bytes().next() {
                    None => return None,
                    Some(b'{') => self.state = State::Object,
                    Some(_) => {
                        self.state = State::Held;
                        self.held.push_str(text);
                        return None;
                    }
                }
                text
            }
            State::Object => text,
            State::Held => {
                self.held.push_str(text);
                return None;
            }
            State::Closed => {
                self.surplus |= !text.trim().is_empty();
                return None;
            }
        };
        let end = match self.nesting.close(text) {
            Some(end) => {
                self.state = State::Closed;
                end
            }
            None => text.len(),
        };
        self.surplus |= !text[end..].trim().is_empty();
        (end > 0).then(|| Cow::Borrowed(&text[..end]))
    }

    /// The call ended.
    pub(super) fn finish(&mut self) -> Ending {
        let held = std::mem::take(&mut self.held);
        let empty = || Some("{}".to_owned());
        match self.state {
            State::Empty => Ending {
                piece: empty(),
                changed: None,
            },
            State::Held if !self.free_text && held.trim() == "null" => Ending {
                piece: empty(),
                changed: None,
            },
            State::Held => Ending {
                piece: Some(wrapped(
                    if self.free_text {
                        CUSTOM_INPUT
                    } else {
                        RAW_INPUT
                    },
                    &held,
                )),
                changed: (!self.free_text)
                    .then_some("the input was no JSON object; it is kept as text under `_raw`"),
            },
            State::Object => Ending {
                piece: None,
                changed: Some("the input ends in the middle of its JSON object"),
            },
            State::Closed => Ending {
                piece: None,
                changed: self
                    .surplus
                    .then_some("text behind the JSON object of the input was left out"),
            },
        }
    }
}

/// An object with one member that holds `text`.
pub(super) fn wrapped(member: &str, text: &str) -> String {
    format!(r#"{{"{member}":{}}}"#, proxai_json::to_string(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(pieces: &[&str]) -> (String, bool, Ending) {
        let mut input = Input::new(false);
        let mut out = String::new();
        for piece in pieces {
            if let Some(now) = input.push(piece) {
                out.push_str(&now);
            }
        }
        let closed = input.closed();
        let ending = input.finish();
        out.push_str(ending.piece.as_deref().unwrap_or_default());
        (out, closed, ending)
    }

    #[test]
    fn an_object_is_passed_on_at_every_split() {
        let text = r#"{"a":"}\"{\\","b":[1,{"c":2}]}"#;
        for at in 0..=text.len() {
            let (out, closed, ending) = fed(&[&text[..at], &text[at..]]);
            assert_eq!(out, text);
            assert!(closed && ending.changed.is_none());
        }
    }

    #[test]
    fn nothing_and_null_are_an_empty_object() {
        for pieces in [&[][..], &[""], &[" ", "\n"], &["nu", "ll"]] {
            assert_eq!(fed(pieces).0, "{}");
        }
    }

    #[test]
    fn what_is_no_object_is_kept_as_text() {
        let (out, _, ending) = fed(&["oops \"", "x"]);
        assert_eq!(out, r#"{"_raw":"oops \"x"}"#);
        assert!(ending.changed.is_some());
        assert_eq!(fed(&["[1]"]).0, r#"{"_raw":"[1]"}"#);
    }

    #[test]
    fn surplus_behind_the_object_is_left_out_and_told() {
        let (out, _, ending) = fed(&[r#"{"a":1}{"b":2}"#, " tail"]);
        assert_eq!(out, r#"{"a":1}"#);
        assert!(ending.changed.is_some());
        assert!(fed(&["{} ", "\n"]).2.changed.is_none());
    }

    #[test]
    fn a_cut_object_is_told() {
        let (out, closed, ending) = fed(&[r#"{"a":"#]);
        assert_eq!(out, r#"{"a":"#);
        assert!(!closed && ending.changed.is_some());
    }

    #[test]
    fn free_text_is_wrapped_as_it_is() {
        let mut input = Input::new(true);
        assert_eq!(input.push("{\"a\":1}"), None);
        assert_eq!(
            input.finish().piece.as_deref(),
            Some(r#"{"input":"{\"a\":1}"}"#)
        );
    }
}
