//! `[providers.<name>]`: rows, overrides, authentication, keys (P2–P4, P14).

use proxai_config::{Loaded, Memory};
use proxai_providers::{AuthStyle, Provider, Resource};
use proxai_types::Protocol;

use crate::{goes_to, keys, loaded, place, problems, try_load};

fn provider<'l>(loaded: &'l Loaded, name: &str) -> &'l Provider {
    let mut all = loaded.settings.providers.iter();
    let found = all.find(|settings| settings.provider.name == name);
    &found.unwrap_or_else(|| panic!("no {name}")).provider
}

#[test]
fn the_row_is_named_by_the_section_or_by_its_type_or_is_the_generic_one() {
    let loaded = loaded(
        r#"
[providers.Grok]
api_key = "k"
[providers.work]
type = "groq"
api_key = "k"
[providers.play]
provider = "mistral"
api_key = "k"
[providers.own]
base_url = "http://own.example"
"#,
    );
    assert_eq!(provider(&loaded, "Grok").row, "xai");
    assert_eq!(provider(&loaded, "work").row, "groq");
    assert_eq!(provider(&loaded, "play").row, "mistral");
    assert!(provider(&loaded, "own").speaks(Protocol::Chat));
    // Another name of the same row finds it too.
    assert_eq!(goes_to(&loaded, "xai/grok-4").0, "Grok");
    assert_eq!(
        goes_to(&loaded, "own/m"),
        place("own", "m", "http://own.example/v1/chat/completions")
    );
}

#[test]
fn every_spelling_of_an_auth_style_works() {
    let header = |name: &str| AuthStyle::Header {
        name: name.to_owned(),
        prefix: String::new(),
    };
    let query = AuthStyle::Query {
        name: "key".to_owned(),
    };
    for (written, expected) in [
        ("auth_style = \"bearer\"", AuthStyle::Bearer),
        ("auth_style = \"Bearer\"", AuthStyle::Bearer),
        ("auth_style = \"X-API-Key\"", AuthStyle::XApiKey),
        ("auth_style = \"api_key\"", AuthStyle::ApiKey),
        ("auth_style = \"none\"", AuthStyle::None),
        (
            "auth_style = \"custom\"\nauth_header = \"X-Secret\"",
            header("x-secret"),
        ),
        ("auth_style = \"custom:X-Secret\"", header("x-secret")),
        ("auth_header = \"X-Secret\"", header("x-secret")),
        (
            "auth = { style = \"custom\", header = \"X-Secret\" }",
            header("x-secret"),
        ),
        ("auth = \"custom:X-Secret\"", header("x-secret")),
        ("auth_style = \"query:key\"", query.clone()),
        ("auth_param = \"key\"", query.clone()),
    ] {
        let text = format!("[providers.x]\nbase_url = \"http://x\"\napi_key = \"k\"\n{written}\n");
        let loaded = loaded(&text);
        assert_eq!(
            provider(&loaded, "x").auth_style(Protocol::Chat),
            &expected,
            "{written}"
        );
    }
    for (written, expected) in [
        (
            "auth_style = \"baerer\"",
            "providers.x.auth_style: unknown auth style; use bearer",
        ),
        (
            "auth_style = \"custom\"",
            "providers.x.auth_style: provider `x`: auth style `custom` needs",
        ),
        (
            "auth_style = \"bearer:x\"",
            "providers.x.auth_style: auth style `bearer` takes no name",
        ),
        (
            "auth = \"none\"\nauth_style = \"none\"",
            "providers.x.auth_style: the style is there twice",
        ),
    ] {
        let found = problems(&format!(
            "[providers.x]\nbase_url = \"http://x\"\n{written}\n"
        ));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains(expected), "{found:?}");
    }
}

#[test]
fn a_variable_of_the_registry_is_used_only_for_the_host_it_belongs_to() {
    let sources = Memory::default()
        .with_var("GROQ_API_KEY", "gsk")
        .with_var("AZURE_OPENAI_API_KEY", "azure")
        .with_var("OLLAMA_API_KEY", "local");
    let text = r#"
[providers.groq]
[providers.moved]
type = "groq"
base_url = "https://elsewhere.example/v1"
[providers.same]
type = "groq"
base_url = "https://api.groq.com/openai/v1/chat/completions"
[providers.azure]
base_url = "https://mine.openai.azure.com/openai/v1"
[providers.ollama]
base_url = "http://192.168.1.9:11434"
"#;
    let loaded = try_load(sources, text).unwrap();
    assert_eq!(keys(&loaded, "groq"), ["gsk"]);
    assert!(keys(&loaded, "moved").is_empty());
    assert_eq!(keys(&loaded, "same"), ["gsk"]);
    assert_eq!(keys(&loaded, "azure"), ["azure"]);
    assert_eq!(keys(&loaded, "ollama"), ["local"]);
    assert_eq!(loaded.warnings.len(), 1, "{:?}", loaded.warnings);
    assert_eq!(
        loaded.warnings[0].to_string(),
        "proxai.toml:3: providers.moved: provider `moved` has no key; set `api_key`, or `auth_style = \"none\"` if it needs none"
    );
}

#[test]
fn a_built_in_provider_without_its_key_is_a_warning_that_names_the_variable() {
    let loaded = loaded("[default]\nprovider = \"groq\"\n");
    assert_eq!(
        loaded.warnings[0].to_string(),
        "proxai.toml:2: default.provider: provider `groq` has no key; set `api_key` or GROQ_API_KEY"
    );
}

#[test]
fn several_keys_keep_their_order() {
    let loaded = loaded("[providers.groq]\napi_key = \"a\"\napi_keys = [\"b\", \"c\"]\n");
    assert_eq!(keys(&loaded, "groq"), ["a", "b", "c"]);
}

#[test]
fn any_cell_of_a_row_may_be_overridden() {
    let loaded = loaded(
        r#"
[providers.groq]
api_key = "k"
base_url = "https://proxy.example/groq/v1"
protocols = ["responses", "chat"]
http = "1.1"
models = ["llama-*", "fast"]
model_aliases = { quick = "llama-3.1-8b-instant" }
headers = { x-team = "${TEAM:-blue}" }
quirks = { stream_options = false }
[[providers.groq.model]]
pattern = "llama-*"
quirks = { parallel_tool_calls = false }
[providers.groq.endpoint.embeddings]
path = "/embed"
"#,
    );
    let groq = provider(&loaded, "groq");
    assert_eq!(groq.protocols().next(), Some(Protocol::Responses));
    assert_eq!(groq.http, proxai_providers::HttpVersion::Http1);
    assert!(!groq.quirks(Protocol::Chat, "other").stream_options());
    assert!(!groq.quirks(Protocol::Chat, "llama-x").parallel_tool_calls());
    assert!(groq.quirks(Protocol::Chat, "other").parallel_tool_calls());
    let embeddings = groq.url(Resource::Embeddings).unwrap().to_string();
    assert_eq!(embeddings, "https://proxy.example/groq/v1/embed");
    let (_, model, url) = goes_to(&loaded, "QUICK");
    assert_eq!(model, "llama-3.1-8b-instant");
    assert_eq!(url, "https://proxy.example/groq/v1/chat/completions");
    assert_eq!(goes_to(&loaded, "llama-new").1, "llama-new");
}

#[test]
fn compatibility_decides_whether_answers_are_repaired() {
    for (written, expected) in [
        ("compatibility = \"strict\"", false),
        ("compatibility = \"anthropic_compatible\"", true),
    ] {
        let text = format!(
            "[providers.x]\nbase_url = \"http://x\"\nprotocol = \"anthropic_messages\"\n{written}\n"
        );
        let loaded = loaded(&text);
        let quirks = provider(&loaded, "x").quirks(Protocol::Messages, "m");
        assert_eq!(quirks.repair_responses(), expected, "{written}");
    }
}
