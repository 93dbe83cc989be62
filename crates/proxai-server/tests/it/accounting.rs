//! What is remembered of a stream that did not end well (O1, S6, T10).

use http::Method;
use http_body_util::BodyExt;
use proxai_gateway::Outcome;
use proxai_testkit::upstream::{Ending, Reply, Upstream};

use crate::harness::{CHAT, Running};

const FIRST: &str = "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"some words of an answer that goes on\"}}]}\n\n";
const IN_BAND: &str =
    "data: {\"error\":{\"message\":\"overloaded\",\"type\":\"server_error\"}}\n\n";
const ASK: &str = "{\"model\":\"up/m\",\"max_tokens\":9,\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"Tell me a long story, please.\"}]}";

#[tokio::test]
async fn a_translated_stream_that_breaks_off_is_cut_and_its_tokens_are_counted() {
    for ending in [Ending::Abort, Ending::Clean] {
        let upstream = Upstream::start().await;
        upstream.will(Reply::events(FIRST).ending(ending));
        let gateway = Running::before(&upstream, CHAT);
        let got = gateway.post("/v1/messages", ASK).await;
        assert!(got.text().contains("event: error"), "{}", got.text());
        let record = gateway.log.last().await;
        assert_eq!(record.outcome, Outcome::Cut);
        let usage = record.usage.unwrap();
        assert!(usage.input > Some(3) && usage.output > Some(3), "{usage:?}");
    }
}

#[tokio::test]
async fn an_error_within_a_stream_is_an_error_of_the_request() {
    let upstream = Upstream::start().await;
    for path in ["/v1/messages", "/v1/chat/completions"] {
        upstream.will_only(Reply::events(format!("{FIRST}{IN_BAND}")));
        let gateway = Running::before(&upstream, CHAT);
        let got = gateway.post(path, ASK).await;
        assert!(got.text().contains("overloaded"), "{}", got.text());
        assert_eq!(gateway.log.last().await.outcome, Outcome::Error, "{path}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_is_charged_for_what_it_got() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::events(FIRST).ending(Ending::Hang));
    let gateway = Running::before(&upstream, CHAT);
    let mut client = gateway.client().await;
    let mut response = client.begin(Method::POST, "/v1/messages", &[], ASK).await;
    response.body_mut().frame().await.unwrap().unwrap();
    drop((response, client));
    upstream.abandoned().await;
    let record = gateway.log.last().await;
    assert_eq!(record.outcome, Outcome::ClientClosed);
    let usage = record.usage.unwrap();
    assert!(usage.input > Some(3) && usage.output > Some(3), "{usage:?}");
}

#[tokio::test]
async fn a_stream_that_ends_well_has_the_upstreams_own_count() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::events(format!(
        "{FIRST}data: {{\"id\":\"c\",\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\ndata: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":70,\"completion_tokens\":80}}}}\n\ndata: [DONE]\n\n"
    )));
    let gateway = Running::before(&upstream, CHAT);
    let got = gateway.post("/v1/messages", ASK).await;
    assert!(got.text().contains("message_stop"), "{}", got.text());
    let record = gateway.log.last().await;
    assert_eq!(record.outcome, Outcome::End);
    assert_eq!(
        record.usage.map(|usage| (usage.input, usage.output)),
        Some((Some(70), Some(80)))
    );
}
