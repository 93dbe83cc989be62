//! Reads the tools of a client's request, and which of them is to be called.
//!
//! Surprises: the search of the provider is a member of the request here and a tool in the hub; the
//! old `functions` and `function_call` are read beside `tools` and `tool_choice`. A tool of a kind
//! that nobody knows is one that its provider runs.

use proxai_chat as wire;
use proxai_ir::{At, CacheMark, Grammar, Losses, Tool, ToolChoice, ToolDefinition, ToolKind};
use proxai_json::{Str, StringOr};
use proxai_types::Protocol;

use super::request_decode::{cache_mark, report_extra};
use super::search;
use crate::features::Feature;

/// The tools on offer, those of the old form behind them.
pub(super) fn tools<'a>(wire: &mut wire::Request<'a>, losses: &mut Losses) -> Vec<Tool<'a>> {
    let listed = wire.tools.take().unwrap_or_default();
    let old = wire.functions.take().unwrap_or_default();
    let mut tools = Vec::with_capacity(listed.len() + old.len());
    for (index, tool) in listed.into_iter().enumerate() {
        let at = At::item("tools", index);
        tools.push(match tool {
            wire::Tool::Function(tool) => {
                report_extra(&at.to_string(), &tool.extra, losses);
                Tool {
                    cache: tool.cache_control.map(tool_mark),
                    ..function_tool(at, "function", tool.function, losses)
                }
            }
            wire::Tool::Custom(tool) => {
                report_extra(&at.to_string(), &tool.extra, losses);
                report_extra(&at.member("custom").to_string(), &tool.custom.extra, losses);
                let grammar = tool
                    .custom
                    .format
                    .and_then(|format| grammar(format, at, losses));
                Tool {
                    description: tool.custom.description,
                    cache: tool.cache_control.map(tool_mark),
                    ..plain(at, tool.custom.name, ToolDefinition::Custom { grammar })
                }
            }
            wire::Tool::Unknown(tool) => plain(
                at,
                tool.kind.clone(),
                ToolDefinition::Hosted {
                    kind: tool.kind,
                    settings: tool.members,
                },
            ),
            _ => continue,
        });
    }
    if let Some(options) = wire.web_search_options.take() {
        tools.push(search::tool(options, losses));
    }
    for (index, function) in old.into_iter().enumerate() {
        tools.push(function_tool(
            At::item("functions", index),
            "",
            function,
            losses,
        ));
    }
    tools
}

/// What a free-text tool's text has to follow.
fn grammar<'a>(format: wire::CustomFormat<'a>, at: At, losses: &mut Losses) -> Option<Grammar<'a>> {
    let path = || Feature::ToolGrammar.within(at, Protocol::Chat);
    report_extra(&path(), &format.extra, losses);
    if let Some(grammar) = format.grammar {
        report_extra(&format!("{}.grammar", path()), &grammar.extra, losses);
        return Some(Grammar {
            syntax: grammar.syntax,
            definition: grammar.definition,
        });
    }
    let kind = format.r#type.unwrap_or_default();
    if !kind.is_empty() && kind != "text" {
        losses.dropped(path(), format!("no protocol has the format `{kind}`"));
    }
    None
}

fn plain<'a>(at: At, name: Str<'a>, definition: ToolDefinition<'a>) -> Tool<'a> {
    Tool {
        at,
        name,
        namespace: None,
        description: None,
        definition,
        cache: None,
        deferred: false,
    }
}

/// `member` is where the function stands in the tool; empty where it is the tool itself.
fn function_tool<'a>(
    at: At,
    member: &'static str,
    function: wire::Function<'a>,
    losses: &mut Losses,
) -> Tool<'a> {
    report_extra(&at.member(member).to_string(), &function.extra, losses);
    Tool {
        description: function.description,
        ..plain(
            at,
            function.name,
            ToolDefinition::Function {
                parameters: function
                    .parameters
                    .and_then(wire::Raw::into_borrowed)
                    .filter(|schema| schema.get() != "null"),
                strict: function.strict,
            },
        )
    }
}

/// Which tools may or must be called, in the new form or the old.
pub(super) fn tool_choice<'a>(
    wire: &mut wire::Request<'a>,
    losses: &mut Losses,
) -> Option<ToolChoice<'a>> {
    if let Some(choice) = wire.tool_choice.take() {
        return match choice {
            StringOr::String(word) => choice_word(&word, "tool_choice", losses),
            StringOr::Value(choice) => choice_object(choice, losses),
        };
    }
    match wire.function_call.take()? {
        StringOr::String(word) => choice_word(&word, "function_call", losses),
        StringOr::Value(named) => Some(ToolChoice::Named {
            name: named.name,
            namespace: None,
            kind: ToolKind::Function,
        }),
    }
}

fn choice_word<'a>(word: &str, path: &str, losses: &mut Losses) -> Option<ToolChoice<'a>> {
    match word {
        "auto" => Some(ToolChoice::Auto),
        "none" => Some(ToolChoice::None),
        "required" | "any" => Some(ToolChoice::Required),
        "" => None,
        other => {
            losses.dropped(path, format!("no protocol has the tool choice `{other}`"));
            None
        }
    }
}

fn choice_object<'a>(choice: wire::ToolChoice<'a>, losses: &mut Losses) -> Option<ToolChoice<'a>> {
    match choice {
        wire::ToolChoice::Function(choice) => Some(ToolChoice::Named {
            name: choice.function.name,
            namespace: None,
            kind: ToolKind::Function,
        }),
        wire::ToolChoice::Custom(choice) => Some(ToolChoice::Named {
            name: choice.custom.name,
            namespace: None,
            kind: ToolKind::Custom,
        }),
        wire::ToolChoice::AllowedTools(choice) => {
            let allowed = choice.allowed_tools;
            let name = |tool| match tool {
                wire::ToolChoice::Function(choice) => Some(choice.function.name.into()),
                wire::ToolChoice::Custom(choice) => Some(choice.custom.name.into()),
                _ => None,
            };
            Some(ToolChoice::Allowed {
                required: allowed.mode == "required",
                names: allowed.tools.into_iter().filter_map(name).collect(),
            })
        }
        wire::ToolChoice::Unknown(choice) if !choice.kind.is_empty() => {
            Some(ToolChoice::Hosted(choice.kind))
        }
        _ => {
            losses.dropped("tool_choice", "it names no tool");
            None
        }
    }
}
fn tool_mark(control: wire::CacheControl<'_>) -> CacheMark<'_> {
    cache_mark("cache_control", control)
}

#[cfg(test)]
mod tests {
    use proxai_ir::Request;

    use super::super::request_decode::decode;
    use super::*;

    fn read<'a>(members: &'a str, losses: &mut Losses) -> Request<'a> {
        decode(members.as_bytes(), losses).unwrap()
    }

    fn paths(body: &str) -> Vec<String> {
        let mut losses = Losses::new();
        read(body, &mut losses);
        losses.iter().map(|loss| loss.path.clone()).collect()
    }

    #[test]
    fn tools_of_every_kind_are_read() {
        let body = r#"{"model":"m","messages":[],"tools":[
            {"type":"function","function":{"name":"f","parameters":{"type":"object"},"strict":true},"cache_control":{"type":"ephemeral","ttl":"1h"}},
            {"function":{"name":"g"}},
            {"type":"custom","custom":{"name":"p","format":{"type":"grammar","grammar":{"syntax":"regex","definition":"a+"}}}},
            {"type":"vendor:web_search","parameters":{"max_uses":1}}],
            "functions":[{"name":"old"}]}"#;
        let mut losses = Losses::new();
        let request = read(body, &mut losses);
        assert!(losses.is_empty(), "{losses:?}");
        let names: Vec<&str> = request
            .tools
            .iter()
            .map(|tool| tool.name.as_str())
            .collect();
        assert_eq!(names, ["f", "g", "p", "vendor:web_search", "old"]);
        assert_eq!(
            request.tools[0].cache.as_ref().unwrap().ttl.as_deref(),
            Some("1h")
        );
        let kinds: Vec<_> = request
            .tools
            .iter()
            .map(|tool| std::mem::discriminant(&tool.definition))
            .collect();
        assert_eq!(kinds[0], kinds[1]);
        assert_eq!(kinds[0], kinds[4]);
        assert!(kinds[2] != kinds[0] && kinds[3] != kinds[2]);
        let ToolDefinition::Custom { grammar } = &request.tools[2].definition else {
            panic!()
        };
        let grammar = grammar.as_ref().unwrap();
        assert_eq!((&*grammar.syntax, &*grammar.definition), ("regex", "a+"));
    }

    #[test]
    fn a_format_of_text_that_nobody_knows_is_reported() {
        let tool = |format: &str| {
            format!(
                r#"{{"model":"m","messages":[],"tools":[{{"type":"custom","custom":{{"name":"p","format":{format}}}}}]}}"#
            )
        };
        assert!(paths(&tool(r#"{"type":"text"}"#)).is_empty());
        let odd = paths(&tool(r#"{"type":"rhyme","metre":"x"}"#));
        let at = "tools[0].custom.format";
        assert_eq!(odd, [format!("{at}.metre"), at.to_owned()]);
    }

    #[test]
    fn every_tool_choice_is_read() {
        for (choice, expected) in [
            (r#""none""#, ToolChoice::None),
            (r#""any""#, ToolChoice::Required),
            (
                r#"{"type":"function","function":{"name":"f"}}"#,
                ToolChoice::Named {
                    name: "f".into(),
                    namespace: None,
                    kind: ToolKind::Function,
                },
            ),
            (
                r#"{"type":"custom","custom":{"name":"p"}}"#,
                ToolChoice::Named {
                    name: "p".into(),
                    namespace: None,
                    kind: ToolKind::Custom,
                },
            ),
            (
                r#"{"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"f"}}]}}"#,
                ToolChoice::Allowed {
                    required: true,
                    names: vec!["f".into()],
                },
            ),
        ] {
            let body = format!(r#"{{"model":"m","messages":[],"tool_choice":{choice}}}"#);
            let mut losses = Losses::new();
            let request = read(&body, &mut losses);
            assert_eq!(request.tool_choice, Some(expected), "{choice}");
        }
        let body = r#"{"model":"m","messages":[],"function_call":{"name":"f"}}"#;
        let mut losses = Losses::new();
        assert!(matches!(
            read(body, &mut losses).tool_choice,
            Some(ToolChoice::Named { .. })
        ));
    }
}
