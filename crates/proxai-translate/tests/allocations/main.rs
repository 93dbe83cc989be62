//! Counts what the translation of one streamed delta allocates.
//!
//! A binary of its own, since the counter replaces the allocator of the whole process. The bound is
//! on the steady state: the head of a stream may allocate, each further delta at most twice.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use proxai_sse::{Decoder, Frame};
use proxai_translate::{ReplyContext, StreamTranslator};
use proxai_types::Protocol;

/// Most allocations for one delta of text, thought or tool input.
const PER_DELTA: u64 = 2;
/// How many deltas are measured; growth of buffers is spread over them.
const DELTAS: u64 = 1_000;

fn frames(text: &str) -> Vec<Frame> {
    let mut decoder = Decoder::new();
    decoder.push(Bytes::copy_from_slice(text.as_bytes()));
    let mut frames = Vec::new();
    while let Some(frame) = decoder.next_frame().expect("small frames") {
        frames.push(frame);
    }
    frames
}

/// The beginning of a stream and one delta, for each upstream; escapes make the text be copied.
fn streams() -> Vec<(Protocol, &'static str, String, String)> {
    let chat = |delta: &str| {
        format!(
            "data: {{\"id\":\"c1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":null}}]}}\n\n"
        )
    };
    let messages = |event: &str| {
        let kind = event.split('"').nth(3).expect("an event names its type");
        format!("event: {kind}\ndata: {event}\n\n")
    };
    let start = messages(
        r#"{"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[],"stop_reason":null,"usage":{"input_tokens":9,"output_tokens":1}}}"#,
    );
    let block = |block: &str| {
        format!(
            "{start}{}",
            messages(&format!(
                r#"{{"type":"content_block_start","index":0,"content_block":{block}}}"#
            ))
        )
    };
    let item = |item: &str| {
        messages(
            r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":1,"model":"m","status":"in_progress","output":[]}}"#,
        ) + &messages(&format!(
            r#"{{"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{item}}}"#
        ))
    };
    vec![
        (
            Protocol::Chat,
            "text",
            chat(r#"{"role":"assistant","content":"a"}"#),
            chat(r#"{"content":"tide\n"}"#),
        ),
        (
            Protocol::Chat,
            "thought",
            chat(r#"{"role":"assistant","reasoning_content":"a"}"#),
            chat(r#"{"reasoning_content":"tide\n"}"#),
        ),
        (
            Protocol::Chat,
            "tool input",
            chat(
                r#"{"role":"assistant","tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"f","arguments":"{\"a\":\""}}]}"#,
            ),
            chat(r#"{"tool_calls":[{"index":0,"function":{"arguments":"tide "}}]}"#),
        ),
        (
            Protocol::Messages,
            "text",
            block(r#"{"type":"text","text":""}"#),
            messages(
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"tide\n"}}"#,
            ),
        ),
        (
            Protocol::Messages,
            "tool input",
            block(r#"{"type":"tool_use","id":"toolu_1","name":"f","input":{}}"#)
                + &messages(
                    r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"{\"a\":\""}}"#,
                ),
            messages(
                r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":"tide "}}"#,
            ),
        ),
        (
            Protocol::Responses,
            "text",
            item(
                r#"{"type":"message","id":"msg_1","role":"assistant","status":"in_progress","content":[]}"#,
            ) + &messages(
                r#"{"type":"response.content_part.added","sequence_number":2,"item_id":"msg_1","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}"#,
            ),
            messages(
                r#"{"type":"response.output_text.delta","sequence_number":3,"item_id":"msg_1","output_index":0,"content_index":0,"delta":"tide\n","logprobs":[]}"#,
            ),
        ),
        (
            Protocol::Responses,
            "tool input",
            item(
                r#"{"type":"function_call","id":"fc_1","call_id":"call_1","name":"f","arguments":"","status":"in_progress"}"#,
            ) + &messages(
                r#"{"type":"response.function_call_arguments.delta","sequence_number":2,"item_id":"fc_1","output_index":0,"delta":"{\"a\":\""}"#,
            ),
            messages(
                r#"{"type":"response.function_call_arguments.delta","sequence_number":3,"item_id":"fc_1","output_index":0,"delta":"tide "}"#,
            ),
        ),
    ]
}

#[test]
fn a_delta_allocates_at_most_twice() {
    let mut report = Vec::new();
    for (upstream, what, head, delta) in streams() {
        let (head, delta) = (frames(&head), frames(&delta));
        let others = Protocol::ALL
            .into_iter()
            .filter(|client| *client != upstream);
        for (client, wanted_back) in others.flat_map(|client| [(client, false), (client, true)]) {
            let mut reply = ReplyContext::new("m", "up", upstream, "1", 1);
            reply.reasoning.wanted_back = wanted_back;
            let mut stream = StreamTranslator::new(client, Arc::new(reply));
            let mut out = BytesMut::with_capacity(1 << 20);
            for frame in head.iter().chain(&delta) {
                stream.push(frame, &mut out);
            }
            assert!(
                !out.is_empty(),
                "{upstream} to {client}: {what}: nothing was written"
            );
            out.clear();
            let measured = allocation_counter::measure(|| {
                for _ in 0..DELTAS {
                    stream.push(&delta[0], &mut out);
                }
            });
            assert!(
                out.len() > 4_000,
                "{upstream} to {client}: {what}: deltas were held back"
            );
            report.push((
                measured.count_total,
                format!("{upstream} to {client}: {what}"),
            ));
        }
    }
    let over: Vec<_> = report
        .iter()
        .filter(|(count, _)| *count > PER_DELTA * DELTAS + 64)
        .collect();
    assert!(
        over.is_empty(),
        "allocations for {DELTAS} deltas: {over:#?}"
    );
}
