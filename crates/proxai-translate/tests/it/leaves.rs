//! Nothing of a request is lost without a word (T4): every text and number in it is found in what
//! the upstream gets, or stands at a place that a loss names.
//!
//! Holds for every request of the fixtures and of the table's samples. What is said with another
//! word, or says nothing to others, is listed with its reason; an entry that nothing needs fails.

use std::collections::BTreeSet;

use proxai_testkit::fixtures::{Kind, Sent, cases};
use proxai_types::Protocol;
use serde_json::Value;

use crate::{drive, table};

/// Members that are kinds, roles and ids, wherever they stand. Ids are made legal.
const WORDS: &[&str] = &["type", "role", "model", "id", "tool_call_id", "tool_use_id"];

/// Places whose values others say in another way, or do not need.
const OTHERWISE: &[(&str, &str)] = &[
    ("include[]", "asked for in a way of its own"),
    ("input[].content[].detail", "`auto` is what is done anyway"),
    (
        "input[].content[].prompt_cache_breakpoint.mode",
        "the mark alone says it",
    ),
    ("input[].status", "a call in the history is complete"),
    (
        "input[].summary[].text",
        "goes with the seal that was changed",
    ),
    (
        "messages[].content[].citations[].cited_text",
        "the address is cited, not the words",
    ),
    (
        "messages[].content[].citations[].encrypted_index",
        "sealed for its provider",
    ),
    (
        "messages[].content[].content[].encrypted_content",
        "lost with the search, which is named",
    ),
    (
        "messages[].content[].content[].title",
        "lost with the search, which is named",
    ),
    (
        "messages[].content[].content[].url",
        "lost with the search, which is named",
    ),
    (
        "messages[].content[].prompt_cache_breakpoint.mode",
        "the mark alone says it",
    ),
    (
        "messages[].content[].source.media_type",
        "plain text is inlined",
    ),
    ("messages[].reasoning_details[].format", "of our own seal"),
    ("messages[].reasoning_details[].length", "of our own seal"),
    ("prompt_cache_key", "a hash, where it is long"),
    ("prompt_cache_options.mode", "the marks alone say it"),
    ("prompt_cache_options.ttl", "the next longer lifetime"),
    ("reasoning.effort", "`none` is thinking switched off"),
    ("reasoning.summary", "a display"),
    ("service_tier", "the same tier has other names"),
    ("thinking.display", "a summary"),
    ("tool_choice", "the same choice has other names"),
    ("tool_choice.mode", "the same choice has other names"),
    ("tools[].description", "of a tool that may not be called"),
    (
        "tools[].function.description",
        "of a tool that may not be called",
    ),
    ("tools[].function.name", "of a tool that may not be called"),
    (
        "tools[].function.parameters.required[]",
        "of a tool that may not be called",
    ),
    ("tools[].name", "of a tool that may not be called"),
    (
        "tools[].search_context_size",
        "`medium` is what is done anyway",
    ),
    ("tools[].tools[].name", "of a tool that may not be called"),
];

/// The texts and numbers in a value, each with its path.
fn leaves(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                let dot = if path.is_empty() { "" } else { "." };
                leaves(value, &format!("{path}{dot}{name}"), found);
            }
        }
        Value::Array(list) => {
            for (index, value) in list.iter().enumerate() {
                leaves(value, &format!("{path}[{index}]"), found);
            }
        }
        Value::Null | Value::Bool(_) => {}
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        number @ Value::Number(_) => found.push((path.to_owned(), number.to_string())),
    }
}

/// A text without what JSON within JSON, line ends and data URLs change.
fn bare(text: &str) -> String {
    let data = text
        .strip_prefix("data:")
        .and_then(|rest| rest.split_once(";base64,"))
        .map_or(text, |(_, data)| data);
    data.replace("\\n", "\n")
        .chars()
        .filter(|c| !c.is_whitespace() && *c != '\\')
        .collect()
}

fn holds(place: &str, path: &str) -> bool {
    path.strip_prefix(place)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn check(
    client: Protocol,
    request: &[u8],
    abilities: &[String],
    used: &mut BTreeSet<&'static str>,
) -> Vec<String> {
    let Ok(said) = serde_json::from_slice::<Value>(request) else {
        return Vec::new();
    };
    let mut parts = Vec::new();
    leaves(&said, "", &mut parts);
    let sent = Sent {
        protocol: client,
        extension: "json".to_owned(),
        body: request.to_vec(),
    };
    let mut found = Vec::new();
    for upstream in Protocol::ALL {
        if upstream == client {
            continue;
        }
        let Ok(prepared) = drive::request(&sent, upstream, &drive::able(abilities)) else {
            continue;
        };
        let told: Value = serde_json::from_slice(&prepared.body).expect("it is JSON");
        let mut words = Vec::new();
        leaves(&told, "", &mut words);
        let mut all = bare(&told.to_string());
        for (_, word) in &words {
            all.push('\n');
            all.push_str(&bare(word));
        }
        for (path, value) in &parts {
            let shape: String = path.chars().filter(|c| !c.is_ascii_digit()).collect();
            let member = shape.rsplit('.').next().unwrap_or_default();
            let named = prepared
                .losses
                .iter()
                .any(|loss| holds(&loss.path, path) || holds(path, &loss.path));
            if named
                || WORDS.contains(&member)
                || value.starts_with("proxai1.")
                || all.contains(&bare(value))
            {
                continue;
            }
            match OTHERWISE.iter().find(|(place, _)| *place == shape) {
                Some((place, _)) => {
                    used.insert(place);
                }
                None => found.push(format!("to {upstream}: {path}: {value}")),
            }
        }
    }
    found
}

#[test]
fn nothing_of_a_request_is_lost_without_a_word() {
    let mut used = BTreeSet::new();
    let mut problems = Vec::new();
    for case in Kind::ALL.into_iter().flat_map(cases) {
        if let Some(sent) = &case.request {
            let abilities = &case.about.abilities;
            let found = check(sent.protocol, &sent.body, abilities, &mut used);
            problems.extend(found.into_iter().map(|problem| format!("{case} {problem}")));
        }
    }
    for (name, client, body, abilities) in table::requests() {
        let found = check(client, &body, &abilities, &mut used);
        problems.extend(
            found
                .into_iter()
                .map(|problem| format!("{name} of {client} {problem}")),
        );
    }
    for (place, _) in OTHERWISE {
        if !used.contains(place) {
            problems.push(format!("{place}: nothing needs this entry"));
        }
    }
    assert!(
        problems.is_empty(),
        "{} problems\n{}",
        problems.len(),
        problems.join("\n")
    );
}
