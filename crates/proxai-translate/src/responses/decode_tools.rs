//! Tools of a request, read.
//!
//! Tools come in three places: the `tools` member, `additional_tools` items (how Codex offers them
//! to its newest models) and the output of a tool search. All end up in one list, since no other
//! protocol can offer a tool in the middle of a conversation. Tools that were to be found by a
//! search are offered from the start.

use proxai_ir::{
    At, Grammar, Losses, Tool, ToolChoice, ToolDefinition, ToolKind, ToolName, WEB_SEARCH,
};
use proxai_json::{Extra, Str, StringOr};
use proxai_responses::{self as wire, AllowedTool, NamedChoice};
use proxai_types::Protocol;

use super::{content::report_extra, native, search};
use crate::features::{Feature, lose_at};

/// Reads a list of tools to the end of `tools`; `place` gives the place of each.
pub(super) fn read_all<'a>(
    list: Vec<wire::Tool<'a>>,
    place: impl Fn(usize) -> At,
    tools: &mut Vec<Tool<'a>>,
    losses: &mut Losses,
) {
    for (index, tool) in list.into_iter().enumerate() {
        read(tool, place(index), None, tools, losses);
    }
}

fn read<'a>(
    tool: wire::Tool<'a>,
    at: At,
    namespace: Option<&Str<'a>>,
    tools: &mut Vec<Tool<'a>>,
    losses: &mut Losses,
) {
    let kind = tool.kind().to_owned();
    let (name, description, definition) = match tool {
        wire::Tool::Function(tool) => {
            report_extra(at, &without_defaults(tool.extra), losses);
            report_deferred(tool.defer_loading, at, losses);
            let definition = ToolDefinition::Function {
                parameters: tool.parameters,
                strict: tool.strict,
            };
            (tool.name, tool.description, definition)
        }
        wire::Tool::Custom(tool) => {
            report_extra(at, &without_defaults(tool.extra), losses);
            report_deferred(tool.defer_loading, at, losses);
            let format = tool.format;
            let definition = ToolDefinition::Custom {
                grammar: format.and_then(|format| grammar(format, at, losses)),
            };
            (tool.name, tool.description, definition)
        }
        wire::Tool::Namespace(space) => {
            report_extra(at, &space.extra, losses);
            if space.description.is_some_and(|text| !text.is_empty()) {
                losses.dropped(
                    format_args!("{at}.description"),
                    "a namespace is only a prefix of its tools' names elsewhere",
                );
            }
            for (index, tool) in space.tools.into_iter().enumerate() {
                let at = if at.member.is_empty() {
                    at.element("tools", index)
                } else {
                    at
                };
                read(tool, at, Some(&space.name), tools, losses);
            }
            return;
        }
        wire::Tool::ToolSearch(tool) if tool.execution.as_deref() == Some("client") => {
            report_extra(at, &tool.extra, losses);
            let definition = ToolDefinition::Function {
                parameters: tool.parameters,
                strict: None,
            };
            (native::TOOL_SEARCH.into(), tool.description, definition)
        }
        wire::Tool::ToolSearch(_) => {
            losses.approximated(at, "the tools it would find are offered from the start");
            return;
        }
        wire::Tool::LocalShell(_) | wire::Tool::ApplyPatch(_) => native_tool(&kind),
        wire::Tool::Shell(tool) => match tool.environment {
            Some(environment) if environment.value.kind != "local" => {
                let mut settings = tool.extra;
                if let Some(raw) = environment.raw {
                    settings.push("environment", raw);
                }
                hosted(kind, settings)
            }
            _ => native_tool(&kind),
        },
        wire::Tool::Unknown(tool) => hosted(kind, tool.members),
        wire::Tool::WebSearch(tool)
        | wire::Tool::WebSearch20250826(tool)
        | wire::Tool::WebSearchPreview(tool)
        | wire::Tool::WebSearchPreview20250311(tool) => {
            if tool.external_web_access == Some(false) {
                hosted(kind, tool.extra)
            } else {
                let definition = search::definition(tool, at, losses);
                (WEB_SEARCH.into(), None, definition)
            }
        }
        wire::Tool::Computer(tool)
        | wire::Tool::ComputerUsePreview(tool)
        | wire::Tool::FileSearch(tool)
        | wire::Tool::Mcp(tool)
        | wire::Tool::CodeInterpreter(tool)
        | wire::Tool::ImageGeneration(tool)
        | wire::Tool::ProgrammaticToolCalling(tool) => hosted(kind, tool.extra),
        other => hosted(other.kind().to_owned(), Extra::new()),
    };
    tools.push(Tool {
        at,
        name,
        namespace: namespace.cloned(),
        description,
        definition,
        cache: None,
        deferred: false,
    });
}

/// What a free-text tool's text has to follow.
fn grammar<'a>(format: wire::CustomFormat<'a>, at: At, losses: &mut Losses) -> Option<Grammar<'a>> {
    let path = || Feature::ToolGrammar.within(at, Protocol::Responses);
    for (name, _) in format.extra.iter() {
        losses.dropped(
            format_args!("{}.{name}", path()),
            "not a member that another protocol has",
        );
    }
    if let Some(definition) = format.definition {
        return Some(Grammar {
            syntax: format.syntax.unwrap_or_default(),
            definition,
        });
    }
    let kind = format.kind.unwrap_or_default();
    if !kind.is_empty() && kind != "text" {
        losses.dropped(path(), format!("no protocol has the format `{kind}`"));
    }
    None
}

type Parts<'a> = (Str<'a>, Option<Str<'a>>, ToolDefinition<'a>);

fn hosted(kind: String, settings: Extra<'_>) -> Parts<'_> {
    let kind = Str::from(kind);
    (
        kind.clone(),
        None,
        ToolDefinition::Hosted { kind, settings },
    )
}

fn native_tool<'a>(kind: &str) -> Parts<'a> {
    let Some(native) = native::of(kind) else {
        return hosted(kind.to_owned(), Extra::new());
    };
    let definition = ToolDefinition::Native {
        kind: native.kind.into(),
        parameters: native.parameters,
    };
    (
        native.kind.into(),
        Some(native.description.into()),
        definition,
    )
}

fn report_deferred(deferred: Option<bool>, at: At, losses: &mut Losses) {
    if deferred == Some(true) {
        // The same for every target.
        let own = Protocol::Responses;
        let path = Feature::DeferredTool.within(at, own);
        lose_at(Feature::DeferredTool, path, own, losses);
    }
}

/// Members that say what is so anyway.
fn without_defaults(mut extra: Extra<'_>) -> Extra<'_> {
    extra.0.retain(|(name, value)| match name.as_str() {
        "allowed_callers" => value.get() != r#"["direct"]"#,
        "async" => value.get() != "false",
        _ => true,
    });
    extra
}

/// Reads which tools may or must be called.
pub(super) fn read_choice<'a>(
    choice: StringOr<'a, wire::ToolChoice<'a>>,
    losses: &mut Losses,
) -> Option<ToolChoice<'a>> {
    let choice = match choice {
        StringOr::String(word) => {
            return match word.as_str() {
                "auto" => Some(ToolChoice::Auto),
                "none" => Some(ToolChoice::None),
                "required" | "any" => Some(ToolChoice::Required),
                _ => {
                    losses.dropped("tool_choice", format!("`{word}` is not a known choice"));
                    None
                }
            };
        }
        StringOr::Value(choice) => choice,
    };
    let kind = choice.kind().to_owned();
    Some(match choice {
        wire::ToolChoice::Function(choice) => named(choice, ToolKind::Function),
        wire::ToolChoice::Custom(choice) => named(choice, ToolKind::Custom),
        wire::ToolChoice::ApplyPatch(_)
        | wire::ToolChoice::Shell(_)
        | wire::ToolChoice::LocalShell(_) => ToolChoice::Named {
            name: kind.into(),
            namespace: None,
            kind: ToolKind::Native,
        },
        wire::ToolChoice::AllowedTools(choice) => {
            let mut names = Vec::with_capacity(choice.tools.len());
            for (index, tool) in choice.tools.into_iter().enumerate() {
                match allowed_name(tool) {
                    Some(name) => names.push(name),
                    None => losses.dropped(
                        format_args!("tool_choice.tools[{index}]"),
                        Feature::HostedTool.note(Protocol::Responses),
                    ),
                }
            }
            ToolChoice::Allowed {
                required: choice.mode.as_deref() == Some("required"),
                names,
            }
        }
        _ if search::is_search(&kind) => ToolChoice::Hosted(WEB_SEARCH.into()),
        _ => ToolChoice::Hosted(kind.into()),
    })
}

fn named(choice: NamedChoice<'_>, kind: ToolKind) -> ToolChoice<'_> {
    ToolChoice::Named {
        name: choice.name.unwrap_or_default(),
        namespace: choice.namespace,
        kind,
    }
}

fn allowed_name(tool: AllowedTool<'_>) -> Option<ToolName<'_>> {
    match tool.kind.as_str() {
        "function" | "custom" => Some(ToolName {
            name: tool.name?,
            namespace: tool.namespace,
        }),
        kind if search::is_search(kind) => Some(WEB_SEARCH.into()),
        kind => native::of(kind).map(|native| native.kind.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools<'a>(body: &'a str, losses: &mut Losses) -> Vec<Tool<'a>> {
        let mut tools = Vec::new();
        let list = proxai_json::from_str(body).unwrap();
        read_all(list, |index| At::item("tools", index), &mut tools, losses);
        tools
    }

    #[test]
    fn each_kind_of_tool_has_its_definition() {
        let mut losses = Losses::new();
        let tools = tools(
            r#"[{"type":"function","name":"f","parameters":{"type":"object"},"strict":true},
                {"type":"custom","name":"c","format":{"type":"text"}},
                {"type":"namespace","name":"n","description":"","tools":[{"type":"function","name":"g"}]},
                {"type":"local_shell"},{"type":"shell"},
                {"type":"shell","environment":{"type":"container_auto"}},
                {"type":"web_search","external_web_access":true},{"type":"warp"},
                {"type":"web_search_preview","external_web_access":false}]"#,
            &mut losses,
        );
        let shown: Vec<String> = tools
            .iter()
            .map(|tool| {
                let definition = match &tool.definition {
                    ToolDefinition::Function { strict, .. } => format!("function {strict:?}"),
                    ToolDefinition::Custom { .. } => "custom".into(),
                    ToolDefinition::Native { .. } => "native".into(),
                    ToolDefinition::WebSearch(_) => "search".into(),
                    ToolDefinition::Hosted { settings, .. } => {
                        format!("hosted {}", settings.iter().count())
                    }
                };
                format!(
                    "{} {} {definition} {:?}",
                    tool.at,
                    tool.name,
                    tool.namespace.as_deref()
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "tools[0] f function Some(true) None",
                "tools[1] c custom None",
                "tools[2].tools[0] g function None Some(\"n\")",
                "tools[3] local_shell native None",
                "tools[4] shell native None",
                "tools[5] shell hosted 1 None",
                "tools[6] web_search search None",
                "tools[7] warp hosted 0 None",
                "tools[8] web_search_preview hosted 0 None",
            ]
        );
        assert!(losses.is_empty(), "{losses:?}");
    }

    #[test]
    fn a_tool_search_and_what_nobody_reads_are_reported() {
        let mut losses = Losses::new();
        tools(
            r#"[{"type":"tool_search"},{"type":"function","name":"f","defer_loading":true,"output_schema":{},"allowed_callers":["direct"]}]"#,
            &mut losses,
        );
        let paths: Vec<&str> = losses.iter().map(|loss| loss.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "tools[0]",
                "tools[1].output_schema",
                "tools[1].defer_loading"
            ]
        );
    }

    #[test]
    fn choices_in_every_form() {
        let read = |body: &'static str| {
            read_choice(proxai_json::from_str(body).unwrap(), &mut Losses::new())
        };
        assert_eq!(read(r#""required""#), Some(ToolChoice::Required));
        assert_eq!(
            read(r#"{"type":"custom","name":"c"}"#),
            Some(ToolChoice::Named {
                name: "c".into(),
                namespace: None,
                kind: ToolKind::Custom
            })
        );
        assert_eq!(
            read(r#"{"type":"shell"}"#),
            Some(ToolChoice::Named {
                name: "shell".into(),
                namespace: None,
                kind: ToolKind::Native
            })
        );
        assert_eq!(
            read(
                r#"{"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"a"},{"type":"mcp","server_label":"x"}]}"#
            ),
            Some(ToolChoice::Allowed {
                required: true,
                names: vec!["a".into()]
            })
        );
        assert_eq!(
            read(r#"{"type":"file_search"}"#),
            Some(ToolChoice::Hosted("file_search".into()))
        );
    }
}
