//! Conversations as an upstream of this protocol gets them.

use proxai_ir::{
    CacheMark, Content, Losses, Reasoning, Request, Role, Sealed, ToolCall, ToolKind, ToolResult,
};
use proxai_types::Protocol;
use serde_json::{Value, json};

use super::super::Messages;
use super::{call, request, result, sent, shape, text};
use crate::adapter::{Adapter as _, RequestError};
use crate::context::{Abilities, Target};

fn plain(request: &Request<'_>) -> (Value, Vec<String>) {
    sent(request, |_| {})
}

#[test]
fn results_of_parallel_calls_stand_first_in_one_user_message() {
    let (body, losses) = plain(&request(vec![
        (Role::User, vec![text("go")]),
        (
            Role::Assistant,
            vec![text("ok"), call("a", "{}"), call("b", r#"{"n":1.50}"#)],
        ),
        (Role::Tool, vec![result("a", "1")]),
        (Role::Tool, vec![result("b", "2")]),
        (Role::User, vec![text("and?")]),
    ]));
    assert_eq!(
        shape(&body),
        [
            "user: go",
            "assistant: ok | call a | call b",
            "user: result a | result b | and?"
        ]
    );
    assert_eq!(losses, Vec::<String>::new());
    assert_eq!(body["model"], "up-model");
    assert_eq!(body["max_tokens"], 4000);
}

#[test]
fn leading_system_turns_are_the_system_prompt_and_later_ones_stay_in_place() {
    let mut spoken = request(vec![
        (Role::System, vec![text("one")]),
        (Role::Developer, vec![text("two")]),
        (Role::User, vec![text("hi")]),
        (Role::Developer, vec![text("be brief")]),
        (Role::Assistant, vec![text("ok")]),
        (Role::User, vec![text("so?")]),
    ]);
    let (body, losses) = plain(&spoken);
    assert_eq!(
        body["system"],
        json!([{"type": "text", "text": "one"}, {"type": "text", "text": "two"}])
    );
    assert_eq!(
        shape(&body),
        [
            "user: hi | <system>\nbe brief\n</system>",
            "assistant: ok",
            "user: so?"
        ]
    );
    assert_eq!(losses, ["messages[3] approximated"]);

    let (body, losses) = sent(&spoken, |target| target.abilities.system_turns = true);
    assert_eq!(
        shape(&body),
        ["user: hi", "system: be brief", "assistant: ok", "user: so?"]
    );
    assert!(losses.is_empty());

    spoken.turns.remove(1);
    assert_eq!(plain(&spoken).0["system"], "one");
}

#[test]
fn a_system_turn_is_never_placed_where_the_api_refuses_it() {
    let spoken = request(vec![
        (Role::User, vec![text("hi")]),
        (Role::Assistant, vec![call("a", "{}")]),
        (Role::System, vec![text("between")]),
        (Role::Tool, vec![result("a", "1")]),
        (Role::System, vec![text("before user")]),
        (Role::User, vec![text("next")]),
    ]);
    let (body, _) = sent(&spoken, |target| target.abilities.system_turns = true);
    assert_eq!(
        shape(&body),
        [
            "user: hi",
            "assistant: call a",
            "user: result a | <system>\nbetween\n</system> | <system>\nbefore user\n</system> | next"
        ]
    );
}

#[test]
fn what_the_api_demands_is_added_and_reported() {
    let (body, losses) = plain(&request(vec![
        (Role::Assistant, vec![text("hello")]),
        (Role::User, vec![text(" "), text("")]),
        (Role::Assistant, vec![text("again")]),
    ]));
    assert_eq!(
        shape(&body),
        [
            "user: Begin.",
            "assistant: hello | again",
            "user: Continue."
        ]
    );
    assert_eq!(
        losses,
        [
            "messages[1].content[0] dropped",
            "messages[0].content[0] defaulted",
            "messages[2] approximated"
        ]
    );
    assert_eq!(shape(&plain(&request(vec![])).0), ["user: Begin."]);
}

#[test]
fn calls_and_results_without_partner_are_repaired_and_reported() {
    let mut request = request(vec![
        (Role::User, vec![text("go")]),
        (Role::Assistant, vec![call("a", "{}")]),
        (Role::User, vec![text("never mind")]),
        (Role::Tool, vec![result("gone", "late")]),
    ]);
    let mut repairs = Losses::new();
    crate::tools::prepare(
        &mut request,
        Protocol::Messages,
        &Abilities::default(),
        &mut repairs,
    );
    let (body, _) = plain(&request);
    let losses: Vec<String> = repairs
        .iter()
        .map(|loss| format!("{} {}", loss.path, loss.kind.name()))
        .collect();
    assert_eq!(
        shape(&body),
        [
            "user: go",
            "assistant: call a",
            "user: result a | never mind | Result of tool call gone: | late"
        ]
    );
    assert_eq!(
        losses,
        [
            "messages[3].content[0] approximated",
            "messages[1].content[0] defaulted"
        ]
    );
}

#[test]
fn an_id_that_the_api_refuses_is_changed_alike_in_call_and_result() {
    let (body, losses) = plain(&request(vec![
        (Role::User, vec![text("go")]),
        (Role::Assistant, vec![call("functions.f:0", "{}")]),
        (Role::Tool, vec![result("functions.f:0", "1")]),
    ]));
    let id = &body["messages"][1]["content"][0]["id"];
    assert_eq!(id, &body["messages"][2]["content"][0]["tool_use_id"]);
    assert!(!id.as_str().unwrap().contains(['.', ':']));
    assert!(losses.is_empty());
}

#[test]
fn input_that_is_no_object_is_kept_as_text() {
    let custom = Content::ToolCall(ToolCall {
        id: "c".into(),
        name: "patch".into(),
        kind: ToolKind::Custom,
        input: "*** Begin".into(),
        ..ToolCall::default()
    });
    let calls = vec![call("a", ""), call("b", "{\"x\":"), call("d", "7"), custom];
    let (body, losses) = plain(&request(vec![
        (Role::User, vec![text("go")]),
        (Role::Assistant, calls),
        (
            Role::Tool,
            vec![
                result("a", "1"),
                result("b", "1"),
                result("d", "1"),
                result("c", "1"),
            ],
        ),
    ]));
    let inputs: Vec<_> = (0..4)
        .map(|at| body["messages"][1]["content"][at]["input"].clone())
        .collect();
    assert_eq!(
        inputs,
        [
            json!({}),
            json!({"_raw": "{\"x\":"}),
            json!({"_raw": "7"}),
            json!({"input": "*** Begin"})
        ]
    );
    assert_eq!(
        losses,
        [
            "messages[1].content[1] approximated",
            "messages[1].content[2] approximated"
        ]
    );
}

fn thought(origin: Protocol, issuer: Option<&'static str>, redacted: bool) -> Content<'static> {
    Content::Reasoning(Reasoning {
        text: if redacted { "" } else { "hmm" }.into(),
        redacted,
        sealed: Some(Sealed {
            origin,
            issuer: issuer.map(Into::into),
            data: if redacted {
                crate::seal::withheld("SIG")
            } else {
                "SIG".into()
            },
        }),
        ..Reasoning::default()
    })
}

#[test]
fn thoughts_go_back_to_their_issuer_only() {
    let unsealed = Content::Reasoning(Reasoning {
        text: "bare".into(),
        ..Reasoning::default()
    });
    let (body, losses) = plain(&request(vec![
        (Role::User, vec![text("go")]),
        (
            Role::Assistant,
            vec![
                thought(Protocol::Messages, Some("up"), false),
                thought(Protocol::Messages, None, true),
                thought(Protocol::Messages, Some("other"), false),
                thought(Protocol::Responses, Some("up"), true),
                unsealed,
                text("done"),
            ],
        ),
        (Role::User, vec![text("more")]),
    ]));
    assert_eq!(
        body["messages"][1]["content"],
        json!([
            {"type": "thinking", "thinking": "hmm", "signature": "SIG"},
            {"type": "redacted_thinking", "data": "SIG"},
            {"type": "text", "text": "done"}
        ])
    );
    assert_eq!(losses.len(), 3);
    assert!(losses.iter().all(|loss| loss.ends_with("dropped")));
}

#[test]
fn marks_and_errors_survive() {
    let mut spoken = request(vec![
        (Role::User, vec![text("go")]),
        (Role::Assistant, vec![call("a", "{}")]),
        (
            Role::Tool,
            vec![Content::ToolResult(ToolResult {
                call_id: "a".into(),
                is_error: true,
                ..ToolResult::default()
            })],
        ),
    ]);
    spoken.turns[2].parts[0].cache = Some(CacheMark::new("cache_control", Some("1h".into())));
    let (body, _) = plain(&spoken);
    assert_eq!(
        body["messages"][2]["content"][0],
        json!({"type": "tool_result", "tool_use_id": "a", "is_error": true, "cache_control": {"type": "ephemeral", "ttl": "1h"}})
    );
}

#[test]
fn a_longer_history_begins_with_the_bytes_of_the_shorter_one() {
    let full = || {
        request(vec![
            (Role::System, vec![text("s")]),
            (Role::User, vec![text("a")]),
            (Role::User, vec![text("b")]),
            (
                Role::Assistant,
                vec![thought(Protocol::Messages, None, false), call("1", "{}")],
            ),
            (Role::Tool, vec![result("1", "r")]),
            (Role::Developer, vec![text("d")]),
            (Role::Assistant, vec![text("c")]),
            (Role::User, vec![text("e")]),
        ])
    };
    let at_user = [2, 3, 5, 6, 8];
    let longest = plain(&full()).0;
    let longest = longest["messages"].as_array().unwrap();
    for length in at_user {
        let mut shorter = full();
        shorter.turns.truncate(length);
        let body = plain(&shorter).0;
        assert_eq!(body["system"], "s");
        let messages = body["messages"].as_array().unwrap();
        for (at, message) in messages.iter().enumerate() {
            let blocks = message["content"].as_array().unwrap();
            let longer = longest[at]["content"].as_array().unwrap();
            assert_eq!(message["role"], longest[at]["role"]);
            assert!(longer.starts_with(blocks), "{length}: {blocks:?}");
        }
    }
}

#[test]
fn several_answers_and_stored_ones_are_refused() {
    let refused = |change: fn(&mut Request<'_>)| {
        let mut asked = request(vec![(Role::User, vec![text("hi")])]);
        change(&mut asked);
        Messages
            .encode_request(
                &asked,
                &Target::new("m", "up"),
                &mut Losses::new(),
                &mut Vec::new(),
            )
            .unwrap_err()
    };
    let error = refused(|asked| asked.sampling.n = Some(2));
    assert!(matches!(&error, RequestError::Unsupported { path, .. } if path == "n"));
    let error = refused(|asked| asked.previous_response = Some("resp_1".into()));
    assert!(matches!(error, RequestError::Unsupported { .. }));
}
