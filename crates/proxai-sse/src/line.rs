//! One line of a frame: where it ends and what it is.
//!
//! A line is judged by its bytes alone, never by its neighbours. The one reading the
//! specification does not have is [`Kind::Json`]: some servers forget `data:` in front of a JSON
//! document (requirement S2), and no field name begins with `{` or `[`.

use memchr::memchr2;

/// UTF-8 byte order mark; the specification allows one at the start of a stream.
pub(crate) const BOM: &[u8] = b"\xEF\xBB\xBF";

/// A line of a buffer: `start..end` is its content, `next` lies behind its line end.
///
/// Invariant: `start <= end <= next <= buffer.len()`, and `end == next` only for a line that the
/// end of the buffer cut off.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) next: usize,
}

impl Line {
    /// The line that begins at `start`; a CR that ends the buffer counts as a whole line end.
    pub(crate) fn at(buffer: &[u8], start: usize) -> Self {
        let Some(length) = line_length(&buffer[start..]) else {
            let end = buffer.len();
            return Self {
                start,
                end,
                next: end,
            };
        };
        let end = start + length;
        let crlf = buffer[end] == b'\r' && buffer.get(end + 1) == Some(&b'\n');
        Self {
            start,
            end,
            next: end + 1 + usize::from(crlf),
        }
    }

    pub(crate) fn is_blank(self) -> bool {
        self.start == self.end
    }
}

/// How many bytes come before the first line end, if there is one.
pub(crate) fn line_length(bytes: &[u8]) -> Option<usize> {
    // Every frame has a blank line: not worth the set-up of a vector search.
    if matches!(bytes.first(), Some(b'\r' | b'\n')) {
        return Some(0);
    }
    memchr2(b'\r', b'\n', bytes)
}

/// What a line that is not blank says. The number is where its value begins within the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `data: …`
    Data(usize),
    /// A JSON document (or a bare `[DONE]`) without `data:`: data, but not well formed.
    Json(usize),
    /// `event: …`
    Event(usize),
    /// `id: …` or `retry: …`: kept in the bytes, of no use to a gateway.
    Passive,
    /// `: …`
    Comment,
    /// Nothing the specification knows; a reader ignores it.
    Unknown,
}

impl Kind {
    pub(crate) fn of(line: &[u8]) -> Self {
        match line.first() {
            Some(b'd') => field(line, b"data").map_or(Self::Unknown, Self::Data),
            Some(b'e') => field(line, b"event").map_or(Self::Unknown, Self::Event),
            Some(b':') => Self::Comment,
            Some(b'i') if field(line, b"id").is_some() => Self::Passive,
            Some(b'r') if field(line, b"retry").is_some() => Self::Passive,
            Some(b'{' | b'[' | b' ' | b'\t') => bare_json(line),
            _ => Self::Unknown,
        }
    }
}

/// Where the value of the field `name` begins, if `line` is that field. A name without a colon is
/// a field with an empty value, and one space after the colon belongs to the colon.
fn field(line: &[u8], name: &[u8]) -> Option<usize> {
    match line.strip_prefix(name)? {
        [] => Some(name.len()),
        [b':', b' ', ..] => Some(name.len() + 2),
        [b':', ..] => Some(name.len() + 1),
        _ => None,
    }
}

fn bare_json(line: &[u8]) -> Kind {
    match line.iter().position(|byte| !matches!(byte, b' ' | b'\t')) {
        Some(start) if matches!(line[start], b'{' | b'[') => Kind::Json(start),
        _ => Kind::Unknown,
    }
}
