//! Whether an upstream answers or refuses, before it has said anything else (case 105).
//!
//! All three protocols refuse under status 200, each in its own way: with a part of the answer, with
//! the reason of its end, or both. Read from the hub's events, so a stream is judged like the JSON
//! of the same answer.
//!
//! Surprise: thoughts decide nothing. A model may think for long and refuse then. A text that comes
//! before the refusal does: what has been said cannot be taken back from a client.

use proxai_ir::{Event, PartId, PartKind, Sink, StopReason};
use proxai_sse::Frame;
use proxai_types::Protocol;

use crate::adapter::{StreamDecoder, adapter};

/// What is known of an answer so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing that decides it.
    #[default]
    Open,
    /// It has said or done something.
    Answers,
    /// It refuses, and has said nothing before that.
    Refuses,
}

/// Judges an answer by its events.
#[derive(Debug, Default)]
pub struct Judge {
    verdict: Verdict,
    /// Parts whose text is a refusal.
    refusals: Vec<PartId>,
    /// Parts whose text is a thought.
    thoughts: Vec<PartId>,
}

impl Judge {
    /// What is known so far.
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Takes note of an event.
    pub fn note(&mut self, event: &Event<'_>) {
        if self.verdict != Verdict::Open {
            return;
        }
        match event {
            Event::Open { part, kind } => match kind {
                // An empty one may stand before a refusal.
                PartKind::Text => {}
                PartKind::Refusal => self.refusals.push(*part),
                PartKind::Reasoning { .. } => self.thoughts.push(*part),
                _ => self.verdict = Verdict::Answers,
            },
            Event::Delta { part, text } if !text.trim().is_empty() => {
                if self.refusals.contains(part) {
                    self.verdict = Verdict::Refuses;
                } else if !self.thoughts.contains(part) {
                    self.verdict = Verdict::Answers;
                }
            }
            Event::Finish(finish) => {
                self.verdict = match finish.reason {
                    StopReason::Refusal | StopReason::ContentFilter => Verdict::Refuses,
                    _ => Verdict::Answers,
                };
            }
            // An error is no refusal, and has its own way to another target.
            Event::Failure(_) => self.verdict = Verdict::Answers,
            _ => {}
        }
    }
}

impl Sink for Judge {
    fn event(&mut self, event: Event<'_>) {
        self.note(&event);
    }
}

/// Whether a whole answer is a refusal. What cannot be read is none.
///
/// ```
/// use proxai_translate::verdict::refuses;
/// use proxai_types::Protocol;
///
/// assert!(refuses(Protocol::Messages, br#"{"content":[],"stop_reason":"refusal"}"#));
/// assert!(!refuses(Protocol::Messages, br#"{"content":[],"stop_reason":"end_turn"}"#));
/// ```
pub fn refuses(upstream: Protocol, body: &[u8]) -> bool {
    let mut judge = Judge::default();
    if let Ok(response) = adapter(upstream).decode_response(body) {
        response.replay(&mut judge);
    }
    judge.verdict == Verdict::Refuses
}

/// Judges a stream, frame by frame.
pub struct StreamJudge {
    decoder: Box<dyn StreamDecoder>,
    judge: Judge,
}

impl std::fmt::Debug for StreamJudge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamJudge")
            .field("judge", &self.judge)
            .finish_non_exhaustive()
    }
}

impl StreamJudge {
    /// For a stream of an upstream that speaks this protocol.
    pub fn new(upstream: Protocol) -> Self {
        Self {
            decoder: adapter(upstream).stream_decoder(),
            judge: Judge::default(),
        }
    }

    /// What is known so far.
    pub const fn verdict(&self) -> Verdict {
        self.judge.verdict()
    }

    /// The next frame.
    pub fn frame(&mut self, frame: &Frame) {
        self.decoder.frame(frame, &mut self.judge);
    }

    /// The body ended.
    pub fn end(&mut self) {
        self.decoder.end(&mut self.judge);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proxai_sse::Decoder;

    use super::*;

    /// The verdict on a stream, and after how many frames it was there.
    fn judged(upstream: Protocol, stream: &str) -> (Verdict, usize) {
        let mut judge = StreamJudge::new(upstream);
        let mut frames = Decoder::new();
        frames.push(Bytes::copy_from_slice(stream.as_bytes()));
        let mut count = 0;
        while let Some(frame) = frames.next_frame().unwrap() {
            judge.frame(&frame);
            count += 1;
            if judge.verdict() != Verdict::Open {
                return (judge.verdict(), count);
            }
        }
        judge.end();
        (judge.verdict(), count)
    }

    fn frames(data: &[&str]) -> String {
        let frames: Vec<String> = data.iter().map(|it| format!("data: {it}\n\n")).collect();
        frames.concat()
    }

    /// Case 105.
    #[test]
    fn whole_answers_that_say_nothing_but_no_are_refusals() {
        for (upstream, body) in [
            (
                Protocol::Messages,
                r#"{"content":[],"stop_reason":"refusal","stop_details":{"type":"refusal","explanation":"no"}}"#,
            ),
            (
                Protocol::Messages,
                r#"{"content":[{"type":"thinking","thinking":"hm","signature":"s"}],"stop_reason":"refusal"}"#,
            ),
            (
                Protocol::Chat,
                r#"{"choices":[{"message":{"content":null,"refusal":"I cannot"},"finish_reason":"stop"}]}"#,
            ),
            (
                Protocol::Chat,
                r#"{"choices":[{"message":{"content":""},"finish_reason":"content_filter"}]}"#,
            ),
            (
                Protocol::Responses,
                r#"{"status":"completed","output":[{"type":"reasoning","id":"rs","summary":[]},{"type":"message","id":"m","role":"assistant","content":[{"type":"refusal","refusal":"I cannot"}]}]}"#,
            ),
            (
                Protocol::Responses,
                r#"{"status":"incomplete","incomplete_details":{"reason":"content_filter"},"output":[]}"#,
            ),
        ] {
            assert!(refuses(upstream, body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn whole_answers_that_say_something_are_none() {
        for (upstream, body) in [
            (
                Protocol::Messages,
                r#"{"content":[{"type":"text","text":"First"}],"stop_reason":"refusal"}"#,
            ),
            (
                Protocol::Chat,
                r#"{"choices":[{"message":{"content":"First"},"finish_reason":"content_filter"}]}"#,
            ),
            (
                Protocol::Chat,
                r#"{"choices":[{"message":{"content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"content_filter"}]}"#,
            ),
            (
                Protocol::Chat,
                r#"{"choices":[{"message":{"content":""},"finish_reason":"stop"}]}"#,
            ),
            (
                Protocol::Responses,
                r#"{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[]}"#,
            ),
            (Protocol::Responses, r#"{"error":{"message":"no"}}"#),
            (Protocol::Messages, "<html>"),
        ] {
            assert!(!refuses(upstream, body.as_bytes()), "{body}");
        }
    }

    #[test]
    fn the_first_words_of_a_stream_decide_and_thoughts_do_not() {
        let role = r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#;
        let thought = r#"{"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}"#;
        let refusal = r#"{"choices":[{"index":0,"delta":{"refusal":"I"}}]}"#;
        let text = r#"{"choices":[{"index":0,"delta":{"content":"Well"}}]}"#;
        let chat = |data: &[&str]| judged(Protocol::Chat, &frames(data));
        assert_eq!(chat(&[role, thought, refusal]), (Verdict::Refuses, 3));
        assert_eq!(chat(&[role, thought, text]), (Verdict::Answers, 3));
        assert_eq!(chat(&[role, text, refusal]), (Verdict::Answers, 2));
        let messages = frames(&[
            r#"{"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"usage":{"input_tokens":1,"output_tokens":1}}}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"refusal"},"usage":{"output_tokens":1}}"#,
            r#"{"type":"message_stop"}"#,
        ]);
        assert_eq!(judged(Protocol::Messages, &messages).0, Verdict::Refuses);
        let responses = |event: &str| {
            frames(&[
                r#"{"type":"response.created","sequence_number":0,"response":{"id":"r","status":"in_progress","output":[]}}"#,
                r#"{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"type":"message","id":"m","role":"assistant","content":[]}}"#,
                event,
            ])
        };
        for (event, verdict) in [
            (
                r#"{"type":"response.refusal.delta","sequence_number":2,"output_index":0,"content_index":0,"item_id":"m","delta":"I"}"#,
                Verdict::Refuses,
            ),
            (
                r#"{"type":"response.output_text.delta","sequence_number":2,"output_index":0,"content_index":0,"item_id":"m","delta":"I"}"#,
                Verdict::Answers,
            ),
            (
                r#"{"type":"response.incomplete","sequence_number":2,"response":{"id":"r","status":"incomplete","incomplete_details":{"reason":"content_filter"},"output":[]}}"#,
                Verdict::Refuses,
            ),
        ] {
            assert_eq!(
                judged(Protocol::Responses, &responses(event)).0,
                verdict,
                "{event}"
            );
        }
    }

    #[test]
    fn a_stream_that_breaks_before_it_says_anything_is_no_refusal() {
        let begun = frames(&[r#"{"choices":[{"index":0,"delta":{"role":"assistant"}}]}"#]);
        assert_eq!(judged(Protocol::Chat, &begun).0, Verdict::Answers);
    }
}
