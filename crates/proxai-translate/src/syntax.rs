//! Tells whether text that comes in pieces is one JSON object, and where it closes.
//!
//! Nothing is kept but the place in the grammar, so the arguments of a call need not be held until
//! they are whole (case 30). It is as strict as the readers of the clients: no comma too many, no
//! bare line end in a string. What escapes stand for is not looked at.

/// How deep an object may be nested; what is deeper no client reads.
const MAX_DEPTH: usize = 512;

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// The object itself.
    Object,
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
    /// Inside a string; `true` for the name of a member.
    String(bool),
    Escape(bool),
    /// Hex digits that are still missing.
    Hex(bool, u8),
    /// What is missing of `true`, `false` or `null`.
    Literal(&'static [u8]),
    Number(Number),
    Closed,
    Broken,
}

/// What of a number has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    Power,
    Sign,
    Exponent,
}

impl Number {
    const fn after(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Minus, b'0') => Self::Zero,
            (Self::Minus, b'1'..=b'9') | (Self::Whole, b'0'..=b'9') => Self::Whole,
            (Self::Zero | Self::Whole, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Zero | Self::Whole | Self::Fraction, b'e' | b'E') => Self::Power,
            (Self::Power, b'+' | b'-') => Self::Sign,
            (Self::Power | Self::Sign | Self::Exponent, b'0'..=b'9') => Self::Exponent,
            _ => return None,
        })
    }

    const fn may_end(self) -> bool {
        matches!(
            self,
            Self::Zero | Self::Whole | Self::Fraction | Self::Exponent
        )
    }
}

/// Follows one object.
#[derive(Clone, Debug)]
pub(crate) struct Syntax {
    next: Next,
    /// What is open: `true` for an object.
    open: Vec<bool>,
}

impl Default for Syntax {
    fn default() -> Self {
        Self {
            next: Next::Object,
            open: Vec::new(),
        }
    }
}

impl Syntax {
    /// Takes the next piece up to where the object closes, and tells how much that was; `None` if
    /// it does not close in it.
    pub(crate) fn close(&mut self, text: &str) -> Option<usize> {
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if let Next::String(_) = self.next {
                let plain = |byte: &u8| !matches!(byte, b'"' | b'\\' | ..=0x1f);
                let rest = &bytes[at..];
                let length = rest.iter().position(|byte| !plain(byte));
                at += length.unwrap_or(rest.len());
                let Some(byte) = bytes.get(at) else { break };
                self.step(*byte);
            } else {
                self.step(*byte);
            }
            at += 1;
            match self.next {
                Next::Closed => return Some(at),
                Next::Broken => return None,
                _ => {}
            }
        }
        None
    }

    /// Whether it can no longer become an object.
    pub(crate) const fn broken(&self) -> bool {
        matches!(self.next, Next::Broken)
    }

    fn step(&mut self, byte: u8) {
        if let Next::Number(number) = self.next {
            if let Some(more) = number.after(byte) {
                self.next = Next::Number(more);
                return;
            }
            self.next = if number.may_end() {
                Next::CommaOrEnd
            } else {
                Next::Broken
            };
        }
        let between = !matches!(
            self.next,
            Next::String(_) | Next::Escape(_) | Next::Hex(..) | Next::Literal(_)
        );
        if between && matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            return;
        }
        self.next = match (self.next, byte) {
            (Next::Object, b'{') => self.enter(true),
            (Next::Value | Next::ValueOrEnd, _) if byte != b']' => self.value(byte),
            (Next::ValueOrEnd | Next::CommaOrEnd, b']') => self.leave(false),
            (Next::KeyOrEnd | Next::CommaOrEnd, b'}') => self.leave(true),
            (Next::Key | Next::KeyOrEnd, b'"') => Next::String(true),
            (Next::CommaOrEnd, b',') if self.open.last() == Some(&true) => Next::Key,
            (Next::Colon, b':') | (Next::CommaOrEnd, b',') => Next::Value,
            (Next::String(true), b'"') => Next::Colon,
            (Next::String(false), b'"') => Next::CommaOrEnd,
            (Next::String(key), b'\\') => Next::Escape(key),
            (Next::Escape(key), b'u') => Next::Hex(key, 4),
            (Next::Escape(key), b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                Next::String(key)
            }
            (Next::Hex(key, left), _) if byte.is_ascii_hexdigit() => match left {
                1 => Next::String(key),
                _ => Next::Hex(key, left - 1),
            },
            (Next::Literal([first, rest @ ..]), _) if *first == byte => match rest {
                [] => Next::CommaOrEnd,
                _ => Next::Literal(rest),
            },
            _ => Next::Broken,
        };
    }

    fn value(&mut self, byte: u8) -> Next {
        match byte {
            b'{' => self.enter(true),
            b'[' => self.enter(false),
            b'"' => Next::String(false),
            b't' => Next::Literal(b"rue"),
            b'f' => Next::Literal(b"alse"),
            b'n' => Next::Literal(b"ull"),
            b'-' => Next::Number(Number::Minus),
            b'0' => Next::Number(Number::Zero),
            b'1'..=b'9' => Next::Number(Number::Whole),
            _ => Next::Broken,
        }
    }

    fn enter(&mut self, object: bool) -> Next {
        if self.open.len() == MAX_DEPTH {
            return Next::Broken;
        }
        self.open.push(object);
        if object {
            Next::KeyOrEnd
        } else {
            Next::ValueOrEnd
        }
    }

    fn leave(&mut self, object: bool) -> Next {
        if self.open.pop() != Some(object) {
            Next::Broken
        } else if self.open.is_empty() {
            Next::Closed
        } else {
            Next::CommaOrEnd
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The end of the object, and whether it is broken, at every split of the text.
    fn read(text: &str) -> (Option<usize>, bool) {
        let mut found = Vec::new();
        for cut in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
            let mut syntax = Syntax::default();
            let end = syntax.close(&text[..cut]).or_else(|| {
                let more = syntax.close(&text[cut..])?;
                Some(cut + more)
            });
            found.push((end, syntax.broken()));
        }
        assert!(found.windows(2).all(|pair| pair[0] == pair[1]), "{text}");
        found.swap_remove(0)
    }

    #[test]
    fn what_a_reader_of_json_takes_is_taken_and_nothing_else() {
        for text in [
            "{}",
            " { } ",
            r#"{"a":"}\"{\\\u00e9/é","b":[1,{"c":-2.5e+10}],"d":[],"e":[true,false,null,0]}"#,
            "{\"a\"\n:\t1 , \"b\":{ } }",
            r#"{"a":1E5,"a":0.1}"#,
        ] {
            assert!(serde_json::from_str::<serde_json::Value>(text).is_ok());
            assert_eq!(read(text), (Some(text.trim_end().len()), false), "{text}");
        }
        for text in [
            r#"{"a":}"#,
            r#"{"a" 1}"#,
            r#"{"a":1,}"#,
            r#"{"a":[1,]}"#,
            r"{a:1}",
            r#"{"a":tru}"#,
            r#"{"a":True}"#,
            r#"{"a":01}"#,
            r#"{"a":1.}"#,
            r#"{"a":-}"#,
            r#"{"a":1e}"#,
            r#"{"a":+1}"#,
            r#"{"a":[1}]"#,
            "{\"a\":\"\n\"}",
            r#"{"a":"\x"}"#,
            r#"{"a":"\u00g0"}"#,
            r#"{"a":1 2}"#,
            r"{,}",
            r#"["a"]"#,
            "x",
        ] {
            assert!(
                !text.starts_with('{') || serde_json::from_str::<serde_json::Value>(text).is_err()
            );
            assert_eq!(read(text), (None, true), "{text}");
        }
        for text in ["", " ", "{", r#"{"a"#, r#"{"a":-"#, r#"{"a":"\u0"#] {
            assert_eq!(read(text), (None, false), "{text}");
        }
        assert_eq!(read(r#"{"a":1}{"b":2}"#), (Some(7), false));
        let deep = format!("{{\"a\":{}", "[".repeat(MAX_DEPTH));
        assert!(read(&deep[..deep.len() - 1]) == (None, false) && read(&deep) == (None, true));
    }
}
