//! What is not a model's answer obeys its row too: head, body and redirects (P3, P12, Z3, E2, E4, E7).

use http::Method;
use proxai_testkit::upstream::{Reply, Upstream};
use serde_json::Value;

use crate::harness::{CHAT, MESSAGES, RESPONSES, Running, one};
use crate::quirks::answer;

const EMBED: &str = "{ \"model\" : \"up/e\", \"user\":\"u\", \"input\":\"x\", \"dimensions\": 8 }";

#[tokio::test]
async fn every_path_says_who_asks_as_the_row_wants_it() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json("{\"input_tokens\":3}"));
    let gateway = Running::start(&format!(
        "{}quirks = {{ user_agent = \"Agent/2\" }}\nheaders = {{ x-team = \"red\" }}\n",
        one(&upstream, MESSAGES, "")
    ));
    let count = "{\"model\":\"up/m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
    for (path, body) in [
        ("/v1/messages/count_tokens", count),
        ("/v1/embeddings", EMBED),
        ("/v1/audio/speech", "{\"model\":\"up/m\",\"input\":\"x\"}"),
    ] {
        let mut client = gateway.client().await;
        client.post(path, &[("user-agent", "curl/8")], body).await;
        let asked = upstream.last();
        assert_eq!(asked.header("user-agent"), "Agent/2", "{path}");
        assert_eq!(asked.header("x-team"), "red", "{path}");
    }
}

#[tokio::test]
async fn embeddings_lose_what_their_endpoint_refuses_and_say_so() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json("[[1.0]]"));
    let gateway = Running::start(&format!(
        "{}[providers.up.endpoint.embeddings]\nquirks = {{ refused_parameters = [\"dimensions\"], omit_model = true }}\nheaders = {{ x-lane = \"embed\" }}\nauth = {{ style = \"api-key\" }}\n",
        one(&upstream, CHAT, "")
    ));
    let got = gateway.post("/v1/embeddings", EMBED).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(got.header("x-proxai-loss"), "dimensions dropped");
    let asked = upstream.last();
    assert_eq!(asked.body, "{ \"user\":\"u\", \"input\":\"x\" }");
    // The cells of the endpoint beat those of the provider.
    assert_eq!(asked.header("x-lane"), "embed");
    assert_eq!(asked.header("api-key"), "sk-upstream");
    assert_eq!(asked.header("authorization"), "");
    let mut client = gateway.client().await;
    let strict = [("x-proxai-strict", "true")];
    let got = client.post("/v1/embeddings", &strict, EMBED).await;
    assert_eq!(got.status, 400);
    assert!(got.text().contains("strict_loss"), "{}", got.text());
    assert_eq!(upstream.received().len(), 1);
    // Answers are not concerned.
    upstream.will_only(Reply::json(answer(CHAT)));
    let ask = "{\"model\":\"up/m\",\"messages\":[],\"dimensions\":1}";
    gateway.post("/v1/chat/completions", ask).await;
    let asked = upstream.last();
    assert_eq!(
        asked.body,
        "{\"model\":\"m\",\"messages\":[],\"dimensions\":1}"
    );
    assert_eq!(asked.header("authorization"), "Bearer sk-upstream");
    assert_eq!(asked.header("x-lane"), "");
}

#[tokio::test]
async fn what_is_counted_is_what_would_be_sent() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json("{\"input_tokens\":3}"));
    let gateway = Running::start(&format!(
        "{}quirks = {{ refused_parameters = [\"top_k\"], tool_name = {{ charset = \"word_dash\" }} }}\n",
        one(&upstream, MESSAGES, "")
    ));
    let body = "{\"model\":\"up/m\",\"top_k\":3,\"tools\":[{\"name\":\"mcp.git\",\"input_schema\":{}}],\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
    let got = gateway.post("/v1/messages/count_tokens", body).await;
    assert_eq!(
        (got.status.as_u16(), got.text()),
        (200, "{\"input_tokens\":3}")
    );
    let sent: Value = serde_json::from_slice(&upstream.last().body).unwrap();
    assert!(sent.get("top_k").is_none());
    let name = sent["tools"][0]["name"].as_str().unwrap();
    assert!(name.starts_with("mcp_git"), "{name}");
}

#[tokio::test]
async fn a_redirect_is_followed_nowhere_with_neither_body_nor_key() {
    for (protocol, path, body) in [
        (
            CHAT,
            "/v1/chat/completions",
            "{\"model\":\"up/m\",\"messages\":[]}",
        ),
        (
            RESPONSES,
            "/v1/responses",
            "{\"model\":\"up/m\",\"input\":\"x\"}",
        ),
        (
            MESSAGES,
            "/v1/messages",
            "{\"model\":\"up/m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
        ),
        (
            CHAT,
            "/v1/messages",
            "{\"model\":\"up/m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
        ),
        (
            MESSAGES,
            "/v1/messages/count_tokens",
            "{\"model\":\"up/m\",\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]}",
        ),
        (CHAT, "/v1/embeddings", EMBED),
        (
            CHAT,
            "/v1/images/generations",
            "{\"model\":\"up/m\",\"prompt\":\"x\"}",
        ),
        (CHAT, "/v1/files", ""),
        (CHAT, "/v1/models", ""),
    ] {
        let elsewhere = Upstream::start().await;
        let to = format!("{}/v1/chat/completions", elsewhere.base_url());
        for status in [301, 302, 303, 307, 308] {
            let upstream = Upstream::start().await;
            let location = Box::leak(to.clone().into_boxed_str());
            upstream.will(Reply::json("").status(status).header("location", location));
            let gateway = Running::before(&upstream, protocol);
            let method = if body.is_empty() {
                Method::GET
            } else {
                Method::POST
            };
            let mut client = gateway.client().await;
            client.send(method, path, &[], body).await;
            assert!(!upstream.received().is_empty(), "{path} was sent");
        }
        let got = elsewhere.received();
        assert!(got.is_empty(), "{path}: {got:?}");
    }
}
