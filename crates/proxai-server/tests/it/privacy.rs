//! Whose secrets go where (P4).

use proxai_testkit::upstream::{Reply, Upstream};

use crate::harness::{MESSAGES, Running, protocols};

const SECRET: &str = "sk-client-9f3";

#[tokio::test]
async fn no_client_credential_goes_upstream_on_any_path() {
    let carriers = [
        "authorization",
        "x-api-key",
        "api-key",
        "cookie",
        "x-goog-api-key",
        "proxy-authorization",
        "x-forwarded-for",
        "x-vendor-api-key",
        "x-named-in-connection",
        "openai-organization",
    ];
    let mut headers: Vec<(&str, &str)> = carriers.iter().map(|name| (*name, SECRET)).collect();
    headers.push(("connection", "x-named-in-connection, keep-alive"));
    headers.push(("user-agent", "agent/1"));
    let mut paths: Vec<(&str, &str, &str)> = protocols()
        .iter()
        .map(|(path, protocol, request, _)| (*path, *protocol, *request))
        .collect();
    paths.push(("/v1/messages", "openai_chat_completions", protocols()[2].2));
    paths.push((
        "/v1/embeddings",
        "openai_chat_completions",
        "{\"model\":\"e\",\"input\":\"x\"}",
    ));
    paths.push(("/v1/files", "openai_chat_completions", "{}"));
    for (path, protocol, request) in paths {
        let upstream = Upstream::start().await;
        upstream.will(Reply::json("{}"));
        let gateway = Running::before(&upstream, protocol);
        let got = gateway.client().await.post(path, &headers, request).await;
        let sent = upstream.last();
        let seen = format!("{sent:?}");
        assert!(!seen.contains(SECRET), "{path}: {seen}");
        assert!(seen.contains("sk-upstream"), "{path}: {seen}");
        assert_eq!(sent.header("accept-encoding"), "identity", "{path}");
        let answer = format!("{:?} {}", got.headers, got.text());
        assert!(!answer.contains("sk-upstream"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn protocol_headers_pass_where_they_are_understood() {
    let headers = [
        ("anthropic-beta", "tools-1"),
        ("anthropic-version", "2099-01-01"),
        ("idempotency-key", "i-1"),
    ];
    let (_, _, request, _) = protocols()[2];
    for (protocol, beta, version) in [
        (MESSAGES, "tools-1", "2099-01-01"),
        ("openai_chat_completions", "", ""),
    ] {
        let upstream = Upstream::start().await;
        let gateway = Running::before(&upstream, protocol);
        gateway
            .client()
            .await
            .post("/v1/messages", &headers, request)
            .await;
        let sent = upstream.last();
        assert_eq!(sent.header("anthropic-beta"), beta, "{protocol}");
        assert_eq!(sent.header("anthropic-version"), version, "{protocol}");
        assert_eq!(sent.header("idempotency-key"), "i-1", "{protocol}");
    }
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, MESSAGES);
    gateway.post("/v1/messages", request).await;
    assert_eq!(upstream.last().header("anthropic-version"), "2023-06-01");
}
