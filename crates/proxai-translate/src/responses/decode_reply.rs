//! Whole answers, read.

use proxai_ir::{Content, Failure, FailureKind, Finish, Part, Response, StopReason};
use proxai_json::{Doc, Nullable, Str};
use proxai_responses::{self as wire, Item, Status};
use proxai_types::Usage;

use super::{failure, items};
use crate::adapter::ReplyError;
use crate::ids;

/// Reads an answer.
pub(super) fn decode(body: &[u8]) -> Result<Response<'_>, ReplyError> {
    let response: wire::Response<'_> = match proxai_json::from_slice(body) {
        Ok(response) => response,
        Err(error) => {
            return Err(failure::in_success(body).map_or(error.into(), ReplyError::Failure));
        }
    };
    let is_answer = !response.output.is_empty() || response.status.is_some();
    if !is_answer {
        if let Some(failure) = failure::in_success(body) {
            return Err(ReplyError::Failure(failure));
        }
        let has_output = |doc: Doc<'_>| {
            doc.get("output")
                .is_some_and(|list| list.kind(body) == b'[')
        };
        if !Doc::scan(body).is_ok_and(has_output) {
            let nothing = Failure::new(
                FailureKind::BadUpstream,
                "the upstream's answer has no `output`",
            );
            return Err(ReplyError::Failure(
                nothing.with_code("upstream_unreadable"),
            ));
        }
    }
    let mut parts = Vec::new();
    read_items(&response.output, &mut parts)?;
    ids::make_distinct(&mut parts);
    let finish = finish(&response, &parts).map_err(ReplyError::Failure)?;
    let searches = parts
        .iter()
        .filter(|part| matches!(&part.content, Content::WebSearch(search) if search.is_shown()))
        .count() as u64;
    Ok(Response {
        id: response.id.clone(),
        model: response.model.clone().unwrap_or_default(),
        created: response
            .created_at
            .map(|time| time.0)
            .filter(|time| *time > 0),
        service_tier: response.service_tier.clone(),
        usage: usage(&response, searches),
        finish,
        parts,
    })
}

/// Reads the items of an answer.
pub(super) fn read_items<'a>(
    list: &[&'a proxai_json::RawValue],
    parts: &mut Vec<Part<'a>>,
) -> Result<(), ReplyError> {
    for (index, raw) in list.iter().enumerate() {
        let item: Item<'a> = proxai_json::from_str(raw.get()).map_err(|mut error| {
            let dot = if error.path.is_empty() { "" } else { "." };
            error.path = format!("output[{index}]{dot}{}", error.path);
            error
        })?;
        items::read_output(item, parts);
    }
    Ok(())
}

fn finish(response: &wire::Response<'_>, parts: &[Part<'_>]) -> Result<Finish<'static>, Failure> {
    let calls = parts
        .iter()
        .any(|part| matches!(part.content, Content::ToolCall(_)));
    let refusal = parts
        .iter()
        .any(|part| matches!(part.content, Content::Refusal(_)));
    ending(response, Status::Completed, calls, refusal)
}

/// How a response ended; `told` is the status that its event stands for, used when it has none.
pub(super) fn ending(
    response: &wire::Response<'_>,
    told: Status<'static>,
    calls: bool,
    refusal: bool,
) -> Result<Finish<'static>, Failure> {
    let error = match &response.error {
        Nullable::Value(error) => Some(error.clone()),
        _ => None,
    };
    let status = response.status.clone().unwrap_or(told);
    let reason = match status {
        Status::Failed | Status::Cancelled => return Err(failure::of_response(error)),
        _ if error.is_some() => return Err(failure::of_response(error)),
        Status::InProgress | Status::Queued => {
            return Err(Failure::new(
                FailureKind::BadUpstream,
                "the upstream sent an answer that it has not finished",
            ));
        }
        Status::Incomplete => response
            .incomplete_details
            .as_ref()
            .and_then(|details| details.reason.as_deref())
            .unwrap_or("incomplete"),
        _ => "completed",
    };
    let stop = match reason {
        "completed" if refusal => StopReason::Refusal,
        "completed" => StopReason::Stop,
        "content_filter" => StopReason::ContentFilter,
        // Some vendors give no reason or their own; all of them mean that text is missing.
        "max_output_tokens" | "max_tokens" | "incomplete" => StopReason::Length,
        _ => StopReason::Other,
    };
    let incomplete = reason != "completed";
    Ok(Finish {
        // An answer that was cut is cut, whatever it called.
        reason: if incomplete {
            stop
        } else {
            stop.agreeing_with(calls)
        },
        raw: Some(Str::from(reason.to_owned())),
        stop_sequence: None,
        explanation: None,
    })
}

/// What the answer cost. `searches` were made, should the upstream not have counted them.
pub(super) fn usage(response: &wire::Response<'_>, searches: u64) -> Option<Usage> {
    let usage = response.usage.as_ref()?;
    let input = usage.input_tokens_details.as_ref();
    let output = usage.output_tokens_details.as_ref();
    Some(Usage {
        input: usage.input_tokens,
        output: usage.output_tokens,
        total: usage.total_tokens,
        cache_read: input.and_then(|details| details.cached_tokens),
        cache_write: input.and_then(|details| details.cache_write_tokens),
        audio_input: input.and_then(|details| details.audio_tokens),
        reasoning: output.and_then(|details| details.reasoning_tokens),
        audio_output: output.and_then(|details| details.audio_tokens),
        web_searches: response
            .tool_usage
            .as_ref()
            .and_then(|tools| tools.web_search.as_ref())
            .and_then(|search| search.num_requests)
            .or((searches > 0).then_some(searches)),
        ..Usage::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Response<'_>, ReplyError> {
        decode(body.as_bytes())
    }

    #[test]
    fn text_calls_and_usage_are_read() {
        let response = read(
            r#"{"id":"resp_1","created_at":7.5,"status":"completed","error":null,"model":"m","output":[
                {"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"hi","annotations":[{"type":"url_citation","url":"u","title":"","start_index":0,"end_index":2}]}]},
                {"type":"function_call","id":"fc_1","call_id":"c","name":"f","arguments":"{}"},
                {"type":"web_search_call","id":"ws_1","status":"completed"}],
                "usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4},"output_tokens":3,"output_tokens_details":null,"total_tokens":12}}"#,
        )
        .unwrap();
        assert_eq!(response.created, Some(7));
        assert_eq!(response.finish.reason, StopReason::ToolCalls);
        assert_eq!(response.parts.len(), 3);
        let usage = response.usage.unwrap();
        assert_eq!(
            (usage.input, usage.cache_read, usage.total),
            (Some(9), Some(4), Some(12))
        );
    }

    /// Case 18.
    #[test]
    fn what_is_no_response_is_no_empty_answer() {
        for body in ["{}", r#"{"object":"list","data":[]}"#, r#"{"output":null}"#] {
            let Err(ReplyError::Failure(failure)) = read(body) else {
                panic!("{body}")
            };
            assert_eq!(failure.http_status(), 502, "{body}");
        }
        assert!(read(r#"{"output":[]}"#).is_ok());
    }

    #[test]
    fn every_status_means_one_thing() {
        for (body, reason) in [
            (r#"{"status":"completed","output":[]}"#, StopReason::Stop),
            (
                r#"{"output":[{"type":"message","content":"x"}]}"#,
                StopReason::Stop,
            ),
            (
                r#"{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"}}"#,
                StopReason::Length,
            ),
            (
                r#"{"status":"incomplete","incomplete_details":{"reason":"content_filter"}}"#,
                StopReason::ContentFilter,
            ),
            (
                r#"{"status":"incomplete","incomplete_details":{"reason":"steered"}}"#,
                StopReason::Other,
            ),
            (
                r#"{"status":"completed","output":[{"type":"message","content":[{"type":"refusal","refusal":"no"}]}]}"#,
                StopReason::Refusal,
            ),
        ] {
            assert_eq!(read(body).unwrap().finish.reason, reason, "{body}");
        }
    }

    #[test]
    fn failures_come_as_failures() {
        for (body, kind) in [
            (
                r#"{"status":"failed","error":{"code":"rate_limit_exceeded","message":"slow"}}"#,
                FailureKind::RateLimit,
            ),
            (
                r#"{"error":{"message":"x","code":"insufficient_quota"}}"#,
                FailureKind::Quota,
            ),
            (r#"{"status":"queued"}"#, FailureKind::BadUpstream),
        ] {
            let Err(ReplyError::Failure(failure)) = read(body) else {
                panic!("{body}")
            };
            assert_eq!(failure.kind, kind, "{body}");
        }
        let Err(ReplyError::Json(error)) =
            read(r#"{"status":"completed","output":[{"type":"function_call","name":5}]}"#)
        else {
            panic!()
        };
        assert_eq!(error.path, "output[0].name");
    }
}
