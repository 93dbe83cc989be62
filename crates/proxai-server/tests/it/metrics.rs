//! What `/metrics` of the admin listener tells (T4, T10).

use http::Method;
use proxai_testkit::upstream::{Reply, Upstream};
use serde_json::json;

use crate::harness::{CHAT, Client, Got, MESSAGES, RESPONSES, Running};
use crate::quirks::answer;

async fn metrics(gateway: &Running) -> Got {
    // Counted when the last body is dropped, which the log knows.
    gateway.log.last().await;
    let mut admin = Client::connect(gateway.admin).await;
    let host = [("host", "localhost")];
    admin.send(Method::GET, "/metrics", &host, "").await
}

/// Every line is a comment or `name{labels} number`, and each family is described once, before
/// its samples.
fn check_form(page: &str) {
    assert!(page.ends_with('\n'));
    let mut described = Vec::new();
    for line in page.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge"].contains(&kind), "{line}");
            assert!(!described.contains(&name), "{line}");
            described.push(name);
        } else if !line.starts_with("# HELP ") {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            assert_eq!(described.last(), Some(&name), "{line}");
            assert!(value.parse::<u64>().is_ok(), "{line}");
            assert_eq!(series.contains('{'), series.ends_with('}'), "{line}");
        }
    }
}

#[tokio::test]
async fn losses_are_counted_by_place_however_many_a_client_makes_up() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(answer(MESSAGES)));
    let gateway = Running::before(&upstream, MESSAGES);
    for n in 0..3 {
        let mut body = json!({"model": "up/m", "max_tokens": 9, "seed": 7, "messages": [{"role": "user", "name": "ann", "content": "hi"}]});
        body[format!("made_up_{n}")] = json!(n);
        let got = gateway.post("/v1/chat/completions", body.to_string()).await;
        assert_eq!(got.status, 200, "{}", got.text());
    }
    let body = json!({"model": "up/m", "input": "hi"});
    gateway.post("/v1/responses", body.to_string()).await;
    let got = metrics(&gateway).await;
    assert_eq!(
        got.header("content-type"),
        "text/plain; version=0.0.4; charset=utf-8"
    );
    check_form(got.text());
    for line in [
        r#"proxai_losses_total{client="chat",upstream="messages",kind="dropped",path="seed"} 3"#,
        r#"proxai_losses_total{client="chat",upstream="messages",kind="dropped",path="messages[].name"} 3"#,
        r#"proxai_losses_total{client="chat",upstream="messages",kind="dropped",path="other"} 3"#,
        r#"proxai_losses_total{client="responses",upstream="messages",kind="defaulted",path="max_output_tokens"} 1"#,
    ] {
        assert!(got.text().contains(line), "{line}\n{}", got.text());
    }
    assert!(!got.text().contains("made_up"));
}

#[tokio::test]
async fn requests_are_counted_by_status_and_end_and_tokens_by_kind() {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, RESPONSES);
    upstream.will(Reply::json(answer(RESPONSES)));
    gateway
        .post("/v1/responses", r#"{"model":"m","input":"x"}"#)
        .await;
    upstream.will_only(
        Reply::json(r#"{"error":{"message":"no","type":"t","code":"c","param":null}}"#).status(429),
    );
    gateway
        .post("/v1/responses", r#"{"model":"m","input":"x"}"#)
        .await;
    gateway.post("/v1/responses", "{").await;
    let got = metrics(&gateway).await;
    check_form(got.text());
    for line in [
        r#"proxai_requests_total{operation="responses",provider="up",status="2xx",outcome="end"} 1"#,
        r#"proxai_requests_total{operation="responses",provider="up",status="4xx",outcome="error"} 1"#,
        r#"proxai_requests_total{operation="responses",provider="",status="4xx",outcome="error"} 1"#,
        r#"proxai_tokens_total{provider="up",kind="input"} 3"#,
        r#"proxai_tokens_total{provider="up",kind="output"} 2"#,
        "proxai_requests_in_flight 0",
    ] {
        assert!(got.text().contains(line), "{line}\n{}", got.text());
    }
}

#[tokio::test]
async fn metrics_are_on_the_admin_listener_only_and_guarded_like_the_rest_of_it() {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, CHAT);
    assert_eq!(gateway.get("/metrics").await.status, 404);
    let mut admin = Client::connect(gateway.admin).await;
    let got = admin.send(Method::GET, "/metrics", &[], "").await;
    assert_eq!(got.status, 403);
    let host = [("host", "127.0.0.1")];
    let got = admin.send(Method::POST, "/metrics", &host, "x").await;
    assert_eq!(
        (got.status.as_u16(), got.header("allow")),
        (405, "GET, HEAD")
    );
}
