//! Models that upstreams list themselves (P14), and their pages (E3).

use std::time::{Duration, Instant};

use http::Method;
use proxai_testkit::upstream::{Ending, Reply, Upstream};
use serde_json::Value;

use crate::harness::{CHAT, MESSAGES, Running, one};

const OPENAI: &str = "{\"object\":\"list\",\"data\":[{\"id\":\"alpha\",\"object\":\"model\"},{\"id\":\"org/beta:free\",\"object\":\"model\"}]}";
const VERSION: [(&str, &str); 1] = [("anthropic-version", "2023-06-01")];

fn ids(list: &Value) -> Vec<&str> {
    let data = list["data"].as_array().unwrap();
    data.iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect()
}

fn pair(first: &Upstream, second: &Upstream) -> String {
    format!(
        "[default]\nprovider = \"a\"\n[providers.a]\nprotocol = \"{CHAT}\"\nbase_url = \"{}\"\napi_key = \"sk-a\"\nmodel_aliases = {{ quick = \"alpha\" }}\n[providers.b]\nprotocol = \"{MESSAGES}\"\nbase_url = \"{}\"\napi_key = \"sk-b\"\n",
        first.base_url(),
        second.base_url()
    )
}

#[tokio::test]
async fn a_lone_providers_models_have_their_own_names_and_lead_to_it() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(OPENAI));
    let gateway = Running::before(&upstream, CHAT);
    let list = gateway.get("/v1/models").await.json();
    assert_eq!(ids(&list), ["alpha", "org/beta:free"]);
    assert_eq!(list["data"][0]["owned_by"], "up");
    let asked = upstream.last();
    assert_eq!((asked.method, &*asked.target), (Method::GET, "/v1/models"));
    assert_eq!(asked.headers["authorization"], "Bearer sk-upstream");

    let one = gateway.get("/v1/models/org/beta:free").await.json();
    assert_eq!(one["id"], "org/beta:free");
    let none = gateway.get("/v1/models/gamma").await;
    assert_eq!(none.status, 404, "{}", none.text());
    assert_eq!(none.json()["error"]["code"], "model_not_found");
    // Asked once for all of that.
    assert_eq!(upstream.received().len(), 1);

    upstream.will_only(Reply::json("{\"choices\":[]}"));
    let body = "{\"model\":\"org/beta:free\",\"messages\":[]}";
    gateway.post("/v1/chat/completions", body).await;
    assert_eq!(upstream.last().body, body);
}

#[tokio::test]
async fn models_of_several_providers_bear_their_names_and_both_shapes_are_read() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    first.will(Reply::json(OPENAI));
    second.will(Reply::json("{\"data\":[{\"type\":\"model\",\"id\":\"claude-x\",\"display_name\":\"Claude X\",\"created_at\":\"2025-02-01T00:00:00Z\"}],\"has_more\":true,\"first_id\":\"claude-x\",\"last_id\":\"claude-x\"}"));
    second.will(Reply::json("{\"data\":[{\"type\":\"model\",\"id\":\"claude-y\",\"display_name\":\"Claude Y\"}],\"has_more\":false,\"first_id\":\"claude-y\",\"last_id\":\"claude-y\"}"));
    let gateway = Running::start(&pair(&first, &second));
    let list = gateway.get("/v1/models").await.json();
    assert_eq!(
        ids(&list),
        [
            "quick",
            "a/alpha",
            "a/org/beta:free",
            "b/claude-x",
            "b/claude-y"
        ]
    );
    let asked = second.received();
    assert_eq!(asked[0].target, "/v1/models?limit=1000");
    assert_eq!(asked[0].header("x-api-key"), "sk-b");
    assert_eq!(asked[0].header("anthropic-version"), "2023-06-01");
    assert_eq!(asked[1].target, "/v1/models?limit=1000&after_id=claude-x");

    let mut client = gateway.client().await;
    let mut seen = Vec::new();
    let mut path = "/v1/models?limit=2".to_owned();
    loop {
        let page = client.send(Method::GET, &path, &VERSION, "").await.json();
        let of_page = ids(&page);
        assert_eq!(page["first_id"], of_page[0]);
        assert_eq!(page["last_id"], of_page[of_page.len() - 1]);
        assert_eq!(page["data"][0]["type"], "model");
        seen.extend(of_page.iter().map(|id| (*id).to_owned()));
        path = format!("/v1/models?limit=2&after_id={}", seen[seen.len() - 1]);
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(seen, ids(&list));
    let one = client
        .send(Method::GET, "/v1/models/b/claude-x", &VERSION, "")
        .await
        .json();
    assert_eq!(one["display_name"], "Claude X");
}

#[tokio::test]
async fn only_what_is_allowed_is_listed_and_served() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(
        "{\"data\":[{\"id\":\"good-1\"},{\"id\":\"bad-1\"},{\"id\":\"good-2\"}]}",
    ));
    let config = format!(
        "{}supported_models = [\"good-*\", \"fixed\"]\n",
        one(&upstream, CHAT, "")
    );
    let gateway = Running::start(&config);
    let list = gateway.get("/v1/models").await.json();
    assert_eq!(ids(&list), ["fixed", "good-1", "good-2"]);
    let before = upstream.received().len();
    for model in ["bad-1", "up/bad-1"] {
        let body = format!("{{\"model\":\"{model}\",\"messages\":[]}}");
        let got = gateway.post("/v1/chat/completions", body).await;
        assert_eq!(got.status, 404, "{}", got.text());
    }
    assert_eq!(upstream.received().len(), before);
}

#[tokio::test]
async fn an_unknown_model_that_a_server_of_this_machine_has_is_suggested_with_its_provider() {
    let (here, there) = (Upstream::start().await, Upstream::start().await);
    here.will(Reply::json("{\"data\":[{\"id\":\"tiny-random\"}]}"));
    let config = format!(
        "[providers.near]\nprotocol = \"{CHAT}\"\nbase_url = \"{}\"\nlocal = true\n[providers.far]\nprotocol = \"{CHAT}\"\nbase_url = \"{}\"\napi_key = \"sk-b\"\n",
        here.base_url(),
        there.base_url()
    );
    let gateway = Running::start(&config);
    // The first request of all, so nobody has asked for the list before.
    let body = "{\"model\":\"tiny-random\",\"messages\":[]}";
    let got = gateway.post("/v1/chat/completions", body).await;
    assert_eq!(got.status, 404, "{}", got.text());
    assert!(
        got.text().contains("did you mean `near/tiny-random`?"),
        "{}",
        got.text()
    );
    assert_eq!(here.last().target, "/v1/models");
    assert!(there.received().is_empty());
}

#[tokio::test]
async fn a_declared_list_is_the_list() {
    let upstream = Upstream::start().await;
    let config = format!("{}models = [\"fixed\"]\n", one(&upstream, CHAT, ""));
    let gateway = Running::start(&config);
    assert_eq!(ids(&gateway.get("/v1/models").await.json()), ["fixed"]);
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn an_upstream_without_a_list_is_left_alone_for_a_while() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    first.will(Reply::json("{\"error\":\"no\"}").status(500));
    second.will(Reply::new("text/html", vec!["<html>".into()]));
    let gateway = Running::start(&pair(&first, &second));
    for _ in 0..3 {
        assert_eq!(ids(&gateway.get("/v1/models").await.json()), ["quick"]);
    }
    assert_eq!((first.received().len(), second.received().len()), (1, 1));
}

#[tokio::test]
async fn a_slow_upstream_is_not_waited_for_and_all_who_ask_ask_once() {
    let (slow, quick) = (Upstream::start().await, Upstream::start().await);
    slow.will(Reply::json("{\"data\":").ending(Ending::Hang));
    quick.will(Reply::json("{\"data\":[{\"id\":\"here\"}]}"));
    let gateway = Running::start(&pair(&slow, &quick));
    let began = Instant::now();
    let (one, two) = tokio::join!(gateway.get("/v1/models"), gateway.get("/v1/models"));
    assert!(began.elapsed() < Duration::from_millis(2900));
    for got in [one, two] {
        assert_eq!(ids(&got.json()), ["quick", "b/here"]);
    }
    assert_eq!((slow.received().len(), quick.received().len()), (1, 1));
}

#[tokio::test]
async fn a_model_is_as_old_as_its_upstream_says_and_otherwise_of_no_known_age() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(
        "{\"data\":[{\"id\":\"old\",\"created\":1735689600},{\"id\":\"unknown\"}]}",
    ));
    let gateway = Running::before(&upstream, CHAT);
    let list = gateway.get("/v1/models").await.json();
    assert_eq!(list["data"][0]["created"], 1_735_689_600);
    assert_eq!(list["data"][1]["created"], 0);
    let mut client = gateway.client().await;
    let got = client.send(Method::GET, "/v1/models", &VERSION, "").await;
    let list = got.json();
    assert_eq!(list["data"][0]["created_at"], "2025-01-01T00:00:00Z");
    assert_eq!(list["data"][1]["created_at"], "1970-01-01T00:00:00Z");
}

#[tokio::test]
async fn the_closest_names_include_those_that_upstreams_told() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    first.will(Reply::json("{\"data\":[{\"id\":\"wonder-large\"}]}"));
    second.will(Reply::json("{\"data\":[]}"));
    let config = pair(&first, &second).replace("[default]\nprovider = \"a\"\n", "");
    let gateway = Running::start(&config);
    let ask = "{\"model\":\"wonder-larg\",\"messages\":[]}";
    // Nobody has been asked yet, and a mistake asks nobody.
    let got = gateway.post("/v1/chat/completions", ask).await;
    assert_eq!(got.status, 404, "{}", got.text());
    assert!(first.received().is_empty());
    gateway.get("/v1/models").await;
    let got = gateway.post("/v1/chat/completions", ask).await;
    assert_eq!(got.status, 404, "{}", got.text());
    assert!(got.text().contains("a/wonder-large"), "{}", got.text());
    let got = gateway.get("/v1/models/a/wonder-larg").await;
    assert_eq!(got.status, 404);
    assert!(got.text().contains("a/wonder-large"), "{}", got.text());
}
