//! P12 on whole requests: what the rows' quirks do to conversations.

use proxai_providers::quirks::request_edits;
use proxai_providers::{ProviderOverride, Quirks, Registry};
use proxai_types::Protocol;

const TURNS: [&str; 7] = [
    r#"{"role":"developer","content":"Be brief."}"#,
    r#"{"role":"user","content":"What is in [IMAGE:https://h.example/a.png]?"}"#,
    r#"{"role":"assistant","content":null,"reasoning_content":"look","tool_calls":[{"id":"call_1","type":"function","function":{"name":"fs.read","arguments":"{}"}}]}"#,
    r#"{"role":"tool","tool_call_id":"call_1","content":""}"#,
    r#"{"role":"assistant","content":"A cat.","reasoning_content":"sure"}"#,
    r#"{"role":"user","content":[{"type":"text","text":"And now?"}]}"#,
    r#"{"role":"assistant","content":"Two."}"#,
];

fn request(turns: usize) -> String {
    let messages = TURNS[..turns].join(",");
    format!(
        r#"{{"tools":[{{"type":"function","function":{{"name":"fs.read","parameters":{{"type":"object"}}}}}}],"messages":[{messages}]}}"#
    )
}

fn edited(quirks: &Quirks, body: &str) -> String {
    let edited = request_edits(quirks, Protocol::Chat, body.as_bytes()).unwrap();
    String::from_utf8(edited.body.into_owned()).unwrap()
}

#[test]
fn a_longer_history_begins_with_the_bytes_of_the_shorter_one() {
    let all: Quirks = toml::from_str(
        "system = 'merge_into_user'\nempty_content = false\nvision_markers = true\ntool_id = 'alphanumeric9'\ntool_name = { charset = 'word' }\nreasoning = { echo = 'tool_turns' }",
    )
    .unwrap();
    let rows = Registry::builtin()
        .rows()
        .filter(|row| row.cells.base.is_some())
        .map(|row| {
            let cells = ProviderOverride {
                base: Some("https://h.example/v1".to_owned()),
                ..ProviderOverride::default()
            };
            let provider = Registry::builtin()
                .build(&row.identity.id, None, &cells, &|_| None)
                .unwrap();
            (
                row.identity.id.clone(),
                provider.quirks(Protocol::Chat, "some-model"),
            )
        });
    for (name, mut quirks) in rows.chain([("all of them".to_owned(), all)]) {
        // A marked beginning is no turn yet; the whole answer takes its place.
        quirks.prefill_member = None;
        // From the first user message on, as every request has one.
        for turns in 2..TURNS.len() {
            let short = edited(&quirks, &request(turns));
            let long = edited(&quirks, &request(turns + 1));
            let prefix = short.strip_suffix("]}").unwrap();
            assert!(
                long.starts_with(prefix),
                "{name}, {turns} turns:\n{short}\n{long}"
            );
        }
    }
}

#[test]
fn every_row_leaves_a_plain_request_as_it_is() {
    let body = r#"{"model" : "some-model", "messages": [ {"role":"user","content":"hi"} ], "temperature": 0.70}"#;
    for row in Registry::builtin().rows() {
        let cells = ProviderOverride {
            base: Some("https://h.example/v1".to_owned()),
            ..ProviderOverride::default()
        };
        let provider = Registry::builtin()
            .build(&row.identity.id, None, &cells, &|_| None)
            .unwrap();
        let quirks = provider.quirks(Protocol::Chat, "some-model");
        if quirks.temperature().nearest(0.7).is_none() {
            assert_eq!(edited(&quirks, body), body, "{}", row.identity.id);
        }
    }
}

#[test]
fn the_rows_answer_the_errors_they_are_known_for() {
    let after = |provider: &str, model: &str, body: &str| {
        let provider = Registry::builtin()
            .build(provider, None, &ProviderOverride::default(), &|_| None)
            .unwrap();
        let protocol = provider.protocol_for(Protocol::Chat);
        let edited =
            request_edits(&provider.quirks(protocol, model), protocol, body.as_bytes()).unwrap();
        String::from_utf8(edited.body.into_owned()).unwrap()
    };
    for (provider, model, before, expected) in [
        (
            "openai",
            "gpt-5",
            r#"{"max_tokens":9,"temperature":0}"#,
            r#"{"max_completion_tokens":9}"#,
        ),
        (
            "mistral",
            "m",
            r#"{"tool_choice":"required","stream_options":{}}"#,
            r#"{"tool_choice":"any"}"#,
        ),
        ("groq", "m", r#"{"a":1,"logprobs":true}"#, r#"{"a":1}"#),
        (
            "cohere",
            "m",
            r#"{"a":1,"stream_options":{"include_usage":true},"parallel_tool_calls":true}"#,
            r#"{"a":1}"#,
        ),
        (
            "kimi-code",
            "k3",
            r#"{"max_completion_tokens":9,"temperature":0.2}"#,
            r#"{"max_tokens":9,"temperature":1}"#,
        ),
        (
            "glm",
            "glm-5",
            r#"{"stop":["a","b"],"tool_choice":"required"}"#,
            r#"{"stop":["a"]}"#,
        ),
        (
            "xai",
            "grok-3-mini",
            r#"{"reasoning_effort":"medium"}"#,
            r#"{"reasoning_effort":"low"}"#,
        ),
        (
            "claude",
            "claude-opus-4-8",
            r#"{"a":1,"temperature":0.5,"top_p":1}"#,
            r#"{"a":1}"#,
        ),
        (
            "minimax",
            "m2",
            r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"}]}"#,
            r#"{"messages":[{"role":"user","content":"s\n\nu"}]}"#,
        ),
        (
            "deepseek",
            "deepseek-chat",
            r#"{"messages":[{"role":"developer","content":"d"}]}"#,
            r#"{"messages":[{"role":"system","content":"d"}]}"#,
        ),
    ] {
        assert_eq!(after(provider, model, before), expected, "{provider}");
    }
}
