//! What proxai has sealed, within the client's own protocol (T6, case 63): a conversation that
//! moves on to a provider of that protocol leaves others' seals behind, and finds its own at home.

use proxai_ir::Sealed;
use proxai_testkit::upstream::{Reply, Upstream};
use proxai_translate::seal;
use proxai_types::Protocol;
use serde_json::{Value, json};

use crate::harness::{CHAT, MESSAGES, RESPONSES, Running};
use crate::quirks::{answer, sent};

const CHAT_PATH: &str = "/v1/chat/completions";
const RESPONSES_PATH: &str = "/v1/responses";
const MESSAGES_PATH: &str = "/v1/messages";

const THOUGHT_OF_MESSAGES: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"thinking","thinking":"hm","signature":"Sig+/="},{"type":"text","text":"a"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":2}}"#;
const THOUGHT_OF_RESPONSES: &str = r#"{"id":"resp_1","object":"response","created_at":1,"status":"completed","model":"m","output":[{"type":"reasoning","id":"rs_7","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"Enc+/="},{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"a","annotations":[]}]}],"usage":{"input_tokens":3,"output_tokens":2,"total_tokens":5}}"#;

/// Two providers, `a` and `b`, and what comes before them.
fn two(more: &str, first: (&Upstream, &str), second: (&Upstream, &str)) -> Running {
    let provider = |name: &str, (upstream, protocol): (&Upstream, &str)| {
        format!(
            "[providers.{name}]\nprotocol = \"{protocol}\"\nbase_url = \"{}\"\napi_key = \"sk-{name}\"\n",
            upstream.base_url()
        )
    };
    Running::start(&format!(
        "{more}\n{}{}",
        provider("a", first),
        provider("b", second)
    ))
}

fn wrap(origin: Protocol, issuer: &str, data: &str, id: Option<&str>) -> String {
    let sealed = Sealed {
        origin,
        issuer: None,
        data: data.into(),
    };
    seal::wrap(&sealed, issuer, id)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// One thread: `a` speaks another protocol and seals a thought; `b` speaks the client's own, and
/// is sent the client's bytes but for the thought; `a` gets it back.
#[tokio::test]
async fn a_thread_that_moves_to_the_clients_own_protocol_leaves_the_seal_behind() {
    let why = |native: Protocol| match native {
        Protocol::Messages => "only a thought with this provider's own signature goes back",
        _ => "it goes back only to the provider that issued it",
    };
    for (native, path, name, other, thought, home) in [
        (
            Protocol::Messages,
            MESSAGES_PATH,
            MESSAGES,
            RESPONSES,
            THOUGHT_OF_RESPONSES,
            "Enc+/=",
        ),
        (
            Protocol::Responses,
            RESPONSES_PATH,
            RESPONSES,
            MESSAGES,
            THOUGHT_OF_MESSAGES,
            "Sig+/=",
        ),
        (
            Protocol::Chat,
            CHAT_PATH,
            CHAT,
            MESSAGES,
            THOUGHT_OF_MESSAGES,
            "Sig+/=",
        ),
    ] {
        let (foreign, own) = (Upstream::start().await, Upstream::start().await);
        let gateway = two("", (&foreign, other), (&own, name));
        let list = if native == Protocol::Responses {
            "input"
        } else {
            "messages"
        };
        let ask = |model: &str, turns: &str| {
            format!(
                "{{ \"model\":\"{model}\" , \"max_tokens\":99, \"vendor\": [1.50 ],\r\n \"{list}\":[{{\"role\":\"user\",\"content\":\"h\\u00e9\"}}{turns}]}}\r\n"
            )
        };
        foreign.will(Reply::json(thought));
        own.will(Reply::json(answer(name)));
        let first = gateway.post(path, ask("a/m", "")).await.json();
        // The turn in the client's own spelling, and what has to be left of it.
        let (turn, left, lost) = match native {
            Protocol::Messages => (
                format!(
                    ",\r\n{{\"role\":\"assistant\",\"content\":[ {},\r\n{}] }}",
                    first["content"][0], first["content"][1]
                ),
                format!(
                    ",\r\n{{\"role\":\"assistant\",\"content\":[ {}] }}",
                    first["content"][1]
                ),
                "messages[1].content[0]",
            ),
            Protocol::Responses => (
                format!(",\r\n{} ,\t{}", first["output"][0], first["output"][1]),
                format!(" ,\t{}", first["output"][1]),
                "input[1]",
            ),
            Protocol::Chat => {
                let said = &first["choices"][0]["message"];
                let message = |details: &str| {
                    format!(
                        ",\r\n{{\"role\":\"assistant\", \"reasoning_content\" : {},\"content\":{}{details} }}",
                        said["reasoning_content"], said["content"]
                    )
                };
                (
                    message(&format!(
                        ", \"reasoning_details\":{}",
                        said["reasoning_details"]
                    )),
                    message(""),
                    "messages[1].reasoning_details[0]",
                )
            }
        };
        assert!(turn.contains("proxai1."), "{turn}");
        let next = |turn: &str| format!("{turn}, {{\"role\":\"user\",\"content\":\"go on\"}}");
        let got = gateway.post(path, ask("b/m", &next(&turn))).await;
        assert_eq!(got.status, 200, "{}", got.text());
        assert_eq!(text(&own.last().body), ask("m", &next(&left)));
        assert_eq!(got.header("x-proxai-loss"), format!("{lost} dropped"));
        // The same history gives the same bytes, and a longer one begins with them (T5).
        let longer = next(&next(&turn));
        gateway.post(path, ask("b/m", &longer)).await;
        assert_eq!(text(&own.last().body), ask("m", &next(&next(&left))));

        let mut client = gateway.client().await;
        let strict = [("x-proxai-strict", "true")];
        let before = own.received().len();
        let got = client.post(path, &strict, ask("b/m", &next(&turn))).await;
        assert_eq!(got.status, 400);
        let told = format!("{lost} dropped: {}", why(native));
        assert!(got.text().contains(&told), "{}", got.text());
        assert_eq!(own.received().len(), before);

        foreign.will_only(Reply::json(thought));
        gateway.post(path, ask("a/m", &next(&turn))).await;
        let asked = text(&foreign.last().body).to_owned();
        assert!(asked.contains(home), "{asked}");
        assert!(!asked.contains("proxai1."), "{asked}");
    }
}

#[tokio::test]
async fn a_strict_request_is_told_of_every_seal_that_would_go() {
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, MESSAGES);
    let seal = wrap(Protocol::Chat, "other", "[]", None);
    let block = json!({"type":"redacted_thinking","data":seal});
    let said = json!({"role":"assistant","content":[block,{"type":"text","text":"a"},block]});
    let user = json!({"role":"user","content":"q"});
    let body = json!({"model":"m","max_tokens":9,"messages":[user,said,user,said,user]});
    let mut client = gateway.client().await;
    let strict = [("x-proxai-strict", "true")];
    let got = client.post(MESSAGES_PATH, &strict, body.to_string()).await;
    assert_eq!(got.status, 400);
    for message in [1, 3] {
        for block in [0, 2] {
            let path = format!("messages[{message}].content[{block}] dropped");
            assert!(got.text().contains(&path), "{}", got.text());
        }
    }
    assert!(upstream.received().is_empty());
}

#[tokio::test]
async fn a_seal_of_this_provider_and_protocol_is_opened_where_it_stands() {
    let up = |origin, data, id| wrap(origin, "up", data, id);
    for (name, path, body) in [
        (
            MESSAGES,
            MESSAGES_PATH,
            [
                up(Protocol::Messages, "Sig+/=", None),
                "Sig+/=".to_owned(),
            ]
            .map(|seal| {
                format!("{{\"model\":\"m\",\"max_tokens\":9, \"messages\":[{{\"role\":\"assistant\",\"content\":[{{\"signature\" : \"{seal}\", \"type\":\"thinking\",\"thinking\":\"\"}}]}}]}}\n")
            }),
        ),
        (
            RESPONSES,
            RESPONSES_PATH,
            [
                ("rs_ours", up(Protocol::Responses, "Enc+/=", Some("rs_7"))),
                ("rs_7", "Enc+/=".to_owned()),
            ]
            .map(|(id, seal)| {
                format!("{{\"model\":\"m\", \"input\":[{{\"type\":\"reasoning\", \"id\":\"{id}\",\r\n\"summary\":[],\"encrypted_content\":\"{seal}\"}}]}}")
            }),
        ),
        (
            CHAT,
            CHAT_PATH,
            [
                format!(
                    r#"{{"type":"reasoning.encrypted","data":"{}"}}"#,
                    up(Protocol::Chat, r#"[{"type":"v", "n":1.50}]"#, None)
                ),
                r#"{"type":"v", "n":1.50}"#.to_owned(),
            ]
            .map(|block| {
                format!("{{\"model\":\"m\", \"messages\":[{{\"role\":\"assistant\",\"content\":\"a\",\"reasoning_details\":[ {block} ]}}]}}")
            }),
        ),
    ] {
        let upstream = Upstream::start().await;
        let gateway = Running::before(&upstream, name);
        upstream.will(Reply::json(answer(name)));
        let [ours, native] = body;
        let got = gateway.post(path, ours).await;
        assert_eq!(got.status, 200, "{}", got.text());
        assert_eq!(got.header("x-proxai-loss"), "");
        assert_eq!(text(&upstream.last().body), native);
    }
}

#[tokio::test]
async fn counts_and_other_paths_take_no_seal_to_strangers_either() {
    let seal = wrap(Protocol::Chat, "other", "[]", None);
    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, MESSAGES);
    upstream.will(Reply::json(r#"{"input_tokens":7}"#));
    let body = |block: &str| {
        format!(
            "{{\"model\":\"m\", \"messages\":[{{\"role\":\"assistant\",\"content\":[{block} {{\"type\":\"text\",\"text\":\"a\"}}]}}]}}"
        )
    };
    let block = format!(r#"{{"type":"redacted_thinking","data":"{seal}"}},"#);
    let got = gateway
        .post("/v1/messages/count_tokens", body(&block))
        .await;
    assert_eq!(got.json()["input_tokens"], 7);
    assert_eq!(got.header("x-proxai-loss"), "");
    assert_eq!(text(&upstream.last().body), body("").replace("[ {", "[{"));

    let upstream = Upstream::start().await;
    let gateway = Running::before(&upstream, RESPONSES);
    upstream.will(Reply::json(r#"{"id":"c"}"#));
    let body = |item: &str| {
        format!("{{\"model\":\"m\", \"input\":[{{\"role\":\"user\",\"content\":\"q\"}}{item} ]}}")
    };
    let item = format!(
        r#" ,{{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"{seal}"}}"#
    );
    let got = gateway.post("/v1/responses/compact", body(&item)).await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert!(got.header("x-proxai-loss").starts_with("input[1] dropped"));
    assert_eq!(text(&upstream.last().body), body(""));
}

/// Each attempt begins with what the client wrote.
#[tokio::test]
async fn on_the_way_to_another_target_the_seal_is_opened_for_one_and_cut_for_the_other() {
    let (issuer, other) = (Upstream::start().await, Upstream::start().await);
    let down = r#"{"error":{"message":"down","type":"server_error"}}"#;
    issuer.will(Reply::json(down).status(500));
    other.will(Reply::json(answer(MESSAGES)));
    let target = |name: &str, priority: u8| {
        format!("[[routing.routes.targets]]\nprovider = \"{name}\"\npriority = {priority}\n")
    };
    let route = format!(
        "[[routing.routes]]\nmodel_pattern = \"*\"\n{}{}",
        target("a", 0),
        target("b", 1)
    );
    let gateway = two(&route, (&other, MESSAGES), (&issuer, RESPONSES));
    let seal = wrap(Protocol::Responses, "b", "Enc+/=", Some("rs_7"));
    let body = |block: &str| {
        format!(
            "{{\"model\":\"m\",\"max_tokens\":99,\"messages\":[{{\"role\":\"user\",\"content\":\"q\"}},{{\"role\":\"assistant\",\"content\":[{block}{{\"type\":\"text\", \"text\":\"a\"}}]}},{{\"role\":\"user\",\"content\":\"go on\"}}]}}"
        )
    };
    let block = format!(r#"{{"type":"thinking","thinking":"hm","signature":"{seal}"}}, "#);
    let got = gateway.post(MESSAGES_PATH, body(&block)).await;
    assert_eq!(
        (got.status.as_u16(), got.header("x-proxai-provider")),
        (200, "a"),
        "{}",
        got.text()
    );
    let asked: Value = sent(&issuer);
    assert_eq!(asked["input"][1]["encrypted_content"], "Enc+/=", "{asked}");
    assert_eq!(asked["input"][1]["id"], "rs_7");
    assert_eq!(text(&other.last().body), body(""));
    assert!(
        got.header("x-proxai-loss")
            .contains("messages[1].content[0] dropped"),
        "{}",
        got.header("x-proxai-loss")
    );
}
