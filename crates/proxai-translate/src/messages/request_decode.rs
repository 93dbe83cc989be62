//! A client's request into the hub.
//!
//! Surprises: tool results are blocks of a user message here and become a turn of their own in
//! front of the rest of that message (case 34); `system` may also be a role in the middle of the
//! conversation and stays there (case 76); the output format has an older top-level spelling.

use proxai_ir::{At, Content, Losses, Part, ReasoningConfig, ReasoningMode, Request, Role, Turn};
use proxai_json::{Str, Text};
use proxai_messages as wire;
use proxai_types::Protocol;

use super::blocks::{Side, mark, part, parts, push, unread};
use super::{format, request_tools};
use crate::adapter::RequestError;

const ONLY_HERE: &str = "only this protocol has it";

/// Reads a request.
pub(super) fn decode<'a>(body: &'a [u8], losses: &mut Losses) -> Result<Request<'a>, RequestError> {
    let wire: wire::Request<'a> = proxai_json::from_slice(body)?;
    let Some(model) = wire.model.clone().filter(|model| !model.trim().is_empty()) else {
        return Err(RequestError::invalid(
            "model",
            "`model` is missing; name the model to use",
        ));
    };
    let mut request = Request::new(Protocol::Messages, model);
    report(&wire, losses);
    system(wire.system, &mut request, losses);
    let Some(messages) = wire.messages else {
        return Err(RequestError::invalid(
            "messages",
            "`messages` is missing; give a list of messages",
        ));
    };
    for (index, message) in messages.into_iter().enumerate() {
        turns(message, At::item("messages", index), &mut request, losses);
    }
    request.tools = request_tools::tools(wire.tools.unwrap_or_default(), losses);
    if let Some(choice) = wire.tool_choice {
        (request.tool_choice, request.parallel_tool_calls) = request_tools::choice(choice, losses);
    }
    request.stream = wire.stream.unwrap_or(false);
    request.sampling.max_output_tokens = wire.max_tokens;
    request.sampling.temperature = wire.temperature;
    request.sampling.top_p = wire.top_p;
    request.sampling.top_k = wire.top_k;
    request.sampling.stop = wire.stop_sequences.unwrap_or_default();
    request.reasoning = wire.thinking.map(|config| thinking(config, losses));
    let mut format = wire.output_format.map(|format| ("output_format", format));
    if let Some(config) = wire.output_config {
        unread("output_config", &config.extra, losses);
        if config.task_budget.is_some() {
            losses.dropped("output_config.task_budget", ONLY_HERE);
        }
        if let Some(effort) = config.effort {
            request.reasoning.get_or_insert_default().effort = Some(effort);
        }
        if let Some(newer) = config.format {
            format = Some(("output_config.format", newer));
        }
    }
    request.output.format = format.and_then(|(path, format)| format::decode(format, path, losses));
    request.cache.automatic = mark(wire.cache_control);
    request.service_tier = wire.service_tier.map(|tier| match tier.as_str() {
        "standard_only" => Str::borrowed("default"),
        _ => tier,
    });
    if let Some(metadata) = wire.metadata {
        unread("metadata", &metadata.extra, losses);
        request.end_user = metadata.user_id;
    }
    Ok(request)
}

/// Reports the members that the hub has no place for.
fn report(wire: &wire::Request<'_>, losses: &mut Losses) {
    let quiet =
        |value: &Option<Str<'_>>, usual: &str| value.as_deref().is_some_and(|value| value != usual);
    for (path, there) in [
        ("container", wire.container.is_some()),
        ("context_management", wire.context_management.is_some()),
        (
            "mcp_servers",
            wire.mcp_servers
                .as_ref()
                .is_some_and(|list| !list.is_empty()),
        ),
        ("thread", wire.thread.is_some()),
        ("speed", quiet(&wire.speed, "standard")),
        ("inference_geo", wire.inference_geo.is_some()),
        ("billing_policy", wire.billing_policy.is_some()),
        ("compaction", wire.compaction.is_some()),
        ("diagnostics", wire.diagnostics.is_some()),
        ("fallbacks", wire.fallbacks.is_some()),
        (
            "fallback_credit_token",
            wire.fallback_credit_token.is_some(),
        ),
        ("user_profile_id", wire.user_profile_id.is_some()),
    ] {
        if there {
            losses.dropped(path, ONLY_HERE);
        }
    }
    for (key, _) in wire.extra.iter() {
        losses.dropped(key, "this member is not known");
    }
}

fn system<'a>(
    system: Option<Text<'a, wire::ContentBlock<'a>>>,
    request: &mut Request<'a>,
    losses: &mut Losses,
) {
    let place = |index: Option<usize>| index.map_or(At::root("system"), |i| At::item("system", i));
    let parts = parts(system, Side::Request, place, losses);
    if !parts.is_empty() {
        request
            .turns
            .push(Turn::new(At::root("system"), Role::System, parts));
    }
}

/// The turns of one message: results of tools first, then the rest.
fn turns<'a>(message: wire::Message<'a>, at: At, request: &mut Request<'a>, losses: &mut Losses) {
    unread(at, &message.extra, losses);
    let role = match message.role {
        Some(wire::Role::Assistant) => Role::Assistant,
        Some(wire::Role::System) => Role::System,
        Some(wire::Role::User) | None => Role::User,
        Some(other) => {
            let why = format!("the role `{}` is not known; sent as user", other.as_str());
            losses.approximated(at.member("role"), why);
            Role::User
        }
    };
    let blocks = match message.content {
        None => return,
        Some(Text::String(text)) => {
            let part = Part::text(at.member("content"), text);
            request.turns.push(Turn::new(at, role, vec![part]));
            return;
        }
        Some(Text::Parts(blocks)) => blocks,
    };
    let mut results = Vec::new();
    let mut rest = Vec::with_capacity(blocks.len());
    for (index, block) in blocks.into_iter().enumerate() {
        let Some(part) = part(block, Side::Request, at.element("content", index), losses) else {
            continue;
        };
        match part.content {
            Content::ToolResult(_) => results.push(part),
            Content::ToolCall(_) if role != Role::Assistant => {
                losses.dropped(part.at, "only the model calls tools");
            }
            _ => push(&mut rest, part),
        }
    }
    if !results.is_empty() {
        request.turns.push(Turn::new(at, Role::Tool, results));
    }
    if !rest.is_empty() {
        request.turns.push(Turn::new(at, role, rest));
    }
}

fn thinking<'a>(config: wire::Thinking<'a>, losses: &mut Losses) -> ReasoningConfig<'a> {
    let mut reasoning = ReasoningConfig {
        sealed: true,
        ..ReasoningConfig::default()
    };
    let display = match config {
        wire::Thinking::Enabled(config) => {
            unread("thinking", &config.extra, losses);
            reasoning.mode = Some(ReasoningMode::Enabled);
            reasoning.budget = config.budget_tokens;
            config.display
        }
        wire::Thinking::Adaptive(config) => {
            unread("thinking", &config.extra, losses);
            reasoning.mode = Some(ReasoningMode::Adaptive);
            config.display
        }
        wire::Thinking::Disabled(config) => {
            unread("thinking", &config.extra, losses);
            reasoning.mode = Some(ReasoningMode::Disabled);
            reasoning.sealed = false;
            None
        }
        other if other.kind().is_empty() => {
            let why = "no kind is said; taken for adaptive thinking";
            losses.defaulted("thinking.type", why);
            reasoning.mode = Some(ReasoningMode::Adaptive);
            None
        }
        other => {
            let why = format!("`{}` is sent as adaptive thinking", other.kind());
            losses.approximated("thinking.type", why);
            reasoning.mode = Some(ReasoningMode::Adaptive);
            None
        }
    };
    match display.as_deref() {
        Some("omitted") => reasoning.hidden = true,
        Some(_) => reasoning.summary = Some(Str::borrowed("auto")),
        None => {}
    }
    reasoning
}

#[cfg(test)]
mod tests {
    use proxai_ir::Format;

    use super::*;
    use proxai_ir::ToolChoice;

    fn read(body: &str) -> (Request<'_>, Vec<String>) {
        let mut losses = Losses::new();
        let request = decode(body.as_bytes(), &mut losses).unwrap();
        let paths = losses.iter().map(|loss| loss.path.clone()).collect();
        (request, paths)
    }

    #[test]
    fn results_come_before_the_text_of_the_same_message() {
        let (request, losses) = read(
            r#"{"model":"m","max_tokens":5,"system":"s","messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{}}]},{"role":"user","content":[{"type":"text","text":"next"},{"type":"tool_result","tool_use_id":"t","content":"ok"}]}]}"#,
        );
        let roles: Vec<_> = request.turns.iter().map(|turn| turn.role).collect();
        assert_eq!(
            roles,
            [Role::System, Role::Assistant, Role::Tool, Role::User]
        );
        assert_eq!(
            request.turns[2].parts[0].at.to_string(),
            "messages[1].content[1]"
        );
        assert!(losses.is_empty());
    }

    #[test]
    fn a_system_message_in_the_middle_stays_there_and_marks_are_kept() {
        let (request, _) = read(
            r#"{"model":"m","system":[{"type":"text","text":"a"},{"type":"text","text":"b","cache_control":{"type":"ephemeral","ttl":"1h"}}],"messages":[{"role":"user","content":"hi"},{"role":"system","content":"now french"},{"role":"assistant","content":"oui"}]}"#,
        );
        let roles: Vec<_> = request.turns.iter().map(|turn| turn.role).collect();
        assert_eq!(
            roles,
            [Role::System, Role::User, Role::System, Role::Assistant]
        );
        let marked = &request.turns[0].parts[1];
        assert_eq!(marked.at.to_string(), "system[1]");
        assert_eq!(marked.cache.as_ref().unwrap().ttl.as_deref(), Some("1h"));
    }

    #[test]
    fn settings_reach_the_hub_without_loss() {
        let (request, losses) = read(
            r#"{"model":"m","max_tokens":9,"stream":true,"temperature":0.5,"top_k":4,"stop_sequences":["x"],"thinking":{"type":"enabled","budget_tokens":2000,"display":"omitted"},"output_config":{"effort":"max","format":{"type":"json_schema","schema":{"type":"object"}}},"metadata":{"user_id":"u"},"service_tier":"standard_only","tool_choice":{"type":"any","disable_parallel_tool_use":true},"messages":[]}"#,
        );
        assert_eq!(losses, Vec::<String>::new());
        let reasoning = request.reasoning.unwrap();
        assert_eq!(
            (reasoning.mode, reasoning.budget),
            (Some(ReasoningMode::Enabled), Some(2000))
        );
        assert!(reasoning.hidden && reasoning.sealed);
        assert_eq!(reasoning.effort.as_deref(), Some("max"));
        assert_eq!(request.tool_choice, Some(ToolChoice::Required));
        assert_eq!(request.parallel_tool_calls, Some(false));
        assert_eq!(request.end_user.as_deref(), Some("u"));
        assert_eq!(request.service_tier.as_deref(), Some("default"));
        assert!(matches!(
            request.output.format,
            Some(Format::JsonSchema {
                schema: Some(_),
                ..
            })
        ));
    }

    #[test]
    fn members_without_a_place_are_named() {
        let (_, losses) = read(
            r#"{"model":"m","messages":[],"context_management":{"edits":[]},"mcp_servers":[{"name":"x"}],"speed":"standard","metadata":{"user_id":"u","tag":1},"novelty":7}"#,
        );
        assert_eq!(
            losses,
            [
                "context_management",
                "mcp_servers",
                "novelty",
                "metadata.tag"
            ]
        );
    }

    #[test]
    fn a_request_without_model_or_messages_says_so() {
        let path = |body: &str| {
            let error = decode(body.as_bytes(), &mut Losses::new()).unwrap_err();
            error.path().map(str::to_owned)
        };
        assert_eq!(path(r#"{"messages":[]}"#).as_deref(), Some("model"));
        assert_eq!(path(r#"{"model":"m"}"#).as_deref(), Some("messages"));
        assert_eq!(
            path(r#"{"model":"m","messages":[{"content":7}]}"#).as_deref(),
            Some("messages[0].content")
        );
    }
}
