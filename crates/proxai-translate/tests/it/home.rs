//! What a client is told and gives back reaches the upstream as the upstream gave it: thoughts,
//! ids of calls, names of tools (T5, T6, T7). What could not come back is no answer.

use std::sync::Arc;

use bytes::BytesMut;
use proxai_sse::Decoder;
use proxai_translate::{
    ReplyContext, RequestInfo, StreamTranslator, Target, translate_request, translate_response,
};
use proxai_types::Protocol;
use serde_json::{Value, json};

use crate::drive;

const INFO: RequestInfo<'_> = RequestInfo {
    id: "0a1b",
    created: 7,
    model: drive::ALIAS,
};

/// The request that the upstream gets, what it answers as the client reads it.
fn exchange(
    client: Protocol,
    upstream: Protocol,
    request: &Value,
    answer: &Value,
) -> (Value, Value) {
    let target = Target::new("upstream-model", drive::ISSUER);
    let body = request.to_string();
    let sent = translate_request(client, upstream, body.as_bytes(), &target, &INFO)
        .unwrap_or_else(|error| panic!("{client} to {upstream}: {error}"));
    let told = translate_response(client, &sent.reply, answer.to_string().as_bytes())
        .unwrap_or_else(|error| panic!("{client} from {upstream}: {error}"));
    let read = |body: &[u8]| serde_json::from_slice(body).expect("we write JSON");
    (read(&sent.body), read(&told.body))
}

/// The client's request, and the one that gives back all of `answer`, with `results` behind it.
fn next(client: Protocol, first: &Value, answer: &Value, results: &[Value]) -> Value {
    let mut next = first.clone();
    let (list, said) = match client {
        Protocol::Chat => ("messages", vec![answer["choices"][0]["message"].clone()]),
        Protocol::Messages => {
            let said = json!({"role": "assistant", "content": answer["content"]});
            ("messages", vec![said])
        }
        Protocol::Responses => {
            let output = answer["output"].as_array().expect("items");
            ("input", output.clone())
        }
    };
    let list = next[list].as_array_mut().expect("a history");
    list.extend(said);
    list.extend(results.iter().cloned());
    next
}

fn asked(client: Protocol) -> Value {
    let question = json!([{"role": "user", "content": "Go"}]);
    match client {
        Protocol::Responses => json!({"model": "m", "input": question}),
        _ => json!({"model": "m", "max_tokens": 100, "messages": question}),
    }
}

#[test]
fn a_thought_comes_home_as_the_block_it_was_with_words_or_without() {
    let blocks = json!([
        {"type": "thinking", "thinking": "", "signature": "SIG=="},
        {"type": "redacted_thinking", "data": "DATA=="},
        {"type": "thinking", "thinking": "words", "signature": "MORE=="},
        {"type": "text", "text": "Hi"},
    ]);
    let answer = json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "up",
        "content": blocks, "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}});
    for client in [Protocol::Chat, Protocol::Responses] {
        let first = asked(client);
        let (_, told) = exchange(client, Protocol::Messages, &first, &answer);
        let mut second = next(
            client,
            &first,
            &told,
            &[json!({"role": "user", "content": "On"})],
        );
        let (sent, _) = exchange(client, Protocol::Messages, &second, &answer);
        assert_eq!(sent["messages"][1]["content"], blocks, "{client}");
        // Some clients forget the words and keep the seal (case 60).
        for item in second["input"].as_array_mut().into_iter().flatten() {
            if item["type"] == "reasoning" {
                item["summary"] = json!([]);
                item.as_object_mut().expect("an item").remove("content");
            }
        }
        if client == Protocol::Responses {
            let (sent, _) = exchange(client, Protocol::Messages, &second, &answer);
            let kinds: Vec<&Value> = (0..3)
                .map(|at| &sent["messages"][1]["content"][at]["type"])
                .collect();
            assert_eq!(kinds, ["thinking", "redacted_thinking", "thinking"]);
        }
    }
}

#[test]
fn a_call_keeps_the_id_that_its_model_gave_it() {
    let id = "functions.Bash:0";
    let call =
        json!({"id": id, "type": "function", "function": {"name": "Bash", "arguments": "{}"}});
    let answer = json!({"id": "c", "object": "chat.completion", "created": 7, "model": "up",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": null, "tool_calls": [call]},
            "finish_reason": "tool_calls"}]});
    for client in [Protocol::Messages, Protocol::Responses] {
        let first = asked(client);
        let (_, told) = exchange(client, Protocol::Chat, &first, &answer);
        let result = if client == Protocol::Messages {
            let id = &told["content"][0]["id"];
            assert_eq!(id, "px_functions_2eBash_3a0");
            let result = json!([{"type": "tool_result", "tool_use_id": id, "content": "ok"}]);
            json!({"role": "user", "content": result})
        } else {
            let id = &told["output"][0]["call_id"];
            json!({"type": "function_call_output", "call_id": id, "output": "ok"})
        };
        let second = next(client, &first, &told, &[result]);
        let (sent, _) = exchange(client, Protocol::Chat, &second, &answer);
        assert_eq!(sent["messages"][1]["tool_calls"][0]["id"], id, "{client}");
        assert_eq!(sent["messages"][2]["tool_call_id"], id, "{client}");
    }
}

#[test]
fn tools_whose_names_would_be_one_are_told_apart_on_the_way_and_back() {
    let function =
        |name: &str| json!({"type": "function", "name": name, "parameters": {"type": "object"}});
    let space = |name: &str, tool: &str| json!({"type": "namespace", "name": name, "description": "", "tools": [function(tool)]});
    let mut first = asked(Protocol::Responses);
    let dotted = "a.b";
    first["tools"] = json!([space("a", "b__c"), space("a__b", "c"), function(dotted)]);
    let empty = json!({"id": "c", "object": "chat.completion", "created": 7, "model": "up",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}]});
    let names = |sent: &Value| -> Vec<String> {
        let tools = sent["tools"].as_array().expect("tools").iter();
        let name = |tool: &Value| {
            tool["function"]["name"]
                .as_str()
                .expect("a name")
                .to_owned()
        };
        tools.map(name).collect()
    };
    let (sent, _) = exchange(Protocol::Responses, Protocol::Chat, &first, &empty);
    // A function may have the very name that another is given.
    let given = names(&sent).pop().expect("three tools");
    let list = first["tools"].as_array_mut().expect("tools");
    list.push(function(&given));
    let (sent, _) = exchange(Protocol::Responses, Protocol::Chat, &first, &empty);
    let wire = names(&sent);
    let distinct: std::collections::BTreeSet<&String> = wire.iter().collect();
    assert_eq!((wire.len(), distinct.len()), (4, 4), "{wire:?}");
    let own = [
        ("b__c", json!("a")),
        ("c", json!("a__b")),
        (dotted, Value::Null),
        (&given, Value::Null),
    ];
    for (name, (known, namespace)) in wire.iter().zip(own) {
        let call =
            json!({"id": "k", "type": "function", "function": {"name": name, "arguments": "{}"}});
        let answer = json!({"id": "c", "object": "chat.completion", "created": 7, "model": "up",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": null, "tool_calls": [call]},
                "finish_reason": "tool_calls"}]});
        let mut choice = json!({"type": "function", "name": known});
        if !namespace.is_null() {
            choice["namespace"] = namespace.clone();
        }
        first["tool_choice"] = choice;
        let (sent, told) = exchange(Protocol::Responses, Protocol::Chat, &first, &answer);
        assert_eq!(sent["tool_choice"]["function"]["name"], *name);
        let item = &told["output"][0];
        assert_eq!(
            (&item["name"], &item["namespace"]),
            (&json!(known), &namespace)
        );
        let result =
            json!({"type": "function_call_output", "call_id": item["call_id"], "output": "ok"});
        let second = next(Protocol::Responses, &first, &told, &[result]);
        let (sent, _) = exchange(Protocol::Responses, Protocol::Chat, &second, &answer);
        assert_eq!(
            sent["messages"][1]["tool_calls"][0]["function"]["name"],
            *name
        );
    }
}

/// The end of a Messages stream whose Chat upstream called a tool with these arguments.
fn called_with(arguments: &str, reason: &str) -> (StreamTranslator, String) {
    let chunk = |delta: &Value, reason: &Value| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": reason});
        let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 7, "model": "up", "choices": [choice]});
        format!("data: {chunk}\n\n")
    };
    let function = json!({"name": "f", "arguments": arguments});
    let call = json!({"index": 0, "id": "k", "type": "function", "function": function});
    let body = [
        chunk(&json!({"tool_calls": [call]}), &Value::Null),
        chunk(&json!({}), &json!(reason)),
        "data: [DONE]\n\n".to_owned(),
    ];
    let reply = ReplyContext::new(drive::ALIAS, drive::ISSUER, Protocol::Chat, "0a", 7);
    let mut translator = StreamTranslator::new(Protocol::Messages, Arc::new(reply));
    let (mut frames, mut out) = (Decoder::new(), BytesMut::new());
    frames.push(body.concat().into());
    while let Some(frame) = frames.next_frame().expect("frames within the limit") {
        translator.push(&frame, &mut out);
    }
    translator.end(&mut out);
    let told = String::from_utf8(out.to_vec()).expect("we write text");
    let end = told.trim_end().rsplit("\n\n").next().unwrap_or_default();
    (translator, end.to_owned())
}

#[test]
fn broken_arguments_fail_a_messages_stream_unless_the_model_had_to_stop() {
    for (arguments, reason, code) in [
        (r#"{"x":1}"#, "tool_calls", None),
        ("no object", "tool_calls", None),
        (r#"{"x":"#, "length", None),
        (
            r#"{"x":"#,
            "tool_calls",
            Some("upstream_invalid_tool_input"),
        ),
        (
            r#"{"x":1}{"y":2}"#,
            "tool_calls",
            Some("upstream_invalid_tool_input"),
        ),
        (r#"{"x":1,}"#, "length", Some("upstream_invalid_tool_input")),
    ] {
        let (translator, end) = called_with(arguments, reason);
        assert_eq!(translator.error_code(), code, "{arguments} {reason}: {end}");
        assert_eq!(translator.failed(), code.is_some());
        assert!(translator.ended());
        let event = if code.is_some() {
            "error"
        } else {
            "message_stop"
        };
        assert!(end.starts_with(&format!("event: {event}\n")), "{end}");
    }
}
