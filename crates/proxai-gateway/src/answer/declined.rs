//! An answer that refuses, looked at while another target is left that may not (R5, case 105).
//!
//! Only for routes that fall back on `refusal`, and never at their last target, whose refusal goes
//! to the client as it is. JSON is read whole and a stream is held until its first words, since
//! after those nothing can be taken back. Thoughts are no words: a stream that thinks is held too,
//! but for no longer and no larger than is good for its client.

use bytes::Bytes;
use proxai_ir::FailureKind;
use proxai_sse::Decoder;
use proxai_translate::{StreamJudge, Verdict};
use proxai_types::Protocol;

use crate::problem::{Cause, Problem};

/// How much of a stream is held. More than this are thoughts that a client would rather see.
const MAX_HELD: usize = 1 << 20;

/// What stands for a status where attempts are listed.
pub(crate) const REFUSAL: &str = "refusal";

/// Reads the beginning of a stream beside the one who passes it on.
#[derive(Debug)]
pub(crate) struct Scout {
    frames: Decoder,
    judge: StreamJudge,
    held: usize,
    /// Whatever it is, it is held no longer.
    given_up: bool,
}

impl Scout {
    pub(crate) fn new(upstream: Protocol, max_event: usize) -> Self {
        Self {
            frames: Decoder::with_max_frame(max_event),
            judge: StreamJudge::new(upstream),
            held: 0,
            given_up: false,
        }
    }

    pub(crate) const fn verdict(&self) -> Verdict {
        if self.given_up {
            Verdict::Answers
        } else {
            self.judge.verdict()
        }
    }

    pub(crate) fn push(&mut self, chunk: Bytes) {
        if self.verdict() != Verdict::Open {
            return;
        }
        self.held += chunk.len();
        self.frames.push(chunk);
        while self.verdict() == Verdict::Open {
            match self.frames.next_frame() {
                Ok(Some(frame)) => self.judge.frame(&frame),
                Ok(None) => break,
                Err(_) => self.given_up = true,
            }
        }
        self.given_up |= self.held > MAX_HELD && self.verdict() == Verdict::Open;
    }

    /// The whole of a stream.
    pub(crate) fn read(&mut self, body: Bytes) {
        self.frames.push(body);
        while let Ok(Some(frame)) = self.frames.next_frame() {
            self.judge.frame(&frame);
        }
        self.end();
    }

    /// The body ended.
    pub(crate) fn end(&mut self) {
        while let Ok(Some(frame)) = self.frames.finish() {
            self.judge.frame(&frame);
        }
        self.judge.end();
    }
}

/// What makes the next target be asked. No client ever sees it.
pub(crate) fn declined(provider: &str) -> Box<Problem> {
    let mut problem = Problem::new(
        FailureKind::ContentPolicy,
        REFUSAL,
        format!("the model of provider `{provider}` refused to answer"),
    );
    problem.cause = Cause::Declined;
    problem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thought(length: usize) -> Bytes {
        let text = "x".repeat(length);
        format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"reasoning_content\":\"{text}\"}}}}]}}\n\n").into()
    }

    const REFUSED: &[u8] =
        b"data: {\"choices\":[{\"index\":0,\"delta\":{\"refusal\":\"I cannot\"}}]}\n\n";

    #[test]
    fn a_refusal_is_seen_however_the_stream_is_cut() {
        let stream = [&thought(9)[..], REFUSED].concat();
        for size in 1..stream.len() {
            let mut scout = Scout::new(Protocol::Chat, 1 << 20);
            for piece in stream.chunks(size) {
                scout.push(Bytes::copy_from_slice(piece));
            }
            assert_eq!(scout.verdict(), Verdict::Refuses, "pieces of {size}");
        }
    }

    #[test]
    fn a_stream_that_thinks_is_held_up_to_a_limit() {
        let mut scout = Scout::new(Protocol::Chat, 2 * MAX_HELD);
        scout.push(thought(MAX_HELD / 2));
        assert_eq!(scout.verdict(), Verdict::Open);
        scout.push(thought(MAX_HELD / 2));
        assert_eq!(scout.verdict(), Verdict::Answers);
        scout.push(Bytes::from_static(REFUSED));
        assert_eq!(scout.verdict(), Verdict::Answers);
        // What no reader takes is not held either.
        let mut scout = Scout::new(Protocol::Chat, 100);
        scout.push(thought(200));
        assert_eq!(scout.verdict(), Verdict::Answers);
    }
}
