//! Two protocols: the bytes differ, the meaning and the ends do not.

use proxai_testkit::upstream::{Ending, Reply, Upstream};

use crate::harness::{CHAT, MESSAGES, Running};

const MESSAGES_BODY: &str =
    "{\"model\":\"up/m\",\"max_tokens\":10,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
const MESSAGES_STREAM: &str = "{\"model\":\"up/m\",\"max_tokens\":10,\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
const CHAT_ANSWER: &str = "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hello\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2,\"total_tokens\":5}}";
const CHAT_STREAM: &str = "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

#[tokio::test]
async fn a_messages_client_gets_its_own_shape_from_a_chat_upstream() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(CHAT_ANSWER).header("x-request-id", "up-1"));
    let gateway = Running::before(&upstream, CHAT);
    let got = gateway.post("/v1/messages?beta=true", MESSAGES_BODY).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let body = got.json();
    assert_eq!(body["type"], "message");
    assert_eq!(body["content"][0]["text"], "hello");
    assert_eq!(body["model"], "up/m");
    assert_eq!(body["usage"]["output_tokens"], 2);
    assert_eq!(got.header("x-request-id"), "up-1");
    let sent = upstream.last();
    // A query of one protocol means nothing in another.
    assert_eq!(sent.target, "/v1/chat/completions");
    let request: serde_json::Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(request["model"], "m");
    assert_eq!(request["messages"][0]["content"], "hi");
}

#[tokio::test]
async fn a_translated_stream_ends_with_the_clients_own_signal() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::frames(CHAT_STREAM));
    let gateway = Running::before(&upstream, CHAT);
    let got = gateway.post("/v1/messages", MESSAGES_STREAM).await;
    assert!(
        got.text().starts_with("event: message_start\n"),
        "{}",
        got.text()
    );
    assert!(
        got.text()
            .ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"),
        "{}",
        got.text()
    );
    assert!(got.text().contains("hello"));
    assert!(got.header("content-type").starts_with("text/event-stream"));
    assert_eq!(got.header("x-accel-buffering"), "no");
}

#[tokio::test]
async fn a_translated_stream_that_is_cut_ends_in_the_clients_error() {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, CHAT);
    let frames: Vec<&str> = CHAT_STREAM.split_inclusive("\n\n").collect();
    for ending in [Ending::Clean, Ending::Abort] {
        for kept in 0..2 {
            upstream.will_only(Reply::events(frames[..kept].concat()).ending(ending));
            let got = gateway.post("/v1/messages", MESSAGES_STREAM).await;
            if got.status == 200 {
                assert!(got.text().contains("event: error\n"), "{}", got.text());
                assert!(!got.text().contains("message_stop"), "{}", got.text());
            } else {
                assert_eq!(got.json()["type"], "error");
            }
        }
    }
}

#[tokio::test]
async fn an_error_keeps_status_and_words_across_dialects() {
    let upstream = Upstream::start().await;
    upstream.will(
        Reply::json("{\"error\":{\"message\":\"slow down\",\"type\":\"rate_limit_error\",\"code\":\"rate_limit_exceeded\"}}")
            .status(429)
            .header("retry-after", "2"),
    );
    let gateway = Running::before(&upstream, CHAT);
    let got = gateway.post("/v1/messages", MESSAGES_BODY).await;
    assert_eq!(got.status, 429);
    assert_eq!(got.json()["type"], "error");
    assert_eq!(got.json()["error"]["type"], "rate_limit_error");
    assert_eq!(got.json()["error"]["message"], "slow down");
    assert_eq!(got.header("retry-after"), "2");
}

#[tokio::test]
async fn a_json_answer_to_a_stream_is_replayed_and_a_stream_for_json_is_folded() {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, CHAT);
    upstream.will(Reply::json(CHAT_ANSWER));
    let got = gateway.post("/v1/messages", MESSAGES_STREAM).await;
    assert!(
        got.text().contains("hello") && got.text().contains("event: message_stop"),
        "{}",
        got.text()
    );
    upstream.will_only(Reply::events(CHAT_STREAM));
    let got = gateway.post("/v1/messages", MESSAGES_BODY).await;
    assert_eq!(got.json()["content"][0]["text"], "hello");
}

#[tokio::test]
async fn tokens_are_counted_where_the_upstream_has_no_endpoint_for_it() {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, CHAT);
    let got = gateway
        .post("/v1/messages/count_tokens", MESSAGES_BODY)
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(got.header("x-proxai-estimated"), "true");
    assert!(got.json()["input_tokens"].as_u64().unwrap() > 0);
    assert!(upstream.received().is_empty());

    let upstream = Upstream::start().await;
    upstream.will(Reply::json("{\"input_tokens\":11}"));
    let gateway = Running::before(&upstream, MESSAGES);
    let got = gateway
        .post("/v1/messages/count_tokens", MESSAGES_BODY)
        .await;
    assert_eq!(got.json()["input_tokens"], 11);
    assert_eq!(upstream.last().target, "/v1/messages/count_tokens");
}
