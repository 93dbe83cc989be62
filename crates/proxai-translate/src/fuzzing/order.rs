//! The order of a client's stream, as the official SDKs demand it (S1, S7).
//!
//! Written from the vendors' references and read through plain JSON values: nothing here knows the
//! hub or an encoder, so that they are not checked with their own idea of a protocol.

use std::collections::BTreeMap;

use bytes::Bytes;
use proxai_sse::{Decoder, Frame};
use proxai_types::Protocol;
use serde_json::Value;

use super::items::Items;

/// The frames of a whole stream.
pub fn frames(stream: &[u8]) -> Vec<Frame> {
    let mut decoder = Decoder::new();
    decoder.push(Bytes::copy_from_slice(stream));
    let mut frames = Vec::new();
    while let Ok(Some(frame)) = decoder.next_frame() {
        frames.push(frame);
    }
    while let Ok(Some(frame)) = decoder.finish() {
        frames.push(frame);
    }
    frames
}

/// What is out of order in a whole stream for `client`.
pub fn breaches(client: Protocol, stream: &[u8]) -> Vec<String> {
    let mut rules = Rules::default();
    for frame in frames(stream).iter().filter(|frame| !frame.is_comment()) {
        rules.need(frame.well_formed(), "a frame is not well formed");
        if frame.is_done() {
            "[DONE]".clone_into(&mut rules.now);
            match client {
                Protocol::Chat => rules.chat_done(),
                _ => rules.need(rules.ended, "[DONE] before the end"),
            }
            continue;
        }
        let Ok(value) = serde_json::from_slice::<Value>(frame.data()) else {
            rules.need(false, "a frame is not JSON");
            continue;
        };
        rules.now = value.to_string();
        match client {
            Protocol::Chat => rules.chat(frame.event(), &value),
            Protocol::Responses => rules.responses(frame.event(), &value),
            Protocol::Messages => rules.messages(frame.event(), &value),
        }
    }
    "at the end".clone_into(&mut rules.now);
    rules.need(rules.ended, "neither an end nor an error");
    rules.found
}

/// What was seen of a stream so far.
#[derive(Default)]
struct Rules {
    found: Vec<String>,
    /// The frame that is being looked at, for the message.
    now: String,
    ended: bool,
    seen: u64,
    /// Chat: the finish reason, Messages: `message_delta`, has come.
    stopped: bool,
    /// Chat: calls so far; Messages: blocks so far.
    parts: u64,
    /// Messages: index and kind of the open block.
    open: Option<(u64, String)>,
    /// Messages: the input of the open block so far.
    input: String,
    /// Messages: an input was no object.
    broken: bool,
    /// Messages: the model stopped because it wanted to.
    willing: bool,
    /// Chat: id and model of the first chunk.
    head: Option<[Value; 2]>,
    usage: bool,
    items: Items,
}

impl Rules {
    fn need(&mut self, holds: bool, what: &str) {
        if !holds {
            self.found.push(format!("{what}: {}", self.now));
        }
    }

    fn chat_done(&mut self) {
        self.need(!self.ended, "a frame after the end");
        self.need(self.stopped, "[DONE] without a finish_reason");
        self.ended = true;
    }

    fn chat(&mut self, event: Option<&str>, value: &Value) {
        self.need(event.is_none(), "a Chat stream has no event lines");
        self.need(!self.ended, "a frame after the end");
        self.need(!self.usage, "usage is not last");
        if value["error"].is_object() {
            self.need(value["error"]["message"].is_string(), "no message");
            self.ended = true;
            return;
        }
        self.need(value["object"] == "chat.completion.chunk", "object");
        self.need(value["created"].is_u64(), "created");
        let head = [value["id"].clone(), value["model"].clone()];
        let same = *self.head.get_or_insert_with(|| head.clone()) == head;
        self.need(same, "id and model stay the same");
        let first = self.seen == 0;
        self.seen += 1;
        let Some(choice) = value["choices"].get(0) else {
            self.need(self.stopped, "usage before the finish_reason");
            self.need(value["usage"].is_object(), "no choices and no usage");
            self.usage = true;
            return;
        };
        self.need(!self.stopped, "a delta after the finish_reason");
        let delta = &choice["delta"];
        self.need(delta.is_object(), "no delta");
        self.need(first == (delta["role"] == "assistant"), "role comes first");
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let index = call["index"].as_u64().unwrap_or(u64::MAX);
            let begins = index == self.parts;
            self.parts += u64::from(begins);
            self.need(index < self.parts, "call indices are dense");
            self.need(begins == call["id"].is_string(), "a call's id comes once");
            let form = call["type"].as_str().unwrap_or("function");
            // A model may give an empty name, and there is no better one.
            let named = call[form]["name"].is_string();
            self.need(!begins || named, "a call begins with its name");
        }
        self.stopped = choice["finish_reason"].is_string();
    }

    fn messages(&mut self, event: Option<&str>, value: &Value) {
        let kind = value["type"].as_str().unwrap_or_default();
        self.need(event == Some(kind), "the event line is the type");
        self.need(!self.ended, "a frame after the end");
        let first = self.seen == 0;
        self.seen += 1;
        let index = value["index"].as_u64();
        match kind {
            "ping" => {}
            "message_start" => {
                self.need(first, "message_start is not first");
                let message = &value["message"];
                let empty = message["content"].as_array().is_some_and(Vec::is_empty);
                self.need(empty && message["role"] == "assistant", "message");
                self.need(message["stop_reason"].is_null(), "stop_reason");
                let counts = &message["usage"];
                self.need(
                    counts["input_tokens"].is_u64() && counts["output_tokens"].is_u64(),
                    "usage",
                );
            }
            "content_block_start" => {
                self.need(self.open.is_none(), "two blocks are open");
                self.need(!first && !self.stopped, "a block out of place");
                self.need(index == Some(self.parts), "block indices are dense");
                let block = &value["content_block"];
                self.need(begins_empty(block), "a block begins with content");
                let kind = block["type"].as_str().unwrap_or_default();
                self.open = Some((self.parts, kind.to_owned()));
                self.parts += 1;
            }
            "content_block_delta" => self.block_delta(index, &value["delta"]),
            "content_block_stop" => {
                let open = self.open.take();
                let closes = open.as_ref().is_some_and(|(open, _)| index == Some(*open));
                self.need(closes, "it stops no open block");
                let input = std::mem::take(&mut self.input);
                self.broken |= !input.is_empty() && !is_object(&input);
            }
            "message_delta" => {
                self.need(
                    self.open.is_none() && !self.stopped,
                    "message_delta out of place",
                );
                let reason = &value["delta"]["stop_reason"];
                self.need(reason.is_string(), "stop_reason");
                self.willing = reason == "end_turn" || reason == "tool_use";
                self.need(value["usage"]["output_tokens"].is_u64(), "usage");
                self.stopped = true;
            }
            "message_stop" => {
                self.need(self.stopped, "message_stop without message_delta");
                let sound = !(self.broken && self.willing);
                self.need(sound, "an input that clients cannot read");
                self.ended = true;
            }
            "error" => {
                self.need(self.open.is_none(), "an error while a block is open");
                self.need(value["error"]["message"].is_string(), "no message");
                self.ended = true;
            }
            _ => self.need(false, "an event that SDKs do not know"),
        }
    }

    fn block_delta(&mut self, index: Option<u64>, delta: &Value) {
        self.input
            .push_str(delta["partial_json"].as_str().unwrap_or_default());
        let fits = self.open.as_ref().is_some_and(|(open, block)| {
            let member = match (block.as_str(), delta["type"].as_str()) {
                ("text", Some("text_delta")) => "text",
                ("text", Some("citations_delta")) => return index == Some(*open),
                ("thinking", Some("thinking_delta")) => "thinking",
                ("thinking", Some("signature_delta")) => "signature",
                ("tool_use" | "server_tool_use", Some("input_json_delta")) => "partial_json",
                _ => return false,
            };
            index == Some(*open) && delta[member].is_string()
        });
        self.need(fits, "a delta that does not fit the open block");
    }

    fn responses(&mut self, event: Option<&str>, value: &Value) {
        let kind = value["type"].as_str().unwrap_or_default();
        self.need(event == Some(kind), "the event line is the type");
        self.need(!self.ended, "a frame after the end");
        // The vendor's own keep-alive stands outside the count.
        if kind == "keepalive" {
            return;
        }
        let counted = value["sequence_number"].as_u64() == Some(self.seen);
        self.need(counted, "sequence_number");
        let position = self.seen;
        self.seen += 1;
        match kind {
            "response.created" => self.need(position == 0, "response.created is not first"),
            "response.in_progress" => self.need(position == 1, "response.in_progress"),
            "response.completed" | "response.incomplete" | "response.failed" => {
                self.ended = true;
                let status = kind.trim_start_matches("response.");
                self.need(value["response"]["status"] == status, "status");
                self.need(self.items.all_done(), "the end while an item is open");
                let same = value["response"]["output"]
                    .as_array()
                    .is_some_and(|output| output.iter().eq(self.items.done.values()));
                self.need(same || kind == "response.failed", "output is not the items");
            }
            "error" => {
                self.need(value["message"].is_string(), "no message");
                self.ended = true;
            }
            _ => {
                if let Some(problem) = self.items.step(kind, value) {
                    self.need(false, problem);
                }
            }
        }
    }
}

/// Whether SDKs read an object in it, however deep.
fn is_object(input: &str) -> bool {
    let raw = serde_json::from_str::<&serde_json::value::RawValue>(input);
    raw.is_ok_and(|raw| raw.get().starts_with('{'))
}

/// SDKs put deltas behind what stood in the start of a Messages block.
fn begins_empty(block: &Value) -> bool {
    match block["type"].as_str() {
        Some("text") => block["text"] == "",
        Some("thinking") => block["thinking"] == "",
        Some("tool_use" | "server_tool_use") => {
            let input = block["input"].as_object();
            input.is_some_and(serde_json::Map::is_empty) && block["name"].is_string()
        }
        _ => true,
    }
}

/// How often each string that is not empty stands in a value, at any depth.
pub(super) fn strings(value: &Value, found: &mut BTreeMap<String, usize>) {
    match value {
        Value::String(text) => *found.entry(text.clone()).or_default() += 1,
        Value::Array(list) => list.iter().for_each(|item| strings(item, found)),
        Value::Object(members) => members.values().for_each(|item| strings(item, found)),
        _ => {}
    }
}
