//! Members of tools and messages, and roles, that a strict dialect refuses (P12): the request goes
//! again without them, once, and so it does from then on. What real clients send to real dialects.

use proxai_testkit::upstream::{Reply, Upstream};
use serde_json::{Value, json};

use crate::harness::{CHAT, MESSAGES, Running};
use crate::quirks::{answer, sent};

/// Asks twice. The first time the upstream refuses and is asked again, the second time it is asked
/// right away in the way it accepts, which is returned with the reported losses.
async fn learned(
    protocol: &'static str,
    said: &'static str,
    path: &str,
    body: &Value,
) -> (Value, String) {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, protocol);
    upstream.will(Reply::json(said).status(400));
    upstream.will(Reply::json(answer(protocol)));
    let mut wants = Vec::new();
    for asked in [2, 3] {
        let got = gateway.post(path, body.to_string()).await;
        assert_eq!(got.status, 200, "{}", got.text());
        assert_eq!(upstream.received().len(), asked);
        wants.push((sent(&upstream), got.header("x-proxai-loss").to_owned()));
    }
    assert_eq!(wants[0], wants[1]);
    wants.swap_remove(1)
}

fn late_system() -> Value {
    json!({
        "model": "up/m", "max_tokens": 9, "system": "You plan hikes.",
        "messages": [
            {"role": "user", "content": "Two days, please."},
            {"role": "system", "content": "The hut is closed."},
            {"role": "assistant", "content": "Day one:"},
            {"role": "user", "content": "And then?"},
        ],
    })
}

#[tokio::test]
async fn late_system_messages_become_marked_text_where_the_dialect_has_no_such_role() {
    for said in [
        r#"{"error":{"message":"Failed to deserialize the JSON body into the target type: messages[1].role: unknown variant `system`, expected `user` or `assistant` at line 1 column 190","type":"invalid_request_error"}}"#,
        r#"{"error":{"message":"1 validation error:\n  {'type': 'literal_error', 'loc': ('body', 'messages', 1, 'role'), 'msg': \"Input should be 'user' or 'assistant'\", 'input': 'system'}","type":"Bad Request","param":null,"code":400}}"#,
        r#"{"type":"error","error":{"type":"invalid_request_error","message":"role 'system' is not supported on this model"}}"#,
    ] {
        let (sent, losses) =
            learned(MESSAGES, said, "/v1/messages?beta=true", &late_system()).await;
        assert_eq!(sent["system"], "You plan hikes.");
        assert_eq!(
            sent["messages"],
            json!([
                {"role": "user", "content": "Two days, please.\n\n<system>\nThe hut is closed.\n</system>"},
                {"role": "assistant", "content": "Day one:"},
                {"role": "user", "content": "And then?"},
            ])
        );
        assert!(losses.contains("messages[1]"), "{losses}");
    }
}

#[tokio::test]
async fn a_chat_template_without_a_system_role_gets_it_in_the_users_text() {
    let said = r#"{"object":"error","message":"System role not supported","type":"BadRequestError","param":null,"code":400}"#;
    let body = json!({"model": "up/m", "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi"},
    ]});
    let (sent, _) = learned(CHAT, said, "/v1/chat/completions", &body).await;
    assert_eq!(
        sent["messages"],
        json!([{"role": "user", "content": "Be brief.\n\nhi"}])
    );
}

#[tokio::test]
async fn developer_becomes_system_where_there_is_no_developer() {
    let said = r#"{"error":{"message":"unknown variant `developer`, expected one of `system`, `user`, `assistant`, `tool`: messages[0].role","type":"invalid_request_error"}}"#;
    let body = json!({"model": "up/m", "messages": [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "hi"},
    ]});
    let (sent, _) = learned(CHAT, said, "/v1/chat/completions", &body).await;
    assert_eq!(
        sent["messages"][0],
        json!({"role": "system", "content": "Be brief."})
    );
}

#[tokio::test]
async fn members_of_tools_and_messages_are_left_out_of_all_of_them() {
    let tool = |name: &str| json!({"name": name, "input_schema": {"type": "object"}, "defer_loading": true});
    let body = json!({"model": "up/m", "max_tokens": 9, "tools": [tool("a"), tool("b")],
        "messages": [{"role": "user", "content": "hi"}]});
    let said = r#"{"type":"error","error":{"type":"invalid_request_error","message":"tools.0.custom.defer_loading: Extra inputs are not permitted"}}"#;
    let (sent, losses) = learned(MESSAGES, said, "/v1/messages", &body).await;
    for tool in sent["tools"].as_array().unwrap() {
        assert!(tool.get("defer_loading").is_none(), "{tool}");
        assert!(tool.get("input_schema").is_some(), "{tool}");
    }
    assert!(losses.contains("tools[].defer_loading dropped"), "{losses}");

    let said = r#"{"error":{"message":"Extra inputs are not permitted, field: 'messages[1].refusal', value: None","code":400}}"#;
    let body = json!({"model": "up/m", "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": "hello", "refusal": null},
        {"role": "user", "content": "again"},
    ]});
    let (sent, _) = learned(CHAT, said, "/v1/chat/completions", &body).await;
    assert_eq!(
        sent["messages"][1],
        json!({"role": "assistant", "content": "hello"})
    );
}
