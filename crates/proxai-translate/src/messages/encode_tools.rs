//! Tools of a request for an upstream of this protocol.
//!
//! Every tool becomes a function: tools of other kinds are offered with the same input. A schema
//! has to be an object that says so (case 54). Of the tools that a provider runs only the web search
//! has a form here.

use std::borrow::Cow;

use proxai_ir::{Losses, Request, Tool, ToolChoice, ToolDefinition};
use proxai_json::{RawValue, Str};
use proxai_messages as wire;
use proxai_messages::{FunctionTool, Json};
use proxai_types::Protocol;

use super::encode_turns::cache_control;
use super::search;
use crate::features::{Feature, lose_at};

const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

/// What a tool that takes free text is offered as.
const FREE_TEXT: &str =
    r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"]}"#;

/// Writes tools and choice into `wire`; tells whether a tool is forced.
pub(super) fn encode<'r>(
    request: &'r Request<'_>,
    wire: &mut wire::Request<'r>,
    losses: &mut Losses,
) -> bool {
    let allowed = match &request.tool_choice {
        Some(ToolChoice::Allowed { names, .. }) => Some(names),
        _ => None,
    };
    let tools: Vec<_> = request
        .tools
        .iter()
        .filter(|tool| {
            // What nobody here can run is reported, whether it may be called or not.
            matches!(tool.definition, ToolDefinition::Hosted { .. })
                || allowed.is_none_or(|names| names.iter().any(|allowed| allowed.name == tool.name))
        })
        .filter_map(|tool| match &tool.definition {
            ToolDefinition::WebSearch(search) => {
                Some(search::write_tool(tool, search, request.origin, losses))
            }
            _ => function(tool, request.origin, losses).map(wire::Tool::Function),
        })
        .collect();
    let choice = choice(request, &tools, losses);
    let forced = matches!(
        choice,
        Some(wire::ToolChoice::Any(_) | wire::ToolChoice::Tool(_))
    );
    wire.tool_choice = choice;
    wire.tools = (!tools.is_empty()).then_some(tools);
    forced
}

fn function<'r>(
    tool: &'r Tool<'_>,
    origin: Protocol,
    losses: &mut Losses,
) -> Option<FunctionTool<'r>> {
    let (schema, strict) = match &tool.definition {
        ToolDefinition::Function { parameters, strict } => (schema(*parameters), *strict),
        // Usually a function by now; the answer gives the string back as it is.
        ToolDefinition::Custom { .. } => (Json::parse(FREE_TEXT), None),
        ToolDefinition::Native { parameters, .. } => (Json::parse(parameters), None),
        ToolDefinition::WebSearch(_) | ToolDefinition::Hosted { .. } => {
            lose_at(Feature::HostedTool, tool.at, Protocol::Messages, losses);
            return None;
        }
    };
    if tool.deferred {
        let path = Feature::DeferredTool.within(tool.at, origin);
        lose_at(Feature::DeferredTool, path, Protocol::Messages, losses);
    }
    Some(FunctionTool {
        name: tool.name.reborrow(),
        description: tool.description.as_ref().map(Str::reborrow),
        input_schema: schema,
        // Never added, only passed on when it binds (case 53).
        strict: strict.filter(|strict| *strict),
        cache_control: tool.cache.as_ref().map(cache_control),
        ..FunctionTool::default()
    })
}

/// The schema, made an object that says so.
fn schema(parameters: Option<&RawValue>) -> Option<Json<'_>> {
    let text = parameters.map_or("", RawValue::get);
    let Some(rest) = text.strip_prefix('{') else {
        return Json::parse(NO_PARAMETERS);
    };
    let members = proxai_json::from_str::<wire::Object<'_>>(text);
    let typed = members.is_ok_and(|schema| schema.members.get("type").is_some());
    if typed {
        return parameters.map(|raw| Json(Cow::Borrowed(raw)));
    }
    let rest = rest.trim_start();
    Json::from_string(if rest.starts_with('}') {
        NO_PARAMETERS.to_owned()
    } else {
        format!(r#"{{"type":"object",{rest}"#)
    })
}

fn choice<'r>(
    request: &'r Request<'_>,
    tools: &[wire::Tool<'_>],
    losses: &mut Losses,
) -> Option<wire::ToolChoice<'r>> {
    let at = Feature::ToolChoice.path(request.origin);
    let single = request.parallel_tool_calls == Some(false);
    let disable_parallel_tool_use = single.then_some(true);
    let auto = || {
        wire::ToolChoice::Auto(wire::AutoChoice {
            disable_parallel_tool_use,
        })
    };
    let any = || {
        wire::ToolChoice::Any(wire::AnyChoice {
            disable_parallel_tool_use,
        })
    };
    if tools.is_empty() {
        if matches!(
            request.tool_choice,
            Some(ToolChoice::Required | ToolChoice::Named { .. } | ToolChoice::Hosted(_))
        ) {
            losses.dropped(at, "no tool is left to call");
        }
        return None;
    }
    match &request.tool_choice {
        None => single.then(auto),
        Some(ToolChoice::Auto) => Some(auto()),
        Some(ToolChoice::None) => Some(wire::ToolChoice::None(wire::NoChoice {})),
        Some(ToolChoice::Required) => Some(any()),
        Some(ToolChoice::Allowed { required, .. }) => Some(if *required { any() } else { auto() }),
        Some(ToolChoice::Named { name, .. } | ToolChoice::Hosted(name))
            if tools.iter().any(|tool| name_of(tool) == name.as_str()) =>
        {
            Some(wire::ToolChoice::Tool(wire::ToolChoiceTool {
                name: name.reborrow(),
                disable_parallel_tool_use,
            }))
        }
        Some(ToolChoice::Named { name, .. } | ToolChoice::Hosted(name)) => {
            losses.dropped(at, format!("the tool `{name}` is not on offer"));
            single.then(auto)
        }
    }
}

/// The name that a choice calls a tool by.
fn name_of<'t>(tool: &'t wire::Tool<'_>) -> &'t str {
    match tool {
        wire::Tool::Function(tool) => &tool.name,
        wire::Tool::WebSearch20250305(tool) => &tool.name,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_always_an_object_that_says_so() {
        for (given, sent) in [
            (None, NO_PARAMETERS),
            (Some("null"), NO_PARAMETERS),
            (Some("{ }"), NO_PARAMETERS),
            (
                Some(r#"{"properties":{"a":{"type":"string"}}}"#),
                r#"{"type":"object","properties":{"a":{"type":"string"}}}"#,
            ),
            (
                Some(r#"{"b":1.0,"type":"object"}"#),
                r#"{"b":1.0,"type":"object"}"#,
            ),
        ] {
            let raw: Option<&RawValue> = given.map(|text| serde_json::from_str(text).unwrap());
            assert_eq!(schema(raw).unwrap().get(), sent, "{given:?}");
        }
    }

    fn request() -> Request<'static> {
        let mut request = Request::new(Protocol::Messages, "m");
        for name in ["f", "g"] {
            request.tools.push(Tool {
                at: proxai_ir::At::item("tools", 0),
                name: name.into(),
                namespace: None,
                description: None,
                definition: ToolDefinition::Function {
                    parameters: None,
                    strict: Some(false),
                },
                cache: None,
                deferred: false,
            });
        }
        request
    }

    fn sent(request: &Request<'_>) -> (String, bool, Losses) {
        let mut wire = wire::Request::default();
        let mut losses = Losses::new();
        let forced = encode(request, &mut wire, &mut losses);
        (proxai_json::to_string(&wire), forced, losses)
    }

    #[test]
    fn allowed_tools_are_the_only_ones_sent() {
        let mut request = request();
        request.tool_choice = Some(ToolChoice::Allowed {
            required: true,
            names: vec!["g".into()],
        });
        request.parallel_tool_calls = Some(false);
        let (text, forced, losses) = sent(&request);
        assert_eq!(
            text,
            r#"{"tool_choice":{"type":"any","disable_parallel_tool_use":true},"tools":[{"name":"g","input_schema":{"type":"object","properties":{}}}]}"#
        );
        assert!(forced && losses.is_empty());
    }

    #[test]
    fn a_choice_that_is_not_on_offer_is_dropped_and_reported() {
        let mut request = request();
        request.tool_choice = Some(ToolChoice::Named {
            name: "gone".into(),
            namespace: None,
            kind: proxai_ir::ToolKind::Function,
        });
        let (text, forced, losses) = sent(&request);
        assert!(!text.contains("tool_choice") && !forced);
        assert_eq!(losses.iter().next().unwrap().path, "tool_choice");
        request.tools.clear();
        request.tool_choice = Some(ToolChoice::Required);
        let (text, _, losses) = sent(&request);
        assert_eq!(text, "{}");
        assert!(!losses.is_empty());
    }
}
