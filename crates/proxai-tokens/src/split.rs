//! Cuts text into the pieces that are tokenised one by one.
//!
//! The pattern is the one published with o200k_base
//! (<https://github.com/openai/tiktoken/blob/main/tiktoken_ext/openai_public.py>,
//! release 0.14.0):
//!
//! ```text
//! [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//! [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
//! \p{N}{1,3}
//!  ?[^\s\p{L}\p{N}]+[\r\n/]*
//! \s*[\r\n]+
//! \s+(?!\S)
//! \s+
//! ```
//!
//! It is matched by hand: the look-ahead rules out the linear engines, and a backtracking one is
//! no thing to run on a stranger's text. What backtracking would find is said beside the code. No
//! character is looked at more than a few times, whatever the text.

use crate::classes::{CASELESS, Classes, LOWER, MARK, NEWLINE, NUMBER, OTHER, SPACE, UPPER};

/// What may begin a word.
const HEAD: u8 = UPPER | CASELESS | MARK;
/// What may end a word.
const TAIL: u8 = LOWER | CASELESS | MARK;
/// What may stand before a word and belong to its piece.
const PREFIX: u8 = SPACE | MARK | OTHER;
/// What makes up pieces of punctuation.
const PUNCTUATION: u8 = MARK | OTHER;
/// White space.
const BLANK: u8 = SPACE | NEWLINE;

/// Most digits in one piece.
const DIGITS: usize = 3;

/// The pieces of a text, in order; joined they are the text.
pub(crate) struct Pieces<'t> {
    rest: &'t str,
    classes: &'static Classes,
}

/// A run of characters that may begin a word.
struct Head {
    /// Where it ends.
    end: usize,
    /// The end of the last character in it that may also end a word.
    last_tail: Option<usize>,
}

impl<'t> Pieces<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            rest: text,
            classes: Classes::get(),
        }
    }

    /// Class and end of the character at `at`; class 0, which is in no set, behind the text.
    fn look(&self, at: usize) -> (u8, usize) {
        let bytes = self.rest.as_bytes();
        match bytes.get(at) {
            None => (0, at),
            Some(byte) if byte.is_ascii() => (self.classes.of(char::from(*byte)), at + 1),
            Some(_) => self
                .rest
                .get(at..)
                .and_then(|rest| rest.chars().next())
                .map_or((0, at), |character| {
                    (self.classes.of(character), at + character.len_utf8())
                }),
        }
    }

    /// The end of the run of characters in `set` that begins at `at`.
    fn run(&self, mut at: usize, set: u8) -> usize {
        loop {
            let (class, end) = self.look(at);
            if class & set == 0 {
                return at;
            }
            at = end;
        }
    }

    fn head(&self, at: usize) -> Head {
        let mut head = Head {
            end: at,
            last_tail: None,
        };
        loop {
            let (class, end) = self.look(head.end);
            if class & HEAD == 0 {
                return head;
            }
            head.end = end;
            if class & TAIL != 0 {
                head.last_tail = Some(end);
            }
        }
    }

    /// The end of a word of the first form behind `head`.
    ///
    /// Without a lower case letter behind the head, the head gives back characters until one is
    /// left that may end a word; what follows that one cannot, or it would have been kept.
    fn lower_word(&self, head: &Head) -> Option<usize> {
        let end = self.run(head.end, TAIL);
        if end > head.end {
            Some(end)
        } else {
            head.last_tail
        }
    }

    /// The end of the word at the start of the rest, without contraction.
    fn word(&self, class: u8, end: usize) -> Option<usize> {
        if class & PREFIX == 0 {
            let head = self.head(0);
            let upper = (head.end > 0).then_some(head.end);
            return self.lower_word(&head).or(upper);
        }
        let behind = self.head(end);
        if let Some(word) = self.lower_word(&behind) {
            return Some(word);
        }
        // A mark is also a letter of the word, and the first form is tried with it as one before
        // the second form is tried at all.
        if class == MARK {
            return self.lower_word(&self.head(0));
        }
        (behind.end > end).then_some(behind.end)
    }

    /// The end of the contraction at `at`, or `at`.
    fn contraction(&self, at: usize) -> usize {
        let rest = self.rest.as_bytes().get(at..).unwrap_or_default();
        let [b'\'', rest @ ..] = rest else {
            return at;
        };
        match rest {
            [first, ..] if b"stmdSTMD".contains(first) => at + 2,
            // Case folding knows a third s, U+017F.
            [0xc5, 0xbf, ..] => at + 3,
            [first, second, ..] => {
                match [first.to_ascii_lowercase(), second.to_ascii_lowercase()].as_slice() {
                    b"re" | b"ve" | b"ll" => at + 3,
                    _ => at,
                }
            }
            _ => at,
        }
    }

    fn number(&self) -> usize {
        let mut at = 0;
        for _ in 0..DIGITS {
            at = match self.look(at) {
                (NUMBER, end) => end,
                _ => break,
            };
        }
        at
    }

    /// The end of the punctuation at the start of the rest, with a space before and with line
    /// ends and slashes behind.
    fn punctuation(&self) -> Option<usize> {
        let start = usize::from(self.rest.starts_with(' '));
        let mut end = self.run(start, PUNCTUATION);
        if end == start {
            return None;
        }
        while let Some(b'\r' | b'\n' | b'/') = self.rest.as_bytes().get(end) {
            end += 1;
        }
        Some(end)
    }

    /// The end of the white space at the start of the rest: up to its last line end if it has
    /// one; else, if something follows, without the last character, which belongs to what follows.
    fn blank(&self) -> usize {
        let end = self.run(0, BLANK);
        let blank = self.rest.get(..end).unwrap_or_default();
        if let Some(last) = blank.rfind(['\r', '\n']) {
            return last + 1;
        }
        let last = blank.chars().next_back().map_or(0, char::len_utf8);
        if end == self.rest.len() || end == last {
            end
        } else {
            end - last
        }
    }

    fn piece_end(&self) -> usize {
        let (class, end) = self.look(0);
        if class & (PREFIX | UPPER | LOWER | CASELESS) != 0
            && let Some(word) = self.word(class, end)
        {
            return self.contraction(word);
        }
        if class == NUMBER {
            return self.number();
        }
        self.punctuation().unwrap_or_else(|| self.blank())
    }
}

impl<'t> Iterator for Pieces<'t> {
    type Item = &'t str;

    fn next(&mut self) -> Option<&'t str> {
        if self.rest.is_empty() {
            return None;
        }
        let (piece, rest) = self.rest.split_at(self.piece_end());
        self.rest = rest;
        Some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<&str> {
        Pieces::new(text).collect()
    }

    #[test]
    fn words_take_one_character_before_them_and_a_contraction_behind() {
        assert_eq!(
            pieces("I'll say: hello, WORLD's end"),
            ["I'll", " say", ":", " hello", ",", " WORLD's", " end"]
        );
        assert_eq!(
            pieces("(foo)\u{17f}x'\u{17f}y"),
            ["(foo", ")\u{17f}x'\u{17f}", "y"]
        );
        assert_eq!(pieces("x'LLama 'tis"), ["x'LL", "ama", " '", "tis"]);
    }

    #[test]
    fn case_changes_end_a_word() {
        assert_eq!(
            pieces("HTTPServer camelCase XMLHttp"),
            ["HTTPServer", " camel", "Case", " XMLHttp"]
        );
        assert_eq!(pieces("中AB中文c"), ["中AB中文c"]);
        assert_eq!(pieces("中AB"), ["中", "AB"]);
        assert_eq!(pieces("中A中BC"), ["中A中", "BC"]);
    }

    #[test]
    fn marks_are_letters_and_prefixes() {
        assert_eq!(pieces("\u{301}AB"), ["\u{301}", "AB"]);
        assert_eq!(pieces("\u{301}ab"), ["\u{301}ab"]);
        assert_eq!(pieces("-\u{301}-"), ["-\u{301}", "-"]);
    }

    #[test]
    fn digits_come_in_threes() {
        assert_eq!(pieces("12345 6"), ["123", "45", " ", "6"]);
    }

    #[test]
    fn white_space_leaves_its_last_character_to_what_follows() {
        assert_eq!(pieces("a   b"), ["a", "  ", " b"]);
        assert_eq!(pieces("a   "), ["a", "   "]);
        assert_eq!(pieces("a \n\n  b"), ["a", " \n\n", " ", " b"]);
        assert_eq!(
            pieces("a\u{3000}\u{3000}1"),
            ["a", "\u{3000}", "\u{3000}", "1"]
        );
    }

    #[test]
    fn punctuation_takes_line_ends_and_slashes_behind_it() {
        assert_eq!(pieces("{\r\n\n// x"), ["{\r\n\n//", " x"]);
        assert_eq!(pieces(" =>\n"), [" =>\n"]);
        assert_eq!(pieces("👩‍👩‍👧 ok"), ["👩‍👩‍👧", " ok"]);
    }
}
