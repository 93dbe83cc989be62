//! What the pipeline does to answers on their way: thoughts are shown as the provider's rules say
//! (P8), and what an upstream does not count is counted (T10). In JSON, in streams, in streams
//! told of JSON and in JSON folded from streams alike.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::BytesMut;
use proxai_translate::{
    ReasoningPolicy, ReasoningRules, ReplyContext, StreamTranslator, fold_stream, replay_as_stream,
    translate_response,
};
use proxai_types::{Protocol, Usage};
use serde_json::json;

use crate::{drive, view};

const INPUT: u64 = 21;

fn reply(policy: ReasoningPolicy, think_tags: bool) -> Arc<ReplyContext> {
    let mut reply = ReplyContext::new(drive::ALIAS, drive::ISSUER, Protocol::Chat, "0a", 7);
    reply.estimated_input = INPUT;
    reply.reasoning = ReasoningRules {
        policy,
        think_tags,
        ..ReasoningRules::default()
    };
    reply.into()
}

/// A Chat stream of single deltas, without usage.
fn stream(deltas: &[(&str, &str)]) -> String {
    let chunk = |delta, finish| {
        json!({"id": "x", "object": "chat.completion.chunk", "created": 7, "model": "m",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let mut body = String::new();
    for (member, text) in deltas {
        let delta = json!({ *member: text });
        writeln!(body, "data: {}\n", chunk(delta, None::<&str>)).unwrap();
    }
    writeln!(body, "data: {}\n", chunk(json!({}), Some("stop"))).unwrap();
    body.push_str("data: [DONE]\n\n");
    body
}

/// The same answer as JSON.
fn unary(deltas: &[(&str, &str)]) -> Vec<u8> {
    let joined = |member: &str| -> String {
        (deltas.iter())
            .filter(|(name, _)| *name == member)
            .map(|(_, text)| *text)
            .collect()
    };
    let message = json!({"role": "assistant", "content": joined("content"),
        "reasoning_content": joined("reasoning_content")});
    json!({"id": "x", "object": "chat.completion", "created": 7, "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    .to_string()
    .into_bytes()
}

/// Text, reasoning and usage, as each client sees them in each of the four forms.
fn seen(reply: &Arc<ReplyContext>, deltas: &[(&str, &str)]) -> (String, String, Usage) {
    let (whole, stream) = (unary(deltas), stream(deltas));
    let mut all = Vec::new();
    for client in Protocol::ALL {
        let mut note = |form: &str, view: view::View, usage: Option<Usage>| {
            let usage = usage.unwrap_or_else(|| panic!("{client} {form}: no usage"));
            let counts = view.usage.as_ref().map(|told| (told.input, told.output));
            assert_eq!(
                counts,
                Some((usage.input.unwrap_or(0), usage.output.unwrap_or(0))),
                "{client} {form}: the client is told what is accounted"
            );
            all.push((
                format!("{client} {form}"),
                (view.text, view.reasoning, usage),
            ));
        };
        let told = translate_response(client, reply, &whole).unwrap();
        note("json", view::of_json(client, &told.body), told.usage);
        let told = fold_stream(client, reply, stream.clone().into()).unwrap();
        note("fold", view::of_json(client, &told.body), told.usage);
        let mut out = BytesMut::new();
        let usage = replay_as_stream(client, Arc::clone(reply), &whole, &mut out).unwrap();
        note("replay", view::of_stream(client, &out), usage);
        let told = drive::stream_body(client, Arc::clone(reply), stream.as_bytes());
        let mut frames = proxai_sse::Decoder::new();
        frames.push(stream.clone().into());
        let mut translator = StreamTranslator::new(client, Arc::clone(reply));
        while let Ok(Some(frame)) = frames.next_frame() {
            translator.push(&frame, &mut BytesMut::new());
        }
        note(
            "stream",
            view::of_stream(client, &told.body),
            translator.usage(),
        );
    }
    for (name, one) in &all {
        assert_eq!(*one, all[0].1, "{name}");
    }
    all.swap_remove(0).1
}

#[test]
fn each_policy_shows_the_same_in_all_forms_and_to_all_clients() {
    let thought = ("reasoning_content", "hm, yes");
    let answer = [thought, ("content", "it is")];
    for (policy, text, reasoning) in [
        (ReasoningPolicy::Separate, "it is", "hm, yes"),
        (ReasoningPolicy::Fallback, "it is", "hm, yes"),
        (ReasoningPolicy::Inline, "hm, yes\n\nit is", ""),
        (ReasoningPolicy::Drop, "it is", ""),
    ] {
        let (seen_text, seen_reasoning, _) = seen(&reply(policy, false), &answer);
        assert_eq!((&*seen_text, &*seen_reasoning), (text, reasoning));
    }
    let (text, reasoning, _) = seen(&reply(ReasoningPolicy::Fallback, false), &[thought]);
    assert_eq!((&*text, &*reasoning), ("hm, yes", "hm, yes"));
}

#[test]
fn think_tags_become_reasoning_only_where_the_rules_say_so() {
    let answer = [
        ("content", "<thi"),
        ("content", "nk>\nhm</th"),
        ("content", "ink>\n\nit is"),
    ];
    let (text, reasoning, _) = seen(&reply(ReasoningPolicy::Separate, true), &answer);
    assert_eq!((&*text, &*reasoning), ("it is", "hm"));
    let (text, reasoning, _) = seen(&reply(ReasoningPolicy::Separate, false), &answer);
    assert_eq!((&*text, &*reasoning), ("<think>\nhm</think>\n\nit is", ""));
}

#[test]
fn an_upstream_without_usage_is_counted_for_and_hidden_thoughts_count_too() {
    let answer = [
        ("reasoning_content", "one two three"),
        ("content", "four five"),
    ];
    for policy in [ReasoningPolicy::Separate, ReasoningPolicy::Drop] {
        let usage = seen(&reply(policy, false), &answer).2;
        assert!(usage.estimated);
        assert_eq!(usage.input, Some(INPUT));
        assert_eq!((usage.output, usage.reasoning), (Some(5), Some(3)));
    }
}

#[test]
fn a_stream_that_is_left_early_has_an_estimate_of_what_was_told() {
    let reply = reply(ReasoningPolicy::Separate, false);
    let mut translator = StreamTranslator::new(Protocol::Messages, reply);
    let mut frames = proxai_sse::Decoder::new();
    let body = stream(&[("content", "one two"), ("content", " three")]);
    let cut = body.find("finish_reason\":\"stop").unwrap();
    frames.push(body.as_bytes()[..cut].to_vec().into());
    while let Ok(Some(frame)) = frames.next_frame() {
        translator.push(&frame, &mut BytesMut::new());
    }
    assert_eq!(translator.usage(), None);
    let usage = translator.usage_or_estimate();
    assert_eq!((usage.input, usage.output), (Some(INPUT), Some(3)));
    assert!(usage.estimated);
}

#[test]
fn thoughts_are_read_from_the_members_of_the_rules_and_no_others() {
    use proxai_translate::ReasoningField;

    let message = json!({"role": "assistant", "content": "a", "reasoning": "r", "reasoning_text": "t", "thinking": "h"});
    let answer = json!({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]});
    let chunk =
        json!({"id": "c", "choices": [{"index": 0, "delta": message, "finish_reason": "stop"}]});
    let stream = format!("data: {chunk}\n\ndata: [DONE]\n\n");
    for (field, thought) in [
        (ReasoningField::Reasoning, "r"),
        (ReasoningField::ReasoningText, "t"),
        (ReasoningField::Thinking, "h"),
        (ReasoningField::ReasoningContent, ""),
    ] {
        let mut reply = ReplyContext::new(drive::ALIAS, drive::ISSUER, Protocol::Chat, "0a", 7);
        reply.reasoning.fields = [field].into_iter().collect();
        let seen = |body: &[u8]| {
            let body: serde_json::Value = serde_json::from_slice(body).unwrap();
            let first = &body["content"][0];
            first["thinking"].as_str().unwrap_or_default().to_owned()
        };
        let whole =
            translate_response(Protocol::Messages, &reply, answer.to_string().as_bytes()).unwrap();
        assert_eq!(seen(&whole.body), thought, "{field:?}");
        let folded = fold_stream(Protocol::Messages, &reply, stream.clone().into()).unwrap();
        assert_eq!(seen(&folded.body), thought, "{field:?}");
    }
}

#[test]
fn rules_come_from_the_target() {
    let rules = ReasoningRules {
        policy: ReasoningPolicy::Drop,
        think_tags: true,
        ..ReasoningRules::default()
    };
    let mut target = proxai_translate::Target::new("m", "here");
    target.abilities.reasoning = rules;
    let info = proxai_translate::RequestInfo {
        id: "1",
        created: 7,
        model: "m",
    };
    let body = br#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#;
    let prepared = proxai_translate::translate_request(
        Protocol::Chat,
        Protocol::Messages,
        body,
        &target,
        &info,
    )
    .unwrap();
    assert_eq!(prepared.reply.reasoning, rules);
}

#[test]
fn an_answer_names_the_model_as_the_client_did_or_as_the_upstream_does() {
    let deltas = [("content", "it is")];
    let (whole, stream) = (unary(&deltas), stream(&deltas));
    for (upstream_names_model, name) in [(false, drive::ALIAS), (true, "m")] {
        let mut reply = reply(ReasoningPolicy::Separate, false);
        Arc::make_mut(&mut reply).upstream_names_model = upstream_names_model;
        let want = format!("\"model\":\"{name}\"");
        for client in Protocol::ALL {
            let mut replayed = BytesMut::new();
            replay_as_stream(client, Arc::clone(&reply), &whole, &mut replayed).unwrap();
            for body in [
                translate_response(client, &reply, &whole).unwrap().body,
                fold_stream(client, &reply, stream.clone().into())
                    .unwrap()
                    .body,
                replayed.to_vec(),
                drive::stream_body(client, Arc::clone(&reply), stream.as_bytes()).body,
            ] {
                let told = String::from_utf8(body).unwrap();
                let named = told.matches("\"model\":").count();
                assert!(
                    named > 0 && named == told.matches(&want).count(),
                    "{client}: {told}"
                );
            }
        }
    }
    // A stream that has to live before its upstream says anything has the name that was given.
    let mut reply = reply(ReasoningPolicy::Separate, false);
    Arc::make_mut(&mut reply).upstream_names_model = true;
    let mut translator = StreamTranslator::new(Protocol::Messages, reply);
    let mut out = BytesMut::new();
    translator.keepalive(&mut out);
    let told = String::from_utf8(out.to_vec()).unwrap();
    assert!(told.contains(drive::ALIAS), "{told}");
}

/// An answer of calls with these ids, as JSON and as a stream, from an upstream of each protocol.
fn answers_with_calls(ids: &[&str]) -> [(Protocol, String, String); 3] {
    let frame = |event: serde_json::Value| match event["type"].as_str() {
        Some(kind) => format!("event: {kind}\ndata: {event}\n\n"),
        None => format!("data: {event}\n\n"),
    };
    let frames = |events: Vec<serde_json::Value>| events.into_iter().map(frame).collect::<String>();
    let numbered = || ids.iter().enumerate();
    let input = |at| format!("{{\"n\":{at}}}");

    let call = |(at, id): (usize, &&str)| {
        json!({"index": at, "id": id, "type": "function",
            "function": {"name": "f", "arguments": input(at)}})
    };
    let choice = |member: &str, value, finish| {
        json!({"id": "x", "created": 7, "model": "m",
            "choices": [{"index": 0, member: value, "finish_reason": finish}]})
    };
    let calls: Vec<_> = numbered().map(call).collect();
    let whole = json!({"role": "assistant", "content": null, "tool_calls": calls});
    let mut chat = frames(vec![
        choice("delta", json!({"tool_calls": calls}), None),
        choice("delta", json!({}), Some("tool_calls")),
    ]);
    chat.push_str("data: [DONE]\n\n");
    let chat_json = choice("message", whole, Some("tool_calls"));

    let item = |(at, id): (usize, &&str)| {
        json!({"type": "function_call", "id": format!("fc_{at}"), "call_id": id, "name": "f",
            "arguments": input(at), "status": "completed"})
    };
    let response = json!({"id": "resp_x", "object": "response", "created_at": 7, "model": "m",
        "status": "completed", "output": numbered().map(item).collect::<Vec<_>>()});
    let mut events = vec![json!({"type": "response.created", "response": {"id": "resp_x"}})];
    for (at, id) in numbered() {
        let mut begun = item((at, id));
        begun["arguments"] = json!("");
        let event = |kind: &str, item| json!({"type": kind, "output_index": at, "item": item});
        events.push(event("response.output_item.added", begun));
        events.push(event("response.output_item.done", item((at, id))));
    }
    events.push(json!({"type": "response.completed", "response": response}));
    let responses = frames(events);

    let block = |(at, id): (usize, &&str)| json!({"type": "tool_use", "id": id, "name": "f", "input": {"n": at}});
    let message = json!({"id": "msg_x", "type": "message", "role": "assistant", "model": "m",
        "content": numbered().map(block).collect::<Vec<_>>(), "stop_reason": "tool_use",
        "usage": {"input_tokens": 1, "output_tokens": 1}});
    let mut head = message.clone();
    head["content"] = json!([]);
    let mut events = vec![json!({"type": "message_start", "message": head})];
    for (at, id) in numbered() {
        let block = block((at, id));
        events.push(json!({"type": "content_block_start", "index": at, "content_block": block}));
        events.push(json!({"type": "content_block_stop", "index": at}));
    }
    events.push(json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}}));
    events.push(json!({"type": "message_stop"}));
    let messages = frames(events);

    [
        (Protocol::Chat, chat_json.to_string(), chat),
        (Protocol::Responses, response.to_string(), responses),
        (Protocol::Messages, message.to_string(), messages),
    ]
}

/// Else a client would take the result of one call for that of another.
#[test]
fn of_calls_with_one_id_the_first_keeps_it_and_the_others_get_their_own() {
    let asked = ["call_a", "call_b", "call_a", "", "call_a"];
    for (upstream, json, stream) in answers_with_calls(&asked) {
        for client in Protocol::ALL {
            let reply = ReplyContext::new(drive::ALIAS, drive::ISSUER, upstream, "0a", 7);
            let reply = Arc::new(reply);
            let told = translate_response(client, &reply, json.as_bytes()).unwrap();
            let told = view::of_json(client, &told.body);
            let folded = fold_stream(client, &reply, stream.clone().into()).unwrap();
            let mut replayed = BytesMut::new();
            replay_as_stream(client, Arc::clone(&reply), json.as_bytes(), &mut replayed).unwrap();
            let streamed = drive::stream_body(client, reply, stream.as_bytes());
            for (form, view) in [
                ("fold", view::of_json(client, &folded.body)),
                ("replay", view::of_stream(client, &replayed)),
                ("stream", view::of_stream(client, &streamed.body)),
            ] {
                assert_eq!(
                    view.call_ids, told.call_ids,
                    "{client} of {upstream}: {form}"
                );
                assert_eq!(view.tools, told.tools, "{client} of {upstream}: {form}");
            }
            assert_eq!(told.call_ids[..2], asked[..2], "{client} of {upstream}");
            let mut distinct = told.call_ids.clone();
            distinct.sort();
            distinct.dedup();
            assert_eq!(
                distinct.len(),
                asked.len(),
                "{client} of {upstream}: {told:?}"
            );
            assert!(!distinct[0].is_empty(), "{client} of {upstream}");
            let inputs: Vec<_> = told.tools.iter().map(|(_, input)| &**input).collect();
            let expected: Vec<_> = (0..asked.len())
                .map(|at| format!("{{\"n\":{at}}}"))
                .collect();
            assert_eq!(inputs, expected, "{client} of {upstream}");
        }
    }
}
