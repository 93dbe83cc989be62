//! A second request that a refusal asks for: at the other endpoint (P5) or without a parameter
//! (P12). Once, remembered, and never for what another reason refused.

use proxai_testkit::upstream::{Reply, Upstream};
use serde_json::json;

use crate::harness::{CHAT, MESSAGES, RESPONSES, Running};
use crate::quirks::{answer, requests, sent, with_quirks};

const NO_ENDPOINT: &str = r#"{"detail":"Not Found"}"#;
const RESPONSES_STREAM: &str = "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1,\"status\":\"in_progress\",\"model\":\"m\",\"output\":[]}}\n\nevent: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":1,\"output_index\":0,\"item\":{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\",\"status\":\"in_progress\",\"content\":[]}}\n\nevent: response.content_part.added\ndata: {\"type\":\"response.content_part.added\",\"sequence_number\":2,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"part\":{\"type\":\"output_text\",\"text\":\"\",\"annotations\":[]}}\n\nevent: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":3,\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\"hello\"}\n\nevent: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":4,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"created_at\":1,\"status\":\"completed\",\"model\":\"m\",\"output\":[{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\",\"status\":\"completed\",\"content\":[{\"type\":\"output_text\",\"text\":\"hello\",\"annotations\":[]}]}],\"usage\":{\"input_tokens\":3,\"output_tokens\":2,\"total_tokens\":5}}}\n\n";

fn targets(upstream: &Upstream) -> Vec<String> {
    let received = upstream.received();
    received.into_iter().map(|asked| asked.target).collect()
}

#[tokio::test]
async fn a_missing_chat_endpoint_is_asked_at_responses_by_every_client_and_remembered() {
    for stream in [false, true] {
        for (path, body) in requests(stream) {
            let upstream = Upstream::start().await;
            let gateway = Running::before(&upstream, CHAT);
            upstream.will(Reply::json(NO_ENDPOINT).status(404));
            upstream.will(if stream {
                Reply::frames(RESPONSES_STREAM)
            } else {
                Reply::json(answer(RESPONSES))
            });
            for round in 0..2 {
                let got = gateway.post(path, body.to_string()).await;
                let context = format!("{path} {round}: {}", got.text());
                assert_eq!(got.status, 200, "{context}");
                assert!(got.text().contains("hello"), "{context}");
                let own = match path {
                    "/v1/chat/completions" if stream => "data: [DONE]",
                    "/v1/chat/completions" => "chat.completion",
                    "/v1/responses" if stream => "response.completed",
                    "/v1/responses" => "\"object\":\"response\"",
                    _ if stream => "event: message_stop",
                    _ => "\"type\":\"message\"",
                };
                assert!(got.text().contains(own), "{context}");
                let asked = sent(&upstream);
                assert_eq!(asked["model"], "m", "{context}");
                assert!(asked.get("input").is_some(), "{context}: {asked}");
            }
            assert_eq!(
                targets(&upstream),
                ["/v1/chat/completions", "/v1/responses", "/v1/responses"],
                "{path}"
            );
            assert_eq!(
                upstream.last().header("authorization"),
                "Bearer sk-upstream"
            );
            let record = gateway.log.records().pop().unwrap();
            assert_eq!(
                record.upstream_protocol.map(proxai_types::Protocol::name),
                Some("responses")
            );
        }
    }
}

#[tokio::test]
async fn a_missing_responses_endpoint_is_asked_at_chat() {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, RESPONSES);
    upstream.will(Reply::new("text/plain", vec!["404 page not found\n".into()]).status(405));
    upstream.will(Reply::json(answer(CHAT)));
    let (path, body) = &requests(false)[1];
    let got = gateway.post(path, body.to_string()).await;
    assert_eq!(got.json()["output"][0]["content"][0]["text"], "hello");
    assert_eq!(
        targets(&upstream),
        ["/v1/responses", "/v1/chat/completions"]
    );
    // A chat client is now served in its own protocol, byte for byte.
    let body = "{ \"model\":\"m\",\"messages\":[] }";
    let got = gateway.post("/v1/chat/completions", body).await;
    assert_eq!(got.text(), answer(CHAT));
    assert_eq!(upstream.last().body, body);
}

#[tokio::test]
async fn a_missing_model_another_error_and_a_row_that_says_no_are_not_asked_again() {
    let model = r#"{"error":{"message":"The model `m` does not exist","code":"model_not_found"}}"#;
    for (status, said, quirks) in [
        (404, model, "{}"),
        (400, NO_ENDPOINT, "{}"),
        (404, NO_ENDPOINT, "{ responses_fallback = false }"),
    ] {
        let words = if said == model {
            "does not exist"
        } else {
            "Not Found"
        };
        let upstream = Upstream::start().await;
        upstream.will(Reply::json(said).status(status));
        let gateway = with_quirks(&upstream, CHAT, quirks);
        let (path, body) = &requests(false)[0];
        let got = gateway.post(path, body.to_string()).await;
        assert_eq!(got.status, status);
        assert!(got.text().contains(words), "{}", got.text());
        assert_eq!(targets(&upstream), ["/v1/chat/completions"]);
    }
}

#[tokio::test]
async fn where_the_other_endpoint_does_not_serve_either_the_first_answer_counts_and_is_forgotten() {
    for (status, said) in [
        (404, r#"{"detail":"Nor here"}"#),
        (500, r#"{"error":{"message":"no such route"}}"#),
    ] {
        let upstream = Upstream::start().await;
        let gateway = Running::before(&upstream, CHAT);
        upstream.will(Reply::json(NO_ENDPOINT).status(404));
        upstream.will(Reply::json(said).status(status));
        let (path, body) = &requests(false)[0];
        let got = gateway.post(path, body.to_string()).await;
        assert_eq!(got.status, 404);
        assert_eq!(got.json()["error"]["message"], "Not Found");
        assert_eq!(
            targets(&upstream),
            ["/v1/chat/completions", "/v1/responses"]
        );
        upstream.will_only(Reply::json(answer(CHAT)));
        let got = gateway.post(path, body.to_string()).await;
        assert_eq!(got.status, 200);
        assert_eq!(upstream.last().target, "/v1/chat/completions");
    }
}

#[tokio::test]
async fn a_parameter_that_is_not_known_is_left_out_once_and_from_then_on() {
    for (protocol, said) in [
        (
            CHAT,
            r#"{"error":{"message":"Unsupported parameter: 'temperature' is not supported with this model.","type":"invalid_request_error","param":"temperature","code":"unsupported_parameter"}}"#,
        ),
        (
            RESPONSES,
            r#"{"error":{"message":"Unknown parameter: 'temperature'.","type":"invalid_request_error","param":"temperature","code":"unknown_parameter"}}"#,
        ),
        (
            MESSAGES,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"temperature: Extra inputs are not permitted"}}"#,
        ),
    ] {
        for (path, body) in requests(false) {
            let upstream = Upstream::start().await;
            let gateway = Running::before(&upstream, protocol);
            upstream.will(Reply::json(said).status(400));
            upstream.will(Reply::json(answer(protocol)));
            for asked in [2, 3] {
                let got = gateway.post(path, body.to_string()).await;
                let context = format!("{path} to {protocol}: {}", got.text());
                assert_eq!(got.status, 200, "{context}");
                assert!(
                    got.header("x-proxai-loss").contains("temperature dropped"),
                    "{context}"
                );
                assert_eq!(upstream.received().len(), asked, "{context}");
                assert!(sent(&upstream).get("temperature").is_none(), "{context}");
            }
            // Another model may know it.
            let mut other = body.clone();
            other["model"] = json!("up/other");
            gateway.post(path, other.to_string()).await;
            assert!(sent(&upstream).get("temperature").is_some(), "{path}");
        }
    }
}

#[tokio::test]
async fn a_second_refusal_reaches_the_client_and_so_does_one_about_what_is_needed() {
    let said = r#"{"error":{"message":"Unknown parameter: 'temperature'.","param":"temperature","code":"unknown_parameter"}}"#;
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, CHAT);
    upstream.will(Reply::json(said).status(400));
    let (path, body) = &requests(false)[0];
    let got = gateway.post(path, body.to_string()).await;
    assert_eq!((got.status.as_u16(), got.text()), (400, said));
    assert_eq!(upstream.received().len(), 2);
    // It did not help, so it is not remembered.
    gateway.post(path, body.to_string()).await;
    assert!(
        upstream.received()[2]
            .body
            .windows(11)
            .any(|at| at == b"temperature")
    );
    let needed = r#"{"error":{"message":"Unknown parameter: 'tools'.","param":"tools","code":"unknown_parameter"}}"#;
    upstream.will_only(Reply::json(needed).status(400));
    let before = upstream.received().len();
    let got = gateway.post(path, body.to_string()).await;
    assert_eq!(got.text(), needed);
    assert_eq!(upstream.received().len(), before + 1);
}
