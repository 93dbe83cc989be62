//! K5: `proxai check`.

use proxai_cli::Exit;

use crate::Setting;

const CONFIGURED: &str = r#"
[default]
provider = "up"
model = "pond-1"
[providers.up]
base_url = "https://up.example/v1"
api_key = "sk-quite-secret"
[providers.second]
base_url = "https://second.example/v1"
api_key = "sk-quite-secret"
protocol = "anthropic_messages"
[[routing.routes]]
name = "all"
model_pattern = "pond-*"
request_protocol = "openai_chat_completions"
provider = "up"
[[routing.routes]]
model_pattern = "deep"
provider = "second"
upstream_model = "deep-1"
"#;

#[tokio::test]
async fn providers_and_routes_are_printed_in_the_order_they_are_tried() {
    let ran = Setting::with(CONFIGURED).run(&["check"]).await;
    assert_eq!(ran.exit, Exit::Yes, "{ran:?}");
    insta::assert_snapshot!(ran.out);
    assert!(!ran.out.contains("sk-quite-secret"));
}

#[tokio::test]
async fn every_problem_has_its_file_and_line() {
    let setting = Setting::with("[server]\nprot = 1\n[providers.up]\nbase_url = \"up.example\"\n");
    let ran = setting.run(&["check"]).await;
    assert_eq!(ran.exit, Exit::No);
    assert!(ran.out.is_empty());
    assert!(
        ran.err
            .contains("proxai.toml:2: server.prot: unknown key `prot`; did you mean `port`?"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("proxai.toml:4:"), "{}", ran.err);

    let ran = setting.run(&["check", "--json"]).await;
    assert_eq!(ran.exit, Exit::No);
    let report = ran.json();
    assert_eq!(report["ok"], false);
    assert_eq!(report["problems"].as_array().unwrap().len(), 2);
    assert_eq!(report["problems"][0]["line"], 2);
    assert_eq!(report["problems"][0]["key"], "server.prot");
}

#[tokio::test]
async fn a_route_that_can_never_match_is_remarked_on() {
    let shadowed = format!(
        "{CONFIGURED}[[routing.routes]]\nname = \"late\"\nmodel_pattern = \"deep\"\nprovider = \"up\"\n"
    );
    let setting = Setting::with(&shadowed);
    let ran = setting.run(&["check"]).await;
    assert_eq!(ran.exit, Exit::Yes, "a warning is no problem");
    ran.says("route 3 `late` can never match: route 2 `deep` takes all its requests");
    let report = setting.run(&["check", "--json"]).await.json();
    assert_eq!(report["ok"], true);
    assert_eq!(report["lints"].as_array().unwrap().len(), 1);
    assert_eq!(report["routes"][1]["targets"][0]["provider"], "second");
    assert_eq!(report["then"][2], "up (default model pond-1)");
}

#[tokio::test]
async fn what_no_header_can_hold_is_found_before_a_request_is_made() {
    let setting = Setting::with(
        "[providers.up]\nbase_url = \"https://up.example/v1\"\napi_key = \"schlüssel\"\n",
    );
    let ran = setting.run(&["check"]).await;
    ran.says("provider `up`: the key holds a character that a header cannot hold");
    assert!(!ran.out.contains("schlüssel"));
}
