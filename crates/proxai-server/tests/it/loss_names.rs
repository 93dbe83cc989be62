//! What a row's quirks take away is named as the client wrote it, also where the upstream calls it
//! otherwise (T4, P12).

use proxai_testkit::upstream::{Reply, Upstream};
use serde_json::{Value, json};

use crate::harness::{CHAT, RESPONSES, Running};
use crate::quirks::{answer, sent, with_quirks};

fn user() -> Value {
    json!([{"role": "user", "content": "hi"}])
}

/// The losses that a client is told of.
async fn losses(protocol: &str, quirks: &str, path: &str, body: &Value) -> (String, Value) {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(answer(protocol)));
    let gateway = with_quirks(&upstream, protocol, quirks);
    let got = gateway.post(path, body.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.text());
    (got.header("x-proxai-loss").to_owned(), sent(&upstream))
}

#[tokio::test]
async fn a_limit_that_a_quirk_raises_has_the_clients_name() {
    let quirk = "{ min_output_tokens = 16 }";
    for (protocol, member) in [(CHAT, "max_tokens"), (RESPONSES, "max_output_tokens")] {
        let body = json!({"model": "up/m", "max_tokens": 4, "messages": user()});
        let (told, got) = losses(protocol, quirk, "/v1/messages", &body).await;
        assert_eq!(got[member], 16, "{got}");
        assert_eq!(told, "max_tokens approximated");
    }
    let body = json!({"model": "up/m", "max_output_tokens": 4, "input": user()});
    let (told, got) = losses(CHAT, quirk, "/v1/responses", &body).await;
    assert_eq!(got["max_tokens"], 16, "{got}");
    assert_eq!(told, "max_output_tokens approximated");
}

#[tokio::test]
async fn stops_efforts_and_formats_have_the_clients_names() {
    let body = json!({"model": "up/m", "max_tokens": 4, "messages": user(), "stop_sequences": ["a", "b", "c"]});
    let quirk = "{ max_stop_sequences = 2 }";
    let (told, got) = losses(CHAT, quirk, "/v1/messages", &body).await;
    assert_eq!(got["stop"], json!(["a", "b"]), "{got}");
    assert_eq!(told, "stop_sequences[2] dropped");

    let body = json!({"model": "up/m", "input": user(), "reasoning": {"effort": "high"}});
    let quirk = "{ reasoning = { effort_accepted = false } }";
    let (told, got) = losses(CHAT, quirk, "/v1/responses", &body).await;
    assert!(got.get("reasoning_effort").is_none(), "{got}");
    assert_eq!(told, "reasoning.effort dropped");

    let format =
        json!({"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}});
    let body = json!({"model": "up/m", "input": user(), "text": format});
    let (told, got) = losses(
        CHAT,
        "{ json_modes = [\"json_object\"] }",
        "/v1/responses",
        &body,
    )
    .await;
    assert_eq!(got["response_format"]["type"], "json_object", "{got}");
    assert!(told.contains("text.format approximated"), "{told}");
    assert!(!told.contains("response_format"), "{told}");
}

#[tokio::test]
async fn what_an_upstream_refuses_has_the_clients_name_at_once_and_later() {
    let upstream = Upstream::start().await;
    let said = r#"{"error":{"message":"Unknown parameter: 'stop'.","param":"stop","code":"unknown_parameter"}}"#;
    upstream.will(Reply::json(said).status(400));
    upstream.will(Reply::json(answer(CHAT)));
    let gateway = Running::before(&upstream, CHAT);
    let body =
        json!({"model": "up/m", "max_tokens": 4, "messages": user(), "stop_sequences": ["a"]});
    for _ in 0..2 {
        let got = gateway.post("/v1/messages", body.to_string()).await;
        assert_eq!(got.status, 200, "{}", got.text());
        assert_eq!(got.header("x-proxai-loss"), "stop_sequences dropped");
    }
}

#[tokio::test]
async fn a_strict_refusal_names_it_as_the_client_wrote_it() {
    let upstream = Upstream::start().await;
    let gateway = with_quirks(&upstream, CHAT, "{ max_stop_sequences = 1 }");
    let body =
        json!({"model": "up/m", "max_tokens": 4, "messages": user(), "stop_sequences": ["a", "b"]});
    let mut client = gateway.client().await;
    let strict = [("x-proxai-strict", "true")];
    let got = client.post("/v1/messages", &strict, body.to_string()).await;
    assert_eq!(got.status, 400);
    assert!(
        got.text().contains("stop_sequences[1] dropped"),
        "{}",
        got.text()
    );
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn system_messages_that_a_quirk_moves_are_named_where_the_client_put_them() {
    let body = json!({"model": "up/m", "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}]});
    let quirk = "{ system = \"merge_into_user\" }";
    let (told, _) = losses(CHAT, quirk, "/v1/chat/completions", &body).await;
    assert_eq!(told, "messages[0] approximated");
    let body = json!({"model": "up/m", "max_tokens": 4, "system": "be brief", "messages": user()});
    let (told, got) = losses(CHAT, quirk, "/v1/messages", &body).await;
    assert_eq!(got["messages"][0]["role"], "user");
    assert_eq!(told, "system approximated");
    let body = json!({"model": "up/m", "instructions": "be brief", "input": user()});
    let (told, _) = losses(CHAT, quirk, "/v1/responses", &body).await;
    assert_eq!(told, "instructions approximated");
}
