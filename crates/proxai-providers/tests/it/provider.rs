//! The effective provider: what a configuration changes, and what it cannot mix up.

use proxai_providers::quirks::{ReasoningEcho, StreamSupport, SystemRole};
use proxai_providers::{
    Applied, AuthStyle, HttpVersion, Key, Provider, ProviderError, ProviderOverride, Registry,
    Resource, Secret,
};
use proxai_types::Protocol;

fn cells(text: &str) -> ProviderOverride {
    toml::from_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn build(name: &str, text: &str) -> Result<Provider, ProviderError> {
    Registry::builtin().build(name, None, &cells(text), &|_| None)
}

fn url(provider: &Provider, protocol: Protocol) -> String {
    provider
        .url(Resource::Generate(protocol))
        .unwrap()
        .to_string()
}

fn header(provider: &Provider, protocol: Protocol, key: &Key) -> String {
    match provider.authenticate(protocol, Some(key)).unwrap() {
        Applied::Header { name, value } => format!("{name}: {}", value.expose()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_missing_parameter_names_all_that_are_missing_and_their_variables() {
    let error = build("cloudflare", "").unwrap_err().to_string();
    for word in [
        "`account_id`",
        "CLOUDFLARE_ACCOUNT_ID",
        "`gateway_id`",
        "CLOUDFLARE_GATEWAY_ID",
        "parameters",
    ] {
        assert!(error.contains(word), "{word} in {error}");
    }
    let given = build(
        "cloudflare",
        "[parameters]\naccount_id = 'a1'\ngateway_id = 'g1'",
    )
    .unwrap();
    assert_eq!(
        url(&given, Protocol::Chat),
        "https://gateway.ai.cloudflare.com/v1/a1/g1/compat/chat/completions"
    );
    assert!(matches!(
        build("compatible", ""),
        Err(ProviderError::MissingBase { .. })
    ));
}

#[test]
fn a_replaced_base_never_leaves_an_endpoint_at_the_vendor() {
    let moved = build("deepseek", "base_url = 'https://proxy.example/deep/v1'").unwrap();
    assert_eq!(
        url(&moved, Protocol::Chat),
        "https://proxy.example/deep/v1/chat/completions"
    );
    assert_eq!(
        url(&moved, Protocol::Messages),
        "https://proxy.example/deep/v1/messages"
    );
    let other_region = build("minimax", "base_url = 'https://api.minimax.example/v1'").unwrap();
    assert_eq!(
        url(&other_region, Protocol::Messages),
        "https://api.minimax.example/anthropic/v1/messages"
    );
    let elsewhere = build("bedrock", "base_url = 'https://vpce.example/openai/v1'").unwrap();
    assert_eq!(
        url(&elsewhere, Protocol::Messages),
        "https://vpce.example/openai/v1/messages"
    );
    for row in Registry::builtin().rows() {
        let provider = build(&row.identity.id, "base_url = 'https://only.example/v1'").unwrap();
        let resources = provider.protocols().map(Resource::Generate).chain([
            Resource::Models,
            Resource::Embeddings,
            Resource::Path("/v1/files"),
        ]);
        for resource in resources {
            assert_eq!(
                provider.url(resource).unwrap().host(),
                "only.example",
                "{} {resource:?}",
                row.identity.id
            );
        }
    }
}

#[test]
fn a_full_endpoint_says_which_protocol_is_spoken() {
    let messages = build(
        "compatible",
        "api_url = 'https://h.example/special/messages'",
    )
    .unwrap();
    assert_eq!(
        messages.protocols().collect::<Vec<_>>(),
        [Protocol::Messages]
    );
    assert_eq!(
        url(&messages, Protocol::Messages),
        "https://h.example/special/messages"
    );
    assert_eq!(messages.auth_style(Protocol::Messages), &AuthStyle::XApiKey);
    let responses = build("mine", "base_url = 'https://h.example/v1/responses'").unwrap();
    assert_eq!(
        responses.protocols().collect::<Vec<_>>(),
        [Protocol::Responses]
    );
    let explicit = build(
        "mine",
        "base_url = 'https://h.example/v1'\nprotocol = 'anthropic_messages'",
    )
    .unwrap();
    assert_eq!(
        explicit.protocols().collect::<Vec<_>>(),
        [Protocol::Messages]
    );
    assert_eq!(
        url(&explicit, Protocol::Messages),
        "https://h.example/v1/messages"
    );
}

#[test]
fn protocols_can_be_added_taken_away_and_reordered() {
    let none = build("synthetic", "[endpoint.messages]\nenabled = false").unwrap();
    assert_eq!(none.protocols().collect::<Vec<_>>(), [Protocol::Chat]);
    assert_eq!(none.protocol_for(Protocol::Messages), Protocol::Chat);
    let more = build("mistral", "[endpoint.responses]\npath = '/beta/responses'").unwrap();
    assert_eq!(
        url(&more, Protocol::Responses),
        "https://api.mistral.ai/v1/beta/responses"
    );
    let order = build("openrouter", "protocols = ['messages', 'chat']").unwrap();
    assert_eq!(
        order.protocols().collect::<Vec<_>>(),
        [Protocol::Messages, Protocol::Chat]
    );
    assert_eq!(order.protocol_for(Protocol::Responses), Protocol::Messages);
    assert!(matches!(
        build("openai", "protocols = []"),
        Err(ProviderError::NoProtocol { .. })
    ));
    assert!(toml::from_str::<ProviderOverride>("protocol = 'smoke_signals'").is_err());
}

#[test]
fn an_endpoint_that_a_row_keeps_back_is_there_once_it_is_named() {
    for (name, protocol, expected) in [
        (
            "perplexity",
            Protocol::Responses,
            "https://api.perplexity.ai/v1/responses",
        ),
        (
            "novita",
            Protocol::Messages,
            "https://api.novita.ai/anthropic/v1/messages",
        ),
        (
            "sambanova",
            Protocol::Responses,
            "https://api.sambanova.ai/v1/responses",
        ),
        (
            "venice",
            Protocol::Responses,
            "https://api.venice.ai/api/v1/responses",
        ),
    ] {
        assert!(!build(name, "").unwrap().speaks(protocol), "{name}");
        let named = build(name, &format!("protocols = ['{}']", protocol.name())).unwrap();
        assert_eq!(url(&named, protocol), expected);
    }
    let embeddings = build("perplexity", "").unwrap().url(Resource::Embeddings);
    assert_eq!(
        embeddings.unwrap().to_string(),
        "https://api.perplexity.ai/v1/embeddings"
    );
}

#[test]
fn quirks_come_from_row_endpoint_configuration_and_model_in_this_order() {
    let row = build("minimax", "").unwrap();
    assert_eq!(
        row.quirks(Protocol::Chat, "m").system(),
        SystemRole::MergeIntoUser
    );
    assert_eq!(
        row.quirks(Protocol::Messages, "m").system(),
        SystemRole::Keep,
        "only the chat endpoint refuses it"
    );
    let configured = build(
        "minimax",
        "[quirks]\nsystem = 'keep'\nstream = 'never'\n[[model]]\npattern = '*-m1'\nquirks = { system = 'merge_into_user' }",
    )
    .unwrap();
    assert_eq!(
        configured.quirks(Protocol::Chat, "minimax-m2").system(),
        SystemRole::Keep
    );
    let old = configured.quirks(Protocol::Chat, "MiniMax-M1");
    assert_eq!(
        (old.system(), old.stream()),
        (SystemRole::MergeIntoUser, StreamSupport::Never)
    );
    assert!(!old.responses_fallback(), "what nobody overrides stays");

    let deployment = build("azure", "base_url = 'https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=1'").unwrap();
    assert!(deployment.quirks(Protocol::Chat, "gpt").omit_model());
    let plain = build("azure", "base_url = 'https://r.openai.azure.com'").unwrap();
    assert!(!plain.quirks(Protocol::Chat, "gpt").omit_model());
    assert_eq!(
        url(&plain, Protocol::Responses),
        "https://r.openai.azure.com/openai/v1/responses"
    );
}

#[test]
fn model_patterns_of_a_row_tell_models_apart() {
    let openai = build("openai", "").unwrap();
    let refused = |model: &str| openai.quirks(Protocol::Chat, model).temperature().refused;
    assert!(refused("gpt-5-mini") && refused("gpt-6-astra"));
    assert!(!refused("gpt-5-chat-latest") && !refused("gpt-5.1") && !refused("gpt-4.1"));
    let claude = build("claude", "").unwrap();
    assert!(
        claude
            .quirks(Protocol::Messages, "claude-opus-4-7")
            .temperature()
            .refused
    );
    assert!(
        claude
            .quirks(Protocol::Messages, "claude-sonnet-4-5-20250929")
            .one_sampler()
    );
    let deepseek = build("deepseek", "").unwrap();
    assert_eq!(
        deepseek
            .quirks(Protocol::Chat, "deepseek-chat")
            .reasoning
            .echo(),
        ReasoningEcho::Always
    );
}

#[test]
fn keys_go_where_each_endpoint_wants_them() {
    let key = Key::from(Secret::new("k1"));
    assert_eq!(
        header(&build("groq", "").unwrap(), Protocol::Chat, &key),
        "authorization: Bearer k1"
    );
    assert_eq!(
        header(&build("claude", "").unwrap(), Protocol::Messages, &key),
        "x-api-key: k1"
    );
    let kimi = build("kimi-code", "").unwrap();
    assert_eq!(
        header(&kimi, Protocol::Chat, &key),
        "authorization: Bearer k1"
    );
    assert_eq!(header(&kimi, Protocol::Messages, &key), "x-api-key: k1");
    let custom = build("groq", "[auth]\nstyle = 'custom'\nheader = 'X-Team-Token'").unwrap();
    assert_eq!(header(&custom, Protocol::Chat, &key), "x-team-token: k1");
    let everywhere = build("kimi-code", "auth = { style = 'api-key' }").unwrap();
    assert_eq!(header(&everywhere, Protocol::Messages, &key), "api-key: k1");
}

#[test]
fn a_variable_can_hold_a_key_of_another_kind() {
    let claude = build("claude", "").unwrap();
    let token = claude
        .key_from_env(&|name| (name == "ANTHROPIC_AUTH_TOKEN").then(|| "t".to_owned()))
        .unwrap();
    assert_eq!(
        header(&claude, Protocol::Messages, &token),
        "authorization: Bearer t"
    );
    let both = claude.key_from_env(&|_| Some("t".to_owned())).unwrap();
    assert_eq!(header(&claude, Protocol::Messages, &both), "x-api-key: t");
    assert_eq!(
        claude.key_from_env(&|_| Some(" ".to_owned())),
        None,
        "an empty variable is no key"
    );
}

#[test]
fn a_missing_key_matters_only_where_one_is_needed() {
    let error = build("groq", "")
        .unwrap()
        .authenticate(Protocol::Chat, None)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("GROQ_API_KEY") && error.contains("`groq`"),
        "{error}"
    );
    for (name, text) in [
        ("ollama", ""),
        ("vllm", ""),
        ("litellm", ""),
        ("demo", ""),
        ("compatible", "base_url = 'http://h:1'"),
    ] {
        let provider = build(name, text).unwrap();
        let first = provider.protocols().next().unwrap();
        assert_eq!(
            provider.authenticate(first, None),
            Ok(Applied::Nothing),
            "{name}"
        );
    }
}

#[test]
fn static_headers_are_laid_over_each_other() {
    let provider = build(
        "github-copilot",
        "headers = { Editor-Version = '', X-New = '1' }",
    )
    .unwrap();
    let headers: Vec<_> = provider.headers(Protocol::Chat).collect();
    assert_eq!(
        headers,
        [
            ("copilot-integration-id", "vscode-chat"),
            ("copilot-vision-request", "true"),
            ("x-new", "1")
        ]
    );
    let messages: Vec<_> = provider
        .headers(Protocol::Messages)
        .map(|(name, _)| name)
        .collect();
    assert!(messages.contains(&"anthropic-version"));
    let error = build("groq", "headers = { 'bad name' = 'secret-value' }")
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("bad name") && !error.contains("secret-value"),
        "{error}"
    );
}

#[test]
fn seed_spellings_load() {
    let table = "api_url = 'http://localhost:8000/v1'\n[auth]\nstyle = 'x-api-key'";
    let provider = Registry::builtin()
        .build("custom", None, &cells(table), &|_| None)
        .unwrap();
    assert_eq!(
        url(&provider, Protocol::Chat),
        "http://localhost:8000/v1/chat/completions"
    );
    assert!(provider.quirks(Protocol::Chat, "m").vision_markers());
    let own_name = build("mine", "base_url = 'http://localhost:8000'").unwrap();
    assert_eq!(own_name.row, "openai-compatible");
    assert!(
        !own_name.quirks(Protocol::Chat, "m").vision_markers(),
        "image markers are opt-in (P11)"
    );
    let inline = Registry::builtin()
        .build(
            "custom:http://gpu:9000/v1",
            None,
            &ProviderOverride::default(),
            &|_| None,
        )
        .unwrap();
    assert_eq!(
        url(&inline, Protocol::Chat),
        "http://gpu:9000/v1/chat/completions"
    );
}

#[test]
fn models_are_renamed_and_limited() {
    let provider = build("groq", "models = ['llama-*', 'qwen/qwen3-32b']\nmodel_aliases = { fast = 'llama-3.1-8b-instant' }\nhttp = '1.1'").unwrap();
    assert_eq!(provider.upstream_model("fast"), "llama-3.1-8b-instant");
    assert_eq!(provider.upstream_model("org/any"), "org/any");
    assert!(
        provider.allows_model("llama-3.1-8b-instant") && provider.allows_model("qwen/qwen3-32b")
    );
    assert!(!provider.allows_model("gemma"));
    assert_eq!(provider.http, HttpVersion::Http1);
}

#[test]
fn resources_without_an_endpoint_of_their_own_lie_beside_one_that_is_spoken() {
    let claude = build("claude", "").unwrap();
    assert_eq!(
        claude.url(Resource::Models).unwrap().to_string(),
        "https://api.anthropic.com/v1/models"
    );
    assert_eq!(
        claude.url(Resource::CountTokens).unwrap().path(),
        "/v1/messages/count_tokens"
    );
    assert!(claude.url(Resource::Generate(Protocol::Chat)).is_err());
    let only_messages = build(
        "mine",
        "base_url = 'https://h.example/anthropic'\nprotocol = 'messages'",
    )
    .unwrap();
    assert_eq!(
        only_messages.url(Resource::Models).unwrap().path(),
        "/anthropic/v1/models"
    );
    let github = build("github-models", "").unwrap();
    assert_eq!(
        github.url(Resource::Models).unwrap().to_string(),
        "https://models.github.ai/catalog/models"
    );
    let deepseek = build("deepseek", "").unwrap();
    let batch = Resource::Path("/v1/messages/batches");
    assert_eq!(
        deepseek.url(batch).unwrap().to_string(),
        "https://api.deepseek.com/anthropic/v1/messages/batches"
    );
}

#[test]
fn a_missing_endpoint_is_looked_for_at_its_sibling() {
    let venice = build("venice", "").unwrap();
    let (protocol, url) = venice.fallback(Protocol::Chat, "m").unwrap();
    assert_eq!(
        (protocol, url.path()),
        (Protocol::Responses, "/api/v1/responses")
    );
    let openai = build("openai", "").unwrap();
    assert_eq!(
        openai.fallback(Protocol::Responses, "m").unwrap().0,
        Protocol::Chat
    );
    assert_eq!(openai.fallback(Protocol::Messages, "m"), None);
    for off in [
        "glm",
        "glm-cn",
        "zai",
        "zai-cn",
        "minimax",
        "minimax-cn",
        "nvidia",
    ] {
        assert_eq!(
            build(off, "").unwrap().fallback(Protocol::Chat, "m"),
            None,
            "{off}"
        );
    }
}

#[test]
fn a_token_in_a_static_header_is_not_printed() {
    let text = "headers = { x-gateway-token = 'tok-123' }";
    let provider = build("groq", text).unwrap();
    assert!(
        provider
            .headers(Protocol::Chat)
            .any(|header| header == ("x-gateway-token", "tok-123"))
    );
    for printed in [format!("{provider:?}"), format!("{:?}", cells(text))] {
        assert!(printed.contains("x-gateway-token") && !printed.contains("tok-123"));
    }
}
