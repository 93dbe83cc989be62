//! `[IMAGE:…]` inside text (P11).
//!
//! A marker holds `data:image/…;base64,…` or an `http(s)` URL without white space. Anything else,
//! an unterminated one included, is just text. A URL may name an IPv6 host: the brackets of its
//! authority do not end the marker.

use proxai_types::Protocol;

use super::quoted;

/// What a marker begins with.
pub(super) const OPEN: &str = "[IMAGE:";

/// A stretch of a text.
#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    /// A URL, `data:` included.
    Image(&'a str),
}

/// The text as a comma-separated list of parts; `None` if there is no marker in it.
pub(super) fn parts(text: &str, protocol: Protocol) -> Option<Vec<u8>> {
    let pieces = split(text);
    if !pieces.iter().any(|piece| matches!(piece, Piece::Image(_))) {
        return None;
    }
    let written: Vec<Vec<u8>> = pieces
        .iter()
        .filter_map(|piece| match piece {
            Piece::Text(text) if text.trim().is_empty() => None,
            Piece::Text(text) => Some(text_part(text, protocol)),
            Piece::Image(url) => Some(image_part(url, protocol)),
        })
        .collect();
    Some(written.join(&b','))
}

fn split(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let (mut rest, mut from) = (text, 0);
    while let Some(found) = rest.get(from..).and_then(|tail| tail.find(OPEN)) {
        let at = from + found;
        let Some((url, length)) = marker(rest.split_at(at).1) else {
            from = at + OPEN.len();
            continue;
        };
        let (before, tail) = rest.split_at(at);
        if !before.is_empty() {
            pieces.push(Piece::Text(before));
        }
        pieces.push(Piece::Image(url));
        (rest, from) = (tail.split_at(length).1, 0);
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest));
    }
    pieces
}

/// The URL of a marker that `text` begins with, and the marker's length.
fn marker(text: &str) -> Option<(&str, usize)> {
    let inner = text.strip_prefix(OPEN)?;
    let host = ["https://[", "http://["]
        .into_iter()
        .find(|start| inner.starts_with(start));
    let skip = host.map_or(Some(0), |_| inner.find(']').map(|at| at + 1))?;
    let end = skip + inner.get(skip..)?.find(']')?;
    let url = inner.get(..end)?;
    is_image(url.trim()).then_some((url.trim(), OPEN.len() + end + 1))
}

fn is_image(url: &str) -> bool {
    if let Some((media_type, data)) = data_url(url) {
        return media_type.starts_with("image/")
            && !data.is_empty()
            && data
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"+/=-_".contains(&b));
    }
    let host = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    host.is_some_and(|rest| {
        !rest.is_empty() && !rest.chars().any(|c| c.is_whitespace() || c.is_control())
    })
}

/// Media type and data of a base64 `data:` URL.
fn data_url(url: &str) -> Option<(&str, &str)> {
    url.strip_prefix("data:")?.split_once(";base64,")
}

fn text_part(text: &str, protocol: Protocol) -> Vec<u8> {
    let kind = if protocol == Protocol::Responses {
        "input_text"
    } else {
        "text"
    };
    [
        format!(r#"{{"type":"{kind}","text":"#).as_bytes(),
        &quoted(text),
        b"}",
    ]
    .concat()
}

fn image_part(url: &str, protocol: Protocol) -> Vec<u8> {
    let json = quoted(url);
    match (protocol, data_url(url)) {
        (Protocol::Chat, _) => {
            [br#"{"type":"image_url","image_url":{"url":"#, &*json, b"}}"].concat()
        }
        (Protocol::Responses, _) => {
            [br#"{"type":"input_image","image_url":"#, &*json, b"}"].concat()
        }
        (Protocol::Messages, None) => [
            br#"{"type":"image","source":{"type":"url","url":"#,
            &*json,
            b"}}",
        ]
        .concat(),
        (Protocol::Messages, Some((media_type, data))) => [
            br#"{"type":"image","source":{"type":"base64","media_type":"#,
            &*quoted(media_type),
            br#","data":"#,
            &*quoted(data),
            b"}}",
        ]
        .concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Piece::{Image, Text};

    #[test]
    fn markers_are_found_in_order_and_malformed_ones_stay_text() {
        for (text, expected) in [
            ("plain", vec![Text("plain")]),
            ("[IMAGE:https://h/a]", vec![Image("https://h/a")]),
            (
                "a[IMAGE: https://h/a ]b",
                vec![Text("a"), Image("https://h/a"), Text("b")],
            ),
            (
                "[IMAGE:https://[::1]/a.png]x",
                vec![Image("https://[::1]/a.png"), Text("x")],
            ),
            ("[IMAGE:https://h/a", vec![Text("[IMAGE:https://h/a")]),
            ("[IMAGE:]", vec![Text("[IMAGE:]")]),
            ("[IMAGE:/etc/passwd]", vec![Text("[IMAGE:/etc/passwd]")]),
            (
                "[IMAGE:data:text/html;base64,QQ==]",
                vec![Text("[IMAGE:data:text/html;base64,QQ==]")],
            ),
            (
                "[IMAGE:data:image/png;base64,Q Q]",
                vec![Text("[IMAGE:data:image/png;base64,Q Q]")],
            ),
            (
                "[IMAGE:[IMAGE:http://h/é.png]",
                vec![Text("[IMAGE:"), Image("http://h/é.png")],
            ),
            (
                "é[IMAGE:x]é[IMAGE:http://h]é",
                vec![Text("é[IMAGE:x]é"), Image("http://h"), Text("é")],
            ),
        ] {
            assert_eq!(split(text), expected, "{text}");
        }
    }
}
