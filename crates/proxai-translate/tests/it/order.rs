//! The rules of order that the official SDKs rely on (S7, S1).

use proxai_types::Protocol;
use serde_json::Value;

use crate::view::frames;

/// What is out of order in a whole client stream.
pub(crate) fn breaches(client: Protocol, stream: &[u8]) -> Vec<String> {
    let mut told = Vec::new();
    let mut problems = Vec::new();
    for frame in frames(stream) {
        if frame.is_comment() {
            continue;
        }
        if !frame.well_formed() {
            problems.push(format!("not well formed: {frame:?}"));
        }
        if frame.is_done() {
            told.push((None, Value::from("[DONE]")));
            continue;
        }
        match serde_json::from_slice(frame.data()) {
            Ok(value) => told.push((frame.event().map(str::to_owned), value)),
            Err(error) => problems.push(format!("{error}: {frame:?}")),
        }
    }
    let mut rules = Rules { told, problems };
    match client {
        Protocol::Chat => rules.chat(),
        Protocol::Responses => rules.responses(),
        Protocol::Messages => rules.messages(),
    }
    rules.problems
}

struct Rules {
    told: Vec<(Option<String>, Value)>,
    problems: Vec<String>,
}

impl Rules {
    fn need(&mut self, holds: bool, what: &str, value: &Value) {
        if !holds {
            self.problems.push(format!("{what}: {value}"));
        }
    }

    fn chat(&mut self) {
        let told = std::mem::take(&mut self.told);
        let (mut roles, mut stops, mut calls, mut ended) = (0, 0, 0, false);
        let mut id = None;
        for (position, (event, value)) in told.iter().enumerate() {
            self.need(event.is_none(), "an event line", value);
            self.need(!ended, "a frame after the end", value);
            if value == "[DONE]" {
                self.need(stops == 1, "[DONE] without one finish_reason", value);
                ended = true;
                continue;
            }
            if value["error"].is_object() {
                ended = true;
                continue;
            }
            self.need(value["object"] == "chat.completion.chunk", "object", value);
            self.need(
                *id.get_or_insert(&value["id"]) == &value["id"],
                "id changed",
                value,
            );
            let Some(choice) = value["choices"].get(0) else {
                self.need(stops == 1, "usage before the finish_reason", value);
                self.need(value["usage"].is_object(), "no choices and no usage", value);
                continue;
            };
            let delta = &choice["delta"];
            self.need(delta.is_object(), "no delta", value);
            if !delta["role"].is_null() {
                roles += 1;
                self.need(position == 0, "role not first", value);
            }
            for call in delta["tool_calls"].as_array().into_iter().flatten() {
                let index = call["index"].as_u64();
                let first = index == Some(calls);
                calls += u64::from(first);
                self.need(index.is_some_and(|i| i < calls), "call index", call);
                self.need(first == call["id"].is_string(), "call id", call);
            }
            if choice["finish_reason"].is_string() {
                stops += 1;
                self.need(stops == 1, "a second finish_reason", value);
            } else {
                self.need(stops == 0, "a delta after the finish_reason", value);
            }
        }
        let whole = Value::from(told.len());
        self.need(ended, "no end", &whole);
        self.need(roles == 1 || stops == 0, "role is given once", &whole);
    }

    fn messages(&mut self) {
        let told = std::mem::take(&mut self.told);
        let (mut started, mut stopped, mut ended) = (false, false, false);
        let mut open: Option<(u64, String)> = None;
        let mut blocks = 0;
        for (event, value) in &told {
            let kind = value["type"].as_str().unwrap_or_default();
            self.need(
                event.as_deref() == Some(kind),
                "event is not the type",
                value,
            );
            self.need(!ended, "a frame after the end", value);
            let index = value["index"].as_u64();
            match kind {
                "message_start" => {
                    self.need(!started, "a second message_start", value);
                    let empty = value["message"]["content"]
                        .as_array()
                        .is_some_and(Vec::is_empty);
                    self.need(empty, "content is not empty", value);
                    self.need(value["message"]["usage"].is_object(), "no usage", value);
                    started = true;
                }
                "content_block_start" => {
                    self.need(started && !stopped, "a block out of place", value);
                    self.need(open.is_none(), "two blocks are open", value);
                    self.need(index == Some(blocks), "block index", value);
                    blocks += 1;
                    let block = &value["content_block"];
                    let kind = block["type"].as_str().unwrap_or_default();
                    let empty = match kind {
                        "text" => block["text"] == "",
                        "thinking" => block["thinking"] == "",
                        "tool_use" | "server_tool_use" => {
                            block["input"]
                                .as_object()
                                .is_some_and(serde_json::Map::is_empty)
                                && block["name"].as_str().is_some_and(|name| !name.is_empty())
                        }
                        _ => true,
                    };
                    self.need(empty, "a block starts empty and complete", value);
                    open = Some((blocks - 1, kind.to_owned()));
                }
                "content_block_delta" => {
                    let fits = open.as_ref().is_some_and(|(open, block)| {
                        let fits = match value["delta"]["type"].as_str() {
                            Some("text_delta" | "citations_delta") => block == "text",
                            Some("thinking_delta" | "signature_delta") => block == "thinking",
                            Some("input_json_delta") => {
                                block == "tool_use" || block == "server_tool_use"
                            }
                            _ => false,
                        };
                        fits && index == Some(*open)
                    });
                    self.need(fits, "a delta that does not fit the open block", value);
                }
                "content_block_stop" => {
                    let closes = open.take().is_some_and(|(open, _)| index == Some(open));
                    self.need(closes, "stops a block that is not open", value);
                }
                "message_delta" => {
                    self.need(
                        open.is_none() && !stopped,
                        "message_delta out of place",
                        value,
                    );
                    self.need(value["usage"]["output_tokens"].is_u64(), "no usage", value);
                    stopped = true;
                }
                "message_stop" => {
                    self.need(stopped, "message_stop without message_delta", value);
                    ended = true;
                }
                "error" => {
                    self.need(open.is_none(), "an error while a block is open", value);
                    ended = true;
                }
                "ping" => {}
                _ => self.need(false, "an unknown event", value),
            }
        }
        self.need(ended, "no end", &Value::from(told.len()));
    }

    fn responses(&mut self) {
        let told = std::mem::take(&mut self.told);
        let mut items = Items::default();
        let mut ended = false;
        let mut sequence = 0;
        for (event, value) in &told {
            if value == "[DONE]" {
                self.need(ended, "[DONE] before the end", value);
                continue;
            }
            let kind = value["type"].as_str().unwrap_or_default();
            // The vendor's own keep-alive stands outside the count.
            if kind == "keepalive" {
                continue;
            }
            self.need(
                event.as_deref() == Some(kind),
                "event is not the type",
                value,
            );
            self.need(!ended, "a frame after the end", value);
            let in_order = value["sequence_number"].as_u64() == Some(sequence);
            self.need(in_order, "sequence_number", value);
            sequence += 1;
            match kind {
                "response.created" => self.need(sequence == 1, "created is not first", value),
                "response.completed" | "response.incomplete" | "response.failed" => {
                    ended = true;
                    self.need(items.all_done(), "the end while an item is open", value);
                    let output = value["response"]["output"].as_array();
                    let same = output.is_some_and(|output| output.iter().eq(items.done.values()));
                    self.need(
                        same || kind == "response.failed",
                        "output is not the items",
                        value,
                    );
                }
                "error" => ended = true,
                _ => {
                    if let Some(problem) = items.step(kind, value) {
                        self.need(false, problem, value);
                    }
                }
            }
        }
        self.need(ended, "no end", &Value::from(told.len()));
    }
}

/// The items of a Responses stream.
#[derive(Default)]
struct Items {
    added: u64,
    /// By output index; parallel items may be done in any order.
    done: std::collections::BTreeMap<u64, Value>,
    /// Text told by deltas, by (output index, content or summary index, kind of delta).
    deltas: std::collections::BTreeMap<(u64, u64, String), String>,
}

impl Items {
    fn all_done(&self) -> bool {
        self.added == self.done.len() as u64
    }

    fn is_open(&self, item: Option<u64>) -> bool {
        item.is_some_and(|item| item < self.added && !self.done.contains_key(&item))
    }

    fn step(&mut self, kind: &str, value: &Value) -> Option<&'static str> {
        let item = value["output_index"].as_u64();
        let part = ["content_index", "summary_index"]
            .iter()
            .find_map(|name| value[name].as_u64())
            .unwrap_or_default();
        match kind {
            "response.output_item.added" => {
                let dense = item == Some(self.added);
                self.added += 1;
                (!dense).then_some("output_index")
            }
            "response.output_item.done" => {
                let open = self.is_open(item);
                self.done.insert(item?, value["item"].clone());
                (!open).then_some("an item is done that is not open")
            }
            _ if kind.rsplit('.').next() == Some("delta") => {
                let open = self.is_open(item);
                let key = (item?, part, kind.trim_end_matches(".delta").to_owned());
                let piece = value["delta"].as_str().unwrap_or_default();
                self.deltas.entry(key).or_default().push_str(piece);
                (!open).then_some("a delta for an item that is not open")
            }
            _ if kind.rsplit('.').next() == Some("done") => {
                let key = (item?, part, kind.trim_end_matches(".done").to_owned());
                let told = self.deltas.get(&key).map_or("", String::as_str);
                let whole = ["text", "refusal", "arguments", "input"]
                    .iter()
                    .find_map(|name| value[name].as_str());
                (whole.is_some_and(|whole| whole != told)).then_some("done is not the deltas")
            }
            _ => None,
        }
    }
}
