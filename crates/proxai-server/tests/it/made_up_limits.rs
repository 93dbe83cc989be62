//! The limit that Messages demands and the client did not set: a small model refuses ours, says what
//! it takes, and gets that (P12).

use proxai_testkit::upstream::{Reply, Upstream};
use serde_json::json;

use crate::harness::{CHAT, MESSAGES, Running, one};
use crate::quirks::{answer, sent};

const CONTEXT: &str = "'max_tokens' or 'max_completion_tokens' is too large: 16384. This model's maximum context length is 4096 tokens and your request has 20 input tokens (16384 > 4096 - 20).";
const OUTPUT: &str =
    "max_tokens: 16384 > 8192, which is the maximum allowed number of output tokens for this model";

fn refusal(message: &str) -> Reply {
    let error = json!({"type": "invalid_request_error", "message": message});
    Reply::json(json!({"type": "error", "error": error}).to_string()).status(400)
}

fn asks() -> [(&'static str, String); 2] {
    [
        (
            "/v1/chat/completions",
            json!({"model": "up/m", "messages": [{"role": "user", "content": "hi"}]}).to_string(),
        ),
        (
            "/v1/responses",
            json!({"model": "up/m", "input": "hi"}).to_string(),
        ),
    ]
}

#[tokio::test]
async fn a_made_up_limit_that_is_refused_is_lowered_once_and_for_all() {
    for (message, at_once, later) in [
        // The prompt is counted by the upstream the first time and estimated from then on.
        (CONTEXT, 4076, 3900..4076),
        (OUTPUT, 8192, 8192..8193),
    ] {
        for (path, body) in asks() {
            let upstream = Upstream::start().await;
            upstream.will(refusal(message));
            upstream.will(Reply::json(answer(MESSAGES)));
            let gateway = Running::before(&upstream, MESSAGES);
            let got = gateway.post(path, body.clone()).await;
            assert_eq!(got.status, 200, "{}", got.text());
            assert_eq!(upstream.received().len(), 2);
            assert_eq!(sent(&upstream)["max_tokens"], at_once, "{path}");
            let losses = got.header("x-proxai-loss").to_owned();
            assert!(losses.contains("_tokens"), "{losses}");

            // Another model is another.
            let other = body.replace("up/m", "up/n");
            gateway.post(path, other).await;
            assert_eq!(sent(&upstream)["max_tokens"], 16_384);

            let got = gateway.post(path, body).await;
            assert_eq!(got.status, 200, "{}", got.text());
            assert_eq!(upstream.received().len(), 4);
            let limit = sent(&upstream)["max_tokens"].as_u64().unwrap();
            assert!(later.contains(&limit), "{limit}");
        }
    }
}

#[tokio::test]
async fn a_limit_of_the_clients_own_and_a_prompt_that_is_too_long_stay_refused() {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, MESSAGES);
    let own = json!({"model": "up/m", "max_tokens": 16_384, "messages": [{"role": "user", "content": "hi"}]});
    let open = json!({"model": "up/m", "messages": [{"role": "user", "content": "hi"}]});
    let too_long = "This model's maximum context length is 4096 tokens. However, you requested 21384 tokens (5000 in the messages, 16384 in the completion).";
    for (message, path, body) in [
        (CONTEXT, "/v1/chat/completions", &own),
        (CONTEXT, "/v1/messages", &own),
        (too_long, "/v1/chat/completions", &open),
    ] {
        let before = upstream.received().len();
        upstream.will_only(refusal(message));
        let got = gateway.post(path, body.to_string()).await;
        assert_eq!(got.status, 400, "{}", got.text());
        assert_eq!(upstream.received().len(), before + 1, "{path}");
    }
    // Nor is a second refusal followed by a third request.
    upstream.will_only(refusal(CONTEXT));
    let before = upstream.received().len();
    let got = gateway.post("/v1/chat/completions", open.to_string()).await;
    assert_eq!(got.status, 400, "{}", got.text());
    assert_eq!(upstream.received().len(), before + 2);
}

#[tokio::test]
async fn thoughts_keep_their_place_below_the_bound() {
    let upstream = Upstream::start().await;
    upstream.will(refusal(
        "max_tokens: 32768 > 20000, which is the maximum allowed number of output tokens for this model",
    ));
    upstream.will(Reply::json(answer(MESSAGES)));
    let config =
        one(&upstream, MESSAGES, "") + "quirks = { reasoning = { adaptive_accepted = false } }\n";
    let gateway = Running::start(&config);
    let body = json!({"model": "up/m", "reasoning_effort": "high", "messages": [{"role": "user", "content": "hi"}]});
    let got = gateway.post("/v1/chat/completions", body.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let sent = sent(&upstream);
    assert_eq!(sent["max_tokens"], 20_000, "{sent}");
    assert!(sent["thinking"]["budget_tokens"].as_u64().unwrap() < 20_000);
}

#[tokio::test]
async fn an_upstream_of_another_protocol_is_given_no_limit_at_all() {
    let upstream = Upstream::start().await;
    upstream.will(refusal(CONTEXT));
    let gateway = Running::before(&upstream, CHAT);
    let (path, body) = &asks()[1];
    let got = gateway.post(path, body.clone()).await;
    assert_eq!(got.status, 400, "{}", got.text());
    assert_eq!(upstream.received().len(), 1);
}
