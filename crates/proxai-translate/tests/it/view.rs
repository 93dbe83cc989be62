//! Reads what a client gets, by the client protocol's public rules and nothing of ours.
//!
//! The adapters must not be checked with their own reading of a protocol, so this one goes through
//! plain JSON values.

use std::collections::BTreeMap;

use bytes::Bytes;
use proxai_sse::{Decoder, Frame};
use proxai_types::Protocol;
use serde_json::Value;

/// What a client of any protocol reads in an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct View {
    pub(crate) text: String,
    pub(crate) reasoning: String,
    pub(crate) refusal: String,
    /// Name and input; JSON input is written compactly.
    pub(crate) tools: Vec<(String, String)>,
    /// Call ids, in the order of `tools`.
    pub(crate) call_ids: Vec<String>,
    /// Ids of the provider's own calls.
    pub(crate) hosted_ids: Vec<String>,
    /// Searches that the provider ran: what was searched for, then the addresses found.
    pub(crate) searches: Vec<String>,
    /// Addresses that the text cites.
    pub(crate) cited: Vec<String>,
    pub(crate) stop: Option<String>,
    pub(crate) error: Option<ErrorView>,
    /// How often the answer was declared complete.
    pub(crate) completions: usize,
    pub(crate) usage: Option<UsageView>,
    pub(crate) model: String,
    pub(crate) id: String,
}

impl View {
    fn search(&mut self, query: &Value, pages: &Value) {
        let mut told = text(query);
        for url in elements(pages).filter_map(|page| page["url"].as_str()) {
            told = format!("{told} {url}");
        }
        self.searches.push(told);
    }
}

/// An error as the client reads it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ErrorView {
    pub(crate) codes: Vec<String>,
    pub(crate) message: String,
}

/// Usage in one arithmetic.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct UsageView {
    pub(crate) input: u64,
    pub(crate) output: u64,
    pub(crate) cached: u64,
    pub(crate) reasoning: u64,
}

/// The frames of a whole stream.
pub(crate) fn frames(stream: &[u8]) -> Vec<Frame> {
    let mut decoder = Decoder::new();
    decoder.push(Bytes::copy_from_slice(stream));
    let mut frames = Vec::new();
    while let Some(frame) = decoder.next_frame().expect("within the limit") {
        frames.push(frame);
    }
    while let Some(frame) = decoder.finish().expect("within the limit") {
        frames.push(frame);
    }
    frames
}

/// The JSON of each frame that has some.
pub(crate) fn payloads(stream: &[u8]) -> Vec<Value> {
    frames(stream)
        .iter()
        .filter(|frame| !frame.is_comment() && !frame.is_done())
        .map(|frame| {
            serde_json::from_slice(frame.data())
                .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(frame.data())))
        })
        .collect()
}

/// What a client reads in a whole answer.
pub(crate) fn of_json(client: Protocol, body: &[u8]) -> View {
    let body: Value = serde_json::from_slice(body).expect("an answer is JSON");
    let mut view = View {
        model: text(&body["model"]),
        id: text(&body["id"]),
        completions: 1,
        ..View::default()
    };
    match client {
        Protocol::Chat => chat_message(&body, &mut view),
        Protocol::Responses => response(&body, &mut view),
        Protocol::Messages => message(&body, &mut view),
    }
    view
}

/// What a client reads in an error body.
pub(crate) fn of_error(client: Protocol, body: &[u8]) -> ErrorView {
    let body: Value = serde_json::from_slice(body).expect("an error is JSON");
    if client == Protocol::Messages {
        assert_eq!(body["type"], "error", "{body}");
    }
    error(&body["error"])
}

/// What a client reads in a stream.
pub(crate) fn of_stream(client: Protocol, stream: &[u8]) -> View {
    match client {
        Protocol::Chat => chat_stream(stream),
        Protocol::Responses => responses_stream(stream),
        Protocol::Messages => messages_stream(stream),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn error(value: &Value) -> ErrorView {
    let codes = [&value["type"], &value["code"]];
    ErrorView {
        codes: codes
            .iter()
            .filter_map(|code| code.as_str().map(str::to_owned))
            .collect(),
        message: text(&value["message"]),
    }
}

/// JSON without spaces; anything else as it is.
pub(crate) fn compact(input: &str) -> String {
    serde_json::from_str::<Value>(input)
        .map_or_else(|_| input.to_owned(), |value| value.to_string())
}

fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn openai_usage(value: &Value, [input, output]: [&str; 2]) -> Option<UsageView> {
    value.is_object().then(|| UsageView {
        input: number(&value[format!("{input}_tokens")]),
        output: number(&value[format!("{output}_tokens")]),
        cached: number(&value[format!("{input}_tokens_details")]["cached_tokens"]),
        reasoning: number(&value[format!("{output}_tokens_details")]["reasoning_tokens"]),
    })
}

fn messages_usage(value: &Value, earlier: Option<UsageView>) -> Option<UsageView> {
    if !value.is_object() {
        return earlier;
    }
    let cached = number(&value["cache_read_input_tokens"]);
    let input = value["input_tokens"]
        .as_u64()
        .map(|input| input + cached + number(&value["cache_creation_input_tokens"]));
    let earlier = earlier.unwrap_or_default();
    Some(UsageView {
        input: input.unwrap_or(earlier.input),
        output: value["output_tokens"].as_u64().unwrap_or(earlier.output),
        cached: cached.max(earlier.cached),
        reasoning: 0,
    })
}

fn chat_call(call: &Value, view: &mut View) {
    let (name, input) = if call["type"] == "custom" {
        (&call["custom"]["name"], text(&call["custom"]["input"]))
    } else {
        let function = &call["function"];
        (&function["name"], compact(&text(&function["arguments"])))
    };
    view.tools.push((text(name), input));
    view.call_ids.push(text(&call["id"]));
}

fn chat_citations(message: &Value, view: &mut View) {
    for citation in elements(&message["annotations"]) {
        view.cited.push(text(&citation["url_citation"]["url"]));
    }
}

fn chat_message(body: &Value, view: &mut View) {
    assert_eq!(body["object"], "chat.completion", "{body}");
    let choice = &body["choices"][0];
    let message = &choice["message"];
    assert_eq!(message["role"], "assistant", "{body}");
    view.text = text(&message["content"]);
    view.reasoning = text(&message["reasoning_content"]);
    view.refusal = text(&message["refusal"]);
    chat_citations(message, view);
    for call in message["tool_calls"].as_array().into_iter().flatten() {
        chat_call(call, view);
    }
    view.stop = choice["finish_reason"].as_str().map(str::to_owned);
    view.usage = openai_usage(&body["usage"], ["prompt", "completion"]);
}

fn chat_stream(stream: &[u8]) -> View {
    let mut view = View {
        completions: frames(stream)
            .iter()
            .filter(|frame| frame.is_done())
            .count(),
        ..View::default()
    };
    let mut calls: BTreeMap<u64, Value> = BTreeMap::new();
    for chunk in payloads(stream) {
        if chunk["error"].is_object() {
            view.error = Some(error(&chunk["error"]));
            continue;
        }
        view.model = text(&chunk["model"]);
        view.id = text(&chunk["id"]);
        if let Some(usage) = openai_usage(&chunk["usage"], ["prompt", "completion"]) {
            view.usage = Some(usage);
        }
        let choice = &chunk["choices"][0];
        let delta = &choice["delta"];
        view.text += &text(&delta["content"]);
        view.reasoning += &text(&delta["reasoning_content"]);
        view.refusal += &text(&delta["refusal"]);
        chat_citations(delta, &mut view);
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = call["index"].as_u64().expect("a call delta has an index");
            match calls.get_mut(&index) {
                None => drop(calls.insert(index, call.clone())),
                Some(known) => append_call(known, call),
            }
        }
        if let Some(stop) = choice["finish_reason"].as_str() {
            view.stop = Some(stop.to_owned());
        }
    }
    for call in calls.values() {
        chat_call(call, &mut view);
    }
    view
}

fn append_call(known: &mut Value, more: &Value) {
    for (group, member) in [("function", "arguments"), ("custom", "input")] {
        if let Some(piece) = more[group][member].as_str() {
            known[group][member] = Value::from(text(&known[group][member]) + piece);
        }
    }
}

fn response(body: &Value, view: &mut View) {
    assert_eq!(body["object"], "response", "{body}");
    view.model = text(&body["model"]);
    view.id = text(&body["id"]);
    for item in body["output"].as_array().expect("output is a list") {
        output_item(item, view);
    }
    view.stop = match body["incomplete_details"]["reason"].as_str() {
        Some(reason) => Some(format!("{}:{reason}", text(&body["status"]))),
        None => body["status"].as_str().map(str::to_owned),
    };
    view.usage = openai_usage(&body["usage"], ["input", "output"]);
}

fn output_item(item: &Value, view: &mut View) {
    let list = |member: &str| item[member].as_array().cloned().unwrap_or_default();
    match item["type"].as_str().expect("an item has a type") {
        "message" => {
            for part in list("content") {
                view.text += &text(&part["text"]);
                view.refusal += &text(&part["refusal"]);
                for citation in elements(&part["annotations"]) {
                    // Where the place is told, it is one in this text.
                    let length = text(&part["text"]).chars().count() as u64;
                    let (start, end) = (&citation["start_index"], &citation["end_index"]);
                    assert!(
                        number(start) <= number(end) && number(end) <= length,
                        "{part}"
                    );
                    view.cited.push(text(&citation["url"]));
                }
            }
        }
        "reasoning" => {
            let summary = list("summary");
            let parts = if summary.is_empty() {
                list("content")
            } else {
                summary
            };
            let texts: Vec<String> = parts.iter().map(|part| text(&part["text"])).collect();
            view.reasoning += &texts.join("\n\n");
        }
        "function_call" => {
            view.tools
                .push((text(&item["name"]), compact(&text(&item["arguments"]))));
            view.call_ids.push(text(&item["call_id"]));
        }
        "custom_tool_call" => {
            view.tools.push((text(&item["name"]), text(&item["input"])));
            view.call_ids.push(text(&item["call_id"]));
        }
        "local_shell_call" => {
            let action = &item["action"];
            view.tools
                .push(("local_shell".to_owned(), action["command"].to_string()));
            view.call_ids.push(text(&item["call_id"]));
        }
        "web_search_call" => {
            assert!(item["id"].as_str().is_some_and(|id| id.starts_with("ws_")));
            let action = &item["action"];
            match action["type"].as_str() {
                Some("search") => view.search(&action["query"], &action["sources"]),
                Some("open_page" | "find_in_page") => {}
                _ => panic!("an action of another kind: {item}"),
            }
        }
        other => panic!("an item of type {other}"),
    }
}

/// Codex takes the items from `output_item.done`; so does this.
fn responses_stream(stream: &[u8]) -> View {
    let mut view = View::default();
    let mut items = View::default();
    for event in payloads(stream) {
        match event["type"].as_str().expect("an event has a type") {
            "response.output_item.done" => output_item(&event["item"], &mut items),
            "response.completed" | "response.incomplete" => {
                view.completions += 1;
                response(&event["response"], &mut view);
                let told = (&items.text, &items.reasoning, &items.refusal, &items.tools);
                let whole = (&view.text, &view.reasoning, &view.refusal, &view.tools);
                assert_eq!(told, whole, "the items and the final output differ");
            }
            "response.failed" => view.error = Some(error(&event["response"]["error"])),
            "error" => view.error = Some(error(&event)),
            _ => {}
        }
    }
    if view.completions == 0 {
        items.error = view.error;
        return items;
    }
    view
}

fn block(block: &Value, view: &mut View) {
    match block["type"].as_str().expect("a block has a type") {
        "text" => {
            view.text += &text(&block["text"]);
            for citation in elements(&block["citations"]) {
                assert!(citation["encrypted_index"].is_string(), "{block}");
                assert!(citation["cited_text"].is_string(), "{block}");
                view.cited.push(text(&citation["url"]));
            }
        }
        "server_tool_use" => {
            assert_eq!(block["name"], "web_search", "{block}");
            view.search(&block["input"]["query"], &Value::Null);
            view.hosted_ids.push(text(&block["id"]));
        }
        "web_search_tool_result" => {
            let last = view.hosted_ids.last().cloned().unwrap_or_default();
            assert_eq!(block["tool_use_id"], last, "{block}");
            for page in elements(&block["content"]) {
                assert!(page["title"].is_string(), "{block}");
                assert!(page["encrypted_content"].is_string(), "{block}");
            }
            let search = view.searches.pop().unwrap_or_default();
            view.search(&Value::from(search), &block["content"]);
        }
        "thinking" => view.reasoning += &text(&block["thinking"]),
        "redacted_thinking" => {}
        "tool_use" => {
            assert!(block["input"].is_object(), "{block}");
            // Input that is no JSON object is carried under this key, by our documentation.
            let raw = block["input"]["_raw"].as_str().map(str::to_owned);
            let input = raw.unwrap_or_else(|| block["input"].to_string());
            view.tools.push((text(&block["name"]), input));
            view.call_ids.push(text(&block["id"]));
        }
        other => panic!("a block of type {other}"),
    }
}

fn message(body: &Value, view: &mut View) {
    assert_eq!(body["type"], "message", "{body}");
    assert_eq!(body["role"], "assistant", "{body}");
    for value in body["content"].as_array().expect("content is a list") {
        block(value, view);
    }
    view.stop = body["stop_reason"].as_str().map(str::to_owned);
    view.refusal = text(&body["stop_details"]["explanation"]);
    view.usage = messages_usage(&body["usage"], None);
}

fn messages_stream(stream: &[u8]) -> View {
    let mut view = View::default();
    let mut blocks: BTreeMap<u64, (Value, String)> = BTreeMap::new();
    for event in payloads(stream) {
        let index = number(&event["index"]);
        match event["type"].as_str().expect("an event has a type") {
            "message_start" => {
                view.model = text(&event["message"]["model"]);
                view.id = text(&event["message"]["id"]);
                view.usage = messages_usage(&event["message"]["usage"], None);
            }
            "content_block_start" => {
                blocks.insert(index, (event["content_block"].clone(), String::new()));
            }
            "content_block_delta" => {
                let (known, input) = blocks.get_mut(&index).expect("the block was started");
                let delta = &event["delta"];
                match delta["type"].as_str() {
                    Some("citations_delta") => {
                        if !known["citations"].is_array() {
                            known["citations"] = Value::Array(Vec::new());
                        }
                        if let Some(list) = known["citations"].as_array_mut() {
                            list.push(delta["citation"].clone());
                        }
                    }
                    Some("input_json_delta") => *input += &text(&delta["partial_json"]),
                    Some("text_delta") => {
                        known["text"] = Value::from(text(&known["text"]) + &text(&delta["text"]));
                    }
                    Some("thinking_delta") => {
                        let more = text(&known["thinking"]) + &text(&delta["thinking"]);
                        known["thinking"] = Value::from(more);
                    }
                    _ => {}
                }
            }
            "message_delta" => {
                view.stop = event["delta"]["stop_reason"].as_str().map(str::to_owned);
                view.refusal = text(&event["delta"]["stop_details"]["explanation"]);
                view.usage = messages_usage(&event["usage"], view.usage);
            }
            "message_stop" => view.completions += 1,
            "error" => view.error = Some(error(&event["error"])),
            _ => {}
        }
    }
    for (mut value, input) in blocks.into_values() {
        if !input.is_empty() {
            // Models err and streams are cut, so the input may not be JSON.
            let Ok(whole) = serde_json::from_str(&input) else {
                view.tools.push((text(&value["name"]), input));
                view.call_ids.push(text(&value["id"]));
                continue;
            };
            value["input"] = whole;
        }
        block(&value, &mut view);
    }
    view
}
