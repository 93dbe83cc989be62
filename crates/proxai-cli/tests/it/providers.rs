//! P1: the registry as people and programs see it.

use proxai_cli::Exit;
use proxai_providers::{Registry, Row};

use crate::Setting;

#[tokio::test]
async fn every_row_is_in_the_table_in_aligned_columns() {
    let setting = Setting::default().var("GROQ_API_KEY", "k");
    let ran = setting.run(&["providers"]).await;
    assert_eq!(ran.exit, Exit::Yes);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(lines.len(), Registry::builtin().rows().count() + 1);
    let column = lines[0].find("PROTOCOLS").unwrap();
    for (line, row) in lines[1..].iter().zip(Registry::builtin().rows()) {
        assert!(line.starts_with(&row.identity.id), "{line}");
        let protocols = &line[column..];
        assert!(
            ["chat", "responses", "messages"]
                .iter()
                .any(|p| protocols.starts_with(p)),
            "{line}"
        );
        assert!(!line.ends_with(' ') && !line.contains('\x1b'), "{line:?}");
    }
    ran.says("GROQ_API_KEY *");

    let rows = setting.run(&["providers", "--json"]).await.json();
    assert_eq!(rows.as_array().unwrap().len(), lines.len() - 1);
    let groq = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["id"] == "groq");
    assert_eq!(groq.unwrap()["keys"][0]["set"], true);
}

const ROW: &str = r#"
id = "pond-works"
names = ["ponds"]
title = "Pond Works"
docs = "https://docs.pond.example/"
verified = "2026-08-21"
base = "https://{region}.pond.example/api/v2"
http = "1.1"
parameters = { region = { env = ["POND_REGION"], default = "north" } }
# Keys end with the season.
[auth]
style = "custom"
header = "x-pond-key"
env = ["POND_KEY", "POND_TOKEN"]
[quirks]
# Since the mill was built.
think_tags = true
[endpoint.chat]
quirks = { developer = "as_system", max_stop_sequences = 4 }
[endpoint.messages]
base = "/anthropic"
# These take no other temperature.
[[model]]
pattern = "deep-*"
quirks = { temperature = { fixed = 1.0 } }
[[model]]
pattern = "cold-*"
quirks = { temperature = { fixed = 1.0 } }
"#;

#[tokio::test]
async fn one_row_shows_its_quirks_by_any_of_its_names() {
    let mut registry = Registry::default();
    registry.add(Row::from_toml(ROW).unwrap()).unwrap();
    let setting = Setting {
        registry: Some(registry),
        ..Setting::default().var("POND_TOKEN", "k")
    };
    for name in ["Pond_Works", "ponds"] {
        let ran = setting.run(&["providers", name]).await;
        assert_eq!(ran.exit, Exit::Yes, "{ran:?}");
        insta::assert_snapshot!("one_row", ran.out);
    }
    let row = setting.run(&["providers", "ponds", "--json"]).await.json();
    assert_eq!(row["quirks"][1]["where"], "chat endpoint");
    assert_eq!(row["quirks"][1]["quirks"]["developer"], "as_system");
    assert_eq!(row["keys"][1]["set"], true);
    assert_eq!(row["http"], "1.1");
    let why = &row["quirks"][1]["why"]["developer"];
    assert_eq!(why["meaning"], "What happens to `developer` messages.");
    assert!(
        why["link"].as_str().unwrap().starts_with("https://"),
        "{why}"
    );
    assert_eq!(row["notes"][0]["about"], "auth");
    assert_eq!(row["quirks"][2]["where"], "models like deep-*, cold-*");
}

#[tokio::test]
async fn every_quirk_of_every_row_says_what_it_means() {
    let rows = Setting::default()
        .run(&["providers", "--json"])
        .await
        .json();
    let mut explained = 0;
    for row in rows.as_array().unwrap() {
        for layer in row["quirks"].as_array().unwrap() {
            let why = layer["why"].as_object().unwrap();
            for (name, quirk) in layer["quirks"].as_object().unwrap() {
                let names: Vec<String> = match quirk.as_object().filter(|_| name == "reasoning") {
                    Some(inner) => inner.keys().map(|key| format!("{name}.{key}")).collect(),
                    None => vec![name.clone()],
                };
                for name in names {
                    let meaning = why[&name]["meaning"].as_str().unwrap_or_default();
                    assert!(!meaning.is_empty(), "{}: {name}", row["id"]);
                    explained += 1;
                }
            }
        }
    }
    assert!(explained > 150, "{explained}");
}

#[tokio::test]
async fn an_unknown_name_gets_the_closest_ones() {
    let ran = Setting::default().run(&["providers", "grok-ai"]).await;
    assert_eq!(ran.exit, Exit::No);
    assert!(
        ran.err.contains("unknown provider `grok-ai`; did you mean"),
        "{}",
        ran.err
    );
}
