//! Gives renamed tools their names back in what an upstream answers (P12).
//!
//! Works on the upstream's bytes before anything else reads them, so that neither the tap nor the
//! translators know of it. There is one only where a request renamed a tool; frames that name
//! none stay as they came. A rewritten frame keeps event and data; no API of the three uses `id:`.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use proxai_providers::quirks::ToolNames;
use proxai_sse::{Decoder, Frame, Oversized, encode};

/// The names in a whole answer.
pub(crate) fn whole(names: &ToolNames, body: Bytes) -> Bytes {
    match names.restore(&body) {
        Ok(Cow::Owned(restored)) => restored.into(),
        // What is no JSON is for the reader of the answer to refuse.
        Ok(Cow::Borrowed(_)) | Err(_) => body,
    }
}

/// The names in a stream that is all here. What follows an oversized event is cut off, as every
/// reader does.
pub(crate) fn events(names: &ToolNames, body: Bytes, max_event: usize) -> Bytes {
    if names.is_empty() {
        return body;
    }
    let mut restorer = Restorer::new(names.clone(), max_event);
    let Ok(begin) = restorer.push(body) else {
        return Bytes::new();
    };
    let mut out = BytesMut::from(&*begin);
    out.extend_from_slice(&restorer.end());
    out.freeze()
}

/// The names in a stream.
#[derive(Debug)]
pub(crate) struct Restorer {
    names: ToolNames,
    frames: Decoder,
}

impl Restorer {
    pub(crate) fn new(names: ToolNames, max_event: usize) -> Self {
        Self {
            names,
            frames: Decoder::with_max_frame(max_event),
        }
    }

    /// The frames that this chunk completes; empty as long as there is none.
    pub(crate) fn push(&mut self, chunk: Bytes) -> Result<Bytes, Oversized> {
        self.frames.push(chunk);
        let mut out = BytesMut::new();
        while let Some(frame) = self.frames.next_frame()? {
            self.write(&frame, &mut out);
        }
        out.extend_from_slice(&self.frames.take_blank_lines());
        Ok(out.freeze())
    }

    /// What is left when the upstream's body has ended.
    pub(crate) fn end(&mut self) -> Bytes {
        let mut out = BytesMut::new();
        while let Ok(Some(frame)) = self.frames.finish() {
            self.write(&frame, &mut out);
        }
        out.extend_from_slice(&self.frames.take_blank_lines());
        out.freeze()
    }

    fn write(&self, frame: &Frame, out: &mut BytesMut) {
        match self.names.restore(frame.data()) {
            Ok(Cow::Owned(data)) => encode::raw(out, frame.event(), &data),
            Ok(Cow::Borrowed(_)) | Err(_) => out.extend_from_slice(frame.raw()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proxai_providers::quirks::{Quirks, request_edits};
    use proxai_types::Protocol;

    use super::*;

    #[test]
    fn names_come_back_however_the_stream_is_cut_and_other_frames_keep_their_bytes() {
        let mut quirks = Quirks::default();
        quirks.tool_name = Some(proxai_providers::quirks::NameRule {
            charset: proxai_providers::quirks::Charset::WordDash,
            ..Default::default()
        });
        let request = br#"{"messages":[],"tools":[{"type":"function","function":{"name":"a.b"}}]}"#;
        let names = request_edits(&quirks, Protocol::Chat, request)
            .unwrap()
            .names;
        let sent = names.iter().next().unwrap().1.to_owned();
        let odd = "data:{\"x\" : 1.50}\r\n\r\n";
        let call = |name: &str| {
            format!("data: {{\"tool_calls\":[{{\"function\":{{\"name\":\"{name}\"}}}}]}}\n\n")
        };
        let stream = format!("{odd}{}{odd}data: [DONE]\n\n", call(&sent));
        let expected = format!("{odd}{}{odd}data: [DONE]\n\n", call("a.b"));
        for size in 1..stream.len() {
            let mut restorer = Restorer::new(names.clone(), 1 << 20);
            let mut got = Vec::new();
            for piece in stream.as_bytes().chunks(size) {
                got.extend_from_slice(&restorer.push(Bytes::copy_from_slice(piece)).unwrap());
            }
            got.extend_from_slice(&restorer.end());
            assert_eq!(
                String::from_utf8(got).unwrap(),
                expected,
                "pieces of {size}"
            );
        }
        let folded = events(&names, Bytes::from(stream), 1 << 20);
        assert_eq!(folded, expected.as_bytes());
        let mut small = Restorer::new(names, 8);
        assert!(small.push(Bytes::from_static(b"data: 0123456789")).is_err());
    }
}
