//! Histories of every protocol, as messages.

use super::*;
use proxai_ir::{At, CacheMark, Opaque};

fn written(
    turns: Vec<Turn<'_>>,
    adjust: impl FnOnce(&mut Target<'_>),
) -> (Vec<String>, Vec<String>) {
    let mut target = Target::new("m", "up");
    adjust(&mut target);
    let request = Request {
        turns,
        ..Request::new(Protocol::Messages, "m")
    };
    let mut losses = Losses::new();
    let messages = messages(&request, &target, &mut losses).unwrap();
    (
        messages.iter().map(proxai_json::to_string).collect(),
        losses.iter().map(ToString::to_string).collect(),
    )
}

fn turn(role: Role, contents: Vec<Content<'static>>) -> Turn<'static> {
    let at = At::item("messages", 0);
    let parts = contents
        .into_iter()
        .enumerate()
        .map(|(index, content)| Part::new(at.element("content", index), content))
        .collect();
    Turn::new(at, role, parts)
}

fn text(text: &'static str) -> Content<'static> {
    Content::Text(proxai_ir::TextPart {
        text: text.into(),
        ..proxai_ir::TextPart::default()
    })
}

fn call(id: &'static str) -> Content<'static> {
    Content::ToolCall(ToolCall {
        id: id.into(),
        name: "f".into(),
        ..ToolCall::default()
    })
}

fn result(id: &'static str, contents: Vec<Content<'static>>) -> Content<'static> {
    Content::ToolResult(ToolResult {
        call_id: id.into(),
        parts: contents
            .into_iter()
            .map(|content| Part::new(At::default(), content))
            .collect(),
        ..ToolResult::default()
    })
}

fn image() -> Content<'static> {
    Content::Media(Media {
        media_type: Some("image/png".into()),
        ..Media::new(MediaKind::Image, MediaSource::Base64("AA".into()))
    })
}

fn tool(id: &str, text: &str) -> String {
    format!(r#"{{"role":"tool","content":"{text}","tool_call_id":"{id}"}}"#)
}

fn calls(content: &str, ids: &[&str]) -> String {
    let calls: Vec<String> = ids
        .iter()
        .map(|id| {
            format!(
                r#"{{"type":"function","id":"{id}","function":{{"name":"f","arguments":"{{}}"}}}}"#
            )
        })
        .collect();
    format!(
        r#"{{"role":"assistant","content":{content},"tool_calls":[{}]}}"#,
        calls.join(",")
    )
}

#[test]
fn a_conversation_keeps_its_order_and_roles() {
    let (messages, losses) = written(
        vec![
            turn(Role::System, vec![text("a"), text("b")]),
            turn(Role::User, vec![text("hi")]),
            turn(Role::Assistant, vec![text("yes"), text(" sir")]),
            turn(Role::Developer, vec![text("now")]),
            turn(Role::User, vec![text("x"), text("y")]),
        ],
        |_| {},
    );
    assert_eq!(
        messages,
        [
            r#"{"role":"system","content":"a\n\nb"}"#,
            r#"{"role":"user","content":"hi"}"#,
            r#"{"role":"assistant","content":"yes sir"}"#,
            r#"{"role":"system","content":"now"}"#,
            r#"{"role":"user","content":[{"type":"text","text":"x"},{"type":"text","text":"y"}]}"#,
        ]
    );
    assert!(losses.is_empty());
}

#[test]
fn items_of_one_turn_become_one_message() {
    let (messages, _) = written(
        vec![
            turn(Role::Assistant, vec![text("let me see")]),
            turn(Role::Assistant, vec![call("a")]),
            turn(Role::Assistant, vec![call("b")]),
            turn(Role::Tool, vec![result("a", vec![text("1")])]),
            turn(Role::Tool, vec![result("b", vec![text("2")])]),
            turn(Role::Assistant, vec![text("done")]),
        ],
        |_| {},
    );
    assert_eq!(
        messages,
        [
            calls("\"let me see\"", &["a", "b"]),
            tool("a", "1"),
            tool("b", "2"),
            r#"{"role":"assistant","content":"done"}"#.to_owned(),
        ]
    );
}

#[test]
fn a_message_between_call_and_result_is_folded() {
    let (messages, losses) = written(
        vec![
            turn(Role::Assistant, vec![call("a")]),
            turn(Role::Assistant, vec![text("working")]),
            turn(Role::Tool, vec![result("a", vec![text("1")])]),
        ],
        |_| {},
    );
    assert_eq!(messages, [calls("\"working\"", &["a"]), tool("a", "1")]);
    assert!(losses.is_empty());

    let (messages, losses) = written(
        vec![
            turn(Role::Assistant, vec![call("a"), call("b")]),
            turn(Role::Tool, vec![result("b", vec![text("2")])]),
            turn(Role::User, vec![text("wait")]),
            turn(Role::Tool, vec![result("a", vec![text("1")])]),
        ],
        |_| {},
    );
    assert_eq!(
        messages,
        [
            calls("null", &["a", "b"]),
            tool("b", "2"),
            tool("a", "1"),
            r#"{"role":"user","content":"wait"}"#.to_owned(),
        ]
    );
    assert_eq!(losses.len(), 1);
}

#[test]
fn pictures_of_results_follow_all_results() {
    let (messages, losses) = written(
        vec![
            turn(Role::Assistant, vec![call("a"), call("b")]),
            turn(
                Role::Tool,
                vec![
                    result("a", vec![image()]),
                    result("b", vec![text("2"), text("3")]),
                ],
            ),
            turn(Role::User, vec![text("and?")]),
        ],
        |_| {},
    );
    assert_eq!(
        messages[1..],
        [
            tool("a", SEE_NEXT),
            tool("b", "2\\n3"),
            r#"{"role":"user","content":[{"type":"text","text":"Content of the tool result a:"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}}]}"#.to_owned(),
            r#"{"role":"user","content":"and?"}"#.to_owned(),
        ]
    );
    assert_eq!(losses.len(), 1, "{losses:?}");
}

#[test]
fn a_failed_result_says_so() {
    let failed = Content::ToolResult(ToolResult {
        call_id: "a".into(),
        is_error: true,
        parts: vec![Part::text(At::default(), "no such file")],
        ..ToolResult::default()
    });
    let (messages, losses) = written(vec![turn(Role::Tool, vec![failed])], |_| {});
    assert_eq!(messages, [tool("a", "[tool error] no such file")]);
    assert!(losses[0].starts_with("messages[0].content[0].is_error approximated"));
}

#[test]
fn the_beginning_of_an_answer_is_sent_and_reported() {
    let (messages, losses) = written(vec![turn(Role::Assistant, vec![text("Sure:")])], |_| {});
    assert_eq!(messages, [r#"{"role":"assistant","content":"Sure:"}"#]);
    assert!(
        losses[0].starts_with("messages[0] approximated"),
        "{losses:?}"
    );
}

#[test]
fn ids_go_back_as_the_model_gave_them_on_both_sides_alike() {
    let own = "functions.f:0";
    for id in [own.to_owned(), ids::call(own).into_owned()] {
        let turns = vec![
            turn(
                Role::Assistant,
                vec![call(Box::leak(id.clone().into_boxed_str()))],
            ),
            turn(
                Role::Tool,
                vec![result(Box::leak(id.into_boxed_str()), vec![])],
            ),
        ];
        let (messages, _) = written(turns, |_| {});
        assert_eq!(messages, [calls("null", &[own]), tool(own, "")]);
    }
}

#[test]
fn reasoning_goes_back_only_where_it_belongs() {
    let thought = |origin, issuer: &'static str, data: &'static str| {
        Content::Reasoning(Reasoning {
            text: "hm".into(),
            sealed: Some(Sealed {
                origin,
                issuer: Some(issuer.into()),
                data: data.into(),
            }),
            ..Reasoning::default()
        })
    };
    let turns = || {
        vec![turn(
            Role::Assistant,
            vec![
                thought(Protocol::Chat, "up", r#"[{"data":"A"}]"#),
                thought(Protocol::Chat, "other", r#"[{"data":"B"}]"#),
                thought(Protocol::Messages, "up", "sig"),
                text("Hi"),
                call("a"),
            ],
        )]
    };
    let (messages, losses) = written(turns(), |_| {});
    assert_eq!(
        messages,
        [
            r#"{"role":"assistant","content":"Hi","reasoning_details":[{"data":"A"}],"tool_calls":[{"type":"function","id":"a","function":{"name":"f","arguments":"{}"}}]}"#
        ]
    );
    assert_eq!(losses.len(), 2, "{losses:?}");
    let (messages, losses) = written(turns(), |target| target.abilities.reasoning_echo = true);
    assert_eq!(
        messages,
        [
            r#"{"role":"assistant","content":"Hi","reasoning_content":"hmhmhm","reasoning_details":[{"data":"A"}],"tool_calls":[{"type":"function","id":"a","function":{"name":"f","arguments":"{}"}}]}"#
        ]
    );
    let why = "the text is sent as reasoning, without the seal of who issued it";
    let expected = [1, 2].map(|part| format!("messages[0].content[{part}] approximated: {why}"));
    assert_eq!(losses, expected);
}

#[test]
fn the_signature_of_a_call_stays_behind_with_a_report_if_another_provider_gave_it() {
    let signed = |issuer: &'static str| {
        Content::ToolCall(ToolCall {
            id: issuer.into(),
            name: "f".into(),
            sealed: Some(Sealed {
                origin: Protocol::Chat,
                issuer: Some(issuer.into()),
                data: r#"{"vendor":1}"#.into(),
            }),
            ..ToolCall::default()
        })
    };
    let turns = vec![turn(Role::Assistant, vec![signed("up"), signed("other")])];
    let (messages, losses) = written(turns, |_| {});
    assert_eq!(
        messages,
        [
            r#"{"role":"assistant","content":null,"tool_calls":[{"type":"function","id":"up","function":{"name":"f","arguments":"{}"},"extra_content":{"vendor":1}},{"type":"function","id":"other","function":{"name":"f","arguments":"{}"}}]}"#
        ]
    );
    assert_eq!(
        losses,
        ["messages[0].content[1] dropped: the call was sealed by another provider"]
    );
}

#[test]
fn the_seal_of_a_call_finds_its_call() {
    let seal = |id: Option<&'static str>| {
        Content::Reasoning(Reasoning {
            id: id.map(Str::borrowed),
            redacted: true,
            sealed: Some(Sealed {
                origin: Protocol::Chat,
                issuer: None,
                data: r#"{"vendor":1}"#.into(),
            }),
            ..Reasoning::default()
        })
    };
    let (messages, _) = written(
        vec![turn(
            Role::Assistant,
            vec![call("a"), seal(Some("a")), seal(None)],
        )],
        |_| {},
    );
    assert_eq!(
        messages,
        [
            r#"{"role":"assistant","content":null,"tool_calls":[{"type":"function","id":"a","function":{"name":"f","arguments":"{}"},"extra_content":{"vendor":1}}],"extra_content":{"vendor":1}}"#
        ]
    );
}

#[test]
fn documents_are_sent_or_inlined_and_foreign_files_are_refused() {
    let document = |source| Content::Media(Media::new(MediaKind::Document, source));
    let (messages, losses) = written(
        vec![turn(
            Role::User,
            vec![
                document(MediaSource::Text("plain".into())),
                document(MediaSource::Base64("AA".into())),
            ],
        )],
        |_| {},
    );
    assert_eq!(
        messages,
        [
            r#"{"role":"user","content":[{"type":"text","text":"plain"},{"type":"file","file":{"filename":"document.pdf","file_data":"data:application/pdf;base64,AA"}}]}"#
        ]
    );
    assert!(losses.is_empty());
    let request = Request {
        turns: vec![turn(
            Role::User,
            vec![document(MediaSource::File("file-1".into()))],
        )],
        ..Request::new(Protocol::Messages, "m")
    };
    let error = super::messages(&request, &Target::new("m", "up"), &mut Losses::new()).unwrap_err();
    assert_eq!(error.path(), Some("messages[0].content[0].source.file_id"));
}

#[test]
fn what_has_no_form_is_reported_and_leaves_no_empty_message() {
    let mut marked = turn(Role::User, vec![text("hi")]);
    marked.parts[0].cache = Some(CacheMark::new("cache_control", None));
    let opaque = Content::Opaque(Opaque {
        kind: "web_search_call".into(),
        hosted: true,
    });
    let (messages, losses) = written(vec![marked, turn(Role::Assistant, vec![opaque])], |_| {});
    assert_eq!(messages.len(), 1);
    assert_eq!(losses.len(), 2, "{losses:?}");
    assert!(losses[0].starts_with("messages[0].content[0].cache_control dropped"));
}

#[test]
fn a_longer_history_begins_with_the_messages_of_the_shorter_one() {
    let history = || {
        vec![
            turn(Role::System, vec![text("s")]),
            turn(Role::User, vec![text("u"), image()]),
            turn(Role::Assistant, vec![text("t"), call("a"), call("b")]),
            turn(
                Role::Tool,
                vec![result("a", vec![image()]), result("b", vec![text("2")])],
            ),
            turn(Role::User, vec![text("more")]),
            turn(Role::Assistant, vec![call("c")]),
            turn(Role::Tool, vec![result("c", vec![])]),
        ]
    };
    let whole = written(history(), |_| {}).0;
    for turns in 1..=history().len() {
        let shorter = written(history().into_iter().take(turns).collect(), |_| {}).0;
        assert_eq!(whole[..shorter.len()], shorter, "{turns} turns");
    }
}
