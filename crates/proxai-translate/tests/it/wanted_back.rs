//! Conversations with an upstream that wants the thoughts of earlier turns back and seals none
//! (T6), through clients that give back only what is sealed.
//!
//! What each client keeps is written down here as its source has it: AI SDK 6 (`@ai-sdk/anthropic`
//! 3.0.138, `@ai-sdk/openai` 3.0.141) and VS Code, all read 2026-11-21.

use std::sync::Arc;

use proxai_translate::ir::LossKind;
use proxai_translate::{
    Prepared, ReplyContext, RequestInfo, Target, translate_request, translate_response,
};
use proxai_types::Protocol;
use serde_json::{Value, json};

use crate::{drive, view};

/// Thoughts with what JSON, frames and templates trip over.
const THOUGHTS: [&str; 3] = [
    "Ask the gauge.\n\n\"Calm\"? \u{2014} \u{e9}\u{1f30a}",
    " then \\ the wind ",
    "Done.",
];

#[derive(Clone, Copy, Debug, PartialEq)]
enum Keeps {
    /// Text and seal, if there is a seal.
    Sealed,
    /// The seal alone, if there is one.
    SealOnly,
}

const CLIENTS: [(Protocol, Keeps); 3] = [
    (Protocol::Messages, Keeps::Sealed),
    (Protocol::Responses, Keeps::Sealed),
    (Protocol::Responses, Keeps::SealOnly),
];

fn target(issuer: &str, wants: bool) -> Target<'_> {
    let mut target = Target::new(drive::UPSTREAM_MODEL, issuer);
    target.abilities.reasoning_echo = wants;
    target
}

fn sent(client: Protocol, history: &[Value], target: &Target<'_>) -> (Prepared, Value) {
    let body = match client {
        Protocol::Messages => json!({"model": "m", "max_tokens": 99, "messages": history,
            "tools": [{"name": "gauge", "input_schema": {"type": "object"}}]}),
        _ => json!({"model": "m", "store": false, "input": history,
            "tools": [{"type": "function", "name": "gauge", "parameters": {"type": "object"}}]}),
    };
    let info = RequestInfo {
        id: "0a",
        created: 1,
        model: "m",
    };
    let body = body.to_string();
    let prepared = translate_request(client, Protocol::Chat, body.as_bytes(), target, &info)
        .expect("a request that can be sent");
    let upstream = serde_json::from_slice(&prepared.body).expect("JSON");
    (prepared, upstream)
}

/// The upstream's answer: a thought and a call.
fn answer(turn: usize) -> Value {
    json!({"id": format!("c{turn}"), "choices": [{"index": 0, "finish_reason": "tool_calls", "message": {
        "role": "assistant", "content": null, "reasoning_content": THOUGHTS[turn],
        "tool_calls": [{"id": format!("call_{turn}"), "type": "function", "function": {"name": "gauge", "arguments": "{}"}}]}}]})
}

/// The same as a stream, the thought in small pieces.
fn stream(turn: usize) -> String {
    let message = &answer(turn)["choices"][0]["message"];
    let mut deltas: Vec<Value> = THOUGHTS[turn]
        .chars()
        .map(|piece| json!({"reasoning_content": piece.to_string()}))
        .collect();
    let mut call = message["tool_calls"][0].clone();
    call["index"] = json!(0);
    deltas.push(json!({"tool_calls": [call]}));
    let mut chunks: Vec<Value> = deltas
        .iter()
        .map(|delta| json!({"id": format!("c{turn}"), "choices": [{"index": 0, "delta": delta}]}))
        .collect();
    chunks.push(json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}));
    chunks.push(Value::Null);
    let frame = |chunk: &Value| match chunk {
        Value::Null => "data: [DONE]\n\n".to_owned(),
        chunk => format!("data: {chunk}\n\n"),
    };
    chunks.iter().map(frame).collect::<Vec<_>>().concat()
}

/// What a client has of an answer in the end: the blocks or items.
fn got(client: Protocol, reply: &Arc<ReplyContext>, turn: usize, streamed: bool) -> Vec<Value> {
    if !streamed {
        let body = answer(turn).to_string();
        let told = translate_response(client, reply, body.as_bytes()).expect("an answer");
        let told: Value = serde_json::from_slice(&told.body).expect("JSON");
        let list = if client == Protocol::Messages {
            "content"
        } else {
            "output"
        };
        return told[list].as_array().expect("a list").clone();
    }
    let told = drive::stream_body(client, Arc::clone(reply), stream(turn).as_bytes());
    let mut list = Vec::new();
    for event in view::payloads(&told.body) {
        match event["type"].as_str().expect("a type") {
            "content_block_start" => list.push(event["content_block"].clone()),
            "content_block_delta" => {
                let block: &mut Value = list.last_mut().expect("a block");
                for key in ["thinking", "signature"] {
                    if let Some(more) = event["delta"][key].as_str() {
                        let so_far = block[key].as_str().unwrap_or_default();
                        block[key] = json!(format!("{so_far}{more}"));
                    }
                }
            }
            "response.output_item.done" => list.push(event["item"].clone()),
            _ => {}
        }
    }
    list
}

/// What the client sends of them in the next turn, and the result of the call behind it.
fn remember(client: (Protocol, Keeps), list: &[Value], history: &mut Vec<Value>) {
    let (protocol, keeps) = client;
    let mut blocks = Vec::new();
    let mut result = Value::Null;
    for part in list {
        let text = |name: &str| part[name].as_str().unwrap_or_default().to_owned();
        match text("type").as_str() {
            "thinking" if !text("signature").is_empty() => blocks.push(part.clone()),
            "reasoning" if !text("encrypted_content").is_empty() => {
                let mut item = part.clone();
                if keeps == Keeps::SealOnly {
                    item["summary"] = json!([]);
                }
                blocks.push(item);
            }
            "tool_use" => {
                blocks.push(part.clone());
                result = json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": part["id"], "content": "calm"}]});
            }
            "function_call" => {
                blocks.push(part.clone());
                result = json!({"type": "function_call_output", "call_id": part["call_id"], "output": "calm"});
            }
            _ => {}
        }
    }
    if protocol == Protocol::Messages {
        history.push(json!({"role": "assistant", "content": blocks}));
    } else {
        history.append(&mut blocks);
    }
    history.push(result);
}

/// A conversation of as many turns as there are thoughts.
fn conversation(client: (Protocol, Keeps), streamed: bool) -> Vec<Value> {
    let mut history = vec![json!({"role": "user", "content": "How is the sea?"})];
    for turn in 0..THOUGHTS.len() {
        let (prepared, _) = sent(client.0, &history, &target("deep", true));
        let list = got(client.0, &prepared.reply, turn, streamed);
        remember(client, &list, &mut history);
    }
    history
}

/// The thoughts in what an upstream receives, one for each turn of the assistant.
fn thoughts(upstream: &Value) -> Vec<Option<String>> {
    let messages = upstream["messages"].as_array().expect("messages");
    messages
        .iter()
        .filter(|message| message["role"] == "assistant")
        .map(|message| {
            assert!(message["tool_calls"][0]["id"].is_string(), "{message}");
            assert!(message.get("reasoning_details").is_none(), "{message}");
            let thought = message.get("reasoning_content")?;
            Some(thought.as_str().expect("a text").to_owned())
        })
        .collect()
}

#[test]
fn every_thought_comes_back_to_the_letter_through_clients_that_keep_what_is_sealed() {
    for client in CLIENTS {
        for streamed in [false, true] {
            let history = conversation(client, streamed);
            let (prepared, upstream) = sent(client.0, &history, &target("deep", true));
            let expected = THOUGHTS.map(|thought| Some(thought.to_owned()));
            assert_eq!(thoughts(&upstream), expected, "{client:?} {streamed}");
            assert!(prepared.losses.is_empty(), "{:?}", prepared.losses);
        }
    }
}

#[test]
fn streams_and_answers_seal_alike() {
    for client in CLIENTS {
        let (told, streamed) = (conversation(client, false), conversation(client, true));
        let seals = |history: &[Value]| -> Vec<String> {
            let text = serde_json::to_string(history).expect("JSON");
            let from = text.match_indices("proxai1.");
            from.map(|(at, _)| text[at..].split('"').next().unwrap_or_default().to_owned())
                .collect()
        };
        assert_eq!(seals(&told), seals(&streamed), "{client:?}");
        assert_eq!(seals(&told).len(), THOUGHTS.len(), "{client:?}");
    }
}

#[test]
fn a_thought_goes_to_nobody_who_does_not_want_it_back() {
    for client in CLIENTS {
        let history = conversation(client, false);
        for other in [target("deep", false), target("shallow", false)] {
            let (prepared, upstream) = sent(client.0, &history, &other);
            assert_eq!(thoughts(&upstream), [None, None, None], "{client:?}");
            assert_eq!(prepared.losses.len(), THOUGHTS.len(), "{client:?}");
            assert!(!upstream.to_string().contains("proxai1."));
        }
    }
}

/// As after a failover (T4): a turn without its thought would be refused there.
#[test]
fn another_upstream_that_wants_thoughts_back_gets_the_text_and_it_is_reported() {
    for client in CLIENTS {
        let history = conversation(client, true);
        let (prepared, upstream) = sent(client.0, &history, &target("shallow", true));
        let expected = THOUGHTS.map(|thought| Some(thought.to_owned()));
        assert_eq!(thoughts(&upstream), expected, "{client:?}");
        assert!(!upstream.to_string().contains("proxai1."));
        let reported: Vec<_> = prepared
            .losses
            .iter()
            .map(|loss| (&*loss.path, loss.kind))
            .collect();
        let paths = match client.0 {
            Protocol::Messages => [1, 3, 5].map(|turn| format!("messages[{turn}].content[0]")),
            _ => [1, 4, 7].map(|item| format!("input[{item}]")),
        };
        let expected = paths
            .each_ref()
            .map(|path| (&**path, LossKind::Approximated));
        assert_eq!(reported, expected, "{client:?}");
    }
}

#[test]
fn a_thought_whose_seal_was_changed_is_dropped_and_reported() {
    for client in CLIENTS {
        let history = serde_json::to_string(&conversation(client, true)).expect("JSON");
        let end = history.find("proxai1.").expect("a seal");
        let end = end + history[end..].find('"').expect("its end") - 1;
        let other = if &history[end..=end] == "A" { "B" } else { "A" };
        let changed = format!("{}{other}{}", &history[..end], &history[end + 1..]);
        let changed: Vec<Value> = serde_json::from_str(&changed).expect("JSON");
        let (prepared, upstream) = sent(client.0, &changed, &target("deep", true));
        let [_, second, third] = THOUGHTS.map(|thought| Some(thought.to_owned()));
        assert_eq!(thoughts(&upstream), [None, second, third], "{client:?}");
        let paths: Vec<_> = prepared.losses.iter().map(|loss| &*loss.path).collect();
        let path = match client.0 {
            Protocol::Messages => "messages[1].content[0]",
            _ => "input[1].encrypted_content",
        };
        assert_eq!(paths, [path]);
    }
}

#[test]
fn an_upstream_that_wants_nothing_back_has_nothing_sealed() {
    for (client, streamed) in [
        (Protocol::Messages, false),
        (Protocol::Messages, true),
        (Protocol::Responses, false),
        (Protocol::Responses, true),
    ] {
        let history = [json!({"role": "user", "content": "How is the sea?"})];
        let (prepared, _) = sent(client, &history, &target("deep", false));
        let list = got(client, &prepared.reply, 0, streamed);
        assert!(!list[0].to_string().contains("proxai1."), "{list:?}");
        match client {
            Protocol::Messages => assert_eq!(list[0]["signature"], ""),
            _ => assert!(list[0].get("encrypted_content").is_none()),
        }
    }
}

#[test]
fn a_client_of_the_upstreams_own_protocol_gets_the_text_alone() {
    let body = json!({"model": "m", "messages": [{"role": "user", "content": "?"}]}).to_string();
    let info = RequestInfo {
        id: "0a",
        created: 1,
        model: "m",
    };
    let (chat, target) = (Protocol::Chat, target("deep", true));
    let prepared = translate_request(chat, chat, body.as_bytes(), &target, &info).expect("sent");
    let told = translate_response(chat, &prepared.reply, answer(0).to_string().as_bytes());
    let told: Value = serde_json::from_slice(&told.expect("an answer").body).expect("JSON");
    let message = &told["choices"][0]["message"];
    assert_eq!(message["reasoning_content"], THOUGHTS[0]);
    assert!(message.get("reasoning_details").is_none(), "{message}");
    let streamed = drive::stream_body(chat, prepared.reply, stream(0).as_bytes());
    let streamed = String::from_utf8_lossy(&streamed.body).into_owned();
    assert!(streamed.contains("reasoning_content") && !streamed.contains("reasoning_details"));
}
