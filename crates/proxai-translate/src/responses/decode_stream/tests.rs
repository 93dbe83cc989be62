//! What streams of different completeness are read as.

use bytes::Bytes;
use proxai_ir::{Accumulator, Checked, Content, Response as Answer, StopReason};

use super::*;

/// Reads a stream made of these data lines; checks the grammar.
fn read(lines: &[&str]) -> Result<Answer<'static>, Failure> {
    let mut frames = proxai_sse::Decoder::new();
    let text = format!("data: {}\n\n", lines.join("\n\ndata: "));
    frames.push(Bytes::from(text));
    let mut sink = Checked::new(Accumulator::new());
    let mut decoder = Decoder::default();
    while let Ok(Some(frame)) = frames.next_frame() {
        decoder.frame(&frame, &mut sink);
    }
    decoder.end(&mut sink);
    let (accumulator, violations) = sink.into_parts();
    assert_eq!(violations, []);
    accumulator.into_response()
}

fn shown(answer: &Answer<'_>) -> Vec<String> {
    answer
        .parts
        .iter()
        .map(|part| match &part.content {
            Content::Text(text) => format!("text {} +{}", text.text, text.citations.len()),
            Content::Refusal(text) => format!("refusal {text}"),
            Content::Reasoning(thought) => format!(
                "thought {:?} {}",
                thought.text.as_str(),
                thought.sealed.as_ref().map_or("", |sealed| &sealed.data)
            ),
            Content::ToolCall(call) => format!(
                "call {} {} {:?} {}",
                call.id, call.name, call.kind, call.input
            ),
            Content::WebSearch(search) => format!("search {:?}", search.query.as_str()),
            Content::Opaque(opaque) => format!("opaque {} {}", opaque.kind, opaque.hosted),
            other => format!("{other:?}"),
        })
        .collect()
}

const CREATED: &str = r#"{"type":"response.created","response":{"id":"resp_1","model":"m","created_at":5,"status":"in_progress","output":[]}}"#;
const COMPLETED: &str = r#"{"type":"response.completed","response":{"id":"resp_1","status":"completed","output":[],"usage":{"input_tokens":4,"output_tokens":2,"total_tokens":6}}}"#;

const MESSAGE_DONE: &str = r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"Hello","annotations":[{"type":"url_citation","url":"u","title":"t","start_index":0,"end_index":5}]}]}}"#;
const THOUGHT_DONE: &str = r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"one"},{"type":"summary_text","text":"two"}],"encrypted_content":"E"}}"#;
const CALL_DONE: &str = r#"{"type":"response.output_item.done","output_index":2,"item":{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{\"a\":1}"}}"#;

fn whole() -> Vec<String> {
    vec![
        "thought \"one\\n\\ntwo\" E".to_owned(),
        "text Hello +1".to_owned(),
        "call c1 f Function {\"a\":1}".to_owned(),
    ]
}

#[test]
fn finished_items_alone_are_the_whole_answer() {
    let answer = read(&[CREATED, THOUGHT_DONE, MESSAGE_DONE, CALL_DONE, COMPLETED]).unwrap();
    assert_eq!(shown(&answer), whole());
    assert_eq!(answer.finish.reason, StopReason::ToolCalls);
    assert_eq!(answer.usage.unwrap().input, Some(4));
    assert_eq!((answer.id.as_str(), answer.created), ("resp_1", Some(5)));
}

#[test]
fn deltas_with_and_without_their_repetitions_are_the_same_answer() {
    let deltas = [
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"reasoning","id":"rs_1","summary":[]}}"#,
        r#"{"type":"response.reasoning_summary_part.added","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}}"#,
        r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":0,"delta":"one"}"#,
        r#"{"type":"response.reasoning_summary_text.done","output_index":0,"summary_index":0,"text":"one"}"#,
        r#"{"type":"response.reasoning_summary_text.delta","output_index":0,"summary_index":1,"delta":"tw"}"#,
        r#"{"type":"response.reasoning_summary_text.done","output_index":0,"summary_index":1,"text":"two"}"#,
        THOUGHT_DONE,
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"message","id":"msg_other","role":"assistant","content":[]}}"#,
        r#"{"type":"response.content_part.added","output_index":1,"content_index":0,"part":{"type":"output_text","text":""}}"#,
        r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"Hel","logprobs":[]}"#,
        r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"lo"}"#,
        r#"{"type":"response.output_text.annotation.added","output_index":1,"content_index":0,"annotation_index":0,"annotation":{"type":"url_citation","url":"u","title":"t","start_index":0,"end_index":5}}"#,
        r#"{"type":"response.output_text.done","output_index":1,"content_index":0,"text":"Hello"}"#,
        r#"{"type":"response.content_part.done","output_index":1,"content_index":0,"part":{"type":"output_text","text":"Hello","annotations":[{"type":"url_citation","url":"u","title":"t","start_index":0,"end_index":5}]}}"#,
        MESSAGE_DONE,
        r#"{"type":"response.output_item.added","output_index":2,"item":{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":""}}"#,
        r#"{"type":"response.function_call_arguments.delta","output_index":2,"delta":"{\"a\":"}"#,
        r#"{"type":"response.function_call_arguments.delta","output_index":2,"delta":"1}"}"#,
        r#"{"type":"response.function_call_arguments.done","output_index":2,"arguments":"{\"a\":1}"}"#,
        CALL_DONE,
    ];
    let mut lines = vec![CREATED];
    lines.extend(deltas);
    lines.push(COMPLETED);
    assert_eq!(shown(&read(&lines).unwrap()), whole());
    // Without any `.done` but what seals and cites.
    lines.retain(|line| !line.contains(".done\"") || line.contains("\"rs_1\""));
    assert_eq!(shown(&read(&lines).unwrap()), whole());
}

#[test]
fn a_terminal_event_alone_is_enough() {
    let line = r#"{"type":"response.completed","response":{"id":"r","status":"completed","output":[{"type":"message","role":"assistant","content":[{"type":"output_text","text":"all"}]},{"type":"web_search_call","id":"ws"}]}}"#;
    assert_eq!(
        shown(&read(&[line]).unwrap()),
        ["text all +0", "search \"\""]
    );
}

#[test]
fn reasoning_text_and_summary_are_both_read() {
    let answer = read(&[
        r#"{"type":"response.reasoning_text.delta","output_index":0,"content_index":0,"delta":"raw"}"#,
        r#"{"type":"response.reasoning_summary_text.done","output_index":0,"summary_index":0,"text":"sum"}"#,
        COMPLETED,
    ])
    .unwrap();
    assert_eq!(shown(&answer), ["thought \"raw\\n\\nsum\" "]);
}

#[test]
fn shell_calls_and_nameless_calls_wait_for_the_whole_item() {
    let answer = read(&[
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"apply_patch_call","id":"apc","call_id":"c","operation":{"type":"create_file","path":"a","diff":""}}}"#,
        r#"{"type":"response.apply_patch_call_operation_diff.delta","output_index":0,"delta":"+x"}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"apply_patch_call","id":"apc","call_id":"c","operation":{"type":"create_file","path":"a","diff":"+x"}}}"#,
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"function_call","id":"fc","call_id":"d","name":"","arguments":""}}"#,
        r#"{"type":"response.function_call_arguments.delta","output_index":1,"delta":"{}"}"#,
        r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"function_call","id":"fc","call_id":"d","name":"late","arguments":{"k":1}}}"#,
        COMPLETED,
    ])
    .unwrap();
    assert_eq!(
        shown(&answer),
        [
            r#"call c apply_patch Native {"type":"create_file","path":"a","diff":"+x"}"#,
            r#"call d late Function {"k":1}"#,
        ]
    );
}

#[test]
fn items_that_share_an_index_do_not_hide_each_other() {
    let answer = read(&[
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","id":"fc_1","call_id":"a","name":"f","arguments":"{}"}}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","id":"fc_1","call_id":"a","name":"f","arguments":"{}"}}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","id":"fc_2","call_id":"b","name":"g","arguments":"{}"}}"#,
        COMPLETED,
    ])
    .unwrap();
    assert_eq!(
        shown(&answer),
        ["call a f Function {}", "call b g Function {}"]
    );
}

#[test]
fn every_way_to_fail_is_a_failure_with_its_code() {
    for (lines, kind, code) in [
        (
            vec![
                CREATED,
                r#"{"type":"response.failed","response":{"status":"failed","error":{"code":"server_is_overloaded","message":"m"}}}"#,
            ],
            FailureKind::Overloaded,
            "server_is_overloaded",
        ),
        (
            vec![
                CREATED,
                r#"{"type":"error","code":"rate_limit_exceeded","message":"m"}"#,
            ],
            FailureKind::RateLimit,
            "rate_limit_exceeded",
        ),
        (
            vec![r#"{"error":{"message":"m","code":"insufficient_quota"}}"#],
            FailureKind::Quota,
            "insufficient_quota",
        ),
        (
            vec![CREATED, MESSAGE_DONE],
            FailureKind::BadUpstream,
            "upstream_stream_cut",
        ),
        (
            vec![CREATED, "[DONE]"],
            FailureKind::BadUpstream,
            "upstream_stream_cut",
        ),
    ] {
        let failure = read(&lines).unwrap_err();
        assert_eq!(
            (failure.kind, failure.code.as_deref()),
            (kind, Some(code)),
            "{lines:?}"
        );
    }
    assert_eq!(
        read(&[CREATED, "{\"type\":"]).unwrap_err().kind,
        FailureKind::BadUpstream
    );
}

#[test]
fn a_cut_answer_says_why_and_done_behind_the_end_is_ignored() {
    let answer = read(&[
        CREATED,
        r#"{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"a"}"#,
        r#"{"type":"response.telepathy.delta","x":1}"#,
        r#"{"type":"keepalive","sequence_number":3}"#,
        r#"{"type":"response.incomplete","response":{"status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[]}}"#,
        "[DONE]",
    ])
    .unwrap();
    assert_eq!(answer.finish.reason, StopReason::Length);
    assert_eq!(answer.finish.raw.as_deref(), Some("max_output_tokens"));
    assert_eq!(shown(&answer), ["text a +0"]);
}

#[test]
fn a_refusal_is_one() {
    let answer = read(&[
        r#"{"type":"response.refusal.delta","output_index":0,"content_index":0,"delta":"I can"}"#,
        r#"{"type":"response.refusal.done","output_index":0,"content_index":0,"refusal":"I cannot"}"#,
        COMPLETED,
    ])
    .unwrap();
    assert_eq!(shown(&answer), ["refusal I cannot"]);
    assert_eq!(answer.finish.reason, StopReason::Refusal);
}

#[test]
fn an_item_that_ends_as_another_kind_leaves_nothing_open() {
    let answer = read(&[
        r#"{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"a","call_id":"c","name":"f"}}"#,
        r#"{"type":"response.output_item.done","output_index":0,"item":{"type":"telepathy","id":"a"}}"#,
        r#"{"type":"response.output_item.added","output_index":1,"item":{"type":"web_search_call","id":"w"}}"#,
        r#"{"type":"response.output_item.done","output_index":1,"item":{"type":"web_search_call","id":"w"}}"#,
        COMPLETED,
    ])
    .unwrap();
    assert_eq!(
        shown(&answer),
        [
            "call c f Function ",
            "opaque telepathy false",
            "search \"\""
        ]
    );
}

#[test]
fn what_only_the_terminal_event_tells_is_taken_from_it() {
    let added = |index: usize, item: &str| {
        format!(r#"{{"type":"response.output_item.added","output_index":{index},"item":{item}}}"#)
    };
    let thought = r#"{"type":"reasoning","id":"rs_1","summary":[]}"#;
    let message = r#"{"type":"message","id":"msg_1","role":"assistant","content":[]}"#;
    let call = r#"{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":""}"#;
    let completed = concat!(
        r#"{"type":"response.completed","response":{"id":"r","status":"completed","output":["#,
        r#"{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"why"}]},"#,
        r#"{"type":"message","id":"msg_1","role":"assistant","content":[{"type":"output_text","text":"Hello"}]},"#,
        r#"{"type":"function_call","id":"fc_1","call_id":"c1","name":"f","arguments":"{\"a\":1}"}]}}"#,
    );
    let whole = [
        "thought \"why\" ",
        "text Hello +0",
        "call c1 f Function {\"a\":1}",
    ];
    let sorted = |answer: &Answer<'_>| {
        let mut parts = shown(answer);
        parts.sort_by_key(|part| whole.iter().position(|known| known == part));
        parts
    };
    let begun =
        r#"{"type":"response.output_text.delta","output_index":1,"content_index":0,"delta":"Hel"}"#;
    // All were added, at places that fit and at others; some; one of them had begun.
    for places in [
        [Some(0), Some(1), Some(2)],
        [Some(2), Some(5), Some(9)],
        [None, Some(1), None],
    ] {
        for with_delta in [false, true] {
            let mut lines: Vec<String> = [thought, message, call]
                .into_iter()
                .zip(places)
                .filter_map(|(item, place)| Some(added(place?, item)))
                .collect();
            if with_delta && places[1] == Some(1) {
                lines.push(begun.to_owned());
            }
            lines.insert(0, CREATED.to_owned());
            lines.push(completed.to_owned());
            let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
            assert_eq!(sorted(&read(&lines).unwrap()), whole, "{lines:#?}");
        }
    }
}

#[test]
fn an_item_under_another_id_at_the_end_is_not_told_twice() {
    let call = |id: &str| {
        format!(
            r#"{{"type":"function_call","id":"{id}","call_id":"c","name":"f","arguments":"{{}}"}}"#
        )
    };
    let done = format!(
        r#"{{"type":"response.output_item.done","output_index":0,"item":{}}}"#,
        call("fc_a")
    );
    for (output, calls) in [
        (format!("[{}]", call("fc_b")), 1),
        // What stands before it was not told, so its place is not its index.
        (
            format!(
                r#"[{{"type":"reasoning","id":"rs","summary":[]}},{}]"#,
                call("fc_b")
            ),
            1,
        ),
    ] {
        let completed = format!(
            r#"{{"type":"response.completed","response":{{"status":"completed","output":{output}}}}}"#
        );
        let answer = read(&[CREATED, &done, &completed]).unwrap();
        assert_eq!(shown(&answer).len(), calls, "{output}");
    }
}
