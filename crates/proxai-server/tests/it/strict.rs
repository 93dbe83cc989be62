//! A request that rather fails than loses something (T4, R9).

use proxai_testkit::upstream::{Reply, Upstream};
use serde_json::json;

use crate::harness::{CHAT, MESSAGES, Running, one};
use crate::quirks::{answer, requests};

const STRICT: (&str, &str) = ("x-proxai-strict", "true");

/// Something for each protocol that a Messages upstream cannot be told, and its paths.
fn lossy() -> [(&'static str, serde_json::Value, &'static [&'static str]); 2] {
    let user = json!([{"role": "user", "content": "hi"}]);
    [
        (
            "/v1/chat/completions",
            json!({"model": "up/m", "max_tokens": 9, "messages": user, "seed": 7, "logit_bias": {"1": 2}}),
            &["seed", "logit_bias"],
        ),
        (
            "/v1/responses",
            json!({"model": "up/m", "max_output_tokens": 99, "input": user, "truncation": "auto", "unheard_of": 1}),
            &["truncation", "unheard_of"],
        ),
    ]
}

#[tokio::test]
async fn every_path_that_would_be_lost_is_named_and_nothing_is_sent() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(answer(MESSAGES)));
    let gateway = Running::before(&upstream, MESSAGES);
    for (path, body, lost) in lossy() {
        let mut client = gateway.client().await;
        let got = client.post(path, &[STRICT], body.to_string()).await;
        assert_eq!(got.status, 400, "{}", got.text());
        let error = &got.json()["error"];
        assert_eq!(error["code"], "strict_loss");
        for name in lost {
            assert!(
                error["message"].as_str().unwrap().contains(name),
                "{name}: {error}"
            );
        }
        assert!(upstream.received().is_empty());
    }
    // Without the wish the same requests are sent, and the losses are told.
    for (path, body, lost) in lossy() {
        let got = gateway.post(path, body.to_string()).await;
        assert_eq!(got.status, 200, "{}", got.text());
        for name in lost {
            assert!(got.header("x-proxai-loss").contains(name), "{name}");
        }
    }
}

#[tokio::test]
async fn the_refusal_has_the_clients_own_shape_and_streams_are_refused_too() {
    let upstream = Upstream::start().await;
    let config = format!(
        "{}quirks = {{ temperature = {{ max = 0.5 }} }}\n",
        one(&upstream, CHAT, "")
    );
    let gateway = Running::start(&config);
    for stream in [false, true] {
        for (path, body) in requests(stream) {
            let mut client = gateway.client().await;
            let got = client.post(path, &[STRICT], body.to_string()).await;
            assert_eq!(got.status, 400, "{path}");
            let error = got.json();
            assert_eq!(error["type"] == "error", path == "/v1/messages", "{error}");
            let message = error["error"]["message"].as_str().unwrap();
            assert!(message.contains("temperature approximated"), "{message}");
        }
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn a_strict_request_that_loses_nothing_is_served_and_gets_no_second_try() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(answer(CHAT)));
    let gateway = Running::before(&upstream, CHAT);
    for (path, body) in requests(false) {
        let mut client = gateway.client().await;
        let got = client.post(path, &[STRICT], body.to_string()).await;
        assert_eq!(got.status, 200, "{path}: {}", got.text());
        assert_eq!(upstream.last().header("x-proxai-strict"), "");
    }
    let said = r#"{"error":{"message":"Unknown parameter: 'temperature'.","param":"temperature","code":"unknown_parameter"}}"#;
    upstream.will_only(Reply::json(said).status(400));
    let before = upstream.received().len();
    let (path, body) = &requests(false)[0];
    let mut client = gateway.client().await;
    let got = client.post(path, &[STRICT], body.to_string()).await;
    assert_eq!((got.status.as_u16(), got.text()), (400, said));
    assert_eq!(upstream.received().len(), before + 1);
}

#[tokio::test]
async fn what_would_be_made_up_is_refused_too_and_said_it_is_sent() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(answer(MESSAGES)));
    let gateway = Running::before(&upstream, MESSAGES);
    let user = json!([{"role": "user", "content": "hi"}]);
    for (path, mut body, limit) in [
        (
            "/v1/chat/completions",
            json!({"model": "up/m", "messages": user}),
            "max_completion_tokens",
        ),
        (
            "/v1/responses",
            json!({"model": "up/m", "input": user}),
            "max_output_tokens",
        ),
    ] {
        let before = upstream.received().len();
        let mut client = gateway.client().await;
        let got = client.post(path, &[STRICT], body.to_string()).await;
        assert_eq!(got.status, 400, "{path}: {}", got.text());
        let error = &got.json()["error"];
        assert_eq!(error["code"], "strict_loss");
        assert_eq!(error["param"], limit);
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(&format!("{limit} defaulted")), "{message}");
        assert!(message.contains("say what is defaulted"), "{message}");
        assert!(!message.contains("leave out"), "{message}");
        assert_eq!(upstream.received().len(), before);
        body[limit] = json!(64);
        let got = client.post(path, &[STRICT], body.to_string()).await;
        assert_eq!(got.status, 200, "{path}: {}", got.text());
        assert_eq!(got.header("x-proxai-loss"), "");
    }
    // A result that would have to be invented, and something that would be lost: all are named.
    let body = json!({"model": "up/m", "max_tokens": 9, "seed": 1, "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": null, "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "user", "content": "well?"},
    ]});
    let mut client = gateway.client().await;
    let got = client
        .post("/v1/chat/completions", &[STRICT], body.to_string())
        .await;
    assert_eq!(got.status, 400, "{}", got.text());
    for named in [
        "seed dropped",
        "defaulted: no result for call",
        "leave out",
        "say what",
    ] {
        assert!(got.text().contains(named), "{named}: {}", got.text());
    }
}

#[tokio::test]
async fn a_route_is_strict_unless_the_header_says_otherwise() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(answer(MESSAGES)));
    let gateway = Running::start(&format!(
        "{}[[routing.routes]]\nmodel_pattern = \"careful\"\nprovider = \"up\"\nupstream_model = \"m\"\nloss = \"strict\"\n",
        one(&upstream, MESSAGES, "")
    ));
    let (path, mut body, _) = lossy()[0].clone();
    body["model"] = json!("careful");
    assert_eq!(gateway.post(path, body.to_string()).await.status, 400);
    assert!(upstream.received().is_empty());
    let mut client = gateway.client().await;
    let loose = [("x-proxai-strict", "false")];
    let got = client.post(path, &loose, body.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let wrong = [("x-proxai-strict", "maybe")];
    let got = client.post(path, &wrong, body.to_string()).await;
    assert_eq!(got.status, 400);
    assert_eq!(got.json()["error"]["param"], "x-proxai-strict");
}
