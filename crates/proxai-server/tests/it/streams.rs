//! Streams that do not end as they should (S1, S3, S4, S6).

use std::time::Duration;

use http::Method;
use http_body_util::BodyExt;
use proxai_gateway::Outcome;
use proxai_testkit::upstream::{Ending, Reply, Upstream};

use crate::harness::{CHAT, MESSAGES, Running, one, protocols};

/// Frames of a stream, as their own text.
fn frames(stream: &str) -> Vec<String> {
    let stream = stream.replace("\r\n\r\n", "\r\n\r\n\u{1}");
    let cut = stream.replace("\n\n", "\n\n\u{1}");
    cut.split('\u{1}')
        .filter(|frame| !frame.is_empty())
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn a_stream_cut_behind_any_frame_ends_in_one_error() {
    for (path, protocol, request, stream) in protocols() {
        let (error, success) = match protocol {
            CHAT => ("data: {\"error\":", "data: [DONE]"),
            MESSAGES => ("event: error\n", "event: message_stop\n"),
            _ => ("event: response.failed\n", "event: response.completed\n"),
        };
        let upstream = Upstream::start().await;
        let gateway = Running::before(&upstream, protocol);
        let frames = frames(stream);
        for ending in [Ending::Clean, Ending::Abort] {
            for kept in 0..frames.len() {
                let cut: String = frames[..kept].concat();
                upstream.will_only(Reply::events(cut.clone()).ending(ending));
                let got = gateway.post(path, request).await;
                let what = format!("{protocol}, {kept} frames, {ending:?}: {}", got.text());
                if got.status != 200 {
                    assert_eq!(got.status, 502, "{what}");
                    assert!(got.json()["error"]["message"].is_string(), "{what}");
                    continue;
                }
                assert!(got.whole, "{what}");
                assert!(got.text().starts_with(cut.trim_end()), "{what}");
                let ends = got.text().matches(error).count() + got.text().matches(success).count();
                assert_eq!(ends, 1, "{what}");
            }
        }
    }
}

#[tokio::test]
async fn an_error_in_place_of_the_first_event_is_a_status() {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, MESSAGES);
    upstream.will(Reply::events("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n"));
    let got = gateway
        .post(
            "/v1/messages",
            "{\"model\":\"m\",\"max_tokens\":1,\"stream\":true,\"messages\":[]}",
        )
        .await;
    assert_eq!(got.status, 529, "{}", got.text());
    assert_eq!(got.json()["error"]["type"], "overloaded_error");
    assert_eq!(got.header("content-type"), "application/json");
}

#[tokio::test]
async fn a_silent_upstream_gets_keepalives_and_then_an_error() {
    let first = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\"}}\n\n";
    let upstream = Upstream::start().await;
    upstream.will(Reply::events(first).ending(Ending::Hang));
    let config = one(&upstream, MESSAGES, "[server]\nkeepalive_secs = 1")
        .replace("read_idle_timeout_secs = 5", "read_idle_timeout_secs = 3");
    let gateway = Running::start(&config);
    let got = gateway
        .post(
            "/v1/messages",
            "{\"model\":\"m\",\"max_tokens\":1,\"stream\":true,\"messages\":[]}",
        )
        .await;
    let rest = got.text().strip_prefix(first).unwrap();
    let pings = rest
        .matches("event: ping\ndata: {\"type\":\"ping\"}\n\n")
        .count();
    assert!((1..=3).contains(&pings), "{rest}");
    let stop = rest.find("content_block_stop").unwrap();
    assert!(stop < rest.find("event: error").unwrap(), "{rest}");
    assert_eq!(gateway.log.records()[0].outcome, Outcome::Stalled);
}

#[tokio::test]
async fn a_stalled_tool_call_ends_in_an_error_although_pings_come() {
    let start = "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\",\"arguments\":\"{\"}}]},\"finish_reason\":null}]}\n\n";
    let upstream = Upstream::start().await;
    upstream.will(Reply::events(start).ending(Ending::Hang));
    let gateway = Running::start(&one(&upstream, CHAT, "[tool_calls]\ntimeout_secs = 1"));
    let got = gateway
        .post(
            "/v1/chat/completions",
            "{\"model\":\"m\",\"stream\":true,\"messages\":[]}",
        )
        .await;
    let rest = got.text().strip_prefix(start).unwrap();
    assert!(
        rest.contains("tool_call_timeout") && !rest.contains("[DONE]"),
        "{rest}"
    );
}

/// Case 20: work that nobody waits for costs money.
#[tokio::test]
async fn a_client_that_leaves_ends_the_upstream_request_of_every_hop() {
    let begun = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":null}]}\n\n";
    for (path, body, kind) in [
        // Within one protocol, translated, and an answer that is held whole to be translated.
        (
            "/v1/chat/completions",
            "{\"model\":\"m\",\"stream\":true,\"messages\":[]}",
            true,
        ),
        (
            "/v1/responses",
            "{\"model\":\"m\",\"stream\":true,\"input\":\"hi\"}",
            true,
        ),
        (
            "/v1/messages",
            "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}",
            false,
        ),
    ] {
        let upstream = Upstream::start().await;
        let reply = if kind {
            Reply::events(begun)
        } else {
            Reply::json("{\"id\":")
        };
        upstream.will(reply.ending(Ending::Hang));
        let gateway = Running::before(&upstream, CHAT);
        let mut client = gateway.client().await;
        let asking = async {
            let mut response = client.begin(Method::POST, path, &[], body).await;
            while response.body_mut().frame().await.is_some() {}
        };
        // The answer has begun to arrive and hangs, and the client loses patience.
        let patience = async {
            while upstream.received().is_empty() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = asking => panic!("{path}: the answer came to an end"),
            () = patience => {}
        }
        drop(client);
        tokio::time::timeout(Duration::from_secs(5), upstream.abandoned())
            .await
            .expect("the upstream's body is dropped");
        assert_eq!(gateway.log.last().await.outcome, Outcome::ClientClosed);
    }
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_upstream_request() {
    let upstream = Upstream::start().await;
    upstream.will(
        Reply::events("data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n")
            .ending(Ending::Hang),
    );
    let gateway = Running::before(&upstream, CHAT);
    let mut client = gateway.client().await;
    let body = "{\"model\":\"m\",\"stream\":true,\"messages\":[]}";
    let mut response = client
        .begin(Method::POST, "/v1/chat/completions", &[], body)
        .await;
    assert!(response.body_mut().frame().await.is_some());
    drop(response);
    drop(client);
    tokio::time::timeout(Duration::from_secs(5), upstream.abandoned())
        .await
        .expect("the upstream's body is dropped");
    assert_eq!(gateway.log.records()[0].outcome, Outcome::ClientClosed);
}

#[tokio::test]
async fn malformed_frames_are_repaired_and_a_missing_done_is_supplied() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::events(
        "{\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}",
    ));
    let gateway = Running::before(&upstream, CHAT);
    let got = gateway
        .post(
            "/v1/chat/completions",
            "{\"model\":\"m\",\"stream\":true,\"messages\":[]}",
        )
        .await;
    assert_eq!(
        got.text(),
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
    );
}
