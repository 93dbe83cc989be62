//! What a row says is done to every request, whoever speaks to it, and undone in the answer.

use proxai_testkit::upstream::{Reply, Upstream};
use serde_json::{Value, json};

use crate::harness::{CHAT, Got, MESSAGES, RESPONSES, Running, one};

/// A server whose only provider speaks `protocol` and has these quirks.
pub(crate) fn with_quirks(upstream: &Upstream, protocol: &str, quirks: &str) -> Running {
    Running::start(&format!(
        "{}quirks = {quirks}\n",
        one(upstream, protocol, "")
    ))
}

/// What the upstream got last, as JSON.
pub(crate) fn sent(upstream: &Upstream) -> Value {
    serde_json::from_slice(&upstream.last().body).unwrap()
}

/// A whole answer of each protocol.
pub(crate) fn answer(protocol: &str) -> &'static str {
    match protocol {
        CHAT => {
            r#"{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#
        }
        RESPONSES => {
            r#"{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":[{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"hello","annotations":[]}]}],"usage":{"input_tokens":3,"output_tokens":2,"total_tokens":5}}"#
        }
        _ => {
            r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"hello"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":2}}"#
        }
    }
}

/// A plain request in each protocol, with its path.
pub(crate) fn requests(stream: bool) -> [(&'static str, Value); 3] {
    let user = json!([{"role": "user", "content": "hi"}]);
    [
        (
            "/v1/chat/completions",
            json!({"model": "up/m", "messages": user, "temperature": 1.5, "stream": stream}),
        ),
        (
            "/v1/responses",
            json!({"model": "up/m", "input": user, "temperature": 1.5, "stream": stream}),
        ),
        (
            "/v1/messages",
            json!({"model": "up/m", "max_tokens": 64, "messages": user, "temperature": 1.5, "stream": stream}),
        ),
    ]
}

/// The text of an answer, in whichever shape or stream it is.
pub(crate) fn says(got: &Got, word: &str) -> bool {
    got.text().contains(word)
}

#[tokio::test]
async fn a_quirk_holds_for_clients_of_every_protocol_and_its_effect_is_told() {
    for upstream_protocol in [CHAT, RESPONSES, MESSAGES] {
        let upstream = Upstream::start().await;
        upstream.will(Reply::json(answer(upstream_protocol)));
        let gateway = with_quirks(
            &upstream,
            upstream_protocol,
            "{ temperature = { max = 0.5 } }",
        );
        for (path, body) in requests(false) {
            let got = gateway.post(path, body.to_string()).await;
            assert_eq!(got.status, 200, "{}", got.text());
            assert!(says(&got, "hello"), "{}", got.text());
            assert_eq!(
                sent(&upstream)["temperature"],
                0.5,
                "{path} to {upstream_protocol}"
            );
            let losses = got.header("x-proxai-loss");
            assert!(
                losses.contains("temperature approximated"),
                "{path} to {upstream_protocol}: {losses}"
            );
        }
    }
}

#[tokio::test]
async fn a_row_whose_quirks_find_nothing_to_do_leaves_every_byte() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(answer(CHAT)));
    let gateway = with_quirks(
        &upstream,
        CHAT,
        "{ temperature = { max = 2.0 }, developer = \"as_system\" }",
    );
    let body = "{ \"model\":\"m\" ,\"odd\": 1.0e0, \"messages\":[ {\"content\":\"h\\u00e9\",\"role\":\"user\"} ] }";
    let got = gateway.post("/v1/chat/completions", body).await;
    assert_eq!(upstream.last().body, body);
    assert_eq!(got.text(), answer(CHAT));
    assert_eq!(got.header("x-proxai-loss"), "");
}

#[tokio::test]
async fn a_pure_rewrite_is_no_loss_and_neither_is_what_only_the_translation_added() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(answer(CHAT)));
    let gateway = with_quirks(
        &upstream,
        CHAT,
        "{ developer = \"as_system\", stream_options = false }",
    );
    let got = gateway
        .post(
            "/v1/chat/completions",
            r#"{"model":"up/m","messages":[{"role":"developer","content":"be brief"},{"role":"user","content":"hi"}]}"#,
        )
        .await;
    assert_eq!(sent(&upstream)["messages"][0]["role"], "system");
    assert_eq!(got.header("x-proxai-loss"), "");
    let mut body = requests(true)[2].1.clone();
    body.as_object_mut().unwrap().remove("temperature");
    let got = gateway.post("/v1/messages", body.to_string()).await;
    assert!(sent(&upstream).get("stream_options").is_none());
    assert_eq!(got.header("x-proxai-loss"), "");
    // This client asked for it itself.
    let got = gateway
        .post(
            "/v1/chat/completions",
            r#"{"model":"up/m","stream":true,"stream_options":{"include_usage":true},"messages":[]}"#,
        )
        .await;
    assert_eq!(got.header("x-proxai-loss"), "stream_options dropped");
}

#[tokio::test]
async fn system_messages_merge_and_image_markers_become_images_for_every_client() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(answer(CHAT)));
    let gateway = with_quirks(
        &upstream,
        CHAT,
        "{ system = \"merge_into_user\", vision_markers = true }",
    );
    let text = "see [IMAGE:https://img.test/a.png] there";
    for (path, body) in [
        (
            "/v1/chat/completions",
            json!({"model": "up/m", "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": text}]}),
        ),
        (
            "/v1/responses",
            json!({"model": "up/m", "instructions": "be brief", "input": text}),
        ),
        (
            "/v1/messages",
            json!({"model": "up/m", "max_tokens": 9, "system": "be brief", "messages": [{"role": "user", "content": text}]}),
        ),
    ] {
        let got = gateway.post(path, body.to_string()).await;
        assert_eq!(got.status, 200, "{}", got.text());
        let sent = sent(&upstream);
        let messages = sent["messages"].as_array().unwrap();
        assert_eq!(messages.len(), 1, "{path}: {sent}");
        assert_eq!(messages[0]["role"], "user");
        let content = messages[0]["content"].to_string();
        assert!(content.contains("be brief"), "{path}: {content}");
        assert!(
            content.contains(r#""image_url":{"url":"https://img.test/a.png"}"#),
            "{path}: {content}"
        );
    }
}

const NAMES: &str = "{ tool_name = { charset = \"word_dash\", max_length = 24 } }";
const TOOL: &str = "mcp.git/status";

/// A request with a tool that the row does not accept, in each protocol.
fn tool_requests(stream: bool) -> [(&'static str, Value); 3] {
    let schema = json!({"type": "object", "properties": {}});
    let mut all = requests(stream);
    let tools = [
        json!([{"type": "function", "function": {"name": TOOL, "parameters": schema}}]),
        json!([{"type": "function", "name": TOOL, "parameters": schema}]),
        json!([{"name": TOOL, "input_schema": schema}]),
    ];
    for ((_, body), tools) in all.iter_mut().zip(tools) {
        body["tools"] = tools;
    }
    all
}

/// A call of a tool, whole and as a stream.
fn call(protocol: &str, name: &str) -> (String, String) {
    match protocol {
        CHAT => (
            format!(
                r#"{{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{{"index":0,"message":{{"role":"assistant","content":null,"tool_calls":[{{"id":"call_1","type":"function","function":{{"name":"{name}","arguments":"{{\"name\":\"kept\"}}"}}}}]}},"finish_reason":"tool_calls"}}]}}"#
            ),
            format!(
                "data: {{\"id\":\"c1\",\"choices\":[{{\"index\":0,\"delta\":{{\"role\":\"assistant\",\"tool_calls\":[{{\"index\":0,\"id\":\"call_1\",\"type\":\"function\",\"function\":{{\"name\":\"{name}\",\"arguments\":\"{{}}\"}}}}]}},\"finish_reason\":null}}]}}\n\ndata: {{\"id\":\"c1\",\"choices\":[{{\"index\":0,\"delta\":{{}},\"finish_reason\":\"tool_calls\"}}]}}\n\ndata: [DONE]\n\n"
            ),
        ),
        _ => (
            format!(
                r#"{{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{{"type":"tool_use","id":"toolu_1","name":"{name}","input":{{"name":"kept"}}}}],"stop_reason":"tool_use","stop_sequence":null,"usage":{{"input_tokens":3,"output_tokens":2}}}}"#
            ),
            format!(
                "event: message_start\ndata: {{\"type\":\"message_start\",\"message\":{{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\",\"content\":[],\"usage\":{{\"input_tokens\":3,\"output_tokens\":1}}}}}}\n\nevent: content_block_start\ndata: {{\"type\":\"content_block_start\",\"index\":0,\"content_block\":{{\"type\":\"tool_use\",\"id\":\"toolu_1\",\"name\":\"{name}\",\"input\":{{}}}}}}\n\nevent: content_block_stop\ndata: {{\"type\":\"content_block_stop\",\"index\":0}}\n\nevent: message_delta\ndata: {{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"tool_use\"}},\"usage\":{{\"output_tokens\":2}}}}\n\nevent: message_stop\ndata: {{\"type\":\"message_stop\"}}\n\n"
            ),
        ),
    }
}

/// The name of the only tool in a request.
fn tool_name(request: &Value) -> String {
    let tool = &request["tools"][0];
    let name = tool["function"]["name"].as_str().or(tool["name"].as_str());
    name.unwrap().to_owned()
}

#[tokio::test]
async fn a_renamed_tool_is_called_by_its_own_name_in_answers_and_streams() {
    for upstream_protocol in [CHAT, MESSAGES] {
        for stream in [false, true] {
            let upstream = Upstream::start().await;
            let gateway = with_quirks(&upstream, upstream_protocol, NAMES);
            upstream.will(Reply::json("{\"error\":{\"message\":\"not yet\"}}").status(500));
            for (path, body) in tool_requests(stream) {
                // The name is a function of the client's, so one request tells it for the next.
                gateway.post(path, body.to_string()).await;
                let renamed = tool_name(&sent(&upstream));
                assert!(renamed.starts_with("mcp_git_status"), "{renamed}");
                let (whole, events) = call(upstream_protocol, &renamed);
                upstream.will_only(if stream {
                    Reply::frames(&events)
                } else {
                    Reply::json(whole)
                });
                let got = gateway.post(path, body.to_string()).await;
                let context = format!("{path} to {upstream_protocol}: {}", got.text());
                assert_eq!(got.status, 200, "{context}");
                assert!(got.text().contains(&format!("\"{TOOL}\"")), "{context}");
                assert!(!got.text().contains(&renamed), "{context}");
                assert!(stream || got.text().contains("kept"), "{context}");
                assert!(!got.header("x-proxai-loss").contains("tool"), "{context}");
            }
        }
    }
}

#[tokio::test]
async fn a_renamed_tool_keeps_one_name_through_the_history() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(answer(CHAT)));
    let gateway = with_quirks(&upstream, CHAT, NAMES);
    let mut body = tool_requests(false)[2].1.clone();
    body["messages"] = json!([
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": TOOL, "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "clean"}]},
    ]);
    let got = gateway.post("/v1/messages", body.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let sent = sent(&upstream);
    let name = tool_name(&sent);
    assert_ne!(name, TOOL);
    assert_eq!(
        sent["messages"][1]["tool_calls"][0]["function"]["name"],
        name.as_str()
    );
}
