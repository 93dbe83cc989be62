//! Requests that belong to one upstream or one endpoint: what is sealed, stored, or refused
//! elsewhere.

use proxai_testkit::upstream::{Reply, Upstream};
use serde_json::{Value, json};

use crate::harness::{CHAT, MESSAGES, RESPONSES, Running};
use crate::quirks::{answer, sent};

/// A gateway with one route over two providers: `a` first, then `b`.
fn pair(first: (&Upstream, &str), second: (&Upstream, &str)) -> Running {
    let provider = |name: &str, (upstream, protocol): (&Upstream, &str)| {
        format!(
            "[providers.{name}]\nprotocol = \"{protocol}\"\nbase_url = \"{}\"\napi_key = \"sk-{name}\"\n",
            upstream.base_url()
        )
    };
    let target = |name: &str, priority: u8| {
        format!("[[routing.routes.targets]]\nprovider = \"{name}\"\npriority = {priority}\n")
    };
    Running::start(&format!(
        "[[routing.routes]]\nmodel_pattern = \"*\"\n{}{}{}{}",
        target("a", 0),
        target("b", 1),
        provider("a", first),
        provider("b", second)
    ))
}

/// Case 67: the next model may read what this one cannot, so nothing is taken out.
#[tokio::test]
async fn a_fallback_within_messages_keeps_every_thought() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    let overloaded = r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#;
    first.will(Reply::json(overloaded).status(529));
    second.will(Reply::json(answer(MESSAGES)));
    let gateway = pair((&first, MESSAGES), (&second, MESSAGES));
    let body = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":[ {"type":"thinking","thinking":"hm","signature":"Sig+/=="},{"type":"thinking","thinking":"","signature":"Only"},{"type":"redacted_thinking","data":"Red"},{"type":"tool_use","id":"toolu_1","name":"f","input":{"n":1.50}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":"x"}]}]}"#;
    let got = gateway.post("/v1/messages", body).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(got.header("x-proxai-provider"), "b");
    assert_eq!(second.last().body, body);
}

fn tools() -> Value {
    json!([{"type":"function","function":{"name":"tide","parameters":{"type":"object"}}}])
}

/// Case 71: Chat refuses tools beside an effort, and a lower effort would be a weaker answer.
#[tokio::test]
async fn an_effort_beside_tools_goes_to_responses_where_chat_refuses_it() {
    let upstream = Upstream::start().await;
    let gateway = Running::start(&format!(
        "[default]\nprovider = \"openai\"\n[providers.openai]\nbase_url = \"{}\"\napi_key = \"k\"\n",
        upstream.base_url()
    ));
    let ask = |model: &str, effort: Option<&str>, tools: Option<Value>| {
        let mut body =
            json!({"model":model,"messages":[{"role":"user","content":"When is high tide?"}]});
        if let Some(effort) = effort {
            body["reasoning_effort"] = json!(effort);
        }
        if let Some(tools) = tools {
            body["tools"] = tools;
        }
        body.to_string()
    };
    for model in ["gpt-5.4-mini", "gpt-5.5-2026-04-23", "gpt-5.6-sol"] {
        upstream.will_only(Reply::json(answer(RESPONSES)));
        let body = ask(model, Some("high"), Some(tools()));
        let got = gateway.post("/v1/chat/completions", body).await;
        assert_eq!(got.status, 200, "{}", got.text());
        assert_eq!(got.json()["choices"][0]["message"]["content"], "hello");
        assert_eq!(upstream.last().target, "/v1/responses");
        let asked = sent(&upstream);
        assert_eq!(asked["reasoning"]["effort"], "high", "{asked}");
        assert_eq!(asked["tools"][0]["name"], "tide", "{asked}");
        assert!(!got.header("x-proxai-loss").contains("effort"));

        upstream.will_only(Reply::json(answer(CHAT)));
        for plain in [
            ask(model, Some("high"), None),
            ask(model, Some("none"), Some(tools())),
            ask("gpt-4.1", Some("high"), Some(tools())),
        ] {
            gateway.post("/v1/chat/completions", plain).await;
            assert_eq!(upstream.last().target, "/v1/chat/completions");
        }
    }
    // A model that thinks unasked refuses too, and says where to go.
    upstream.will_only(Reply::json(r#"{"error":{"message":"Function tools with reasoning_effort are not supported for gpt-5.6 in /v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort to 'none'.","type":"invalid_request_error","param":"reasoning_effort","code":null}}"#).status(400));
    upstream.will(Reply::json(answer(RESPONSES)));
    let body = ask("gpt-5.6", None, Some(tools()));
    let got = gateway.post("/v1/chat/completions", body).await;
    assert_eq!(got.json()["choices"][0]["message"]["content"], "hello");
    let targets: Vec<String> = upstream
        .received()
        .into_iter()
        .map(|it| it.target)
        .collect();
    assert!(targets.ends_with(&["/v1/chat/completions".into(), "/v1/responses".into()]));
}

/// Case 118: who cannot read what another one sealed says so, and the other one is asked.
#[tokio::test]
async fn state_of_one_of_several_targets_finds_its_origin() {
    for (code, member) in [
        (
            "previous_response_not_found",
            r#""previous_response_id":"resp_b""#,
        ),
        ("invalid_encrypted_content", r#""store":false"#),
    ] {
        let (first, second) = (Upstream::start().await, Upstream::start().await);
        first.will(
            Reply::json(format!(
                r#"{{"error":{{"message":"not mine","type":"invalid_request_error","param":null,"code":"{code}"}}}}"#
            ))
            .status(400),
        );
        second.will(Reply::json(answer(RESPONSES)));
        let gateway = pair((&first, RESPONSES), (&second, RESPONSES));
        let body = format!(
            r#"{{"model":"m",{member},"input":[{{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"Enc+/="}},{{"role":"user","content":"go on"}}]}}"#
        );
        let got = gateway.post("/v1/responses", body.clone()).await;
        assert_eq!(
            (got.status.as_u16(), got.header("x-proxai-provider")),
            (200, "b")
        );
        assert_eq!(second.last().body, body);
        // Where nobody knows it, the client is told in the upstream's words.
        second.will_only(Reply::json(format!(
            r#"{{"error":{{"message":"nor mine","type":"invalid_request_error","param":null,"code":"{code}"}}}}"#
        )).status(400));
        let got = gateway.post("/v1/responses", body).await;
        assert_eq!(got.status, 400);
        assert_eq!(got.json()["error"]["code"], code);
    }
}

/// Case 118, for a target that stores no answers at all.
#[tokio::test]
async fn a_stored_answer_is_not_looked_for_where_none_can_be() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    second.will(Reply::json(answer(RESPONSES)));
    let gateway = pair((&first, CHAT), (&second, RESPONSES));
    let body = r#"{"model":"m","previous_response_id":"resp_b","input":"go on"}"#;
    let got = gateway.post("/v1/responses", body).await;
    assert_eq!(
        (got.status.as_u16(), got.header("x-proxai-provider")),
        (200, "b")
    );
    assert!(first.received().is_empty());
    assert_eq!(second.last().body, body);
}

/// Case 118: what a client of another protocol carries names its issuer.
#[tokio::test]
async fn a_sealed_thought_goes_to_its_issuer_first() {
    let (first, second) = (Upstream::start().await, Upstream::start().await);
    first.will(
        Reply::json(r#"{"type":"error","error":{"type":"api_error","message":"down"}}"#)
            .status(500),
    );
    second.will(Reply::json(r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"hm","signature":"SigOfB"},{"type":"tool_use","id":"toolu_1","name":"tide","input":{}}],"stop_reason":"tool_use","usage":{"input_tokens":3,"output_tokens":2}}"#));
    let gateway = pair((&first, MESSAGES), (&second, MESSAGES));
    let question = json!({"role":"user","content":"When is high tide?"});
    let ask = |messages: Value| {
        json!({"model":"m","messages":messages,"tools":tools(),"reasoning_effort":"high"})
            .to_string()
    };
    let got = gateway
        .post("/v1/chat/completions", ask(json!([question])))
        .await;
    assert_eq!(got.header("x-proxai-provider"), "b", "{}", got.text());
    let said = got.json()["choices"][0]["message"].clone();

    // The first target is well again, but the thought is not its own.
    first.will_only(Reply::json(answer(MESSAGES)));
    second.will_only(Reply::json(answer(MESSAGES)));
    let result = json!({"role":"tool","tool_call_id":"toolu_1","content":"noon"});
    let before = first.received().len();
    let got = gateway
        .post("/v1/chat/completions", ask(json!([question, said, result])))
        .await;
    assert_eq!(got.header("x-proxai-provider"), "b", "{}", got.text());
    assert_eq!(first.received().len(), before);
    let asked = sent(&second);
    assert_eq!(asked["messages"][1]["content"][0]["signature"], "SigOfB");
    // A conversation without it goes where the route says.
    let got = gateway
        .post("/v1/chat/completions", ask(json!([question])))
        .await;
    assert_eq!(got.header("x-proxai-provider"), "a");
}
