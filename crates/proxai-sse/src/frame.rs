//! One event, as bytes.

use std::{ops::Range, str};

use bytes::{Bytes, BytesMut};

use crate::{
    line::{BOM, Kind, Line},
    scan::Outline,
};

/// The data of the sentinel that ends a Chat Completions stream.
pub(crate) const DONE: &[u8] = b"[DONE]";

/// One event as it lay on the wire.
///
/// Everything is a slice of [`raw`](Self::raw), except the data of an event with several `data:`
/// lines: joining them is the only case that copies. A slice keeps the whole chunk it was cut from
/// alive; copy what is to be kept for long.
#[derive(Clone, Debug)]
pub struct Frame {
    raw: Bytes,
    event: Bytes,
    data: Bytes,
    has_bom: bool,
    well_formed: bool,
}

impl Frame {
    /// All bytes of the frame, its terminating blank line included.
    ///
    /// Blank lines (and a byte order mark) in front of the frame's first line are part of it too,
    /// so that forwarding the raw bytes of every frame forwards everything. They mean nothing to a
    /// reader. [`Decoder::take_blank_lines`](crate::Decoder::take_blank_lines) hands them out early
    /// and returns those behind the last frame.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// The value of the last `event:` line; `None` when there is none, or it is empty or not UTF-8.
    pub fn event(&self) -> Option<&str> {
        if self.event.is_empty() {
            return None;
        }
        str::from_utf8(&self.event).ok()
    }

    /// The values of the `data:` lines joined with LF; empty when there are none.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// [`data`](Self::data) for those who want to keep it without copying.
    pub fn data_bytes(&self) -> &Bytes {
        &self.data
    }

    /// Is this the `[DONE]` sentinel, in any case, with any padding?
    pub fn is_done(&self) -> bool {
        is_done(&self.data)
    }

    /// Does the frame carry nothing for an application: no data (or only spaces) and no event?
    ///
    /// That is a comment, the usual keep-alive, but also a lone `id:`, `retry:` or empty `data:`,
    /// and lines that are no field at all, which the specification ignores. The last are told
    /// apart by [`well_formed`](Self::well_formed).
    pub fn is_comment(&self) -> bool {
        self.event.is_empty() && self.data.trim_ascii().is_empty()
    }

    /// Would every conforming reader understand the raw bytes as this frame?
    ///
    /// True if each line is a known field or a comment, the sentinel is spelled exactly `[DONE]`,
    /// and a blank line ends the frame. False for what this reader understood out of kindness: a
    /// JSON line without `data:`, unknown lines, a byte order mark (allowed by the specification,
    /// but widely used clients take it for a part of the first field's name), a missing blank
    /// line. Line ends and the optional space behind a colon make no difference: the specification
    /// leaves them free. The data itself is not judged.
    ///
    /// What is not well formed is repaired by [`encode::canonical`](crate::encode::canonical).
    pub fn well_formed(&self) -> bool {
        self.well_formed
    }

    /// Reads the fields out of the bytes of one frame.
    pub(crate) fn parse(raw: Bytes, outline: Outline) -> Self {
        let Outline {
            content_lines,
            has_bom,
        } = outline;
        // The last line, usually the long one, ends where the line ends that close the frame begin:
        // there is no need to search it again.
        let content_end = raw.len() - trailing_line_ends(&raw);
        let terminated = !matches!(&raw[content_end..], [] | [_] | b"\r\n");

        let mut event = 0..0;
        let mut data = Data::None;
        let mut well_formed = !has_bom;
        let mut position = content_start(has_bom);
        let mut lines_left = content_lines;
        while lines_left > 0 {
            let line = match raw[position] {
                b'\r' | b'\n' => {
                    position += 1;
                    continue;
                }
                _ if lines_left == 1 => position..content_end,
                _ => {
                    let line = Line::at(&raw, position);
                    line.start..line.end
                }
            };
            position = line.end;
            lines_left -= 1;
            match Kind::of(&raw[line.clone()]) {
                Kind::Data(value) => data.add(&raw, line.start + value..line.end),
                Kind::Json(value) => {
                    well_formed = false;
                    data.add(&raw, line.start + value..line.end);
                }
                Kind::Event(value) => event = line.start + value..line.end,
                Kind::Passive | Kind::Comment => {}
                Kind::Unknown => well_formed = false,
            }
        }

        let data = match data {
            Data::None => Bytes::new(),
            Data::OneLine(range) => raw.slice(range),
            Data::Joined(joined) => joined.freeze(),
        };
        let misspelled = is_done(&data) && data != DONE;
        Self {
            event: raw.slice(event),
            data,
            has_bom,
            well_formed: well_formed && terminated && !misspelled,
            raw,
        }
    }

    /// The lines that are not blank.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let bytes: &[u8] = &self.raw;
        let mut position = content_start(self.has_bom);
        std::iter::from_fn(move || {
            while position < bytes.len() {
                let line = Line::at(bytes, position);
                position = line.next;
                if !line.is_blank() {
                    return Some(&bytes[line.start..line.end]);
                }
            }
            None
        })
    }

    /// The value of the last `event:` line, be it text or not.
    pub(crate) fn event_bytes(&self) -> &[u8] {
        &self.event
    }
}

/// The `data:` lines of a frame so far.
enum Data {
    None,
    OneLine(Range<usize>),
    Joined(BytesMut),
}

impl Data {
    fn add(&mut self, raw: &[u8], line: Range<usize>) {
        match self {
            Self::None => *self = Self::OneLine(line),
            Self::OneLine(first) => {
                let mut joined = BytesMut::with_capacity(raw.len() - first.start);
                joined.extend_from_slice(&raw[first.clone()]);
                joined.extend_from_slice(b"\n");
                joined.extend_from_slice(&raw[line]);
                *self = Self::Joined(joined);
            }
            Self::Joined(joined) => {
                joined.extend_from_slice(b"\n");
                joined.extend_from_slice(&raw[line]);
            }
        }
    }
}

fn trailing_line_ends(bytes: &[u8]) -> usize {
    let line_ends = bytes.iter().rev();
    line_ends
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count()
}

fn content_start(has_bom: bool) -> usize {
    if has_bom { BOM.len() } else { 0 }
}

fn is_done(data: &[u8]) -> bool {
    data.trim_ascii().eq_ignore_ascii_case(DONE)
}
