//! Why an answer ended.
//!
//! Surprise: some vendors end an answer that broke down with a finish reason of their own. Such
//! an answer is a failure here, because nothing truncated may look complete.

use proxai_ir::{Failure, FailureKind, Finish, StopReason};
use proxai_json::{RawValue, Str};

/// What some servers put where others name the stop text.
const NO_STOP_TEXT: &[&str] = &["", "stop", "eos", "eos_token", "end_turn", "tool_calls"];

/// Reads a finish reason. `matched` is the stop text some servers name, `has_calls` whether the
/// answer calls a tool of the client (T11).
pub(super) fn decode<'a>(
    raw: Option<Str<'a>>,
    matched: Option<&'a RawValue>,
    has_calls: bool,
) -> Result<Finish<'a>, Failure> {
    let stop_sequence = matched
        .and_then(|value| serde_json::from_str::<Str<'a>>(value.get()).ok())
        .filter(|text| !NO_STOP_TEXT.contains(&text.as_str()));
    let reason = match raw.as_deref().unwrap_or("stop") {
        "stop" if stop_sequence.is_some() => StopReason::StopSequence,
        "stop" | "eos" | "eos_token" | "end_turn" => StopReason::Stop,
        "stop_sequence" => StopReason::StopSequence,
        "length" | "max_tokens" | "model_length" => StopReason::Length,
        "model_context_window_exceeded" => StopReason::ContextWindow,
        "tool_calls" | "function_call" | "tool_use" => StopReason::ToolCalls,
        "content_filter" | "sensitive" | "safety" => StopReason::ContentFilter,
        "refusal" => StopReason::Refusal,
        "error" | "network_error" | "insufficient_system_resource" => {
            return Err(broke_down(raw.as_deref().unwrap_or_default()));
        }
        _ => StopReason::Other,
    };
    Ok(Finish {
        reason: reason.agreeing_with(has_calls),
        raw,
        stop_sequence,
        explanation: None,
    })
}

fn broke_down(reason: &str) -> Failure {
    let kind = match reason {
        "insufficient_system_resource" => FailureKind::Overloaded,
        _ => FailureKind::BadUpstream,
    };
    Failure::new(
        kind,
        format!("the upstream broke off its answer with the finish reason `{reason}`"),
    )
    .with_code(reason)
}

/// The finish reason for a client. `has_refusal` is whether the answer holds the model's own
/// refusal, which this protocol ends with `stop`.
pub(super) fn encode(reason: StopReason, has_calls: bool, has_refusal: bool) -> &'static str {
    match reason.agreeing_with(has_calls) {
        // Of a paused turn there is more: no other word says that the answer is not whole (case 104).
        StopReason::Length | StopReason::ContextWindow | StopReason::Pause => "length",
        StopReason::ToolCalls => "tool_calls",
        StopReason::ContentFilter => "content_filter",
        StopReason::Refusal if !has_refusal => "content_filter",
        _ => "stop",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(reason: &'static str, has_calls: bool) -> StopReason {
        decode(Some(reason.into()), None, has_calls).unwrap().reason
    }

    #[test]
    fn the_reason_never_contradicts_the_content() {
        assert_eq!(read("stop", true), StopReason::ToolCalls);
        assert_eq!(read("tool_calls", false), StopReason::Stop);
        assert_eq!(read("length", true), StopReason::Length);
        assert_eq!(read("something_new", false), StopReason::Other);
        assert_eq!(encode(StopReason::Stop, true, false), "tool_calls");
        assert_eq!(encode(StopReason::ToolCalls, false, false), "stop");
    }

    #[test]
    fn an_answer_that_broke_down_is_a_failure() {
        for reason in ["error", "network_error", "insufficient_system_resource"] {
            assert!(
                decode(Some(reason.into()), None, false).is_err(),
                "{reason}"
            );
        }
    }

    #[test]
    fn a_stop_text_is_told_apart_from_the_id_of_a_token() {
        let text: &RawValue = serde_json::from_str("\"END\"").unwrap();
        let finish = decode(Some("stop".into()), Some(text), false).unwrap();
        assert_eq!(finish.reason, StopReason::StopSequence);
        assert_eq!(finish.stop_sequence.as_deref(), Some("END"));
        let word: &RawValue = serde_json::from_str("\"eos\"").unwrap();
        let finish = decode(Some("stop".into()), Some(word), false).unwrap();
        assert_eq!(finish.reason, StopReason::Stop);
        let token: &RawValue = serde_json::from_str("154827").unwrap();
        let finish = decode(Some("stop".into()), Some(token), false).unwrap();
        assert_eq!(finish.reason, StopReason::Stop);
    }

    #[test]
    fn a_refusal_of_the_model_and_one_of_a_filter_end_differently() {
        assert_eq!(encode(StopReason::Refusal, false, true), "stop");
        assert_eq!(encode(StopReason::Refusal, false, false), "content_filter");
        assert_eq!(encode(StopReason::ContextWindow, false, false), "length");
        assert_eq!(encode(StopReason::Pause, false, false), "length");
    }
}
