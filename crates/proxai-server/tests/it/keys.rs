//! Several keys of one provider (P3).

use proxai_testkit::upstream::{Reply, Upstream};

use crate::harness::{CHAT, Running};

const ASK: &str = "{\"model\":\"up/m\",\"messages\":[]}";
const ANSWER: &str = "{\"id\":\"c\",\"choices\":[]}";

fn config(upstream: &Upstream, more: &str) -> String {
    format!(
        "[providers.up]\nprotocol = \"{CHAT}\"\nbase_url = \"{}\"\napi_keys = [\"sk-one\", \"sk-two\", \"sk-three\"]\n{more}",
        upstream.base_url()
    )
}

fn used(upstream: &Upstream) -> Vec<String> {
    let received = upstream.received();
    let keys = received.iter().map(|asked| asked.header("authorization"));
    keys.map(|key| key.trim_start_matches("Bearer sk-").to_owned())
        .collect()
}

#[tokio::test]
async fn keys_take_turns() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(ANSWER));
    let gateway = Running::start(&config(&upstream, ""));
    for _ in 0..4 {
        gateway.post("/v1/chat/completions", ASK).await;
    }
    assert_eq!(used(&upstream), ["one", "two", "three", "one"]);
}

#[tokio::test]
async fn a_refused_key_makes_way_within_the_request_and_rests() {
    let upstream = Upstream::start().await;
    upstream.will(
        Reply::json("{\"error\":{\"message\":\"slow down\"}}")
            .status(429)
            .header("retry-after", "60"),
    );
    upstream.will(Reply::json("{\"error\":{\"message\":\"who?\"}}").status(401));
    upstream.will(Reply::json(ANSWER));
    let gateway = Running::start(&config(&upstream, ""));
    let got = gateway.post("/v1/chat/completions", ASK).await;
    assert_eq!((got.status.as_u16(), got.text()), (200, ANSWER));
    // To the client and the log it was one attempt at one provider.
    assert_eq!(got.header("x-proxai-fallback-count"), "0");
    for _ in 0..2 {
        gateway.post("/v1/chat/completions", ASK).await;
    }
    assert_eq!(used(&upstream), ["one", "two", "three", "three", "three"]);
    let bodies: Vec<_> = upstream
        .received()
        .into_iter()
        .map(|asked| asked.body)
        .collect();
    assert!(bodies.iter().all(|body| *body == bodies[0]));
}

#[tokio::test]
async fn when_all_rest_the_upstreams_own_refusal_is_told() {
    let upstream = Upstream::start().await;
    let refusal = "{\"error\":{\"message\":\"slow down\", \"n\" : 1}}";
    upstream.will(Reply::json(refusal).status(429).header("retry-after", "60"));
    let gateway = Running::start(&config(&upstream, ""));
    let got = gateway.post("/v1/chat/completions", ASK).await;
    assert_eq!((got.status.as_u16(), got.text()), (429, refusal));
    assert_eq!(got.header("retry-after"), "60");
    assert_eq!(used(&upstream), ["one", "two", "three"]);
    // All rest, so the first to wake is asked, once.
    upstream.will_only(Reply::json(ANSWER));
    let got = gateway.post("/v1/chat/completions", ASK).await;
    assert_eq!(got.status, 200);
    assert_eq!(used(&upstream)[3..], ["one"]);
    for header in got.headers.values() {
        assert!(!header.to_str().unwrap().contains("sk-"));
    }
}

#[tokio::test]
async fn other_refusals_are_not_the_keys_fault() {
    let upstream = Upstream::start().await;
    let gateway = Running::start(&config(&upstream, ""));
    for status in [400, 403, 404, 500] {
        let error = Reply::json("{\"error\":{\"message\":\"no\"}}").status(status);
        upstream.will_only(error);
        let before = upstream.received().len();
        gateway.post("/v1/files", "{\"model\":\"up/m\"}").await;
        assert_eq!(upstream.received().len(), before + 1, "{status}");
    }
}

#[tokio::test]
async fn keys_in_the_query_rotate_too() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json("{}").status(401));
    upstream.will(Reply::json(ANSWER));
    let gateway = Running::start(&config(&upstream, "auth_style = \"query:key\"\n"));
    let got = gateway.post("/v1/chat/completions?beta=1", ASK).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let targets: Vec<_> = upstream
        .received()
        .into_iter()
        .map(|asked| asked.target)
        .collect();
    assert_eq!(
        targets,
        [
            "/v1/chat/completions?beta=1&key=sk-one",
            "/v1/chat/completions?beta=1&key=sk-two"
        ]
    );
}

const USED_UP: &str = "{\"error\":{\"code\":\"1113\",\"message\":\"no balance\"}}";

#[tokio::test]
async fn a_key_whose_quota_is_used_up_makes_way_and_is_not_asked_again_when_the_others_may_be() {
    let upstream = Upstream::start().await;
    let quota = || Reply::json(USED_UP).status(429).header("retry-after", "0");
    let quirks = "quirks = { final_error_codes = [\"1113\"] }\n";
    upstream.will(quota());
    upstream.will(Reply::json(ANSWER));
    let gateway = Running::start(&config(&upstream, quirks));
    let got = gateway.post("/v1/chat/completions", ASK).await;
    assert_eq!((got.status.as_u16(), got.text()), (200, ANSWER));
    // Now the others are slow, and all rest: the one that wakes first is asked, and that is not the
    // one whose `retry-after` was the shortest.
    let slow = || {
        Reply::json("{\"error\":{\"code\":\"1302\"}}")
            .status(429)
            .header("retry-after", "60")
    };
    upstream.will_only(slow());
    upstream.will(slow());
    upstream.will(Reply::json(ANSWER));
    gateway.post("/v1/chat/completions", ASK).await;
    let got = gateway.post("/v1/chat/completions", ASK).await;
    assert_eq!(got.status, 200);
    assert_eq!(used(&upstream)[..2], ["one", "two"]);
    assert!(!used(&upstream)[2..].contains(&"one".to_owned()));
}

#[tokio::test]
async fn a_quota_that_is_used_up_is_told_as_the_upstream_said_it_and_clients_do_not_ask_again() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(USED_UP).status(429));
    let quirks = "quirks = { final_error_codes = [\"1113\"] }\n";
    let gateway = Running::start(&config(&upstream, quirks));
    let got = gateway.post("/v1/chat/completions", ASK).await;
    assert_eq!((got.status.as_u16(), got.text()), (429, USED_UP));
    assert_eq!(got.header("x-should-retry"), "false");
    assert_eq!(used(&upstream), ["one", "two", "three"]);
    let ask = "{\"model\":\"up/m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
    let got = gateway.post("/v1/messages", ask).await;
    assert_eq!(got.status, 429);
    assert!(got.text().contains("no balance"), "{}", got.text());
    assert_eq!(got.header("x-should-retry"), "false");
    let got = gateway
        .post("/v1/embeddings", "{\"model\":\"up/e\",\"input\":\"x\"}")
        .await;
    assert_eq!((got.status.as_u16(), got.text()), (429, USED_UP));
    assert_eq!(got.header("x-should-retry"), "false");
    // Another 429 passes.
    let slow = "{\"error\":{\"code\":\"1302\",\"message\":\"slow down\"}}";
    upstream.will_only(Reply::json(slow).status(429));
    let got = gateway.post("/v1/chat/completions", ASK).await;
    assert_eq!((got.status.as_u16(), got.text()), (429, slow));
    assert_eq!(got.header("x-should-retry"), "");
}

#[tokio::test]
async fn a_quota_that_is_used_up_sends_the_request_to_the_next_target() {
    let poor = Upstream::start().await;
    poor.will(Reply::json(USED_UP).status(429));
    let rich = Upstream::start().await;
    rich.will(Reply::json(ANSWER));
    let provider = |name: &str, upstream: &Upstream| {
        format!(
            "[providers.{name}]\nprotocol = \"{CHAT}\"\nbase_url = \"{}\"\napi_key = \"sk-{name}\"\nquirks = {{ final_error_codes = [\"1113\"] }}\n",
            upstream.base_url()
        )
    };
    let gateway = Running::start(&format!(
        "{}{}[[routing.routes]]\nmodel_pattern = \"m\"\nfallback_strategy = [\"http_429\"]\ntargets = [{{ provider = \"poor\", priority = 0 }}, {{ provider = \"rich\", priority = 1 }}]\n",
        provider("poor", &poor),
        provider("rich", &rich)
    ));
    let got = gateway
        .post("/v1/chat/completions", "{\"model\":\"m\",\"messages\":[]}")
        .await;
    assert_eq!((got.status.as_u16(), got.text()), (200, ANSWER));
    assert_eq!(got.header("x-proxai-provider"), "rich");
    assert_eq!(
        (used(&poor), used(&rich)),
        (vec!["poor".to_owned()], vec!["rich".to_owned()])
    );
}
