//! What is remembered of a stream that did not end well (O1, S6, T10).

use http::Method;
use http_body_util::BodyExt;
use proxai_gateway::Outcome;
use proxai_testkit::upstream::{Ending, Reply, Upstream};

use crate::harness::{CHAT, Running, one};

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
        assert_eq!(record.error.as_deref(), Some("upstream_stream_cut"));
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
        let record = gateway.log.last().await;
        assert_eq!(record.outcome, Outcome::Error, "{path}");
        assert_eq!(record.error.as_deref(), Some("server_error"), "{path}");
        assert_eq!(record.status, 200);
    }
}

#[tokio::test]
async fn a_stream_within_one_protocol_that_fails_leaves_its_code() {
    let upstream = Upstream::start().await;
    for (reply, outcome, code) in [
        (Reply::events(FIRST), Outcome::Cut, "upstream_stream_cut"),
        (
            Reply::events(FIRST).ending(Ending::Abort),
            Outcome::Cut,
            "upstream_stream_cut",
        ),
        (
            Reply::events(FIRST).ending(Ending::Hang),
            Outcome::Stalled,
            "upstream_idle_timeout",
        ),
        (
            Reply::events(format!(
                "{FIRST}data: {{\"error\":{{\"message\":\"x\"}}}}\n\n"
            )),
            Outcome::Error,
            "error",
        ),
    ] {
        upstream.will_only(reply);
        let config = one(&upstream, CHAT, "").replace("timeout_secs = 5", "timeout_secs = 1");
        let gateway = Running::start(&config);
        let got = gateway.post("/v1/chat/completions", ASK).await;
        assert!(got.text().contains("\"error\""), "{}", got.text());
        let record = gateway.log.last().await;
        assert_eq!(record.outcome, outcome, "{code}");
        assert_eq!(record.error.as_deref(), Some(code));
    }
}

#[tokio::test]
async fn a_client_that_leaves_at_the_last_event_has_had_its_answer() {
    let told = format!(
        "{FIRST}data: {{\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\ndata: [DONE]\n\n"
    );
    for (body, outcome, code) in [
        (told, Outcome::End, None),
        (
            format!("{FIRST}{IN_BAND}"),
            Outcome::Error,
            Some("server_error"),
        ),
    ] {
        for path in ["/v1/chat/completions", "/v1/messages"] {
            let upstream = Upstream::start().await;
            upstream.will(Reply::events(body.clone()).ending(Ending::Hang));
            let gateway = Running::before(&upstream, CHAT);
            let mut client = gateway.client().await;
            let mut response = client.begin(Method::POST, path, &[], ASK).await;
            let mut seen = Vec::new();
            while !["[DONE]", "message_stop\"}", "\"error\""]
                .iter()
                .any(|end| String::from_utf8_lossy(&seen).contains(end))
            {
                let frame = response.body_mut().frame().await.unwrap().unwrap();
                seen.extend_from_slice(frame.data_ref().unwrap());
            }
            drop((response, client));
            let record = gateway.log.last().await;
            assert_eq!(record.outcome, outcome, "{path}");
            assert_eq!(record.error.as_deref(), code, "{path}");
        }
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
