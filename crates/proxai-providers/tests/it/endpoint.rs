//! P2: every endpoint follows from any spelling of the base URL.

use proxai_providers::endpoint::derive;
use proxai_providers::{EndpointError, ProviderOverride, Registry, Resource};
use proxai_types::{Operation, Protocol};

const CHAT: Resource<'static> = Resource::Generate(Protocol::Chat);
const RESPONSES: Resource<'static> = Resource::Generate(Protocol::Responses);
const MESSAGES: Resource<'static> = Resource::Generate(Protocol::Messages);

fn url(base: &str, resource: Resource<'_>) -> String {
    derive(base, resource)
        .unwrap_or_else(|error| panic!("{base}: {error}"))
        .to_string()
}

#[test]
fn siblings_follow_from_any_spelling_of_the_base() {
    for (base, chat, responses) in [
        (
            "https://h/openai/v1",
            "https://h/openai/v1/chat/completions",
            "https://h/openai/v1/responses",
        ),
        (
            "https://h/openai/v1///",
            "https://h/openai/v1/chat/completions",
            "https://h/openai/v1/responses",
        ),
        (
            "https://h/v1/chat/completions",
            "https://h/v1/chat/completions",
            "https://h/v1/responses",
        ),
        (
            "https://h/v1/chat/completions/",
            "https://h/v1/chat/completions",
            "https://h/v1/responses",
        ),
        (
            "http://localhost:4000",
            "http://localhost:4000/v1/chat/completions",
            "http://localhost:4000/v1/responses",
        ),
        (
            "http://localhost:4000/",
            "http://localhost:4000/v1/chat/completions",
            "http://localhost:4000/v1/responses",
        ),
        (
            "https://h/v1/responses",
            "https://h/v1/chat/completions",
            "https://h/v1/responses",
        ),
        (
            "https://h/v1/models",
            "https://h/v1/chat/completions",
            "https://h/v1/responses",
        ),
        (
            "https://h/v1/embeddings",
            "https://h/v1/chat/completions",
            "https://h/v1/responses",
        ),
        (
            "https://h/v1/completions",
            "https://h/v1/chat/completions",
            "https://h/v1/responses",
        ),
        (
            "https://h/v1/messages",
            "https://h/v1/chat/completions",
            "https://h/v1/responses",
        ),
        (
            "https://h/openai/deployments/d/chat/completions?api-version=X",
            "https://h/openai/deployments/d/chat/completions?api-version=X",
            "https://h/openai/deployments/d/responses?api-version=X",
        ),
        (
            "https://h/openai/deployments/d?api-version=X",
            "https://h/openai/deployments/d/chat/completions?api-version=X",
            "https://h/openai/deployments/d/responses?api-version=X",
        ),
        (
            "https://h/v1#frag",
            "https://h/v1/chat/completions",
            "https://h/v1/responses",
        ),
        (
            "https://h/v1/CHAT/COMPLETIONS",
            "https://h/v1/CHAT/COMPLETIONS",
            "https://h/v1/responses",
        ),
        (
            "https://h/v1/chat/completions-proxy",
            "https://h/v1/chat/completions-proxy/chat/completions",
            "https://h/v1/chat/completions-proxy/responses",
        ),
        (
            " https://h/v1 ",
            "https://h/v1/chat/completions",
            "https://h/v1/responses",
        ),
        (
            "HTTPS://API.Example.COM/v1",
            "https://api.example.com/v1/chat/completions",
            "https://api.example.com/v1/responses",
        ),
        (
            "https://h/api/coding/v3",
            "https://h/api/coding/v3/chat/completions",
            "https://h/api/coding/v3/responses",
        ),
        (
            "https://h/v2",
            "https://h/v2/chat/completions",
            "https://h/v2/responses",
        ),
        (
            "https://h/v1beta/openai",
            "https://h/v1beta/openai/chat/completions",
            "https://h/v1beta/openai/responses",
        ),
        (
            "https://h/v1/a/g/compat",
            "https://h/v1/a/g/compat/chat/completions",
            "https://h/v1/a/g/compat/responses",
        ),
        (
            "https://h/api/paas/v4/",
            "https://h/api/paas/v4/chat/completions",
            "https://h/api/paas/v4/responses",
        ),
        (
            "https://h/inference",
            "https://h/inference/chat/completions",
            "https://h/inference/responses",
        ),
    ] {
        assert_eq!(url(base, CHAT), chat, "chat of {base}");
        assert_eq!(url(base, RESPONSES), responses, "responses of {base}");
    }
}

#[test]
fn messages_adds_the_version_that_its_sdk_would_add() {
    for (base, messages) in [
        ("https://h", "https://h/v1/messages"),
        ("https://h/", "https://h/v1/messages"),
        ("https://h/v1", "https://h/v1/messages"),
        ("https://h/v1/", "https://h/v1/messages"),
        ("https://h/anthropic", "https://h/anthropic/v1/messages"),
        (
            "https://h/api/anthropic/",
            "https://h/api/anthropic/v1/messages",
        ),
        ("https://h/anthropic/v1", "https://h/anthropic/v1/messages"),
        (
            "https://h/anthropic/v1/messages",
            "https://h/anthropic/v1/messages",
        ),
        (
            "https://h/anthropic/v1/messages?beta=true",
            "https://h/anthropic/v1/messages?beta=true",
        ),
        ("https://h/special/messages", "https://h/special/messages"),
        ("https://h/v1/chat/completions", "https://h/v1/messages"),
    ] {
        assert_eq!(url(base, MESSAGES), messages, "{base}");
        let (path, query) = messages
            .split_once('?')
            .map_or((messages, String::new()), |(p, q)| (p, format!("?{q}")));
        assert_eq!(
            url(base, Resource::CountTokens),
            format!("{path}/count_tokens{query}"),
            "{base}"
        );
    }
}

#[test]
fn other_resources_lie_beside() {
    for (resource, expected) in [
        (Resource::Embeddings, "https://h/api/v3/embeddings?k=1"),
        (Resource::Models, "https://h/api/v3/models?k=1"),
        (
            Resource::Path("/v1/audio/speech"),
            "https://h/api/v3/audio/speech?k=1",
        ),
        (
            Resource::Path("/audio/speech"),
            "https://h/api/v3/audio/speech?k=1",
        ),
        (
            Resource::of(Operation::Other, "/v1/responses/resp_1/cancel"),
            "https://h/api/v3/responses/resp_1/cancel?k=1",
        ),
        (
            Resource::of(Operation::Models, "/v1/models"),
            "https://h/api/v3/models?k=1",
        ),
        (
            Resource::of(Operation::Models, "/v1/models/org%2Fname"),
            "https://h/api/v3/models/org%2Fname?k=1",
        ),
    ] {
        assert_eq!(
            url("https://h/api/v3/chat/completions?k=1", resource),
            expected
        );
    }
}

#[test]
fn a_client_path_cannot_leave_the_base() {
    for path in [
        "/v1/../admin",
        "/v1/files/..",
        "/v1/%2e%2e/admin",
        "/v1/%2E./admin",
        "/v1/..%2fadmin",
        "/v1/./x",
    ] {
        assert!(
            matches!(
                derive("https://h/v1", Resource::Path(path)),
                Err(EndpointError::Climbs { .. })
            ),
            "{path}"
        );
    }
    for path in [
        "/v1/a b",
        "/v1/a\r\nhost: x",
        "/v1/a?b",
        "/v1/a#b",
        "/v1/a\\b",
    ] {
        assert!(
            matches!(
                derive("https://h/v1", Resource::Path(path)),
                Err(EndpointError::BadPath { .. })
            ),
            "{path}"
        );
    }
    assert_eq!(
        url("https://h/v1", Resource::Path("/v1/files/a..b")),
        "https://h/v1/files/a..b"
    );
}

#[test]
fn a_bare_host_gets_the_path_of_its_row() {
    for (name, base, expected) in [
        (
            "groq",
            "https://proxy.example",
            "https://proxy.example/openai/v1/chat/completions",
        ),
        (
            "groq",
            "https://api.groq.com/openai",
            "https://api.groq.com/openai/v1/chat/completions",
        ),
        (
            "groq",
            "https://api.groq.com/openai/v1",
            "https://api.groq.com/openai/v1/chat/completions",
        ),
        (
            "venice",
            "https://api.venice.ai",
            "https://api.venice.ai/api/v1/chat/completions",
        ),
        (
            "cohere",
            "https://api.cohere.com/compatibility",
            "https://api.cohere.com/compatibility/v1/chat/completions",
        ),
        (
            "qwen",
            "https://dashscope.example/",
            "https://dashscope.example/compatible-mode/v1/chat/completions",
        ),
        (
            "perplexity",
            "https://proxy.example",
            "https://proxy.example/chat/completions",
        ),
        (
            "vllm",
            "http://gpu1:8000",
            "http://gpu1:8000/v1/chat/completions",
        ),
        (
            "compatible",
            "http://gpu1:8000",
            "http://gpu1:8000/v1/chat/completions",
        ),
        (
            "together",
            "https://api.together.xyz",
            "https://api.together.xyz/v1/chat/completions",
        ),
        (
            "my-own-name",
            "https://api.example.com/v2",
            "https://api.example.com/v2/chat/completions",
        ),
    ] {
        let cells = ProviderOverride {
            base: Some(base.to_owned()),
            ..ProviderOverride::default()
        };
        let provider = Registry::builtin()
            .build(name, None, &cells, &|_| None)
            .unwrap();
        assert_eq!(
            provider.url(CHAT).unwrap().to_string(),
            expected,
            "{name} at {base}"
        );
    }
}
