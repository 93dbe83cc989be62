//! Writes a request for an upstream.
//!
//! Only members that the request asks for are written, since many upstreams refuse members they
//! do not know. The messages come last, so that a longer history begins with the bytes of a
//! shorter one (T5). Usage is always asked for in streams (T10).
//!
//! A budget of reasoning tokens becomes an effort: below 4,096 `low`, below 16,384 `medium`, else
//! `high`.

use std::borrow::Cow;

use proxai_chat as wire;
use proxai_ir::{
    Format, Grammar, Losses, ReasoningMode, Request, Sampling, Tool, ToolChoice, ToolDefinition,
    ToolKind,
};
use proxai_json::{OneOrMany, Str, StringOr};
use proxai_types::Protocol;

use super::{message_encode, search};
use crate::adapter::RequestError;
use crate::context::Target;
use crate::features::{Feature, lose, lose_at, lose_automatic, lose_mark, refused};
use crate::tools::schema::completed;

/// Budgets from here on are at least a medium effort.
const MEDIUM_BUDGET: u64 = 4096;

/// Budgets from here on are a high effort.
const HIGH_BUDGET: u64 = 16_384;

/// The name of a schema whose client has none; the protocol requires one.
const SCHEMA_NAME: &str = "response";

/// Writes the body.
pub(super) fn encode(
    request: &Request<'_>,
    target: &Target<'_>,
    losses: &mut Losses,
    out: &mut Vec<u8>,
) -> Result<(), RequestError> {
    refuse(request)?;
    let sampling = &request.sampling;
    let mut body = wire::Request {
        model: Str::borrowed(target.model),
        stream: request.stream.then_some(true),
        stream_options: request.stream.then(|| wire::StreamOptions {
            include_usage: Some(true),
            ..wire::StreamOptions::default()
        }),
        temperature: sampling.temperature,
        top_p: sampling.top_p,
        frequency_penalty: sampling.frequency_penalty,
        presence_penalty: sampling.presence_penalty,
        seed: sampling.seed,
        stop: stop(sampling),
        logprobs: sampling
            .logprobs
            .or(sampling.top_logprobs.filter(|n| *n > 0).map(|_| true)),
        top_logprobs: sampling.top_logprobs,
        logit_bias: sampling.logit_bias,
        reasoning_effort: effort(request, losses),
        verbosity: request.output.verbosity.as_ref().map(Str::reborrow),
        response_format: request.output.format.as_ref().and_then(format),
        user: request.end_user.as_ref().map(Str::reborrow),
        prompt_cache_key: request.cache.key.as_ref().map(Str::reborrow),
        prompt_cache_retention: request.cache.retention.as_ref().map(Str::reborrow),
        service_tier: service_tier(request, losses),
        store: request.store.filter(|store| *store),
        metadata: request.metadata,
        ..wire::Request::default()
    };
    if target.abilities.max_completion_tokens {
        body.max_completion_tokens = sampling.max_output_tokens;
    } else {
        body.max_tokens = sampling.max_output_tokens;
    }
    if sampling.top_k.is_some() {
        lose(Feature::TopK, request.origin, Protocol::Chat, losses);
    }
    lose_automatic(request.cache.automatic.as_ref(), Protocol::Chat, losses);
    let tools = tools(request, losses);
    body.web_search_options = search::options(request, !tools.is_empty(), losses);
    if !tools.is_empty() {
        body.tools = Some(tools);
        body.parallel_tool_calls = request.parallel_tool_calls;
        body.tool_choice = request
            .tool_choice
            .as_ref()
            .and_then(|choice| tool_choice(choice, request, losses));
    }
    body.messages = message_encode::messages(request, target, losses)?;
    out.extend_from_slice(&proxai_json::to_vec(&body));
    Ok(())
}

/// What would mislead if it were left out.
fn refuse(request: &Request<'_>) -> Result<(), RequestError> {
    if request.sampling.n.is_some_and(|n| n > 1) {
        return Err(RequestError::unsupported(
            Feature::SeveralAnswers.path(request.origin),
            "several answers cannot be translated: send as many requests",
        ));
    }
    if request.previous_response.is_some() {
        let feature = Feature::PreviousResponse;
        let path = feature.path(request.origin);
        return Err(refused(feature, path, Protocol::Chat));
    }
    Ok(())
}

fn stop<'r>(sampling: &'r Sampling<'_>) -> Option<OneOrMany<Str<'r>>> {
    let texts: Vec<Str<'r>> = sampling.stop.iter().map(Str::reborrow).collect();
    (!texts.is_empty()).then_some(OneOrMany::Many(texts))
}

fn effort<'r>(request: &'r Request<'_>, losses: &mut Losses) -> Option<Str<'r>> {
    let config = request.reasoning.as_ref()?;
    let summary = config.summary.as_deref();
    if config.hidden || summary.is_some_and(|summary| summary != "auto") {
        lose(
            Feature::ReasoningSummary,
            request.origin,
            Protocol::Chat,
            losses,
        );
    }
    if let Some(effort) = &config.effort {
        return Some(effort.reborrow());
    }
    match (config.mode, config.budget) {
        // `none` is refused by most upstreams, so not thinking is left to their default.
        (Some(ReasoningMode::Disabled), _) => {
            let target = Protocol::Chat;
            lose(Feature::ReasoningOff, request.origin, target, losses);
            None
        }
        (_, Some(budget)) => {
            lose(
                Feature::ReasoningBudget,
                request.origin,
                Protocol::Chat,
                losses,
            );
            Some(Str::borrowed(match budget {
                HIGH_BUDGET.. => "high",
                MEDIUM_BUDGET.. => "medium",
                _ => "low",
            }))
        }
        _ => None,
    }
}

fn service_tier<'r>(request: &'r Request<'_>, losses: &mut Losses) -> Option<Str<'r>> {
    let tier = request.service_tier.as_ref()?;
    match tier.as_str() {
        "auto" => None,
        "default" | "standard_only" => Some(Str::borrowed("default")),
        _ if request.origin == Protocol::Chat => Some(tier.reborrow()),
        _ => {
            lose(Feature::ServiceTier, request.origin, Protocol::Chat, losses);
            Some(tier.reborrow())
        }
    }
}

fn format<'r>(format: &'r Format<'_>) -> Option<wire::ResponseFormat<'r>> {
    match format {
        Format::Text => None,
        Format::JsonObject => Some(wire::ResponseFormat::JsonObject(
            wire::FormatJsonObject::default(),
        )),
        Format::JsonSchema {
            name,
            description,
            schema,
            strict,
        } => Some(wire::ResponseFormat::JsonSchema(wire::FormatJsonSchema {
            json_schema: wire::JsonSchema {
                name: Str::borrowed(name.as_deref().unwrap_or(SCHEMA_NAME)),
                description: description.as_ref().map(Str::reborrow),
                schema: *schema,
                strict: *strict,
                ..wire::JsonSchema::default()
            },
            ..wire::FormatJsonSchema::default()
        })),
    }
}

fn tools<'r>(request: &'r Request<'_>, losses: &mut Losses) -> Vec<wire::Tool<'r>> {
    let mut tools = Vec::with_capacity(request.tools.len());
    for tool in &request.tools {
        lose_mark(tool.cache.as_ref(), tool.at, Protocol::Chat, losses);
        match &tool.definition {
            ToolDefinition::Function { parameters, strict } => {
                let schema = parameters.map_or("{}", |schema| schema.get());
                tools.push(function(tool, object_schema(schema), *strict));
            }
            ToolDefinition::Native { parameters, .. } => {
                tools.push(function(tool, wire::Raw::view(parameters), None));
            }
            ToolDefinition::Custom { grammar } => {
                tools.push(wire::Tool::Custom(wire::CustomTool {
                    custom: wire::Custom {
                        name: tool.name.reborrow(),
                        description: tool.description.as_ref().map(Str::reborrow),
                        format: grammar.as_ref().map(custom_format),
                        ..wire::Custom::default()
                    },
                    ..wire::CustomTool::default()
                }));
            }
            ToolDefinition::WebSearch(_) => continue,
            ToolDefinition::Hosted { .. } => {
                lose_at(Feature::HostedTool, tool.at, Protocol::Chat, losses);
            }
        }
        if tool.deferred {
            let path = Feature::DeferredTool.within(tool.at, request.origin);
            lose_at(Feature::DeferredTool, path, Protocol::Chat, losses);
        }
    }
    tools
}

fn custom_format<'r>(grammar: &'r Grammar<'_>) -> wire::CustomFormat<'r> {
    wire::CustomFormat {
        r#type: Some(Str::borrowed("grammar")),
        grammar: Some(wire::Grammar {
            definition: grammar.definition.reborrow(),
            syntax: grammar.syntax.reborrow(),
            ..wire::Grammar::default()
        }),
        ..wire::CustomFormat::default()
    }
}

fn function<'r>(
    tool: &'r Tool<'_>,
    parameters: Option<wire::Raw<'r>>,
    strict: Option<bool>,
) -> wire::Tool<'r> {
    wire::Tool::Function(wire::FunctionTool {
        function: wire::Function {
            name: tool.name.reborrow(),
            description: tool.description.as_ref().map(Str::reborrow),
            parameters,
            strict,
            ..wire::Function::default()
        },
        ..wire::FunctionTool::default()
    })
}

/// A schema with the `type` and `properties` that upstreams insist on.
fn object_schema(schema: &str) -> Option<wire::Raw<'_>> {
    match completed(schema) {
        Cow::Borrowed(whole) => wire::Raw::view(whole),
        Cow::Owned(whole) => wire::Raw::from_text(whole),
    }
}

fn tool_choice<'r>(
    choice: &'r ToolChoice<'_>,
    request: &Request<'_>,
    losses: &mut Losses,
) -> Option<StringOr<'r, wire::ToolChoice<'r>>> {
    let word = |word| Some(StringOr::String(Str::borrowed(word)));
    match choice {
        ToolChoice::Auto => word("auto"),
        ToolChoice::None => word("none"),
        ToolChoice::Required => word("required"),
        ToolChoice::Named { name, kind, .. } => Some(StringOr::Value(named(name, *kind))),
        ToolChoice::Allowed { required, names } => {
            let kind = |name: &Str<'_>| {
                let tool = request.tools.iter().find(|tool| tool.name == *name);
                match tool.map(|tool| &tool.definition) {
                    Some(ToolDefinition::Custom { .. }) => ToolKind::Custom,
                    _ => ToolKind::Function,
                }
            };
            let choice = wire::AllowedToolsChoice {
                allowed_tools: wire::AllowedTools {
                    mode: Str::borrowed(if *required { "required" } else { "auto" }),
                    tools: names
                        .iter()
                        .map(|tool| named(&tool.name, kind(&tool.name)))
                        .collect(),
                    ..wire::AllowedTools::default()
                },
                ..wire::AllowedToolsChoice::default()
            };
            Some(StringOr::Value(wire::ToolChoice::AllowedTools(choice)))
        }
        ToolChoice::Hosted(_) => {
            losses.dropped(
                Feature::ToolChoice.path(request.origin),
                Feature::HostedTool.note(Protocol::Chat),
            );
            None
        }
    }
}

fn named<'r>(name: &'r Str<'_>, kind: ToolKind) -> wire::ToolChoice<'r> {
    let name = wire::Name {
        name: name.reborrow(),
    };
    match kind {
        ToolKind::Custom => wire::ToolChoice::Custom(wire::NamedCustom {
            custom: name,
            ..wire::NamedCustom::default()
        }),
        ToolKind::Function | ToolKind::Native => wire::ToolChoice::Function(wire::NamedFunction {
            function: name,
            ..wire::NamedFunction::default()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxai_ir::{At, ReasoningConfig};
    use proxai_json::RawValue;

    fn written(request: &Request<'_>, adjust: impl FnOnce(&mut Target<'_>)) -> (String, Losses) {
        let mut target = Target::new("up-model", "up");
        adjust(&mut target);
        let (mut losses, mut out) = (Losses::new(), Vec::new());
        encode(request, &target, &mut losses, &mut out).unwrap();
        (String::from_utf8(out).unwrap(), losses)
    }

    fn request() -> Request<'static> {
        Request::new(Protocol::Messages, "m")
    }

    fn tool(name: &'static str, definition: ToolDefinition<'static>) -> Tool<'static> {
        Tool {
            at: At::item("tools", 0),
            name: name.into(),
            namespace: None,
            description: None,
            definition,
            cache: None,
            deferred: false,
        }
    }

    #[test]
    fn nothing_is_written_that_nobody_asked_for() {
        let (body, losses) = written(&request(), |_| {});
        assert_eq!(body, r#"{"model":"up-model","messages":[]}"#);
        assert!(losses.is_empty());
    }

    #[test]
    fn streams_always_ask_for_usage() {
        let mut streamed = request();
        streamed.stream = true;
        let (body, _) = written(&streamed, |_| {});
        assert!(
            body.contains(r#""stream":true,"stream_options":{"include_usage":true}"#),
            "{body}"
        );
    }

    #[test]
    fn the_limit_is_spelled_as_the_upstream_wants_it() {
        let mut limited = request();
        limited.sampling.max_output_tokens = Some(9);
        assert!(written(&limited, |_| {}).0.contains(r#""max_tokens":9"#));
        let (body, _) = written(&limited, |target| {
            target.abilities.max_completion_tokens = true;
        });
        assert!(body.contains(r#""max_completion_tokens":9"#) && !body.contains(r#""max_tokens""#));
    }

    #[test]
    fn a_schema_always_describes_an_object() {
        for (given, written) in [
            ("{}", r#"{"type":"object","properties":{}}"#),
            (
                r#"{ "type":"object" }"#,
                r#"{"properties":{}, "type":"object" }"#,
            ),
            (
                r#"{"properties":{"a":{}}}"#,
                r#"{"type":"object","properties":{"a":{}}}"#,
            ),
            (
                r#"{"type": "object", "properties": {}}"#,
                r#"{"type": "object", "properties": {}}"#,
            ),
        ] {
            assert_eq!(object_schema(given).unwrap().get(), written, "{given}");
        }
    }

    #[test]
    fn tools_that_nobody_else_can_run_are_reported() {
        let mut asked = request();
        let function = ToolDefinition::Function {
            parameters: None,
            strict: None,
        };
        let hosted = ToolDefinition::Hosted {
            kind: "web_search".into(),
            settings: proxai_json::Extra::new(),
        };
        asked.tools = vec![tool("f", function)];
        asked.tool_choice = Some(ToolChoice::Allowed {
            required: true,
            names: vec!["f".into()],
        });
        let (body, losses) = written(&asked, |_| {});
        assert!(losses.is_empty());
        assert!(
            body.contains(r#""tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"f"}}]}}"#),
            "{body}"
        );
        assert!(
            body.contains(r#""tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}]"#),
            "{body}"
        );
        asked.tools = vec![tool("web_search", hosted)];
        asked.tool_choice = Some(ToolChoice::Auto);
        let (body, losses) = written(&asked, |_| {});
        assert!(!body.contains("tool"), "{body}");
        assert_eq!(losses.iter().next().unwrap().path, "tools[0]");
    }

    #[test]
    fn a_budget_becomes_an_effort_and_is_reported() {
        for (budget, effort) in [
            (1024, "low"),
            (4096, "medium"),
            (16_383, "medium"),
            (32_000, "high"),
        ] {
            let mut thinking = request();
            thinking.reasoning = Some(ReasoningConfig {
                mode: Some(ReasoningMode::Enabled),
                budget: Some(budget),
                ..ReasoningConfig::default()
            });
            let (body, losses) = written(&thinking, |_| {});
            assert!(
                body.contains(&format!(r#""reasoning_effort":"{effort}""#)),
                "{body}"
            );
            assert_eq!(losses.iter().next().unwrap().path, "thinking.budget_tokens");
        }
    }

    #[test]
    fn a_schema_without_a_name_gets_one() {
        let schema: &RawValue = serde_json::from_str(r#"{"type":"object"}"#).unwrap();
        let mut structured = request();
        structured.output.format = Some(Format::JsonSchema {
            name: None,
            description: None,
            schema: Some(schema),
            strict: Some(true),
        });
        let (body, _) = written(&structured, |_| {});
        assert!(
            body.contains(r#""response_format":{"type":"json_schema","json_schema":{"name":"response","schema":{"type":"object"},"strict":true}}"#),
            "{body}"
        );
    }

    #[test]
    fn what_would_mislead_is_refused_with_the_clients_path() {
        let mut several = request();
        several.sampling.n = Some(2);
        let mut continued = Request::new(Protocol::Responses, "m");
        continued.previous_response = Some("resp_1".into());
        for (request, path) in [
            (several, "several answers"),
            (continued, "previous_response_id"),
        ] {
            let target = Target::new("m", "up");
            let error = encode(&request, &target, &mut Losses::new(), &mut Vec::new()).unwrap_err();
            let expected = if path == "several answers" {
                Feature::SeveralAnswers.path(Protocol::Messages)
            } else {
                path
            };
            assert_eq!(error.path(), Some(expected));
        }
    }

    #[test]
    fn top_k_and_cache_marks_are_reported_as_the_client_spells_them() {
        let mut asked = request();
        asked.sampling.top_k = Some(5);
        asked.cache.automatic = Some(proxai_ir::CacheMark::new("cache_control", None));
        let (_, losses) = written(&asked, |_| {});
        let paths: Vec<_> = losses.iter().map(|loss| loss.path.as_str()).collect();
        assert_eq!(paths, ["top_k", "cache_control"]);
    }
}
