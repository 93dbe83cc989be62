//! Parsing and writing, with errors that say where.
//!
//! serde_json gives line and column; the JSON path is found by scanning the text up to that
//! point, and only once parsing has failed, so the success path pays nothing (E8).

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

/// Why a body could not be read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    /// What is wrong, without the position.
    pub message: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in bytes, from 1; 0 when the input ended.
    pub column: usize,
    /// The JSON path of the value being read, such as `messages[2].content`; empty at the root.
    pub path: String,
    /// Whether the text is not JSON at all, as opposed to JSON of another shape.
    pub syntax: bool,
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at line {} column {}",
            self.message, self.line, self.column
        )?;
        if !self.path.is_empty() {
            write!(f, " ({})", self.path)?;
        }
        Ok(())
    }
}

impl std::error::Error for JsonError {}

/// Parses a body.
pub fn from_slice<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, JsonError> {
    serde_json::from_slice(body).map_err(|error| locate(&error, body))
}

/// Parses a text.
pub fn from_str<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, JsonError> {
    serde_json::from_str(text).map_err(|error| locate(&error, text.as_bytes()))
}

/// Serialises to a string. Wire types have string keys and finite numbers, so this cannot fail.
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> String {
    serde_json::to_string(value).expect("wire types serialise")
}

/// Serialises to bytes.
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    serde_json::to_vec(value).expect("wire types serialise")
}

/// Serialises to the end of `out`.
pub fn write_to<T: Serialize + ?Sized>(out: &mut bytes::BytesMut, value: &T) {
    use bytes::BufMut;
    serde_json::to_writer(out.writer(), value).expect("wire types serialise");
}

fn locate(error: &serde_json::Error, body: &[u8]) -> JsonError {
    let text = error.to_string();
    let message = match text.rfind(" at line ") {
        Some(end) => text.get(..end).unwrap_or(&text).to_owned(),
        None => text,
    };
    JsonError {
        message,
        line: error.line(),
        column: error.column(),
        path: path_at(body, offset_of(body, error.line(), error.column())),
        syntax: !error.is_data(),
    }
}

fn offset_of(body: &[u8], line: usize, column: usize) -> usize {
    let start = match line.checked_sub(2) {
        None => 0,
        Some(nth) => memchr::memchr_iter(b'\n', body)
            .nth(nth)
            .map_or(body.len(), |at| at + 1),
    };
    (start + column).min(body.len())
}

/// The path of the innermost value that has begun before `end`.
fn path_at(body: &[u8], end: usize) -> String {
    enum Level {
        Object(String),
        Array(usize),
    }
    let mut levels: Vec<Level> = Vec::new();
    let mut expects_key = false;
    let mut at = 0;
    while at < end {
        match body[at] {
            b'{' => {
                levels.push(Level::Object(String::new()));
                expects_key = true;
            }
            b'[' => {
                levels.push(Level::Array(0));
                expects_key = false;
            }
            b'}' | b']' if at + 1 < end => {
                levels.pop();
            }
            b',' => match levels.last_mut() {
                Some(Level::Array(index)) => *index += 1,
                Some(Level::Object(_)) => expects_key = true,
                None => {}
            },
            b'"' => {
                let start = at + 1;
                at = start;
                while at < end && body[at] != b'"' {
                    at += if body[at] == b'\\' { 2 } else { 1 };
                }
                if expects_key && at < end {
                    if let Some(Level::Object(key)) = levels.last_mut() {
                        *key = String::from_utf8_lossy(&body[start..at]).into_owned();
                    }
                    expects_key = false;
                }
            }
            _ => {}
        }
        at += 1;
    }
    let mut path = String::new();
    for level in &levels {
        match level {
            Level::Object(key) if key.is_empty() => {}
            Level::Object(key) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
            }
            Level::Array(index) => {
                write!(path, "[{index}]").expect("a String takes any text");
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_line_column_and_path() {
        let body = b"{\n \"a\": [1, {\"b\": tru}]\n}";
        let error = from_slice::<serde_json::Value>(body).unwrap_err();
        assert_eq!((error.line, error.path.as_str()), (2, "a[1].b"));
        assert!(error.syntax);
    }

    #[test]
    fn a_wrong_type_is_not_a_syntax_error() {
        let error = from_slice::<Vec<u8>>(b"[1, \"x\"]").unwrap_err();
        assert!(!error.syntax);
        assert_eq!(error.path, "[1]");
        assert!(error.message.contains("invalid type"), "{error}");
    }
}
