//! Behaviour across the files of this module.

mod answers;
mod options;
mod requests;
mod streams;

use proxai_ir::{At, Content, Losses, Part, Request, Role, ToolCall, ToolResult, Turn};
use proxai_json::Str;
use proxai_types::Protocol;
use serde_json::Value;

use super::Messages;
use crate::adapter::Adapter as _;
use crate::context::Target;

/// A request of another protocol, turn by turn.
fn request(turns: Vec<(Role, Vec<Content<'static>>)>) -> Request<'static> {
    let mut request = Request::new(Protocol::Chat, "m");
    request.sampling.max_output_tokens = Some(4000);
    for (index, (role, contents)) in turns.into_iter().enumerate() {
        let at = At::item("messages", index);
        let parts = contents.into_iter().enumerate();
        let parts = parts.map(|(i, content)| Part::new(at.element("content", i), content));
        request.turns.push(Turn::new(at, role, parts.collect()));
    }
    request
}

fn text(text: &'static str) -> Content<'static> {
    Part::text(At::default(), text).content
}

fn call(id: &'static str, input: &'static str) -> Content<'static> {
    Content::ToolCall(ToolCall {
        id: id.into(),
        name: "f".into(),
        input: input.into(),
        ..ToolCall::default()
    })
}

fn result(id: &'static str, said: &'static str) -> Content<'static> {
    Content::ToolResult(ToolResult {
        call_id: Str::from(id),
        parts: vec![Part::text(At::default(), said)],
        ..ToolResult::default()
    })
}

/// What an upstream called `up` gets, and the losses as `path kind`.
fn sent(request: &Request<'_>, change: impl FnOnce(&mut Target<'_>)) -> (Value, Vec<String>) {
    let mut target = Target::new("up-model", "up");
    change(&mut target);
    let (mut losses, mut out) = (Losses::new(), Vec::new());
    Messages
        .encode_request(request, &target, &mut losses, &mut out)
        .unwrap();
    let losses = losses
        .iter()
        .map(|loss| format!("{} {}", loss.path, loss.kind.name()));
    (serde_json::from_slice(&out).unwrap(), losses.collect())
}

/// `role: block block` of each message, shortened.
fn shape(body: &Value) -> Vec<String> {
    let block = |block: &Value| match block["type"].as_str().unwrap_or("?") {
        "text" => block["text"].as_str().unwrap_or("?").to_owned(),
        "tool_use" => format!("call {}", block["id"].as_str().unwrap_or("?")),
        "tool_result" => format!("result {}", block["tool_use_id"].as_str().unwrap_or("?")),
        other => other.to_owned(),
    };
    let message = |message: &Value| {
        let blocks = message["content"].as_array().unwrap();
        let blocks: Vec<_> = blocks.iter().map(block).collect();
        format!(
            "{}: {}",
            message["role"].as_str().unwrap(),
            blocks.join(" | ")
        )
    };
    body["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(message)
        .collect()
}
