//! The input of a tool call on its way into `input_json_delta` events.
//!
//! The protocol demands a JSON object, and clients parse the pieces once the block ends. In a
//! stream, text that begins as an object is passed on as it comes (case 55), and what has been
//! passed on cannot be taken back: a call whose input turns out to be no object is a broken answer
//! (case 30). Everything else is held until the end, because it has to be wrapped; so is all of a
//! whole answer, where the text can still be kept under [`RAW_INPUT`]. Nothing is ever repaired.

use std::borrow::Cow;

use super::blocks::RAW_INPUT;
use crate::syntax::Syntax;

/// The member that holds the text of a tool that takes free text.
const CUSTOM_INPUT: &str = "input";

/// What an input is that is no object.
const KEPT: &str = "the input was no JSON object; it is kept as text under `_raw`";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing but space so far.
    Empty,
    /// Inside the object.
    Object,
    /// The object has closed.
    Closed,
    /// No object, or a whole answer: the text is held.
    Held,
}

/// What is wrong with an input that has been passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    /// It ends before its object does, as when the model had to stop.
    Cut,
    /// It is not JSON, or goes on behind its object.
    Malformed,
}

/// How the input ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ending {
    /// The last piece, if one is owed.
    pub(super) piece: Option<String>,
    /// What is not as the model wrote it, for a report.
    pub(super) changed: Option<&'static str>,
    /// What is wrong with what has been passed on.
    pub(super) broken: Option<Broken>,
}

impl Ending {
    const fn of(piece: Option<String>) -> Self {
        Self {
            piece,
            changed: None,
            broken: None,
        }
    }
}

/// Follows one tool call's input.
#[derive(Clone, Debug)]
pub(super) struct Input {
    state: State,
    syntax: Syntax,
    surplus: bool,
    free_text: bool,
    held: String,
}

impl Input {
    /// The input of a stream; `free_text` for a tool whose input is no JSON at all.
    pub(super) fn new(free_text: bool) -> Self {
        Self {
            state: if free_text { State::Held } else { State::Empty },
            syntax: Syntax::default(),
            surplus: false,
            free_text,
            held: String::new(),
        }
    }

    /// The input of a whole answer.
    pub(super) fn whole(free_text: bool) -> Self {
        Self {
            state: State::Held,
            ..Self::new(free_text)
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
        if self.syntax.broken() {
            return Some(Cow::Borrowed(text));
        }
        let end = match self.syntax.close(text) {
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
        match self.state {
            State::Empty => Ending::of(Some("{}".to_owned())),
            State::Held if self.free_text => Ending::of(Some(wrapped(CUSTOM_INPUT, &held))),
            State::Held => Self::finish_held(held),
            State::Object | State::Closed => {
                let broken = match self.state {
                    _ if self.syntax.broken() || self.surplus => Some(Broken::Malformed),
                    State::Object => Some(Broken::Cut),
                    _ => None,
                };
                Ending {
                    broken,
                    ..Ending::of(None)
                }
            }
        }
    }

    fn finish_held(held: String) -> Ending {
        let text = held.trim();
        if matches!(text, "" | "null") {
            return Ending::of(Some("{}".to_owned()));
        }
        if Syntax::default().close(text) == Some(text.len()) {
            return Ending::of(Some(held));
        }
        Ending {
            changed: Some(KEPT),
            ..Ending::of(Some(wrapped(RAW_INPUT, &held)))
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
            assert!(closed && ending.changed.is_none() && ending.broken.is_none());
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
    fn what_was_passed_on_and_is_no_object_is_told() {
        for (pieces, passed, broken) in [
            (
                &[r#"{"a":1}{"b":2}"#, " tail"][..],
                r#"{"a":1}"#,
                Some(Broken::Malformed),
            ),
            (&["{\"a\":", "x}"], "{\"a\":x}", Some(Broken::Malformed)),
            (&["{\"a\":x", "y"], "{\"a\":xy", Some(Broken::Malformed)),
            (&[r#"{"a":"#], r#"{"a":"#, Some(Broken::Cut)),
            (&["{} ", "\n"], "{}", None),
        ] {
            let (out, _, ending) = fed(pieces);
            assert_eq!((out.as_str(), ending.broken), (passed, broken));
            assert_eq!(ending.changed, None);
        }
    }

    #[test]
    fn a_whole_input_is_kept_as_it_is_or_as_text() {
        for (given, kept, changed) in [
            (r#" {"a":1.0} "#, r#" {"a":1.0} "#, false),
            ("", "{}", false),
            ("null", "{}", false),
            (
                r#"{"x":1}{"y":2}"#,
                r#"{"_raw":"{\"x\":1}{\"y\":2}"}"#,
                true,
            ),
            (r#"{"x":"#, r#"{"_raw":"{\"x\":"}"#, true),
            ("[1]", r#"{"_raw":"[1]"}"#, true),
        ] {
            let mut input = Input::whole(false);
            assert_eq!(input.push(given), None);
            let ending = input.finish();
            assert_eq!(ending.piece.as_deref(), Some(kept));
            assert_eq!((ending.changed.is_some(), ending.broken), (changed, None));
        }
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
