//! What other systems' documentation promises, one test per promise (`docs/seeds.md`).
//!
//! Only what no other module shows already; the table names the test of every promise.

use proxai_testkit::upstream::{Reply, Upstream};
use serde_json::{Value, json};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use crate::harness::{CHAT, Got, MESSAGES, Running, one};

pub(crate) const BODY: &str =
    "{\"model\":\"m\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
const STREAM: &str =
    "{\"model\":\"m\",\"stream\":true,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
pub(crate) const CHAT_PATH: &str = "/v1/chat/completions";

fn chat_answer(message: &Value) -> Reply {
    let finish = if message["tool_calls"].is_null() {
        "stop"
    } else {
        "tool_calls"
    };
    let answer = json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    });
    Reply::json(answer.to_string())
}

pub(crate) fn hello() -> Reply {
    chat_answer(&json!({"role": "assistant", "content": "hello"}))
}

pub(crate) fn body(upstream: &Upstream) -> Value {
    serde_json::from_slice(&upstream.last().body).unwrap()
}

/// A server that sends everything to a provider called `name` with these cells.
fn only(name: &str, cells: &str) -> Running {
    Running::start(&format!(
        "[default]\nprovider = \"{name}\"\n[providers.{name}]\n{cells}"
    ))
}

/// The same, at the upstream and with a key.
fn at(upstream: &Upstream, name: &str, cells: &str) -> Running {
    let base = upstream.base_url();
    only(
        name,
        &format!("api_url = \"{base}\"\napi_key = \"sk-upstream\"\n{cells}"),
    )
}

#[tokio::test]
async fn a_base_url_with_the_endpoint_path_works_too() {
    let upstream = Upstream::start().await;
    let base = upstream.base_url();
    let host = base.strip_suffix("/v1").unwrap();
    for (given, target) in [
        (host.to_owned(), CHAT_PATH),
        (base.clone(), CHAT_PATH),
        (format!("{base}/"), CHAT_PATH),
        (format!("{base}/chat/completions"), CHAT_PATH),
        (format!("{host}/openai/v1"), "/openai/v1/chat/completions"),
        (
            format!("{host}/openai/v1/chat/completions"),
            "/openai/v1/chat/completions",
        ),
    ] {
        let gateway = only("compatible", &format!("api_url = \"{given}\"\n"));
        assert_eq!(gateway.post(CHAT_PATH, BODY).await.status, 200, "{given}");
        assert_eq!(upstream.last().target, target, "{given}");
    }
}

#[tokio::test]
async fn bearer_x_api_key_and_custom_headers_authenticate() {
    let upstream = Upstream::start().await;
    for (style, header, value) in [
        ("", "authorization", "Bearer sk-upstream"),
        (
            "auth_style = \"bearer\"",
            "authorization",
            "Bearer sk-upstream",
        ),
        ("auth_style = \"x-api-key\"", "x-api-key", "sk-upstream"),
        ("auth_style = \"api-key\"", "api-key", "sk-upstream"),
        (
            "auth_style = \"custom\"\nauth_header = \"X-Token\"",
            "x-token",
            "sk-upstream",
        ),
    ] {
        let gateway = at(&upstream, "compatible", style);
        gateway.post(CHAT_PATH, BODY).await;
        let sent = upstream.last();
        assert_eq!(sent.header(header), value, "{style}");
        let carriers = ["authorization", "x-api-key", "api-key", "x-token"];
        let carrying = carriers.iter().filter(|name| !sent.header(name).is_empty());
        assert_eq!(carrying.count(), 1, "{style}: {:?}", sent.headers);
    }
}

#[tokio::test]
async fn a_local_server_needs_no_key_and_gets_none() {
    let upstream = Upstream::start().await;
    let gateway = only(
        "compatible",
        &format!("api_url = \"{}\"\n", upstream.base_url()),
    );
    let placeholder = [("authorization", "Bearer placeholder")];
    let got = gateway
        .client()
        .await
        .post(CHAT_PATH, &placeholder, BODY)
        .await;
    assert_eq!(got.status, 200, "{}", got.text());
    let sent = upstream.last();
    for name in ["authorization", "x-api-key", "api-key"] {
        assert_eq!(sent.header(name), "", "{name}");
    }
}

#[tokio::test]
async fn a_missing_chat_endpoint_falls_back_to_responses() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json("{\"detail\":\"Not Found\"}").status(404));
    upstream.will(Reply::json(
        json!({
            "id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": "m",
            "output": [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed",
                "content": [{"type": "output_text", "text": "hello", "annotations": []}]}],
            "usage": {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5},
        })
        .to_string(),
    ));
    let gateway = at(&upstream, "compatible", "");
    let got = gateway.post(CHAT_PATH, BODY).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(got.json()["choices"][0]["message"]["content"], "hello");
    let targets: Vec<String> = upstream.received().into_iter().map(|r| r.target).collect();
    assert_eq!(targets, [CHAT_PATH, "/v1/responses"]);
}

#[tokio::test]
async fn the_responses_fallback_is_off_where_a_row_or_the_configuration_says_so() {
    for (name, cells) in [
        ("glm", ""),
        ("compatible", "quirks = { responses_fallback = false }"),
    ] {
        let upstream = Upstream::start().await;
        upstream.will(Reply::json("{\"detail\":\"Not Found\"}").status(404));
        let gateway = at(&upstream, name, cells);
        assert_eq!(gateway.post(CHAT_PATH, BODY).await.status, 404, "{name}");
        assert_eq!(upstream.received().len(), 1, "{name}");
    }
}

#[tokio::test]
async fn tools_go_up_as_functions_and_structured_calls_come_back() {
    let upstream = Upstream::start().await;
    upstream.will(chat_answer(&json!({
        "role": "assistant", "content": null,
        "tool_calls": [{"id": "call_1", "type": "function",
            "function": {"name": "tide", "arguments": "{\"pier\":\"north\"}"}}],
    })));
    let gateway = at(&upstream, "compatible", "");
    let schema = json!({"type": "object", "properties": {"pier": {"type": "string"}}});
    let request = json!({
        "model": "m", "max_tokens": 64,
        "tools": [{"name": "tide", "description": "Looks it up", "input_schema": schema}],
        "tool_choice": {"type": "auto"},
        "messages": [{"role": "user", "content": "When is high tide?"}],
    });
    let got = gateway.post("/v1/messages", request.to_string()).await;
    let sent = body(&upstream);
    assert_eq!(sent["tools"][0]["type"], "function");
    assert_eq!(sent["tools"][0]["function"]["name"], "tide");
    assert_eq!(sent["tools"][0]["function"]["description"], "Looks it up");
    assert_eq!(sent["tools"][0]["function"]["parameters"], schema);
    assert_eq!(sent["tool_choice"], "auto");
    let call = &got.json()["content"][0];
    assert_eq!(call["type"], "tool_use");
    assert_eq!(call["input"], json!({"pier": "north"}));
    assert_eq!(got.json()["stop_reason"], "tool_use");
}

#[tokio::test]
async fn image_markers_become_image_parts() {
    let upstream = Upstream::start().await;
    upstream.will(hello());
    let gateway = at(&upstream, "compatible", "");
    let text = "What is in [IMAGE:data:image/png;base64,aGFyYm91cg==]?";
    let request = json!({"model": "m", "messages": [{"role": "user", "content": text}]});
    gateway.post(CHAT_PATH, request.to_string()).await;
    let sent = body(&upstream);
    let image = &sent["messages"][0]["content"][1];
    assert_eq!(image["type"], "image_url", "{sent}");
    assert_eq!(
        image["image_url"]["url"],
        "data:image/png;base64,aGFyYm91cg=="
    );
}

#[tokio::test]
async fn system_messages_are_merged_for_providers_that_refuse_them() {
    let request = json!({"model": "m", "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "hi"},
    ]});
    for (name, cells, merged) in [
        ("minimax", "", true),
        ("compatible", "", false),
        (
            "compatible",
            "quirks = { system = \"merge_into_user\" }",
            true,
        ),
    ] {
        let upstream = Upstream::start().await;
        upstream.will(hello());
        let gateway = at(&upstream, name, cells);
        gateway.post(CHAT_PATH, request.to_string()).await;
        let expected = if merged {
            json!([{"role": "user", "content": "Be brief.\n\nhi"}])
        } else {
            request["messages"].clone()
        };
        assert_eq!(body(&upstream)["messages"], expected, "{name} {cells}");
    }
}

#[tokio::test]
async fn reasoning_content_becomes_text_when_there_is_nothing_else() {
    let message = |content: Value| json!({"role": "assistant", "content": content, "reasoning_content": "06:10"});
    let policy = "quirks = { reasoning = { policy = \"fallback\" } }";
    for (content, expected) in [
        (Value::Null, "06:10"),
        (json!(""), "06:10"),
        (json!("at six"), "at six"),
    ] {
        let upstream = Upstream::start().await;
        upstream.will(chat_answer(&message(content)));
        let gateway = at(&upstream, "compatible", policy);
        let chat = gateway.post(CHAT_PATH, BODY).await.json();
        assert_eq!(chat["choices"][0]["message"]["content"], expected, "{chat}");
        let request = "{\"model\":\"m\",\"max_tokens\":9,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
        let translated = gateway.post("/v1/messages", request).await.json();
        let texts: Vec<&Value> = (translated["content"].as_array().unwrap().iter())
            .filter(|block| block["type"] == "text")
            .map(|block| &block["text"])
            .collect();
        assert_eq!(texts, [expected], "{translated}");
    }
}

#[tokio::test]
async fn streaming_falls_back_to_json() {
    let upstream = Upstream::start().await;
    upstream.will(hello());
    let gateway = at(&upstream, "compatible", "");
    replayed(&gateway.post(CHAT_PATH, STREAM).await);
    assert_eq!(upstream.received().len(), 1);
}

#[tokio::test]
async fn http2_is_not_offered_to_providers_that_break_on_it() {
    // The names of the protocols are readable in the first bytes of the handshake.
    let hello = |name: &'static str, cells: &'static str| async move {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base = format!("https://{}/v1", listener.local_addr().unwrap());
        let gateway = only(
            name,
            &format!("api_url = \"{base}\"\napi_key = \"sk-upstream\"\n{cells}"),
        );
        let request = tokio::spawn(async move { gateway.post(CHAT_PATH, BODY).await });
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 5];
        stream.read_exact(&mut head).await.unwrap();
        let mut hello = vec![0; usize::from(u16::from_be_bytes([head[3], head[4]]))];
        stream.read_exact(&mut hello).await.unwrap();
        request.abort();
        hello
    };
    for (name, cells, offered) in [
        ("qwen", "", false),
        ("qwen-intl", "", false),
        ("compatible", "", true),
        ("compatible", "http = \"1.1\"", false),
    ] {
        let hello = hello(name, cells).await;
        let offers = [&b"\0\x0c\x02h2\x08http/1.1"[..], b"\0\x03\x02h2"]
            .iter()
            .any(|list| hello.windows(list.len()).any(|part| part == *list));
        assert_eq!(offers, offered, "{name} {cells}");
    }
}

/// It is the stream of an answer that came whole.
fn replayed(got: &Got) {
    assert_eq!(got.status, 200, "{}", got.text());
    assert!(got.header("content-type").starts_with("text/event-stream"));
    assert!(got.text().contains("hello"), "{}", got.text());
    assert!(got.text().ends_with("data: [DONE]\n\n"), "{}", got.text());
}

#[tokio::test]
async fn groq_pattern_routes_strip_their_prefix() {
    let (groq, mistral, default) = (
        Upstream::start().await,
        Upstream::start().await,
        Upstream::start().await,
    );
    let route = |pattern: &str, upstream: &Upstream| {
        let base = upstream.base_url();
        format!(
            "[[model_routes]]\npattern = \"{pattern}/*\"\nprovider = \"compatible\"\napi_url = \"{base}\"\napi_key = \"sk-{pattern}\"\n"
        )
    };
    let gateway = Running::start(&format!(
        "{}{}{}",
        one(&default, CHAT, ""),
        route("groq", &groq),
        route("mistral", &mistral),
    ));
    for (asked, upstream, model, key) in [
        (
            "groq/llama-3.3-70b-versatile",
            &groq,
            "llama-3.3-70b-versatile",
            "sk-groq",
        ),
        (
            "groq/openai/gpt-oss-120b",
            &groq,
            "openai/gpt-oss-120b",
            "sk-groq",
        ),
        (
            "mistral/mistral-large-latest",
            &mistral,
            "mistral-large-latest",
            "sk-mistral",
        ),
        (
            "anthropic/claude-sonnet-4",
            &default,
            "anthropic/claude-sonnet-4",
            "sk-upstream",
        ),
    ] {
        let request = json!({"model": asked, "messages": []});
        gateway.post(CHAT_PATH, request.to_string()).await;
        assert_eq!(body(upstream)["model"], model);
        let sent = upstream.last();
        assert_eq!(
            sent.header("authorization"),
            format!("Bearer {key}"),
            "{asked}"
        );
    }
}

#[tokio::test]
async fn a_route_with_a_full_endpoint_an_auth_header_and_a_model_needs_nothing_of_the_client() {
    let upstream = Upstream::start().await;
    upstream.will(hello());
    let endpoint = format!("{}/chat/completions", upstream.base_url());
    let gateway = Running::start(&format!(
        "[[routing.routes]]\nname = \"custom-llm-route\"\npath = \"/custom-llm\"\n[[routing.routes.instances]]\nname = \"vllm\"\nprovider = \"openai-compatible\"\nauth = {{ header = {{ Authorization = \"Bearer placeholder\" }} }}\noptions = {{ model = \"meta-llama/Llama-3.1-8B-Instruct\" }}\noverride = {{ endpoint = \"{endpoint}\" }}\n"
    ));
    let request = "{\"messages\":[{\"role\":\"user\",\"content\":\"Hello, how are you?\"}]}";
    let got = gateway.post("/custom-llm", request).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(got.json()["object"], "chat.completion");
    assert_eq!(got.json()["choices"][0]["message"]["content"], "hello");
    let sent = upstream.last();
    assert_eq!(sent.target, CHAT_PATH);
    assert_eq!(sent.header("authorization"), "Bearer placeholder");
    assert_eq!(body(&upstream)["model"], "meta-llama/Llama-3.1-8B-Instruct");
    assert_eq!(
        body(&upstream)["messages"][0]["content"],
        "Hello, how are you?"
    );
}

#[tokio::test]
async fn a_hybrid_route_asks_the_next_instance_on_429_and_5xx_alone() {
    let (own, cloud) = (Upstream::start().await, Upstream::start().await);
    cloud.will(hello());
    let instance = |name: &str, upstream: &Upstream, priority: u8| {
        let endpoint = format!("{}/chat/completions", upstream.base_url());
        format!(
            "[[routing.routes.instances]]\nname = \"{name}\"\nprovider = \"openai-compatible\"\nauth = {{ header = {{ Authorization = \"Bearer {name}\" }} }}\noptions = {{ model = \"{name}-model\" }}\noverride = {{ endpoint = \"{endpoint}\" }}\nweight = 1\npriority = {priority}\n"
        )
    };
    let config = format!(
        "[[routing.routes]]\nname = \"hybrid-route\"\npath = \"/hybrid\"\nfallback_strategy = [\"http_429\", \"http_5xx\"]\n{}{}",
        instance("cloud", &cloud, 2),
        instance("own", &own, 1),
    );
    for (status, taken_over) in [
        (429, true),
        (500, true),
        (503, true),
        (400, false),
        (404, false),
    ] {
        // A server of its own for each, since one that fails may be left alone for a while.
        let gateway = Running::start(&config);
        own.will_only(Reply::json("{\"error\":{\"message\":\"no such model\"}}").status(status));
        let before = cloud.received().len();
        let got = gateway.post("/hybrid", "{\"messages\":[]}").await;
        assert_eq!(own.last().header("authorization"), "Bearer own");
        assert_eq!(body(&own)["model"], "own-model");
        assert_eq!(
            cloud.received().len() - before,
            usize::from(taken_over),
            "{status}"
        );
        if taken_over {
            assert_eq!(got.status, 200, "{status}: {}", got.text());
            assert_eq!(body(&cloud)["model"], "cloud-model");
        } else {
            assert_eq!(got.status, status, "{}", got.text());
        }
    }
}

#[tokio::test]
async fn an_upstream_without_a_path_answers_its_own_404_or_405() {
    for (status, path) in [
        (404, "/v1/embeddings"),
        (405, "/v1/embeddings"),
        (404, "/v1/audio/speech"),
        (405, "/v1/rerank"),
    ] {
        let upstream = Upstream::start().await;
        upstream
            .will(Reply::json("{\"error\":{\"message\":\"no such path here\"}}").status(status));
        let gateway = Running::before(&upstream, CHAT);
        let got = gateway
            .post(path, "{\"model\":\"m\",\"input\":\"x\"}")
            .await;
        assert_eq!(got.status, status, "{path}");
        assert_eq!(
            got.text(),
            "{\"error\":{\"message\":\"no such path here\"}}"
        );
        assert_eq!(upstream.last().target, path);
    }
}

#[tokio::test]
async fn the_providers_name_before_the_first_slash_chooses_it_and_aliases_work() {
    let upstream = Upstream::start().await;
    let gateway = Running::start(&format!(
        "[providers.custom-groq]\ntype = \"openai-compatible\"\nbase_url = \"{}\"\nmodel_aliases = {{ quick = \"meta/llama-3\" }}\n",
        upstream.base_url()
    ));
    for (asked, model) in [
        ("custom-groq/meta/llama-3", "meta/llama-3"),
        ("custom-groq/quick", "meta/llama-3"),
        ("quick", "meta/llama-3"),
    ] {
        let request = json!({"model": asked, "messages": []});
        let got = gateway.post(CHAT_PATH, request.to_string()).await;
        assert_eq!(got.status, 200, "{asked}: {}", got.text());
        assert_eq!(body(&upstream)["model"], model, "{asked}");
    }
}

#[tokio::test]
async fn cache_hints_reach_an_upstream_that_understands_them() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json("{\"type\":\"message\",\"content\":[]}"));
    let gateway = Running::before(&upstream, MESSAGES);
    let request = "{\"model\":\"m\",\"max_tokens\":9,\"system\":[{\"type\":\"text\",\"text\":\"Long.\",\"cache_control\":{\"type\":\"ephemeral\"}}],\"messages\":[]}";
    gateway.post("/v1/messages", request).await;
    assert_eq!(upstream.last().body, request);

    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, CHAT);
    let request = "{\"model\":\"m\",\"prompt_cache_key\":\"k\",\"messages\":[]}";
    gateway.post(CHAT_PATH, request).await;
    assert_eq!(upstream.last().body, request);
}

#[tokio::test]
async fn a_refused_stream_is_asked_for_as_json() {
    let upstream = Upstream::start().await;
    upstream.will(
        Reply::json("{\"error\":{\"message\":\"Streaming is not supported by this model\",\"type\":\"invalid_request_error\",\"param\":\"stream\",\"code\":\"unsupported_value\"}}")
            .status(400),
    );
    upstream.will(hello());
    let gateway = at(&upstream, "compatible", "");
    replayed(&gateway.post(CHAT_PATH, STREAM).await);
    assert_eq!(upstream.received().len(), 2);
    assert_ne!(body(&upstream)["stream"], true);
}
