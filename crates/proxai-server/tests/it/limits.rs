//! How much one provider gets at once (R8).

use std::pin::pin;

use http::Method;
use proxai_testkit::upstream::{Ending, Reply, Upstream};

use crate::harness::{CHAT, Running, one};

const STREAM: &str = "{\"model\":\"up/m\",\"stream\":true,\"messages\":[]}";
const ASK: &str = "{\"model\":\"up/m\",\"messages\":[]}";

fn held() -> Reply {
    Reply::events("data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n").ending(Ending::Hang)
}

#[tokio::test]
async fn a_provider_that_is_full_turns_away_and_others_go_on() {
    let (full, free) = (Upstream::start().await, Upstream::start().await);
    full.will(held());
    free.will(Reply::json("{\"id\":\"free\"}"));
    let gateway = Running::start(&format!(
        "{}max_in_flight = 1\n[providers.free]\nprotocol = \"{CHAT}\"\nbase_url = \"{}\"\napi_key = \"k\"\n",
        one(&full, CHAT, ""),
        free.base_url()
    ));
    let mut first = gateway.client().await;
    let response = first
        .begin(Method::POST, "/v1/chat/completions", &[], STREAM)
        .await;
    let got = gateway.post("/v1/chat/completions", ASK).await;
    assert_eq!(got.status, 503, "{}", got.text());
    assert_eq!(got.header("retry-after"), "1");
    assert_eq!(got.json()["error"]["code"], "provider_busy");
    assert!(got.text().contains("`up`"), "{}", got.text());
    assert_eq!(full.received().len(), 1);
    let got = gateway
        .post("/v1/chat/completions", ASK.replace("up/m", "free/m"))
        .await;
    assert_eq!(got.status, 200);

    drop((response, first));
    full.abandoned().await;
    full.will_only(Reply::json("{\"id\":\"again\"}"));
    let got = gateway.post("/v1/chat/completions", ASK).await;
    assert_eq!(got.status, 200, "{}", got.text());
}

#[tokio::test]
async fn who_may_wait_is_served_when_there_is_room() {
    let upstream = Upstream::start().await;
    upstream.will(held());
    upstream.will(Reply::json("{\"id\":\"waited\"}"));
    let gateway = Running::start(&format!(
        "{}max_in_flight = 1\nmax_queue = 1\nqueue_timeout_secs = 30\n",
        one(&upstream, CHAT, "")
    ));
    let mut first = gateway.client().await;
    let response = first
        .begin(Method::POST, "/v1/chat/completions", &[], STREAM)
        .await;
    let mut one = pin!(gateway.post("/v1/chat/completions", ASK));
    let mut two = pin!(gateway.post("/v1/chat/completions", ASK));
    // One of the two waits and the other is turned away, whichever comes first.
    let turned_away = tokio::select! {
        got = &mut one => Ok(got),
        got = &mut two => Err(got),
    };
    drop((response, first));
    let (early, late) = match turned_away {
        Ok(early) => (early, two.await),
        Err(early) => (early, one.await),
    };
    assert_eq!((early.status.as_u16(), late.status.as_u16()), (503, 200));
    assert_eq!(upstream.received().len(), 2);
}

#[tokio::test]
async fn another_target_takes_what_a_full_provider_does_not() {
    let (full, free) = (Upstream::start().await, Upstream::start().await);
    full.will(held());
    free.will(Reply::json("{\"id\":\"free\"}"));
    let gateway = Running::start(&format!(
        "[[routing.routes]]\nmodel_pattern = \"up/m\"\n[[routing.routes.targets]]\nprovider = \"up\"\npriority = 0\n[[routing.routes.targets]]\nprovider = \"free\"\npriority = 1\n{}max_in_flight = 1\n[providers.free]\nprotocol = \"{CHAT}\"\nbase_url = \"{}\"\napi_key = \"k\"\n",
        one(&full, CHAT, ""),
        free.base_url()
    ));
    let mut first = gateway.client().await;
    let _response = first
        .begin(Method::POST, "/v1/chat/completions", &[], STREAM)
        .await;
    let got = gateway.post("/v1/chat/completions", ASK).await;
    assert_eq!(
        (got.status.as_u16(), got.text()),
        (200, "{\"id\":\"free\"}")
    );
    assert_eq!(got.header("x-proxai-provider"), "free");
    assert_eq!(got.header("x-proxai-attempts"), "");
}
