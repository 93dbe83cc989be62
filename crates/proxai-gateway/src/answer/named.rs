//! The model in an answer within one protocol, under the name by which the client asked (T12).
//!
//! Where proxai sent another name than the client's, the answer would tell that one, and it
//! matters: Claude Code takes an answer by another model for a switch of models and leaves the
//! thinking of earlier turns out of its next request (2.1.197, seen 2026-11-21). Where both names
//! are the same, a provider's own, such as a dated one, stands as it came (T1).
//!
//! Only the one member is found, by walking over what stands before it; nothing is parsed, and a
//! body that has none, or has it later than anybody writes it, keeps its bytes.

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memchr2, memmem};
use proxai_types::Protocol;

/// How far into an answer the member is looked for; the longest instructions stand before it.
const MAX_BEFORE: usize = 1 << 20;

/// In a Responses event the object that has the model stands this near to the beginning, or the
/// event has none.
const MAX_HEAD: usize = 256;

/// A whole answer, or its first piece.
pub(crate) fn answer(body: &Bytes, name: &str) -> Option<Bytes> {
    replaced(body, 0, 1, name)
}

/// A frame of a stream, as it is on the wire.
pub(crate) fn frame(protocol: Protocol, raw: &Bytes, name: &str) -> Option<Bytes> {
    let start = memchr(b'{', raw)?;
    let depth = match protocol {
        Protocol::Chat => 1,
        Protocol::Responses => {
            let head = raw.get(start..)?;
            let head = head.get(..MAX_HEAD).unwrap_or(head);
            memmem::find(head, b"\"response\"")?;
            2
        }
        Protocol::Messages => {
            let head = raw.get(..MAX_HEAD).unwrap_or(raw);
            memmem::find(head, b"message_start")?;
            2
        }
    };
    replaced(raw, start, depth, name)
}

/// `name` is put where the string is that is the `model` of an object at `depth`.
fn replaced(text: &Bytes, start: usize, depth: usize, name: &str) -> Option<Bytes> {
    let (from, to) = find(text.get(start..)?, depth)?;
    let (from, to) = (start + from, start + to);
    let name = proxai_json::to_vec(name);
    if text[from..to] == name[..] {
        return None;
    }
    let mut out = BytesMut::with_capacity(text.len() + name.len());
    out.extend_from_slice(&text[..from]);
    out.extend_from_slice(&name);
    out.extend_from_slice(&text[to..]);
    Some(out.freeze())
}

/// Where the value of the first `model` at `wanted` is, quotes included.
fn find(text: &[u8], wanted: usize) -> Option<(usize, usize)> {
    let text = text.get(..MAX_BEFORE).unwrap_or(text);
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.checked_sub(1)?,
            b'"' => {
                let end = string_end(text, at)?;
                let behind = end + blank(&text[end..]);
                let is_key = text.get(behind) == Some(&b':');
                if is_key && depth == wanted && &text[at..end] == b"\"model\"" {
                    let value = behind + 1 + blank(&text[behind + 1..]);
                    // A model that is no string is none that the client could have asked for.
                    return (text.get(value) == Some(&b'"'))
                        .then(|| string_end(text, value).map(|end| (value, end)))?;
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// Behind the closing quote of the string that begins at `at`.
fn string_end(text: &[u8], at: usize) -> Option<usize> {
    let mut next = at + 1;
    loop {
        let found = next + memchr2(b'"', b'\\', text.get(next..)?)?;
        if text[found] == b'"' {
            return Some(found + 1);
        }
        next = found + 2;
    }
}

fn blank(text: &[u8]) -> usize {
    text.iter().take_while(|b| b.is_ascii_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> Option<String> {
        let body = Bytes::copy_from_slice(body.as_bytes());
        answer(&body, "a/\"b\"").map(|told| String::from_utf8(told.to_vec()).unwrap())
    }

    #[test]
    fn only_the_model_of_the_answer_is_renamed() {
        for (body, renamed) in [
            (
                r#"{"id":"x", "model" : "m-1", "choices":[{"model":"m-1"}]}"#,
                r#"{"id":"x", "model" : "a/\"b\"", "choices":[{"model":"m-1"}]}"#,
            ),
            (
                r#"{"error":null,"tools":[{"model":"t"}],"text":"\"model\":\"n\\","model":"m"}"#,
                r#"{"error":null,"tools":[{"model":"t"}],"text":"\"model\":\"n\\","model":"a/\"b\""}"#,
            ),
            // A first piece ends anywhere.
            (
                r#"{"model":"m","content":[{"type":"te"#,
                r#"{"model":"a/\"b\"","content":[{"type":"te"#,
            ),
        ] {
            assert_eq!(told(body).as_deref(), Some(renamed));
        }
    }

    #[test]
    fn what_names_no_model_keeps_its_bytes() {
        for body in [
            r#"{"model":"a/\"b\"","id":"x"}"#,
            r#"{"choices":[{"model":"m"}]}"#,
            r#"{"type":"model","object":"model"}"#,
            r#"{"model":null,"x":{"model":"m"}}"#,
            r#"{"model":7}"#,
            r#"{"model":"m"#,
            r#"{"id":"\"#,
            r#"]"model":"m""#,
            "",
            "<html>",
        ] {
            assert_eq!(told(body), None, "{body}");
        }
    }

    fn framed(protocol: Protocol, raw: &str) -> Option<String> {
        let raw = Bytes::copy_from_slice(raw.as_bytes());
        frame(protocol, &raw, "c").map(|told| String::from_utf8(told.to_vec()).unwrap())
    }

    #[test]
    fn each_protocols_frames_have_the_model_at_their_own_place() {
        for (protocol, raw) in [
            (
                Protocol::Chat,
                "data: {\"id\":\"x\",\"model\":\"m\",\"choices\":[]}\n\n",
            ),
            (
                Protocol::Responses,
                "event: response.created\r\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"error\":{},\"model\":\"m\"}}\r\n\r\n",
            ),
            (
                Protocol::Messages,
                "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"x\",\"model\":\"m\"}}\n\n",
            ),
        ] {
            let want = raw.replace("\"m\"", "\"c\"");
            assert_eq!(framed(protocol, raw), Some(want));
        }
        for (protocol, raw) in [
            (Protocol::Chat, "data: [DONE]\n\n"),
            (Protocol::Chat, ": {\n\n"),
            (
                Protocol::Responses,
                "data: {\"type\":\"response.output_item.added\",\"item\":{\"model\":\"m\"}}\n\n",
            ),
            (
                Protocol::Messages,
                "event: content_block_start\ndata: {\"content_block\":{\"model\":\"m\"}}\n\n",
            ),
        ] {
            assert_eq!(framed(protocol, raw), None, "{raw}");
        }
    }
}
