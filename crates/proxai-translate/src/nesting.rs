//! Tells where a JSON object or array that comes in pieces closes, without parsing it.
//!
//! Only brackets and strings are looked at: whether the text is JSON is for whoever reads it.

/// How deep the text so far is nested.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Nesting {
    begun: bool,
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Nesting {
    /// Takes the next piece up to where the outermost bracket closes, and tells how much that was;
    /// `None` if it does not close in it. Brackets are ASCII, so the end is a character boundary.
    pub(crate) fn close(&mut self, text: &str) -> Option<usize> {
        for (at, byte) in text.bytes().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => {
                    self.begun = true;
                    self.depth += 1;
                }
                b'}' | b']' if self.depth > 0 => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(at + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Takes a whole piece.
    pub(crate) fn push(&mut self, mut text: &str) {
        while let Some(end) = self.close(text) {
            text = &text[end..];
        }
    }

    /// Whether something was opened and all of it is closed.
    pub(crate) const fn complete(self) -> bool {
        self.begun && self.depth == 0 && !self.in_string
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn braces_in_strings_do_not_count() {
        let mut nesting = Nesting::default();
        nesting.push(r#"{"a":"}\"#);
        nesting.push(r#""}","b":["#);
        assert!(!nesting.complete());
        nesting.push("]}");
        assert!(nesting.complete());
    }

    #[test]
    fn the_end_is_found_at_every_split() {
        let (text, surplus) = (r#"{"a":"}\"é{\\","b":[1,{"c":2}]}"#, " }{ x");
        let whole = format!("{text}{surplus}");
        for cut in (0..text.len()).filter(|at| text.is_char_boundary(*at)) {
            let mut nesting = Nesting::default();
            assert_eq!(nesting.close(&whole[..cut]), None, "cut at {cut}");
            assert_eq!(nesting.close(&whole[cut..]), Some(text.len() - cut));
            assert!(nesting.complete());
        }
    }

    #[test]
    fn what_is_opened_again_is_not_complete() {
        let mut nesting = Nesting::default();
        nesting.push("} ");
        assert!(!nesting.complete(), "nothing was opened");
        nesting.push("{}{");
        assert!(!nesting.complete());
        nesting.push("}");
        assert!(nesting.complete());
    }
}
