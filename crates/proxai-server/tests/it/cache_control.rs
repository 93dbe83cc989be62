//! The prompt cache, as the client wants it and not as the body says (T13).

use proxai_testkit::upstream::{Reply, Upstream};
use serde_json::json;

use crate::harness::{CHAT, MESSAGES, RESPONSES, Running};
use crate::quirks::{answer, requests, sent};

#[tokio::test]
async fn forcing_reaches_every_upstream_from_every_client_and_the_answer_says_so() {
    for protocol in [CHAT, RESPONSES, MESSAGES] {
        let upstream = Upstream::start().await;
        upstream.will(Reply::json(answer(protocol)));
        let gateway = Running::before(&upstream, protocol);
        for (path, body) in requests(false) {
            for header in ["x-proxai-cache", "X-LangWatch-Cache"] {
                let mut client = gateway.client().await;
                let got = client
                    .post(path, &[(header, "force")], body.to_string())
                    .await;
                assert_eq!(got.status, 200, "{}", got.text());
                assert_eq!(got.header("x-proxai-cache"), "force");
                let asked = sent(&upstream);
                let context = format!("{path} to {protocol}: {asked}");
                if protocol == MESSAGES {
                    let block = &asked["messages"][0]["content"][0];
                    assert_eq!(block["cache_control"]["type"], "ephemeral", "{context}");
                } else {
                    assert!(asked["prompt_cache_key"].is_string(), "{context}");
                }
                assert_eq!(upstream.last().header(header), "");
            }
        }
    }
}

#[tokio::test]
async fn disabling_takes_the_clients_marks_out_in_streams_too() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(answer(MESSAGES)));
    let gateway = Running::before(&upstream, MESSAGES);
    for stream in [false, true] {
        let mut body = requests(stream)[2].1.clone();
        body["system"] =
            json!([{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]);
        let mut client = gateway.client().await;
        let disable = [
            ("x-proxai-cache", "disable"),
            ("x-langwatch-cache", "force"),
        ];
        let got = client
            .post("/v1/messages", &disable, body.to_string())
            .await;
        assert_eq!(got.status, 200, "{}", got.text());
        assert_eq!(got.header("x-proxai-cache"), "bypass");
        assert_eq!(
            sent(&upstream)["system"],
            json!([{"type": "text", "text": "s"}])
        );
    }
}

#[tokio::test]
async fn respect_keeps_every_byte_and_tells_hit_from_miss() {
    for (read, word) in [(0, "miss"), (7, "hit")] {
        let upstream = Upstream::start().await;
        upstream.will(Reply::json(format!(
            r#"{{"id":"c1","choices":[{{"index":0,"message":{{"role":"assistant","content":"x"}},"finish_reason":"stop"}}],"usage":{{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{{"cached_tokens":{read}}}}}}}"#
        )));
        let gateway = Running::before(&upstream, CHAT);
        let body = "{ \"model\":\"m\", \"prompt_cache_key\":\"own\" ,\"messages\":[]}";
        let got = gateway.post("/v1/chat/completions", body).await;
        assert_eq!(got.header("x-proxai-cache"), word);
        assert_eq!(upstream.last().body, body);
    }
}

#[tokio::test]
async fn the_request_decides_before_the_target_the_route_and_the_provider() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(answer(CHAT)));
    let targets = "[[routing.routes]]\nmodel_pattern = \"ruled\"\ncache = \"force\"\nprovider = \"up\"\n[[routing.routes]]\nmodel_pattern = \"own\"\ncache = \"force\"\n[[routing.routes.targets]]\nprovider = \"up\"\ncache = \"respect\"\n";
    let config = crate::harness::one(&upstream, CHAT, targets) + "cache = \"disable\"\n";
    let gateway = Running::start(&config);
    let plain = "{\"model\":\"M\",\"prompt_cache_key\":\"own\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
    for (model, header, key, word) in [
        ("other", None, None, "bypass"),
        ("ruled", None, Some("own"), "force"),
        ("own", None, Some("own"), ""),
        ("ruled", Some("disable"), None, "bypass"),
        ("own", Some("disable"), None, "bypass"),
        ("other", Some("respect"), Some("own"), ""),
        ("other", Some("force"), Some("own"), "force"),
    ] {
        let headers: Vec<(&str, &str)> = header
            .map(|mode| ("x-proxai-cache", mode))
            .into_iter()
            .collect();
        let got = gateway
            .client()
            .await
            .post("/v1/chat/completions", &headers, plain.replace('M', model))
            .await;
        assert_eq!(got.status, 200, "{}", got.text());
        assert_eq!(got.header("x-proxai-cache"), word, "{model} {header:?}");
        let asked = sent(&upstream);
        assert_eq!(
            asked["prompt_cache_key"].as_str(),
            key,
            "{model} {header:?}"
        );
    }
}

#[tokio::test]
async fn a_mode_that_is_none_is_refused_in_the_clients_shape() {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, CHAT);
    for (path, body) in requests(false) {
        for value in ["sometimes", "ttl=60", ""] {
            let mut client = gateway.client().await;
            let got = client
                .post(path, &[("x-proxai-cache", value)], body.to_string())
                .await;
            assert_eq!(got.status, 400);
            assert!(got.text().contains("x-proxai-cache"), "{}", got.text());
            if path == "/v1/messages" {
                assert_eq!(got.json()["type"], "error");
            } else {
                assert_eq!(got.json()["error"]["code"], "cache_override_invalid");
            }
        }
    }
    assert!(upstream.received().is_empty());
}
