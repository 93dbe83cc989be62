//! What is read is written again: members in their order, numbers as they were spelled.

use proxai_json::{from_slice, to_string};
use proxai_messages::{Answer, ErrorResponse, HostedContent, Request, StreamEvent, Tool};

/// Reads `$text` as `$type` and writes it.
macro_rules! same {
    ($type:ty, $text:expr) => {
        let value: $type = from_slice($text.as_bytes()).unwrap();
        assert_eq!(to_string(&value), $text);
    };
}

#[test]
fn requests_survive() {
    same!(
        Request<'_>,
        r#"{"model":"m","max_tokens":10,"stream":true,"temperature":0.5,"stop_sequences":["a"],"thinking":{"type":"enabled","budget_tokens":2000,"display":"omitted"},"output_config":{"effort":"high","format":{"type":"json_schema","schema":{"b":1.0,"a":1e400}}},"metadata":{"user_id":"u"},"cache_control":{"type":"ephemeral","ttl":"5m"},"tool_choice":{"type":"tool","name":"f","disable_parallel_tool_use":true},"container":{"id":"c"},"context_management":{"edits":[{"type":"clear_tool_uses_20250919","keep":{"type":"tool_uses","value":3}},{"type":"clear_thinking_20251015","keep":"all"},{"type":"novelty","x":1}]},"mcp_servers":[{"type":"url","name":"n","url":"u"}],"thread":{"type":"continue","previous_message_id":"msg_1"},"tools":[{"name":"f","input_schema":{"type":"object"}},{"type":"bash_20250124","name":"bash"},{"type":"web_search_20250305","name":"web_search","max_uses":3},{"type":"novelty","x":1}],"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[{"type":"thinking","thinking":"","signature":"S"},{"type":"tool_use","id":"t","name":"f","input":{"n":1.50}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}}],"is_error":true},{"type":"document","source":{"type":"content","content":[{"type":"text","text":"d"}]},"title":"T","citations":{"enabled":true}}]}],"novelty":{"z":1}}"#
    );
}

#[test]
fn answers_keep_nulls_and_unknown_blocks() {
    same!(
        Answer<'_>,
        r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"a","citations":[{"type":"web_search_result_location","cited_text":"c","url":"u","title":"t","encrypted_index":"E"}]},{"type":"server_tool_use","id":"s","name":"web_search","input":{}},{"type":"web_search_tool_result","tool_use_id":"s","content":[{"type":"web_search_result","url":"u"}]},{"type":"novelty","deep":{"x":[1]}}],"stop_reason":"novel_reason","usage":{"input_tokens":1,"output_tokens":2,"server_tool_use":{"web_search_requests":1}}}"#
    );
    let answer: Answer<'_> = from_slice(br#"{"stop_reason":null}"#).unwrap();
    assert!(answer.stop_reason.value().is_none());
}

#[test]
fn stream_events_survive() {
    for text in [
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"S"}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"a\""}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":"x"},"usage":{"output_tokens":5}}"#,
        r#"{"type":"message_stop"}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#,
    ] {
        same!(StreamEvent<'_>, text);
    }
}

#[test]
fn hosted_results_can_be_read_on_demand() {
    let page = br#"{"type":"web_search_result","url":"u","title":"t","encrypted_content":"E"}"#;
    let HostedContent::WebSearch(page) = from_slice(page).unwrap() else {
        panic!("not a page")
    };
    assert_eq!(page.title.as_deref(), Some("t"));
    let error = br#"{"type":"web_fetch_tool_result_error","error_code":"url_too_long"}"#;
    let HostedContent::WebFetchError(error) = from_slice(error).unwrap() else {
        panic!("not an error")
    };
    assert_eq!(error.error_code.as_deref(), Some("url_too_long"));
}

#[test]
fn settings_of_hosted_tools_are_what_is_not_named() {
    let tool: Tool<'_> = from_slice(
        br#"{"type":"web_fetch_20260318","name":"web_fetch","max_uses":2,"cache_control":{"type":"ephemeral","ttl":"1h"}}"#,
    )
    .unwrap();
    let (settings, cache) = tool.into_settings();
    assert_eq!(settings.get("max_uses").unwrap().get(), "2");
    assert_eq!(cache.unwrap().ttl.as_deref(), Some("1h"));
}

#[test]
fn errors_of_other_shapes_can_be_read() {
    for text in [
        r#"{"error":"text"}"#,
        r#"{"error":{"message":{"nested":1},"code":7}}"#,
        r#"{"detail":[{"msg":"x"}]}"#,
    ] {
        same!(ErrorResponse<'_>, text);
    }
}
