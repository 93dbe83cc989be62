//! Requests, written.
//!
//! Nothing is stored unless the client says so, and reasoning is asked for sealed whenever it is
//! wanted, so that the next turn can send it back. Function tools are written with
//! `strict: false` unless the client set it: the API's own default would rewrite their schemas
//! (53).

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use proxai_ir::{
    Format, Losses, ReasoningConfig, ReasoningMode, Request, Tool, ToolChoice, ToolDefinition,
    ToolKind, WEB_SEARCH,
};
use proxai_json::{RawValue, Str, StringOr, Text};
use proxai_responses::lenient::Kept;
use proxai_responses::{
    self as wire, AllowedTool, AllowedTools, CustomFormat, CustomTool, FunctionTool, Item,
    NamedChoice, PlainFormat, SchemaFormat, TextConfig, TextFormat,
};
use proxai_types::Protocol;

use super::encode_input::{self, Conversation};
use super::raw::constant;
use super::search;
use crate::adapter::RequestError;
use crate::context::Target;
use crate::features::{Feature, lose, lose_at, lose_automatic, lose_mark, refused};
use crate::tools::schema::completed;

/// The API refuses smaller limits.
const MIN_OUTPUT_TOKENS: u64 = 16;
/// Most characters of an end user's id and of a cache key.
const MAX_ID: usize = 64;
/// Budgets up to which an effort is `low`, and `medium` (68). The vendor gives no numbers; these
/// are the ones that gateways agree on.
const LOW_BUDGET: u64 = 4_096;
const MEDIUM_BUDGET: u64 = 16_384;

/// Writes a request.
pub(super) fn encode(
    request: &Request<'_>,
    target: &Target<'_>,
    losses: &mut Losses,
    out: &mut Vec<u8>,
) -> Result<(), RequestError> {
    refuse(request)?;
    report(request, losses);
    let conversation = encode_input::write(request, target, losses)?;
    lose_automatic(
        request.cache.automatic.as_ref(),
        Protocol::Responses,
        losses,
    );
    let schemas = schemas(request);
    let tools = tools(request, &schemas, losses);
    let key = cache_key(request);
    let user = request.end_user.as_deref().map(|user| {
        if user.chars().count() > MAX_ID {
            losses.approximated(
                Feature::EndUser.path(request.origin),
                Feature::EndUser.note(Protocol::Responses),
            );
        }
        short(user)
    });
    let sampling = &request.sampling;
    let max_output_tokens = sampling.max_output_tokens.map(|limit| {
        if limit < MIN_OUTPUT_TOKENS {
            losses.approximated(
                Feature::MaxOutputTokens.path(request.origin),
                Feature::MaxOutputTokens.note(Protocol::Responses),
            );
        }
        limit.max(MIN_OUTPUT_TOKENS)
    });
    let reasoning = reasoning(request, losses);
    let Conversation {
        instructions,
        mut items,
        lists,
        sealed,
    } = conversation;
    for (index, output) in &lists {
        if let Item::FunctionCallOutput(item) | Item::CustomToolCallOutput(item) =
            &mut items[*index]
        {
            item.output = Some(output);
        }
    }
    let body = wire::Request {
        model: target.model.into(),
        instructions: instructions.map(|text| Kept::of(text.into())),
        max_tool_calls: search::most_uses(request).map(Kept::of),
        tool_choice: choice(request, &tools, losses).map(Kept::of),
        parallel_tool_calls: request
            .parallel_tool_calls
            .filter(|_| !tools.is_empty())
            .map(Kept::of),
        tools: (!tools.is_empty()).then(|| Kept::of(tools)),
        input: Some(Text::Parts(items)),
        include: include(request, reasoning.is_some() || sealed),
        // Asked for without a word on effort or summary, it has nothing but `include` to say.
        reasoning: reasoning
            .filter(|config| config.effort.is_some() || config.summary.is_some())
            .map(Kept::of),
        text: text(request).map(Kept::of),
        max_output_tokens: max_output_tokens.map(Kept::of),
        temperature: sampling.temperature.map(Kept::of),
        top_p: sampling.top_p.map(Kept::of),
        top_logprobs: sampling
            .top_logprobs
            .filter(|count| *count > 0)
            .map(Kept::of),
        store: Some(Kept::of(request.store.unwrap_or(false))),
        stream: request.stream.then_some(true),
        previous_response_id: request
            .previous_response
            .as_ref()
            .map(|id| Kept::of(id.reborrow())),
        prompt_cache_key: key.map(|key| Kept::of(key.into())),
        prompt_cache_retention: request
            .cache
            .retention
            .as_ref()
            .map(|retention| Kept::of(retention.reborrow())),
        service_tier: service_tier(request, losses).map(Kept::of),
        safety_identifier: user.map(|user| Kept::of(user.into())),
        metadata: request.metadata,
        ..wire::Request::default()
    };
    out.extend_from_slice(&proxai_json::to_vec(&body));
    Ok(())
}

fn refuse(request: &Request<'_>) -> Result<(), RequestError> {
    let feature = Feature::SeveralAnswers;
    if request.sampling.n.is_some_and(|n| n > 1) {
        let path = feature.path(request.origin);
        return Err(refused(feature, path, Protocol::Responses));
    }
    Ok(())
}

/// Parameters that this API does not have. A value that changes nothing is no loss.
fn report(request: &Request<'_>, losses: &mut Losses) {
    let sampling = &request.sampling;
    let present = [
        (Feature::TopK, sampling.top_k.is_some()),
        (
            Feature::FrequencyPenalty,
            sampling.frequency_penalty.is_some_and(|value| value != 0.0),
        ),
        (
            Feature::PresencePenalty,
            sampling.presence_penalty.is_some_and(|value| value != 0.0),
        ),
        (Feature::Seed, sampling.seed.is_some()),
        (Feature::Stop, !sampling.stop.is_empty()),
        (
            Feature::LogitBias,
            sampling.logit_bias.is_some_and(|bias| bias.get() != "{}"),
        ),
    ];
    for (feature, present) in present {
        if present {
            lose(feature, request.origin, Protocol::Responses, losses);
        }
    }
}

/// The schemas of tools that are not as the API wants them, completed.
fn schemas(request: &Request<'_>) -> Vec<Option<Box<RawValue>>> {
    let schema = |tool: &Tool<'_>| match &tool.definition {
        ToolDefinition::Function { parameters, .. } => {
            match completed(parameters.as_ref()?.get()) {
                Cow::Borrowed(_) => None,
                Cow::Owned(whole) => RawValue::from_string(whole).ok(),
            }
        }
        _ => None,
    };
    request.tools.iter().map(schema).collect()
}

fn tools<'r>(
    request: &'r Request<'_>,
    schemas: &'r [Option<Box<RawValue>>],
    losses: &mut Losses,
) -> Vec<wire::Tool<'r>> {
    request
        .tools
        .iter()
        .zip(schemas)
        .filter_map(|(tool, schema)| match &tool.definition {
            ToolDefinition::WebSearch(search) => {
                let written = search::write_tool(tool, search, request.origin, losses);
                report_marks(tool, request.origin, losses);
                Some(written)
            }
            _ => write_tool(tool, schema.as_deref(), request.origin, losses),
        })
        .collect()
}

fn report_marks(tool: &Tool<'_>, origin: Protocol, losses: &mut Losses) {
    if tool.deferred {
        let path = Feature::DeferredTool.within(tool.at, origin);
        lose_at(Feature::DeferredTool, path, Protocol::Responses, losses);
    }
    lose_mark(tool.cache.as_ref(), tool.at, Protocol::Responses, losses);
}

/// `schema` stands for that of the tool.
fn write_tool<'r>(
    tool: &'r Tool<'_>,
    schema: Option<&'r RawValue>,
    origin: Protocol,
    losses: &mut Losses,
) -> Option<wire::Tool<'r>> {
    report_marks(tool, origin, losses);
    let name = tool.name.reborrow();
    let description = tool.description.as_ref().map(Str::reborrow);
    let empty = constant(r#"{"type":"object","properties":{}}"#);
    let (parameters, strict) = match &tool.definition {
        ToolDefinition::Function { parameters, strict } => (
            schema.or(*parameters).unwrap_or(empty),
            strict.unwrap_or(false),
        ),
        ToolDefinition::Native { parameters, .. } => (constant(parameters), false),
        ToolDefinition::Custom { grammar } => {
            return Some(wire::Tool::Custom(CustomTool {
                name,
                description,
                format: grammar.as_ref().map(|grammar| CustomFormat {
                    kind: Some("grammar".into()),
                    syntax: Some(grammar.syntax.reborrow()),
                    definition: Some(grammar.definition.reborrow()),
                    ..CustomFormat::default()
                }),
                ..CustomTool::default()
            }));
        }
        ToolDefinition::WebSearch(_) | ToolDefinition::Hosted { .. } => {
            lose_at(Feature::HostedTool, tool.at, Protocol::Responses, losses);
            return None;
        }
    };
    Some(wire::Tool::Function(FunctionTool {
        name,
        description,
        parameters: Some(parameters),
        strict: Some(strict),
        ..FunctionTool::default()
    }))
}

fn choice<'r>(
    request: &'r Request<'_>,
    tools: &[wire::Tool<'_>],
    losses: &mut Losses,
) -> Option<StringOr<'r, wire::ToolChoice<'r>>> {
    let word = |word: &'static str| Some(StringOr::String(word.into()));
    let choice = request.tool_choice.as_ref()?;
    if tools.is_empty() {
        // Without tools every choice but a demand says what is so anyway.
        if !matches!(choice, ToolChoice::Auto | ToolChoice::None) {
            losses.dropped(
                Feature::ToolChoice.path(request.origin),
                "none of the tools it is about could be sent",
            );
        }
        return None;
    }
    let searches = tools
        .iter()
        .any(|tool| matches!(tool, wire::Tool::WebSearch(_)));
    match choice {
        ToolChoice::Auto => word("auto"),
        ToolChoice::None => word("none"),
        ToolChoice::Required => word("required"),
        ToolChoice::Named { name, kind, .. } => {
            let named = NamedChoice {
                name: Some(name.reborrow()),
                ..NamedChoice::default()
            };
            Some(StringOr::Value(if *kind == ToolKind::Custom {
                wire::ToolChoice::Custom(named)
            } else {
                wire::ToolChoice::Function(named)
            }))
        }
        ToolChoice::Allowed { required, names } => {
            let is_custom = |name: &Str<'_>| {
                tools
                    .iter()
                    .any(|tool| matches!(tool, wire::Tool::Custom(custom) if custom.name == *name))
            };
            let tools = names
                .iter()
                .map(|allowed| {
                    let name = &allowed.name;
                    let searches = searches && name == WEB_SEARCH;
                    AllowedTool {
                        kind: match () {
                            () if searches => WEB_SEARCH,
                            () if is_custom(name) => "custom",
                            () => "function",
                        }
                        .into(),
                        name: (!searches).then(|| name.reborrow()),
                        ..AllowedTool::default()
                    }
                })
                .collect();
            Some(StringOr::Value(wire::ToolChoice::AllowedTools(
                AllowedTools {
                    mode: Some(if *required { "required" } else { "auto" }.into()),
                    tools,
                    ..AllowedTools::default()
                },
            )))
        }
        ToolChoice::Hosted(name) if searches && name == WEB_SEARCH => Some(StringOr::Value(
            wire::ToolChoice::WebSearch(NamedChoice::default()),
        )),
        ToolChoice::Hosted(_) => {
            losses.dropped(
                Feature::ToolChoice.path(request.origin),
                Feature::HostedTool.note(Protocol::Responses),
            );
            None
        }
    }
}

/// Reasoning as it is wanted; `None` leaves it to the model and asks for nothing.
fn reasoning<'r>(
    request: &'r Request<'_>,
    losses: &mut Losses,
) -> Option<wire::ReasoningConfig<'r>> {
    let config = request.reasoning.as_ref()?;
    let effort = effort(config, request, losses);
    let thinks = matches!(
        config.mode,
        Some(ReasoningMode::Enabled | ReasoningMode::Adaptive)
    );
    if config.mode == Some(ReasoningMode::Disabled) && effort.is_none() {
        // Models that cannot think refuse the word `none`.
        let target = Protocol::Responses;
        lose(Feature::ReasoningOff, request.origin, target, losses);
        return None;
    }
    let summary = match &config.summary {
        Some(summary) => Some(summary.reborrow()),
        None if thinks && !config.hidden => Some("auto".into()),
        None => None,
    };
    if effort.is_none() && summary.is_none() && !thinks && !config.sealed {
        return None;
    }
    Some(wire::ReasoningConfig {
        effort,
        summary,
        ..wire::ReasoningConfig::default()
    })
}

fn effort<'r>(
    config: &'r ReasoningConfig<'_>,
    request: &Request<'_>,
    losses: &mut Losses,
) -> Option<Str<'r>> {
    if let Some(effort) = &config.effort {
        return Some(effort.reborrow());
    }
    let budget = config.budget?;
    lose(
        Feature::ReasoningBudget,
        request.origin,
        Protocol::Responses,
        losses,
    );
    Some(Str::borrowed(if budget <= LOW_BUDGET {
        "low"
    } else if budget <= MEDIUM_BUDGET {
        "medium"
    } else {
        "high"
    }))
}

fn include(request: &Request<'_>, reasoning: bool) -> Option<Vec<Str<'static>>> {
    let thinks = request
        .reasoning
        .as_ref()
        .is_none_or(|config| config.effort.as_deref() != Some("none"));
    let mut include = Vec::new();
    if reasoning && thinks {
        include.push(Str::borrowed("reasoning.encrypted_content"));
    }
    let searches = |tool: &Tool<'_>| matches!(tool.definition, ToolDefinition::WebSearch(_));
    // Clients of this protocol ask for it themselves.
    if request.origin != Protocol::Responses && request.tools.iter().any(searches) {
        include.push(Str::borrowed(search::SOURCES));
    }
    if request.sampling.logprobs == Some(true) {
        include.push(Str::borrowed("message.output_text.logprobs"));
    }
    (!include.is_empty()).then_some(include)
}

fn text<'r>(request: &'r Request<'_>) -> Option<TextConfig<'r>> {
    let format = match &request.output.format {
        None => None,
        Some(Format::Text) => Some(TextFormat::Text(PlainFormat::default())),
        Some(Format::JsonObject) => Some(TextFormat::JsonObject(PlainFormat::default())),
        Some(Format::JsonSchema {
            name,
            description,
            schema,
            strict,
        }) => Some(TextFormat::JsonSchema(SchemaFormat {
            // The API demands a name.
            name: Some(name.as_ref().map_or("response".into(), Str::reborrow)),
            description: description.as_ref().map(Str::reborrow),
            schema: Some(schema.unwrap_or(constant("{}"))),
            strict: *strict,
            ..SchemaFormat::default()
        })),
    };
    let verbosity = request.output.verbosity.as_ref().map(Str::reborrow);
    (format.is_some() || verbosity.is_some()).then(|| TextConfig {
        format,
        verbosity,
        ..TextConfig::default()
    })
}

fn service_tier<'r>(request: &'r Request<'_>, losses: &mut Losses) -> Option<Str<'r>> {
    let tier = request.service_tier.as_ref()?;
    match tier.as_str() {
        "auto" | "default" => Some(tier.reborrow()),
        "standard_only" => Some("default".into()),
        "flex" | "priority" | "scale" => {
            let target = Protocol::Responses;
            lose(Feature::ServiceTier, request.origin, target, losses);
            Some(tier.reborrow())
        }
        _ => {
            losses.dropped(
                Feature::ServiceTier.path(request.origin),
                Feature::ServiceTier.note(Protocol::Responses),
            );
            None
        }
    }
}

/// The client's cache key, or for a client that marks its cache one for its user or session, so
/// that its requests meet the same cache (95).
fn cache_key(request: &Request<'_>) -> Option<String> {
    if let Some(key) = &request.cache.key {
        return Some(short(key));
    }
    let marks = request.cache.automatic.is_some()
        || request.tools.iter().any(|tool| tool.cache.is_some())
        || request
            .turns
            .iter()
            .flat_map(|turn| &turn.parts)
            .any(|part| part.cache.is_some());
    request.end_user.as_deref().filter(|_| marks).map(short)
}

/// A text, or its hash if it is longer than the API takes.
fn short(text: &str) -> String {
    if text.chars().count() <= MAX_ID {
        return text.to_owned();
    }
    format!("sum_{:016x}", crate::seal::checksum(text.as_bytes()))
}
