//! Where a request goes, and where it goes next (R1, R4, R5, R8).

use proxai_testkit::upstream::{Ending, Reply, Upstream};

use crate::harness::{CHAT, Running, one};

const BODY: &str = "{\"model\":\"m\",\"messages\":[]}";

fn two(first: &Upstream, second: &Upstream) -> String {
    format!(
        "[[routing.routes]]\nname = \"pair\"\nmodel_pattern = \"m\"\n[[routing.routes.targets]]\nprovider = \"a\"\nmodel = \"a-1\"\npriority = 0\n[[routing.routes.targets]]\nprovider = \"b\"\nmodel = \"b-1\"\npriority = 1\n[providers.a]\nprotocol = \"{CHAT}\"\nbase_url = \"{}\"\napi_key = \"sk-a\"\n[providers.b]\nprotocol = \"{CHAT}\"\nbase_url = \"{}\"\napi_key = \"sk-b\"\n",
        first.base_url(),
        second.base_url()
    )
}

#[tokio::test]
async fn the_next_target_takes_over_before_the_first_byte() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    second.will(Reply::json("{\"id\":\"second\"}"));
    let gateway = Running::start(&two(&first, &second));
    first.will(Reply::json("{\"error\":{\"message\":\"busy\"}}").status(503));
    let got = gateway.post("/v1/chat/completions", BODY).await;
    assert_eq!(
        (got.status.as_u16(), got.text()),
        (200, "{\"id\":\"second\"}")
    );
    assert_eq!(got.header("x-proxai-fallback-count"), "1");
    assert_eq!(got.header("x-proxai-provider"), "b");
    assert_eq!(got.header("x-proxai-route"), "pair");
    assert_eq!(first.last().body, "{\"model\":\"a-1\",\"messages\":[]}");
    assert_eq!(second.last().body, "{\"model\":\"b-1\",\"messages\":[]}");

    // A 200 whose first event is an error is no commitment.
    first.will_only(Reply::events(
        "data: {\"error\":{\"message\":\"busy\",\"code\":503}}\n\n",
    ));
    second.will_only(Reply::events(
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
    ));
    let got = gateway
        .post(
            "/v1/chat/completions",
            "{\"model\":\"m\",\"stream\":true,\"messages\":[]}",
        )
        .await;
    assert_eq!(got.header("x-proxai-provider"), "b", "{}", got.text());
    assert!(got.text().ends_with("[DONE]\n\n"));
}

#[tokio::test]
async fn a_clients_mistake_is_not_tried_elsewhere() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    first.will(Reply::json("{\"error\":{\"message\":\"bad\"}}").status(400));
    let gateway = Running::start(&two(&first, &second));
    let got = gateway.post("/v1/chat/completions", BODY).await;
    assert_eq!(got.status, 400);
    assert!(second.received().is_empty());
}

#[tokio::test]
async fn nothing_is_tried_again_once_the_answer_has_begun() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    first.will(
        Reply::events("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n")
            .ending(Ending::Abort),
    );
    let gateway = Running::start(&two(&first, &second));
    let got = gateway
        .post(
            "/v1/chat/completions",
            "{\"model\":\"m\",\"stream\":true,\"messages\":[]}",
        )
        .await;
    assert!(got.text().contains("\"error\""), "{}", got.text());
    assert!(second.received().is_empty());
}

#[tokio::test]
async fn the_last_error_is_told_when_all_fail() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    first.will(Reply::json("{\"error\":{\"message\":\"one\"}}").status(500));
    second.will(
        Reply::json("{\"error\":{\"message\":\"two\"}}")
            .status(429)
            .header("retry-after", "3"),
    );
    let gateway = Running::start(&two(&first, &second));
    let got = gateway.post("/v1/chat/completions", BODY).await;
    assert_eq!(got.status, 429);
    assert!(got.text().contains("two"));
    assert_eq!(got.header("retry-after"), "3");
    assert_eq!(got.header("x-proxai-attempts"), "a=500, b=429");
}

#[tokio::test]
async fn a_model_that_nobody_takes_is_404_in_the_dialect() {
    let upstream = Upstream::start().await;
    let config = one(&upstream, CHAT, "").replace("[default]\nprovider = \"up\"\n", "");
    let gateway = Running::start(&config);
    let got = gateway
        .post(
            "/v1/messages",
            "{\"model\":\"m\",\"max_tokens\":1,\"messages\":[]}",
        )
        .await;
    assert_eq!(got.status, 404, "{}", got.text());
    assert_eq!(got.json()["type"], "error");
    assert_eq!(got.json()["error"]["type"], "not_found_error");
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn one_request_too_many_is_turned_away_at_once() {
    let upstream = Upstream::start().await;
    upstream.will(
        Reply::events("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n")
            .ending(Ending::Hang),
    );
    let gateway = Running::start(&one(
        &upstream,
        CHAT,
        "[server]\nmax_concurrent_requests = 1",
    ));
    let mut first = gateway.client().await;
    let body = "{\"model\":\"m\",\"stream\":true,\"messages\":[]}";
    // The permit is held for the life of the stream, not until its head.
    let held = first
        .begin(http::Method::POST, "/v1/chat/completions", &[], body)
        .await;
    let got = gateway.post("/v1/chat/completions", body).await;
    assert_eq!(got.status, 503, "{}", got.text());
    assert_eq!(got.header("retry-after"), "1");
    drop((held, first));
    upstream.abandoned().await;
    upstream.will_only(Reply::json("{}"));
    assert_eq!(gateway.post("/v1/chat/completions", BODY).await.status, 200);
}
