//! The frames a client gets, to the byte.

use super::*;
use crate::adapter::StreamDecoder;
use proxai_ir::{FailureKind, Response, ToolKind};
use proxai_types::Protocol;

fn context(include_usage: bool) -> Arc<ReplyContext> {
    let mut context = ReplyContext::new("asked", "up", Protocol::Messages, "fallback", 7);
    context.include_usage = include_usage;
    Arc::new(context)
}

fn write(events: Vec<Event<'_>>, include_usage: bool) -> Vec<String> {
    let mut encoder = ChatStream::new(context(include_usage));
    let mut out = BytesMut::new();
    for event in events {
        encoder.event(event, &mut out);
    }
    let text = String::from_utf8(out.to_vec()).unwrap();
    text.split_terminator("\n\n").map(str::to_owned).collect()
}

fn open(part: u32, kind: PartKind<'_>) -> Event<'_> {
    Event::Open {
        part: PartId(part),
        kind,
    }
}

fn delta(part: u32, text: &str) -> Event<'_> {
    Event::Delta {
        part: PartId(part),
        text: text.into(),
    }
}

fn tool(id: &str) -> PartKind<'_> {
    PartKind::ToolCall {
        id: id.into(),
        item_id: None,
        name: "f".into(),
        namespace: None,
        kind: ToolKind::Function,
    }
}

const fn close(part: u32) -> Event<'static> {
    Event::Close { part: PartId(part) }
}

fn text_stream() -> Vec<Event<'static>> {
    vec![
        Event::Start(Start {
            id: "msg_1".into(),
            ..Start::default()
        }),
        open(0, PartKind::Text),
        delta(0, "a\"b"),
        close(0),
        Event::Usage(Usage {
            input: Some(1),
            output: Some(2),
            ..Usage::default()
        }),
        Event::Finish(Finish::default()),
    ]
}

#[test]
fn a_stream_is_written_exactly_so() {
    let head =
        r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"asked","#;
    let choice = |delta: &str, reason: &str| {
        format!(
            r#"{head}"choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{reason}}}],"usage":null}}"#
        )
    };
    assert_eq!(
        write(text_stream(), true),
        [
            choice(r#"{"role":"assistant","content":""}"#, "null"),
            choice(r#"{"content":"a\"b"}"#, "null"),
            choice("{}", "\"stop\""),
            format!(
                r#"{head}"choices":[],"usage":{{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":{{"cached_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0}}}}}}"#
            ),
            "data: [DONE]".to_owned(),
        ]
    );
}

#[test]
fn usage_is_withheld_from_those_who_did_not_ask() {
    let frames = write(text_stream(), false);
    assert!(frames.iter().all(|frame| !frame.contains("usage")));
    assert_eq!(frames.last().unwrap(), "data: [DONE]");
}

#[test]
fn calls_get_dense_indices_and_always_arguments() {
    let frames = write(
        vec![
            Event::Start(Start::default()),
            open(0, PartKind::Text),
            close(0),
            open(1, tool("a")),
            open(2, tool("")),
            delta(1, "{\"x\""),
            delta(1, ":1}"),
            close(1),
            close(2),
            Event::Finish(Finish::default()),
        ],
        false,
    );
    let calls: Vec<&str> = frames
        .iter()
        .filter_map(|frame| frame.split_once("\"tool_calls\":[")?.1.split_once("]}"))
        .map(|(call, _)| call)
        .collect();
    assert_eq!(
        calls,
        [
            r#"{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}"#,
            r#"{"index":1,"id":"call_fallback_1","type":"function","function":{"name":"f","arguments":""}}"#,
            r#"{"index":0,"function":{"arguments":"{\"x\""}}"#,
            r#"{"index":0,"function":{"arguments":":1}"}}"#,
            r#"{"index":1,"function":{"arguments":"{}"}}"#,
        ]
    );
    assert!(
        frames
            .iter()
            .any(|frame| frame.contains("\"finish_reason\":\"tool_calls\""))
    );
}

#[test]
fn an_error_ends_the_stream_without_the_success_signal() {
    let mut events = text_stream();
    events.truncate(3);
    events.push(Event::Failure(Failure::new(
        FailureKind::Overloaded,
        "busy",
    )));
    let frames = write(events, true);
    assert_eq!(
        frames.last().unwrap(),
        r#"data: {"error":{"message":"busy","type":"overloaded_error","param":null,"code":"overloaded"}}"#
    );
    assert!(!frames.iter().any(|frame| frame.contains("[DONE]")));
}

#[test]
fn log_probabilities_stay_in_one_frame() {
    let logprobs = Event::Logprobs {
        part: PartId(0),
        json: "[\n {\"token\":\"a\\n\"}\r\n]".into(),
    };
    let events = vec![
        Event::Start(Start::default()),
        open(0, PartKind::Text),
        logprobs,
        close(0),
    ];
    let frames = write(events, false);
    assert!(
        frames[1].contains(r#""logprobs":{"content":[ {"token":"a\n"}],"refusal":null}"#),
        "{frames:?}"
    );
}

#[test]
fn keepalives_are_comments() {
    assert_eq!(write(vec![Event::Keepalive], true), [": keep-alive"]);
}

#[test]
fn citations_come_when_the_text_is_whole() {
    let cite = Event::Cite {
        part: PartId(0),
        citation: Citation {
            url: "https://a".into(),
            ..Citation::default()
        },
    };
    let frames = write(
        vec![
            Event::Start(Start::default()),
            open(0, PartKind::Text),
            cite,
            delta(0, "four"),
            close(0),
            Event::Finish(Finish::default()),
        ],
        false,
    );
    assert!(
        frames[2].contains(r#""start_index":0,"end_index":4"#),
        "{frames:?}"
    );
}

/// The official SDK joins lists of two deltas by `index` and raises where there is none.
#[test]
fn citations_of_two_texts_are_numbered_through() {
    let cite = |part| Event::Cite {
        part: PartId(part),
        citation: Citation {
            url: "https://a.example".into(),
            ..Citation::default()
        },
    };
    let close = |part| Event::Close { part: PartId(part) };
    let events = vec![
        Event::Start(Start::default()),
        open(0, PartKind::Text),
        cite(0),
        close(0),
        open(1, PartKind::Text),
        cite(1),
        cite(1),
        close(1),
        Event::Finish(Finish::default()),
    ];
    let frames = write(events, false).join("");
    let numbers: Vec<_> = frames
        .match_indices(r#"},"index":"#)
        .map(|(at, found)| frames.as_bytes()[at + found.len()])
        .collect();
    assert_eq!(numbers, b"012");
}

#[test]
fn what_is_written_reads_back_as_it_was() {
    let response = Response {
        id: "chatcmpl-1".into(),
        model: "asked".into(),
        created: Some(7),
        parts: vec![
            proxai_ir::Part::text(proxai_ir::At::default(), "Hi"),
            proxai_ir::Part::new(
                proxai_ir::At::default(),
                proxai_ir::Content::ToolCall(proxai_ir::ToolCall {
                    id: "a".into(),
                    name: "f".into(),
                    input: "{\"x\":1}".into(),
                    ..proxai_ir::ToolCall::default()
                }),
            ),
        ],
        usage: Some(Usage {
            input: Some(1),
            output: Some(2),
            total: Some(3),
            cache_read: Some(0),
            reasoning: Some(0),
            ..Usage::default()
        }),
        finish: Finish {
            reason: StopReason::ToolCalls,
            raw: Some("tool_calls".into()),
            ..Finish::default()
        },
        ..Response::default()
    };
    let mut encoder = ChatStream::new(context(true));
    let mut out = BytesMut::new();
    response.replay(&mut |event: Event<'_>| encoder.event(event, &mut out));
    let mut frames = proxai_sse::Decoder::new();
    frames.push(out.freeze());
    let mut decoder = super::super::stream_decode::ChatStream::default();
    let mut folded = proxai_ir::Accumulator::new();
    while let Some(frame) = frames.next_frame().unwrap() {
        decoder.frame(&frame, &mut folded);
    }
    decoder.end(&mut folded);
    assert_eq!(
        format!("{:?}", folded.into_response().unwrap()),
        format!("{response:?}")
    );
}
