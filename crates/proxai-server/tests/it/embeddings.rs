//! `/v1/embeddings`: forwarded 1:1, the answer in the shape of the reference (E2, P9).

use proxai_testkit::upstream::{Reply, Upstream};

use crate::harness::{CHAT, Running};

const ASK: &str = "{ \"model\" : \"up/embed-1\", \"input\":[\"one\",\"two\"] }";

#[tokio::test]
async fn an_answer_in_the_right_shape_keeps_its_bytes() {
    let upstream = Upstream::start().await;
    let body = "{ \"object\":\"list\", \"data\":[ {\"object\":\"embedding\",\"index\":0,\"embedding\":[1.50, -2e-3]},{\"object\":\"embedding\",\"index\":1,\"embedding\":[0,1]} ],\"model\":\"embed-1\",\"x\":1,\"usage\":{\"prompt_tokens\":2,\"total_tokens\":2}}";
    upstream.will(Reply::json(body).header("x-request-id", "r-7"));
    let gateway = Running::before(&upstream, CHAT);
    for path in ["/v1/embeddings", "/embeddings"] {
        let got = gateway.post(path, ASK).await;
        assert_eq!((got.status.as_u16(), got.text()), (200, body));
        assert_eq!(got.header("content-type"), "application/json");
        assert_eq!(got.header("x-request-id"), "r-7");
        assert_eq!(got.header("content-length"), body.len().to_string());
    }
    let asked = upstream.last();
    assert_eq!(asked.target, "/v1/embeddings");
    assert_eq!(
        asked.body,
        "{ \"model\" : \"embed-1\", \"input\":[\"one\",\"two\"] }"
    );
    assert_eq!(asked.header("authorization"), "Bearer sk-upstream");
    let usage = gateway.log.records()[0].usage.unwrap();
    assert_eq!(usage.input, Some(2), "{usage:?}");
}

#[tokio::test]
async fn a_list_of_its_own_kind_becomes_the_references() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json("{\"embeddings\":[[1.0,2.50],[3,4]]}"));
    let gateway = Running::before(&upstream, CHAT);
    let got = gateway.post("/v1/embeddings", ASK).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let json = got.json();
    assert_eq!(json["object"], "list");
    assert_eq!(json["data"][1]["index"], 1);
    assert_eq!(json["data"][1]["object"], "embedding");
    assert!(got.text().contains("[1.0,2.50]"), "{}", got.text());
    assert!(json["usage"]["total_tokens"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn an_answer_that_holds_no_embeddings_is_the_upstreams_fault() {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, CHAT);
    for (body, told) in [
        ("{\"ok\":true}", "holds no embeddings"),
        ("{\"data\":[[1,2]]}", "1 embeddings for 2 inputs"),
        ("<html>", "not JSON"),
    ] {
        upstream.will_only(Reply::json(body));
        let got = gateway.post("/v1/embeddings", ASK).await;
        assert_eq!(got.status, 502, "{}", got.text());
        assert_eq!(got.json()["error"]["code"], "upstream_unreadable");
        assert!(got.text().contains(told), "{}", got.text());
        assert!(got.text().contains("`up`"), "{}", got.text());
    }
    // An error object is one, whatever its status says (X4).
    upstream.will_only(Reply::json("{\"error\":{\"message\":\"no such model\"}}"));
    let got = gateway.post("/v1/embeddings", ASK).await;
    assert!(got.status.is_server_error(), "{}", got.status);
    assert!(got.text().contains("no such model"));
}

#[tokio::test]
async fn what_the_upstream_refuses_comes_back_as_it_is() {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, CHAT);
    for path in ["/v1/embeddings", "/v1/rerank"] {
        for status in [404, 405, 422] {
            upstream.will_only(
                Reply::new("text/plain", vec!["404 page not found\n".into()])
                    .status(status)
                    .header("allow", "GET"),
            );
            let got = gateway.post(path, ASK).await;
            assert_eq!(got.status.as_u16(), status);
            assert_eq!(got.text(), "404 page not found\n");
            assert_eq!(got.header("content-type"), "text/plain");
            assert_eq!(got.header("allow"), "GET");
        }
    }
}

#[tokio::test]
async fn another_target_embeds_when_one_is_overloaded() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    first.will(Reply::json("{\"error\":{\"message\":\"slow down\"}, \"n\" : 1}").status(429));
    second.will(Reply::json("[[1],[2]]"));
    let gateway = Running::start(&format!(
        "[[routing.routes]]\nmodel_pattern = \"e\"\nfallback_strategy = [\"http_429\"]\n[[routing.routes.targets]]\nprovider = \"a\"\npriority = 0\n[[routing.routes.targets]]\nprovider = \"b\"\npriority = 1\n[providers.a]\nprotocol = \"{CHAT}\"\nbase_url = \"{}\"\napi_key = \"sk-a\"\n[providers.b]\nprotocol = \"{CHAT}\"\nbase_url = \"{}\"\napi_key = \"sk-b\"\n",
        first.base_url(),
        second.base_url()
    ));
    let ask = "{\"model\":\"e\",\"input\":[\"a\",\"b\"]}";
    let got = gateway.post("/v1/embeddings", ask).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(got.header("x-proxai-provider"), "b");
    second.will_only(Reply::json("{\"error\":{\"message\":\"me too\"}, \"n\" : 2}").status(429));
    let got = gateway.post("/v1/embeddings", ask).await;
    assert_eq!(got.status, 429);
    assert_eq!(
        got.text(),
        "{\"error\":{\"message\":\"me too\"}, \"n\" : 2}"
    );
}
