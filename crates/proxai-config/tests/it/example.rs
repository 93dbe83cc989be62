//! K8: the shipped example is complete and loads.

use std::collections::BTreeMap;
use std::path::Path;

use proxai_config::Memory;

use crate::try_load;

fn example() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/proxai.example.toml");
    std::fs::read_to_string(path).unwrap()
}

/// The example with every line in that is commented out as `#key = …` or `#[table]`; prose has a
/// space after the `#`.
fn everything_on(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix('#') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_lowercase() || c == '[') => rest,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn sources() -> Memory {
    [
        "GROQ_API_KEY",
        "MY_KEY",
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
    ]
    .iter()
    .fold(Memory::default(), |sources, name| {
        sources.with_var(name, "key")
    })
    .with_file("keys/openai", "key")
}

#[test]
fn the_example_loads_as_it_is_and_with_everything_switched_on() {
    let text = example();
    let loaded = try_load(sources(), &text).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    assert!(loaded.settings.unimplemented().is_empty());

    let all = everything_on(&text);
    let loaded = try_load(sources(), &all).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

/// Keys that only people who replace a whole row need; the documentation of providers has them.
const RARE: [&str; 7] = [
    "bare_path",
    "embedded",
    "local",
    "parameters",
    "forward_headers",
    "auth_param",
    "url",
];

/// Tables of a registry row. The example shows that there are such; the page on the configuration
/// has each of their keys.
const OF_ROWS: [&str; 11] = [
    "AuthCells",
    "EndpointCells",
    "Endpoints",
    "ModelCells",
    "NameRule",
    "ParameterLookup",
    "Quirks",
    "ReasoningQuirks",
    "Temperature",
    "ToolChoiceQuirks",
    "UrlCells",
];

#[test]
fn every_key_of_the_schema_is_in_the_example() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/proxai.schema.json");
    let schema: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let text = everything_on(&example());
    let is_written = |key: &&str| {
        let assigned = ["\n", " "].map(|before| format!("{before}{key} = "));
        let table = ["[", "."].map(|before| format!("{before}{key}]"));
        let inside = ["[", "."].map(|before| format!("{before}{key}."));
        let mut forms = assigned.iter().chain(&table).chain(&inside);
        forms.any(|form| text.contains(form.as_str()))
    };
    let mut checked = 0;
    let tables = schema["$defs"].as_object().unwrap().iter();
    let tables = tables.filter(|(name, _)| !OF_ROWS.contains(&name.as_str()));
    for table in tables.map(|(_, table)| table).chain([&schema]) {
        // Other names of a key have its description; one of them is enough.
        let mut keys: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for (key, property) in table["properties"].as_object().into_iter().flatten() {
            let names = keys.entry(property["description"].to_string());
            names.or_default().push(key);
        }
        for names in keys.values() {
            checked += 1;
            assert!(
                names
                    .iter()
                    .any(|name| RARE.contains(name) || is_written(name)),
                "not in the example: {names:?}"
            );
        }
    }
    assert!(checked > 80, "{checked}");
}
