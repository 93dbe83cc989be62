//! Quirks of answers: what bytes cannot give goes through the hub, even within one protocol.

use proxai_testkit::upstream::{Reply, Upstream};
use serde_json::{Value, json};

use crate::harness::{CHAT, MESSAGES};
use crate::quirks::{requests, sent, with_quirks};

const THINKING: &str = r#"{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"<think>secret plan</think>\n\nanswer"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}"#;

/// Tags that are cut between frames.
const THINKING_STREAM: &str = "data: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"<thi\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"nk>secret plan</th\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"ink>answer\"},\"finish_reason\":null}]}\n\ndata: {\"id\":\"c1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

#[tokio::test]
async fn tagged_thoughts_are_reasoning_for_every_client_in_answers_and_streams() {
    let upstream = Upstream::start().await;
    let gateway = with_quirks(&upstream, CHAT, "{ think_tags = true }");
    for stream in [false, true] {
        for (path, body) in requests(stream) {
            upstream.will_only(if stream {
                Reply::frames(THINKING_STREAM)
            } else {
                Reply::json(THINKING)
            });
            let got = gateway.post(path, body.to_string()).await;
            let context = format!("{path}: {}", got.text());
            assert_eq!(got.status, 200, "{context}");
            assert!(!got.text().contains("<think>"), "{context}");
            assert!(!got.text().contains("</th"), "{context}");
            assert!(got.text().contains("secret plan"), "{context}");
            assert!(got.text().contains("answer"), "{context}");
            // Also within one protocol the client sees the model it asked for.
            assert_eq!(sent(&upstream)["model"], "m");
        }
    }
    upstream.will_only(Reply::json(THINKING));
    let (path, body) = &requests(false)[0];
    let message = &gateway.post(path, body.to_string()).await.json()["choices"][0]["message"];
    assert_eq!(message["content"], "answer");
    assert_eq!(message["reasoning_content"], "secret plan");
}

#[tokio::test]
async fn a_policy_holds_within_one_protocol_and_between_two() {
    let with_reasoning = r#"{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"","reasoning_content":"only thoughts"},"finish_reason":"stop"}]}"#;
    for (policy, shown) in [("fallback", true), ("inline", true), ("drop", false)] {
        let upstream = Upstream::start().await;
        upstream.will(Reply::json(with_reasoning));
        let gateway = with_quirks(
            &upstream,
            CHAT,
            &format!("{{ reasoning = {{ policy = \"{policy}\" }} }}"),
        );
        let all = requests(false);
        let text = |value: &Value, at: &str| value.pointer(at).map(ToString::to_string);
        let chat = gateway.post(all[0].0, all[0].1.to_string()).await;
        let content = text(&chat.json(), "/choices/0/message/content").unwrap_or_default();
        assert_eq!(
            content.contains("only thoughts"),
            shown,
            "{policy}: {content}"
        );
        let messages = gateway.post(all[2].0, all[2].1.to_string()).await.json();
        let is_text = messages["content"]
            .as_array()
            .unwrap()
            .iter()
            .any(|block| block["type"] == "text" && block["text"] == "only thoughts");
        assert_eq!(is_text, shown, "{policy}: {messages}");
    }
}

#[tokio::test]
async fn an_answer_without_the_references_members_is_completed() {
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(
        r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"hm"},{"type":"text","text":"hello"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":2}}"#,
    ));
    let gateway = with_quirks(&upstream, MESSAGES, "{ repair_responses = true }");
    let (path, body) = &requests(false)[2];
    let got = gateway.post(path, body.to_string()).await.json();
    assert!(got["content"][0]["signature"].is_string(), "{got}");
    assert!(
        got.as_object().unwrap().contains_key("stop_sequence"),
        "{got}"
    );
    assert_eq!(got["content"][1]["text"], "hello");
}

#[tokio::test]
async fn reasoning_is_sent_back_where_the_row_demands_it_and_nowhere_else() {
    let history = json!({"model": "up/m", "max_tokens": 99, "messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "first", "signature": ""}, {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "seen"}]},
    ], "tools": [{"name": "look", "input_schema": {"type": "object", "properties": {}}}]})
    .to_string();
    for (echo, expected) in [("tool_turns", json!("first")), ("none", Value::Null)] {
        let upstream = Upstream::start().await;
        upstream.will(Reply::json(THINKING));
        let gateway = with_quirks(
            &upstream,
            CHAT,
            &format!("{{ reasoning = {{ echo = \"{echo}\" }} }}"),
        );
        let got = gateway.post("/v1/messages", history.clone()).await;
        assert_eq!(got.status, 200, "{}", got.text());
        assert_eq!(
            sent(&upstream)["messages"][1]["reasoning_content"],
            expected,
            "{echo}"
        );
    }
}
