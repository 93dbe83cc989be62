//! Every block of configuration that other systems' documentation shows (K3).

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use proxai_config::{ErrorFormat, Loaded, LogFormat, LogLevel, Memory};
use proxai_providers::AuthStyle;
use proxai_router::{Ask, NoRoute, resolve};
use proxai_types::Protocol;

use crate::{goes_to, keys, place, plan, try_load};

type Check = fn(&Loaded);

const CASES: [(&str, Check); 12] = [
    ("compatible", compatible),
    ("endpoint-base", endpoint),
    ("endpoint-full", endpoint),
    ("error-responses", error_responses),
    ("gateway", gateway),
    ("litellm", litellm),
    ("local-server", local_server),
    ("local-server-ko", local_server),
    ("model-routes", model_routes),
    ("quick-start", quick_start),
    ("rewrite", rewrite),
    ("targets", targets),
];

#[test]
fn every_block_of_other_documentation_means_what_it_says_there() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/config");
    let variables = [
        "YOUR_API_KEY",
        "LITELLM_API_KEY",
        "GROQ_API_KEY",
        "MISTRAL_API_KEY",
        "OPENROUTER_API_KEY",
        "MINIMAX_API_KEY",
        "OPENAI_API_KEY",
    ];
    let files: BTreeSet<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "toml")
        })
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let expected: BTreeSet<String> = CASES.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(
        files, expected,
        "each file has an expectation and the reverse"
    );

    for (name, check) in CASES {
        let text = std::fs::read_to_string(folder.join(format!("{name}.toml"))).unwrap();
        let sources = variables.iter().fold(Memory::default(), |sources, name| {
            sources.with_var(name, &format!("value of {name}"))
        });
        let loaded =
            try_load(sources, &text).unwrap_or_else(|problems| panic!("{name}: {problems}"));
        check(&loaded);
    }
}

fn compatible(loaded: &Loaded) {
    let url = "https://api.your-provider.com/v1/chat/completions";
    assert_eq!(goes_to(loaded, "gpt-x"), place("compatible", "gpt-x", url));
    assert_eq!(
        goes_to(loaded, ""),
        place("compatible", "your-model-name", url)
    );
    assert_eq!(
        goes_to(loaded, "default"),
        place("compatible", "your-model-name", url)
    );
    assert_eq!(keys(loaded, "compatible"), ["value of YOUR_API_KEY"]);
}

fn endpoint(loaded: &Loaded) {
    assert_eq!(
        goes_to(loaded, "compatible/llama"),
        place(
            "compatible",
            "llama",
            "https://api.groq.com/openai/v1/chat/completions"
        )
    );
    assert!(keys(loaded, "compatible").is_empty());
}

fn local_server(loaded: &Loaded) {
    let id = "meta-llama/Llama-3.1-8B-Instruct";
    let url = "http://localhost:8000/v1/chat/completions";
    assert_eq!(goes_to(loaded, id), place("compatible", id, url));
    assert_eq!(goes_to(loaded, ""), place("compatible", id, url));
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

fn litellm(loaded: &Loaded) {
    let url = "http://localhost:4000/v1/chat/completions";
    assert_eq!(goes_to(loaded, "gpt-4o"), place("litellm", "gpt-4o", url));
    assert_eq!(keys(loaded, "litellm"), ["value of LITELLM_API_KEY"]);
}

fn model_routes(loaded: &Loaded) {
    let groq = "compatible@groq/*";
    assert_eq!(
        goes_to(loaded, "groq/openai/gpt-oss-120b"),
        place(
            groq,
            "openai/gpt-oss-120b",
            "https://api.groq.com/openai/v1/chat/completions"
        )
    );
    let mistral = "compatible@mistral/*";
    assert_eq!(
        goes_to(loaded, "mistral/mistral-large-latest"),
        place(
            mistral,
            "mistral-large-latest",
            "https://api.mistral.ai/v1/chat/completions"
        )
    );
    assert_eq!(keys(loaded, groq), ["value of GROQ_API_KEY"]);
    assert_eq!(keys(loaded, mistral), ["value of MISTRAL_API_KEY"]);
    let (provider, model, _) = goes_to(loaded, "anthropic/claude-sonnet-4");
    assert_eq!(
        (&*provider, &*model),
        ("openrouter", "anthropic/claude-sonnet-4")
    );
    assert_eq!(keys(loaded, "openrouter"), ["value of OPENROUTER_API_KEY"]);
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

fn rewrite(loaded: &Loaded) {
    let (provider, model, _) = goes_to(loaded, "minimax-m3-PREVIEW");
    assert_eq!((&*provider, &*model), ("minimax", "MiniMax-M3"));
    let ask = Ask {
        protocol: Some(Protocol::Messages),
        ..Ask::new("MiniMax-M3-preview")
    };
    let error = resolve(&loaded.settings.table, &ask).unwrap_err();
    assert!(matches!(error, NoRoute::WrongProtocol { .. }), "{error}");
}

fn error_responses(loaded: &Loaded) {
    assert_eq!(loaded.settings.error_format, ErrorFormat::Json);
    // Nothing else is configured, so what the variables allow is there.
    assert!(loaded.settings.zero_config);
}

fn quick_start(loaded: &Loaded) {
    let plan = plan(loaded, Protocol::Responses, "gpt-5");
    let settings = loaded.settings.provider(plan.attempts[0].provider).unwrap();
    assert_eq!(settings.provider.name, "upstream");
    assert_eq!(settings.read_idle_timeout, Duration::from_mins(2));
    assert!(settings.provider.speaks(Protocol::Responses));
    assert!(!settings.provider.speaks(Protocol::Chat));
}

fn gateway(loaded: &Loaded) {
    let settings = &loaded.settings;
    assert_eq!(settings.server.listen().to_string(), "127.0.0.1:18080");
    assert_eq!(settings.admin.to_string(), "127.0.0.1:18081");
    assert_eq!(settings.server.max_request_body_bytes, 50 * 1024 * 1024);
    assert_eq!(settings.server.max_concurrent_requests, 64);
    assert_eq!(settings.tool_call_timeout, Duration::from_secs(90));
    assert_eq!(settings.logging.level, LogLevel::Debug);
    assert_eq!(settings.logging.format, LogFormat::Json);
    assert!(!settings.logging.use_color);
    assert_eq!(settings.logging.slow, Duration::from_secs(1));
    assert_eq!(settings.logging.too_slow, Duration::from_secs(2));
    assert_eq!(settings.error_format, ErrorFormat::Text);
    assert!(settings.capture.upstream_response && !settings.capture.inbound_request);
    assert_eq!(
        settings.unimplemented(),
        ["capture.upstream_response_enabled"]
    );

    let names: Vec<&str> = settings
        .providers
        .iter()
        .map(|p| &*p.provider.name)
        .collect();
    assert_eq!(
        names,
        ["primary", "claude-like"],
        "in the order of the file"
    );
    let claude = &settings.providers[1];
    assert_eq!(claude.read_idle_timeout, Duration::from_mins(1));
    assert!(
        !claude
            .provider
            .quirks(Protocol::Messages, "m")
            .repair_responses()
    );
    assert_eq!(
        claude.provider.auth_style(Protocol::Messages),
        &AuthStyle::XApiKey
    );

    let taken = plan(loaded, Protocol::Chat, "new-PREVIEW");
    assert_eq!(
        (&*taken.route, &*taken.attempts[0].upstream_model),
        ("previews", "stable")
    );
    let taken = plan(loaded, Protocol::Chat, "Claude-Opus-4-5");
    assert_eq!(taken.attempts[0].upstream_model, "Opus/4-5");
    let taken = plan(loaded, Protocol::Messages, "anything");
    assert_eq!(taken.attempts[0].provider.index(), 1);
    let (_, _, url) = goes_to(loaded, "claude-opus-4-5");
    assert_eq!(url, "https://claude-like.example/v1/messages");
}

fn targets(loaded: &Loaded) {
    let extra = loaded.settings.table.extra_endpoint("/hybrid").unwrap();
    let ask = Ask {
        protocol: Some(Protocol::Chat),
        path: Some(extra.path),
        ..Ask::new("")
    };
    let plan = resolve(&loaded.settings.table, &ask).unwrap();
    let attempts: Vec<(&str, &str)> = plan
        .attempts
        .iter()
        .map(|attempt| (&*attempt.target, &*attempt.upstream_model))
        .collect();
    assert_eq!(
        attempts,
        [
            ("self-hosted", "meta-llama/Llama-3.1-8B-Instruct"),
            ("cloud-fallback", "gpt-4o-mini"),
        ],
        "the lower priority comes first"
    );
    let own = loaded.settings.provider(plan.attempts[0].provider).unwrap();
    assert_eq!(
        own.provider.base.to_string(),
        "http://vllm-server:8000/v1/chat/completions"
    );
    assert!(own.anonymous);
    assert_eq!(own.keys[0].secret.expose(), "Bearer placeholder");
    assert_eq!(own.provider.auth_style(Protocol::Chat), &AuthStyle::Bearer);
    let cloud = loaded.settings.provider(plan.attempts[1].provider).unwrap();
    assert_eq!(
        cloud.keys[0].secret.expose(),
        "Bearer value of OPENAI_API_KEY"
    );
    assert_eq!(plan.fallback.on.len(), 2);
}
