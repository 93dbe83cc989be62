//! Frames of composed streams, and the same answers unstreamed.

use proxai_ir::{
    At, Citation, Content, Part, PartKind, Reasoning, Response as Answer, Sealed, Sink, TextPart,
    ToolCall, ToolKind,
};
use proxai_types::Protocol;

use super::*;

fn context() -> Arc<ReplyContext> {
    let mut context = ReplyContext::new("alias", "up", Protocol::Responses, "x", 7);
    context.echo = Arc::new([("store".into(), "false".into())]);
    Arc::new(context)
}

/// The frames of a stream: `(event line, data)`.
fn frames(events: Vec<Event<'_>>) -> Vec<(String, String)> {
    let mut composer = Composer::new(context());
    let mut out = BytesMut::new();
    for event in events {
        composer.event(event, Some(&mut out));
    }
    let text = String::from_utf8(out.to_vec()).unwrap();
    let ends = text.contains("\"type\":\"response.completed\"")
        || text.contains("\"type\":\"response.incomplete\"")
        || text.contains("\"type\":\"response.failed\"");
    let text = match text.strip_suffix("data: [DONE]\n\n") {
        Some(told) if ends => told,
        None if !ends => &text,
        _ => panic!("[DONE] stands behind every end and nowhere else (case 108): {text}"),
    };
    text.split_terminator("\n\n")
        .map(|frame| {
            let (event, data) = frame.split_once("\ndata: ").unwrap();
            (
                event.strip_prefix("event: ").unwrap().to_owned(),
                data.to_owned(),
            )
        })
        .collect()
}

fn kinds(frames: &[(String, String)]) -> Vec<&str> {
    frames
        .iter()
        .map(|(event, _)| event.trim_start_matches("response."))
        .collect()
}

fn open(part: u32, kind: PartKind<'static>) -> Event<'static> {
    Event::Open {
        part: PartId(part),
        kind,
    }
}

fn delta(part: u32, text: &'static str) -> Event<'static> {
    Event::Delta {
        part: PartId(part),
        text: text.into(),
    }
}

fn close(part: u32) -> Event<'static> {
    Event::Close { part: PartId(part) }
}

fn call(name: &'static str, kind: ToolKind) -> PartKind<'static> {
    PartKind::ToolCall {
        id: "call_1".into(),
        item_id: None,
        name: name.into(),
        namespace: None,
        kind,
    }
}

fn thought() -> PartKind<'static> {
    PartKind::Reasoning {
        id: None,
        summary: false,
        redacted: false,
    }
}

fn finish(reason: StopReason) -> Event<'static> {
    Event::Finish(Finish {
        reason,
        ..Finish::default()
    })
}

/// S7: numbers without gaps, `event:` equal to `type`.
fn assert_framed(frames: &[(String, String)]) {
    for (number, (event, data)) in frames.iter().enumerate() {
        assert!(
            data.starts_with(&format!("{{\"type\":\"{event}\"")),
            "{data}"
        );
        assert!(
            data.contains(&format!("\"sequence_number\":{number}")),
            "{number}: {data}"
        );
    }
}

#[test]
fn a_text_is_told_in_the_order_that_clients_demand() {
    let frames = frames(vec![
        Event::Start(Start::default()),
        open(0, PartKind::Text),
        delta(0, "Hi"),
        delta(0, " there"),
        Event::Cite {
            part: PartId(0),
            citation: Citation {
                url: "https://example.org".into(),
                ..Citation::default()
            },
        },
        close(0),
        Event::Usage(Usage {
            input: Some(3),
            output: Some(2),
            ..Usage::default()
        }),
        finish(StopReason::Stop),
    ]);
    assert_eq!(
        kinds(&frames),
        [
            "created",
            "in_progress",
            "output_item.added",
            "content_part.added",
            "output_text.delta",
            "output_text.delta",
            "output_text.annotation.added",
            "output_text.done",
            "content_part.done",
            "output_item.done",
            "completed",
        ]
    );
    assert_framed(&frames);
    let item = r#"{"type":"message","id":"msg_x_0","status":"completed","role":"assistant","content":[{"type":"output_text","text":"Hi there","annotations":[{"type":"url_citation","start_index":0,"end_index":8,"title":"","url":"https://example.org"}],"logprobs":[]}]}"#;
    assert!(frames[9].1.contains(item), "{}", frames[9].1);
    assert!(frames[10].1.contains(item));
    assert!(frames[10].1.contains(r#""input_tokens":3"#));
    assert!(frames[10].1.contains(r#""store":false"#));
}

#[test]
fn reasoning_is_a_summary_and_closed_before_the_text() {
    let frames = frames(vec![
        Event::Start(Start::default()),
        open(0, thought()),
        delta(0, "hmm"),
        Event::Seal {
            part: PartId(0),
            sealed: Sealed {
                origin: Protocol::Responses,
                issuer: None,
                data: "S".into(),
            },
        },
        close(0),
        open(1, PartKind::Text),
        delta(1, "a"),
        close(1),
        finish(StopReason::Stop),
    ]);
    assert_eq!(
        kinds(&frames)[2..9],
        [
            "output_item.added",
            "reasoning_summary_part.added",
            "reasoning_summary_text.delta",
            "reasoning_summary_text.done",
            "reasoning_summary_part.done",
            "output_item.done",
            "output_item.added",
        ]
    );
    assert!(frames[7].1.contains(
        r#""summary":[{"type":"summary_text","text":"hmm"}],"encrypted_content":"proxai1."#
    ));
}

#[test]
fn text_after_a_call_is_a_new_message_and_texts_in_a_row_are_one() {
    let frames = frames(vec![
        open(0, PartKind::Text),
        delta(0, "a"),
        close(0),
        open(1, PartKind::Refusal),
        delta(1, "no"),
        close(1),
        open(2, call("f", ToolKind::Function)),
        close(2),
        open(3, PartKind::Text),
        delta(3, "b"),
        close(3),
        finish(StopReason::ToolCalls),
    ]);
    assert_framed(&frames);
    let done: Vec<&str> = frames
        .iter()
        .filter(|(event, _)| event.ends_with("item.done"))
        .map(|(_, data)| data.as_str())
        .collect();
    assert_eq!(done.len(), 3);
    assert!(done[0].contains(r#"{"type":"refusal","refusal":"no"}"#));
    assert!(done[1].contains(r#""id":"fc_x_1","call_id":"call_1","name":"f","arguments":"{}""#));
    assert!(done[2].contains(r#""output_index":2"#));
}

#[test]
fn calls_may_interleave_and_end_in_the_order_of_their_indices() {
    let frames = frames(vec![
        open(0, call("f", ToolKind::Function)),
        open(1, call("g", ToolKind::Custom)),
        delta(1, "x"),
        delta(0, "{\"a\""),
        delta(1, "y"),
        delta(0, ":1}"),
        close(1),
        close(0),
        finish(StopReason::ToolCalls),
    ]);
    assert_framed(&frames);
    let (_, last) = frames.last().unwrap();
    let f = last.find(r#""arguments":"{\"a\":1}""#).unwrap();
    let g = last
        .find(r#""type":"custom_tool_call","id":"ctc_x_1""#)
        .unwrap();
    assert!(f < g && last.contains(r#""input":"xy""#));
    assert!(kinds(&frames).contains(&"custom_tool_call_input.done"));
}

#[test]
fn a_shell_call_comes_whole_in_its_own_form() {
    let frames = frames(vec![
        open(0, call("local_shell", ToolKind::Native)),
        delta(0, r#"{"command":"#),
        delta(0, "[\"ls\"],\n\"env\":{}}"),
        close(0),
        finish(StopReason::ToolCalls),
    ]);
    assert_framed(&frames);
    assert_eq!(
        kinds(&frames)[2..],
        ["output_item.added", "output_item.done", "completed"]
    );
    assert!(
        frames[3]
            .1
            .contains(r#""action":{"type":"exec","command":["ls"],"env":{}}"#)
    );
}

#[test]
fn a_search_for_tools_is_one_only_if_the_client_searches() {
    let run = |tools: &str| {
        let mut context = ReplyContext::new("m", "up", Protocol::Responses, "x", 7);
        context.echo = Arc::new([("tools".into(), tools.into())]);
        let mut composer = Composer::new(Arc::new(context));
        for event in [
            open(0, call("tool_search", ToolKind::Function)),
            delta(0, r#"{"query":"q"}"#),
            close(0),
            finish(StopReason::ToolCalls),
        ] {
            composer.event(event, None);
        }
        String::from_utf8(composer.into_body()).unwrap()
    };
    let search = run(r#"[{"type":"tool_search","execution":"client"}]"#);
    assert!(
        search.contains(r#"{"type":"tool_search_call","id":"tsc_x_0","call_id":"call_1","execution":"client","arguments":{"query":"q"},"status":"completed"}"#),
        "{search}"
    );
    assert!(run(r#"[{"type":"function","name":"tool_search"}]"#).contains("\"function_call\""));
}

#[test]
fn the_signature_of_a_call_follows_as_reasoning() {
    let frames = frames(vec![
        open(0, call("f", ToolKind::Function)),
        Event::Seal {
            part: PartId(0),
            sealed: Sealed {
                origin: Protocol::Responses,
                issuer: None,
                data: "T".into(),
            },
        },
        close(0),
        finish(StopReason::ToolCalls),
    ]);
    let (_, last) = frames.last().unwrap();
    assert!(last.contains(
        r#"{"type":"reasoning","id":"rs_x_1","summary":[],"encrypted_content":"proxai1."#
    ));
}

#[test]
fn a_cut_answer_is_incomplete_and_so_is_its_last_message() {
    for (reason, why) in [
        (StopReason::Length, "max_output_tokens"),
        (StopReason::ContextWindow, "max_output_tokens"),
        (StopReason::ContentFilter, "content_filter"),
    ] {
        let frames = frames(vec![
            open(0, PartKind::Text),
            delta(0, "a"),
            close(0),
            finish(reason),
        ]);
        let (event, data) = frames.last().unwrap();
        assert_eq!(event, "response.incomplete");
        assert!(data.contains(&format!(r#""incomplete_details":{{"reason":"{why}"}}"#)));
        assert!(data.contains(r#""id":"msg_x_0","status":"incomplete""#));
    }
}

#[test]
fn a_refusal_without_words_of_its_own_gets_the_explanation() {
    let frames = frames(vec![Event::Finish(Finish {
        reason: StopReason::Refusal,
        explanation: Some("not that".into()),
        ..Finish::default()
    })]);
    assert_framed(&frames);
    let (event, data) = frames.last().unwrap();
    assert_eq!(event, "response.incomplete");
    assert!(data.contains(r#"{"type":"refusal","refusal":"not that"}"#));
}

#[test]
fn a_failure_closes_what_is_open_and_ends_the_stream_once() {
    let failure = Failure::new(proxai_ir::FailureKind::ContextLength, "too long");
    let frames = frames(vec![
        open(0, PartKind::Text),
        delta(0, "a"),
        open(1, call("f", ToolKind::Function)),
        delta(1, "{"),
        Event::Failure(failure),
        finish(StopReason::Stop),
    ]);
    assert_framed(&frames);
    assert_eq!(
        kinds(&frames)
            .iter()
            .filter(|kind| **kind == "output_item.done")
            .count(),
        2
    );
    let (event, data) = frames.last().unwrap();
    assert_eq!(event, "response.failed");
    assert!(data.contains(r#""error":{"code":"context_length_exceeded","message":"too long"}"#));
    assert!(data.contains(r#""status":"failed""#));
}

#[test]
fn a_keepalive_is_an_event_and_takes_no_number() {
    let frames = frames(vec![
        Event::Start(Start::default()),
        Event::Keepalive,
        // The upstream's own start, after a keep-alive began the answer.
        Event::Start(Start {
            id: "resp_late".into(),
            ..Start::default()
        }),
        finish(StopReason::Stop),
    ]);
    assert_eq!(
        kinds(&frames),
        ["created", "in_progress", "keepalive", "completed"]
    );
    assert_eq!(frames[2].1, r#"{"type":"keepalive","sequence_number":1}"#);
    assert!(frames[3].1.ends_with(r#""sequence_number":2}"#));
}

#[test]
fn log_probabilities_are_told_and_collected() {
    let frames = frames(vec![
        open(0, PartKind::Text),
        delta(0, "a"),
        Event::Logprobs {
            part: PartId(0),
            json: "[{\"token\":\"a\"}]".into(),
        },
        Event::Logprobs {
            part: PartId(0),
            json: "[{\"token\":\"b\"\n}]".into(),
        },
        close(0),
        finish(StopReason::Stop),
    ]);
    assert_framed(&frames);
    assert!(
        frames[5]
            .1
            .contains(r#""delta":"","logprobs":[{"token":"a"}]"#)
    );
    assert!(
        frames
            .last()
            .unwrap()
            .1
            .contains(r#""logprobs":[{"token":"a"},{"token":"b" }]"#)
    );
}

#[test]
fn what_is_not_streamed_is_the_same_answer() {
    let part = |content| Part::new(At::default(), content);
    let answer = Answer {
        id: "chatcmpl-7".into(),
        parts: vec![
            part(Content::Reasoning(Reasoning {
                text: "r".into(),
                ..Reasoning::default()
            })),
            part(Content::Text(TextPart {
                text: "a".into(),
                ..TextPart::default()
            })),
            part(Content::Text(TextPart {
                text: "b".into(),
                ..TextPart::default()
            })),
            part(Content::ToolCall(ToolCall {
                id: "c".into(),
                name: "f".into(),
                input: "{}".into(),
                ..ToolCall::default()
            })),
        ],
        finish: Finish {
            reason: StopReason::ToolCalls,
            ..Finish::default()
        },
        usage: Some(Usage::default()),
        ..Answer::default()
    };
    let mut events = Vec::new();
    let mut sink = |event: Event<'_>| events.push(format!("{event:?}"));
    answer.replay(&mut sink as &mut dyn Sink);
    let mut streamed = Composer::new(context());
    let mut out = BytesMut::new();
    answer.replay(&mut |event: Event<'_>| streamed.event(event, Some(&mut out)));
    let mut quiet = Composer::new(context());
    answer.replay(&mut |event: Event<'_>| quiet.event(event, None));
    let body = String::from_utf8(quiet.into_body()).unwrap();
    let text = String::from_utf8(out.to_vec()).unwrap();
    assert!(
        text.contains(&format!(r#""type":"response.completed","response":{body}"#)),
        "{body}"
    );
    assert!(!events.is_empty());
}

/// Type and status of each item, as `output_item.done` told it and as the last object repeats it.
fn statuses(frames: &[(String, String)]) -> Vec<(String, String)> {
    let value = |data: &str| serde_json::from_str::<serde_json::Value>(data).unwrap();
    let read = |item: &serde_json::Value| {
        let member = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        (member("type"), member("status"))
    };
    let mut done: Vec<_> = frames
        .iter()
        .filter(|(event, _)| event == "response.output_item.done")
        .map(|(_, data)| value(data))
        .collect();
    done.sort_by_key(|event| event["output_index"].as_u64());
    let done: Vec<_> = done.iter().map(|event| read(&event["item"])).collect();
    let last = value(&frames.last().unwrap().1);
    let output = last["response"]["output"].as_array().unwrap();
    assert_eq!(output.iter().map(read).collect::<Vec<_>>(), done);
    done
}

fn as_told(items: &[(&str, &str)]) -> Vec<(String, String)> {
    let own = |text: &str| text.to_owned();
    items
        .iter()
        .map(|(kind, status)| (own(kind), own(status)))
        .collect()
}

#[test]
fn what_was_open_when_the_answer_was_cut_is_incomplete_and_what_came_before_is_not() {
    // Case 106: an upstream closes its block before it says that it ran out of tokens.
    for (kind, item) in [
        (ToolKind::Function, "function_call"),
        (ToolKind::Custom, "custom_tool_call"),
    ] {
        for reason in [
            StopReason::Length,
            StopReason::ContextWindow,
            StopReason::Refusal,
        ] {
            let frames = frames(vec![
                open(0, thought()),
                delta(0, "h"),
                close(0),
                open(1, PartKind::Text),
                delta(1, "t"),
                close(1),
                open(2, call("f", ToolKind::Function)),
                delta(2, "{}"),
                close(2),
                open(3, call("g", kind)),
                delta(3, "{\"a\":"),
                close(3),
                finish(reason),
            ]);
            assert_framed(&frames);
            assert_eq!(
                statuses(&frames),
                as_told(&[
                    ("reasoning", "completed"),
                    ("message", "completed"),
                    ("function_call", "completed"),
                    (item, "incomplete"),
                ])
            );
        }
    }
}

#[test]
fn a_thought_that_was_cut_is_incomplete() {
    let frames = frames(vec![
        open(0, thought()),
        delta(0, "h"),
        close(0),
        finish(StopReason::Length),
    ]);
    assert_eq!(statuses(&frames), as_told(&[("reasoning", "incomplete")]));
}

#[test]
fn what_seals_an_earlier_call_does_not_hide_which_one_was_cut() {
    let seal = Event::Seal {
        part: PartId(0),
        sealed: Sealed {
            origin: Protocol::Chat,
            issuer: None,
            data: "s".into(),
        },
    };
    let frames = frames(vec![
        open(0, call("f", ToolKind::Function)),
        open(1, call("g", ToolKind::Function)),
        delta(0, "{}"),
        delta(1, "{"),
        seal,
        close(0),
        close(1),
        finish(StopReason::Length),
    ]);
    assert_framed(&frames);
    assert_eq!(
        statuses(&frames),
        as_told(&[
            ("function_call", "completed"),
            ("function_call", "incomplete"),
            ("reasoning", "completed"),
        ])
    );
}

#[test]
fn a_paused_turn_is_incomplete_but_its_calls_are_whole() {
    // Case 104: there is more of it, and no client may take it for all.
    let frames = frames(vec![
        open(0, call("f", ToolKind::Function)),
        delta(0, "{}"),
        close(0),
        finish(StopReason::Pause),
    ]);
    let (event, data) = frames.last().unwrap();
    assert_eq!(event, "response.incomplete");
    assert!(data.contains(r#""incomplete_details":{"reason":"max_output_tokens"}"#));
    assert_eq!(
        statuses(&frames),
        as_told(&[("function_call", "completed")])
    );
}
