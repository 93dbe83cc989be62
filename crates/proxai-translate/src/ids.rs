//! Ids with the right prefix for each dialect (T12).
//!
//! An id is made from the upstream's by exchanging the prefix, so that JSON and stream give the
//! same one and logs of both sides can be joined. The id of an item is that of the answer with
//! the item's index.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt::Write as _;

use proxai_ir::{Content, Part};
use proxai_json::Str;

/// Prefixes that upstreams put before the random part of an answer's id.
const PREFIXES: [&str; 5] = ["chatcmpl-", "resp_", "msg_", "gen-", "cmpl-"];

/// The answer's id for a client: `prefix` and the random part of the upstream's id, or `fallback`
/// if that is empty. Characters outside `[A-Za-z0-9_-]` become `_`.
pub fn answer(prefix: &str, upstream: &str, fallback: &str) -> String {
    let bare = PREFIXES
        .iter()
        .find_map(|known| upstream.strip_prefix(known))
        .unwrap_or(upstream);
    let bare = if bare.is_empty() { fallback } else { bare };
    let mut id = String::with_capacity(prefix.len() + bare.len());
    id.push_str(prefix);
    id.extend(bare.chars().map(legal));
    id
}

/// The id of an item of that answer.
pub fn item(prefix: &str, answer: &str, index: usize) -> String {
    let bare = answer.split_once('_').map_or(answer, |(_, bare)| bare);
    format!("{prefix}{bare}_{index}")
}

/// Most characters a call id may have; OpenAI refuses longer ones.
const MAX_CALL_ID: usize = 64;

/// What an id begins with in which illegal bytes are spelled out.
const SPELLED: &str = "px_";

/// A call id that everybody takes: `[A-Za-z0-9_-]`, at most 64 characters. The same id always gives
/// the same one, so a call and its result still meet. What is illegal is spelled out, `_` and two
/// hex digits a byte, so that [`original`] can give it back to an upstream whose model minds the
/// form of its ids (case 43); what is too long for that gets a hash.
pub fn call(id: &str) -> Cow<'_, str> {
    let fits = id.len() <= MAX_CALL_ID && !id.is_empty();
    if fits && id.chars().all(|c| legal(c) == c) {
        return Cow::Borrowed(id);
    }
    if let Some(spelled) = spelled(id) {
        return Cow::Owned(spelled);
    }
    let mut legal_id: String = id.chars().map(legal).take(MAX_CALL_ID - 17).collect();
    legal_id.push('_');
    let sum = crate::seal::checksum(id.as_bytes());
    write!(legal_id, "{sum:016x}").expect("a String takes any text");
    Cow::Owned(legal_id)
}

/// A call id for an upstream that takes any characters: what [`call`] spelled out as it was.
pub fn original(id: &str) -> Cow<'_, str> {
    if let Some(read) = read(id) {
        return Cow::Owned(read);
    }
    if id.is_empty() || id.len() > MAX_CALL_ID {
        return call(id);
    }
    Cow::Borrowed(id)
}

/// `None` if there is nothing to spell or the result would be too long.
fn spelled(id: &str) -> Option<String> {
    if id.is_empty() || id.len() > MAX_CALL_ID {
        return None;
    }
    let mut text = String::with_capacity(MAX_CALL_ID);
    text.push_str(SPELLED);
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            text.push(char::from(byte));
        } else {
            write!(text, "_{byte:02x}").expect("a String takes any text");
        }
    }
    (text.len() <= MAX_CALL_ID).then_some(text)
}

/// The id that was spelled out like this; `None` for one that [`call`] never gave.
fn read(text: &str) -> Option<String> {
    let mut rest = text.strip_prefix(SPELLED)?.bytes();
    let mut id = Vec::with_capacity(text.len());
    while let Some(byte) = rest.next() {
        if byte != b'_' {
            id.push(byte);
            continue;
        }
        let mut digit = || char::from(rest.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        id.push(u8::try_from(high * 16 + low).ok()?);
    }
    let id = String::from_utf8(id).ok()?;
    (call(&id) == text && id != text).then_some(id)
}

/// The ids of an answer's calls so far. Two calls must not share one, or a client would take the
/// result of the one for that of the other. The first keeps it; whoever writes the answer makes
/// one for a call that has none, which is not held against ids that are still to come: an upstream
/// that repeats an id and gives another in the very form of the made ones is not guarded against.
#[derive(Debug, Default)]
pub(crate) struct Given(HashSet<Box<str>>);

impl Given {
    /// The id of the next call, empty if a call before has it.
    pub(crate) fn once<'a>(&mut self, id: Str<'a>) -> Str<'a> {
        if id.is_empty() || self.0.insert(id.as_str().into()) {
            id
        } else {
            Str::default()
        }
    }
}

/// The same for a whole answer.
pub(crate) fn make_distinct(parts: &mut [Part<'_>]) {
    let mut given = Given::default();
    for part in parts {
        if let Content::ToolCall(call) = &mut part.content {
            call.id = given.once(std::mem::take(&mut call.id));
        }
    }
}

fn legal(c: char) -> char {
    if c.is_ascii_alphanumeric() || c == '_' || c == '-' {
        c
    } else {
        '_'
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_random_part_survives_a_change_of_dialect() {
        assert_eq!(answer("msg_", "chatcmpl-a1", "x"), "msg_a1");
        assert_eq!(answer("resp_", "msg_01", "x"), "resp_01");
        assert_eq!(answer("msg_", "", "x"), "msg_x");
        assert_eq!(answer("msg_", "a:b", "x"), "msg_a_b");
        assert_eq!(item("fc_", "resp_01", 2), "fc_01_2");
    }

    #[test]
    fn the_first_of_two_calls_with_one_id_keeps_it() {
        let mut given = Given::default();
        let ids = ["a", "", "b", "a", "", "a"].map(|id| given.once(id.into()));
        assert_eq!(ids, ["a", "", "b", "", "", ""]);
    }

    #[test]
    fn illegal_call_ids_are_changed_alike_and_stay_apart() {
        assert_eq!(call("toolu_01"), "toolu_01");
        let long = "x".repeat(90);
        for id in ["functions.Bash:0", "", long.as_str()] {
            let changed = call(id);
            assert!(
                changed.len() <= 64 && changed.chars().all(|c| legal(c) == c),
                "{changed}"
            );
            assert_eq!(changed, call(id));
        }
        assert_ne!(call("a.b"), call("a:b"));
    }

    #[test]
    fn an_id_that_was_spelled_out_goes_back_as_it_was() {
        assert_eq!(call("functions.Bash:0"), "px_functions_2eBash_3a0");
        let longest = ".".repeat(20);
        for id in ["functions.Bash:0", "a b", "\u{e9}_-", ".", longest.as_str()] {
            assert_eq!(original(&call(id)), id);
            assert_eq!(call(&call(id)), call(id), "{id}");
        }
        // None of these is one that was given: upper case, nothing illegal in it, cut, no text.
        for own in [
            "px_a_2Eb", "px_ab", "px_a_5fb", "px_a_2", "px_a_ff", "px_", "call_1",
        ] {
            assert_eq!(original(own), own);
        }
        let too_long = ".".repeat(21);
        assert_eq!(original(&call(&too_long)), call(&too_long));
        assert_eq!(original(""), call(""));
        assert_eq!(original("functions.Bash:0"), "functions.Bash:0");
    }
}
