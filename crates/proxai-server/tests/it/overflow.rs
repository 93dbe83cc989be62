//! A full context is what the clients of the dialect act on, whatever the vendor calls it, also
//! where nothing else of the error changes (X1, X3, case 114).

use proxai_testkit::upstream::{Reply, Upstream};
use serde_json::Value;

use crate::harness::{CHAT, MESSAGES, RESPONSES, Running};

const CODE: &str = r#""context_length_exceeded""#;

/// Path, protocol and a request.
const ENDPOINTS: [(&str, &str, &str); 3] = [
    (
        "/v1/chat/completions",
        CHAT,
        r#"{"model":"up/m","messages":[{"role":"user","content":"x"}]}"#,
    ),
    (
        "/v1/responses",
        RESPONSES,
        r#"{"model":"up/m","input":"x"}"#,
    ),
    (
        "/v1/messages",
        MESSAGES,
        r#"{"model":"up/m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}"#,
    ),
];

/// What vendors answer, and their bytes with the one member that clients act on.
fn vendors() -> Vec<(&'static str, u16, String, String)> {
    let llama = r#"{ "error":{"code":400,"message":"request (9 tokens) exceeds the available context size (8 tokens), try increasing it","type":"exceed_context_size_error","n_prompt_tokens":9,"n_ctx":8}}"#;
    let vllm = r#"{"error":{"message":"This model's maximum context length is 8 tokens. However, you requested 9 tokens. Please reduce the length of the messages.","type":"BadRequestError","param":null,"code":null}}"#;
    let kimi = r#"{"error":{"message":"Invalid request: Your request exceeded model token limit: 8 (requested: 9)", "type":"invalid_request_error"}}"#;
    let mistral = r#"{"error":{"code":"3051","message":"Prompt contains 9 tokens, too large for model with 8 maximum context length"}}"#;
    let mut all = Vec::new();
    for protocol in [CHAT, RESPONSES] {
        for (own, told) in [
            (
                llama,
                llama.replace(r#""code":400"#, &format!(r#""code":{CODE}"#)),
            ),
            (
                vllm,
                vllm.replace(r#""code":null"#, &format!(r#""code":{CODE}"#)),
            ),
            (
                kimi,
                kimi.replace(
                    r#""type":"invalid_request_error""#,
                    &format!(r#""type":"invalid_request_error","code":{CODE}"#),
                ),
            ),
            // Where something is changed at all, a missing type is supplied.
            (
                mistral,
                mistral
                    .replace(r#""3051""#, CODE)
                    .replace("}}", r#","type":"invalid_request_error"}}"#),
            ),
        ] {
            all.push((protocol, 400, own.to_owned(), told));
        }
    }
    let server = r#"{"type":"error", "error":{"type":"api_error","message":"This model's maximum context length is 8 tokens."},"request_id":null}"#;
    let typed = r#"{"type":"error","error":{"type":"exceed_context_size_error","message":"request (9 tokens) exceeds the available context size (8 tokens)","n_ctx":8}}"#;
    all.push((
        MESSAGES,
        500,
        server.to_owned(),
        server.replace("This", "prompt is too long: This"),
    ));
    all.push((
        MESSAGES,
        400,
        typed.to_owned(),
        typed.replace("request (", "prompt is too long: request ("),
    ));
    all
}

#[tokio::test]
async fn within_one_protocol_only_the_member_that_is_acted_on_changes() {
    for (protocol, status, own, told) in vendors() {
        let upstream = Upstream::start().await;
        upstream.will(Reply::json(own.clone()).status(status));
        let gateway = Running::before(&upstream, protocol);
        let (path, _, ask) = ENDPOINTS.iter().find(|it| it.1 == protocol).unwrap();
        let got = gateway.post(path, *ask).await;
        assert_eq!(got.status.as_u16(), status, "{}", got.text());
        assert_eq!(got.text(), told);
        // A success that holds the same error is told in the same words (X4).
        upstream.will_only(Reply::json(own));
        let got = gateway.post(path, *ask).await;
        assert!(got.status.as_u16() >= 400, "{}", got.status);
        assert_eq!(got.text(), told);
    }
}

#[tokio::test]
async fn every_client_learns_of_the_overflow_of_every_upstream() {
    for (spoken, status, own, _) in vendors() {
        for (path, _, ask) in ENDPOINTS {
            let upstream = Upstream::start().await;
            upstream.will(Reply::json(own.clone()).status(status));
            let gateway = Running::before(&upstream, spoken);
            let got = gateway.post(path, ask).await;
            let error = &got.json()["error"];
            if path == "/v1/messages" {
                let message = error["message"].as_str().unwrap();
                assert!(message.starts_with("prompt is too long"), "{message}");
            } else {
                assert_eq!(error["code"], "context_length_exceeded", "{}", got.text());
            }
        }
    }
}

#[tokio::test]
async fn an_overflow_where_the_stream_should_begin_is_a_status_with_its_code() {
    let upstream = Upstream::start().await;
    let said = r#"{"error":{"message":"request (9 tokens) exceeds the available context size (8 tokens)","type":"exceed_context_size_error","code":400}}"#;
    upstream.will(Reply::events(format!("data: {said}\n\n")));
    let gateway = Running::before(&upstream, CHAT);
    let ask = r#"{"model":"m","stream":true,"messages":[]}"#;
    let got = gateway.post("/v1/chat/completions", ask).await;
    assert_eq!(got.status, 400);
    assert_eq!(got.json()["error"]["code"], "context_length_exceeded");
}

#[tokio::test]
async fn other_errors_and_those_that_say_it_already_keep_every_byte() {
    for (endpoint, own) in [
        (
            0,
            r#"{ "error":{"message":"x", "type":"t","code":"context_length_exceeded"}}"#,
        ),
        (
            0,
            r#"{ "error":{"message":"max_tokens exceeds the limit of 8","code":400}}"#,
        ),
        (1, r#"{ "error":{"message":"no", "code":null}}"#),
        (
            2,
            r#"{ "type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8 maximum"}}"#,
        ),
    ] {
        let (path, protocol, ask): (_, _, &str) = ENDPOINTS[endpoint];
        let upstream = Upstream::start().await;
        upstream.will(Reply::json(own).status(400));
        let gateway = Running::before(&upstream, protocol);
        let got = gateway.post(path, ask).await;
        assert_eq!((got.status.as_u16(), got.text()), (400, own));
        let _: Value = got.json();
    }
}
