//! The request side: names, namespaces and kinds that the target can take.

use std::collections::HashSet;
use std::fmt::Write as _;

use proxai_ir::{Content, Losses, Request, Tool, ToolCall, ToolChoice, ToolDefinition, ToolKind};
use proxai_json::Str;
use proxai_types::Protocol;

use super::{Original, ToolMap};
use crate::context::Abilities;
use crate::features::{Feature, lose_at};

/// Most characters of a tool name. OpenAI documents 64 for functions; Messages takes 128
/// (both checked 2026-11-21).
const fn max_name(protocol: Protocol) -> usize {
    match protocol {
        Protocol::Chat | Protocol::Responses => 64,
        Protocol::Messages => 128,
    }
}

/// What a tool that takes free text is offered as where only functions exist.
const TEXT_INPUT: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;

/// Changes the tools, calls, results and the tool choice of `request` so that an upstream of
/// `protocol` takes them.
pub fn prepare(
    request: &mut Request<'_>,
    protocol: Protocol,
    abilities: &Abilities,
    losses: &mut Losses,
) -> ToolMap {
    let custom = match protocol {
        Protocol::Responses => !abilities.functions_only,
        Protocol::Chat => abilities.custom_tools,
        Protocol::Messages => false,
    };
    super::search::settle(request, abilities, losses);
    let plain: HashSet<String> = request
        .tools
        .iter()
        .filter(|tool| tool.namespace.is_none())
        .map(|tool| tool.name.as_str().to_owned())
        .collect();
    let naming = Naming {
        max: max_name(protocol),
        plain,
    };
    let mut map = ToolMap::default();
    let mut names = HashSet::new();
    let functions_for = (!custom).then_some(request.origin);
    request.tools.retain_mut(|tool| {
        let original = prepare_tool(tool, &naming, functions_for, losses);
        let own = match tool.definition {
            ToolDefinition::Hosted { .. } => true,
            // Only Messages calls its own search by a name that functions could have too.
            ToolDefinition::WebSearch(_) => protocol != Protocol::Messages,
            _ => false,
        };
        if !own && !names.insert(tool.name.as_str().to_owned()) {
            losses.dropped(tool.at, "a tool of the same name stands before it");
            return false;
        }
        if let Some(original) = original {
            map.changed.insert(tool.name.as_str().to_owned(), original);
        }
        true
    });
    for part in request
        .turns
        .iter_mut()
        .flat_map(|turn| turn.parts.iter_mut())
    {
        match &mut part.content {
            Content::ToolCall(call) => prepare_call(call, &naming, custom),
            Content::ToolResult(result) => prepare_kind(&mut result.kind, custom),
            _ => {}
        }
    }
    super::pair::pair(request, losses);
    prepare_choice(request, &naming, custom, losses);
    map
}

/// `functions_for` is who asks, if the target has no tools that take free text.
fn prepare_tool(
    tool: &mut Tool<'_>,
    naming: &Naming,
    functions_for: Option<Protocol>,
    losses: &mut Losses,
) -> Option<Original> {
    let kind = match &tool.definition {
        ToolDefinition::Function { .. } => ToolKind::Function,
        ToolDefinition::Native { .. } => ToolKind::Native,
        ToolDefinition::Custom { .. } => ToolKind::Custom,
        ToolDefinition::WebSearch(_) | ToolDefinition::Hosted { .. } => return None,
    };
    let name = naming.wire(&tool.name, tool.namespace.as_deref());
    let renamed = name != tool.name.as_str();
    let original = (renamed || kind != ToolKind::Function).then(|| Original {
        name: tool.name.as_str().to_owned(),
        namespace: tool.namespace.as_deref().map(str::to_owned),
        kind,
    });
    if renamed {
        tool.name = name.into();
        tool.namespace = None;
    }
    if let (ToolDefinition::Custom { grammar }, Some(origin)) = (&tool.definition, functions_for) {
        if let Some(grammar) = grammar {
            // Whatever protocol a target without free-text tools speaks, this is what it gets.
            let path = Feature::ToolGrammar.within(tool.at, origin);
            lose_at(Feature::ToolGrammar, path, Protocol::Chat, losses);
            let description = tool.description.take().unwrap_or_default();
            tool.description = Some(Str::from(format!(
                "{description}\n\nPut the text into `input`. It has to follow this {} grammar:\n{}",
                grammar.syntax, grammar.definition,
            )));
        }
        tool.definition = ToolDefinition::Native {
            kind: "custom".into(),
            parameters: TEXT_INPUT,
        };
    }
    original
}

fn prepare_call(call: &mut ToolCall<'_>, naming: &Naming, custom: bool) {
    let name = naming.wire(&call.name, call.namespace.as_deref());
    if name != call.name.as_str() {
        call.name = name.into();
        call.namespace = None;
    }
    if call.kind == ToolKind::Custom && !custom {
        call.input = format!("{{\"input\":{}}}", proxai_json::to_string(&call.input)).into();
    }
    prepare_kind(&mut call.kind, custom);
}

fn prepare_kind(kind: &mut ToolKind, custom: bool) {
    if *kind != ToolKind::Custom || !custom {
        *kind = ToolKind::Function;
    }
}

fn prepare_choice(request: &mut Request<'_>, naming: &Naming, custom: bool, losses: &mut Losses) {
    match &mut request.tool_choice {
        Some(ToolChoice::Named {
            name,
            namespace,
            kind,
        }) => {
            let wire = naming.wire(name, namespace.as_deref());
            if wire != name.as_str() {
                *name = wire.into();
                *namespace = None;
            }
            prepare_kind(kind, custom);
        }
        Some(ToolChoice::Allowed { names, .. }) => {
            for name in names {
                let wire = naming.wire(name, None);
                if wire != name.as_str() {
                    *name = wire.into();
                }
            }
        }
        _ => {}
    }
    let written = |tool: &&Tool<'_>| !matches!(tool.definition, ToolDefinition::Hosted { .. });
    let mut offered = request.tools.iter().filter(written);
    let missing = match &request.tool_choice {
        Some(ToolChoice::Named { name, .. }) => !offered.any(|tool| tool.name == *name),
        Some(ToolChoice::Required) => offered.next().is_none(),
        _ => false,
    };
    if missing {
        losses.dropped(
            "tool_choice",
            "it asks for a tool that is not among the tools sent",
        );
        request.tool_choice = None;
    }
}

/// How names are made legal.
struct Naming {
    max: usize,
    /// Names of tools without a namespace, which a flattened name must not take.
    plain: HashSet<String>,
}

impl Naming {
    fn wire(&self, name: &str, namespace: Option<&str>) -> String {
        let full = match namespace {
            Some(namespace) => format!("{namespace}__{name}"),
            None => name.to_owned(),
        };
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let taken = namespace.is_some() && self.plain.contains(&full);
        if !taken && !full.is_empty() && full.len() <= self.max && full.chars().all(legal) {
            return full;
        }
        // 9 = an underscore and eight hex digits.
        let mut wire: String = full
            .chars()
            .map(|c| if legal(c) { c } else { '_' })
            .take(self.max - 9)
            .collect();
        let sum = crate::seal::checksum(format!("{namespace:?}{name}").as_bytes()) >> 32;
        write!(wire, "_{sum:08x}").expect("a String takes any text");
        wire
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxai_ir::{At, Part, Role, Turn};

    fn tool<'a>(
        name: &'a str,
        namespace: Option<&'a str>,
        definition: ToolDefinition<'a>,
    ) -> Tool<'a> {
        Tool {
            at: At::root("tools"),
            name: name.into(),
            namespace: namespace.map(Str::from),
            description: None,
            definition,
            cache: None,
            deferred: false,
        }
    }

    fn function() -> ToolDefinition<'static> {
        ToolDefinition::Function {
            parameters: None,
            strict: None,
        }
    }

    fn request(tools: Vec<Tool<'_>>) -> Request<'_> {
        Request {
            tools,
            ..Request::new(Protocol::Responses, "m")
        }
    }

    #[test]
    fn names_that_differ_only_in_illegal_characters_stay_apart() {
        let long = "x".repeat(70);
        let longer = format!("{long}y");
        let names = ["a.b", "a/b", "a b", "a_b", long.as_str(), longer.as_str()];
        let mut request = request(
            names
                .iter()
                .map(|name| tool(name, None, function()))
                .collect(),
        );
        let mut losses = Losses::new();
        let map = prepare(
            &mut request,
            Protocol::Chat,
            &Abilities::default(),
            &mut losses,
        );
        let wire: HashSet<&str> = request
            .tools
            .iter()
            .map(|tool| tool.name.as_str())
            .collect();
        assert_eq!(wire.len(), names.len());
        assert!(wire.iter().all(|name| name.len() <= 64));
        assert!(wire.contains("a_b"), "a legal name is not touched");
        let back: HashSet<&str> = wire
            .iter()
            .map(|name| map.original(name).map_or(*name, |o| o.name.as_str()))
            .collect();
        assert_eq!(back, names.into_iter().collect());
        assert!(losses.is_empty());
    }

    #[test]
    fn a_namespace_is_flattened_in_tools_history_and_choice_alike() {
        let mut request = request(vec![
            tool("spawn", Some("agents"), function()),
            tool("agents__spawn", None, function()),
        ]);
        request.tool_choice = Some(ToolChoice::Named {
            name: "spawn".into(),
            namespace: Some("agents".into()),
            kind: ToolKind::Function,
        });
        let call = ToolCall {
            name: "spawn".into(),
            namespace: Some("agents".into()),
            ..ToolCall::default()
        };
        let at = At::root("input");
        request.turns = vec![Turn::new(
            at,
            Role::Assistant,
            vec![Part::new(at, Content::ToolCall(call))],
        )];
        let map = prepare(
            &mut request,
            Protocol::Messages,
            &Abilities::default(),
            &mut Losses::new(),
        );
        let wire = request.tools[0].name.as_str().to_owned();
        assert_ne!(wire, "agents__spawn");
        assert_eq!(
            map.original(&wire).unwrap().namespace.as_deref(),
            Some("agents")
        );
        assert!(map.original("agents__spawn").is_none());
        let Content::ToolCall(call) = &request.turns[0].parts[0].content else {
            panic!()
        };
        assert_eq!(call.name.as_str(), wire);
        let Some(ToolChoice::Named { name, .. }) = &request.tool_choice else {
            panic!()
        };
        assert_eq!(name.as_str(), wire);
    }

    #[test]
    fn free_text_becomes_one_string_where_only_functions_exist() {
        let custom = || ToolDefinition::Custom { grammar: None };
        let at = At::root("input");
        let history = || {
            let call = ToolCall {
                name: "patch".into(),
                kind: ToolKind::Custom,
                input: "*** \"x\"\n".into(),
                ..ToolCall::default()
            };
            vec![Turn::new(
                at,
                Role::Assistant,
                vec![Part::new(at, Content::ToolCall(call))],
            )]
        };
        for (protocol, input, kind) in [
            (
                Protocol::Chat,
                r#"{"input":"*** \"x\"\n"}"#,
                ToolKind::Function,
            ),
            (Protocol::Responses, "*** \"x\"\n", ToolKind::Custom),
        ] {
            let mut request = request(vec![tool("patch", None, custom())]);
            request.turns = history();
            let map = prepare(
                &mut request,
                protocol,
                &Abilities::default(),
                &mut Losses::new(),
            );
            let Content::ToolCall(call) = &request.turns[0].parts[0].content else {
                panic!()
            };
            assert_eq!((call.input.as_str(), call.kind), (input, kind));
            assert_eq!(map.original("patch").unwrap().kind, ToolKind::Custom);
        }
    }

    #[test]
    fn a_choice_that_no_tool_answers_to_is_dropped_and_reported() {
        let mut request = request(vec![]);
        request.tool_choice = Some(ToolChoice::Required);
        let mut losses = Losses::new();
        prepare(
            &mut request,
            Protocol::Chat,
            &Abilities::default(),
            &mut losses,
        );
        assert_eq!(request.tool_choice, None);
        assert_eq!(losses.iter().next().unwrap().path, "tool_choice");
    }
}
