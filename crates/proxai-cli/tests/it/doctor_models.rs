//! `proxai doctor models`, which the seeds call by that name.

use proxai_cli::Exit;

use crate::Setting;
use crate::server::{Server, healthy, json};

#[tokio::test]
async fn the_models_of_every_configured_provider_are_listed() {
    let one = Server::start(healthy).await;
    let two = Server::start(|_| json(404, r#"{"error":{"message":"no"}}"#)).await;
    let setting = Setting::with(&format!(
        "[providers.one]\nbase_url = \"{}/v1\"\napi_key = \"k\"\n[providers.two]\nbase_url = \"{}/v1\"\napi_key = \"k\"\n",
        one.origin(),
        two.origin()
    ));
    let ran = setting.run(&["doctor", "models"]).await;
    assert_eq!(ran.exit, Exit::No);
    ran.says("one: 3 models\n  pond-1\n  pond-2\n  text-embedding-9\n");
    ran.says("two: FAILED 404 at");
    assert_eq!(one.asked().len(), 1, "a list and nothing else");

    let ran = setting
        .run(&["doctor", "models", "--provider", "one", "--json"])
        .await;
    assert_eq!(ran.exit, Exit::Yes);
    assert_eq!(
        ran.json()["providers"][0]["models"],
        serde_json::json!(["pond-1", "pond-2", "text-embedding-9"])
    );
}
