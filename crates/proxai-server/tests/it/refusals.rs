//! A model that refuses under status 200, on routes that ask another one then (R5, case 105).

use proxai_gateway::Outcome;
use proxai_testkit::upstream::{Reply, Upstream};

use crate::harness::{CHAT, Got, MESSAGES, RESPONSES, Running, protocols};
use crate::quirks::{answer, requests};

const ON_REFUSAL: &str = "fallback_strategy = [\"http_5xx\", \"refusal\"]";

/// A gateway with one route over `a` and then `b`, which speak the same.
fn pair(first: &Upstream, second: &Upstream, protocol: &str, strategy: &str) -> Running {
    let provider = |name: &str, upstream: &Upstream| {
        format!(
            "[providers.{name}]\nprotocol = \"{protocol}\"\nbase_url = \"{}\"\napi_key = \"sk-{name}\"\n",
            upstream.base_url()
        )
    };
    let targets = "[[routing.routes.targets]]\nprovider = \"a\"\npriority = 0\n[[routing.routes.targets]]\nprovider = \"b\"\npriority = 1\n";
    Running::start(&format!(
        "[[routing.routes]]\nmodel_pattern = \"*\"\n{strategy}\n{targets}{}{}",
        provider("a", first),
        provider("b", second)
    ))
}

/// The refusals of each protocol, whole.
fn refusals(protocol: &str) -> Vec<&'static str> {
    match protocol {
        CHAT => vec![
            r#"{"id":"c9","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":"I must not say"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
            r#"{"id":"c9","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"","reasoning_content":"hm"},"finish_reason":"content_filter"}],"usage":{"prompt_tokens":3,"completion_tokens":0}}"#,
        ],
        RESPONSES => vec![
            r#"{"id":"resp_9","object":"response","created_at":1,"status":"completed","model":"m","output":[{"type":"reasoning","id":"rs_9","summary":[]},{"type":"message","id":"msg_9","role":"assistant","status":"completed","content":[{"type":"refusal","refusal":"I must not say"}]}],"usage":{"input_tokens":3,"output_tokens":2,"total_tokens":5}}"#,
            r#"{"id":"resp_9","object":"response","created_at":1,"status":"incomplete","incomplete_details":{"reason":"content_filter"},"model":"m","output":[],"usage":{"input_tokens":3,"output_tokens":0,"total_tokens":3}}"#,
        ],
        _ => vec![
            r#"{"id":"msg_9","type":"message","role":"assistant","model":"m","content":[],"stop_reason":"refusal","stop_sequence":null,"stop_details":{"type":"refusal","category":null,"explanation":"I must not say"},"usage":{"input_tokens":3,"output_tokens":1}}"#,
        ],
    }
}

/// The same as streams. `before` are frames behind the head.
fn refused_streams(protocol: &str, before: &str) -> Vec<String> {
    match protocol {
        CHAT => {
            let head = "data: {\"id\":\"c9\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n";
            [
                "data: {\"id\":\"c9\",\"choices\":[{\"index\":0,\"delta\":{\"refusal\":\"I must\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"c9\",\"choices\":[{\"index\":0,\"delta\":{\"refusal\":\" not say\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"c9\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
                "data: {\"id\":\"c9\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\ndata: [DONE]\n\n",
            ]
            .map(|rest| format!("{head}{before}{rest}"))
            .to_vec()
        }
        RESPONSES => {
            let head = "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_9\",\"object\":\"response\",\"created_at\":1,\"status\":\"in_progress\",\"model\":\"m\",\"output\":[]}}\n\nevent: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":1,\"output_index\":0,\"item\":{\"type\":\"message\",\"id\":\"msg_9\",\"role\":\"assistant\",\"status\":\"in_progress\",\"content\":[]}}\n\n";
            [
                "event: response.content_part.added\ndata: {\"type\":\"response.content_part.added\",\"sequence_number\":5,\"item_id\":\"msg_9\",\"output_index\":0,\"content_index\":1,\"part\":{\"type\":\"refusal\",\"refusal\":\"\"}}\n\nevent: response.refusal.delta\ndata: {\"type\":\"response.refusal.delta\",\"sequence_number\":6,\"item_id\":\"msg_9\",\"output_index\":0,\"content_index\":1,\"delta\":\"I must not say\"}\n\nevent: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":7,\"response\":{\"id\":\"resp_9\",\"object\":\"response\",\"created_at\":1,\"status\":\"completed\",\"model\":\"m\",\"output\":[{\"type\":\"message\",\"id\":\"msg_9\",\"role\":\"assistant\",\"status\":\"completed\",\"content\":[{\"type\":\"refusal\",\"refusal\":\"I must not say\"}]}],\"usage\":{\"input_tokens\":3,\"output_tokens\":2,\"total_tokens\":5}}}\n\n",
                "event: response.incomplete\ndata: {\"type\":\"response.incomplete\",\"sequence_number\":5,\"response\":{\"id\":\"resp_9\",\"object\":\"response\",\"created_at\":1,\"status\":\"incomplete\",\"incomplete_details\":{\"reason\":\"content_filter\"},\"model\":\"m\",\"output\":[],\"usage\":{\"input_tokens\":3,\"output_tokens\":0,\"total_tokens\":3}}}\n\n",
            ]
            .map(|rest| format!("{head}{before}{rest}"))
            .to_vec()
        }
        _ => vec![format!(
            "event: message_start\ndata: {{\"type\":\"message_start\",\"message\":{{\"id\":\"msg_9\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{{\"input_tokens\":3,\"output_tokens\":1}}}}}}\n\nevent: ping\ndata: {{\"type\":\"ping\"}}\n\n{before}event: message_delta\ndata: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"refusal\",\"stop_sequence\":null}},\"usage\":{{\"output_tokens\":1}}}}\n\nevent: message_stop\ndata: {{\"type\":\"message_stop\"}}\n\n"
        )],
    }
}

/// Text of a stream, in a frame or two.
fn text_of(protocol: &str) -> &'static str {
    match protocol {
        CHAT => {
            "data: {\"id\":\"c9\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Well\"},\"finish_reason\":null}]}\n\n"
        }
        RESPONSES => {
            "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":2,\"item_id\":\"msg_9\",\"output_index\":0,\"content_index\":0,\"delta\":\"Well\"}\n\n"
        }
        _ => {
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Well\"}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
        }
    }
}

fn stream_of(protocol: &str) -> String {
    let streams = protocols();
    let own = streams.iter().find(|(_, name, ..)| *name == protocol);
    own.unwrap().3.to_owned()
}

/// Every way in which this protocol refuses, in the form that is asked for.
fn refused(protocol: &str, stream: bool) -> Vec<Reply> {
    if stream {
        let streams = refused_streams(protocol, "");
        let streams = streams.iter().map(|stream| Reply::frames(stream));
        streams.collect()
    } else {
        refusals(protocol).into_iter().map(Reply::json).collect()
    }
}

fn answered(protocol: &str, stream: bool) -> Reply {
    if stream {
        Reply::frames(&stream_of(protocol))
    } else {
        Reply::json(answer(protocol))
    }
}

fn by(got: &Got) -> (u16, &str, &str) {
    let count = got.header("x-proxai-fallback-count");
    (got.status.as_u16(), got.header("x-proxai-provider"), count)
}

#[tokio::test]
async fn a_refusal_is_asked_elsewhere_where_the_route_says_so_on_every_hop() {
    for protocol in [CHAT, RESPONSES, MESSAGES] {
        let (first, second) = (Upstream::start().await, Upstream::start().await);
        let gateway = pair(&first, &second, protocol, ON_REFUSAL);
        for stream in [false, true] {
            second.will_only(answered(protocol, stream));
            for reply in refused(protocol, stream) {
                first.will_only(reply);
                for (path, body) in requests(stream) {
                    let got = gateway.post(path, body.to_string()).await;
                    let what = format!("{protocol} for {path}, {stream}: {}", got.text());
                    assert_eq!(by(&got), (200, "b", "1"), "{what}");
                    assert!(!got.text().contains("I must"), "{what}");
                    assert!(!got.text().contains("_9\""), "{what}");
                    assert!(got.whole, "{what}");
                    assert_eq!(got.header("x-proxai-attempts"), "", "{what}");
                }
            }
        }
        let records = gateway.log.records();
        assert!(records.len() >= 6, "{protocol}");
        for record in records {
            assert_eq!((record.attempts, &*record.provider), (2, "b"));
            assert_eq!((record.status, record.outcome), (200, Outcome::End));
        }
    }
}

#[tokio::test]
async fn the_form_in_which_a_refusal_comes_does_not_matter() {
    for protocol in [CHAT, RESPONSES, MESSAGES] {
        let (first, second) = (Upstream::start().await, Upstream::start().await);
        let gateway = pair(&first, &second, protocol, ON_REFUSAL);
        for stream in [false, true] {
            second.will_only(answered(protocol, stream));
            for reply in refused(protocol, !stream) {
                first.will_only(reply);
                for (path, body) in requests(stream) {
                    let got = gateway.post(path, body.to_string()).await;
                    let what = format!("{protocol} for {path}, {stream}: {}", got.text());
                    assert_eq!(by(&got), (200, "b", "1"), "{what}");
                }
            }
        }
    }
}

#[tokio::test]
async fn without_the_routes_word_a_refusal_is_the_answer() {
    for (path, protocol, _, _) in protocols() {
        let (first, second) = (Upstream::start().await, Upstream::start().await);
        let gateway = pair(&first, &second, protocol, "");
        let [body, streamed] = [false, true].map(|stream| {
            let mut all = requests(stream).into_iter();
            all.find(|(own, _)| *own == path).unwrap().1.to_string()
        });
        for refusal in refusals(protocol) {
            first.will_only(Reply::json(refusal));
            let got = gateway.post(path, body.clone()).await;
            assert_eq!(by(&got), (200, "a", "0"));
            assert!(got.text().contains("9\""), "{}", got.text());
        }
        for refusal in refused_streams(protocol, "") {
            first.will_only(Reply::frames(&refusal));
            let got = gateway.post(path, streamed.clone()).await;
            assert_eq!(by(&got), (200, "a", "0"));
        }
        assert!(second.received().is_empty());
    }
}

#[tokio::test]
async fn the_last_targets_refusal_is_given_as_it_is() {
    for (own, protocol, request, _) in protocols() {
        let (first, second) = (Upstream::start().await, Upstream::start().await);
        let gateway = pair(&first, &second, protocol, ON_REFUSAL);
        for refusal in refused_streams(protocol, "") {
            first.will_only(Reply::frames(&refusal));
            second.will_only(Reply::frames(&refusal));
            let got = gateway.post(own, request).await;
            assert_eq!(by(&got), (200, "b", "1"));
            assert_eq!(got.text(), refusal, "byte for byte");
        }
        for refusal in refusals(protocol) {
            first.will_only(Reply::json(refusal));
            second.will_only(Reply::json(refusal));
            for (path, body) in requests(false) {
                let mut body = body;
                // The upstream's name, so that nothing has to be renamed.
                body["model"] = "m".into();
                let got = gateway.post(path, body.to_string()).await;
                assert_eq!(by(&got), (200, "b", "1"), "{}", got.text());
                if path == own {
                    assert_eq!(got.text(), refusal);
                } else {
                    let told = got.json();
                    let refuses = told["choices"][0]["message"]["refusal"].is_string()
                        || told["choices"][0]["finish_reason"] == "content_filter"
                        || told["stop_reason"] == "refusal"
                        || told["incomplete_details"]["reason"] == "content_filter"
                        || told["output"].to_string().contains("\"refusal\"");
                    assert!(refuses, "{protocol} for {path}: {told}");
                }
            }
        }
    }
}

#[tokio::test]
async fn what_has_been_said_before_a_refusal_cannot_be_taken_back() {
    for (path, protocol, request, _) in protocols() {
        let (first, second) = (Upstream::start().await, Upstream::start().await);
        let gateway = pair(&first, &second, protocol, ON_REFUSAL);
        for refusal in refused_streams(protocol, text_of(protocol)) {
            first.will_only(Reply::frames(&refusal));
            let got = gateway.post(path, request).await;
            assert_eq!(by(&got), (200, "a", "0"), "{}", got.text());
            assert_eq!(got.text(), refusal);
        }
        assert!(second.received().is_empty());
    }
}

#[tokio::test]
async fn a_refusal_is_listed_where_the_last_target_fails() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let gateway = pair(&first, &second, MESSAGES, ON_REFUSAL);
    first.will(Reply::json(refusals(MESSAGES)[0]));
    second.will(
        Reply::json(r#"{"type":"error","error":{"type":"api_error","message":"down"}}"#)
            .status(500),
    );
    for (path, body) in requests(false) {
        let got = gateway.post(path, body.to_string()).await;
        assert_eq!(by(&got), (500, "b", "1"), "{}", got.text());
        assert_eq!(got.header("x-proxai-attempts"), "a=refusal, b=500");
    }
}

/// An answer that is looked at and is none keeps its bytes (T1).
#[tokio::test]
async fn an_answer_that_was_looked_at_is_byte_identical() {
    for (path, protocol, request, stream) in protocols() {
        let (first, second) = (Upstream::start().await, Upstream::start().await);
        let gateway = pair(&first, &second, protocol, ON_REFUSAL);
        first.will_only(Reply::frames(stream));
        let got = gateway.post(path, request).await;
        assert_eq!((by(&got), got.text()), ((200, "a", "0"), stream));
        let spaced = answer(protocol).replace("\"model\":\"m\"", " \"model\" : \"m\" ");
        let cut = spaced.len() / 2;
        let (begin, end) = spaced.split_at(cut);
        first.will_only(Reply::new(
            "application/json",
            vec![begin.to_owned().into(), end.to_owned().into()],
        ));
        let mut body = requests(false)
            .into_iter()
            .find(|(own, _)| *own == path)
            .unwrap()
            .1;
        body["model"] = "m".into();
        let got = gateway.post(path, body.to_string()).await;
        assert_eq!((by(&got), got.text()), ((200, "a", "0"), &*spaced));
    }
}
