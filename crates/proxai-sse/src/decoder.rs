//! Cuts a stream of chunks into frames.

use std::{collections::VecDeque, mem};

use bytes::{Buf as _, Bytes, BytesMut};

use crate::{
    Frame, Oversized,
    scan::{Rest, Scanner},
};

/// The largest frame a [`Decoder`] accepts unless told otherwise: 16 MiB.
///
/// The largest real events carry a base64 image or the whole final response; a few MiB.
pub const DEFAULT_MAX_FRAME: usize = 16 << 20;

/// A frame that was put together from several chunks and is larger than this takes its buffer
/// with it, so that one large event does not stay paid for until the stream ends.
const KEEP_BUFFER_UP_TO: usize = 64 << 10;

/// An incremental reader of server-sent events.
///
/// Hand over each chunk with [`push`](Self::push), then call [`next_frame`](Self::next_frame)
/// until it returns `None`. When the body ends, call [`finish`](Self::finish) until it returns
/// `None`.
///
/// A frame that lies within one chunk is a slice of it; the others are copied once. The decoder
/// holds at most the limit plus the chunks it was given since it last said `None`.
///
/// Runs of blank lines yield no frame, so a timer that watches for silence should be fed by
/// chunks, not by frames.
#[derive(Debug)]
pub struct Decoder {
    /// The part of the unfinished frame that came with earlier chunks. All of it is scanned.
    carry: BytesMut,
    /// The current chunk, from its first byte that has not been given away.
    chunk: Bytes,
    /// How much of `chunk` is scanned: `scanned <= chunk.len()`.
    scanned: usize,
    /// Chunks behind `chunk`, none of them empty; there are some only while the caller pushes
    /// without taking frames.
    queue: VecDeque<Bytes>,
    scanner: Scanner,
    max_frame: usize,
    failed: bool,
}

impl Decoder {
    /// A decoder that accepts frames up to [`DEFAULT_MAX_FRAME`].
    pub fn new() -> Self {
        Self::with_max_frame(DEFAULT_MAX_FRAME)
    }

    /// A decoder that accepts frames of up to `max` bytes, line ends included.
    pub fn with_max_frame(max: usize) -> Self {
        Self {
            carry: BytesMut::new(),
            chunk: Bytes::new(),
            scanned: 0,
            queue: VecDeque::new(),
            scanner: Scanner::new(),
            max_frame: max,
            failed: false,
        }
    }

    /// Hands over the next chunk of the body.
    pub fn push(&mut self, chunk: Bytes) {
        if self.failed || chunk.is_empty() {
            return;
        }
        if self.queue.is_empty() && self.scanned == self.chunk.len() {
            self.advance_to(chunk);
        } else {
            self.queue.push_back(chunk);
        }
    }

    /// The next complete frame, or `None` until more is pushed.
    ///
    /// Once it has returned [`Oversized`] it always will.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, Oversized> {
        loop {
            if self.failed {
                return Err(self.oversized());
            }
            if let Some(end) = self.scanner.find_end(&self.chunk, self.scanned) {
                return self.cut(end).map(Some);
            }
            self.scanned = self.chunk.len();
            if self.carry.len() + self.chunk.len() > self.max_frame {
                return Err(self.fail());
            }
            let Some(next) = self.queue.pop_front() else {
                return Ok(None);
            };
            self.advance_to(next);
        }
    }

    /// The body has ended: what is still complete, then the last frame even without its blank
    /// line, then `None`.
    ///
    /// The specification discards an unterminated frame, but some servers end their streams so.
    /// A frame that was cut in the middle comes out too: whether its data is whole is for the
    /// reader of the data to find out.
    pub fn finish(&mut self) -> Result<Option<Frame>, Oversized> {
        if let Some(frame) = self.next_frame()? {
            return Ok(Some(frame));
        }
        match self.scanner.end_of_input() {
            Rest::Blank => Ok(None),
            Rest::Frame => self.cut(self.chunk.len()).map(Some),
        }
    }

    /// Takes the blank lines in front of the next frame, which would otherwise become the
    /// beginning of its [`raw`](Frame::raw) bytes. Empty if the next frame has begun, or if there
    /// are frames to be taken first.
    ///
    /// Of use to a forwarder that keeps every byte: after [`next_frame`](Self::next_frame) returned
    /// `None`, to pass on line ends sent as keep-alives without delay; after
    /// [`finish`](Self::finish) returned `None`, for what follows the last frame.
    pub fn take_blank_lines(&mut self) -> Bytes {
        let all_scanned = self.scanned == self.chunk.len() && self.queue.is_empty();
        let Some(undecided) = self
            .scanner
            .undecided_behind_blank()
            .filter(|_| all_scanned)
        else {
            return Bytes::new();
        };
        let blank = self.take(self.chunk.len().saturating_sub(undecided));
        self.scanned = self.chunk.len();
        self.scanner.forget_bom();
        blank
    }

    /// How many bytes the decoder holds.
    pub fn buffered(&self) -> usize {
        let queued: usize = self.queue.iter().map(Bytes::len).sum();
        self.carry.len() + self.chunk.len() + queued
    }

    /// Makes `next` the current chunk, which must have been scanned to its end.
    fn advance_to(&mut self, next: Bytes) {
        debug_assert_eq!(self.scanned, self.chunk.len());
        self.carry.extend_from_slice(&self.chunk);
        self.chunk = next;
        self.scanned = 0;
    }

    /// Cuts off the frame that ends at `chunk[..end]`.
    fn cut(&mut self, end: usize) -> Result<Frame, Oversized> {
        if self.carry.len() + end > self.max_frame {
            return Err(self.fail());
        }
        let raw = self.take(end);
        self.scanned = 0;
        Ok(Frame::parse(raw, self.scanner.start_next_frame()))
    }

    /// Takes `carry` and `chunk[..end]` as one slice.
    fn take(&mut self, end: usize) -> Bytes {
        if self.carry.is_empty() {
            return self.chunk.split_to(end);
        }
        self.carry.extend_from_slice(&self.chunk[..end]);
        self.chunk.advance(end);
        if self.carry.len() > KEEP_BUFFER_UP_TO {
            return mem::take(&mut self.carry).freeze();
        }
        self.carry.split().freeze()
    }

    fn fail(&mut self) -> Oversized {
        self.failed = true;
        self.carry = BytesMut::new();
        self.chunk = Bytes::new();
        self.scanned = 0;
        self.queue = VecDeque::new();
        self.oversized()
    }

    fn oversized(&self) -> Oversized {
        Oversized {
            limit: self.max_frame,
        }
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}
