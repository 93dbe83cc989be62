//! Watches a stream that is forwarded within one protocol, and ends it properly if it is cut.
//!
//! Well-formed frames leave as they came (T1): a chunk that holds only whole ones leaves as that
//! very chunk. Three things are changed, none of which a conforming upstream meets: malformed
//! frames are written anew (P10), a frame is held back until it is whole, and a stream that ends
//! without its terminal event gets the error that the dialect has for it (S1, S3).
//!
//! Frames are told apart by their event name or a search for a few words; nothing is parsed but
//! the frames that carry usage, and those once. Nothing keeps a slice of a chunk for longer than
//! the call, so the connection can use its buffer again.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use memchr::memmem;
use proxai_ir::{Failure, FailureKind};
use proxai_json::Doc;
use proxai_sse::{Decoder, Frame, encode};
use proxai_types::{Protocol, Usage};
use smallvec::SmallVec;

use crate::ending;
use crate::output::Output;
use crate::usage;

/// A stream within one protocol.
#[derive(Debug)]
pub(crate) struct Tap {
    protocol: Protocol,
    frames: Decoder,
    state: State,
    request_id: Arc<str>,
    seen: Seen,
}

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
    /// The stream ended with an error, the upstream's or ours.
    pub(crate) failed: bool,
}

#[derive(Debug)]
enum State {
    /// Nothing that a client could use so far; a failure can still be a status.
    Waiting,
    /// An error came first.
    Refused(Failure),
    Streaming,
    /// The terminal event or an error has passed.
    Ended,
}

/// What one frame means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// Nothing to an application, or not more than that an answer is being made.
    Prelude,
    Event,
    Terminal,
    Error,
}

impl Tap {
    pub(crate) fn new(protocol: Protocol, max_event: usize, request_id: Arc<str>) -> Self {
        Self {
            protocol,
            frames: Decoder::with_max_frame(max_event),
            state: State::Waiting,
            request_id,
            seen: Seen::default(),
        }
    }

    /// The next chunk of the upstream.
    pub(crate) fn push(&mut self, chunk: Bytes, out: &mut Output) {
        let starts_clean = self.frames.buffered() == 0;
        self.frames.push(chunk.clone());
        let mut untouched = 0;
        let mut pieces: SmallVec<[Bytes; 4]> = SmallVec::new();
        let mut failure = None;
        loop {
            match self.frames.next_frame() {
                Ok(Some(frame)) => {
                    let passes = self.passes(&frame);
                    if passes && frame.well_formed() {
                        untouched += frame.raw().len();
                        pieces.push(frame.raw().clone());
                    } else if passes {
                        let mut anew = BytesMut::new();
                        encode::canonical(&frame, &mut anew);
                        pieces.push(anew.freeze());
                    }
                }
                Ok(None) => break,
                Err(oversized) => {
                    failure = Some(
                        Failure::new(FailureKind::BadUpstream, oversized.to_string())
                            .with_code("upstream_event_too_large"),
                    );
                    break;
                }
            }
        }
        let blank = self.frames.take_blank_lines();
        untouched += blank.len();
        if starts_clean && untouched == chunk.len() {
            out.put(chunk);
        } else {
            pieces.into_iter().for_each(|piece| out.put(piece));
            out.put(blank);
        }
        if let Some(failure) = failure {
            self.fail(failure, out);
        }
    }

    /// The upstream's body ended. Returns whether it ended too early.
    pub(crate) fn end(&mut self, out: &mut Output) -> bool {
        while let Ok(Some(frame)) = self.frames.finish() {
            // Without its blank line a frame may be half a frame; whole JSON tells.
            let whole = frame.well_formed()
                || frame.is_done()
                || frame.is_comment()
                || Doc::scan(frame.data()).is_ok();
            if whole && self.passes(&frame) {
                encode::canonical(&frame, out.buffer());
            }
        }
        out.put(self.frames.take_blank_lines());
        match self.state {
            State::Ended | State::Refused(_) => return false,
            State::Waiting | State::Streaming => {}
        }
        if self.protocol == Protocol::Chat && self.seen.finished {
            out.put(Bytes::from_static(encode::DONE));
            self.state = State::Ended;
            return false;
        }
        self.fail(
            Failure::new(
                FailureKind::BadUpstream,
                "the upstream closed the stream before the end of its answer",
            )
            .with_code("upstream_stream_cut"),
            out,
        );
        true
    }

    /// Ends the stream with an error that the gateway found.
    pub(crate) fn fail(&mut self, failure: Failure, out: &mut Output) {
        self.seen.failed |= !self.ended();
        match self.state {
            State::Ended | State::Refused(_) => {}
            State::Waiting => self.state = State::Refused(failure),
            State::Streaming => {
                ending::failure(
                    self.protocol,
                    &self.seen,
                    &failure,
                    &self.request_id,
                    out.buffer(),
                );
                self.state = State::Ended;
            }
        }
    }

    /// Tells the client that the stream lives (S4).
    pub(crate) fn keepalive(&mut self, out: &mut Output) {
        match self.state {
            State::Ended | State::Refused(_) => return,
            State::Waiting | State::Streaming => self.state = State::Streaming,
        }
        ending::keepalive(self.protocol, &self.seen, out.buffer());
    }

    pub(crate) const fn started(&self) -> bool {
        matches!(self.state, State::Streaming | State::Ended)
    }

    pub(crate) const fn ended(&self) -> bool {
        matches!(self.state, State::Ended | State::Refused(_))
    }

    pub(crate) const fn failed(&self) -> bool {
        self.seen.failed
    }

    pub(crate) const fn refused(&self) -> Option<&Failure> {
        match &self.state {
            State::Refused(failure) => Some(failure),
            _ => None,
        }
    }

    pub(crate) const fn usage(&self) -> Option<Usage> {
        self.seen.usage
    }

    pub(crate) const fn open_tool_call(&self) -> Option<u64> {
        if self.seen.call_open {
            Some(self.seen.call_deltas)
        } else {
            None
        }
    }

    /// Notes what a frame shows, and whether it goes to the client.
    fn passes(&mut self, frame: &Frame) -> bool {
        let meaning = if frame.is_comment() {
            Meaning::Prelude
        } else {
            match self.protocol {
                Protocol::Chat => self.seen.chat(frame),
                Protocol::Responses => self.seen.responses(frame),
                Protocol::Messages => self.seen.messages(frame),
            }
        };
        let before_end = matches!(self.state, State::Waiting | State::Streaming);
        self.seen.failed |= before_end && meaning == Meaning::Error;
        match (&self.state, meaning) {
            (State::Refused(_), _) => return false,
            // A repeated end is no second end.
            (State::Ended, Meaning::Terminal) if frame.is_done() => return false,
            (State::Ended, _) | (_, Meaning::Prelude) => {}
            (State::Waiting, Meaning::Error) => {
                let mut failure =
                    proxai_translate::decode_failure(self.protocol, 200, frame.data());
                // There is no status in a stream; the kind has one.
                failure.status = failure.status.filter(|status| *status >= 400);
                self.state = State::Refused(failure);
                return false;
            }
            (_, Meaning::Terminal | Meaning::Error) => self.state = State::Ended,
            (State::Waiting | State::Streaming, Meaning::Event) => self.state = State::Streaming,
        }
        true
    }
}

impl Seen {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn tap(protocol: Protocol) -> Tap {
        Tap::new(protocol, 1 << 20, "req_1".into())
    }

    /// Feeds a stream in pieces of `size` and returns what the client gets.
    fn forwarded(protocol: Protocol, stream: &[u8], size: usize) -> (Tap, String) {
        let mut tap = tap(protocol);
        let mut out = Output::default();
        let mut got = Vec::new();
        for piece in stream.chunks(size) {
            tap.push(Bytes::copy_from_slice(piece), &mut out);
            while let Some(bytes) = out.take() {
                got.extend_from_slice(&bytes);
            }
        }
        tap.end(&mut out);
        while let Some(bytes) = out.take() {
            got.extend_from_slice(&bytes);
        }
        (tap, String::from_utf8(got).unwrap())
    }

    const CHAT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"h\u{e9}\"},\"finish_reason\":null}]}\r\n\r\n\
        : note\n\ndata:{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
        data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n\ndata: [DONE]\n\n\n";
    const MESSAGES: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n\n\
        event: ping\ndata: {\"type\":\"ping\"}\n\n\
        event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\"}}\n\n\
        event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0}\n\n\
        event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n\
        event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":9}}\n\n\
        event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    const RESPONSES: &str = "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"status\":\"in_progress\",\"error\":null}}\n\n\
        event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"delta\":\"a\"}\n\n\
        event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":2,\"response\":{\"usage\":{\"input_tokens\":4,\"output_tokens\":6}}}\n\n";

    #[test]
    fn a_good_stream_is_byte_identical_however_it_is_cut() {
        for (protocol, stream) in [
            (Protocol::Chat, CHAT),
            (Protocol::Messages, MESSAGES),
            (Protocol::Responses, RESPONSES),
        ] {
            for size in 1..=stream.len() {
                let (tap, got) = forwarded(protocol, stream.as_bytes(), size);
                assert_eq!(got, stream, "{protocol} in pieces of {size}");
                assert!(tap.ended());
                assert!(tap.usage().and_then(|usage| usage.output).is_some());
            }
        }
    }

    #[test]
    fn a_chunk_of_whole_frames_is_not_copied() {
        let mut tap = tap(Protocol::Chat);
        let mut out = Output::default();
        let chunk = Bytes::from(CHAT.as_bytes().to_vec());
        tap.push(chunk.clone(), &mut out);
        assert_eq!(out.take().unwrap().as_ptr(), chunk.as_ptr());
    }

    #[test]
    fn a_stream_cut_anywhere_ends_in_one_error_of_its_dialect() {
        for (protocol, stream, error, success) in [
            (Protocol::Chat, CHAT, "data: {\"error\":", "[DONE]"),
            (
                Protocol::Messages,
                MESSAGES,
                "event: error\n",
                "event: message_stop\n",
            ),
            (
                Protocol::Responses,
                RESPONSES,
                "event: response.failed\n",
                "event: response.completed\n",
            ),
        ] {
            for cut in 1..stream.len() {
                let (tap, got) = forwarded(protocol, &stream.as_bytes()[..cut], 64);
                if tap.refused().is_some() {
                    continue;
                }
                let (errors, ends) = (got.matches(error).count(), got.matches(success).count());
                assert_eq!(errors + ends, 1, "{protocol} cut at {cut}: {got}");
            }
        }
    }

    #[test]
    fn an_error_in_place_of_the_first_event_can_still_be_a_status() {
        for (protocol, stream) in [
            (
                Protocol::Chat,
                ": hi\n\ndata: {\"error\":{\"message\":\"slow down\",\"code\":429}}\n\ndata: [DONE]\n\n",
            ),
            (
                Protocol::Messages,
                "event: ping\ndata: {\"type\":\"ping\"}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n",
            ),
        ] {
            let (tap, got) = forwarded(protocol, stream.as_bytes(), 1000);
            assert!(tap.refused().is_some(), "{protocol}");
            assert!(!got.contains("error"), "{got}");
        }
    }

    #[test]
    fn an_error_in_the_middle_is_the_end_and_no_second_one_follows() {
        let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"error\":{\"message\":\"broke\"}}\n\n";
        let (_, got) = forwarded(Protocol::Chat, stream.as_bytes(), 7);
        assert_eq!(got, stream);
    }

    #[test]
    fn malformed_frames_are_written_anew_and_the_others_stay() {
        let stream = "data:  {\"choices\":[{\"finish_reason\":null}]}\n\n{\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata: [done] \n\ndata: [DONE]\n\n";
        let (_, got) = forwarded(Protocol::Chat, stream.as_bytes(), 9);
        assert_eq!(
            got,
            "data:  {\"choices\":[{\"finish_reason\":null}]}\n\ndata: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
        );
    }

    #[test]
    fn a_missing_done_behind_a_finish_is_supplied() {
        let stream = "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n";
        let (_, got) = forwarded(Protocol::Chat, stream.as_bytes(), 11);
        assert_eq!(got, format!("{stream}data: [DONE]\n\n"));
    }

    #[test]
    fn a_tool_call_is_open_between_its_start_and_its_end() {
        let mut tap = tap(Protocol::Messages);
        let mut out = Output::default();
        let mut open = Vec::new();
        for frame in MESSAGES.split_inclusive("\n\n") {
            tap.push(Bytes::copy_from_slice(frame.as_bytes()), &mut out);
            open.push(tap.open_tool_call().is_some());
        }
        assert_eq!(open, [false, false, true, true, false, false, false]);
    }

    #[test]
    fn an_event_over_the_limit_is_an_error_and_no_memory() {
        let mut tap = Tap::new(Protocol::Chat, 100, "req_1".into());
        let mut out = Output::default();
        tap.push(Bytes::from_static(b"data: {\"choices\":[]}\n\n"), &mut out);
        tap.push(Bytes::from(vec![b'x'; 200]), &mut out);
        let got = String::from_utf8(out.take().unwrap().to_vec()).unwrap();
        assert!(got.contains("\"error\"") && tap.ended(), "{got}");
    }
}
