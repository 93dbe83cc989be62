//! Everything that is no answer, in the client's dialect (X1, X2, X4).

use http::Method;
use proxai_gateway::Outcome;
use proxai_testkit::upstream::{Ending, Reply, Upstream};

use crate::harness::{CHAT, Got, MESSAGES, RESPONSES, Running, one};

const PATHS: [(&str, &str, &str); 3] = [
    (
        "/v1/chat/completions",
        CHAT,
        "{\"model\":\"m\",\"messages\":[]}",
    ),
    (
        "/v1/responses",
        RESPONSES,
        "{\"model\":\"m\",\"input\":\"x\"}",
    ),
    (
        "/v1/messages",
        MESSAGES,
        "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[]}",
    ),
];

/// Whether an error body has the shape of the path's dialect.
fn has_shape(path: &str, got: &Got) -> bool {
    let body = got.json();
    let message = body["error"]["message"]
        .as_str()
        .is_some_and(|text| !text.is_empty());
    let kind = body["error"]["type"].is_string();
    if path.contains("messages") {
        message && kind && body["type"] == "error"
    } else {
        message
            && kind
            && body["error"].get("code").is_some()
            && body["error"].get("param").is_some()
    }
}

#[tokio::test]
async fn what_proxai_itself_refuses_has_the_dialects_shape() {
    let upstream = Upstream::start().await;
    for (path, protocol, good) in PATHS {
        let limit = "[server]\nmax_request_body_bytes = 2000";
        let gateway = Running::start(&one(&upstream, protocol, limit));
        let mut client = gateway.client().await;
        let large = format!("{{\"model\":\"{}\"}}", "x".repeat(3000));
        for (method, headers, body, status) in [
            (Method::GET, &[][..], "", 405),
            (Method::DELETE, &[], "", 405),
            (Method::POST, &[], "{\"model\":\"m\",}", 400),
            (Method::POST, &[], "[]", 400),
            (Method::POST, &[], "", 400),
            (Method::POST, &[], "{\"model\":\"a\",\"model\":\"b\"}", 400),
            (Method::POST, &[("content-encoding", "compress")], good, 415),
            (Method::POST, &[("content-encoding", "gzip")], good, 400),
            (Method::POST, &[], &large, 413),
        ] {
            let got = client
                .send(method.clone(), path, headers, body.to_owned())
                .await;
            let what = format!("{method} {path} {}", got.text());
            assert_eq!(got.status, status, "{what}");
            assert!(has_shape(path, &got), "{what}");
            assert!(!got.header("x-proxai-request-id").is_empty());
            assert_eq!(status == 405, got.header("allow") == "POST", "{what}");
            assert_eq!(
                status == 415,
                got.header("accept-encoding").contains("zstd"),
                "{what}"
            );
        }
        assert!(
            upstream.received().is_empty(),
            "nothing of this goes upstream"
        );
    }
}

#[tokio::test]
async fn a_path_that_is_none_is_404_and_reaches_nobody() {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, CHAT);
    for path in ["/", "/v2/chat/completions", "/admin/v1/status", "/metrics"] {
        let got = gateway.get(path).await;
        assert_eq!(got.status, 404, "{path}");
        assert!(has_shape(path, &got), "{path}: {}", got.text());
    }
    for path in ["/v1/../secret", "/v1/files/%2e%2e/secret"] {
        let got = gateway.get(path).await;
        assert_eq!(got.status, 400, "{path}: {}", got.text());
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn a_websocket_is_refused_with_the_status_after_which_clients_go_on_with_post() {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, RESPONSES);
    let handshake = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ];
    let mut client = gateway.client().await;
    let got = client
        .send(Method::GET, "/v1/responses", &handshake, "")
        .await;
    assert_eq!(got.status, 426, "{}", got.text());
    assert!(has_shape("/v1/responses", &got), "{}", got.text());
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn malformed_json_is_told_with_line_column_and_path() {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, CHAT);
    let got = gateway
        .post(
            "/v1/chat/completions",
            "{\"model\":\"m\",\n\"messages\":[{\"role\":}]}",
        )
        .await;
    let error = &got.json()["error"];
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("line 2 column 21"), "{message}");
    assert_eq!(error["param"], "messages[0].role");
    assert_eq!(error["code"], "invalid_json");
}

#[tokio::test]
async fn an_error_of_the_own_dialect_comes_back_as_it_is_with_its_headers() {
    let body = "{ \"error\": {\"message\":\"slow down\", \"type\":\"rate\", \"code\":\"x9\"} }";
    let upstream = Upstream::start().await;
    upstream.will(
        Reply::json(body)
            .status(429)
            .header("retry-after", "7")
            .header("retry-after-ms", "6500")
            .header("x-ratelimit-remaining-requests", "0")
            .header("x-request-id", "up-1")
            .header("openai-organization", "acme")
            .header("set-cookie", "a=b"),
    );
    let gateway = Running::before(&upstream, CHAT);
    let got = gateway.post(PATHS[0].0, PATHS[0].2).await;
    assert_eq!((got.status.as_u16(), got.text()), (429, body));
    assert_eq!(got.header("retry-after"), "7");
    assert_eq!(got.header("retry-after-ms"), "6500");
    assert_eq!(got.header("x-ratelimit-remaining-requests"), "0");
    assert_eq!(got.header("x-request-id"), "up-1");
    assert_eq!(got.header("openai-organization"), "");
    assert_eq!(got.header("set-cookie"), "");
    assert_eq!(got.header("x-proxai-provider"), "up");
    assert_eq!(gateway.log.records()[0].outcome, Outcome::Error);
}

#[tokio::test]
async fn an_error_page_becomes_an_error_of_the_dialect_with_its_status() {
    for (path, protocol, request) in PATHS {
        let upstream = Upstream::start().await;
        upstream.will(
            Reply::new("text/html", vec!["<html><body>oops</body></html>".into()]).status(500),
        );
        let gateway = Running::before(&upstream, protocol);
        let got = gateway.post(path, request).await;
        assert_eq!(got.status, 500, "{}", got.text());
        assert!(has_shape(path, &got), "{}", got.text());
        // A page where an answer should be is no answer either.
        upstream.will_only(Reply::new("text/html", vec!["<html></html>".into()]));
        let got = gateway.post(path, request).await;
        assert_eq!(got.status, 502, "{}", got.text());
        assert!(has_shape(path, &got), "{}", got.text());
    }
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_502_and_says_what_to_do() {
    for (path, protocol, request) in PATHS {
        let upstream = Upstream::start().await;
        let config = one(&upstream, protocol, "");
        drop(upstream);
        let gateway = Running::start(&config);
        let got = gateway.post(path, request).await;
        assert_eq!(got.status, 502, "{}", got.text());
        assert!(has_shape(path, &got), "{}", got.text());
        assert!(
            got.text()
                .contains("start the server or correct the base URL"),
            "{}",
            got.text()
        );
        assert!(!got.text().contains("sk-upstream"));
    }
}

#[tokio::test]
async fn an_upstream_that_breaks_off_before_its_answer_is_502() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::new("application/json", vec![]).ending(Ending::Abort));
    let gateway = Running::before(&upstream, CHAT);
    let got = gateway.post(PATHS[0].0, PATHS[0].2).await;
    assert_eq!(got.status, 502, "{}", got.text());
}

#[tokio::test]
async fn an_upstream_that_does_not_answer_in_time_is_504() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::new("application/json", vec![]).ending(Ending::Hang));
    let config = one(&upstream, CHAT, "").replace("timeout_secs = 5", "timeout_secs = 1");
    let gateway = Running::start(&config);
    let got = gateway.post(PATHS[0].0, PATHS[0].2).await;
    assert_eq!(got.status, 504, "{}", got.text());
}

#[tokio::test]
async fn a_success_that_holds_an_error_is_none() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json("{\"error\":{\"message\":\"no such model\",\"type\":\"invalid_request_error\",\"code\":\"model_not_found\"}}"));
    let gateway = Running::before(&upstream, CHAT);
    let got = gateway.post(PATHS[0].0, PATHS[0].2).await;
    assert!(got.status.as_u16() >= 400, "{} {}", got.status, got.text());
    assert!(got.text().contains("no such model"));
    upstream.will_only(Reply::json("{\"id\":\"r\",\"error\":null,\"output\":[]}"));
    assert_eq!(gateway.post(PATHS[0].0, PATHS[0].2).await.status, 200);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let upstream = Upstream::start().await;
    upstream.will(
        Reply::json("")
            .status(307)
            .header("location", "http://127.0.0.1:9/v1?k=1"),
    );
    let gateway = Running::before(&upstream, CHAT);
    let got = gateway.post(PATHS[0].0, PATHS[0].2).await;
    assert_eq!(got.status, 502);
    assert!(
        got.text().contains("points to http://127.0.0.1:9/v1;"),
        "{}",
        got.text()
    );
    assert_eq!(upstream.received().len(), 1);
}

#[tokio::test]
async fn the_text_format_gives_the_message_alone() {
    let upstream = Upstream::start().await;
    let gateway = Running::start(&one(
        &upstream,
        CHAT,
        "[error_responses]\nformat = \"text\"",
    ));
    let got = gateway.post(PATHS[0].0, "{").await;
    assert_eq!(got.status, 400);
    assert!(got.header("content-type").starts_with("text/plain"));
    assert!(
        got.text()
            .starts_with("the request body is not a JSON object")
    );
}

#[tokio::test]
async fn a_provider_without_its_key_is_a_fault_that_no_client_asks_again_about() {
    let upstream = Upstream::start().await;
    for (path, protocol, body) in PATHS {
        let config = one(&upstream, protocol, "").replace("api_key = \"sk-upstream\"\n", "");
        let gateway = Running::start(&format!(
            "{config}auth = {{ style = \"bearer\", required = true }}\n"
        ));
        let got = gateway.post(path, body).await;
        assert_eq!(got.status, 503, "{}", got.text());
        assert!(has_shape(path, &got), "{}", got.text());
        assert_eq!(got.header("x-should-retry"), "false");
        let error = &got.json()["error"];
        if protocol == MESSAGES {
            assert_eq!(error["type"], "api_error");
        } else {
            assert_eq!(error["type"], "server_error");
            assert_eq!(error["code"], "provider_not_configured");
        }
        let record = gateway.log.last().await;
        assert_eq!(record.error.as_deref(), Some("provider_not_configured"));
    }
    assert!(upstream.received().is_empty());
}
