//! Watches a stream that is forwarded within one protocol, and ends it properly if it is cut.
//!
//! Well-formed frames leave as they came (T1): a chunk that holds only whole ones leaves as that
//! very chunk. Where the client calls the model by another name than the upstream, the frames that
//! tell it are written with the client's (T12). Three other things are changed, none of which a
//! conforming upstream meets: malformed frames are written anew (P10), a frame is held back until
//! it is whole, and a stream that ends without its terminal event gets the error that the dialect
//! has for it (S1, S3). And one frame is kept from the client: the usage that proxai asked for and
//! the client did not (T10).
//!
//! Nothing keeps a slice of a chunk for longer than the call, so the connection can use its buffer
//! again.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use proxai_ir::{Failure, FailureKind};
use proxai_json::Doc;
use proxai_sse::{Decoder, Frame, encode};
use proxai_types::{Protocol, Usage};
use smallvec::SmallVec;

use crate::answer::ending;
use crate::answer::named;
use crate::answer::output::Output;
use crate::answer::seen::{Meaning, Seen};
use crate::problem::short_code;
use crate::upstream::issued::Noting;

/// A stream within one protocol.
#[derive(Debug)]
pub(crate) struct Tap {
    protocol: Protocol,
    frames: Decoder,
    state: State,
    request_id: Arc<str>,
    /// The client's name of the model, where the upstream knows it by another.
    name: Option<Box<str>>,
    seen: Seen,
    /// Takes note of what the stream issues, where somebody else could be asked for it.
    noting: Option<Noting>,
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

impl Tap {
    pub(crate) fn new(protocol: Protocol, max_event: usize, request_id: Arc<str>) -> Self {
        Self {
            protocol,
            frames: Decoder::with_max_frame(max_event),
            state: State::Waiting,
            request_id,
            name: None,
            seen: Seen::default(),
            noting: None,
        }
    }

    /// The same for a client that calls the model by this name (T12).
    pub(crate) fn naming(mut self, name: Option<Box<str>>) -> Self {
        self.name = name;
        self
    }

    /// The same with a note of what the stream issues.
    pub(crate) fn noting(mut self, noting: Option<Noting>) -> Self {
        self.noting = noting;
        self
    }

    /// The same for a client that did not ask for usage.
    pub(crate) fn withholding_usage(mut self, withhold: bool) -> Self {
        self.seen.withhold_usage = withhold;
        self
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
                        if let Some(named) = self.named(frame.raw()) {
                            pieces.push(named);
                        } else {
                            untouched += frame.raw().len();
                            pieces.push(frame.raw().clone());
                        }
                    } else if passes {
                        let mut anew = BytesMut::new();
                        encode::canonical(&frame, &mut anew);
                        let anew = anew.freeze();
                        pieces.push(self.named(&anew).unwrap_or(anew));
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
                let mut anew = BytesMut::new();
                encode::canonical(&frame, &mut anew);
                let anew = anew.freeze();
                out.put(self.named(&anew).unwrap_or(anew));
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
        if !self.ended() {
            self.seen.error = Some(short_code(&failure).into());
        }
        match self.state {
            State::Ended | State::Refused(_) => {}
            State::Waiting => self.state = State::Refused(failure),
            State::Streaming => {
                ending::failure(
                    self.protocol,
                    &self.seen,
                    self.name.as_deref(),
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

    /// The code of the error it ended with, if it did.
    pub(crate) fn error(&self) -> Option<&str> {
        self.seen.error.as_deref()
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

    /// A frame under the client's name of the model, if that is another.
    fn named(&self, raw: &Bytes) -> Option<Bytes> {
        named::frame(self.protocol, raw, self.name.as_deref()?)
    }

    /// Notes what a frame shows, and whether it goes to the client.
    fn passes(&mut self, frame: &Frame) -> bool {
        if let Some(noting) = &self.noting {
            noting.event(frame.event(), frame.data());
        }
        let meaning = self.seen.note(self.protocol, frame);
        match (&self.state, meaning) {
            (State::Refused(_), _) | (_, Meaning::Withheld) => return false,
            // A repeated end is no second end.
            (State::Ended, Meaning::Terminal) if frame.is_done() => return false,
            (State::Ended, _) | (_, Meaning::Prelude) => {}
            (State::Waiting | State::Streaming, Meaning::Error) => {
                let mut failure =
                    proxai_translate::decode_failure(self.protocol, 200, frame.data());
                // There is no status in a stream; the kind has one.
                failure.status = failure.status.filter(|status| *status >= 400);
                self.seen.error = Some(short_code(&failure).into());
                if matches!(self.state, State::Waiting) {
                    self.state = State::Refused(failure);
                    return false;
                }
                self.state = State::Ended;
            }
            (_, Meaning::Terminal) => self.state = State::Ended,
            (State::Waiting | State::Streaming, Meaning::Event) => self.state = State::Streaming,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tap(protocol: Protocol) -> Tap {
        Tap::new(protocol, 1 << 20, "req_1".into())
    }

    /// Feeds a stream in pieces of `size` and returns what the client gets.
    fn forwarded(protocol: Protocol, stream: &[u8], size: usize) -> (Tap, String) {
        through(tap(protocol), stream, size)
    }

    fn through(mut tap: Tap, stream: &[u8], size: usize) -> (Tap, String) {
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

    #[test]
    fn a_renamed_model_has_the_clients_name_and_nothing_else_changes() {
        let stream = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":1}}}\n\n\
            event: content_block_delta\r\ndata: { \"type\":\"content_block_delta\",\"delta\":{\"model\":\"m\"}}\r\n\r\n\
            event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
        let want = stream.replacen("\"m\"", "\"p/m\"", 1);
        for size in [1, 7, 50, 4096] {
            let tap = tap(Protocol::Messages).naming(Some("p/m".into()));
            assert_eq!(through(tap, stream.as_bytes(), size).1, want, "{size}");
        }
    }

    #[test]
    fn a_cut_response_fails_under_the_clients_name_of_the_model() {
        let begun = "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"r\",\"model\":\"m\"}}\n\n\
            event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"delta\":\"a\"}\n\n";
        for (name, told) in [
            (Some("p/m"), "\"model\":\"p/m\""),
            (None, "\"model\":\"m\""),
        ] {
            let tap = tap(Protocol::Responses).naming(name.map(Box::from));
            let (tap, got) = through(tap, begun.as_bytes(), 50);
            assert_eq!(tap.error(), Some("upstream_stream_cut"));
            let failed = &got[got.find("event: response.failed").unwrap()..];
            assert!(failed.contains(told), "{failed}");
            assert_eq!(got.matches(told).count(), 2, "{got}");
        }
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
    fn usage_that_the_client_did_not_ask_for_is_counted_and_withheld_and_nothing_else() {
        let told = r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#;
        let first = r#"data: {"choices":[],"prompt_filter_results":[],"usage":null}"#;
        for only in [
            r#"data: {"id":"c", "choices" : [ ],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
            r#"data:{"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
            r#"data: {"choices":null,"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
        ] {
            let kept = format!("{first}\n\n{told}\r\n\r\n");
            let stream = format!("{kept}{only}\n\ndata: [DONE]\n\n");
            for size in 1..=stream.len() {
                let tap = tap(Protocol::Chat).withholding_usage(true);
                let (tap, got) = through(tap, stream.as_bytes(), size);
                assert_eq!(got, format!("{kept}data: [DONE]\n\n"), "pieces of {size}");
                assert_eq!(tap.usage().unwrap().output, Some(2));
                assert!(tap.ended() && tap.error().is_none());
            }
        }
    }

    #[test]
    fn a_stream_of_nothing_but_withheld_usage_has_not_begun() {
        let mut tap = tap(Protocol::Chat).withholding_usage(true);
        let mut out = Output::default();
        let only = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n\n";
        tap.push(Bytes::from(only), &mut out);
        assert!(out.take().is_none() && !tap.started());
        tap.push(
            Bytes::from("data: {\"error\":{\"message\":\"no\"}}\n\n"),
            &mut out,
        );
        assert!(tap.refused().is_some() && out.take().is_none());
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
        let (tap, got) = forwarded(Protocol::Chat, stream.as_bytes(), 7);
        assert_eq!(got, stream);
        assert_eq!(tap.error(), Some("error"));
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
