//! `/v1/messages/count_tokens` (E4).

use proxai_testkit::upstream::{Reply, Upstream};

use crate::harness::{CHAT, MESSAGES, RESPONSES, Running};

const PATH: &str = "/v1/messages/count_tokens";
const ASK: &str = "{\"model\":\"up/m\", \"messages\":[{\"role\":\"user\",\"content\":\"How many tokens are these words?\"}]}";

fn counted(text: &str) -> String {
    format!("{{\"model\":\"up/m\",\"messages\":[{{\"role\":\"user\",\"content\":\"{text}\"}}]}}")
}

#[tokio::test]
async fn an_upstream_that_counts_is_asked_and_its_answer_is_not_touched() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json("{ \"input_tokens\" : 41 }"));
    let gateway = Running::before(&upstream, MESSAGES);
    let got = gateway.post(&format!("{PATH}?beta=true"), ASK).await;
    assert_eq!(
        (got.status.as_u16(), got.text()),
        (200, "{ \"input_tokens\" : 41 }")
    );
    assert_eq!(got.header("x-proxai-estimated"), "");
    let asked = upstream.last();
    assert_eq!(asked.target, "/v1/messages/count_tokens?beta=true");
    assert_eq!(asked.body, ASK.replace("up/m", "m"));

    let refusal = "{\"type\":\"error\", \"error\":{\"type\":\"invalid_request_error\",\"message\":\"messages: too odd\"}}";
    upstream.will_only(Reply::json(refusal).status(400));
    let got = gateway.post(PATH, ASK).await;
    assert_eq!((got.status.as_u16(), got.text()), (400, refusal));
}

#[tokio::test]
async fn upstreams_of_other_protocols_are_not_asked() {
    let upstream = Upstream::start().await;
    for protocol in [CHAT, RESPONSES] {
        let gateway = Running::before(&upstream, protocol);
        let got = gateway.post(PATH, ASK).await;
        assert_eq!(got.status, 200, "{}", got.text());
        assert_eq!(got.header("x-proxai-estimated"), "true");
        let short = got.json()["input_tokens"].as_u64().unwrap();
        assert!((7..30).contains(&short), "{short}");

        // Far above what is counted on the spot.
        let long = counted(&"seven words make up this one sentence ".repeat(4000));
        let got = gateway.post(PATH, long).await;
        let long = got.json()["input_tokens"].as_u64().unwrap();
        assert!((26_000..34_000).contains(&long), "{long}");

        let got = gateway
            .post(PATH, "{\"model\":\"up/m\",\"messages\":7}")
            .await;
        assert_eq!(got.status, 400, "{}", got.text());
        assert_eq!(got.json()["error"]["type"], "invalid_request_error");
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn a_messages_upstream_without_the_endpoint_gets_an_estimate() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::new("text/plain", vec!["404 page not found".into()]).status(404));
    let gateway = Running::before(&upstream, MESSAGES);
    let got = gateway.post(PATH, ASK).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(got.header("x-proxai-estimated"), "true");
    assert!(got.json()["input_tokens"].as_u64().unwrap() > 5);
    assert_eq!(upstream.received().len(), 1);

    // A model that is missing is another thing.
    let missing = "{\"type\":\"error\",\"error\":{\"type\":\"not_found_error\",\"message\":\"model: gone-1\"}}";
    upstream.will_only(Reply::json(missing).status(404));
    let got = gateway.post(PATH, ASK.replace("up/m", "up/gone-1")).await;
    assert_eq!((got.status.as_u16(), got.text()), (404, missing));
}

/// Case 115: an agent that is told 0 never compacts its context.
#[tokio::test]
async fn a_count_of_nothing_is_no_count() {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, MESSAGES);
    for nothing in ["{\"input_tokens\":0}", "{\"input_tokens\":null}", "{}"] {
        upstream.will_only(Reply::json(nothing));
        let got = gateway.post(PATH, ASK).await;
        assert_eq!(got.status, 200, "{}", got.text());
        assert_eq!(got.header("x-proxai-estimated"), "true", "{nothing}");
        assert!(got.json()["input_tokens"].as_u64().unwrap() > 5);
    }
}

#[tokio::test]
async fn the_provider_inside_the_process_is_counted_for() {
    let gateway = Running::start("[default]\nprovider = \"demo\"\n[providers.demo]\n");
    let got = gateway.post(PATH, ASK.replace("up/m", "demo")).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(got.header("x-proxai-estimated"), "true");
    assert!(got.json()["input_tokens"].as_u64().unwrap() > 5);
}
