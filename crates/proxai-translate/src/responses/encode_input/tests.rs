//! Items as they are written.

use proxai_ir::{At, Media, MediaKind, MediaSource, Sealed, TextPart};

use super::*;

fn at(index: usize) -> At {
    At::item("messages", index)
}

fn text(role: Role, text: &'static str) -> Turn<'static> {
    Turn::new(at(0), role, vec![Part::text(at(0), text)])
}

fn turn(role: Role, contents: Vec<Content<'static>>) -> Turn<'static> {
    let parts = contents
        .into_iter()
        .map(|content| Part::new(at(1), content))
        .collect();
    Turn::new(at(1), role, parts)
}

fn call(id: &'static str, kind: ToolKind, input: &'static str) -> Content<'static> {
    Content::ToolCall(ToolCall {
        id: id.into(),
        name: "f".into(),
        kind,
        input: input.into(),
        ..ToolCall::default()
    })
}

fn result(call_id: &'static str, is_error: bool, parts: Vec<Part<'static>>) -> Content<'static> {
    Content::ToolResult(ToolResult {
        call_id: call_id.into(),
        parts,
        is_error,
        ..ToolResult::default()
    })
}

/// Instructions, items as JSON, and losses.
fn written(turns: Vec<Turn<'static>>) -> (Option<String>, Vec<String>, Losses) {
    let mut request = Request::new(Protocol::Responses, "m");
    request.turns = turns;
    let mut losses = Losses::new();
    let target = Target::new("m", "up");
    let mut conversation = write(&request, &target, &mut losses).unwrap();
    for (index, output) in &conversation.lists {
        if let Item::FunctionCallOutput(item) | Item::CustomToolCallOutput(item) =
            &mut conversation.items[*index]
        {
            item.output = Some(output);
        }
    }
    let items = conversation
        .items
        .iter()
        .map(proxai_json::to_string)
        .collect();
    (conversation.instructions, items, losses)
}

fn paths(losses: &Losses) -> Vec<&str> {
    losses.iter().map(|loss| loss.path.as_str()).collect()
}

#[test]
fn only_leading_system_texts_are_instructions() {
    let (instructions, items, losses) = written(vec![
        text(Role::System, "one"),
        text(Role::System, "two"),
        text(Role::Developer, "dev"),
        text(Role::User, "hi"),
        text(Role::System, "late"),
        text(Role::User, "go on"),
    ]);
    assert_eq!(instructions.as_deref(), Some("one\n\ntwo"));
    assert_eq!(
        items,
        [
            r#"{"type":"message","role":"developer","content":"dev"}"#,
            r#"{"type":"message","role":"user","content":"hi"}"#,
            r#"{"type":"message","role":"system","content":"late"}"#,
            r#"{"type":"message","role":"user","content":"go on"}"#,
        ]
    );
    assert!(losses.is_empty());
}

#[test]
fn calls_and_results_keep_their_kind_and_their_ids() {
    let (_, items, losses) = written(vec![
        turn(
            Role::Assistant,
            vec![
                Content::Text(TextPart {
                    text: "let me".into(),
                    ..TextPart::default()
                }),
                call("functions.a:0", ToolKind::Function, ""),
                call("call_2", ToolKind::Custom, "raw"),
            ],
        ),
        turn(
            Role::Tool,
            vec![result(
                "functions.a:0",
                false,
                vec![Part::text(at(1), "ok")],
            )],
        ),
        // Results do not tell that the call took free text.
        turn(Role::Tool, vec![result("call_2", false, vec![])]),
    ]);
    let id = ids::call("functions.a:0");
    assert_eq!(
        items,
        [
            r#"{"type":"message","role":"assistant","content":"let me"}"#.to_owned(),
            format!(r#"{{"type":"function_call","call_id":"{id}","name":"f","arguments":"{{}}"}}"#),
            r#"{"type":"custom_tool_call","call_id":"call_2","name":"f","input":"raw"}"#.to_owned(),
            format!(r#"{{"type":"function_call_output","call_id":"{id}","output":"ok"}}"#),
            r#"{"type":"custom_tool_call_output","call_id":"call_2","output":""}"#.to_owned(),
        ]
    );
    assert!(losses.is_empty());
}

#[test]
fn a_failed_result_is_marked_and_keeps_its_image() {
    let image = Media {
        media_type: Some("image/png".into()),
        ..Media::new(MediaKind::Image, MediaSource::Base64("QQ==".into()))
    };
    let parts = vec![
        Part::text(at(2), "boom"),
        Part::new(at(2), Content::Media(image)),
    ];
    let (_, items, losses) = written(vec![turn(Role::Tool, vec![result("c", true, parts)])]);
    assert_eq!(
        items,
        [
            r#"{"type":"function_call_output","call_id":"c","output":[{"type":"input_text","text":"[tool error] boom"},{"type":"input_image","detail":"auto","image_url":"data:image/png;base64,QQ=="}]}"#
        ]
    );
    assert_eq!(paths(&losses), ["messages[1].status"]);
    let (_, items, _) = written(vec![turn(Role::Tool, vec![result("c", true, vec![])])]);
    assert!(items[0].contains(r#""output":"[tool error]""#));
}

#[test]
fn reasoning_goes_back_only_to_the_provider_that_sealed_it() {
    let thought = |origin, issuer: Option<&'static str>| {
        Content::Reasoning(Reasoning {
            id: Some("rs_1".into()),
            text: "t".into(),
            summary: true,
            sealed: Some(Sealed {
                origin,
                issuer: issuer.map(Str::from),
                data: "E".into(),
            }),
            ..Reasoning::default()
        })
    };
    let (_, items, losses) = written(vec![turn(
        Role::Assistant,
        vec![
            thought(Protocol::Responses, Some("up")),
            thought(Protocol::Responses, Some("elsewhere")),
            Content::Reasoning(Reasoning {
                text: "plain".into(),
                ..Reasoning::default()
            }),
            call("c", ToolKind::Function, "{}"),
        ],
    )]);
    assert_eq!(
        items[0],
        r#"{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"t"}],"encrypted_content":"E"}"#
    );
    assert_eq!(items.len(), 2);
    assert_eq!(paths(&losses), ["messages[1]"]);
}

#[test]
fn the_signature_of_a_call_stays_behind_with_a_report() {
    let signed = Content::ToolCall(ToolCall {
        id: "c".into(),
        name: "f".into(),
        sealed: Some(Sealed {
            origin: Protocol::Chat,
            issuer: Some("up".into()),
            data: "{}".into(),
        }),
        ..ToolCall::default()
    });
    let (_, items, losses) = written(vec![turn(Role::Assistant, vec![signed])]);
    assert_eq!(items.len(), 1);
    assert!(!items[0].contains("extra_content"), "{items:?}");
    assert_eq!(paths(&losses), ["messages[1]"]);
}

#[test]
fn an_answer_begun_by_the_client_is_reported() {
    let (_, items, losses) = written(vec![text(Role::User, "q"), text(Role::Assistant, "Sure,")]);
    assert_eq!(items.len(), 2);
    assert_eq!(paths(&losses), ["messages[0]"]);
}
