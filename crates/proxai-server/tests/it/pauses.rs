//! Turns that the upstream pauses: the client of another protocol sees one answer (case 104).

use std::time::Duration;

use http::Method;
use http_body_util::BodyExt;
use proxai_gateway::Outcome;
use proxai_testkit::upstream::{Ending, Received, Reply, Upstream};
use serde_json::{Value, json};

use crate::harness::{Got, MESSAGES, Running, one};

const SEARCH: &str =
    r#"{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"tides"}}"#;
const FOUND: &str = r#"{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[{"type":"web_search_result","url":"https://a.test","title":"A","encrypted_content":"EnC=="}]}"#;
const THOUGHT: &str = r#"{"type":"thinking","thinking":"Look","signature":"Sig=="}"#;

fn said(text: &str) -> String {
    format!(r#"{{"type":"text","text":"{text}"}}"#)
}

/// An answer of the provider with these blocks, whole or as a stream.
fn answer(blocks: &[&str], reason: &str, stream: bool) -> Reply {
    let reply = if stream {
        Reply::events(frames(blocks, reason).concat())
    } else {
        Reply::json(format!(
            r#"{{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{}],"stop_reason":"{reason}","stop_sequence":null,"usage":{{"input_tokens":100,"output_tokens":10}}}}"#,
            blocks.join(",")
        ))
    };
    reply.header("request-id", "req_up")
}

fn frames(blocks: &[&str], reason: &str) -> Vec<String> {
    let mut events = vec![
        r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"usage":{"input_tokens":100,"output_tokens":1}}}"#.to_owned(),
    ];
    for (index, block) in blocks.iter().enumerate() {
        let value: Value = serde_json::from_str(block).unwrap();
        let (start, delta) = match value["text"].as_str() {
            Some(text) => (
                r#"{"type":"text","text":""}"#,
                Some(json!({"type":"text_delta","text":text})),
            ),
            None => (*block, None),
        };
        events.push(format!(
            r#"{{"type":"content_block_start","index":{index},"content_block":{start}}}"#
        ));
        if let Some(delta) = delta {
            events.push(format!(
                r#"{{"type":"content_block_delta","index":{index},"delta":{delta}}}"#
            ));
        }
        events.push(format!(
            r#"{{"type":"content_block_stop","index":{index}}}"#
        ));
    }
    events.push(format!(
        r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}},"usage":{{"output_tokens":10}}}}"#
    ));
    events.push(r#"{"type":"message_stop"}"#.to_owned());
    let frame = |event: &String| {
        let kind = event.split('"').nth(3).unwrap();
        format!("event: {kind}\ndata: {event}\n\n")
    };
    events.iter().map(frame).collect()
}

/// A gateway whose target searches the web by itself.
fn searching(upstream: &Upstream, more: &str) -> Running {
    let route = "[[routing.routes]]\nmodel_pattern = \"*\"\n[[routing.routes.targets]]\nprovider = \"up\"\nforced_options = { tools = [{ type = \"web_search_20250305\", name = \"web_search\" }] }\n";
    Running::start(&one(upstream, MESSAGES, &format!("{more}\n{route}")))
}

const CLIENTS: [&str; 2] = ["/v1/chat/completions", "/v1/responses"];

/// What only a stream that is whole has.
fn complete(path: &str) -> &'static str {
    if path == CLIENTS[0] {
        "[DONE]"
    } else {
        "response.completed"
    }
}

fn ask(path: &str, stream: bool) -> String {
    let body = if path == CLIENTS[0] {
        json!({"model":"m","stream":stream,"messages":[{"role":"user","content":"When is high tide?"}]})
    } else {
        json!({"model":"m","stream":stream,"input":"When is high tide?"})
    };
    body.to_string()
}

/// The text a client got, and in its own words why the answer ended.
fn read(path: &str, stream: bool, got: &Got) -> (String, String) {
    let chat = path == CLIENTS[0];
    if !stream {
        let body = got.json();
        return if chat {
            let choice = &body["choices"][0];
            let text = choice["message"]["content"].as_str().unwrap_or_default();
            (
                text.to_owned(),
                choice["finish_reason"].as_str().unwrap().to_owned(),
            )
        } else {
            let items = body["output"].as_array().unwrap().iter();
            let parts = items.flat_map(|item| item["content"].as_array().into_iter().flatten());
            let texts = parts.filter_map(|part| part["text"].as_str());
            (texts.collect(), body["status"].as_str().unwrap().to_owned())
        };
    }
    let mut text = String::new();
    let mut end = String::new();
    let mut sequence = -1;
    for line in got.text().lines() {
        let Some(data) = line.strip_prefix("data: {") else {
            continue;
        };
        let event: Value = serde_json::from_str(&format!("{{{data}")).unwrap();
        if chat {
            let choice = &event["choices"][0];
            text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
            if let Some(reason) = choice["finish_reason"].as_str() {
                assert!(end.is_empty(), "two ends: {}", got.text());
                reason.clone_into(&mut end);
            }
        } else {
            assert_eq!(event["sequence_number"], sequence + 1, "{}", got.text());
            sequence += 1;
            if event["type"] == "response.output_text.delta" {
                text.push_str(event["delta"].as_str().unwrap());
            }
            if let Some(status) = event["response"]["status"].as_str() {
                status.clone_into(&mut end);
            }
        }
    }
    (text, end)
}

fn content(asked: &Received) -> (Value, Value) {
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    let turns = body["messages"].as_array().unwrap();
    assert_eq!(turns[0]["role"], "user");
    match turns.get(1) {
        None => (body, Value::Null),
        Some(turn) => {
            assert_eq!(turn["role"], "assistant");
            assert_eq!(turns.len(), 2);
            (body.clone(), turn["content"].clone())
        }
    }
}

fn blocks(raw: &[&str]) -> Value {
    raw.iter()
        .map(|block| serde_json::from_str::<Value>(block).unwrap())
        .collect()
}

#[tokio::test]
async fn a_paused_turn_is_sent_again_and_the_client_sees_one_answer() {
    let (first, second, third) = (said("High tide "), said("is at "), said("noon."));
    let told: [&[&str]; 3] = [&[THOUGHT, &first, SEARCH], &[FOUND, &second], &[&third]];
    for path in CLIENTS {
        for stream in [false, true] {
            for pauses in [1, 2] {
                let upstream = Upstream::start().await;
                for (at, blocks) in told[2 - pauses..].iter().enumerate() {
                    let reason = if at < pauses {
                        "pause_turn"
                    } else {
                        "end_turn"
                    };
                    upstream.will(answer(blocks, reason, stream));
                }
                let gateway = searching(&upstream, "");
                let got = gateway.post(path, ask(path, stream)).await;
                let what = format!("{path} {stream} {pauses}: {}", got.text());
                assert_eq!(got.status, 200, "{what}");
                let (text, end) = read(path, stream, &got);
                let all = ["High tide ", "is at ", "noon."];
                assert_eq!(text, all[2 - pauses..].concat(), "{what}");
                assert!(end == "stop" || end == "completed", "{what}");
                assert!(!got.header("x-proxai-loss").contains("finish"), "{what}");

                let asked = upstream.received();
                assert_eq!(asked.len(), pauses + 1, "{what}");
                let (plain, _) = content(&asked[0]);
                let mut so_far: Vec<&str> = Vec::new();
                for (at, asked) in asked.iter().enumerate() {
                    let (mut body, content) = content(asked);
                    if at > 0 {
                        so_far.extend(told[2 - pauses + at - 1]);
                        assert_eq!(content, blocks(&so_far), "{what}");
                    }
                    body["messages"].as_array_mut().unwrap().truncate(1);
                    assert_eq!(body, plain, "{what}");
                    assert_eq!(asked.target, "/v1/messages");
                    assert_eq!(asked.header("x-api-key"), "sk-upstream");
                }
                let record = gateway.log.last().await;
                assert_eq!(record.continuations, u32::try_from(pauses).unwrap());
                assert_eq!((record.attempts, record.outcome), (1, Outcome::End));
                // Each request is billed.
                let count = 1 + u64::try_from(pauses).unwrap();
                let usage = record.usage.unwrap();
                let costs = (usage.input, usage.output);
                assert_eq!(costs, (Some(100 * count), Some(10 * count)), "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_turn_that_never_ends_is_left_at_its_pause() {
    let (text, upstreams) = (said("Still searching. "), [false, true]);
    for path in CLIENTS {
        for stream in upstreams {
            let upstream = Upstream::start().await;
            upstream.will(answer(&[&text], "pause_turn", stream));
            let gateway = searching(&upstream, "");
            let got = gateway.post(path, ask(path, stream)).await;
            assert_eq!(got.status, 200, "{}", got.text());
            assert_eq!(upstream.received().len(), 9);
            let (text, end) = read(path, stream, &got);
            assert_eq!(text, "Still searching. ".repeat(9));
            assert!(["length", "incomplete"].contains(&&*end), "{end}");
            let record = gateway.log.last().await;
            assert_eq!((record.continuations, record.outcome), (8, Outcome::End));
            assert!(!record.losses.is_empty());
        }
    }
}

#[tokio::test]
async fn an_answer_of_the_other_kind_is_read_on_with_too() {
    let (first, second) = (said("High tide "), said("is at noon."));
    for path in CLIENTS {
        for (client, kinds) in [
            (true, [true, false]),
            (true, [false, true]),
            (false, [false, true]),
            (false, [true, false]),
        ] {
            let upstream = Upstream::start().await;
            upstream.will(answer(&[&first], "pause_turn", kinds[0]));
            upstream.will(answer(&[&second], "end_turn", kinds[1]));
            let gateway = searching(&upstream, "");
            let got = gateway.post(path, ask(path, client)).await;
            let (text, end) = read(path, client, &got);
            assert_eq!(text, "High tide is at noon.", "{}", got.text());
            assert!(end == "stop" || end == "completed", "{end}");
        }
    }
}

#[tokio::test]
async fn a_client_of_the_same_protocol_continues_by_itself() {
    let text = said("Still searching");
    for stream in [false, true] {
        let upstream = Upstream::start().await;
        upstream.will(answer(&[&text, SEARCH], "pause_turn", stream));
        let gateway = searching(&upstream, "");
        let body = json!({"model":"m","max_tokens":9,"stream":stream,"messages":[{"role":"user","content":"hi"}]});
        let got = gateway.post("/v1/messages", body.to_string()).await;
        assert!(got.text().contains("pause_turn"), "{}", got.text());
        assert_eq!(upstream.received().len(), 1);
    }
}

#[tokio::test]
async fn an_error_of_the_continuation_is_the_clients() {
    let text = said("Searching");
    let limited = || {
        Reply::json(r#"{"type":"error","error":{"type":"rate_limit_error","message":"slow down"}}"#)
            .status(429)
            .header("retry-after", "3")
    };
    for path in CLIENTS {
        for (stream, blocks) in [(false, &[&*text][..]), (true, &[&*text]), (true, &[SEARCH])] {
            let upstream = Upstream::start().await;
            upstream.will(answer(blocks, "pause_turn", stream));
            upstream.will(limited());
            let gateway = searching(&upstream, "");
            let got = gateway.post(path, ask(path, stream)).await;
            let what = format!("{path} {stream} {blocks:?}: {}", got.text());
            assert!(got.text().contains("slow down"), "{what}");
            assert_eq!(upstream.received().len(), 2, "{what}");
            let record = gateway.log.last().await;
            assert_eq!(record.outcome, Outcome::Error, "{what}");
            if got.status == 200 {
                assert!(stream && got.whole, "{what}");
                assert!(!got.text().contains(complete(path)), "{what}");
                assert_eq!(record.continuations, 1, "{what}");
                // What was said until then was paid for.
                assert_eq!(record.usage.unwrap().input, Some(100), "{what}");
            } else {
                assert_eq!(got.status, 429, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn a_continuation_that_is_cut_ends_in_an_error() {
    let (first, second) = (said("High tide "), said("is at noon."));
    for path in CLIENTS {
        for ending in [Ending::Clean, Ending::Abort] {
            let all = frames(&[&second], "end_turn");
            for kept in 0..all.len() - 2 {
                let upstream = Upstream::start().await;
                upstream.will(answer(&[&first], "pause_turn", true));
                upstream.will(Reply::events(all[..kept].concat()).ending(ending));
                let gateway = searching(&upstream, "");
                let got = gateway.post(path, ask(path, true)).await;
                let what = format!("{path} {kept} {ending:?}: {}", got.text());
                assert!(got.whole && got.text().contains("High tide"), "{what}");
                let failed = got.text().contains("response.failed\"")
                    || got.text().contains("data: {\"error\":");
                assert!(failed && !got.text().contains(complete(path)), "{what}");
                assert_eq!(gateway.log.last().await.outcome, Outcome::Cut, "{what}");
            }
        }
        let upstream = Upstream::start().await;
        upstream.will(answer(&[&first], "pause_turn", false));
        upstream.will(answer(&[&second], "end_turn", false).ending(Ending::Abort));
        let gateway = searching(&upstream, "");
        let got = gateway.post(path, ask(path, false)).await;
        assert_eq!(got.status, 502, "{}", got.text());
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_a_continuation_ends_it() {
    let (first, second) = (said("High tide "), said("is at "));
    let upstream = Upstream::start().await;
    upstream.will(answer(&[&first], "pause_turn", true));
    let begun = frames(&[&second], "end_turn")[..3].concat();
    upstream.will(Reply::events(begun).ending(Ending::Hang));
    let gateway = searching(&upstream, "");
    let mut client = gateway.client().await;
    let body = ask(CLIENTS[0], true);
    let mut response = client.begin(Method::POST, CLIENTS[0], &[], body).await;
    let mut seen = String::new();
    while !seen.contains("is at ") {
        let frame = response.body_mut().frame().await.unwrap().unwrap();
        seen.push_str(std::str::from_utf8(frame.data_ref().unwrap()).unwrap());
    }
    drop((response, client));
    tokio::time::timeout(Duration::from_secs(5), upstream.abandoned())
        .await
        .expect("the continuation is dropped");
    let record = gateway.log.last().await;
    assert_eq!(
        (record.outcome, record.continuations),
        (Outcome::ClientClosed, 1)
    );
}

#[tokio::test]
async fn the_client_is_told_that_the_stream_lives_while_a_turn_is_sent_again() {
    let (first, second) = (said("High tide "), said("is at noon."));
    for (path, sign) in [
        (CLIENTS[0], ": keep-alive\n"),
        (CLIENTS[1], "event: keepalive\n"),
    ] {
        let upstream = Upstream::start().await;
        upstream.will(answer(&[&first], "pause_turn", true));
        upstream.will(answer(&[&second], "end_turn", true).after(Duration::from_millis(1300)));
        let gateway = searching(&upstream, "[server]\nkeepalive_secs = 1");
        let got = gateway.post(path, ask(path, true)).await;
        let split = got.text().split_once(sign);
        let (before, behind) = split.unwrap_or_else(|| panic!("{}", got.text()));
        assert!(
            before.contains("High tide") && behind.contains("noon"),
            "{}",
            got.text()
        );
    }
}

#[tokio::test]
async fn a_turn_goes_on_with_the_key_it_began_with() {
    let (first, second) = (said("High tide "), said("is at noon."));
    let upstream = Upstream::start().await;
    for _ in 0..2 {
        upstream.will(answer(&[&first], "pause_turn", true));
        upstream.will(answer(&[&second], "end_turn", true));
    }
    let route = "[[routing.routes]]\nmodel_pattern = \"*\"\n[[routing.routes.targets]]\nprovider = \"up\"\nforced_options = { tools = [{ type = \"web_search_20250305\", name = \"web_search\" }] }\n";
    let config = one(&upstream, MESSAGES, route).replace(
        "api_key = \"sk-upstream\"",
        "api_keys = [\"sk-a\", \"sk-b\"]",
    );
    let gateway = Running::start(&config);
    for _ in 0..2 {
        let got = gateway.post(CLIENTS[0], ask(CLIENTS[0], true)).await;
        assert!(got.text().contains("noon"), "{}", got.text());
    }
    let asked = upstream.received();
    let keys: Vec<&str> = asked
        .iter()
        .map(|asked| asked.header("x-api-key"))
        .collect();
    assert_eq!(keys.len(), 4);
    assert_eq!((keys[0], keys[2]), (keys[1], keys[3]));
    assert_ne!(keys[0], keys[2]);
}
