//! What the frames of a forwarded stream show, without reading them.
//!
//! Frames are told apart by their event name or a search for a few words; nothing is parsed but
//! the frames that carry usage, and those once.

use memchr::memmem;
use proxai_json::Doc;
use proxai_sse::Frame;
use proxai_types::{Protocol, Usage};

use crate::answer::usage;

/// What the frames so far have shown.
#[derive(Debug, Default)]
pub(crate) struct Seen {
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
        if frame.event() == Some("error") || is_error(data) {
            return Meaning::Error;
        }
        if let Some(at) = memmem::find(data, b"\"finish_reason\"")
            && value_begins_with(&data[at + 15..], b'"')
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

/// Whether data is an error object and not an answer that merely has such a member.
fn is_error(data: &[u8]) -> bool {
    let begin = data.trim_ascii_start();
    let Some(rest) = begin.strip_prefix(b"{") else {
        return false;
    };
    let Some(behind) = rest.trim_ascii_start().strip_prefix(b"\"error\"") else {
        return false;
    };
    !value_begins_with(behind, b'n')
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
