//! What vendors send, one surprise per test.

use super::*;
use proxai_ir::{Accumulator, Checked, Content, Response, StopReason};
use proxai_sse::Decoder;

/// Runs the frames and the end of the body, with the grammar checked.
fn run(frames: &[&str]) -> Result<Response<'static>, Failure> {
    let mut decoder = ChatStream::default();
    let mut checked = Checked::new(Accumulator::new());
    let mut bytes = Decoder::new();
    for frame in frames {
        let frame = if frame.starts_with(':') || frame.starts_with("event") {
            format!("{frame}\n\n")
        } else {
            format!("data: {frame}\n\n")
        };
        bytes.push(frame.into());
        while let Some(frame) = bytes.next_frame().unwrap() {
            decoder.frame(&frame, &mut checked);
        }
    }
    decoder.end(&mut checked);
    let (accumulator, violations) = checked.into_parts();
    assert_eq!(violations, [], "{frames:?}");
    accumulator.into_response()
}

/// A chunk with one delta.
fn delta(members: &str) -> String {
    format!(r#"{{"id":"c1","model":"m","choices":[{{"index":0,"delta":{{{members}}}}}]}}"#)
}

fn finish(reason: &str) -> String {
    format!(r#"{{"id":"c1","choices":[{{"delta":{{}},"finish_reason":"{reason}"}}]}}"#)
}

fn view(response: &Response<'_>) -> Vec<(&'static str, String)> {
    let view = |content: &Content<'_>| match content {
        Content::Text(text) => ("text", text.text.to_string()),
        Content::Reasoning(reasoning) => ("reasoning", reasoning.text.to_string()),
        Content::Refusal(text) => ("refusal", text.to_string()),
        Content::ToolCall(call) => ("call", format!("{} {} {}", call.id, call.name, call.input)),
        Content::Opaque(opaque) => ("opaque", opaque.kind.to_string()),
        _ => ("other", String::new()),
    };
    response
        .parts
        .iter()
        .map(|part| view(&part.content))
        .collect()
}

fn parts_of(deltas: &[&str], reason: &str) -> Vec<(&'static str, String)> {
    let mut frames: Vec<String> = deltas.iter().map(|members| delta(members)).collect();
    frames.push(finish(reason));
    let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
    view(&run(&frames).unwrap())
}

fn part(kind: &'static str, text: &str) -> (&'static str, String) {
    (kind, text.to_owned())
}

#[test]
fn text_after_a_call_is_a_new_part() {
    let parts = parts_of(
        &[
            r#""content":"A""#,
            r#""tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]"#,
            r#""content":"B""#,
        ],
        "tool_calls",
    );
    assert_eq!(
        parts,
        [part("text", "A"), part("call", "a f {}"), part("text", "B")]
    );
}

#[test]
fn text_and_a_call_in_one_delta_are_both_read() {
    let parts = parts_of(
        &[
            r#""content":"A","tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\""}}]"#,
            r#""content":"B","tool_calls":[{"index":0,"function":{"arguments":":1}"}}]"#,
        ],
        "tool_calls",
    );
    assert_eq!(
        parts,
        [
            part("text", "A"),
            part("call", "a f {\"x\":1}"),
            part("text", "B")
        ]
    );
}

#[test]
fn two_calls_in_one_chunk_are_two_calls() {
    let parts = parts_of(
        &[
            r#""tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{\"x\":1}"}},
               {"index":1,"id":"b","function":{"name":"g","arguments":"{\"y\":2}"}}]"#,
        ],
        "stop",
    );
    assert_eq!(
        parts,
        [part("call", "a f {\"x\":1}"), part("call", "b g {\"y\":2}")]
    );
}

#[test]
fn reasoning_in_every_spelling_ends_when_text_begins() {
    for thought in [
        r#""reasoning_content":"hm","content":null"#,
        r#""reasoning":"hm","content":"""#,
        r#""content":"","reasoning_details":[{"type":"reasoning.text","text":"hm"}]"#,
        r#""content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]}]"#,
    ] {
        let parts = parts_of(&[thought, r#""content":"Hi""#], "stop");
        assert_eq!(
            parts,
            [part("reasoning", "hm"), part("text", "Hi")],
            "{thought}"
        );
    }
}

#[test]
fn reasoning_blocks_seal_their_part_or_a_part_of_their_own() {
    let block = r#""reasoning_details":[{"type":"reasoning.encrypted","data":"AA"}]"#;
    let with_text = format!(r#""reasoning":"hm",{block}"#);
    let [early, only, late] = [
        &[with_text.as_str(), r#""content":"Hi""#][..],
        &[block, r#""content":"Hi""#],
        &[r#""reasoning":"hm""#, r#""content":"Hi""#, block],
    ]
    .map(|deltas| {
        let mut frames: Vec<String> = deltas.iter().map(|members| delta(members)).collect();
        frames.push(finish("stop"));
        let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
        run(&frames).unwrap()
    });
    let sealed = |response: &Response<'_>| -> Vec<bool> {
        let is_sealed =
            |content: &Content<'_>| matches!(content, Content::Reasoning(r) if r.sealed.is_some());
        response
            .parts
            .iter()
            .map(|part| is_sealed(&part.content))
            .collect()
    };
    assert_eq!(sealed(&early), [true, false]);
    assert_eq!(sealed(&only), [true, false]);
    assert_eq!(sealed(&late), [false, false, true]);
}

#[test]
fn usage_is_found_wherever_it_comes() {
    let usage = r#""usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}"#;
    for tail in [
        vec![format!(
            r#"{{"choices":[{{"delta":{{}},"finish_reason":"stop"}}],{usage}}}"#
        )],
        vec![finish("stop"), format!(r#"{{"choices":[],{usage}}}"#)],
        vec![
            finish("stop"),
            format!(r#"{{"choices":[{{"delta":{{}}}}],{usage}}}"#),
        ],
        vec![finish("stop"), format!("{{{usage}}}")],
        vec![format!(
            r#"{{"choices":[{{"finish_reason":"stop"}}],"x_groq":{{{usage}}}}}"#
        )],
    ] {
        let mut frames = vec![delta(r#""content":"Hi""#)];
        frames.extend(tail);
        let frames: Vec<&str> = frames.iter().map(String::as_str).collect();
        let response = run(&frames).unwrap();
        let usage = response.usage.unwrap();
        assert_eq!(
            (usage.input, usage.output),
            (Some(7), Some(2)),
            "{frames:?}"
        );
    }
}

#[test]
fn the_end_is_told_once_whatever_ends_the_stream() {
    let hi = delta(r#""content":"Hi""#);
    let stop = finish("stop");
    for frames in [
        vec![hi.as_str(), &stop, "[DONE]"],
        vec![hi.as_str(), &stop, "[DONE]", "[done]"],
        vec![hi.as_str(), &stop],
        vec![hi.as_str(), "[DONE]"],
        vec![hi.as_str(), &stop, ": ping", "[DONE] "],
        vec![hi.as_str(), "event: ping", &stop, "[DONE]"],
    ] {
        let response = run(&frames).unwrap();
        assert_eq!(response.finish.reason, StopReason::Stop, "{frames:?}");
    }
}

#[test]
fn a_cut_stream_is_a_failure() {
    let hi = delta(r#""content":"Hi""#);
    for frames in [vec![], vec![hi.as_str()], vec![": ping"], vec!["[DONE]"]] {
        let failure = run(&frames).unwrap_err();
        assert_eq!(
            failure.code.as_deref(),
            Some("upstream_stream_cut"),
            "{frames:?}"
        );
    }
}

#[test]
fn an_error_inside_the_stream_is_a_failure_even_behind_the_finish_reason() {
    let hi = delta(r#""content":"Hi""#);
    let stop = finish("length");
    for error in [
        r#"{"error":{"message":"gone","code":502}}"#,
        r#"{"id":"c1","error":{"message":"gone","code":502},"choices":[{"delta":{"content":""},"finish_reason":null}],"usage":{"prompt_tokens":1}}"#,
        r#"{"object":"error","message":"gone","code":502}"#,
        "event: error\ndata: {\"message\":\"gone\"}",
    ] {
        for frames in [
            vec![error],
            vec![hi.as_str(), error],
            vec![hi.as_str(), &stop, error, "[DONE]"],
        ] {
            assert_eq!(run(&frames).unwrap_err().message, "gone", "{frames:?}");
        }
    }
}

#[test]
fn a_frame_that_is_no_json_is_a_failure() {
    let failure = run(&["{\"id\":"]).unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadUpstream);
}

#[test]
fn the_finish_reason_agrees_with_the_calls() {
    let call =
        delta(r#""tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]"#);
    let reason = |frames: &[&str]| run(frames).unwrap().finish.reason;
    assert_eq!(reason(&[&call, &finish("stop")]), StopReason::ToolCalls);
    let hi = delta(r#""content":"Hi""#);
    assert_eq!(reason(&[&hi, &finish("tool_calls")]), StopReason::Stop);
}

#[test]
fn a_first_chunk_without_id_and_choices_is_not_the_head() {
    let first = r#"{"id":"","model":"","choices":[],"prompt_filter_results":[{"prompt_index":0}]}"#;
    let response = run(&[first, &delta(r#""content":"Hi""#), &finish("stop")]).unwrap();
    assert_eq!((response.id.as_str(), response.model.as_str()), ("c1", "m"));
}

#[test]
fn other_choices_are_not_mixed_in() {
    let other =
        r#"{"id":"c1","choices":[{"index":1,"delta":{"content":"no"},"finish_reason":"length"}]}"#;
    let response = run(&[&delta(r#""content":"Hi""#), other, &finish("stop")]).unwrap();
    assert_eq!(view(&response), [part("text", "Hi")]);
    assert_eq!(response.finish.reason, StopReason::Stop);
}

#[test]
fn sources_are_told_once_with_their_text() {
    let chunk = |text: &str| {
        format!(
            r#"{{"id":"c1","citations":["https://a","https://b"],"choices":[{{"delta":{{"content":"{text}"}}}}]}}"#
        )
    };
    let response = run(&[&chunk("A"), &chunk("B"), &finish("stop")]).unwrap();
    let Content::Text(text) = &response.parts[0].content else {
        panic!()
    };
    assert_eq!((text.text.as_str(), text.citations.len()), ("AB", 2));
}

#[test]
fn custom_and_legacy_calls_are_calls() {
    let parts = parts_of(
        &[
            r#""tool_calls":[{"index":0,"id":"a","type":"custom","custom":{"name":"p","input":"fr"}}]"#,
            r#""tool_calls":[{"index":0,"custom":{"input":"ee"}}]"#,
            r#""function_call":{"name":"f","arguments":""}"#,
            r#""function_call":{"arguments":"{}"}"#,
        ],
        "function_call",
    );
    assert_eq!(parts, [part("call", "a p free"), part("call", " f {}")]);
}

#[test]
fn think_tags_are_text() {
    let parts = parts_of(&[r#""content":"<think>a</think>b""#], "stop");
    assert_eq!(parts, [part("text", "<think>a</think>b")]);
}
