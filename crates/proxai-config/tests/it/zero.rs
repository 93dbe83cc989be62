//! K4: no configuration at all is still useful.

use proxai_config::{Memory, Overrides, Settings, load, local_servers};
use proxai_providers::Registry;
use proxai_router::{Ask, resolve};
use proxai_types::Protocol;

fn names(settings: &Settings) -> Vec<&str> {
    let mut names: Vec<&str> = settings
        .providers
        .iter()
        .map(|p| &*p.provider.name)
        .collect();
    names.sort_unstable();
    names
}

fn takes(settings: &Settings, protocol: Protocol, model: &str) -> Option<String> {
    let ask = Ask {
        protocol: Some(protocol),
        ..Ask::new(model)
    };
    let plan = resolve(&settings.table, &ask).ok()?;
    let provider = settings.provider(plan.attempts[0].provider)?;
    Some(provider.provider.name.clone())
}

#[test]
fn without_anything_the_provider_inside_the_process_takes_every_model() {
    let settings = Settings::zero(&|_| None, &[]);
    assert_eq!(names(&settings), ["demo"]);
    assert!(settings.zero_config);
    for protocol in Protocol::ALL {
        assert_eq!(takes(&settings, protocol, "gpt-5").as_deref(), Some("demo"));
    }
    assert!(settings.providers[0].provider.embedded);
}

#[test]
fn each_key_variable_enables_its_provider_and_one_takes_all() {
    let env = |name: &str| match name {
        "GROQ_API_KEY" => Some("gsk".to_owned()),
        "OPENAI_API_KEY" => Some(" ".to_owned()),
        _ => None,
    };
    let settings = Settings::zero(&env, &[]);
    assert_eq!(names(&settings), ["demo", "groq"], "blank is not set");
    assert_eq!(
        takes(&settings, Protocol::Chat, "llama-x").as_deref(),
        Some("groq")
    );
    assert_eq!(
        takes(&settings, Protocol::Chat, "demo/x").as_deref(),
        Some("demo")
    );
    assert_eq!(
        takes(&settings, Protocol::Chat, "demo").as_deref(),
        Some("demo")
    );
    let groq = settings
        .providers
        .iter()
        .find(|p| p.provider.name == "groq")
        .unwrap();
    assert_eq!(groq.keys[0].secret.expose(), "gsk");
}

#[test]
fn several_keys_leave_unclear_models_without_a_guess() {
    let env = |name: &str| {
        ["GROQ_API_KEY", "MISTRAL_API_KEY", "ANTHROPIC_API_KEY"]
            .contains(&name)
            .then(|| "key".to_owned())
    };
    let settings = Settings::zero(&env, &[]);
    assert_eq!(takes(&settings, Protocol::Chat, "some-model"), None);
    assert_eq!(
        takes(&settings, Protocol::Chat, "mistral/some-model").as_deref(),
        Some("mistral")
    );
    assert_eq!(
        takes(&settings, Protocol::Messages, "claude-x").as_deref(),
        Some("anthropic"),
        "the only one that prefers the protocol"
    );
}

#[test]
fn local_servers_that_answer_are_enabled() {
    let local = local_servers(Registry::builtin());
    let ids: Vec<&str> = local.iter().map(|provider| &*provider.name).collect();
    for expected in ["llamacpp", "lmstudio", "ollama", "vllm"] {
        assert!(ids.contains(&expected), "{ids:?}");
    }
    let settings = Settings::zero(&|_| None, &["ollama"]);
    assert_eq!(names(&settings), ["demo", "ollama"]);
    assert_eq!(
        takes(&settings, Protocol::Chat, "qwen3").as_deref(),
        Some("ollama")
    );
    let ollama = settings
        .providers
        .iter()
        .find(|p| p.provider.local)
        .unwrap();
    assert!(ollama.keys.is_empty());
}

#[test]
fn loading_without_a_file_is_the_same_and_variables_still_count() {
    let sources = Memory::default()
        .with_var("GROQ_API_KEY", "gsk")
        .with_var("PROXAI_SERVER__PORT", "0");
    let loaded = load(&sources, &Overrides::default()).unwrap();
    assert_eq!(names(&loaded.settings), ["demo", "groq"]);
    assert_eq!(loaded.settings.server.port, 0);
    assert!(loaded.file.is_none());
}

#[test]
fn every_key_variable_of_the_registry_together_is_no_problem() {
    let loaded = load(&AllKeys, &Overrides::default()).unwrap();
    assert!(loaded.settings.providers.len() > 40);
}

struct AllKeys;

impl proxai_config::Sources for AllKeys {
    fn var(&self, name: &str) -> Option<String> {
        (name.ends_with("_KEY") || name.ends_with("_TOKEN")).then(|| "key".to_owned())
    }

    fn vars(&self, _: &str) -> Vec<(String, String)> {
        Vec::new()
    }

    fn read(&self, _: &std::path::Path) -> std::io::Result<String> {
        Err(std::io::ErrorKind::NotFound.into())
    }
}
