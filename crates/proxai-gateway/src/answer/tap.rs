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
//! Until an event means something to an application, all of them are held back (R5): a chunk that
//! has only a role is followed by an error as often as any other beginning.
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

/// How much is held back. Vendors repeat long instructions before they begin to answer.
const MAX_HELD: usize = 1 << 20;

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
    /// How many bytes there are for the client that has got none.
    held: usize,
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
    /// proxai has ended it with an error. Nothing that the upstream still says follows.
    Closed,
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
            held: 0,
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
                Ok(Some(frame)) if self.ends_nothing(&frame) => {
                    failure = Some(cut());
                    break;
                }
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
            self.hold(chunk.len());
            out.put(chunk);
        } else {
            for piece in pieces.into_iter().chain([blank]) {
                self.hold(piece.len());
                out.put(piece);
            }
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
            if whole && !self.ends_nothing(&frame) && self.passes(&frame) {
                let mut anew = BytesMut::new();
                encode::canonical(&frame, &mut anew);
                let anew = anew.freeze();
                out.put(self.named(&anew).unwrap_or(anew));
            }
        }
        out.put(self.frames.take_blank_lines());
        match self.state {
            State::Ended | State::Closed | State::Refused(_) => return false,
            State::Waiting | State::Streaming => {}
        }
        if self.protocol == Protocol::Chat && self.seen.finished {
            out.put(Bytes::from_static(encode::DONE));
            self.state = State::Ended;
            return false;
        }
        self.fail(cut(), out);
        true
    }

    /// Counts what the client gets. What is too much to be held begins the stream.
    fn hold(&mut self, bytes: usize) {
        if matches!(self.state, State::Waiting) {
            self.held += bytes;
            if self.held > MAX_HELD {
                self.state = State::Streaming;
            }
        }
    }

    /// Whether a frame ends a stream in which there was nothing (S1, case 9).
    fn ends_nothing(&self, frame: &Frame) -> bool {
        self.protocol == Protocol::Chat && !self.seen.any_chunk && !self.ended() && frame.is_done()
    }

    /// Ends the stream with an error that the gateway found.
    pub(crate) fn fail(&mut self, failure: Failure, out: &mut Output) {
        if !self.ended() {
            self.seen.error = Some(short_code(&failure).into());
        }
        match self.state {
            State::Ended | State::Closed | State::Refused(_) => {}
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
                self.state = State::Closed;
            }
        }
    }

    /// Tells the client that the stream lives (S4).
    pub(crate) fn keepalive(&mut self, out: &mut Output) {
        match self.state {
            State::Ended | State::Closed | State::Refused(_) => return,
            State::Waiting | State::Streaming => self.state = State::Streaming,
        }
        ending::keepalive(self.protocol, &self.seen, out.buffer());
    }

    pub(crate) const fn started(&self) -> bool {
        matches!(self.state, State::Streaming | State::Ended | State::Closed)
    }

    pub(crate) const fn ended(&self) -> bool {
        matches!(self.state, State::Ended | State::Closed | State::Refused(_))
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
            (State::Refused(_) | State::Closed, _) | (_, Meaning::Withheld) => return false,
            // A repeated end is no second end.
            (State::Ended, Meaning::Terminal) if frame.is_done() => return false,
            // An error is the end, whatever goes on behind it (S1). Another one may follow: a
            // vendor tells it as `error` first and as `response.failed` then.
            (State::Ended, Meaning::Event | Meaning::Terminal) if self.seen.error.is_some() => {
                return false;
            }
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

fn cut() -> Failure {
    Failure::new(
        FailureKind::BadUpstream,
        "the upstream closed the stream before the end of its answer",
    )
    .with_code("upstream_stream_cut")
}

#[cfg(test)]
mod tests;
