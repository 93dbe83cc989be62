//! Cases of advice beyond the six.

use proxai_cli::Exit;

use crate::server::{Asked, Reply, Server, healthy, json};
use crate::{Ran, Setting};

/// Runs `doctor` against one upstream.
async fn doctor(
    extra: &str,
    script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> (Ran, Server) {
    let server = Server::start(script).await;
    let setting = Setting::with(&format!(
        "[providers.up]\nbase_url = \"{}/v1\"\n{extra}",
        server.origin()
    ));
    (setting.run(&["doctor", "--timeout", "10"]).await, server)
}

const PLAIN: &str = "api_key = \"sk-plain-0001\"\nmodel = \"pond-2\"\n";

/// The healthy upstream but for what is posted.
fn posts(asked: &Asked, reply: Reply) -> Reply {
    if asked.line.starts_with("POST") {
        reply
    } else {
        healthy(asked)
    }
}

#[tokio::test]
async fn every_refusal_names_what_to_change() {
    let cases: [(u16, &str, &str, &str); 7] = [
        (
            404,
            r#"{"error":{"message":"The model `pond-2` does not exist","code":"model_not_found"}}"#,
            "The model `pond-2` does not exist",
            "set `model` in [providers.up] to one it lists, such as",
        ),
        (
            403,
            r#"{"error":{"message":"not in your region"}}"#,
            "403 at",
            "is known and may not do this",
        ),
        (
            402,
            r#"{"error":{"message":"Insufficient balance"}}"#,
            "Insufficient balance",
            "the account has no credit",
        ),
        (
            429,
            r#"{"error":{"message":"Rate limit reached"}}"#,
            "Rate limit reached",
            "the key is at its limit",
        ),
        (
            503,
            r#"{"error":{"message":"overloaded"}}"#,
            "overloaded",
            "the provider fails",
        ),
        (
            400,
            r#"{"error":{"message":"unknown field `max_tokens`"}}"#,
            "unknown field `max_tokens`",
            "`refused_parameters` in [providers.up.quirks]",
        ),
        (
            400,
            r#"{"error":{"message":"use 'max_completion_tokens' instead"}}"#,
            "400 at",
            "set max_tokens_field = \"max_completion_tokens\" in [providers.up.quirks]",
        ),
    ];
    for (status, body, seen, advice) in cases {
        let (ran, _server) = doctor(PLAIN, move |asked| posts(asked, json(status, body))).await;
        assert_eq!(ran.exit, Exit::No, "{status}");
        ran.says(seen);
        ran.says(advice);
    }
}

#[tokio::test]
async fn a_web_page_and_a_redirect_are_told_apart_from_an_api() {
    let page = |asked: &Asked| posts(asked, Reply::Whole(200, "text/html", "<html>".to_owned()));
    let (ran, _server) = doctor(PLAIN, page).await;
    ran.says("answers with a web page");
    ran.says("set that of its API");

    let elsewhere = |asked: &Asked| {
        posts(
            asked,
            Reply::With(
                308,
                "location: https://other.invalid/v1?key=1",
                String::new(),
            ),
        )
    };
    let (ran, _server) = doctor(PLAIN, elsewhere).await;
    ran.says("it points to https://other.invalid/v1\n");
    ran.says("a key is never sent after a redirect");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_to_be_started() {
    let server = Server::start(healthy).await;
    let text = format!(
        "[providers.ollama]\nbase_url = \"{}/v1\"\n",
        server.origin()
    );
    drop(server);
    let setting = Setting::with(&text);
    // Until the listener is closed a connection is taken and never answered.
    let ran = loop {
        let ran = setting.run(&["doctor", "--timeout", "0.2"]).await;
        if ran.out.contains("nothing listens") {
            break ran;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(ran.exit, Exit::No);
    ran.says("FAIL reachable: nothing listens at");
    ran.says("-> start the server, or set `base_url` in [providers.ollama]");
}

#[tokio::test]
async fn a_missing_key_names_the_variable_and_nothing_is_sent() {
    let server = Server::start(healthy).await;
    let setting = Setting::with(&format!(
        "[providers.groq]\nbase_url = \"{}/v1\"\nmodel = \"pond-2\"\n",
        server.origin()
    ));
    let ran = setting.run(&["doctor"]).await;
    assert_eq!(ran.exit, Exit::No);
    ran.says("FAIL authenticated: provider `groq` needs a key");
    ran.says("-> set variable GROQ_API_KEY, or `api_key` in [providers.groq]");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn of_several_keys_the_refused_one_is_named() {
    let script = |asked: &Asked| {
        if asked.head.contains("sk-second") {
            json(401, r#"{"error":{"message":"revoked"}}"#)
        } else {
            healthy(asked)
        }
    };
    let keys = "api_keys = [\"sk-first-0001\", \"sk-second-0001\"]\nmodel = \"pond-2\"\n";
    let (ran, _server) = doctor(keys, script).await;
    assert_eq!(ran.exit, Exit::No);
    ran.says("for key 2 of 2: revoked");
}

#[tokio::test]
async fn a_provider_that_is_said_not_to_stream_is_not_asked_to() {
    let quirk = format!("{PLAIN}[providers.up.quirks]\nstream = \"never\"\n");
    let (ran, server) = doctor(&quirk, healthy).await;
    assert_eq!(ran.exit, Exit::Yes, "{ran:?}");
    assert!(server.asked().iter().all(|asked| !asked.wants_stream()));
}

#[tokio::test]
async fn a_refused_stream_a_cut_stream_and_a_model_without_tools_are_three_things() {
    let refused = |asked: &Asked| {
        if asked.wants_stream() {
            json(400, r#"{"error":{"message":"streaming is not supported"}}"#)
        } else {
            healthy(asked)
        }
    };
    let (ran, _server) = doctor(PLAIN, refused).await;
    assert_eq!(ran.exit, Exit::No);
    ran.says("no stream: 400 and streaming is not supported");
    ran.says("set stream = \"never\"");

    let cut = |asked: &Asked| match healthy(asked) {
        Reply::Whole(200, "text/event-stream", body) => {
            let first = body.split_inclusive("\n\n").next().unwrap();
            Reply::Whole(200, "text/event-stream", first.to_owned())
        }
        whole => whole,
    };
    let (ran, _server) = doctor(PLAIN, cut).await;
    assert_eq!(ran.exit, Exit::No);
    ran.says("FAIL stream: the stream breaks off");

    let without_tools = |asked: &Asked| {
        if asked.json().get("tools").is_some() {
            json(
                400,
                r#"{"error":{"message":"pond-2 does not support tools"}}"#,
            )
        } else {
            healthy(asked)
        }
    };
    let (ran, _server) = doctor(PLAIN, without_tools).await;
    assert_eq!(
        ran.exit,
        Exit::Yes,
        "a model's limits are no failure: {ran:?}"
    );
    ran.says("warn tools: 400: pond-2 does not support tools");
}

#[tokio::test]
async fn a_messages_provider_is_asked_in_messages() {
    let script = |asked: &Asked| {
        if asked.path() == "/v1/messages" && asked.head.contains("anthropic-version: ") {
            let thinks = asked.json().get("thinking").is_some();
            let calls = asked.json().get("tools").is_some();
            let block = if calls {
                r#"{"type":"tool_use","id":"t1","name":"get_weather","input":{"city":"Paris"}}"#
            } else {
                r#"{"type":"text","text":"pong"}"#
            };
            assert!(thinks || asked.json()["max_tokens"].is_u64());
            if asked.wants_stream() {
                return json(
                    500,
                    r#"{"type":"error","error":{"type":"api_error","message":"no"}}"#,
                );
            }
            return json(
                200,
                &format!(
                    r#"{{"id":"m1","type":"message","role":"assistant","model":"pond","content":[{block}],"stop_reason":"end_turn","usage":{{"input_tokens":1,"output_tokens":1}}}}"#
                ),
            );
        }
        json(
            404,
            r#"{"type":"error","error":{"type":"not_found_error","message":"no"}}"#,
        )
    };
    let extra = "api_key = \"k\"\nmodel = \"pond\"\nprotocol = \"anthropic_messages\"\n";
    let (ran, _server) = doctor(extra, script).await;
    ran.says("warn models: 404 at");
    ran.says("no stream: 500 and no");
    let row = ran
        .out
        .lines()
        .find(|line| line.starts_with("up "))
        .unwrap();
    assert_eq!(
        row.matches("FAIL").count(),
        1,
        "only the stream fails: {row}"
    );
}

#[tokio::test]
async fn a_wrong_path_is_corrected_where_an_endpoint_answers_and_doubted_where_none_does() {
    let server = Server::start(|asked: &Asked| {
        if asked.path() == "/v1/chat/completions" {
            healthy(asked)
        } else {
            json(404, "{}")
        }
    })
    .await;
    let origin = server.origin();
    for path in ["/v1/v1", "/v2", "/openai"] {
        let setting = Setting::with(&format!(
            "[providers.up]\nbase_url = \"{origin}{path}\"\n{PLAIN}"
        ));
        let ran = setting.run(&["doctor"]).await;
        assert_eq!(ran.exit, Exit::No);
        ran.says(&format!(
            "404 at {origin}{path}/chat/completions: the base URL"
        ));
        ran.says(&format!(
            "-> set base_url = \"{origin}/v1\" in [providers.up]"
        ));
    }

    let nowhere = Server::start(|_| json(404, "{}")).await;
    let base = |path: &str| {
        let origin = nowhere.origin();
        Setting::with(&format!(
            "[providers.up]\nbase_url = \"{origin}{path}\"\n{PLAIN}"
        ))
    };
    let ran = base("/api").run(&["doctor"]).await;
    ran.says("perhaps the base URL lacks /v1, though nothing answers there either");
    let ran = base("/v1").run(&["doctor"]).await;
    ran.says("/v1/chat/completions: there is no such endpoint");
    ran.says("or set `protocol` to one that the server speaks");
}

#[tokio::test]
async fn a_parameter_that_only_streams_have_is_told_from_no_stream_at_all() {
    let script = |asked: &Asked| {
        if asked.json().get("stream_options").is_some() {
            json(
                422,
                r#"{"detail":"stream_options: extra inputs are not permitted"}"#,
            )
        } else {
            healthy(asked)
        }
    };
    let (ran, _server) = doctor(PLAIN, script).await;
    assert_eq!(ran.exit, Exit::No);
    ran.says("-> set stream_options = false in [providers.up.quirks]");
    let followed = format!("{PLAIN}[providers.up.quirks]\nstream_options = false\n");
    let (ran, _server) = doctor(&followed, script).await;
    assert_eq!(ran.exit, Exit::Yes, "the advice helps: {ran:?}");
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_no_matter_of_the_protocol() {
    let script = |asked: &Asked| {
        posts(
            asked,
            Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{\"id\":"),
        )
    };
    let (ran, _server) = doctor(PLAIN, script).await;
    assert_eq!(ran.exit, Exit::No);
    ran.says("FAIL chat: the answer breaks off");
}

#[tokio::test]
async fn what_an_upstream_writes_cannot_harm_the_terminal_or_tell_a_secret() {
    let script = |asked: &Asked| {
        if asked.line.starts_with("GET") {
            return json(200, r#"{"data":[{"id":"po\u001b[2Jnd"}]}"#);
        }
        let team = asked.head.lines().find(|line| line.starts_with("x-team: "));
        let body = serde_json::json!({
            "error": { "message": format!("\u{1b}[31m{}", team.unwrap_or_default()) },
        });
        json(500, &body.to_string())
    };
    let extra = "api_key = \"k\"\nheaders = { x-team = \"team-token-0001\" }\n";
    let (ran, _server) = doctor(extra, script).await;
    assert_eq!(ran.exit, Exit::No);
    ran.says("x-team: [redacted]");
    assert!(!ran.out.contains('\x1b'), "{:?}", ran.out);
}

#[tokio::test]
async fn a_refused_list_says_why_and_that_there_is_no_key() {
    let script = |_: &Asked| json(500, r#"{"error":{"message":"No connected db."}}"#);
    let server = Server::start(script).await;
    let table = format!(
        "[providers.house]\ntype = \"litellm\"\nbase_url = \"{}\"\n",
        server.origin()
    );
    let ran = Setting::with(&table).run(&["doctor"]).await;
    assert_eq!(ran.exit, Exit::No);
    ran.says("/v1/models: no list: No connected db.");
    ran.says("if it wants a key: set variable LITELLM_API_KEY or LITELLM_PROXY_API_KEY, or `api_key` in [providers.house]");
}

#[tokio::test]
async fn a_server_of_embeddings_is_no_failure() {
    let script = |_: &Asked| json(200, r#"{"data":[{"id":"pond-embed"}]}"#);
    let server = Server::start(script).await;
    let table = format!(
        "[providers.house]\nbase_url = \"{}/v1\"\nauth_style = \"none\"\nprotocol = \"openai_chat_completions\"\n",
        server.origin()
    );
    let ran = Setting::with(&table).run(&["doctor"]).await;
    assert_eq!(ran.exit, Exit::Yes, "{ran:?}");
    ran.says("it lists no model that chats, only pond-embed");
    assert_eq!(server.asked().len(), 1);
}
