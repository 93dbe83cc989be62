//! T12: whose name of the model an answer tells, by `routing.answer_model`.

use proxai_testkit::upstream::{Reply, Upstream};

use crate::harness::{CHAT, MESSAGES, RESPONSES, Running, one};

const UPSTREAMS: &str = "[routing]\nanswer_model = \"upstream\"";

/// Path, protocol, answer and stream of an upstream that calls the model `dated`.
const SPOKEN: [(&str, &str, &str, &str); 3] = [
    (
        "/v1/chat/completions",
        CHAT,
        "{ \"id\":\"c1\", \"model\" : \"dated\", \"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}",
        "data: {\"id\":\"c1\", \"model\" : \"dated\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n",
    ),
    (
        "/v1/responses",
        RESPONSES,
        "{ \"id\":\"resp_1\",\"object\":\"response\",\"status\":\"completed\", \"model\" : \"dated\",\"output\":[{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\",\"status\":\"completed\",\"content\":[{\"type\":\"output_text\",\"text\":\"hi\",\"annotations\":[]}]}]}",
        "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\", \"model\" : \"dated\",\"status\":\"in_progress\",\"output\":[]}}\n\n\
         event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":1,\"response\":{\"id\":\"resp_1\",\"status\":\"completed\", \"model\" : \"dated\",\"output\":[{\"type\":\"message\",\"id\":\"msg_1\",\"role\":\"assistant\",\"content\":[{\"type\":\"output_text\",\"text\":\"hi\",\"annotations\":[]}]}]}}\n\n",
    ),
    (
        "/v1/messages",
        MESSAGES,
        "{ \"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\", \"model\" : \"dated\",\"content\":[{\"type\":\"text\",\"text\":\"hi\"}],\"stop_reason\":\"end_turn\",\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}",
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\"type\":\"message\",\"role\":\"assistant\", \"model\" : \"dated\",\"content\":[],\"usage\":{\"input_tokens\":1,\"output_tokens\":1}}}\n\n\
         event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"hi\"}}\n\n\
         event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n\
         event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":1}}\n\n\
         event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    ),
];

fn request(stream: bool) -> String {
    format!(
        "{{\"model\":\"up/m\",\"max_tokens\":9,\"stream\":{stream},\"messages\":[{{\"role\":\"user\",\"content\":\"a\"}}],\"input\":\"a\"}}"
    )
}

/// Every name of a model that a body tells.
fn told(body: &str) -> Vec<String> {
    let names = body.split("\"model\"").skip(1);
    names
        .map(|rest| rest.split('"').nth(1).unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn every_answer_tells_the_name_that_is_wanted() {
    for (spoken, (_, protocol, whole, stream)) in SPOKEN.into_iter().enumerate() {
        let upstream = Upstream::start().await;
        for (config, name) in [("", "up/m"), (UPSTREAMS, "dated")] {
            let gateway = Running::start(&one(&upstream, protocol, config));
            for (asked, (path, client, ..)) in SPOKEN.into_iter().enumerate() {
                for streams in [false, true] {
                    upstream.will_only(if streams {
                        Reply::frames(stream)
                    } else {
                        Reply::json(whole)
                    });
                    let got = gateway.post(path, request(streams)).await;
                    let what = format!("{client} on {protocol}, {streams}: {}", got.text());
                    let names = told(got.text());
                    assert!(!names.is_empty(), "{what}");
                    assert!(names.iter().all(|told| told == name), "{what}");
                    if asked == spoken && name == "dated" {
                        assert_eq!(got.text(), if streams { stream } else { whole });
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_cut_stream_fails_under_the_name_that_is_wanted() {
    let (path, protocol, _, stream) = SPOKEN[1];
    let cut = stream.find("event: response.completed").unwrap();
    let begun = format!(
        "{}event: response.output_text.delta\ndata: {{\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"delta\":\"h\"}}\n\n",
        &stream[..cut]
    );
    let upstream = Upstream::start().await;
    for (config, name) in [("", "up/m"), (UPSTREAMS, "dated")] {
        let gateway = Running::start(&one(&upstream, protocol, config));
        upstream.will_only(Reply::frames(&begun));
        let got = gateway.post(path, request(true)).await;
        assert!(
            got.text().contains("event: response.failed"),
            "{}",
            got.text()
        );
        assert_eq!(told(got.text()), [name, name], "{}", got.text());
    }
}
