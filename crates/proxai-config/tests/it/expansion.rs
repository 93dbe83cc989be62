//! K2: `${VAR}`, defaults, `$$`, secrets in files.

use proxai_config::{Memory, Overrides, load};

use crate::{goes_to, keys, loaded, place, try_load};

fn base_url(sources: Memory, url: &str) -> Result<String, String> {
    let text = format!("[providers.x]\nbase_url = \"{url}\"\n");
    try_load(sources, &text)
        .map(|loaded| loaded.settings.providers[0].provider.base.to_string())
        .map_err(|problems| problems.0[0].to_string())
}

#[test]
fn variables_defaults_and_dollar_signs_expand_anywhere_in_a_string() {
    let sources = Memory::default()
        .with_var("HOST", "h.example")
        .with_var("EMPTY", "");
    for (written, expected) in [
        ("http://${HOST}/v1", "http://h.example/v1"),
        ("http://${HOST}/${NONE:-v2}", "http://h.example/v2"),
        ("http://${HOST}/${EMPTY:-v3}", "http://h.example/v3"),
        ("http://${HOST}/a$$b", "http://h.example/a$b"),
        ("http://${HOST}/a$b", "http://h.example/a$b"),
        ("http://${HOST}/a$$$$HOST", "http://h.example/a$$HOST"),
    ] {
        let found = base_url(sources.clone(), written);
        assert_eq!(found.as_deref(), Ok(expected), "{written}");
    }
}

#[test]
fn what_cannot_be_expanded_says_why_and_where() {
    for (written, expected) in [
        ("http://${NONE}/", "environment variable `NONE` is not set"),
        ("http://${HOST", "`${` without `}`"),
        (
            "http://${not ok}",
            "`${not ok}` is not the name of a variable",
        ),
    ] {
        let error = base_url(Memory::default(), written).unwrap_err();
        let start = format!("proxai.toml:2: providers.x.base_url: {expected}");
        assert!(error.starts_with(&start), "{error}");
    }
}

#[test]
fn captures_in_an_upstream_model_are_not_variables() {
    let text = r#"
[providers.x]
base_url = "http://x"
[[routing.routes]]
model_pattern = "^(?P<family>[a-z]+)-(.*)$"
provider = "x"
upstream_model = "${SITE}/${family}/$2"
"#;
    let sources = Memory::default()
        .with_var("SITE", "eu$1")
        .with_var("family", "wrong");
    let loaded = try_load(sources, text).unwrap();
    let (_, model, _) = goes_to(&loaded, "gpt-5");
    assert_eq!(model, "eu$1/gpt/5");
}

#[test]
fn a_value_of_a_variable_is_not_expanded_again() {
    let sources = Memory::default()
        .with_var("KEY", "a${HOST}$$b")
        .with_var("PROXAI_PROVIDERS__Y__API_KEY", "c${HOST}$$d");
    let text = "[providers.x]\nbase_url = \"http://x\"\napi_key = \"${KEY}\"\n[providers.y]\nbase_url = \"http://y\"\n";
    let loaded = try_load(sources, text).unwrap();
    assert_eq!(keys(&loaded, "x"), ["a${HOST}$$b"]);
    assert_eq!(keys(&loaded, "y"), ["c${HOST}$$d"]);
}

#[test]
fn a_secret_may_be_in_a_file_beside_the_configuration() {
    let sources = Memory::default()
        .with_file("/etc/proxai/keys/groq", "sk-from-file\n")
        .with_file(
            "/etc/proxai/proxai.toml",
            "[providers.groq]\napi_key = { file = \"keys/groq\" }\n",
        );
    let overrides = Overrides {
        config: Some("/etc/proxai/proxai.toml".into()),
        ..Overrides::default()
    };
    let loaded = load(&sources, &overrides).unwrap();
    assert_eq!(keys(&loaded, "groq"), ["sk-from-file"]);
    let watched: Vec<String> = loaded
        .watch
        .iter()
        .map(|p| p.display().to_string())
        .collect();
    assert_eq!(
        watched,
        ["/etc/proxai/proxai.toml", "/etc/proxai/keys/groq"]
    );

    let missing = sources.with_file(
        "/etc/proxai/proxai.toml",
        "[providers.groq]\napi_keys = [\"a\", { file = \"gone\" }]\n",
    );
    let error = load(&missing, &overrides).unwrap_err().0[0].to_string();
    assert!(
        error.starts_with("/etc/proxai/proxai.toml:2: providers.groq.api_keys.1: cannot read the file /etc/proxai/gone"),
        "{error}"
    );
}

#[test]
fn an_empty_expansion_means_no_key() {
    let loaded = loaded("[providers.x]\nbase_url = \"http://x/v1\"\napi_key = \"${NONE:-}\"\n");
    assert!(keys(&loaded, "x").is_empty());
    assert_eq!(
        goes_to(&loaded, "x/m"),
        place("x", "m", "http://x/v1/chat/completions")
    );
}
