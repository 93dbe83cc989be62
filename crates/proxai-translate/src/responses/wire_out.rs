//! Where a composed answer goes: frames of a stream, or nowhere but its last object.

use std::borrow::Cow;

use bytes::BytesMut;
use proxai_json::RawValue;
use proxai_responses::{Item, Response, StreamEvent};
use proxai_sse::encode;
use serde::Serialize;

use super::raw::one_line;

/// The frames of one answer, numbered.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// Frames that were not handed over yet.
    frames: BytesMut,
    streaming: bool,
    sequence: u64,
    /// The response object that ends an answer which is not streamed.
    body: Vec<u8>,
}

#[derive(Serialize)]
struct ResponseFrame<'f> {
    r#type: &'f str,
    response: &'f Response<'f>,
    sequence_number: u64,
}

#[derive(Serialize)]
struct ItemFrame<'f> {
    r#type: &'f str,
    output_index: usize,
    item: &'f RawValue,
    sequence_number: u64,
}

#[derive(Serialize)]
struct KeepaliveFrame {
    r#type: &'static str,
    sequence_number: u64,
}

/// The vendor's keep-alive.
const KEEPALIVE: &str = "keepalive";

impl Wire {
    /// Writes to the end of `out` until [`Self::detach`]; without one, nothing is written but the
    /// last object.
    pub(super) fn attach(&mut self, out: Option<&mut BytesMut>) {
        self.streaming = out.is_some();
        if let Some(out) = out {
            self.frames = std::mem::take(out);
        }
    }

    /// Hands the frames back.
    pub(super) fn detach(&mut self, out: Option<&mut BytesMut>) {
        if let Some(out) = out {
            *out = std::mem::take(&mut self.frames);
        }
    }

    /// The number of the next frame.
    #[expect(clippy::unnecessary_wraps, reason = "events hold their number so")]
    pub(super) const fn number(&self) -> Option<u64> {
        Some(self.sequence)
    }

    /// Writes an event that carries [`Self::number`].
    pub(super) fn send(&mut self, event: &StreamEvent<'_>) {
        self.frame(event.kind(), event);
    }

    fn frame(&mut self, kind: &str, event: &impl Serialize) {
        if !self.streaming {
            return;
        }
        self.sequence += 1;
        encode::open(&mut self.frames, Some(kind));
        proxai_json::write_to(&mut self.frames, event);
        encode::close(&mut self.frames);
    }

    /// Tells the state of the whole response.
    pub(super) fn response(&mut self, kind: &str, response: &Response<'_>) {
        let frame = ResponseFrame {
            r#type: kind,
            response,
            sequence_number: self.sequence,
        };
        self.frame(kind, &frame);
    }

    /// Tells the whole response at its end, whatever that is.
    ///
    /// The vendor's own streams end here. `[DONE]` follows for clients that were written for other
    /// servers and wait for it; no reader may need it (case 108).
    pub(super) fn terminal(&mut self, kind: &str, response: &Response<'_>) {
        self.response(kind, response);
        if self.streaming {
            self.frames.extend_from_slice(encode::DONE);
        } else {
            self.body = proxai_json::to_vec(response);
        }
    }

    /// Tells that an item begins.
    pub(super) fn item_added(&mut self, output_index: usize, item: &Item<'_>) {
        if self.streaming {
            self.item("response.output_item.added", output_index, &raw(item));
        }
    }

    /// Tells a whole item and returns it.
    pub(super) fn item_done(&mut self, output_index: usize, item: &Item<'_>) -> Box<RawValue> {
        let item = raw(item);
        self.item("response.output_item.done", output_index, &item);
        item
    }

    fn item(&mut self, kind: &str, output_index: usize, item: &RawValue) {
        let frame = ItemFrame {
            r#type: kind,
            output_index,
            item,
            sequence_number: self.sequence,
        };
        self.frame(kind, &frame);
    }

    /// Tells that the answer is still coming.
    ///
    /// A comment would not do: Codex's idle timer is reset by events only. `response.in_progress`
    /// would not do either: it has its place behind `response.created`. The vendor's own
    /// `keepalive` event is known to or skipped by every client seen. It repeats the number of the
    /// last frame instead of taking one: whoever skips it finds no gap in the others (case 106),
    /// and a client that resumes behind the last number it saw misses nothing.
    pub(super) fn keepalive(&mut self) {
        let frame = KeepaliveFrame {
            r#type: KEEPALIVE,
            sequence_number: self.sequence.saturating_sub(1),
        };
        let sequence = self.sequence;
        self.frame(KEEPALIVE, &frame);
        self.sequence = sequence;
    }

    /// The response object of an answer that was not streamed.
    pub(super) fn into_body(self) -> Vec<u8> {
        self.body
    }
}

fn raw(item: &Item<'_>) -> Box<RawValue> {
    let json = proxai_json::to_string(item);
    let json = match one_line(&json) {
        Cow::Borrowed(_) => json,
        Cow::Owned(line) => line,
    };
    RawValue::from_string(json).expect("wire types serialise to JSON")
}
