//! Tools of a request into the hub.
//!
//! Shells, editors, computers and memories run at the client, but the model knows their input
//! without being told; other protocols are offered a function with the schema given here.

use proxai_ir::{At, Losses, Tool, ToolChoice, ToolDefinition, ToolKind};
use proxai_json::Str;
use proxai_messages as wire;

use super::blocks::{mark, unread};
use super::search;

const BASH: &str = r#"{"type":"object","properties":{"command":{"type":"string","description":"The bash command to run."},"restart":{"type":"boolean","description":"Set to true to restart the shell; no command is run then."}}}"#;

const EDITOR: &str = r#"{"type":"object","properties":{"command":{"type":"string","enum":["view","create","str_replace","insert"]},"path":{"type":"string","description":"Absolute path of the file or directory."},"file_text":{"type":"string","description":"For create: the content of the file."},"old_str":{"type":"string","description":"For str_replace: the text to replace; it must occur exactly once."},"new_str":{"type":"string","description":"For str_replace: the text to put in its place."},"insert_line":{"type":"integer","description":"For insert: the line after which to insert; 0 for the beginning."},"insert_text":{"type":"string","description":"For insert: the text to insert."},"view_range":{"type":"array","items":{"type":"integer"},"description":"For view: first and last line, from 1; -1 for the end."}},"required":["command","path"]}"#;

const OLD_EDITOR: &str = r#"{"type":"object","properties":{"command":{"type":"string","enum":["view","create","str_replace","insert","undo_edit"]},"path":{"type":"string","description":"Absolute path of the file or directory."},"file_text":{"type":"string","description":"For create: the content of the file."},"old_str":{"type":"string","description":"For str_replace: the text to replace; it must occur exactly once."},"new_str":{"type":"string","description":"For str_replace and insert: the new text."},"insert_line":{"type":"integer","description":"For insert: the line after which to insert; 0 for the beginning."},"view_range":{"type":"array","items":{"type":"integer"},"description":"For view: first and last line, from 1; -1 for the end."}},"required":["command","path"]}"#;

const COMPUTER: &str = r#"{"type":"object","properties":{"action":{"type":"string","enum":["key","type","mouse_move","left_click","left_click_drag","right_click","middle_click","double_click","triple_click","left_mouse_down","left_mouse_up","scroll","hold_key","wait","screenshot","cursor_position","zoom"]},"coordinate":{"type":"array","items":{"type":"integer"},"description":"x and y in pixels from the upper left corner."},"start_coordinate":{"type":"array","items":{"type":"integer"},"description":"For left_click_drag: where it starts."},"text":{"type":"string","description":"The text to type, or the key to press."},"scroll_direction":{"type":"string","enum":["up","down","left","right"]},"scroll_amount":{"type":"integer"},"duration":{"type":"number","description":"Seconds, for wait and hold_key."},"region":{"type":"array","items":{"type":"integer"},"description":"For zoom: x0, y0, x1, y1."}},"required":["action"]}"#;

const MEMORY: &str = r#"{"type":"object","properties":{"command":{"type":"string","enum":["view","create","str_replace","insert","delete","rename"]},"path":{"type":"string","description":"Path below /memories."},"view_range":{"type":"array","items":{"type":"integer"},"description":"For view: first and last line."},"file_text":{"type":"string","description":"For create: the content of the file."},"old_str":{"type":"string","description":"For str_replace: the text to replace."},"new_str":{"type":"string","description":"For str_replace: the text to put in its place."},"insert_line":{"type":"integer","description":"For insert: the line after which to insert."},"insert_text":{"type":"string","description":"For insert: the text to insert."},"old_path":{"type":"string","description":"For rename: the present path."},"new_path":{"type":"string","description":"For rename: the new path."}},"required":["command"]}"#;

/// What is offered in place of a kind of client tool: its schema and what it does.
fn native(kind: &str) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        "bash_20241022" | "bash_20250124" => (
            BASH,
            "Runs a command in a persistent bash shell on the user's machine.",
        ),
        "text_editor_20241022" | "text_editor_20250124" => (
            OLD_EDITOR,
            "Views, creates and edits text files on the user's machine.",
        ),
        "text_editor_20250429" | "text_editor_20250728" => (
            EDITOR,
            "Views, creates and edits text files on the user's machine.",
        ),
        "computer_20241022" | "computer_20250124" | "computer_20251124" => (
            COMPUTER,
            "Uses the user's computer with mouse, keyboard and screenshots.",
        ),
        "memory_20250818" => (
            MEMORY,
            "Keeps notes in files below /memories that outlive the conversation; look there before starting a task.",
        ),
        _ => return None,
    })
}

/// The tools on offer.
pub(super) fn tools<'a>(tools: Vec<wire::Tool<'a>>, losses: &mut Losses) -> Vec<Tool<'a>> {
    tools
        .into_iter()
        .enumerate()
        .map(|(index, tool)| decode(tool, At::item("tools", index), losses))
        .collect()
}

fn decode<'a>(tool: wire::Tool<'a>, at: At, losses: &mut Losses) -> Tool<'a> {
    let kind = tool.kind().to_owned();
    match tool {
        wire::Tool::Function(tool) | wire::Tool::Custom(tool) => function(tool, at, losses),
        wire::Tool::Bash20241022(tool)
        | wire::Tool::Bash20250124(tool)
        | wire::Tool::TextEditor20241022(tool)
        | wire::Tool::TextEditor20250124(tool)
        | wire::Tool::TextEditor20250429(tool)
        | wire::Tool::TextEditor20250728(tool)
        | wire::Tool::Computer20241022(tool)
        | wire::Tool::Computer20250124(tool)
        | wire::Tool::Computer20251124(tool)
        | wire::Tool::Memory20250818(tool) => client(kind, tool, at, losses),
        wire::Tool::WebSearch20250305(tool)
        | wire::Tool::WebSearch20260209(tool)
        | wire::Tool::WebSearch20260318(tool) => search::tool(tool, at, losses),
        hosted => {
            let (settings, cache) = hosted.into_settings();
            Tool {
                at,
                name: kind.clone().into(),
                namespace: None,
                description: None,
                definition: ToolDefinition::Hosted {
                    kind: kind.into(),
                    settings,
                },
                cache: mark(cache),
                deferred: false,
            }
        }
    }
}

fn function<'a>(tool: wire::FunctionTool<'a>, at: At, losses: &mut Losses) -> Tool<'a> {
    unread(at, &tool.extra, losses);
    callers(tool.allowed_callers.as_deref(), at, losses);
    if tool.input_examples.is_some() {
        losses.dropped(
            format_args!("{at}.input_examples"),
            "only this protocol takes examples beside the schema",
        );
    }
    Tool {
        at,
        name: tool.name,
        namespace: None,
        description: tool.description,
        definition: ToolDefinition::Function {
            parameters: tool.input_schema.and_then(wire::Json::borrowed),
            strict: tool.strict,
        },
        cache: mark(tool.cache_control),
        deferred: tool.defer_loading.unwrap_or(false),
    }
}

fn client<'a>(kind: String, tool: wire::ClientTool<'a>, at: At, losses: &mut Losses) -> Tool<'a> {
    unread(at, &tool.extra, losses);
    callers(tool.allowed_callers.as_deref(), at, losses);
    for (member, there) in [
        ("input_examples", tool.input_examples.is_some()),
        ("display_number", tool.display_number.is_some()),
        ("max_characters", tool.max_characters.is_some()),
    ] {
        if there {
            losses.dropped(
                format_args!("{at}.{member}"),
                "the tool is offered as a function",
            );
        }
    }
    let (parameters, purpose) = native(&kind).unwrap_or((r#"{"type":"object"}"#, ""));
    let description = match (tool.display_width_px, tool.display_height_px) {
        (Some(width), Some(height)) => Str::from(format!(
            "{purpose} The display is {width} by {height} pixels."
        )),
        _ => Str::borrowed(purpose),
    };
    Tool {
        at,
        name: tool.name,
        namespace: None,
        description: Some(description),
        definition: ToolDefinition::Native {
            kind: kind.into(),
            parameters,
        },
        cache: mark(tool.cache_control),
        deferred: tool.defer_loading.unwrap_or(false),
    }
}

/// Calls from code that the provider runs exist only there.
pub(super) fn callers(callers: Option<&[Str<'_>]>, at: At, losses: &mut Losses) {
    if callers.is_some_and(|callers| callers.iter().any(|caller| caller != "direct")) {
        losses.dropped(
            format_args!("{at}.allowed_callers"),
            "only this protocol lets hosted code call tools",
        );
    }
}

/// Which tools may be called, and whether several at once (case 45: the flag is inverted).
pub(super) fn choice<'a>(
    choice: wire::ToolChoice<'a>,
    losses: &mut Losses,
) -> (Option<ToolChoice<'a>>, Option<bool>) {
    let (choice, disabled) = match choice {
        wire::ToolChoice::Auto(auto) => (ToolChoice::Auto, auto.disable_parallel_tool_use),
        wire::ToolChoice::Any(any) => (ToolChoice::Required, any.disable_parallel_tool_use),
        wire::ToolChoice::Tool(tool) => (
            ToolChoice::Named {
                name: tool.name,
                namespace: None,
                kind: ToolKind::Function,
            },
            tool.disable_parallel_tool_use,
        ),
        wire::ToolChoice::None(_) => (ToolChoice::None, None),
        other => {
            let why = format!("the kind `{}` is not known", other.kind());
            losses.dropped("tool_choice", why);
            return (None, None);
        }
    };
    (Some(choice), disabled.map(|disabled| !disabled))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> (Vec<Tool<'_>>, Losses) {
        let mut losses = Losses::new();
        let tools = tools(proxai_json::from_str(body).unwrap(), &mut losses);
        (tools, losses)
    }

    #[test]
    fn a_tool_without_a_type_is_a_function() {
        let (tools, losses) = read(
            r#"[{"name":"f","input_schema":{"type":"object"},"cache_control":{"type":"ephemeral","ttl":"1h"},"eager_input_streaming":true},{"type":"custom","name":"g","strict":true}]"#,
        );
        assert!(losses.is_empty());
        assert!(matches!(
            tools[0].definition,
            ToolDefinition::Function {
                parameters: Some(_),
                strict: None
            }
        ));
        assert_eq!(tools[0].cache.as_ref().unwrap().ttl.as_deref(), Some("1h"));
        assert!(matches!(
            tools[1].definition,
            ToolDefinition::Function {
                parameters: None,
                strict: Some(true)
            }
        ));
    }

    #[test]
    fn every_client_tool_has_a_schema_that_is_an_object() {
        for kind in [
            "bash_20241022",
            "bash_20250124",
            "text_editor_20241022",
            "text_editor_20250124",
            "text_editor_20250429",
            "text_editor_20250728",
            "computer_20241022",
            "computer_20250124",
            "computer_20251124",
            "memory_20250818",
        ] {
            let body = format!(r#"[{{"type":"{kind}","name":"t"}}]"#);
            let (tools, _) = read(&body);
            let ToolDefinition::Native { parameters, .. } = tools[0].definition else {
                panic!("{kind}")
            };
            assert!(parameters.starts_with(r#"{"type":"object","properties":{"#));
            assert!(wire::Json::parse(parameters).is_some(), "{kind}");
        }
    }

    #[test]
    fn hosted_tools_keep_their_settings() {
        let (tools, _) = read(r#"[{"type":"web_fetch_20250910","name":"web_fetch","max_uses":3}]"#);
        let ToolDefinition::Hosted { kind, settings } = &tools[0].definition else {
            panic!("not hosted")
        };
        assert_eq!(&**kind, "web_fetch_20250910");
        assert_eq!(settings.get("max_uses").unwrap().get(), "3");
    }

    #[test]
    fn the_parallel_flag_is_inverted() {
        let read =
            |body: &'static str| choice(proxai_json::from_str(body).unwrap(), &mut Losses::new());
        assert_eq!(
            read(r#"{"type":"any","disable_parallel_tool_use":true}"#),
            (Some(ToolChoice::Required), Some(false))
        );
        assert_eq!(read(r#"{"type":"auto"}"#), (Some(ToolChoice::Auto), None));
        assert_eq!(read(r#"{"type":"none"}"#), (Some(ToolChoice::None), None));
    }
}
