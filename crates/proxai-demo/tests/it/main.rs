//! The demo provider as a client of each protocol sees it.

use proxai_demo::{DemoAnswer, answer};
use proxai_ir::{Accumulator, Checked, Content, Response, StopReason};
use proxai_sse::Decoder;
use proxai_translate::adapter;
use proxai_types::Protocol;
use serde_json::{Value, json};

const CREATED: u64 = 1_760_000_000;

fn ask(protocol: Protocol, body: &Value) -> DemoAnswer {
    answer(protocol, body.to_string().as_bytes(), "0a1b", CREATED)
}

/// A request with one text of the user, in any protocol.
fn request(protocol: Protocol, text: &str, stream: bool) -> Value {
    let mut body = json!({"model": "demo", "stream": stream});
    match protocol {
        Protocol::Chat => {
            body["messages"] = json!([{"role": "user", "content": text}]);
            if stream {
                body["stream_options"] = json!({"include_usage": true});
            }
        }
        Protocol::Messages => {
            body["messages"] = json!([{"role": "user", "content": text}]);
            body["max_tokens"] = json!(1000);
        }
        Protocol::Responses => body["input"] = json!(text),
    }
    body
}

fn with_tool(protocol: Protocol, mut body: Value) -> Value {
    let schema =
        json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    body["tools"] = match protocol {
        Protocol::Chat => json!([
            {"type": "function", "function": {"name": "get_time", "parameters": {"type": "object"}}},
            {"type": "function", "function": {"name": "get_weather", "parameters": schema}}
        ]),
        Protocol::Responses => json!([
            {"type": "function", "name": "get_time", "parameters": {"type": "object"}},
            {"type": "function", "name": "get_weather", "parameters": schema}
        ]),
        Protocol::Messages => json!([
            {"name": "get_time", "input_schema": {"type": "object"}},
            {"name": "get_weather", "input_schema": schema}
        ]),
    };
    body
}

/// What a client reads, from JSON or a stream.
fn read(protocol: Protocol, answer: &DemoAnswer) -> Response<'static> {
    assert_eq!(answer.status, 200, "{answer:?}");
    let mut checked = Checked::new(Accumulator::new());
    if answer.content_type == "application/json" {
        let body = answer.chunks.concat();
        adapter(protocol)
            .decode_response(&body)
            .expect("it is an answer")
            .replay(&mut checked);
    } else {
        feed(protocol, answer, &mut checked);
    }
    let (accumulator, violations) = checked.into_parts();
    assert_eq!(violations, []);
    accumulator.into_response().expect("it is complete")
}

fn feed(protocol: Protocol, answer: &DemoAnswer, sink: &mut dyn proxai_ir::Sink) {
    assert_eq!(answer.content_type, "text/event-stream");
    let mut frames = Decoder::new();
    let mut decoder = adapter(protocol).stream_decoder();
    for chunk in &answer.chunks {
        frames.push(chunk.clone());
        while let Some(frame) = frames.next_frame().expect("within the limit") {
            decoder.frame(&frame, sink);
        }
    }
    while let Some(frame) = frames.finish().expect("within the limit") {
        decoder.frame(&frame, sink);
    }
    decoder.end(sink);
}

fn text(response: &Response<'_>) -> String {
    let texts = response
        .parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::Text(text) => Some(text.text.as_str()),
            _ => None,
        });
    texts.collect()
}

fn reasoning(response: &Response<'_>) -> String {
    let texts = response
        .parts
        .iter()
        .filter_map(|part| match &part.content {
            Content::Reasoning(reasoning) => Some(reasoning.text.as_str()),
            _ => None,
        });
    texts.collect()
}

fn both_forms(check: impl Fn(Protocol, bool)) {
    for protocol in Protocol::ALL {
        for stream in [false, true] {
            check(protocol, stream);
        }
    }
}

#[test]
fn it_echoes_and_says_what_it_is() {
    both_forms(|protocol, stream| {
        let body = request(protocol, "Where is the harbour?", stream);
        let answer = ask(protocol, &body);
        assert!(
            !stream || answer.chunks.len() > 8,
            "{} chunks",
            answer.chunks.len()
        );
        assert_eq!(
            answer,
            ask(protocol, &body),
            "the same request, the same answer"
        );
        let response = read(protocol, &answer);
        let text = text(&response);
        assert!(
            text.contains("Where is the harbour?") && text.contains("`demo`"),
            "{text}"
        );
        assert_eq!(response.finish.reason, StopReason::Stop);
        let usage = response.usage.unwrap();
        assert!(
            usage.input > Some(0) && usage.output > Some(20),
            "{usage:?}"
        );
    });
}

#[test]
fn it_calls_the_tool_that_the_text_names() {
    both_forms(|protocol, stream| {
        let body = with_tool(
            protocol,
            request(protocol, "What is the weather in Oslo?", stream),
        );
        let response = read(protocol, &ask(protocol, &body));
        let [part] = response.parts.as_slice() else {
            panic!("{response:?}")
        };
        let Content::ToolCall(call) = &part.content else {
            panic!("{response:?}")
        };
        assert_eq!(
            (call.name.as_str(), call.input.as_str()),
            ("get_weather", r#"{"city":"Oslo"}"#)
        );
        assert_eq!(response.finish.reason, StopReason::ToolCalls);
    });
}

#[test]
fn it_answers_in_words_when_tools_are_offered_but_not_asked_for() {
    both_forms(|protocol, stream| {
        let body = with_tool(protocol, request(protocol, "Good morning", stream));
        assert!(text(&read(protocol, &ask(protocol, &body))).contains("Good morning"));
    });
}

#[test]
fn a_tool_that_is_required_is_called_and_one_that_is_forbidden_is_not() {
    for (protocol, required, none) in [
        (Protocol::Chat, json!("required"), json!("none")),
        (Protocol::Responses, json!("required"), json!("none")),
        (
            Protocol::Messages,
            json!({"type": "any"}),
            json!({"type": "none"}),
        ),
    ] {
        let mut body = with_tool(protocol, request(protocol, "Good morning", false));
        body["tool_choice"] = required;
        assert!(read(protocol, &ask(protocol, &body)).has_tool_calls());
        let mut body = with_tool(protocol, request(protocol, "The weather, please", false));
        body["tool_choice"] = none;
        assert!(!read(protocol, &ask(protocol, &body)).has_tool_calls());
    }
}

#[test]
fn it_gives_the_result_of_a_tool_back() {
    let chat = json!({"model": "demo", "messages": [
        {"role": "user", "content": "Weather in Oslo?"},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "sleet, 2 degrees"}
    ]});
    let responses = json!({"model": "demo", "input": [
        {"role": "user", "content": "Weather in Oslo?"},
        {"type": "function_call", "call_id": "c1", "name": "get_weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "sleet, 2 degrees"}
    ]});
    let messages = json!({"model": "demo", "max_tokens": 100, "messages": [
        {"role": "user", "content": "Weather in Oslo?"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "get_weather", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "sleet, 2 degrees"}]}
    ]});
    for (protocol, body) in [
        (Protocol::Chat, chat),
        (Protocol::Responses, responses),
        (Protocol::Messages, messages),
    ] {
        let response = read(protocol, &ask(protocol, &with_tool(protocol, body)));
        assert!(text(&response).contains("sleet, 2 degrees"), "{response:?}");
        assert!(!response.has_tool_calls());
    }
}

#[test]
fn it_thinks_when_asked_to() {
    both_forms(|protocol, stream| {
        let spoken = request(protocol, "Please think about it", stream);
        let mut configured = request(protocol, "Good morning", stream);
        match protocol {
            Protocol::Chat => configured["reasoning_effort"] = json!("low"),
            Protocol::Responses => {
                configured["reasoning"] = json!({"effort": "low", "summary": "auto"});
            }
            Protocol::Messages => configured["thinking"] = json!({"type": "adaptive"}),
        }
        for body in [spoken, configured] {
            let response = read(protocol, &ask(protocol, &body));
            assert!(
                reasoning(&response).contains("characters"),
                "{protocol} {response:?}"
            );
            assert!(!text(&response).is_empty());
        }
        let plain = read(
            protocol,
            &ask(protocol, &request(protocol, "Good morning", stream)),
        );
        assert_eq!(reasoning(&plain), "");
    });
}

#[test]
fn it_fills_a_schema() {
    let schema = json!({"type": "object", "properties": {"knots": {"type": "integer", "minimum": 3}}, "required": ["knots"], "additionalProperties": false});
    for protocol in Protocol::ALL {
        let mut body = request(protocol, "Wind?", false);
        let format = json!({"type": "json_schema", "name": "wind", "schema": schema});
        match protocol {
            Protocol::Chat => {
                body["response_format"] = json!({"type": "json_schema", "json_schema": {"name": "wind", "schema": schema}});
            }
            Protocol::Responses => body["text"] = json!({"format": format}),
            Protocol::Messages => {
                body["output_config"] =
                    json!({"format": {"type": "json_schema", "schema": schema}});
            }
        }
        assert_eq!(
            text(&read(protocol, &ask(protocol, &body))),
            r#"{"knots":3}"#
        );
    }
}

#[test]
fn it_keeps_the_token_limit_and_stop_texts() {
    let mut body = request(Protocol::Messages, "Good morning", false);
    body["max_tokens"] = json!(5);
    let response = read(Protocol::Messages, &ask(Protocol::Messages, &body));
    assert_eq!(response.finish.reason, StopReason::Length);
    assert_eq!(text(&response).len(), 20);
    body["max_tokens"] = json!(500);
    body["stop_sequences"] = json!(["inside", "morning"]);
    let response = read(Protocol::Messages, &ask(Protocol::Messages, &body));
    assert_eq!(text(&response), "You said: \"Good ");
    assert_eq!(response.finish.stop_sequence.as_deref(), Some("morning"));
}

#[test]
fn errors_come_on_request_in_the_clients_dialect() {
    for protocol in Protocol::ALL {
        for (model, status) in [
            ("demo/error-429", 429),
            ("error-500", 500),
            ("error-404", 404),
        ] {
            let mut body = request(protocol, "Good morning", true);
            body["model"] = json!(model);
            let answer = ask(protocol, &body);
            assert_eq!(answer.status, status);
            let error: Value = serde_json::from_slice(&answer.chunks.concat()).unwrap();
            let message = error["error"]["message"].as_str().unwrap();
            assert!(message.contains(model), "{error}");
        }
    }
}

#[test]
fn a_cut_stream_is_recognised_as_cut() {
    for protocol in Protocol::ALL {
        let mut body = request(protocol, "Good morning", true);
        body["model"] = json!("demo/cut");
        let answer = ask(protocol, &body);
        let mut checked = Checked::new(Accumulator::new());
        feed(protocol, &answer, &mut checked);
        let (accumulator, violations) = checked.into_parts();
        assert_eq!(violations, []);
        assert!(
            !accumulator.response().parts.is_empty(),
            "{protocol} was cut too early"
        );
        accumulator.into_response().unwrap_err();
    }
}

#[test]
fn the_slow_model_takes_its_time_but_says_the_same() {
    both_forms(|protocol, stream| {
        let mut body = request(protocol, "Good morning", stream);
        let quick = ask(protocol, &body);
        body["model"] = json!("slow");
        let slow = ask(protocol, &body);
        assert!(slow.pause > 10 * quick.pause && slow.chunks.len() > 3);
        assert!(
            text(&read(
                protocol,
                &DemoAnswer {
                    chunks: slow.chunks,
                    ..quick
                }
            ))
            .contains("`slow`")
        );
    });
}

#[test]
fn a_request_that_is_none_gets_a_400() {
    for protocol in Protocol::ALL {
        for body in [&b"{"[..], b"[]", b"\"text\"", b""] {
            assert_eq!(
                answer(protocol, body, "1", CREATED).status,
                400,
                "{protocol}"
            );
        }
    }
}
