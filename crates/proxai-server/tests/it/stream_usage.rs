//! The usage of a stream within Chat: asked for where the client does not, told only where it
//! does (T10, case 99).

use proxai_testkit::upstream::{Reply, Upstream};
use serde_json::Value;

use crate::harness::{CHAT, Running, one};
use crate::quirks::{sent, with_quirks};

const PATH: &str = "/v1/chat/completions";
const TEXT: &str = "data: {\"id\":\"c\", \"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"h\\u00e9\"},\"finish_reason\":null}],\"usage\":null}\n\ndata:{\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\r\n\r\n";
const USAGE: &str = "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2,\"total_tokens\":9,\"prompt_tokens_details\":{\"cached_tokens\":4}}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn stream() -> String {
    format!("{TEXT}{USAGE}{DONE}")
}

/// The usage that the request was charged for.
async fn charged(gateway: &Running) -> (Option<u64>, Option<u64>, Option<u64>) {
    let usage = gateway.log.last().await.usage.unwrap_or_default();
    (usage.input, usage.output, usage.cache_read)
}

#[tokio::test]
async fn usage_is_asked_for_counted_and_withheld_from_a_client_that_did_not_ask() {
    for (asked, received) in [
        (
            r#"{ "stream" : true, "model":"up/m",  "n": 1.0e0, "messages":[] }"#,
            r#"{ "stream" : true, "model":"m",  "n": 1.0e0, "messages":[],"stream_options":{"include_usage":true} }"#,
        ),
        (
            r#"{"stream":true,"stream_options": {"include_obfuscation" : false, "include_usage": false},"model":"m","messages":[]}"#,
            r#"{"stream":true,"stream_options": {"include_obfuscation" : false, "include_usage": true},"model":"m","messages":[]}"#,
        ),
        (
            r#"{"stream":true,"stream_options":null,"model":"m","messages":[]}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true},"model":"m","messages":[]}"#,
        ),
    ] {
        let upstream = Upstream::start().await;
        upstream.will(Reply::frames(&stream()));
        let gateway = Running::before(&upstream, CHAT);
        let got = gateway.post(PATH, asked).await;
        assert_eq!(upstream.last().body, received);
        assert_eq!(got.text(), format!("{TEXT}{DONE}"));
        assert_eq!(got.header("x-proxai-loss"), "");
        assert_eq!(charged(&gateway).await, (Some(7), Some(2), Some(4)));
    }
}

#[tokio::test]
async fn a_client_that_asks_gets_the_upstreams_very_bytes() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::frames(&stream()));
    let gateway = Running::before(&upstream, CHAT);
    let asked =
        r#"{"stream":true, "stream_options":{ "include_usage":true },"model":"m","messages":[]}"#;
    let got = gateway.post(PATH, asked).await;
    assert_eq!(upstream.last().body, asked);
    assert_eq!(got.text(), stream());
    assert_eq!(charged(&gateway).await, (Some(7), Some(2), Some(4)));
}

#[tokio::test]
async fn usage_that_stands_on_ordinary_chunks_stays_where_it_is() {
    let told = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":1}}\n\ndata: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";
    let upstream = Upstream::start().await;
    upstream.will(Reply::events(told));
    let gateway = Running::before(&upstream, CHAT);
    let got = gateway
        .post(PATH, r#"{"stream":true,"model":"m","messages":[]}"#)
        .await;
    assert_eq!(got.text(), told);
    assert_eq!(charged(&gateway).await, (Some(7), Some(2), None));
}

#[tokio::test]
async fn whole_answers_are_not_asked_for_what_they_tell_anyway() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(crate::quirks::answer(CHAT)));
    let gateway = Running::before(&upstream, CHAT);
    for asked in [
        r#"{"model":"m","messages":[]}"#,
        r#"{"stream":false,"model":"m","messages":[]}"#,
    ] {
        gateway.post(PATH, asked).await;
        assert_eq!(upstream.last().body, asked);
    }
}

#[tokio::test]
async fn a_row_that_takes_no_stream_options_is_sent_none_and_nothing_is_lost() {
    for quirk in [
        "{ stream_options = false }",
        "{ refused_parameters = [\"stream_options\"] }",
    ] {
        let upstream = Upstream::start().await;
        upstream.will(Reply::events(stream()));
        let gateway = with_quirks(&upstream, CHAT, quirk);
        let asked = r#"{"stream":true,"model":"m","messages":[]}"#;
        let got = gateway.post(PATH, asked).await;
        assert_eq!(upstream.last().body, asked);
        assert_eq!(got.header("x-proxai-loss"), "");
        // Told unasked, it is still nothing that this client reads.
        assert_eq!(got.text(), format!("{TEXT}{DONE}"));
        assert_eq!(charged(&gateway).await, (Some(7), Some(2), Some(4)));
    }
}

#[tokio::test]
async fn an_upstream_that_refuses_stream_options_is_asked_without_once_and_from_then_on() {
    for said in [
        r#"{"error":{"message":"Unrecognized request argument supplied: stream_options","type":"invalid_request_error","param":null,"code":null}}"#,
        r#"{"error":{"message":"The field 'stream_options' is not allowed for this deployment"}}"#,
        r#"{"detail":[{"type":"extra_forbidden","loc":["body","stream_options","include_usage"],"msg":"Extra inputs are not permitted","input":true}]}"#,
    ] {
        for strict in ["false", "true"] {
            let upstream = Upstream::start().await;
            upstream.will(Reply::json(said).status(400));
            upstream.will(Reply::events(format!("{TEXT}{DONE}")));
            let gateway = Running::before(&upstream, CHAT);
            let asked = r#"{"stream":true,"model":"m","messages":[]}"#;
            let mut client = gateway.client().await;
            for _ in 0..2 {
                let headers = [("x-proxai-strict", strict)];
                let got = client.post(PATH, &headers, asked).await;
                assert_eq!(got.status, 200, "{}", got.text());
                assert_eq!(got.text(), format!("{TEXT}{DONE}"));
                assert_eq!(got.header("x-proxai-loss"), "");
            }
            let asked_for: Vec<bool> = upstream
                .received()
                .iter()
                .map(|received| {
                    let body: Value = serde_json::from_slice(&received.body).unwrap();
                    body.get("stream_options").is_some()
                })
                .collect();
            assert_eq!(asked_for, [true, false, false], "{said}");
        }
    }
}

#[tokio::test]
async fn what_the_client_itself_said_of_its_stream_is_a_loss_when_it_is_refused() {
    let upstream = Upstream::start().await;
    let said = r#"{"error":{"message":"Unknown parameter: 'stream_options'.","param":"stream_options","code":"unknown_parameter"}}"#;
    upstream.will(Reply::json(said).status(400));
    upstream.will(Reply::events(format!("{TEXT}{DONE}")));
    let gateway = Running::before(&upstream, CHAT);
    let asked = r#"{"stream":true,"stream_options":{"include_obfuscation":true},"model":"m","messages":[]}"#;
    let got = gateway.post(PATH, asked).await;
    assert_eq!(got.header("x-proxai-loss"), "stream_options dropped");
    assert_eq!(upstream.received().len(), 2);
}

#[tokio::test]
async fn an_answer_that_is_retold_as_a_stream_has_usage_only_for_those_who_asked() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(crate::quirks::answer(CHAT)));
    let gateway = Running::before(&upstream, CHAT);
    for (options, told) in [
        ("", false),
        (r#""stream_options":{"include_usage":true},"#, true),
    ] {
        let asked = format!(r#"{{"stream":true,{options}"model":"m","messages":[]}}"#);
        let got = gateway.post(PATH, asked).await;
        assert!(got.text().ends_with(DONE), "{}", got.text());
        assert_eq!(got.text().contains("prompt_tokens"), told, "{}", got.text());
    }
}

#[tokio::test]
async fn a_stream_that_becomes_a_whole_answer_is_asked_for_its_usage() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::events(stream()));
    let gateway = Running::start(&format!(
        "{}quirks = {{ stream = \"always\" }}\n",
        one(&upstream, CHAT, "")
    ));
    let got = gateway.post(PATH, r#"{"model":"m","messages":[]}"#).await;
    assert_eq!(sent(&upstream)["stream"], true);
    assert_eq!(sent(&upstream)["stream_options"]["include_usage"], true);
    assert_eq!(
        got.json()["usage"]["completion_tokens"],
        2,
        "{}",
        got.text()
    );
}
