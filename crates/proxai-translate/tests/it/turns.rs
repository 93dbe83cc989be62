//! Turns that the upstream pauses and that are sent again (case 104).

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use proxai_sse::Decoder;
use proxai_testkit::fixtures::{Case, Kind, cases};
use proxai_translate::ir::Losses;
use proxai_translate::{ReplyContext, StreamTranslator, Turn, adapter, fold_stream};
use proxai_types::Protocol;
use serde_json::{Value, json};

use crate::{drive, for_each_case};

const REQUEST: &[u8] = br#"{"model":"m", "max_tokens":1e3,"tools":[{"type":"web_search_20250305","name":"web_search"}],"messages":[{"role":"user","content":"Who won?"}] }"#;

/// Blocks as the provider gives them: odd spelling, members nobody knows, seals.
const BLOCKS: &[&str] = &[
    r#"{"type":"thinking","thinking":"I search","signature":"Sig=="}"#,
    r#"{ "type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"who won"},"odd":[ 1 ] }"#,
    r#"{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[{"type":"web_search_result","url":"https://a.test","title":"A","encrypted_content":"EnC+/"}]}"#,
    r#"{"type":"text","text":"They won","citations":[{"type":"web_search_result_location","url":"https://a.test","title":"A","encrypted_index":"I=","cited_text":"won"}]}"#,
];

fn context(upstream: Protocol) -> Arc<ReplyContext> {
    Arc::new(ReplyContext::new(
        "house",
        "here",
        upstream,
        "0a1b",
        1_760_000_000,
    ))
}

fn answer(blocks: &[&str], reason: &str, more: &str) -> String {
    format!(
        r#"{{"id":"msg_1","type":"message","role":"assistant","model":"up","content":[{}],"stop_reason":"{reason}","stop_sequence":null,"usage":{{"input_tokens":100,"cache_read_input_tokens":20,"output_tokens":7,"server_tool_use":{{"web_search_requests":1}}}}{more}}}"#,
        blocks.join(",")
    )
}

/// The same answer as a stream: each text comes in deltas of `size` characters.
fn stream(blocks: &[&str], reason: &str, size: usize) -> String {
    let mut events = vec![
        json!({"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"up","content":[],"usage":{"input_tokens":100,"cache_read_input_tokens":20,"output_tokens":1}}}),
    ];
    for (index, block) in blocks.iter().enumerate() {
        let mut start: Value = serde_json::from_str(block).expect("a block is JSON");
        let mut deltas = Vec::new();
        let mut cut = |value: &mut Value, kind: &str, key: &str| {
            let text = value.as_str().expect("a text").to_owned();
            *value = json!("");
            for piece in text.chars().collect::<Vec<_>>().chunks(size) {
                deltas.push(json!({"type": kind, key: piece.iter().collect::<String>()}));
            }
        };
        match start["type"].as_str().expect("a type") {
            "thinking" => {
                cut(&mut start["thinking"], "thinking_delta", "thinking");
                cut(&mut start["signature"], "signature_delta", "signature");
            }
            "text" => {
                cut(&mut start["text"], "text_delta", "text");
                let cited = start["citations"].take();
                start["citations"] = json!([]);
                for citation in cited.as_array().into_iter().flatten() {
                    deltas.push(json!({"type": "citations_delta", "citation": citation}));
                }
            }
            "server_tool_use" | "tool_use" => {
                let mut text = json!(start["input"].to_string());
                cut(&mut text, "input_json_delta", "partial_json");
                start["input"] = json!({});
            }
            _ => {}
        }
        events.push(json!({"type":"content_block_start","index":index,"content_block":start}));
        let delta = |delta| json!({"type":"content_block_delta","index":index,"delta":delta});
        events.extend(deltas.into_iter().map(delta));
        events.push(json!({"type":"content_block_stop","index":index}));
    }
    events.push(json!({"type":"message_delta","delta":{"stop_reason":reason},"usage":{"output_tokens":7,"server_tool_use":{"web_search_requests":1}}}));
    events.push(json!({"type":"message_stop"}));
    let frame = |event: &Value| {
        let kind = event["type"].as_str().expect("a type");
        format!("event: {kind}\ndata: {event}\n\n")
    };
    events.iter().map(frame).collect()
}

fn push(translator: &mut StreamTranslator, stream: &str, out: &mut BytesMut) {
    let mut frames = Decoder::new();
    frames.push(Bytes::copy_from_slice(stream.as_bytes()));
    while let Some(frame) = frames.next_frame().expect("frames within the limit") {
        translator.push(&frame, out);
    }
    translator.end(out);
}

fn parsed(body: &[u8]) -> Value {
    serde_json::from_slice(body)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(body)))
}

/// What a client of a stream reads in the end.
fn read(client: Protocol, stream: &[u8]) -> Value {
    let reply = context(client);
    let told = fold_stream(client, &reply, Bytes::copy_from_slice(stream))
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(stream)));
    parsed(&told.body)
}

#[test]
fn a_paused_answer_goes_back_as_it_came_and_everything_else_stays() {
    let mut turn = Turn::new(context(Protocol::Messages));
    turn.whole(answer(BLOCKS, "pause_turn", "").as_bytes());
    let again = turn.continuation(REQUEST).unwrap();
    let (before, behind) = (&REQUEST[..REQUEST.len() - 3], "] }");
    let expected = format!(
        r#"{},{{"role":"assistant","content":[{}]}}{behind}"#,
        std::str::from_utf8(before).unwrap(),
        BLOCKS.join(",")
    );
    assert_eq!(String::from_utf8(again).unwrap(), expected);
}

#[test]
fn what_was_said_in_a_stream_goes_back_as_the_same_blocks() {
    for size in [1, 3, 1000] {
        let mut translator =
            StreamTranslator::new(Protocol::Chat, context(Protocol::Messages)).continuing();
        let mut out = BytesMut::new();
        push(
            &mut translator,
            &stream(BLOCKS, "pause_turn", size),
            &mut out,
        );
        assert!(translator.paused() && !translator.ended());
        let again = parsed(&translator.continuation(REQUEST).unwrap());
        let blocks: Vec<Value> = BLOCKS
            .iter()
            .map(|block| parsed(block.as_bytes()))
            .collect();
        assert_eq!(
            again["messages"][1],
            json!({"role":"assistant","content":blocks})
        );
        assert_eq!(again["messages"][0], parsed(REQUEST)["messages"][0]);
    }
}

#[test]
fn three_answers_are_one_and_each_is_paid_for() {
    let answers = [
        (&BLOCKS[..2], "pause_turn"),
        (&BLOCKS[2..3], "pause_turn"),
        (&BLOCKS[3..], "end_turn"),
    ];
    for client in [Protocol::Chat, Protocol::Responses] {
        let mut whole = Turn::new(context(Protocol::Messages));
        let mut live = StreamTranslator::new(client, context(Protocol::Messages)).continuing();
        let mut out = BytesMut::new();
        let mut request = Vec::new();
        for (blocks, reason) in answers {
            if !request.is_empty() {
                whole.resume();
                live.resume();
            }
            whole.whole(answer(blocks, reason, "").as_bytes());
            push(&mut live, &stream(blocks, reason, 2), &mut out);
            assert_eq!(live.paused(), reason == "pause_turn");
            let [a, b] = [whole.continuation(REQUEST), live.continuation(REQUEST)];
            assert_eq!(a.is_some(), reason == "pause_turn");
            assert_eq!(a.as_deref().map(parsed), b.as_deref().map(parsed));
            if let Some(longer) = a {
                // What is sent later begins with what was sent before (T5).
                let end = b"]}] }";
                let kept = request.len().saturating_sub(end.len());
                assert_eq!(longer[..kept], request[..kept]);
                request = longer;
            }
        }
        let usage = whole_usage(&live);
        let json = whole.translate(client).unwrap();
        assert_eq!(json.usage, Some(usage));
        assert_eq!((usage.input, usage.output), (Some(360), Some(21)));
        assert_eq!((usage.cache_read, usage.web_searches), (Some(60), Some(3)));
        let json = parsed(&json.body);
        let told = read(client, &out);
        if client == Protocol::Chat {
            for body in [&json, &told] {
                assert_eq!(body["choices"][0]["message"]["content"], "They won");
                assert_eq!(body["choices"][0]["finish_reason"], "stop");
            }
            assert_eq!(json["usage"]["prompt_tokens"], 360);
        } else {
            assert_eq!(json["status"], "completed");
            assert_eq!(told["status"], "completed");
            assert_eq!(json["usage"]["input_tokens"], 360);
        }
        assert!(live.ended() && !live.failed());
    }
}

fn whole_usage(translator: &StreamTranslator) -> proxai_types::Usage {
    translator.usage().expect("usage")
}

#[test]
fn the_container_of_the_tools_goes_along() {
    let paused = answer(
        &BLOCKS[1..2],
        "pause_turn",
        r#","container":{"id":"container_7","expires_at":"2026-11-21T00:00:00Z"}"#,
    );
    for (request, expected) in [
        (r#"{"messages":[]}"#, json!("container_7")),
        (
            r#"{"container":{"skills":[{"skill_id":"xlsx"}]},"messages":[]}"#,
            json!({"skills":[{"skill_id":"xlsx"}],"id":"container_7"}),
        ),
        (r#"{"container":"old","messages":[]}"#, json!("container_7")),
    ] {
        let mut turn = Turn::new(context(Protocol::Messages));
        turn.whole(paused.as_bytes());
        let again = parsed(&turn.continuation(request.as_bytes()).unwrap());
        assert_eq!(again["container"], expected);
    }
}

#[test]
fn a_turn_that_cannot_go_on_ends_with_its_pause() {
    let call = r#"{"type":"tool_use","id":"toolu_1","name":"f","input":{}}"#;
    let big = format!(r#"{{"type":"text","text":"{}"}}"#, "x".repeat(9 << 20));
    let odd = stream(&BLOCKS[3..], "pause_turn", 9).replace("text_delta", "odd_delta");
    let misfit = stream(&BLOCKS[3..], "pause_turn", 9).replace(
        "\"content_block\":{\"citations\":[],\"text\":\"\",\"type\":\"text\"}",
        "\"content_block\":{\"type\":\"search_result\"}",
    );
    assert!(misfit.contains("search_result"));
    for (what, stream) in [
        (
            "a call of the client's",
            stream(&[BLOCKS[1], call], "pause_turn", 9),
        ),
        ("too large", stream(&[&big], "pause_turn", 1 << 20)),
        ("an unknown delta", odd),
        ("a delta of another kind", misfit),
        (
            "input that is none",
            stream(&BLOCKS[1..2], "pause_turn", 9).replace("who won", "\\\""),
        ),
        ("nothing said", stream(&[], "pause_turn", 9)),
        ("not paused", stream(BLOCKS, "end_turn", 9)),
    ] {
        let mut translator =
            StreamTranslator::new(Protocol::Chat, context(Protocol::Messages)).continuing();
        let mut out = BytesMut::new();
        push(&mut translator, &stream, &mut out);
        assert_eq!(translator.continuation(REQUEST), None, "{what}");
        translator.settle(&mut out);
        assert!(translator.ended() && !translator.failed(), "{what}");
        assert!(out.ends_with(b"data: [DONE]\n\n"), "{what}");
        let losses: Losses = translator.take_losses();
        let told = losses
            .iter()
            .any(|loss| loss.path.contains("finish_reason"));
        assert_eq!(told, what != "not paused", "{what}");
    }
}

#[test]
fn an_error_behind_a_pause_is_the_end() {
    for client in [Protocol::Chat, Protocol::Responses] {
        for started in [false, true] {
            let mut translator =
                StreamTranslator::new(client, context(Protocol::Messages)).continuing();
            let mut out = BytesMut::new();
            let blocks = if started { BLOCKS } else { &BLOCKS[1..2] };
            push(&mut translator, &stream(blocks, "pause_turn", 9), &mut out);
            if !started && !translator.started() {
                assert!(out.is_empty());
            }
            translator.resume();
            translator.push_whole(
                br#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#,
                &mut out,
            );
            assert!(translator.ended() && translator.failed());
            if translator.started() {
                let text = String::from_utf8_lossy(&out);
                let complete = match client {
                    Protocol::Chat => "[DONE]",
                    _ => "response.completed",
                };
                assert!(text.contains("busy") && !text.contains(complete), "{text}");
            } else {
                assert!(translator.failure_before_start().is_some());
            }
        }
    }
}

#[test]
fn only_requests_with_tools_of_the_providers_may_be_paused() {
    let may = |body: &str| adapter(Protocol::Messages).may_pause(body.as_bytes());
    assert!(may(
        r#"{"tools":[{"name":"f","input_schema":{}},{"type":"web_search_20250305","name":"web_search"}]}"#
    ));
    assert!(may(
        r#"{"mcp_servers":[{"type":"url","url":"https://a.test"}]}"#
    ));
    assert!(!may(
        r#"{"tools":[{"name":"f"},{"type":"custom","name":"g"}],"mcp_servers":[]}"#
    ));
    assert!(!may("{}") && !may("not json"));
    for other in [Protocol::Chat, Protocol::Responses] {
        assert!(!adapter(other).may_pause(br#"{"tools":[{"type":"web_search"}]}"#));
    }
}

/// One reader for whole answers beside the usual one: they must not differ.
#[test]
fn a_turn_of_one_answer_is_that_answer() {
    let all: Vec<Case> = [Kind::Unary, Kind::Stream]
        .into_iter()
        .flat_map(cases)
        .filter(|case| case.upstream().protocol == Protocol::Messages)
        .collect();
    assert!(all.len() > 20);
    for_each_case(&all, |case, found| {
        for client in Protocol::ALL {
            let reply = drive::reply(case, client);
            let body = &case.upstream().body;
            let mut turn = Turn::new(Arc::clone(&reply));
            let plain = if case.kind == Kind::Unary {
                turn.whole(body);
                drive::answer(case, client)
            } else {
                turn.stream(Bytes::copy_from_slice(body));
                fold_stream(client, &reply, Bytes::copy_from_slice(body))
            };
            let told = turn.translate(client);
            let [plain, told] = [plain, told].map(|told| match told {
                Ok(told) => (String::from_utf8(told.body).unwrap(), told.losses.len()),
                Err(error) => (error.to_string(), 0),
            });
            if plain != told {
                found.push(format!("{client}:\n  {}\n  {}", plain.0, told.0));
            }
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// However a turn is parted into answers, and those into deltas, the client reads the same.
    #[test]
    fn a_parted_turn_reads_like_one_answer(
        picks in prop::collection::vec(0..BLOCKS.len(), 1..9),
        parts in prop::collection::vec(1..4_usize, 1..5),
        size in 1..12_usize,
        as_json in prop::collection::vec(any::<bool>(), 5),
    ) {
        // The stream's blocks are written by the same hand as those of the JSON.
        let written = BLOCKS.iter().map(|block| parsed(block.as_bytes()).to_string());
        let written: Vec<String> = written.collect();
        let blocks: Vec<&str> = picks.iter().map(|pick| &*written[*pick]).collect();
        for client in [Protocol::Chat, Protocol::Responses] {
            let mut live = StreamTranslator::new(client, context(Protocol::Messages)).continuing();
            let mut out = BytesMut::new();
            let mut rest = &blocks[..];
            let mut count = 0;
            while !rest.is_empty() {
                let take = parts.get(count).copied().unwrap_or(usize::MAX).min(rest.len());
                let (now, later) = rest.split_at(take);
                rest = later;
                let reason = if rest.is_empty() { "end_turn" } else { "pause_turn" };
                if count > 0 {
                    live.resume();
                }
                if as_json.get(count) == Some(&true) {
                    live.push_whole(answer(now, reason, "").as_bytes(), &mut out);
                } else {
                    push(&mut live, &stream(now, reason, size), &mut out);
                }
                count += 1;
                prop_assert_eq!(live.continuation(REQUEST).is_some(), !rest.is_empty());
            }
            prop_assert!(live.ended() && !live.failed());
            let count = u64::try_from(count).unwrap();
            prop_assert_eq!(live.usage().unwrap().input, Some(120 * count));
            let mut one = StreamTranslator::new(client, context(Protocol::Messages));
            let mut plain = BytesMut::new();
            push(&mut one, &stream(&blocks, "end_turn", size), &mut plain);
            let mut told = [read(client, &out), read(client, &plain)];
            for body in &mut told {
                let body = body.as_object_mut().unwrap();
                body.remove("usage");
                body.remove("tool_usage");
            }
            let [told, plain] = told;
            prop_assert_eq!(told, plain);
        }
    }
}
