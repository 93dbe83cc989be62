//! Finds the spans of a document's members without building anything.
//!
//! Strings are skipped with `memchr`, so the cost of a large body is that of reading it once. The
//! scan checks structure, literals and number characters; it does not check escapes or UTF-8,
//! which the reader of a value does.

use std::borrow::Cow;
use std::fmt;

/// How deep a document may nest. serde_json stops at the same depth.
const MAX_DEPTH: usize = 128;

/// A range of bytes in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The bytes of the span.
    pub fn of(self, body: &[u8]) -> &[u8] {
        &body[self.start..self.end]
    }

    /// The span as a string value, unescaped; `None` if it is not a string.
    pub fn string(self, body: &[u8]) -> Option<Cow<'_, str>> {
        let text = std::str::from_utf8(self.of(body)).ok()?;
        let inner = text.strip_prefix('"')?.strip_suffix('"')?;
        if inner.contains('\\') {
            serde_json::from_str::<String>(text).ok().map(Cow::Owned)
        } else {
            Some(Cow::Borrowed(inner))
        }
    }

    /// The first byte, which tells the kind of the value.
    pub fn kind(self, body: &[u8]) -> u8 {
        body[self.start]
    }
}

/// A member of an object or an element of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    /// The key with its quotes; `None` in an array.
    pub key: Option<Span>,
    /// The value.
    pub value: Span,
}

impl Item {
    /// Where the item begins: at its key, if it has one.
    pub fn start(&self) -> usize {
        self.key.map_or(self.value.start, |key| key.start)
    }
}

/// The direct members of an object or elements of an array.
#[derive(Clone, Debug)]
pub struct Container {
    /// From the opening to past the closing bracket.
    pub span: Span,
    /// The items in order.
    pub items: Vec<Item>,
}

impl Container {
    /// Scans the object or array at `span`.
    pub fn scan(body: &[u8], span: Span) -> Result<Self, ScanError> {
        let mut scanner = Scanner {
            body,
            at: span.start,
        };
        scanner.container()
    }

    /// The last member called `key`, however the key is escaped: a reader behind us unescapes it.
    pub fn get(&self, body: &[u8], key: &str) -> Option<&Item> {
        self.items.iter().rev().find(|item| item.is(body, key))
    }

    /// The value of the last member called `key`.
    pub fn value(&self, body: &[u8], key: &str) -> Option<Span> {
        self.get(body, key).map(|item| item.value)
    }

    /// The container at member `key`, if it is an object or array.
    pub fn child(&self, body: &[u8], key: &str) -> Option<Self> {
        let span = self.value(body, key)?;
        matches!(span.kind(body), b'{' | b'[').then(|| Self::scan(body, span).ok())?
    }

    /// How many members are called `key`.
    pub fn count(&self, body: &[u8], key: &str) -> usize {
        self.items.iter().filter(|item| item.is(body, key)).count()
    }
}

impl Item {
    /// Whether it is the member called `key`.
    pub(crate) fn is(&self, body: &[u8], key: &str) -> bool {
        self.key.is_some_and(|span| {
            let name = &body[span.start + 1..span.end - 1];
            name == key.as_bytes()
                || name.len() > key.len()
                    && name.contains(&b'\\')
                    && span.string(body).is_some_and(|name| name == key)
        })
    }
}

/// A body whose top-level members are known.
#[derive(Clone, Debug)]
pub struct Doc<'a> {
    /// The body.
    pub body: &'a [u8],
    /// Its top-level object.
    pub root: Container,
}

impl<'a> Doc<'a> {
    /// Scans a body, which must be one object.
    pub fn scan(body: &'a [u8]) -> Result<Self, ScanError> {
        let mut scanner = Scanner { body, at: 0 };
        if body.starts_with(b"\xef\xbb\xbf") {
            scanner.at = 3;
        }
        scanner.space();
        if scanner.peek() != Some(b'{') {
            return Err(scanner.error("expected a JSON object"));
        }
        let root = scanner.container()?;
        scanner.space();
        if scanner.at < body.len() {
            return Err(scanner.error("trailing characters"));
        }
        Ok(Self { body, root })
    }

    /// The value of a top-level member.
    pub fn get(&self, key: &str) -> Option<Span> {
        self.root.value(self.body, key)
    }

    /// A top-level string.
    pub fn str(&self, key: &str) -> Option<Cow<'a, str>> {
        self.get(key)?.string(self.body)
    }

    /// Whether a top-level member is `true`.
    pub fn is_true(&self, key: &str) -> bool {
        self.get(key)
            .is_some_and(|span| span.of(self.body) == b"true")
    }

    /// A top-level member that is an object or an array.
    pub fn child(&self, key: &str) -> Option<Container> {
        self.root.child(self.body, key)
    }
}

/// Where and why a document is not JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanError {
    /// Byte offset of the problem.
    pub offset: usize,
    /// What was wrong there.
    pub message: &'static str,
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.message, self.offset)
    }
}

impl std::error::Error for ScanError {}

struct Scanner<'a> {
    body: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn error(&self, message: &'static str) -> ScanError {
        ScanError {
            offset: self.at,
            message,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\r' | b'\t')) {
            self.at += 1;
        }
    }

    /// Reads the container at the cursor, listing its items.
    fn container(&mut self) -> Result<Container, ScanError> {
        let start = self.at;
        let mut items = Vec::new();
        self.items(MAX_DEPTH, |item| items.push(item))?;
        Ok(Container {
            span: Span {
                start,
                end: self.at,
            },
            items,
        })
    }

    fn items(&mut self, depth: usize, mut each: impl FnMut(Item)) -> Result<(), ScanError> {
        let close = match self.peek() {
            Some(b'{') => b'}',
            Some(b'[') => b']',
            _ => return Err(self.error("expected an object or an array")),
        };
        let Some(depth) = depth.checked_sub(1) else {
            return Err(self.error("nested too deeply"));
        };
        self.at += 1;
        self.space();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(());
        }
        loop {
            let key = if close == b'}' {
                let start = self.at;
                self.string()?;
                let key = Span {
                    start,
                    end: self.at,
                };
                self.space();
                if self.peek() != Some(b':') {
                    return Err(self.error("expected `:`"));
                }
                self.at += 1;
                self.space();
                Some(key)
            } else {
                None
            };
            let start = self.at;
            self.value(depth)?;
            each(Item {
                key,
                value: Span {
                    start,
                    end: self.at,
                },
            });
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(byte) if byte == close => {
                    self.at += 1;
                    return Ok(());
                }
                Some(_) => return Err(self.error("expected `,` or a closing bracket")),
                None => return Err(self.error("unexpected end of input")),
            }
            self.space();
        }
    }

    fn value(&mut self, depth: usize) -> Result<(), ScanError> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'{' | b'[') => self.items(depth, |_| ()),
            Some(b't') => self.literal(b"true"),
            Some(b'f') => self.literal(b"false"),
            Some(b'n') => self.literal(b"null"),
            Some(b'-' | b'0'..=b'9') => {
                while matches!(
                    self.peek(),
                    Some(b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
                ) {
                    self.at += 1;
                }
                Ok(())
            }
            Some(_) => Err(self.error("expected a value")),
            None => Err(self.error("unexpected end of input")),
        }
    }

    fn literal(&mut self, literal: &[u8]) -> Result<(), ScanError> {
        if self.body[self.at..].starts_with(literal) {
            self.at += literal.len();
            Ok(())
        } else {
            Err(self.error("expected a value"))
        }
    }

    fn string(&mut self) -> Result<(), ScanError> {
        if self.peek() != Some(b'"') {
            return Err(self.error("expected a string"));
        }
        let start = self.at + 1;
        let mut from = start;
        // Only quotes are looked for: text is full of `\n`, and to stop at each backslash costs
        // more than to look back from the few quotes that are escaped.
        while let Some(found) = memchr::memchr(b'"', self.body.get(from..).unwrap_or_default()) {
            let quote = from + found;
            let text = &self.body[start..quote];
            let escapes = text.iter().rev().take_while(|byte| **byte == b'\\').count();
            from = quote + 1;
            if escapes % 2 == 0 {
                self.at = from;
                return Ok(());
            }
        }
        self.at = self.body.len();
        Err(self.error("unterminated string"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader behind us would take the escaped one for the same member, and the last one counts.
    #[test]
    fn a_key_with_escapes_is_the_same_key() {
        let body = br#"{"model":"a","mod\u0065l":"b"}"#;
        let doc = Doc::scan(body).unwrap();
        assert_eq!(doc.str("model").unwrap(), "b");
        assert_eq!(doc.root.count(body, "model"), 2);
    }

    #[test]
    fn top_level_members_are_found_with_their_spelling() {
        let body = br#" { "model" : "a\"b" , "n":1.0e2, "stream":true,"x":{"y":[1,{}]} } "#;
        let doc = Doc::scan(body).unwrap();
        assert_eq!(doc.str("model").unwrap(), "a\"b");
        assert!(doc.is_true("stream"));
        assert_eq!(doc.get("n").unwrap().of(body), b"1.0e2");
        let inner = doc.child("x").unwrap().child(body, "y").unwrap();
        assert_eq!(inner.items.len(), 2);
    }

    #[test]
    fn every_truncation_is_an_error() {
        let body = br#"{"a":[true,null,-1.5,"x\\"],"b":{"c":""}}"#;
        assert!(Doc::scan(body).is_ok());
        for end in 0..body.len() {
            assert!(Doc::scan(&body[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn a_quote_ends_a_string_only_behind_an_even_number_of_backslashes() {
        for (body, value) in [
            (r#"{"a":"","b":1}"#, r#""""#),
            (r#"{"a":"\\","b":1}"#, r#""\\""#),
            (r#"{"a":"\"","b":1}"#, r#""\"""#),
            (r#"{"a":"\\\"\n","b":1}"#, r#""\\\"\n""#),
        ] {
            let doc = Doc::scan(body.as_bytes()).unwrap();
            assert_eq!(doc.get("a").unwrap().of(body.as_bytes()), value.as_bytes());
            assert!(doc.get("b").is_some());
        }
        assert!(Doc::scan(br#"{"a":"\"}"#).is_err());
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for body in [
            "",
            "[]",
            "{\"a\" 1}",
            "{\"a\":tru}",
            "{\"a\":1,}",
            "{\"a\":1}x",
            "{a:1}",
        ] {
            assert!(Doc::scan(body.as_bytes()).is_err(), "{body}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
        assert_eq!(
            Doc::scan(deep.as_bytes()).unwrap_err().message,
            "nested too deeply"
        );
    }
}
