//! What the documentation of another proxy promises to local clients (`docs/seeds.md`).

use http::Method;
use proxai_testkit::upstream::{Reply, Upstream};
use serde_json::{Value, json};

use crate::harness::{CHAT, Got, MESSAGES, RESPONSES, Running, one};
use crate::seeds::{BODY, CHAT_PATH, body, hello};

#[tokio::test]
async fn the_path_alone_decides_the_protocol_of_the_client() {
    let upstream = Upstream::start().await;
    upstream.will(hello());
    let gateway = Running::before(&upstream, CHAT);
    // A body that all three can read.
    let request = "{\"model\":\"m\",\"max_tokens\":9,\"input\":\"hi\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
    let kind = |got: &Got| {
        let answer = got.json();
        let key = if answer["object"].is_null() {
            "type"
        } else {
            "object"
        };
        answer[key].as_str().unwrap().to_owned()
    };
    for (path, expected) in [
        ("/v1/chat/completions", "chat.completion"),
        ("/chat/completions", "chat.completion"),
        ("/v1/responses", "response"),
        ("/responses", "response"),
        ("/v1/messages", "message"),
        ("/messages", "message"),
    ] {
        let got = gateway.post(path, request).await;
        assert_eq!(got.status, 200, "{path}: {}", got.text());
        assert_eq!(kind(&got), expected, "{path}");
    }
}

#[tokio::test]
async fn a_placeholder_satisfies_the_client_and_the_providers_key_goes_up_as_its_protocol_wants() {
    for (protocol, path, header, value) in [
        (CHAT, CHAT_PATH, "authorization", "Bearer sk-upstream"),
        (
            RESPONSES,
            "/v1/responses",
            "authorization",
            "Bearer sk-upstream",
        ),
        (MESSAGES, "/v1/messages", "x-api-key", "sk-upstream"),
    ] {
        let upstream = Upstream::start().await;
        let gateway = Running::before(&upstream, protocol);
        for placeholder in [
            vec![],
            vec![("authorization", "Bearer local-placeholder")],
            vec![("x-api-key", "local-placeholder")],
        ] {
            let mut client = gateway.client().await;
            let request = "{\"model\":\"m\",\"max_tokens\":9,\"input\":\"hi\",\"messages\":[]}";
            let got = client.send(Method::POST, path, &placeholder, request).await;
            assert_eq!(got.status, 200, "{protocol}: {}", got.text());
            let sent = upstream.last();
            assert_eq!(sent.header(header), value, "{protocol}");
            assert!(!format!("{sent:?}").contains("local-placeholder"));
        }
    }
}

#[tokio::test]
async fn a_route_matches_the_clients_model_and_sends_its_own() {
    let (minimax, other) = (Upstream::start().await, Upstream::start().await);
    let gateway = Running::start(&format!(
        "[[routing.routes]]\nrequest_protocol = \"{CHAT}\"\nmatch_kind = \"exact\"\nmodel_pattern = \"MiniMax-M3-preview\"\nprovider = \"minimax\"\nupstream_model = \"MiniMax-M3\"\n[providers.minimax]\nbase_url = \"{}\"\napi_key = \"sk-mm\"\n{}",
        minimax.base_url(),
        one(&other, CHAT, ""),
    ));
    let asks = |model: &str| {
        json!({"model": model, "messages": [{"role": "user", "content": "hi"}]}).to_string()
    };
    gateway.post(CHAT_PATH, asks("MiniMax-M3-preview")).await;
    assert_eq!(body(&minimax)["model"], "MiniMax-M3");
    assert_eq!(minimax.last().header("authorization"), "Bearer sk-mm");
    // The name that goes upstream is no name for clients.
    gateway.post(CHAT_PATH, asks("MiniMax-M3")).await;
    assert_eq!(body(&other)["model"], "MiniMax-M3");
    assert_eq!(minimax.received().len(), 1);
}

#[tokio::test]
async fn errors_are_json_for_programs_and_text_for_people() {
    for (format, content_type) in [("json", "application/json"), ("text", "text/plain")] {
        let upstream = Upstream::start().await;
        upstream.will(Reply::json("{\"error\":{\"message\":\"no such tide\"}}").status(400));
        let section = format!("[error_responses]\nformat = \"{format}\"\n");
        let gateway = Running::start(&one(&upstream, CHAT, &section));
        let got = gateway.post(CHAT_PATH, BODY).await;
        assert_eq!(got.status, 400);
        assert!(
            got.header("content-type").starts_with(content_type),
            "{:?}",
            got.headers
        );
        if format == "json" {
            assert_eq!(got.json()["error"]["message"], "no such tide");
        } else {
            assert_eq!(got.text().trim_end(), "no such tide");
        }
    }
}

#[tokio::test]
async fn each_protocol_has_its_own_last_word() {
    let chunk = |delta: Value, finish: Value| {
        format!(
            "data: {}\n\n",
            json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m",
                "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
        )
    };
    let stream = [
        chunk(
            json!({"role": "assistant", "content": "hello"}),
            Value::Null,
        ),
        chunk(json!({}), json!("stop")),
        "data: [DONE]\n\n".to_owned(),
    ]
    .concat();
    let upstream = Upstream::start().await;
    upstream.will(Reply::frames(&stream));
    let gateway = Running::before(&upstream, CHAT);
    let request = "{\"model\":\"m\",\"max_tokens\":9,\"stream\":true,\"input\":\"hi\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
    for (path, last) in [
        (CHAT_PATH, &["data: [DONE]\n"][..]),
        (
            "/v1/responses",
            &["event: response.completed\n", "data: [DONE]\n"],
        ),
        ("/v1/messages", &["event: message_stop\n"]),
    ] {
        let got = gateway.post(path, request).await;
        let frames: Vec<&str> = got.text().trim_end().split("\n\n").collect();
        for (frame, start) in frames[frames.len() - last.len()..].iter().zip(last) {
            assert!(
                format!("{frame}\n").starts_with(start),
                "{path}: {}",
                got.text()
            );
            assert_eq!(got.text().matches(start).count(), 1, "{path}");
        }
    }
}

#[tokio::test]
async fn a_route_of_its_own_answers_every_kind_of_client() {
    let upstream = Upstream::start().await;
    upstream.will(hello());
    let endpoint = format!("{}/chat/completions", upstream.base_url());
    let gateway = Running::start(&format!(
        "[[routing.routes]]\npath = \"/hybrid\"\n[[routing.routes.instances]]\nprovider = \"openai-compatible\"\noptions = {{ model = \"own-model\" }}\noverride = {{ endpoint = \"{endpoint}\" }}\n"
    ));
    // No body names a model: the route does.
    for (path, request) in [
        (
            "/hybrid/chat/completions",
            "{\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
        ),
        ("/hybrid/responses", "{\"input\":\"hi\"}"),
        (
            "/hybrid/messages",
            "{\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
        ),
    ] {
        let got = gateway.post(path, request).await;
        assert_eq!(got.status, 200, "{path}: {}", got.text());
        assert_eq!(body(&upstream)["model"], "own-model", "{path}");
    }
}
