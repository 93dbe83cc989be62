//! Rust source split into code and string literals, as far as the rules need it.
//!
//! This is a scanner, not a parser: it knows comments, all forms of strings and characters, and
//! where a `#[cfg(test)]` item ends. Code keeps its byte positions, so a position still tells the
//! line. Literals are kept as written; escapes are not resolved.

use std::ops::Range;

#[derive(Debug)]
pub(super) struct RustText {
    /// The source with comments and the insides of literals replaced by spaces.
    code: String,
    literals: Vec<Literal>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Literal {
    pub(super) text: String,
    /// Of the opening quote, in bytes.
    start: usize,
}

impl RustText {
    pub(super) fn scan(source: &str) -> Self {
        Scanner {
            source,
            code: source.as_bytes().to_vec(),
            literals: Vec::new(),
        }
        .scan()
    }

    /// The same text without its `#[cfg(test)]` items.
    pub(super) fn without_tests(mut self) -> Self {
        const MARK: &str = "#[cfg(test)]";
        let mut from = 0;
        while let Some(found) = self.code[from..].find(MARK) {
            let start = from + found;
            let end = end_of_item(&self.code, start + MARK.len());
            let blank = blanked(&self.code[start..end]);
            self.code.replace_range(start..end, &blank);
            self.literals
                .retain(|literal| !(start..end).contains(&literal.start));
            from = end;
        }
        self
    }

    /// The string literals with the line each begins in.
    pub(super) fn literals(&self) -> impl Iterator<Item = (usize, &str)> {
        self.literals
            .iter()
            .map(|literal| (self.line_of(literal.start), literal.text.as_str()))
    }

    /// The string literals in places that `fit`, with the line each begins in. It sees the code
    /// before the literal and behind it, without white space in between.
    pub(super) fn literals_between(&self, fit: impl Fn(&str, &str) -> bool) -> Vec<(usize, &str)> {
        self.literals
            .iter()
            .filter(|literal| {
                let (before, rest) = self.code.split_at(literal.start);
                let behind = rest.trim_start_matches(|c: char| c == '"' || c.is_whitespace());
                fit(before.trim_end(), behind)
            })
            .map(|literal| (self.line_of(literal.start), literal.text.as_str()))
            .collect()
    }

    /// The lines in which `path` stands as a whole name or as the beginning of a longer path.
    pub(super) fn lines_naming(&self, path: &str) -> Vec<usize> {
        self.code
            .match_indices(path)
            .map(|(at, _)| at..at + path.len())
            .filter(|range| self.is_whole_name(range))
            .map(|range| self.line_of(range.start))
            .collect()
    }

    /// The lines of groups such as `crate::{name, other::X}` that have `name` at their first level.
    pub(super) fn lines_grouping(&self, root: &str, name: &str) -> Vec<usize> {
        let open = format!("{root}::{{");
        let mut lines = Vec::new();
        for (at, _) in self.code.match_indices(&open) {
            if group_items(&self.code[at + open.len()..])
                .any(|item| item.split([':', ' ']).next() == Some(name))
            {
                lines.push(self.line_of(at));
            }
        }
        lines
    }

    fn is_whole_name(&self, range: &Range<usize>) -> bool {
        let before = self.code[..range.start].chars().next_back();
        let after = self.code[range.end..].chars().next();
        let name = &self.code[range.clone()];
        let open_end = name.ends_with(is_name_part) && after.is_some_and(is_name_part);
        !before.is_some_and(is_name_part) && !open_end
    }

    fn line_of(&self, position: usize) -> usize {
        1 + self.code[..position].matches('\n').count()
    }
}

fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn blanked(text: &str) -> String {
    text.bytes()
        .map(|byte| if byte == b'\n' { '\n' } else { ' ' })
        .collect()
}

/// The items of a braced group, whose opening brace has been taken, at its first level.
fn group_items(text: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    let mut end = text.len();
    let mut cuts = vec![0];
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                end = at;
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => cuts.push(at + 1),
            _ => {}
        }
    }
    cuts.push(end + 1);
    (0..cuts.len() - 1).map(move |i| text[cuts[i]..(cuts[i + 1] - 1).max(cuts[i])].trim())
}

/// Where the item that begins at `from` ends: after its `;`, or after the brace that closes it.
fn end_of_item(code: &str, from: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, c) in code[from..].char_indices() {
        let end = from + offset + c.len_utf8();
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 && c == '}' {
                    return end;
                }
            }
            ';' if depth == 0 => return end,
            _ => {}
        }
    }
    code.len()
}

struct Scanner<'a> {
    source: &'a str,
    code: Vec<u8>,
    literals: Vec<Literal>,
}

impl Scanner<'_> {
    fn scan(mut self) -> RustText {
        let mut at = 0;
        while at < self.source.len() {
            at = self.step(at);
        }
        RustText {
            // Only whole characters were replaced, by as many spaces as they had bytes.
            code: String::from_utf8_lossy(&self.code).into_owned(),
            literals: self.literals,
        }
    }

    /// Takes one thing at `at` and returns where the next begins.
    fn step(&mut self, at: usize) -> usize {
        let rest = &self.source[at..];
        if rest.starts_with("//") {
            let end = at + rest.find('\n').unwrap_or(rest.len());
            self.blank(at..end);
            return end;
        }
        if rest.starts_with("/*") {
            let end = at + block_comment(rest);
            self.blank(at..end);
            return end;
        }
        if let Some(body) = rest.strip_prefix('"') {
            let length = quoted_length(body, '"');
            return self.literal(at, at + 1, length, 1);
        }
        if let Some(hashes) = raw_string(rest)
            && !self.source[..at].ends_with(|c| is_name_part(c) && c != 'b' && c != 'c')
        {
            let start = at + 1 + hashes + 1;
            let close = format!("\"{}", "#".repeat(hashes));
            let body = &self.source[start..];
            let length = body.find(&close).unwrap_or(body.len());
            return self.literal(at, start, length, close.len());
        }
        if let Some(body) = rest.strip_prefix('\'') {
            let mut chars = body.chars();
            let is_char = match (chars.next(), chars.next()) {
                (Some('\\'), _) => true,
                (Some(first), Some('\'')) => first != '\'',
                _ => false,
            };
            // Otherwise it is a lifetime.
            if is_char {
                let end = (at + 1 + quoted_length(body, '\'') + 1).min(self.source.len());
                self.blank(at..end);
                return end;
            }
        }
        at + rest.chars().next().map_or(1, char::len_utf8)
    }

    fn literal(&mut self, at: usize, start: usize, length: usize, close: usize) -> usize {
        let end = start + length;
        self.literals.push(Literal {
            text: self.source[start..end].to_owned(),
            start: at,
        });
        self.blank(start..end);
        (end + close).min(self.source.len())
    }

    fn blank(&mut self, range: Range<usize>) {
        for byte in &mut self.code[range] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
    }
}

/// The length of a block comment; they nest.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The bytes before the closing quote, which an escape may not be.
fn quoted_length(text: &str, close: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == close {
            return at;
        }
    }
    text.len()
}

/// The number of hashes if a raw string begins here; `r#type` is a name.
fn raw_string(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('r')?;
    let hashes = rest.bytes().take_while(|byte| *byte == b'#').count();
    rest[hashes..].starts_with('"').then_some(hashes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literals(source: &str) -> Vec<(usize, String)> {
        RustText::scan(source)
            .literals()
            .map(|(line, text)| (line, text.to_owned()))
            .collect()
    }

    #[test]
    fn every_form_of_string_is_a_literal() {
        let source = "\"a\" b\"b\"\nr\"c\" r#\"d\"\"#\nbr##\"e\"#\"## \"\\\"f\" c\"g\"";
        let found: Vec<_> = literals(source).into_iter().map(|(_, text)| text).collect();
        assert_eq!(found, ["a", "b", "c", "d\"", "e\"#", "\\\"f", "g"]);
    }

    #[test]
    fn comments_characters_and_lifetimes_are_no_literals() {
        let source = "// \"a\"\n/* \"b\" /* \"c\" */ */ fn f<'x>(y: &'x u8) { '\"'; '\\''; 'é'; r#type }\n\"d\"";
        assert_eq!(literals(source), [(3, "d".to_owned())]);
    }

    #[test]
    fn an_unfinished_string_ends_with_the_file() {
        assert_eq!(literals("x \"abc"), [(1, "abc".to_owned())]);
        assert_eq!(literals("r#\"abc\""), [(1, "abc\"".to_owned())]);
    }

    #[test]
    fn names_are_found_whole_and_not_in_comments_or_strings() {
        let text = RustText::scan(
            "use proxai_chat::X; // proxai_chat\nlet a = \"proxai_chat\"; my_proxai_chat;\nproxai_chats; proxai_chat;",
        );
        assert_eq!(text.lines_naming("proxai_chat"), [1, 3]);
    }

    #[test]
    fn names_in_a_group_are_found_at_its_first_level() {
        let text = RustText::scan("use crate::{\n  a::{chat, b},\n  messages::X,\n};");
        assert_eq!(text.lines_grouping("crate", "messages"), [1]);
        assert_eq!(text.lines_grouping("crate", "a"), [1]);
        assert_eq!(text.lines_grouping("crate", "chat"), [] as [usize; 0]);
    }

    #[test]
    fn test_items_are_taken_out_and_what_follows_stays() {
        let source = "\"a\";\n#[cfg(test)]\n#[allow(x)]\nmod tests { fn f() { \"b\"; } }\n#[cfg(test)]\nmod more;\n\"c\"; name;";
        let text = RustText::scan(source).without_tests();
        let found: Vec<_> = text.literals().collect();
        assert_eq!(found, [(1, "a"), (7, "c")]);
        assert_eq!(text.lines_naming("name"), [7]);
        assert_eq!(text.lines_naming("more"), [] as [usize; 0]);
    }
}
