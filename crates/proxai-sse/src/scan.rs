//! Finds where a frame ends, looking at each byte once however the input is cut.
//!
//! A frame ends behind the first blank line that follows a line with content, so blank lines in
//! front of a frame belong to it. A CR at the very end of the input is undecided (the LF of a CRLF
//! may follow) and is settled by the next byte: a stream whose lines end in bare CR therefore
//! yields each frame when the byte after it arrives.
//!
//! The scanner keeps no bytes; all it remembers between two pieces of input is below.

use crate::line::{BOM, line_length};

#[derive(Clone, Debug)]
pub(crate) struct Scanner {
    /// The current line has at least one byte.
    line_has_bytes: bool,
    /// How many lines of the current frame are not blank; the one being scanned not counted.
    content_lines: usize,
    /// The last byte seen was a CR whose line end is undecided.
    cr_pending: bool,
    /// Bytes of the byte order mark matched at the start of the stream; `None` once settled.
    bom_matched: Option<usize>,
    /// The current frame begins with a byte order mark.
    frame_has_bom: bool,
}

/// What scanning has found out about a frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outline {
    /// How many of its lines are not blank; at least one.
    pub(crate) content_lines: usize,
    /// It begins with a byte order mark.
    pub(crate) has_bom: bool,
}

/// What the input scanned since the last frame amounts to when nothing follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rest {
    /// Nothing, or blank lines only.
    Blank,
    /// A frame.
    Frame,
}

impl Scanner {
    pub(crate) fn new() -> Self {
        Self {
            line_has_bytes: false,
            content_lines: 0,
            cr_pending: false,
            bom_matched: Some(0),
            frame_has_bom: false,
        }
    }

    /// Scans `bytes[from..]`, where everything before `from` has been scanned already. Returns
    /// where the frame ends, or `None` when all of `bytes` has been scanned without finding out.
    pub(crate) fn find_end(&mut self, bytes: &[u8], from: usize) -> Option<usize> {
        let mut position = from;
        if let Some(matched) = self.bom_matched {
            position = self.match_bom(bytes, position, matched);
        }
        if self.cr_pending {
            let successor = bytes.get(position)?;
            self.cr_pending = false;
            position += usize::from(*successor == b'\n');
            if self.end_line() {
                return Some(position);
            }
        }
        while let Some(length) = line_length(&bytes[position..]) {
            let line_end = position + length;
            self.line_has_bytes |= length > 0;
            position = line_end + 1;
            if bytes[line_end] == b'\r' {
                let Some(successor) = bytes.get(position) else {
                    self.cr_pending = true;
                    return None;
                };
                position += usize::from(*successor == b'\n');
            }
            if self.end_line() {
                return Some(position);
            }
        }
        self.line_has_bytes |= position < bytes.len();
        None
    }

    /// Settles what was undecided because more input could have followed.
    pub(crate) fn end_of_input(&mut self) -> Rest {
        if self.bom_matched.take().is_some_and(|matched| matched > 0) {
            self.line_has_bytes = true;
        }
        if std::mem::take(&mut self.cr_pending) {
            self.end_line();
        }
        if std::mem::take(&mut self.line_has_bytes) {
            self.content_lines += 1;
        }
        if self.content_lines > 0 {
            Rest::Frame
        } else {
            Rest::Blank
        }
    }

    /// Forgets the frame that has been cut off and tells its outline.
    pub(crate) fn start_next_frame(&mut self) -> Outline {
        Outline {
            content_lines: std::mem::take(&mut self.content_lines),
            has_bom: std::mem::take(&mut self.frame_has_bom),
        }
    }

    /// How many of the last scanned bytes may not be given away as blank lines yet; `None` when
    /// the scanned bytes are not blank lines.
    pub(crate) fn undecided_behind_blank(&self) -> Option<usize> {
        let bom_begun = self.bom_matched.is_some_and(|matched| matched > 0);
        let blank = self.content_lines == 0 && !self.line_has_bytes && !bom_begun;
        blank.then_some(usize::from(self.cr_pending))
    }

    /// The byte order mark has been given away together with blank lines.
    pub(crate) fn forget_bom(&mut self) {
        self.frame_has_bom = false;
    }

    /// The end of a line has been reached: is it also the end of the frame?
    fn end_line(&mut self) -> bool {
        if std::mem::take(&mut self.line_has_bytes) {
            self.content_lines += 1;
            return false;
        }
        self.content_lines > 0
    }

    fn match_bom(&mut self, bytes: &[u8], from: usize, mut matched: usize) -> usize {
        let mut position = from;
        while let Some(&byte) = bytes.get(position) {
            if byte != BOM[matched] {
                // What looked like the beginning of a mark was the beginning of a line.
                self.line_has_bytes = matched > 0;
                self.bom_matched = None;
                return position;
            }
            position += 1;
            matched += 1;
            if matched == BOM.len() {
                self.frame_has_bom = true;
                self.bom_matched = None;
                return position;
            }
        }
        self.bom_matched = Some(matched);
        position
    }
}
