//! Tells an answer as a stream, in pieces of the size that models produce.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use proxai_ir::{Event, Response, Sink};
use proxai_translate::{ReplyContext, StreamEncoder, adapter};
use proxai_types::Protocol;

use crate::DemoAnswer;

/// A piece ends at the first space behind this many bytes.
const PIECE: usize = 10;

/// The whole stream, a chunk for each step.
pub(crate) fn stream(
    protocol: Protocol,
    context: Arc<ReplyContext>,
    response: &Response<'_>,
) -> DemoAnswer {
    let mut writer = Writer {
        encoder: adapter(protocol).stream_encoder(context),
        chunks: Vec::new(),
    };
    response.replay(&mut writer);
    DemoAnswer {
        status: 200,
        content_type: "text/event-stream",
        chunks: writer.chunks,
        pause: Duration::ZERO,
    }
}

struct Writer {
    encoder: Box<dyn StreamEncoder>,
    chunks: Vec<bytes::Bytes>,
}

impl Writer {
    fn write(&mut self, event: Event<'_>) {
        let mut out = BytesMut::new();
        self.encoder.event(event, &mut out);
        if !out.is_empty() {
            self.chunks.push(out.freeze());
        }
    }
}

impl Sink for Writer {
    fn event(&mut self, event: Event<'_>) {
        let Event::Delta { part, text } = event else {
            return self.write(event);
        };
        for piece in pieces(&text) {
            self.write(Event::Delta {
                part,
                text: piece.into(),
            });
        }
    }
}

/// `text` in pieces that end with a space; never inside a character.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest
            .char_indices()
            .find(|(at, character)| *at >= PIECE && *character == ' ')
            .map_or(rest.len(), |(at, _)| at + 1);
        let (piece, more) = rest.split_at(end);
        rest = more;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_make_up_the_text() {
        for text in [
            "",
            "one",
            "a  longer text → with several words in it ",
            "ééééééééééé é",
        ] {
            assert_eq!(pieces(text).collect::<String>(), text);
        }
        assert_eq!(pieces("twelve letters here").count(), 2);
    }
}
