//! Takes the text out of `{"input":"…"}` while it streams.
//!
//! A tool that takes free text was offered as a function with one string, so the model writes a
//! JSON string where the client expects the text itself. Pieces are decoded as they come; an
//! object of another shape is kept and given out raw at the end, since guessing would corrupt it.

/// Longest text before the string begins that is still taken for the expected shape.
const MAX_HEAD: usize = 64;

/// Decodes one call's input.
#[derive(Debug, Default)]
pub(super) struct Unwrapper {
    state: State,
    /// What has not been decoded: the head, a cut escape, or everything once the shape is wrong.
    held: String,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    Inside,
    Done,
    OtherShape,
}

impl Unwrapper {
    /// Decodes another piece of JSON.
    pub(super) fn push(&mut self, piece: &str) -> String {
        let mut text = String::new();
        self.held.push_str(piece);
        if self.state == State::Head {
            match head_length(&self.held) {
                Head::Found(length) => {
                    self.held.drain(..length);
                    self.state = State::Inside;
                }
                Head::Incomplete if self.held.len() <= MAX_HEAD => {}
                Head::Incomplete | Head::Other => self.state = State::OtherShape,
            }
        }
        if self.state == State::Inside {
            let (used, ended) = decode(&self.held, &mut text);
            self.held.drain(..used);
            if ended {
                self.state = State::Done;
                self.held.clear();
            }
        }
        text
    }

    /// What is left when the call ends.
    pub(super) fn finish(self) -> String {
        match self.state {
            State::Head | State::OtherShape => self.held,
            State::Inside | State::Done => String::new(),
        }
    }
}

enum Head {
    Found(usize),
    Incomplete,
    Other,
}

/// The length of `{"input":"` with any white space between the tokens.
fn head_length(text: &str) -> Head {
    let mut at = 0;
    for token in ["{", "\"input\"", ":", "\""] {
        at = text.len() - text[at..].trim_start().len();
        let rest = &text[at..];
        if rest.len() < token.len() && token.starts_with(rest) {
            return Head::Incomplete;
        }
        if !rest.starts_with(token) {
            return Head::Other;
        }
        at += token.len();
    }
    Head::Found(at)
}

/// Decodes string content up to its closing quote or a cut escape; how much was used, and
/// whether the quote came.
fn decode(json: &str, text: &mut String) -> (usize, bool) {
    let bytes = json.as_bytes();
    let mut at = 0;
    loop {
        let plain = memchr::memchr2(b'"', b'\\', &bytes[at..]).unwrap_or(bytes.len() - at);
        text.push_str(&json[at..at + plain]);
        at += plain;
        match bytes.get(at) {
            None => return (at, false),
            Some(b'"') => return (at + 1, true),
            Some(_) => match escape(&json[at..]) {
                Some((character, length)) => {
                    text.push(character);
                    at += length;
                }
                None => return (at, false),
            },
        }
    }
}

/// The escape at the start of `json`; `None` while it is cut.
fn escape(json: &str) -> Option<(char, usize)> {
    let hex = |at: usize| -> Option<u32> {
        Some(u32::from_str_radix(json.get(at..at + 4)?, 16).unwrap_or(0xfffd))
    };
    let character = match json.as_bytes().get(1)? {
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'u' => {
            let first = hex(2)?;
            if (0xd800..0xdc00).contains(&first) {
                let low = json.get(6..8)?;
                if low != "\\u" {
                    return Some(('\u{fffd}', 6));
                }
                let second = hex(8)?;
                let code =
                    0x1_0000 + ((first - 0xd800) << 10) + (second.wrapping_sub(0xdc00) & 0x3ff);
                return Some((char::from_u32(code).unwrap_or('\u{fffd}'), 12));
            }
            return Some((char::from_u32(first).unwrap_or('\u{fffd}'), 6));
        }
        _ => json[1..].chars().next()?,
    };
    Some((character, 1 + character_length(json)))
}

fn character_length(json: &str) -> usize {
    json[1..].chars().next().map_or(0, char::len_utf8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unwrap(pieces: &[&str]) -> String {
        let mut unwrapper = Unwrapper::default();
        let mut text: String = pieces.iter().map(|piece| unwrapper.push(piece)).collect();
        text.push_str(&unwrapper.finish());
        text
    }

    #[test]
    fn the_text_is_the_same_wherever_the_json_is_cut() {
        let text = "a\"b\\c\n\té\u{1f600}/end";
        let json = format!(
            " {{ \"input\" : {} }}",
            serde_json::to_string(text).unwrap()
        );
        let escaped = json
            .replace('\u{1f600}', "\\ud83d\\ude00")
            .replace('é', "\\u00e9");
        for json in [json, escaped] {
            let cuts: Vec<usize> = (0..=json.len())
                .filter(|at| json.is_char_boundary(*at))
                .collect();
            for cut in cuts {
                assert_eq!(unwrap(&[&json[..cut], &json[cut..]]), text, "cut at {cut}");
            }
            let each: Vec<String> = json.chars().map(String::from).collect();
            assert_eq!(
                unwrap(&each.iter().map(String::as_str).collect::<Vec<_>>()),
                text
            );
        }
    }

    #[test]
    fn another_shape_is_given_out_raw() {
        for json in [r#"{"patch":"x"}"#, r#"{"input":1}"#, "plain", ""] {
            assert_eq!(unwrap(&[json]), json);
        }
    }
}
