//! What the frames of a forwarded stream show, without reading them.
//!
//! Frames are told apart by their event name or a search for a few words. Parsed are only those
//! that carry usage or have the word `error`, and a Chat stream's first ones: until a chunk says
//! something, each is looked through for it.

use memchr::memmem;
use proxai_json::{Container, Doc, Span};
use proxai_sse::Frame;
use proxai_types::{Protocol, Usage};

use crate::answer::usage;

/// What the frames so far have shown.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Chat: there was a chunk, so `[DONE]` can be the end of something.
    pub(crate) any_chunk: bool,
    /// Chat: a chunk has said something.
    pub(crate) said: bool,
    /// Chat: a choice has finished, so a missing `[DONE]` is an omission and no cut.
    pub(crate) finished: bool,
    /// Messages: the index of the open block, as text.
    pub(crate) open_block: Option<Box<[u8]>>,
    /// Responses: the data of the event that began the stream.
    pub(crate) head: Option<Box<[u8]>>,
    /// Responses: the latest sequence number.
    pub(crate) sequence: u64,
    pub(crate) usage: Option<Usage>,
    pub(crate) call_open: bool,
    pub(crate) call_deltas: u64,
    /// The code of the error with which the stream ended, the upstream's or ours.
    pub(crate) error: Option<Box<str>>,
    /// Chat: the client did not ask what it costs, so a frame that tells nothing else is not for
    /// it (T10).
    pub(crate) withhold_usage: bool,
}

/// What one frame means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// Nothing to an application, or not more than that an answer is being made.
    Prelude,
    /// For nobody but the account.
    Withheld,
    Event,
    Terminal,
    Error,
}

impl Seen {
    /// Notes what a frame shows.
    pub(crate) fn note(&mut self, protocol: Protocol, frame: &Frame) -> Meaning {
        if frame.is_comment() {
            return Meaning::Prelude;
        }
        match protocol {
            Protocol::Chat => self.chat(frame),
            Protocol::Responses => self.responses(frame),
            Protocol::Messages => self.messages(frame),
        }
    }

    fn chat(&mut self, frame: &Frame) -> Meaning {
        if frame.is_done() {
            return Meaning::Terminal;
        }
        let data = frame.data();
        if frame.event() == Some("error") || has_error(data) {
            return Meaning::Error;
        }
        self.any_chunk = true;
        if let Some(at) = memmem::find(data, b"\"finish_reason\"")
            && is_text(&data[at + 15..])
        {
            self.finished = true;
            self.call_open = false;
        }
        if let Some(at) = memmem::find(data, b"\"tool_calls\"")
            && value_begins_with(&data[at + 12..], b'[')
        {
            self.call_open = !self.finished;
            self.call_deltas += 1;
        }
        if let Some(at) = memmem::rfind(data, b"\"usage\"")
            && value_begins_with(&data[at + 7..], b'{')
        {
            self.add_usage(data);
            if self.withhold_usage && has_no_choice(data) {
                return Meaning::Withheld;
            }
        }
        if !self.said && says_nothing(data) {
            return Meaning::Prelude;
        }
        self.said = true;
        Meaning::Event
    }

    fn responses(&mut self, frame: &Frame) -> Meaning {
        let data = frame.data();
        let Some(name) = frame.event().or_else(|| type_of(data)) else {
            return if frame.is_done() {
                Meaning::Prelude
            } else {
                Meaning::Event
            };
        };
        if let Some(number) = number_behind(data, b"\"sequence_number\"") {
            self.sequence = number;
        }
        match name {
            "response.created" => {
                self.head = Some(data.into());
                Meaning::Prelude
            }
            "response.in_progress" | "response.queued" => Meaning::Prelude,
            "response.completed" | "response.incomplete" => {
                self.add_usage(data);
                Meaning::Terminal
            }
            "response.failed" | "error" => Meaning::Error,
            "response.output_item.added" => {
                self.call_open = memmem::find(data, b"_call\"").is_some();
                self.call_deltas += 1;
                Meaning::Event
            }
            "response.output_item.done" => {
                self.call_open = false;
                Meaning::Event
            }
            _ => {
                if name.ends_with("arguments.delta") || name.ends_with("input.delta") {
                    self.call_deltas += 1;
                } else if name.ends_with("arguments.done") || name.ends_with("input.done") {
                    self.call_open = false;
                }
                Meaning::Event
            }
        }
    }

    fn messages(&mut self, frame: &Frame) -> Meaning {
        let data = frame.data();
        match frame.event().or_else(|| type_of(data)) {
            // Another protocol's end (case 8).
            None if frame.is_done() => Meaning::Withheld,
            Some("ping") => Meaning::Prelude,
            Some("message_start") => {
                self.add_usage(data);
                Meaning::Prelude
            }
            Some("message_stop") => Meaning::Terminal,
            Some("error") => Meaning::Error,
            Some("content_block_start") => {
                self.open_block = number_behind(data, b"\"index\"")
                    .map(|index| index.to_string().into_bytes().into());
                // Hosted tools run at the vendor: their silence is work and no stall.
                self.call_open = memmem::find(data, b"\"tool_use\"").is_some();
                self.call_deltas += 1;
                Meaning::Event
            }
            Some("content_block_delta") => {
                self.call_deltas += 1;
                Meaning::Event
            }
            Some("content_block_stop") => {
                self.open_block = None;
                self.call_open = false;
                Meaning::Event
            }
            Some("message_delta") => {
                self.add_usage(data);
                Meaning::Event
            }
            _ => Meaning::Event,
        }
    }

    fn add_usage(&mut self, data: &[u8]) {
        if let Some(usage) = usage::last_in(data) {
            self.usage.get_or_insert_with(Usage::default).merge(&usage);
        }
    }
}

/// Whether a chunk tells an error, alone or beside a choice that ends with it, as routers write it
/// (<https://openrouter.ai/docs/api/reference/errors-and-debugging>, 2026-11).
fn has_error(data: &[u8]) -> bool {
    // Inside of a text the quotes are escaped, so few other chunks have the word.
    if memmem::find(data, b"\"error\"").is_none() {
        return false;
    }
    let Ok(chunk) = Doc::scan(data) else {
        return begins_with_error(data);
    };
    let told = |key: &str| chunk.get(key).filter(|value| !is_nothing(value.of(data)));
    told("error").is_some() || calls_itself_error(&chunk) && told("choices").is_none()
}

/// Whether a body says so itself, as vLLM's do.
pub(crate) fn calls_itself_error(body: &Doc<'_>) -> bool {
    body.get("object")
        .is_some_and(|object| object.of(body.body) == b"\"error\"")
}

/// The same for what is no JSON.
fn begins_with_error(data: &[u8]) -> bool {
    let begin = data.trim_ascii_start();
    let Some(rest) = begin.strip_prefix(b"{") else {
        return false;
    };
    let Some(behind) = rest.trim_ascii_start().strip_prefix(b"\"error\"") else {
        return false;
    };
    !value_begins_with(behind, b'n')
}

/// Whether a value stands for its absence.
pub(crate) fn is_nothing(value: &[u8]) -> bool {
    matches!(value, b"null" | b"\"\"" | b"{}" | b"[]" | b"false")
}

/// Whether a chunk tells no more than that an answer begins: a role, empty texts, nothing.
///
/// What tells of the answer as a whole, such as the verdict of a filter on the prompt, is not
/// looked at. A frame without choices is no chunk and may mean anything.
fn says_nothing(data: &[u8]) -> bool {
    let Ok(chunk) = Doc::scan(data) else {
        return false;
    };
    let silent = |choice: Span| {
        each_member(data, choice, |key, value| match key {
            b"\"index\"" => true,
            b"\"delta\"" | b"\"message\"" => {
                is_nothing(value.of(data))
                    || each_member(data, value, |key, value| {
                        key == b"\"role\"" || is_nothing(value.of(data))
                    })
            }
            _ => is_nothing(value.of(data)),
        })
    };
    match chunk.get("choices") {
        None => false,
        Some(choices) if is_nothing(choices.of(data)) => true,
        Some(choices) => {
            choices.kind(data) == b'['
                && Container::scan(data, choices)
                    .is_ok_and(|list| list.items.iter().all(|choice| silent(choice.value)))
        }
    }
}

/// Whether `holds` is true of each member of the object there, and it is one.
fn each_member(data: &[u8], object: Span, holds: impl Fn(&[u8], Span) -> bool) -> bool {
    object.kind(data) == b'{'
        && Container::scan(data, object).is_ok_and(|object| {
            object
                .items
                .iter()
                .all(|item| item.key.is_some_and(|key| holds(key.of(data), item.value)))
        })
}

/// Whether a chunk has nothing for a reader of the answer.
fn has_no_choice(data: &[u8]) -> bool {
    let Ok(chunk) = Doc::scan(data) else {
        return false;
    };
    match chunk.get("choices") {
        None => true,
        Some(choices) if choices.of(data) == b"null" => true,
        Some(_) => chunk
            .child("choices")
            .is_some_and(|choices| choices.items.is_empty()),
    }
}

fn value_begins_with(behind_key: &[u8], byte: u8) -> bool {
    behind_key
        .iter()
        .find(|byte| !matches!(byte, b':' | b' '))
        .is_some_and(|found| *found == byte)
}

/// Whether what stands behind a key is a text and not an empty one.
fn is_text(behind_key: &[u8]) -> bool {
    let mut value = behind_key
        .iter()
        .skip_while(|byte| matches!(byte, b':' | b' '));
    value.next() == Some(&b'"') && value.next() != Some(&b'"')
}

/// The value of the first `type` member; it comes first in what both vendors send.
fn type_of(data: &[u8]) -> Option<&str> {
    let at = memmem::find(data, b"\"type\"")? + 6;
    let rest = data.get(at..)?;
    let open = rest.iter().position(|byte| *byte == b'"')? + 1;
    let close = memchr::memchr(b'"', &rest[open..])? + open;
    std::str::from_utf8(&rest[open..close]).ok()
}

fn number_behind(data: &[u8], key: &[u8]) -> Option<u64> {
    let at = memmem::find(data, key)? + key.len();
    let digits = data.get(at..)?;
    let start = digits.iter().position(u8::is_ascii_digit)?;
    let mut number = 0_u64;
    for digit in digits[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
    {
        number = number
            .checked_mul(10)?
            .checked_add(u64::from(digit - b'0'))?;
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Case 12.
    #[test]
    fn a_chunk_that_only_begins_says_nothing_and_any_other_does() {
        for data in [
            r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#,
            r#"{"choices":[{"index":0,"delta":{"role":"assistant"}}],"usage":{"prompt_tokens":3}}"#,
            r#"{"id":"c","choices":[{"delta":{},"finish_reason":""},{"index":1,"delta":null}]}"#,
            r#"{"choices":[{"content_filter_results":{},"delta":{"content":"","refusal":null,"role":"assistant","tool_calls":[]},"logprobs":null}]}"#,
            r#"{"choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#,
            r#"{"choices":null}"#,
        ] {
            assert!(says_nothing(data.as_bytes()), "{data}");
        }
        for data in [
            r#"{"choices":[{"delta":{"role":"assistant","content":" "}}]}"#,
            r#"{"choices":[{"delta":{"role":"assistant","reasoning_content":"hm"}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0}]}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
            r#"{"choices":[{"delta":{}},{"index":1,"text":"a"}]}"#,
            r#"{"choices":[{"delta":"a"}]}"#,
            r#"{"choices":["a"]}"#,
            r#"{"choices":7}"#,
            r#"{"status":"searching"}"#,
            "searching",
        ] {
            assert!(!says_nothing(data.as_bytes()), "{data}");
        }
    }

    /// Cases 10 and 12.
    #[test]
    fn an_error_is_seen_wherever_in_a_chunk_it_stands() {
        for data in [
            r#"{"error":{"message":"no"}}"#,
            r#"{"id":"c","choices":[{"delta":{"content":""},"finish_reason":"error"}],"error":{"message":"no","code":429}}"#,
            r#"{"choices":[], "error" : "no"}"#,
            r#"{"error":{"message":"no"#,
            r#"{"object":"error","message":"no"}"#,
        ] {
            assert!(has_error(data.as_bytes()), "{data}");
        }
        for data in [
            r#"{"choices":[{"delta":{"content":"{\"error\":1}"}}]}"#,
            r#"{"choices":[{"delta":{"content":"error"}}],"error":null}"#,
            r#"{"error":{},"choices":[]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"function":{"name":"error"}}]}}]}"#,
            r#"{"choices":[{"error":{"message":"x"}}]}"#,
            "error",
        ] {
            assert!(!has_error(data.as_bytes()), "{data}");
        }
    }
}
