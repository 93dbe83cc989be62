//! P1: every provider file is embedded, readable and unambiguous.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proxai_providers::{
    HttpVersion, ProviderError, ProviderOverride, Registry, Resource, Row, normalize_name,
};
use proxai_types::Protocol;

fn folder() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("providers");
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (stem, std::fs::read_to_string(path).unwrap())
        })
        .collect()
}

#[test]
fn every_file_in_the_folder_is_embedded_under_its_id() {
    let files = folder();
    let embedded: BTreeSet<_> = Registry::builtin()
        .rows()
        .map(|row| row.identity.id.clone())
        .collect();
    assert_eq!(files.keys().cloned().collect::<BTreeSet<_>>(), embedded);
    for (stem, text) in files {
        let row = Row::from_toml(&text).unwrap_or_else(|error| panic!("{stem}: {error:?}"));
        assert_eq!(row.identity.id, stem);
        assert_eq!(Registry::builtin().resolve(&stem).unwrap(), &row);
    }
}

#[test]
fn each_name_resolves_to_its_row_in_any_spelling() {
    for row in Registry::builtin().rows() {
        for name in row.names() {
            for spelling in [
                name.to_owned(),
                name.to_uppercase(),
                name.replace('-', "_"),
                name.replace(['-', '_'], " "),
                name.replace('.', "-"),
            ] {
                let found = Registry::builtin().resolve(&spelling).unwrap();
                assert_eq!(found.identity.id, row.identity.id, "{spelling}");
            }
        }
    }
}

#[test]
fn the_names_of_older_tools_still_resolve() {
    for (name, id) in [
        ("grok", "xai"),
        ("vercel-ai", "vercel"),
        ("cloudflare-ai", "cloudflare"),
        ("baidu", "qianfan"),
        ("opencode-zen", "opencode"),
        ("HF", "huggingface"),
        ("lite-llm", "litellm"),
        ("v-llm", "vllm"),
        ("llama.cpp", "llamacpp"),
        ("kimi", "moonshot-cn"),
        ("moonshot-global", "moonshot-intl"),
        ("kimi_for_coding", "kimi-code"),
        ("z.ai", "zai"),
        ("Z AI Global", "zai"),
        ("zhipu", "glm"),
        ("bigmodel", "glm-cn"),
        ("minimax-io", "minimax"),
        ("minimaxi", "minimax-cn"),
        ("dashscope-international", "qwen-intl"),
        ("dashscope-us", "qwen-us"),
        ("qwen-coding", "qwen-coding"),
        ("ark", "volcengine"),
        ("build.nvidia.com", "nvidia"),
        ("custom", "compatible"),
        ("custom:https://host.example/v1", "compatible"),
        (
            "anthropic-custom:https://host.example",
            "anthropic-compatible",
        ),
    ] {
        assert_eq!(
            Registry::builtin().resolve(name).unwrap().identity.id,
            id,
            "{name}"
        );
    }
}

#[test]
fn every_row_says_where_it_was_checked_and_when() {
    for row in Registry::builtin().rows() {
        let identity = &row.identity;
        assert!(identity.docs.starts_with("https://"), "{}", identity.id);
        let date: Vec<&str> = identity.verified.split('-').collect();
        assert_eq!(
            date.iter().map(|part| part.len()).collect::<Vec<_>>(),
            [4, 2, 2],
            "{}",
            identity.id
        );
        assert!(
            date.iter()
                .all(|part| part.bytes().all(|b| b.is_ascii_digit())),
            "{}",
            identity.id
        );
        assert!(
            !row.protocols().is_empty(),
            "{} speaks nothing",
            identity.id
        );
    }
}

#[test]
fn two_rows_cannot_share_a_name() {
    let mut registry = Registry::default();
    let row = |id: &str, name: &str| {
        Row::from_toml(&format!(
            "id = '{id}'\nnames = ['{name}']\ntitle = ''\ndocs = ''\nverified = ''\n[endpoint.chat]\n"
        ))
        .unwrap()
    };
    registry.add(row("first", "Both-Names")).unwrap();
    let error = registry
        .add(row("second", "both_names"))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("`both_names`") && error.contains("`first`"),
        "{error}"
    );
    assert!(
        registry.resolve("second").is_err(),
        "nothing of a refused row remains"
    );
}

#[test]
fn an_unknown_name_gets_advice() {
    let registry = Registry::builtin();
    let unknown = registry.resolve("gorq").unwrap_err();
    assert_eq!(unknown.closest.first().map(String::as_str), Some("groq"));
    assert!(unknown.to_string().contains("did you mean `groq`"));
    assert!(
        registry
            .resolve("qqqqqqqq")
            .unwrap_err()
            .to_string()
            .contains("proxai providers")
    );
    let error = registry
        .build("x", Some("gorq"), &ProviderOverride::default(), &|_| None)
        .unwrap_err();
    assert!(matches!(error, ProviderError::Unknown(_)));
}

#[test]
fn an_unknown_cell_is_an_error_that_names_it() {
    let text = "id = 'a'\ntitle = ''\ndocs = ''\nverified = ''\nbase_ulr = 'https://h'\n";
    let error = format!("{:?}", Row::from_toml(text).unwrap_err());
    assert!(error.contains("base_ulr"), "{error}");
    let error = toml::from_str::<ProviderOverride>("[endpoint.chat]\nquirk = {}").unwrap_err();
    assert!(error.to_string().contains("quirk"), "{error}");
}

#[test]
fn names_are_compared_without_case_and_separators() {
    assert_eq!(normalize_name("LM_Studio"), normalize_name("lm-studio"));
    assert_eq!(normalize_name("Z . AI"), "zai");
}

/// The whole table, one line per row and endpoint: what a change of a file changes in effect.
#[test]
fn each_row_reaches_the_endpoints_its_vendor_documents() {
    let variables = |name: &str| {
        Some(match name {
            "AZURE_OPENAI_RESOURCE" => "contoso".to_owned(),
            "GOOGLE_CLOUD_PROJECT" => "p1".to_owned(),
            "CLOUDFLARE_ACCOUNT_ID" => "acc".to_owned(),
            "CLOUDFLARE_GATEWAY_ID" => "gw".to_owned(),
            _ => return None,
        })
    };
    let urls = |name: &str| -> Vec<String> {
        let provider = Registry::builtin()
            .build(name, None, &ProviderOverride::default(), &variables)
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        Protocol::ALL
            .into_iter()
            .filter(|p| provider.speaks(*p))
            .map(|p| provider.url(Resource::Generate(p)).unwrap().to_string())
            .collect()
    };
    let expected: &[(&str, &[&str])] = &[
        (
            "openai",
            &[
                "https://api.openai.com/v1/chat/completions",
                "https://api.openai.com/v1/responses",
            ],
        ),
        ("anthropic", &["https://api.anthropic.com/v1/messages"]),
        (
            "azure",
            &[
                "https://contoso.openai.azure.com/openai/v1/chat/completions",
                "https://contoso.openai.azure.com/openai/v1/responses",
            ],
        ),
        (
            "gemini",
            &["https://generativelanguage.googleapis.com/v1beta/openai/chat/completions"],
        ),
        (
            "vertex",
            &[
                "https://us-central1-aiplatform.googleapis.com/v1/projects/p1/locations/us-central1/endpoints/openapi/chat/completions",
            ],
        ),
        (
            "bedrock",
            &[
                "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1/chat/completions",
                "https://bedrock-runtime.us-east-1.amazonaws.com/openai/v1/responses",
                "https://bedrock-mantle.us-east-1.api.aws/anthropic/v1/messages",
            ],
        ),
        (
            "openrouter",
            &[
                "https://openrouter.ai/api/v1/chat/completions",
                "https://openrouter.ai/api/v1/responses",
                "https://openrouter.ai/api/v1/messages",
            ],
        ),
        (
            "deepseek",
            &[
                "https://api.deepseek.com/v1/chat/completions",
                "https://api.deepseek.com/responses",
                "https://api.deepseek.com/anthropic/v1/messages",
            ],
        ),
        (
            "groq",
            &[
                "https://api.groq.com/openai/v1/chat/completions",
                "https://api.groq.com/openai/v1/responses",
            ],
        ),
        ("venice", &["https://api.venice.ai/api/v1/chat/completions"]),
        (
            "cloudflare",
            &["https://gateway.ai.cloudflare.com/v1/acc/gw/compat/chat/completions"],
        ),
        (
            "cloudflare-api",
            &[
                "https://api.cloudflare.com/client/v4/accounts/acc/ai/v1/chat/completions",
                "https://api.cloudflare.com/client/v4/accounts/acc/ai/v1/responses",
                "https://api.cloudflare.com/client/v4/accounts/acc/ai/v1/messages",
            ],
        ),
        ("together", &["https://api.together.ai/v1/chat/completions"]),
        (
            "nebius",
            &["https://api.tokenfactory.nebius.com/v1/chat/completions"],
        ),
        (
            "fireworks",
            &[
                "https://api.fireworks.ai/inference/v1/chat/completions",
                "https://api.fireworks.ai/inference/v1/responses",
                "https://api.fireworks.ai/inference/v1/messages",
            ],
        ),
        (
            "moonshot-intl",
            &[
                "https://api.moonshot.ai/v1/chat/completions",
                "https://api.moonshot.ai/v1/responses",
                "https://api.moonshot.ai/anthropic/v1/messages",
            ],
        ),
        (
            "qwen-coding-intl",
            &[
                "https://coding-intl.dashscope.aliyuncs.com/v1/chat/completions",
                "https://coding-intl.dashscope.aliyuncs.com/apps/anthropic/v1/messages",
            ],
        ),
        (
            "qianfan",
            &[
                "https://qianfan.baidubce.com/v2/chat/completions",
                "https://qianfan.baidubce.com/anthropic/v1/messages",
            ],
        ),
        (
            "synthetic",
            &[
                "https://api.synthetic.new/openai/v1/chat/completions",
                "https://api.synthetic.new/anthropic/v1/messages",
            ],
        ),
        (
            "deepinfra",
            &[
                "https://api.deepinfra.com/v1/openai/chat/completions",
                "https://api.deepinfra.com/anthropic/v1/messages",
            ],
        ),
        (
            "perplexity",
            &["https://api.perplexity.ai/chat/completions"],
        ),
        (
            "cohere",
            &["https://api.cohere.ai/compatibility/v1/chat/completions"],
        ),
        (
            "kimi-code",
            &[
                "https://api.kimi.com/coding/v1/chat/completions",
                "https://api.kimi.com/coding/v1/responses",
                "https://api.kimi.com/coding/v1/messages",
            ],
        ),
        (
            "zai",
            &[
                "https://api.z.ai/api/coding/paas/v4/chat/completions",
                "https://api.z.ai/api/v1/responses",
                "https://api.z.ai/api/anthropic/v1/messages",
            ],
        ),
        (
            "zai-cn",
            &[
                "https://open.bigmodel.cn/api/coding/paas/v4/chat/completions",
                "https://open.bigmodel.cn/api/v1/responses",
                "https://open.bigmodel.cn/api/anthropic/v1/messages",
            ],
        ),
        (
            "glm-cn",
            &[
                "https://open.bigmodel.cn/api/paas/v4/chat/completions",
                "https://open.bigmodel.cn/api/v1/responses",
            ],
        ),
        (
            "minimax-cn",
            &[
                "https://api.minimaxi.com/v1/chat/completions",
                "https://api.minimaxi.com/v1/responses",
                "https://api.minimaxi.com/anthropic/v1/messages",
            ],
        ),
        (
            "qwen-us",
            &[
                "https://dashscope-us.aliyuncs.com/compatible-mode/v1/chat/completions",
                "https://dashscope-us.aliyuncs.com/compatible-mode/v1/responses",
                "https://dashscope-us.aliyuncs.com/apps/anthropic/v1/messages",
            ],
        ),
        (
            "volcengine",
            &[
                "https://ark.cn-beijing.volces.com/api/v3/chat/completions",
                "https://ark.cn-beijing.volces.com/api/v3/responses",
                "https://ark.cn-beijing.volces.com/api/v3/compatible/v1/messages",
            ],
        ),
        (
            "github-models",
            &["https://models.github.ai/inference/chat/completions"],
        ),
        (
            "litellm",
            &[
                "http://localhost:4000/v1/chat/completions",
                "http://localhost:4000/v1/responses",
                "http://localhost:4000/v1/messages",
            ],
        ),
        (
            "ollama",
            &[
                "http://localhost:11434/v1/chat/completions",
                "http://localhost:11434/v1/responses",
                "http://localhost:11434/v1/messages",
            ],
        ),
    ];
    for (name, expected) in expected {
        assert_eq!(&urls(name), expected, "{name}");
    }
    // Every other row at least builds, unless it says that it needs a base.
    for row in Registry::builtin()
        .rows()
        .filter(|row| row.cells.base.is_some())
    {
        assert!(!urls(&row.identity.id).is_empty(), "{}", row.identity.id);
    }
}

#[test]
fn rows_that_need_http_1_1_say_so() {
    let forced: Vec<&str> = Registry::builtin()
        .rows()
        .filter(|row| row.cells.http == Some(HttpVersion::Http1))
        .map(|row| row.identity.id.as_str())
        .collect();
    assert_eq!(
        forced,
        [
            "qwen",
            "qwen-coding",
            "qwen-coding-intl",
            "qwen-intl",
            "qwen-us"
        ]
    );
}
