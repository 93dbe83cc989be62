//! Same protocol on both sides: the client's bytes go up, the upstream's bytes come back (T1).

use bytes::Bytes;
use proxai_gateway::Outcome;
use proxai_testkit::upstream::{Reply, Upstream};

use crate::harness::{CHAT, MESSAGES, Running, protocols};

#[tokio::test]
async fn request_and_stream_are_byte_identical_in_every_protocol() {
    for (path, protocol, request, stream) in protocols() {
        let upstream = Upstream::start().await;
        upstream.will(Reply::frames(stream));
        let gateway = Running::before(&upstream, protocol);
        let got = gateway.post(path, request).await;
        assert_eq!(got.status, 200, "{protocol}: {}", got.text());
        assert_eq!(got.text(), stream, "{protocol}");
        assert!(got.whole);
        let sent = upstream.last();
        assert_eq!(sent.body, request, "{protocol}");
        assert_eq!(sent.target, path);
        assert_eq!(got.header("content-type"), "text/event-stream");
        assert_eq!(got.header("cache-control"), "no-cache");
        assert_eq!(got.header("x-accel-buffering"), "no");
        let record = gateway.log.records().pop().unwrap();
        assert_eq!(record.outcome, Outcome::End, "{protocol}");
        let usage = record.usage.unwrap();
        assert_eq!(
            (usage.input, usage.output),
            (Some(3), Some(2)),
            "{protocol}"
        );
    }
}

#[tokio::test]
async fn the_stream_is_the_same_wherever_the_network_cuts_it() {
    for (path, protocol, request, stream) in protocols() {
        let upstream = Upstream::start().await;
        let gateway = Running::before(&upstream, protocol);
        let mut client = gateway.client().await;
        for size in [1, 2, 3, 7, 50, 333] {
            let pieces = stream
                .as_bytes()
                .chunks(size)
                .map(Bytes::copy_from_slice)
                .collect();
            upstream.will_only(Reply::new("text/event-stream", pieces));
            let got = client.post(path, &[], request).await;
            assert_eq!(got.text(), stream, "{protocol} in pieces of {size}");
        }
    }
}

#[tokio::test]
async fn only_the_model_is_replaced_where_a_prefix_names_the_provider() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(
        "{ \"id\":\"c1\", \"model\":\"served\", \"n\":1.0 }",
    ));
    let gateway = Running::before(&upstream, CHAT);
    let got = gateway
        .post(
            "/v1/chat/completions",
            "{ \"n\": 1.50, \"model\" : \"up/a/b\", \"messages\":[ ] }",
        )
        .await;
    assert_eq!(
        upstream.last().body,
        "{ \"n\": 1.50, \"model\" : \"a/b\", \"messages\":[ ] }"
    );
    // Both ways: the client sees the name that it gave (T12).
    assert_eq!(
        got.text(),
        "{ \"id\":\"c1\", \"model\":\"up/a/b\", \"n\":1.0 }"
    );
    assert_eq!(got.header("x-proxai-provider"), "up");
    assert_eq!(got.header("x-proxai-model"), "a/b");
    assert_eq!(got.header("x-proxai-fallback-count"), "0");
    assert!(got.header("x-proxai-request-id").starts_with("req_"));
    assert!(!got.header("x-proxai-route").is_empty());
    assert_eq!(got.header("content-length"), got.body.len().to_string());
}

#[tokio::test]
async fn a_streamed_answer_has_the_clients_name_of_the_model() {
    let frames = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"model\":\"served\"}}\n\n\
        event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, MESSAGES);
    for (asked, told) in [("up/a", "up/a"), ("a", "served")] {
        upstream.will(Reply::frames(frames));
        let request = format!("{{\"model\":\"{asked}\",\"stream\":true,\"messages\":[]}}");
        let got = gateway.post("/v1/messages", request).await;
        assert_eq!(got.text(), frames.replace("served", told));
    }
}

#[tokio::test]
async fn a_large_answer_with_another_name_has_the_right_length() {
    let body = format!("{{\"model\":\"m\",\"text\":\"{}\"}}", "a".repeat(3 << 20));
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(body.clone()));
    let gateway = Running::before(&upstream, CHAT);
    let request = "{\"model\":\"up/m\",\"messages\":[]}";
    let got = gateway.post("/v1/chat/completions", request).await;
    assert_eq!(got.body, body.replacen("\"m\"", "\"up/m\"", 1));
    assert_eq!(got.header("content-length"), got.body.len().to_string());
}

#[tokio::test]
async fn a_large_answer_arrives_whole() {
    let body = format!("{{\"text\":\"{}\"}}", "a".repeat(3 << 20));
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(body.clone()));
    let gateway = Running::before(&upstream, CHAT);
    let request = format!(
        "{{\"model\":\"m\",\"messages\":\"{}\"}}",
        "b".repeat(2 << 20)
    );
    let got = gateway.post("/v1/chat/completions", request.clone()).await;
    assert_eq!(got.body, body);
    assert_eq!(upstream.last().body, request);
}

#[tokio::test]
async fn the_query_goes_along_and_the_path_works_without_its_version() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json("{\"type\":\"message\"}"));
    let gateway = Running::before(&upstream, MESSAGES);
    gateway
        .post("/messages?beta=true", "{\"model\":\"m\"}")
        .await;
    assert_eq!(upstream.last().target, "/v1/messages?beta=true");
}

#[tokio::test]
async fn an_upstream_that_ignores_stream_is_replayed_as_one() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json("{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hello\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}"));
    let gateway = Running::before(&upstream, CHAT);
    let got = gateway
        .post(
            "/v1/chat/completions",
            "{\"model\":\"m\",\"stream\":true,\"messages\":[]}",
        )
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert!(got.header("content-type").starts_with("text/event-stream"));
    assert!(got.text().contains("hello") && got.text().ends_with("data: [DONE]\n\n"));
}

#[tokio::test]
async fn other_paths_go_up_as_they_are_and_errors_come_back_as_they_are() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::new("text/plain", vec!["no such thing".into()]).status(404));
    let gateway = Running::before(&upstream, CHAT);
    let got = gateway.get("/v1/files/file-1?limit=3").await;
    assert_eq!((got.status.as_u16(), got.text()), (404, "no such thing"));
    let sent = upstream.last();
    assert_eq!(
        (sent.method.as_str(), &*sent.target),
        ("GET", "/v1/files/file-1?limit=3")
    );
    assert_eq!(sent.header("authorization"), "Bearer sk-upstream");

    upstream.will_only(Reply::new("audio/mpeg", vec!["abc".into(), "def".into()]));
    let got = gateway
        .post("/v1/audio/speech", "{\"model\":\"up/tts\",\"input\":\"x\"}")
        .await;
    assert_eq!(
        (got.text(), got.header("content-type")),
        ("abcdef", "audio/mpeg")
    );
    assert_eq!(upstream.last().body, "{\"model\":\"tts\",\"input\":\"x\"}");
}
