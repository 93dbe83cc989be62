//! Upstream streams of this protocol as hub events.

use bytes::Bytes;
use proxai_ir::{Accumulator, Checked, Content, Event, Failure, FailureKind, Response, StopReason};
use proxai_sse::Decoder;

use super::super::Messages;
use crate::adapter::{Adapter as _, StreamDecoder};

fn read(stream: &str, sink: &mut dyn proxai_ir::Sink) {
    let mut decoder: Box<dyn StreamDecoder> = Messages.stream_decoder();
    let mut frames = Decoder::new();
    frames.push(Bytes::from(stream.to_owned()));
    while let Some(frame) = frames.next_frame().unwrap() {
        decoder.frame(&frame, sink);
    }
    decoder.end(sink);
}

fn answer(stream: &str) -> Result<Response<'static>, Failure> {
    let mut checked = Checked::new(Accumulator::new());
    read(stream, &mut checked);
    let (accumulator, violations) = checked.into_parts();
    assert_eq!(violations, []);
    accumulator.into_response()
}

/// Frames of these events.
fn sse(events: &[&str]) -> String {
    let frame = |event: &&str| {
        let value: serde_json::Value = serde_json::from_str(event).unwrap();
        let kind = value["type"].as_str().unwrap_or("message_start");
        format!("event: {kind}\ndata: {event}\n\n")
    };
    events.iter().map(frame).collect()
}

const START: &str = r#"{"type":"message_start","message":{"id":"msg_1","model":"m","usage":{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":1}}}"#;
const END: &str =
    r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":20}}"#;
const STOP: &str = r#"{"type":"message_stop"}"#;

fn words(response: &Response<'_>) -> Vec<String> {
    let parts = response.parts.iter();
    let word = |content: &Content<'_>| match content {
        Content::Text(text) => format!("text {}", text.text),
        Content::Reasoning(thought) => {
            let seal = thought.sealed.as_ref().map_or("", |sealed| &sealed.data);
            format!("thought {}/{seal}", thought.text)
        }
        Content::ToolCall(call) => format!("call {} {}", call.id, call.input),
        Content::WebSearch(search) => format!("search {:?}", search.query.as_str()),
        Content::Opaque(opaque) => format!("opaque {} {}", opaque.kind, opaque.hosted),
        other => format!("{other:?}"),
    };
    parts.map(|part| word(&part.content)).collect()
}

#[test]
fn every_kind_of_block_is_told_in_order() {
    let stream = sse(&[
        START,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"thinking","thinking":"","signature":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"SI"}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"signature_delta","signature":"G"}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"ping"}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"server_tool_use","id":"s","name":"web_search","input":{}}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{}"}}"#,
        r#"{"type":"content_block_stop","index":1}"#,
        r#"{"type":"content_block_start","index":2,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"text_delta","text":"a"}}"#,
        r#"{"type":"content_block_delta","index":2,"delta":{"type":"citations_delta","citation":{"type":"web_search_result_location","url":"u","title":null,"cited_text":"c","encrypted_index":"E"}}}"#,
        r#"{"type":"content_block_stop","index":2}"#,
        r#"{"type":"content_block_start","index":3,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
        r#"{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":""}}"#,
        r#"{"type":"content_block_delta","index":3,"delta":{"type":"input_json_delta","partial_json":"{\"n\":1}"}}"#,
        r#"{"type":"content_block_stop","index":3}"#,
        END,
        STOP,
    ]);
    let response = answer(&stream).unwrap();
    assert_eq!(
        words(&response),
        [
            "thought hm/SIG",
            "search \"\"",
            "text a",
            r#"call t {"n":1}"#
        ]
    );
    let Content::Text(text) = &response.parts[2].content else {
        panic!("not text")
    };
    assert_eq!(
        (&*text.citations[0].url, text.citations[0].title.as_deref()),
        ("u", None)
    );
    assert_eq!(response.finish.reason, StopReason::ToolCalls);
    let usage = response.usage.unwrap();
    assert_eq!(
        (usage.input, usage.cache_read, usage.output),
        (Some(15), Some(5), Some(20))
    );
}

#[test]
fn drift_of_vendors_is_tolerated() {
    // No message_start, no block start, text in a thinking block, whole input in the start, a
    // reused index, no message_stop, a type that stands only in the event line.
    let stream = sse(&[
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"thinking","thinking":"t"}}"#,
        r#"{"type":"content_block_delta","index":1,"delta":{"type":"text_delta","text":"b"}}"#,
        r#"{"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{"x":1}}}"#,
        r#"{"type":"novelty"}"#,
    ]) + "event: message_delta\ndata: {\"delta\":{\"stop_reason\":\"tool_use\"}}\n\ndata: [DONE]\n\n";
    let response = answer(&stream).unwrap();
    assert_eq!(
        words(&response),
        ["text a", "thought t/", "text b", r#"call t {"x":1}"#]
    );
    assert_eq!(response.finish.reason, StopReason::ToolCalls);
}

#[test]
fn a_stream_without_a_stop_reason_is_cut() {
    let stream = sse(&[
        START,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"a"}}"#,
    ]);
    let failure = answer(&stream).unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadUpstream);
    assert_eq!(failure.code.as_deref(), Some("upstream_stream_cut"));
    assert!(answer("").is_err());
    assert!(answer(&sse(&[START, END])).is_ok());
}

#[test]
fn an_error_in_the_stream_is_a_failure_and_ends_it() {
    for error in [
        r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#,
        r#"{"error":{"type":"overloaded_error","message":"busy"}}"#,
    ] {
        let failure = answer(&(sse(&[START]) + &format!("data: {error}\n\n") + &sse(&[END, STOP])));
        let failure = failure.unwrap_err();
        assert_eq!(
            (failure.kind, &*failure.message),
            (FailureKind::Overloaded, "busy")
        );
    }
    let failure = answer("data: {\"type\":\n\n").unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadUpstream);
}

#[test]
fn comments_and_pings_keep_the_client_alive() {
    let mut alive = 0;
    read(
        ": waiting\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n",
        &mut |event: Event<'_>| alive += usize::from(event == Event::Keepalive),
    );
    assert_eq!(alive, 2);
}
