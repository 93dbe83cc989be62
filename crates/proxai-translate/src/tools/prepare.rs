//! The request side: names, namespaces and kinds that the target can take.

use std::collections::HashSet;

use proxai_ir::{
    Content, Losses, Request, Tool, ToolCall, ToolChoice, ToolDefinition, ToolKind, ToolName,
};
use proxai_json::Str;
use proxai_types::Protocol;

use super::naming::Naming;
use super::{Original, ToolMap, schema};
use crate::context::Abilities;
use crate::features::{Feature, lose_at};

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
    let named = request.tools.iter().filter(|tool| is_named(tool));
    let naming = Naming::new(
        protocol,
        named.map(|tool| (tool.namespace.as_deref(), tool.name.as_str())),
    );
    let mut map = ToolMap::default();
    let mut names = HashSet::new();
    let (origin, functions_only) = (request.origin, !custom);
    request.tools.retain_mut(|tool| {
        if protocol != Protocol::Messages {
            loosen(tool, origin, losses);
        }
        let original = prepare_tool(tool, &naming, origin, functions_only, losses);
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
    prepare_choice(request, protocol, &naming, custom, losses);
    map
}

/// Whether a tool is called by a name of the client's.
const fn is_named(tool: &Tool<'_>) -> bool {
    !matches!(
        tool.definition,
        ToolDefinition::WebSearch(_) | ToolDefinition::Hosted { .. }
    )
}

/// Messages binds the sampler to schemas that the others refuse to bind it to (case 53).
fn loosen(tool: &mut Tool<'_>, origin: Protocol, losses: &mut Losses) {
    let ToolDefinition::Function { parameters, strict } = &mut tool.definition else {
        return;
    };
    if origin == Protocol::Messages && *strict == Some(true) && !schema::binds(*parameters) {
        *strict = None;
        losses.approximated(
            Feature::StrictSchema.within(tool.at, origin),
            "the target is strict only where every object of the schema requires all its \
             properties and forbids others: the schema is sent without it",
        );
    }
}

/// `functions_only` if the target has no tools that take free text.
fn prepare_tool(
    tool: &mut Tool<'_>,
    naming: &Naming,
    origin: Protocol,
    functions_only: bool,
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
    if let (ToolDefinition::Custom { grammar }, true) = (&tool.definition, functions_only) {
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

fn prepare_choice(
    request: &mut Request<'_>,
    protocol: Protocol,
    naming: &Naming,
    custom: bool,
    losses: &mut Losses,
) {
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
            for tool in names {
                let wire = naming.wire(&tool.name, tool.namespace.as_deref());
                if wire != tool.name.as_str() {
                    *tool = ToolName::from(Str::from(wire));
                }
            }
        }
        _ => {}
    }
    allow_only_sent(request, protocol, losses);
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

/// Takes out of a choice what is not among the tools that are sent (case 46). Where nothing is left
/// no tool may be called.
fn allow_only_sent(request: &mut Request<'_>, protocol: Protocol, losses: &mut Losses) {
    let Some(ToolChoice::Allowed { names, required }) = &mut request.tool_choice else {
        return;
    };
    // The list itself may be missing.
    let path = if names.is_empty() {
        "tool_choice"
    } else {
        Feature::AllowedTools.path(request.origin)
    };
    let mut missing: Vec<String> = Vec::new();
    names.retain(|allowed| {
        let mut sent = request.tools.iter().filter(|tool| {
            tool.name == allowed.name && !matches!(tool.definition, ToolDefinition::Hosted { .. })
        });
        let Some(tool) = sent.next() else {
            missing.push(format!("`{}`", allowed.name));
            return false;
        };
        let beside = protocol == Protocol::Chat
            && matches!(tool.definition, ToolDefinition::WebSearch(_))
            && sent.next().is_none();
        if beside && *required {
            losses.approximated(
                path,
                "Chat offers the search beside the tools, so a search is not enough",
            );
        }
        !beside
    });
    if !missing.is_empty() {
        let missing = missing.join(", ");
        losses.dropped(path, format!("not among the tools sent: {missing}"));
    }
    if names.is_empty() {
        losses.approximated(path, "no tool that is left may be called");
        request.tool_choice = Some(ToolChoice::None);
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

    /// What a choice of these tools becomes for `protocol`, and what is said of it.
    fn allowed(
        protocol: Protocol,
        required: bool,
        names: Vec<ToolName<'static>>,
    ) -> (Option<ToolChoice<'static>>, Vec<String>) {
        let mut request = request(vec![
            tool("write", Some("fs"), function()),
            tool("f", None, function()),
            tool(
                "mcp",
                None,
                ToolDefinition::Hosted {
                    kind: "mcp".into(),
                    settings: proxai_json::Extra::new(),
                },
            ),
        ]);
        request.tool_choice = Some(ToolChoice::Allowed { required, names });
        let mut losses = Losses::new();
        prepare(&mut request, protocol, &Abilities::default(), &mut losses);
        let said = losses.iter().map(|loss| loss.why.to_string()).collect();
        (request.tool_choice, said)
    }

    #[test]
    fn only_tools_that_are_sent_are_allowed() {
        let spaced = ToolName {
            name: "write".into(),
            namespace: Some("fs".into()),
        };
        for protocol in [Protocol::Chat, Protocol::Messages] {
            let names = vec![spaced.clone(), "mcp".into(), "zz".into(), "f".into()];
            let (choice, said) = allowed(protocol, true, names);
            let names = vec!["fs__write".into(), "f".into()];
            let required = true;
            assert_eq!(choice, Some(ToolChoice::Allowed { required, names }));
            assert_eq!(said, ["not among the tools sent: `mcp`, `zz`"]);
            let (choice, said) = allowed(protocol, true, vec!["zz".into()]);
            assert_eq!(choice, Some(ToolChoice::None));
            assert_eq!(said.len(), 2, "{said:?}");
        }
    }

    #[test]
    fn strict_binds_only_schemas_that_the_target_can_be_strict_about() {
        let schema = |text: &'static str| ToolDefinition::Function {
            parameters: Some(serde_json::from_str(text).unwrap()),
            strict: Some(true),
        };
        let open = r#"{"type":"object","properties":{"a":{"type":"string"}},"additionalProperties":false}"#;
        let closed = r#"{"type":"object","properties":{"a":{"type":"string"}},"required":["a"],"additionalProperties":false}"#;
        for (origin, target, losses) in [
            (Protocol::Messages, Protocol::Chat, 1),
            (Protocol::Messages, Protocol::Responses, 1),
            (Protocol::Chat, Protocol::Responses, 0),
            (Protocol::Responses, Protocol::Messages, 0),
        ] {
            let mut request = request(vec![
                tool("open", None, schema(open)),
                tool("closed", None, schema(closed)),
            ]);
            request.origin = origin;
            let mut found = Losses::new();
            prepare(&mut request, target, &Abilities::default(), &mut found);
            let strict: Vec<bool> = request
                .tools
                .iter()
                .map(|tool| {
                    matches!(
                        tool.definition,
                        ToolDefinition::Function {
                            strict: Some(true),
                            ..
                        }
                    )
                })
                .collect();
            assert_eq!(strict, [losses == 0, true], "{origin} to {target}");
            assert_eq!(found.iter().count(), losses);
        }
    }
}
