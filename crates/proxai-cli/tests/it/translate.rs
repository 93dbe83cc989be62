//! K5: `proxai translate`.

use proxai_cli::Exit;

use crate::Setting;

const CHAT: &str = r#"{"model":"m","seed":7,"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"hi"}]}"#;

#[tokio::test]
async fn a_request_comes_out_in_the_other_protocol_and_its_losses_beside_it() {
    let setting = Setting::default().input(CHAT);
    let ran = setting
        .run(&["translate", "--from", "chat", "--to", "messages"])
        .await;
    assert_eq!(ran.exit, Exit::Yes, "{ran:?}");
    let body = ran.json();
    assert_eq!(body["model"], "m");
    assert!(body["system"].to_string().contains("Be brief."));
    assert!(body["max_tokens"].is_u64());
    assert!(
        ran.err.contains("seed dropped: Messages has no seed"),
        "{}",
        ran.err
    );

    let line = [
        "translate",
        "--from",
        "chat",
        "--to",
        "messages",
        "--model",
        "n",
        "--json",
    ];
    let ran = setting.run(&line).await;
    assert!(ran.err.is_empty(), "{}", ran.err);
    let both = ran.json();
    assert_eq!(both["body"]["model"], "n");
    let losses = both["losses"].as_array().unwrap();
    assert!(
        losses
            .iter()
            .any(|loss| loss["path"] == "seed" && loss["kind"] == "dropped")
    );
}

#[tokio::test]
async fn within_one_protocol_every_byte_stays() {
    let odd = "{ \"model\":\"m\",  \"new\": 1.0e2 }\n";
    let ran = Setting::default()
        .input(odd)
        .run(&["translate", "--from", "chat", "--to", "chat"])
        .await;
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Yes, odd));
}

#[tokio::test]
async fn a_refused_request_exits_with_one_and_names_the_path() {
    for (body, path) in [
        (
            r#"{"model":"m","messages":[{"role":"user","content":7}]}"#,
            "messages",
        ),
        ("{", "line 1"),
    ] {
        let setting = Setting::default().input(body);
        let ran = setting
            .run(&["translate", "--from", "chat", "--to", "responses"])
            .await;
        assert_eq!(ran.exit, Exit::No, "{body}");
        assert!(ran.out.is_empty());
        assert!(
            ran.err.starts_with("refused: ") && ran.err.contains(path),
            "{}",
            ran.err
        );
        let json = setting
            .run(&["translate", "--from", "chat", "--to", "responses", "--json"])
            .await;
        assert_eq!(json.exit, Exit::No);
        assert!(
            json.json()["error"]["message"]
                .as_str()
                .unwrap()
                .contains(path)
        );
    }
}

#[tokio::test]
async fn an_answer_and_a_stream_go_the_other_way() {
    let answer = r#"{"id":"msg_1","type":"message","role":"assistant","model":"deep-1","content":[{"type":"text","text":"pong"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"output_tokens":1}}"#;
    let ran = Setting::default()
        .input(answer)
        .run(&[
            "translate",
            "--from",
            "messages",
            "--to",
            "chat",
            "--response",
        ])
        .await;
    assert_eq!(ran.exit, Exit::Yes, "{ran:?}");
    let body = ran.json();
    assert_eq!(body["choices"][0]["message"]["content"], "pong");
    assert_eq!(body["model"], "deep-1");

    let stream = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"deep-1\",\"content\":[],\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}}\n\nevent: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"pong\"}}\n\nevent: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\nevent: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":1}}\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let ran = Setting::default()
        .input(stream)
        .run(&[
            "translate",
            "--from",
            "messages",
            "--to",
            "chat",
            "--stream",
        ])
        .await;
    assert_eq!(ran.exit, Exit::Yes, "{ran:?}");
    ran.says(r#""content":"pong""#);
    ran.says(r#""model":"deep-1""#);
    ran.says("data: [DONE]");
}

#[tokio::test]
async fn a_stream_that_is_only_an_error_or_nothing_exits_with_one() {
    let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n";
    for (input, says) in [(error, "busy"), ("", "")] {
        let ran = Setting::default()
            .input(input)
            .run(&[
                "translate",
                "--from",
                "messages",
                "--to",
                "chat",
                "--stream",
            ])
            .await;
        assert_eq!(ran.exit, Exit::No, "{ran:?}");
        assert!(ran.err.contains(says), "{}", ran.err);
    }
}
