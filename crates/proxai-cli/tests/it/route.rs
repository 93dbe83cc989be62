//! K5: `proxai route`.

use proxai_cli::Exit;

use crate::Setting;

const CONFIGURED: &str = r#"
[providers.up]
base_url = "https://up.example/v1"
api_key = "sk-quite-secret"
headers = { x-team = "team-secret" }
quirks = { max_stop_sequences = 1, stream = "never" }
[providers.deep]
base_url = "https://deep.example"
api_key = "sk-quite-secret"
protocol = "anthropic_messages"
[providers.tail]
base_url = "https://tail.example/v1"
api_key = "sk-quite-secret"
auth_style = "query"
auth_param = "key"
[[routing.routes]]
name = "guarded"
model_pattern = "pond-*"
request_protocol = "openai_responses"
provider = "up"
[[routing.routes]]
name = "ponds"
model_pattern = "pond-*"
provider = "up"
upstream_model = "big-$1"
[[routing.routes]]
model_pattern = "deep"
provider = "deep"
upstream_model = "deep-1"
[[routing.routes]]
model_pattern = "tail"
provider = "tail"
"#;

#[tokio::test]
async fn the_way_of_a_request_is_told_without_a_secret() {
    let ran = Setting::with(CONFIGURED)
        .run(&["route", "pond-9", "--stream"])
        .await;
    assert_eq!(ran.exit, Exit::Yes, "{ran:?}");
    insta::assert_snapshot!(ran.out);
    assert!(!ran.out.contains("secret"), "{}", ran.out);
}

#[tokio::test]
async fn a_key_in_the_query_is_shown_by_its_name_only() {
    let ran = Setting::with(CONFIGURED).run(&["route", "tail"]).await;
    ran.says("https://tail.example/v1/chat/completions?key=[redacted]");
    assert!(!ran.out.contains("secret"), "{}", ran.out);
}

#[tokio::test]
async fn the_losses_of_a_request_are_told_before_it_is_sent() {
    let body =
        r#"{"model":"deep","seed":7,"stop":["a"],"messages":[{"role":"user","content":"hi"}]}"#;
    let setting = Setting::with(CONFIGURED).input(body);
    let ran = setting.run(&["route", "deep", "--request", "-"]).await;
    assert_eq!(ran.exit, Exit::Yes, "{ran:?}");
    ran.says("https://deep.example/v1/messages");
    ran.says("messages (translated from chat)");
    ran.says("seed dropped: Messages has no seed");
    ran.says("anthropic-version: 2023-06-01");

    let report = setting
        .run(&["route", "deep", "--request", "-", "--json"])
        .await
        .json();
    let attempt = &report["attempts"][0];
    assert_eq!(attempt["translated"], true);
    assert_eq!(attempt["upstream_model"], "deep-1");
    assert_eq!(attempt["headers"]["x-api-key"], "[redacted]");
    assert!(
        attempt["losses"]
            .as_array()
            .unwrap()
            .iter()
            .any(|loss| loss["path"] == "seed")
    );
}

#[tokio::test]
async fn without_a_request_the_possible_losses_are_told() {
    let ran = Setting::with(CONFIGURED).run(&["route", "deep"]).await;
    ran.says("may lose");
    ran.says("seed dropped: Messages has no seed");
    let same = Setting::with(CONFIGURED).run(&["route", "pond-1"]).await;
    assert!(!same.out.contains("may lose"), "{}", same.out);
}

#[tokio::test]
async fn what_a_quirk_changes_is_told_too() {
    let body = r#"{"model":"pond-1","stop":["a","b"],"messages":[{"role":"user","content":"hi"}]}"#;
    let setting = Setting::with(CONFIGURED).input(body);
    let ran = setting.run(&["route", "pond-1", "--request", "-"]).await;
    ran.says("losses    none");
    ran.says("max_stop_sequences");
    let report = setting
        .run(&["route", "pond-1", "--request", "-", "--json"])
        .await
        .json();
    assert_eq!(
        report["attempts"][0]["changes"][0]["quirk"],
        "max_stop_sequences"
    );
}

#[tokio::test]
async fn a_refused_request_and_an_unknown_model_exit_with_one() {
    let setting = Setting::with(CONFIGURED).input(r#"{"model":"deep","messages":3}"#);
    let ran = setting.run(&["route", "deep", "--request", "-"]).await;
    assert_eq!(ran.exit, Exit::No);
    ran.says("refused");
    ran.says("messages");

    let ran = setting.run(&["route", "unheard-of"]).await;
    assert_eq!(ran.exit, Exit::No);
    ran.says("404 model_not_found: no provider takes model `unheard-of`");
    let report = setting.run(&["route", "unheard-of", "--json"]).await.json();
    assert_eq!(report["error"]["status"], 404);
}
