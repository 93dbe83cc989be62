//! `/v1/models` in both shapes (E3).

use http::Method;
use proxai_testkit::upstream::Upstream;

use crate::harness::{CHAT, Running, one};

#[tokio::test]
async fn models_are_listed_in_the_shape_the_caller_knows() {
    let upstream = Upstream::start().await;
    let config = format!(
        "{}models = [\"alpha\", \"beta/2\"]\nmodel_aliases = {{ quick = \"alpha\" }}\n",
        one(&upstream, CHAT, "")
    );
    let gateway = Running::start(&config);
    let list = gateway.get("/v1/models").await.json();
    assert_eq!(list["object"], "list");
    let ids: Vec<&str> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|model| model["id"].as_str().unwrap())
        .collect();
    for id in ["alpha", "beta/2", "quick"] {
        assert!(ids.contains(&id), "{ids:?}");
    }
    assert_eq!(list["data"][0]["object"], "model");

    let mut client = gateway.client().await;
    let version = [("anthropic-version", "2023-06-01")];
    let page = client
        .send(Method::GET, "/v1/models?limit=1", &version, "")
        .await
        .json();
    assert_eq!(page["data"].as_array().unwrap().len(), 1);
    assert_eq!(page["data"][0]["type"], "model");
    assert_eq!(page["has_more"], true);
    assert_eq!(page["first_id"], page["last_id"]);

    let one = gateway.get("/models/beta%2F2").await.json();
    assert_eq!(
        (&one["id"], &one["owned_by"]),
        (&"beta/2".into(), &"up".into())
    );
    let none = gateway.get("/v1/models/alpha2").await;
    assert_eq!(none.status, 404);
    assert!(none.text().contains("alpha"), "{}", none.text());
    assert!(upstream.received().is_empty());
}
