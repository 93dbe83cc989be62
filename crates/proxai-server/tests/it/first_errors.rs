//! What looks like the beginning of an answer and is none (R5, S1, X4; cases 9, 10, 12, 14, 18).

use proxai_gateway::Outcome;
use proxai_testkit::upstream::{Ending, Reply, Upstream};
use serde_json::Value;

use crate::harness::{CHAT, Got, MESSAGES, RESPONSES, Running};
use crate::quirks::{answer, requests};

const ROLE: &str = "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n";
const TEXT: &str = "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hello\"},\"finish_reason\":null}]}\n\n";
const END: &str = "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
const BARE: &str =
    "data: {\"error\":{\"message\":\"slow\",\"type\":\"rate_limit_error\",\"code\":429}}\n\n";
const OBJECT: &str = "data: {\"object\":\"error\",\"message\":\"slow\",\"type\":\"TooManyRequests\",\"code\":429}\n\n";
/// A router's: the error stands beside a choice that ends with it.
const BESIDE: &str = "data: {\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"},\"finish_reason\":\"error\"}],\"error\":{\"message\":\"slow\",\"code\":429}}\n\n";

fn failed(code: &str) -> String {
    let response = |status: &str, error: &str| {
        format!(
            r#"{{"id":"resp_1","object":"response","created_at":1,"status":"{status}","error":{error},"model":"m","output":[],"instructions":null,"usage":null}}"#
        )
    };
    let begun = response("in_progress", "null");
    let error = format!(r#"{{"code":"{code}","message":"slow"}}"#);
    let failed = response("failed", &error);
    let events = [
        ("response.created", &begun),
        ("response.in_progress", &begun),
        ("response.failed", &failed),
    ];
    let event = |(number, (name, response)): (usize, (&str, &String))| {
        format!(
            "event: {name}\ndata: {{\"type\":\"{name}\",\"sequence_number\":{number},\"response\":{response}}}\n\n"
        )
    };
    let events: Vec<String> = events.into_iter().enumerate().map(event).collect();
    events.concat()
}

/// What a client of each protocol gets for this.
async fn told(protocol: &str, reply: Reply, stream: bool) -> Vec<(&'static str, Got)> {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, protocol);
    let mut told = Vec::new();
    for (path, request) in requests(stream) {
        upstream.will_only(reply.clone());
        told.push((path, gateway.post(path, request.to_string()).await));
    }
    told
}

fn error_of(got: &Got) -> Value {
    got.json()["error"].clone()
}

/// Cases 12 and 14: Codex acts on the code, people on the message.
#[tokio::test]
async fn a_response_that_fails_first_keeps_its_code_and_message_on_every_hop() {
    for (code, status) in [
        ("rate_limit_exceeded", 429),
        ("context_length_exceeded", 400),
    ] {
        for (path, got) in told(RESPONSES, Reply::frames(&failed(code)), true).await {
            let what = format!("{path} {code}: {}", got.text());
            assert_eq!(got.status, status, "{what}");
            let error = error_of(&got);
            assert_eq!(error["code"], code, "{what}");
            let message = error["message"].as_str().unwrap();
            let prefixed = path.contains("messages") && status == 400;
            let wanted = if prefixed {
                "prompt is too long: slow"
            } else {
                "slow"
            };
            assert_eq!(message, wanted, "{what}");
        }
    }
}

/// Cases 10 and 12: a role and nothing else is no answer yet.
#[tokio::test]
async fn an_error_before_the_first_word_is_a_status_on_every_hop() {
    for before in ["", ROLE, &format!(": waiting\n\n{ROLE}{ROLE}")] {
        for error in [BARE, BESIDE, OBJECT] {
            for after in ["", END] {
                let stream = format!("{before}{error}{after}");
                for (path, got) in told(CHAT, Reply::frames(&stream), true).await {
                    let what = format!("{path} {stream}: {}", got.text());
                    assert_eq!(got.status, 429, "{what}");
                    assert_eq!(error_of(&got)["message"], "slow", "{what}");
                }
            }
        }
    }
}

/// R5: what was held is gone with the target that sent it.
#[tokio::test]
async fn an_error_behind_a_role_is_asked_elsewhere() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let provider = |name: &str, upstream: &Upstream| {
        format!(
            "[providers.{name}]\nprotocol = \"{CHAT}\"\nbase_url = \"{}\"\napi_key = \"sk-{name}\"\n",
            upstream.base_url()
        )
    };
    let gateway = Running::start(&format!(
        "[[routing.routes]]\nmodel_pattern = \"*\"\nfallback_strategy = [\"http_429\", \"http_5xx\"]\n[[routing.routes.targets]]\nprovider = \"a\"\npriority = 0\n[[routing.routes.targets]]\nprovider = \"b\"\npriority = 1\n{}{}",
        provider("a", &first),
        provider("b", &second)
    ));
    let good = format!("{ROLE}{TEXT}{END}");
    let empty = "data: [DONE]\n\n";
    for bad in [
        format!("{ROLE}{BARE}"),
        format!("{ROLE}{BESIDE}{END}"),
        empty.into(),
    ] {
        first.will_only(Reply::frames(&bad));
        second.will_only(Reply::frames(&good));
        let request = "{\"model\":\"m\",\"stream\":true,\"messages\":[]}";
        let got = gateway.post("/v1/chat/completions", request).await;
        assert_eq!(got.status, 200, "{bad}: {}", got.text());
        assert_eq!(got.text(), good, "{bad}");
        assert_eq!(got.header("x-proxai-provider"), "b");
    }
}

/// S1: never both.
#[tokio::test]
async fn an_error_behind_some_words_is_the_last_thing_said() {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, CHAT);
    for error in [BARE, BESIDE] {
        upstream.will_only(Reply::frames(&format!("{ROLE}{TEXT}{error}{END}")));
        let request = "{\"model\":\"m\",\"stream\":true,\"messages\":[]}";
        let got = gateway.post("/v1/chat/completions", request).await;
        assert_eq!(got.status, 200);
        assert_eq!(got.text(), format!("{ROLE}{TEXT}{error}"));
        assert_eq!(gateway.log.last().await.outcome, Outcome::Error);
    }
}

/// Case 9: an end of nothing is no end.
#[tokio::test]
async fn a_stream_of_nothing_but_its_end_is_an_error_on_every_hop() {
    for (path, got) in told(CHAT, Reply::frames("data: [DONE]\n\n"), true).await {
        assert_eq!(got.status, 502, "{path}: {}", got.text());
        assert_eq!(error_of(&got)["code"], "upstream_stream_cut", "{path}");
    }
}

/// Case 18, X4.
#[tokio::test]
async fn an_error_beside_an_empty_answer_is_an_error() {
    for body in [
        r#"{"choices":[],"error":{"message":"boom"}}"#,
        r#"{"choices":null,"error":{"message":"boom"}}"#,
        r#"{"object":"error","message":"boom","type":"BadGateway","code":502}"#,
        r#"{"id":"c","object":"chat.completion","created":1,"model":"m","system_fingerprint":null,"service_tier":"default","usage":{"prompt_tokens":12,"completion_tokens":0,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}},"choices":[],"error":{"message":"boom"}}"#,
    ] {
        for stream in [false, true] {
            for (path, got) in told(CHAT, Reply::json(body), stream).await {
                assert_eq!(got.status, 502, "{path} {stream} {body}: {}", got.text());
                assert_eq!(error_of(&got)["message"], "boom", "{path}");
            }
        }
    }
    // Within one protocol it is known for what it is before its end.
    let body = r#"{"choices":[],"error":{"message":"boom"}}"#;
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(body).ending(Ending::Hang));
    let gateway = Running::before(&upstream, CHAT);
    let request = "{\"model\":\"m\",\"messages\":[]}";
    let got = gateway.post("/v1/chat/completions", request).await;
    assert_eq!((got.status.as_u16(), got.text()), (502, body));
    let answered = answer(CHAT).replacen('{', r#"{"error":{},"#, 1);
    let (_, got) = told(CHAT, Reply::json(answered), false).await.remove(0);
    assert_eq!(got.status, 200, "{}", got.text());
    assert!(got.text().contains("hello"));
}

/// Case 18, X2: an answer of an API that is another is no answer that says nothing.
#[tokio::test]
async fn what_is_no_answer_is_no_empty_one_on_any_hop() {
    for protocol in [CHAT, RESPONSES, MESSAGES] {
        for body in ["{}", r#"{"object":"list","data":[]}"#] {
            for stream in [false, true] {
                for (path, got) in told(protocol, Reply::json(body), stream).await {
                    let own = [CHAT, RESPONSES, MESSAGES]
                        .into_iter()
                        .zip(requests(false))
                        .any(|(name, (own, _))| name == protocol && own == path);
                    if own && !stream {
                        assert_eq!(got.text(), body, "within one protocol every byte passes");
                        continue;
                    }
                    let what = format!("{path} {protocol} {stream} {body}: {}", got.text());
                    assert_eq!(got.status, 502, "{what}");
                    assert!(error_of(&got)["message"].is_string(), "{what}");
                }
            }
        }
    }
}
