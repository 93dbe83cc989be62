//! Stop reasons both ways (T11, case 104).

use proxai_ir::{Finish, StopReason};
use proxai_json::{Nullable, Str};
use proxai_messages as wire;

/// Why an answer of this protocol ended.
pub(super) fn decode<'a>(
    reason: Option<wire::StopReason<'a>>,
    sequence: Option<Str<'a>>,
    details: Option<wire::StopDetails<'a>>,
    has_tool_calls: bool,
) -> Finish<'a> {
    use wire::StopReason as Wire;
    let hub = match &reason {
        None | Some(Wire::EndTurn) => StopReason::Stop,
        Some(Wire::MaxTokens) => StopReason::Length,
        Some(Wire::StopSequence) => StopReason::StopSequence,
        Some(Wire::ToolUse) => StopReason::ToolCalls,
        // A compaction that pauses is, like a paused turn, to be sent again as it is.
        Some(Wire::PauseTurn | Wire::Compaction) => StopReason::Pause,
        Some(Wire::Refusal) => StopReason::Refusal,
        Some(Wire::ContextWindow) => StopReason::ContextWindow,
        Some(_) => StopReason::Other,
    };
    Finish {
        reason: hub.agreeing_with(has_tool_calls),
        raw: reason.map(|reason| match reason {
            Wire::Other(text) => text,
            known => Str::from(known.as_str().to_owned()),
        }),
        stop_sequence: sequence,
        explanation: details.and_then(|details| details.explanation.value()),
    }
}

/// The members that tell a client of this protocol why the answer ended. `refused` says that part
/// of the answer was a refusal, which this protocol has no block for.
pub(super) fn encode<'a>(
    finish: &'a Finish<'_>,
    has_tool_calls: bool,
    refused: bool,
) -> wire::AnswerDelta<'a> {
    use wire::StopReason as Wire;
    let reason = match finish.reason.agreeing_with(has_tool_calls) {
        StopReason::Stop | StopReason::Other if refused => Wire::Refusal,
        StopReason::ToolCalls => Wire::ToolUse,
        StopReason::StopSequence => Wire::StopSequence,
        StopReason::Length => Wire::MaxTokens,
        StopReason::ContextWindow => Wire::ContextWindow,
        StopReason::ContentFilter | StopReason::Refusal => Wire::Refusal,
        StopReason::Pause => Wire::PauseTurn,
        _ => Wire::EndTurn,
    };
    let sequence = finish
        .stop_sequence
        .as_ref()
        .filter(|_| reason == Wire::StopSequence);
    let details = finish
        .explanation
        .as_ref()
        .filter(|_| reason == Wire::Refusal)
        .map(|explanation| wire::StopDetails {
            kind: Some(Str::borrowed("refusal")),
            category: Nullable::Null,
            explanation: Nullable::Value(explanation.reborrow()),
            ..wire::StopDetails::default()
        });
    wire::AnswerDelta {
        stop_reason: Nullable::Value(reason),
        stop_sequence: Nullable::or_null(sequence.map(Str::reborrow)),
        stop_details: details,
        container: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(reason: StopReason, calls: bool, refused: bool) -> String {
        let finish = Finish {
            reason,
            stop_sequence: Some("END".into()),
            ..Finish::default()
        };
        proxai_json::to_string(&encode(&finish, calls, refused))
    }

    #[test]
    fn every_reason_has_its_word() {
        for (reason, word) in [
            (StopReason::Stop, "end_turn"),
            (StopReason::Other, "end_turn"),
            (StopReason::Length, "max_tokens"),
            (StopReason::ContentFilter, "refusal"),
            (StopReason::Refusal, "refusal"),
            (StopReason::ContextWindow, "model_context_window_exceeded"),
            (StopReason::Pause, "pause_turn"),
        ] {
            assert_eq!(
                told(reason, false, false),
                format!(r#"{{"stop_reason":"{word}","stop_sequence":null}}"#)
            );
        }
        assert_eq!(
            told(StopReason::StopSequence, false, false),
            r#"{"stop_reason":"stop_sequence","stop_sequence":"END"}"#
        );
    }

    #[test]
    fn the_reason_agrees_with_the_content() {
        assert!(told(StopReason::Stop, true, false).contains("tool_use"));
        assert!(told(StopReason::ToolCalls, false, false).contains("end_turn"));
        assert!(told(StopReason::Stop, false, true).contains("refusal"));
        assert!(told(StopReason::Length, true, false).contains("max_tokens"));
    }

    #[test]
    fn an_unknown_reason_keeps_its_word() {
        let finish = decode(Some(Str::borrowed("tired").into()), None, None, false);
        assert_eq!(finish.reason, StopReason::Other);
        assert_eq!(finish.raw.as_deref(), Some("tired"));
        assert_eq!(
            decode(Some(wire::StopReason::PauseTurn), None, None, false).reason,
            StopReason::Pause
        );
    }
}
