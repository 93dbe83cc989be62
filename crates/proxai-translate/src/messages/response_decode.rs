//! An upstream's whole answer into the hub.

use proxai_ir::{At, Content, Failure, FailureKind, Losses, Response};
use proxai_json::Str;
use proxai_messages::{Answer, ErrorResponse};

use super::{blocks, failure, stop, usage};
use crate::adapter::ReplyError;
use crate::ids;

/// Reads an answer in the hub's terms.
pub(super) fn decode(body: &[u8]) -> Result<Response<'_>, ReplyError> {
    let answer = answer(body)?;
    // What a reply holds beyond the hub is the upstream's business, not the client's loss.
    let mut losses = Losses::new();
    let place = |_: Option<usize>| At::root("content");
    let mut parts = blocks::parts(answer.content, blocks::Side::Reply, place, &mut losses);
    ids::make_distinct(&mut parts);
    let calls = parts
        .iter()
        .any(|part| matches!(part.content, Content::ToolCall(_)));
    let tier = answer
        .usage
        .as_ref()
        .and_then(|usage| usage.service_tier.clone());
    Ok(Response {
        id: answer.id,
        model: answer.model,
        created: None,
        service_tier: tier.map(service_tier),
        parts,
        finish: stop::decode(
            answer.stop_reason.value(),
            answer.stop_sequence.value(),
            answer.stop_details,
            calls,
        ),
        usage: answer.usage.as_ref().map(usage::decode),
    })
}

/// Reads an answer. A body that is an error object, or no answer at all, is a failure although
/// its status said success (X4).
pub(super) fn answer(body: &[u8]) -> Result<Answer<'_>, ReplyError> {
    let answer: Answer<'_> = proxai_json::from_slice(body)?;
    if answer.content.is_none() || answer.kind.as_deref() == Some("error") {
        let error: ErrorResponse<'_> = proxai_json::from_slice(body).unwrap_or_default();
        let failure = failure::from_response(error, None).unwrap_or_else(|| {
            Failure::new(
                FailureKind::BadUpstream,
                "the upstream's answer has no `content`",
            )
        });
        return Err(ReplyError::Failure(failure));
    }
    Ok(answer)
}

/// The hub calls the usual tier `default`.
pub(super) fn service_tier(tier: Str<'_>) -> Str<'_> {
    match tier.as_str() {
        "standard" => Str::borrowed("default"),
        _ => tier,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxai_ir::StopReason;

    #[test]
    fn an_answer_keeps_the_order_of_its_blocks() {
        let body = br#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"server_tool_use","id":"srv","name":"web_search","input":{"query":"q"}},{"type":"text","text":"a","citations":[{"type":"web_search_result_location","url":"https://e.x","title":"T","cited_text":"c","encrypted_index":"E"}]},{"type":"tool_use","id":"c1","name":"f","input":{"n":1.50}}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"cache_read_input_tokens":2,"output_tokens":4,"service_tier":"standard"}}"#;
        let response = decode(body).unwrap();
        let [thought, hosted, text, call] = &response.parts[..] else {
            panic!("{:?}", response.parts)
        };
        assert!(matches!(&thought.content, Content::Reasoning(t) if t.sealed.is_some()));
        assert!(matches!(&hosted.content, Content::WebSearch(s) if s.query == "q"));
        assert!(matches!(&text.content, Content::Text(t) if t.citations[0].url == "https://e.x"));
        assert!(matches!(&call.content, Content::ToolCall(c) if c.input == r#"{"n":1.50}"#));
        assert_eq!(response.finish.reason, StopReason::ToolCalls);
        assert_eq!(response.usage.unwrap().input, Some(5));
        assert_eq!(response.service_tier.as_deref(), Some("default"));
    }

    #[test]
    fn an_error_object_in_a_success_is_a_failure() {
        for body in [
            &br#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#[..],
            br#"{"error":{"message":"busy","type":"overloaded_error"}}"#,
        ] {
            let Err(ReplyError::Failure(failure)) = decode(body) else {
                panic!("taken for an answer")
            };
            assert_eq!(failure.kind, FailureKind::Overloaded);
            assert_eq!(failure.message, "busy");
        }
        let Err(ReplyError::Failure(failure)) = decode(b"{}") else {
            panic!("taken for an answer")
        };
        assert_eq!(failure.kind, FailureKind::BadUpstream);
    }
}
