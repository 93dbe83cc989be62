//! Items that a Responses upstream looks up in vain (case 62): the request goes again without
//! their ids, once, and nothing of that is remembered.

use proxai_ir::Sealed;
use proxai_testkit::upstream::{Reply, Upstream};
use proxai_translate::seal;
use proxai_types::Protocol;
use serde_json::json;

use crate::harness::{RESPONSES, Running};
use crate::quirks::{answer, sent};

fn refusal(id: &str, status: u16) -> Reply {
    let message = format!(
        "Item with id '{id}' not found. Items are not persisted when `store` is set to false. Try again with `store` set to true, or remove this item from your input."
    );
    let error = json!({"message": message, "type": "invalid_request_error", "param": "input", "code": null});
    Reply::json(json!({"error": error}).to_string()).status(status)
}

fn body(thought: &str, answer: &str) -> String {
    format!(
        "{{\"model\":\"m\",\r\n \"input\":[{{\"role\":\"user\",\"content\":\"q\"}}, {{\"type\":\"reasoning\"{thought},\"summary\":[], \"encrypted_content\" : \"gA+/==\"}} ,{{\"type\":\"message\"{answer},\"role\":\"assistant\",\"content\":[{{\"type\":\"output_text\",\"text\":\"a\"}}]}}, {{\"role\":\"user\",\"content\":\"go on\"}}],\"store\":false}}"
    )
}

const THOUGHT: &str = r#", "id" : "rs_77""#;
const ANSWER: &str = r#","id":"msg_7""#;

#[tokio::test]
async fn the_request_goes_again_without_the_id_of_the_item_and_with_all_else() {
    for status in [400, 404] {
        for (id, left) in [("rs_77", body("", ANSWER)), ("msg_7", body(THOUGHT, ""))] {
            let upstream = Upstream::start().await;
            let gateway = Running::before(&upstream, RESPONSES);
            upstream.will(refusal(id, status));
            upstream.will(Reply::json(answer(RESPONSES)));
            let whole = body(THOUGHT, ANSWER);
            let got = gateway.post("/v1/responses", whole.clone()).await;
            assert_eq!(got.status, 200, "{}", got.text());
            assert_eq!(got.text(), answer(RESPONSES));
            assert_eq!(got.header("x-proxai-loss"), "");
            let bodies = |upstream: &Upstream| -> Vec<String> {
                let received = upstream.received().into_iter();
                received
                    .map(|it| String::from_utf8(it.body.to_vec()).unwrap())
                    .collect()
            };
            assert_eq!(bodies(&upstream), [whole.clone(), left]);

            // It was about this conversation.
            gateway.post("/v1/responses", whole.clone()).await;
            assert_eq!(bodies(&upstream)[2..], [whole]);
        }
    }
}

#[tokio::test]
async fn thoughts_that_travelled_through_other_clients_lose_their_id_too() {
    let sealed = Sealed {
        origin: Protocol::Responses,
        issuer: None,
        data: "gA+/==".into(),
    };
    let seal = seal::wrap(&sealed, "up", Some("rs_77"));
    for (path, said) in [
        (
            "/v1/chat/completions",
            json!({"role":"assistant","content":"a","reasoning_content":"hm","reasoning_details":[
                {"type":"reasoning.encrypted","data":seal,"format":"proxai-v1","length":2}]}),
        ),
        (
            "/v1/messages",
            json!({"role":"assistant","content":[
                {"type":"thinking","thinking":"hm","signature":seal},{"type":"text","text":"a"}]}),
        ),
    ] {
        let upstream = Upstream::start().await;
        let gateway = Running::before(&upstream, RESPONSES);
        upstream.will(refusal("rs_77", 404));
        upstream.will(Reply::json(answer(RESPONSES)));
        let user = |text: &str| json!({"role":"user","content":text});
        let body = json!({"model":"m","max_tokens":99,"messages":[user("q"),said,user("go on")]});
        let got = gateway.post(path, body.to_string()).await;
        assert_eq!(got.status, 200, "{}", got.text());
        assert!(got.text().contains("hello"), "{}", got.text());
        let mut first: serde_json::Value =
            serde_json::from_slice(&upstream.received()[0].body).unwrap();
        assert_eq!(first["input"][1]["id"], "rs_77", "{first}");
        let thought = first["input"][1].as_object_mut().unwrap();
        thought.remove("id");
        assert_eq!(thought["encrypted_content"], "gA+/==");
        assert_eq!(sent(&upstream), first);
    }
}

#[tokio::test]
async fn a_second_refusal_is_the_clients_to_read() {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, RESPONSES);
    upstream.will(refusal("rs_77", 404));
    upstream.will(refusal("msg_7", 404));
    upstream.will(Reply::json(answer(RESPONSES)));
    let got = gateway.post("/v1/responses", body(THOUGHT, ANSWER)).await;
    assert_eq!(got.status, 404);
    assert!(got.text().contains("'msg_7' not found"), "{}", got.text());
    assert_eq!(upstream.received().len(), 2);
}

#[tokio::test]
async fn what_is_only_a_reference_is_not_asked_about_again() {
    for item in [
        r#"{"type":"item_reference","id":"rs_77"}"#,
        r#"{"type":"reasoning","id":"rs_77","summary":[]}"#,
    ] {
        let upstream = Upstream::start().await;
        let gateway = Running::before(&upstream, RESPONSES);
        upstream.will(refusal("rs_77", 404));
        let body = format!(r#"{{"model":"m","input":[{item},{{"role":"user","content":"q"}}]}}"#);
        let got = gateway.post("/v1/responses", body).await;
        assert_eq!(got.status, 404);
        assert!(got.text().contains("'rs_77' not found"), "{}", got.text());
        assert_eq!(upstream.received().len(), 1, "{item}");
    }
}
