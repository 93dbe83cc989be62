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
[auth]
style = "custom"
header = "x-pond-key"
env = ["POND_KEY", "POND_TOKEN"]
[quirks]
think_tags = true
[endpoint.chat]
quirks = { developer = "as_system", max_stop_sequences = 4 }
[endpoint.messages]
base = "/anthropic"
[[model]]
pattern = "deep-*"
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
