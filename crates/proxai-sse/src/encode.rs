//! Writes frames.
//!
//! Everything is written in one form: LF line ends, one space behind each colon, one blank line
//! behind each frame. No input can break out of its frame: data and comments are split at line
//! ends, and line ends inside an event name are left out. Writing never fails.

use bytes::BytesMut;

use crate::{
    Frame, frame,
    line::{Kind, Line},
};

/// The frame that ends a Chat Completions stream.
pub const DONE: &[u8] = b"data: [DONE]\n\n";

/// Writes a frame with one `data:` line per line of `data`.
///
/// CR and CRLF in the data end a line too and reach the reader as LF.
pub fn raw(out: &mut BytesMut, event: Option<&str>, data: &[u8]) {
    put_event(out, event.unwrap_or_default().as_bytes());
    put_data(out, data);
    out.extend_from_slice(b"\n");
}

/// Writes a comment and the blank line behind it: a keep-alive that readers skip.
pub fn comment(out: &mut BytesMut, text: &str) {
    put_lines(out, b": ", text.as_bytes());
    out.extend_from_slice(b"\n");
}

/// Begins a frame whose data the caller appends itself, before [`close`].
///
/// For data that contains no line end, such as compact JSON, written without a detour. Anything
/// else belongs into [`raw`].
pub fn open(out: &mut BytesMut, event: Option<&str>) {
    put_event(out, event.unwrap_or_default().as_bytes());
    out.extend_from_slice(b"data: ");
}

/// Ends a frame begun with [`open`].
pub fn close(out: &mut BytesMut) {
    out.extend_from_slice(b"\n\n");
}

/// Writes `frame` anew, such that it is [well formed](Frame::well_formed) (requirement P10).
///
/// Event and data survive, the sentinel gets its one spelling, and comments, `id:` and `retry:`
/// are copied. Lines that no reader understands and empty event names are left out; of a frame that
/// consists of nothing else, nothing is written.
pub fn canonical(frame: &Frame, out: &mut BytesMut) {
    let start = out.len();
    let mut has_data = false;
    for line in frame.lines() {
        match Kind::of(line) {
            Kind::Passive | Kind::Comment => {
                out.extend_from_slice(line);
                out.extend_from_slice(b"\n");
            }
            Kind::Data(_) | Kind::Json(_) => has_data = true,
            Kind::Event(_) | Kind::Unknown => {}
        }
    }
    put_event(out, frame.event_bytes());
    if frame.is_done() {
        put_data(out, frame::DONE);
    } else if has_data {
        put_data(out, frame.data());
    }
    if out.len() > start {
        out.extend_from_slice(b"\n");
    }
}

fn put_event(out: &mut BytesMut, name: &[u8]) {
    if name.is_empty() {
        return;
    }
    out.extend_from_slice(b"event: ");
    for part in name.split(|byte| matches!(byte, b'\r' | b'\n')) {
        out.extend_from_slice(part);
    }
    out.extend_from_slice(b"\n");
}

fn put_data(out: &mut BytesMut, data: &[u8]) {
    put_lines(out, b"data: ", data);
}

fn put_lines(out: &mut BytesMut, prefix: &[u8], text: &[u8]) {
    out.reserve(prefix.len() + text.len() + 2);
    let mut position = 0;
    loop {
        let line = Line::at(text, position);
        out.extend_from_slice(prefix);
        out.extend_from_slice(&text[line.start..line.end]);
        out.extend_from_slice(b"\n");
        if line.next == line.end {
            return;
        }
        position = line.next;
    }
}
