//! K1: all problems at once, each with file, line, key and what to do.

use proxai_config::{Memory, Overrides, load};

use crate::{problems, try_load};

#[test]
fn all_problems_are_reported_at_once_in_the_order_of_their_lines() {
    let text = r#"[server]
prot = 18080
host = "localhost"
max_concurrent_requests = 0

[tool_calls]
timeout_secs = 0

[providers.gorq]
api_key = "${MISSING_KEY}"

[providers.mine]
base_url = "not a url"
protocol = "openai_chat"
models = ["a", 3]

[[routing.routes]]
match_kind = "fuzzy"
model_pattern = "x"
provider = "mine"

[[routing.routes]]
model_pattern = "^(x"
provider = "nobody"
upstream_model = "$3"
"#;
    let found = problems(text);
    let expected = [
        "proxai.toml:2: server.prot: unknown key `prot`; did you mean `port`?",
        "proxai.toml:3: server.host: expected an IP address such as 127.0.0.1, found something else",
        "proxai.toml:4: server.max_concurrent_requests: must be greater than 0",
        "proxai.toml:7: tool_calls.timeout_secs: must be greater than 0",
        "proxai.toml:9: providers.gorq: unknown provider `gorq`; did you mean `groq` or `grok`?; give it a `base_url` if it is a server of your own",
        "proxai.toml:10: providers.gorq.api_key: environment variable `MISSING_KEY` is not set; set it, or write `${MISSING_KEY:-}` if it may be missing",
        "proxai.toml:13: providers.mine.base_url: ",
        "proxai.toml:14: providers.mine.protocol: unknown value `openai_chat`, use one of openai_chat_completions, openai_responses, anthropic_messages, chat, responses, messages; did you mean `openai_chat_completions`?",
        "proxai.toml:15: providers.mine.models.1: expected a string, found a number",
        "proxai.toml:18: routing.routes.0.match_kind: unknown value `fuzzy`, use one of auto, exact, prefix, glob, regex",
        "proxai.toml:23: routing.routes.1.model_pattern: ",
        "proxai.toml:24: routing.routes.1.provider: no provider `nobody` is configured; add [providers.nobody]",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
}

#[test]
fn a_vendor_in_place_of_a_protocol_gets_the_one_that_most_who_follow_it_speak() {
    for (key, value, meant) in [
        ("protocol", "\"openai\"", "openai_chat_completions"),
        (
            "protocol",
            "\"OpenAI-compatible\"",
            "openai_chat_completions",
        ),
        ("protocols", "[\"openai\"]", "openai_chat_completions"),
        ("protocol", "\"openai_response\"", "openai_responses"),
        ("protocol", "\"anthropic\"", "anthropic_messages"),
    ] {
        let found = problems(&format!(
            "[providers.x]\nbase_url = \"http://x\"\n{key} = {value}\n"
        ));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].ends_with(&format!(
                "use one of openai_chat_completions, openai_responses, anthropic_messages, chat, responses, messages; did you mean `{meant}`?"
            )),
            "{found:?}"
        );
    }
}

#[test]
fn a_file_that_is_no_toml_is_reported_with_its_line() {
    let found = problems("[server]\nport = 1\nport = 2\n");
    assert_eq!(found.len(), 1);
    assert!(
        found[0].starts_with("proxai.toml:3: no valid TOML: "),
        "{found:?}"
    );
}

#[test]
fn a_file_that_was_asked_for_must_be_there() {
    let overrides = Overrides {
        config: Some("elsewhere.toml".into()),
        ..Overrides::default()
    };
    let sources = Memory::default().with_file("proxai.toml", "");
    let error = load(&sources, &overrides).unwrap_err().to_string();
    assert!(
        error.contains("elsewhere.toml: cannot read the configuration file"),
        "{error}"
    );
}

#[test]
fn a_secret_in_the_wrong_place_is_not_printed() {
    let text = "[providers.groq]\napi_key = 424242424242\napi_keys = \"sk-not-a-list\"\nread_idle_timeout_secs = \"sk-pasted\"\nauth = \"sk-as-style\"\n";
    let found = problems(text).join("\n");
    for secret in ["424242", "sk-not-a-list", "sk-pasted", "sk-as-style"] {
        assert!(!found.contains(secret), "{found}");
    }
    assert_eq!(found.lines().count(), 4, "{found}");
}

#[test]
fn debug_output_of_settings_shows_no_secret() {
    let text = "[providers.groq]\napi_key = \"sk-very-secret\"\nheaders = { x-extra = \"header-secret\" }\n";
    let loaded = try_load(Memory::default(), text).unwrap();
    let printed = format!("{loaded:?}");
    assert!(!printed.contains("sk-very-secret") && !printed.contains("header-secret"));
    let options: proxai_config::SecretOptions =
        proxai_config::SecretOptions::Text("sk-very-secret".to_owned());
    assert_eq!(format!("{options:?}"), "[redacted]");
    let overrides = Overrides {
        set: vec![(
            "providers.x.api_key".to_owned(),
            "sk-very-secret".to_owned(),
        )],
        ..Overrides::default()
    };
    assert!(!format!("{overrides:?}").contains("sk-very-secret"));
}

#[test]
fn one_key_under_two_of_its_names_is_refused() {
    let found = problems("[providers.x]\nbase_url = \"http://a\"\napi_url = \"http://b\"\n");
    assert_eq!(found.len(), 1);
    assert!(found[0].contains("twice"), "{found:?}");
}

#[test]
fn two_names_that_differ_only_in_case_are_refused_instead_of_collapsed() {
    let found = problems("[providers.Groq]\n[providers.groq]\n");
    assert_eq!(
        found,
        [
            "proxai.toml:2: providers.groq: the same name as `Groq`, letter case and `-_.` aside; rename one"
        ]
    );
}

#[test]
fn problems_deep_in_a_table_have_the_line_of_their_key() {
    let text = r#"
[providers.x]
base_url = "http://x"
auth = { styel = "bearer" }
headers = { a = 1 }
quirks = { stream_option = false }
http = 2
endpoint.chat.quirks.developer = "as_sistem"

[[providers.x.model]]
quirks = {}

[[routing.routes]]
model_pattern = "m"
targets = [
  { provider = "x", wieght = 1 },
  { provider = "x", weight = -1 },
]
[logging]
level = "verbos"
use_color = "yes"
duration_thresholds = 5
"#;
    let found = problems(text);
    let expected = [
        "proxai.toml:4: providers.x.auth.styel: unknown key `styel`; did you mean `style`?",
        "proxai.toml:5: providers.x.headers.a: expected a string or { file = \"…\" }, found a number",
        "proxai.toml:6: providers.x.quirks.stream_option: unknown key `stream_option`; did you mean `stream_options`?",
        "proxai.toml:7: providers.x.http: expected ",
        "proxai.toml:8: providers.x.endpoint.chat.quirks.developer: unknown value `as_sistem`, use one of keep, as_system; did you mean `as_system`?",
        "proxai.toml:10: providers.x.model.0: `pattern` is missing",
        "proxai.toml:16: routing.routes.0.targets.0.wieght: unknown key `wieght`; did you mean `weight`?",
        "proxai.toml:17: routing.routes.0.targets.1.weight: expected a whole number, not negative, found a negative number",
        "proxai.toml:20: logging.level: unknown value `verbos`, use one of trace, debug, info, warn, error",
        "proxai.toml:21: logging.use_color: expected true or false, found text",
        "proxai.toml:22: logging.duration_thresholds: expected a table, found a number",
    ];
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
}

#[test]
fn what_follows_from_a_problem_is_not_a_second_one() {
    for text in [
        "[default]\nprovider = 5\nmodel = \"m\"\n",
        "[providers.own]\nbase_url = 5\n",
        "[providers.own]\nbase_url = \"${NONE}/v1\"\n[default]\nprovider = \"own\"\n",
        "[providers.own]\nbase_url = \" \"\n[[routing.routes]]\nmodel_pattern = \"m\"\nprovider = \"own\"\n",
        "[[model_routes]]\npattern = 5\nprovider = \"groq\"\n",
        "[[model_routes]]\npattern = \"m\"\nprovider = 5\n",
        "[[model_routes]]\npattern = \"m\"\napi_url = \"ftp://x\"\n",
        "[[routing.routes]]\nmodel_pattern = \"m\"\ntargets = 5\n",
    ] {
        let found = problems(text);
        assert_eq!(found.len(), 1, "{text}\n{found:#?}");
    }
}
