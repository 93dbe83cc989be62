//! Streams of each protocol, whole, cut and broken, in pieces of every size.

use super::*;

fn tap(protocol: Protocol) -> Tap {
    Tap::new(protocol, 1 << 20, "req_1".into())
}

/// Feeds a stream in pieces of `size` and returns what the client gets.
fn forwarded(protocol: Protocol, stream: &[u8], size: usize) -> (Tap, String) {
    through(tap(protocol), stream, size)
}

fn through(mut tap: Tap, stream: &[u8], size: usize) -> (Tap, String) {
    let mut out = Output::default();
    let mut got = Vec::new();
    for piece in stream.chunks(size) {
        tap.push(Bytes::copy_from_slice(piece), &mut out);
        while let Some(bytes) = out.take() {
            got.extend_from_slice(&bytes);
        }
    }
    tap.end(&mut out);
    while let Some(bytes) = out.take() {
        got.extend_from_slice(&bytes);
    }
    (tap, String::from_utf8(got).unwrap())
}

#[test]
fn a_renamed_model_has_the_clients_name_and_nothing_else_changes() {
    let stream = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"model\":\"m\",\"usage\":{\"input_tokens\":1}}}\n\n\
        event: content_block_delta\r\ndata: { \"type\":\"content_block_delta\",\"delta\":{\"model\":\"m\"}}\r\n\r\n\
        event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
    let want = stream.replacen("\"m\"", "\"p/m\"", 1);
    for size in [1, 7, 50, 4096] {
        let tap = tap(Protocol::Messages).naming(Some("p/m".into()));
        assert_eq!(through(tap, stream.as_bytes(), size).1, want, "{size}");
    }
}

#[test]
fn a_cut_response_fails_under_the_clients_name_of_the_model() {
    let begun = "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"r\",\"model\":\"m\"}}\n\n\
        event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"delta\":\"a\"}\n\n";
    for (name, told) in [
        (Some("p/m"), "\"model\":\"p/m\""),
        (None, "\"model\":\"m\""),
    ] {
        let tap = tap(Protocol::Responses).naming(name.map(Box::from));
        let (tap, got) = through(tap, begun.as_bytes(), 50);
        assert_eq!(tap.error(), Some("upstream_stream_cut"));
        let failed = &got[got.find("event: response.failed").unwrap()..];
        assert!(failed.contains(told), "{failed}");
        assert_eq!(got.matches(told).count(), 2, "{got}");
    }
}

const CHAT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"h\u{e9}\"},\"finish_reason\":null}]}\r\n\r\n\
    : note\n\ndata:{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
    data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n\ndata: [DONE]\n\n\n";
const MESSAGES: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n\n\
    event: ping\ndata: {\"type\":\"ping\"}\n\n\
    event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"tool_use\"}}\n\n\
    event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0}\n\n\
    event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n\
    event: message_delta\ndata: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":9}}\n\n\
    event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n";
const RESPONSES: &str = "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"status\":\"in_progress\",\"error\":null}}\n\n\
    event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":1,\"delta\":\"a\"}\n\n\
    event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":2,\"response\":{\"usage\":{\"input_tokens\":4,\"output_tokens\":6}}}\n\n";

#[test]
fn a_good_stream_is_byte_identical_however_it_is_cut() {
    for (protocol, stream) in [
        (Protocol::Chat, CHAT),
        (Protocol::Messages, MESSAGES),
        (Protocol::Responses, RESPONSES),
    ] {
        for size in 1..=stream.len() {
            let (tap, got) = forwarded(protocol, stream.as_bytes(), size);
            assert_eq!(got, stream, "{protocol} in pieces of {size}");
            assert!(tap.ended());
            assert!(tap.usage().and_then(|usage| usage.output).is_some());
        }
    }
}

#[test]
fn usage_that_the_client_did_not_ask_for_is_counted_and_withheld_and_nothing_else() {
    let told = r#"data: {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}}"#;
    let first = r#"data: {"choices":[],"prompt_filter_results":[],"usage":null}"#;
    for only in [
        r#"data: {"id":"c", "choices" : [ ],"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
        r#"data:{"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
        r#"data: {"choices":null,"usage":{"prompt_tokens":3,"completion_tokens":2}}"#,
    ] {
        let kept = format!("{first}\n\n{told}\r\n\r\n");
        let stream = format!("{kept}{only}\n\ndata: [DONE]\n\n");
        for size in 1..=stream.len() {
            let tap = tap(Protocol::Chat).withholding_usage(true);
            let (tap, got) = through(tap, stream.as_bytes(), size);
            assert_eq!(got, format!("{kept}data: [DONE]\n\n"), "pieces of {size}");
            assert_eq!(tap.usage().unwrap().output, Some(2));
            assert!(tap.ended() && tap.error().is_none());
        }
    }
}

#[test]
fn a_stream_of_nothing_but_withheld_usage_has_not_begun() {
    let mut tap = tap(Protocol::Chat).withholding_usage(true);
    let mut out = Output::default();
    let only = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n\n";
    tap.push(Bytes::from(only), &mut out);
    assert!(out.take().is_none() && !tap.started());
    tap.push(
        Bytes::from("data: {\"error\":{\"message\":\"no\"}}\n\n"),
        &mut out,
    );
    assert!(tap.refused().is_some() && out.take().is_none());
}

#[test]
fn a_chunk_of_whole_frames_is_not_copied() {
    let mut tap = tap(Protocol::Chat);
    let mut out = Output::default();
    let chunk = Bytes::from(CHAT.as_bytes().to_vec());
    tap.push(chunk.clone(), &mut out);
    assert_eq!(out.take().unwrap().as_ptr(), chunk.as_ptr());
}

#[test]
fn a_stream_cut_anywhere_ends_in_one_error_of_its_dialect() {
    for (protocol, stream, error, success) in [
        (Protocol::Chat, CHAT, "data: {\"error\":", "[DONE]"),
        (
            Protocol::Messages,
            MESSAGES,
            "event: error\n",
            "event: message_stop\n",
        ),
        (
            Protocol::Responses,
            RESPONSES,
            "event: response.failed\n",
            "event: response.completed\n",
        ),
    ] {
        for cut in 1..stream.len() {
            let (tap, got) = forwarded(protocol, &stream.as_bytes()[..cut], 64);
            if tap.refused().is_some() {
                continue;
            }
            let (errors, ends) = (got.matches(error).count(), got.matches(success).count());
            assert_eq!(errors + ends, 1, "{protocol} cut at {cut}: {got}");
        }
    }
}

#[test]
fn an_error_in_place_of_the_first_event_can_still_be_a_status() {
    for (protocol, stream) in [
        (
            Protocol::Chat,
            ": hi\n\ndata: {\"error\":{\"message\":\"slow down\",\"code\":429}}\n\ndata: [DONE]\n\n",
        ),
        (
            Protocol::Messages,
            "event: ping\ndata: {\"type\":\"ping\"}\n\nevent: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}\n\n",
        ),
    ] {
        let (tap, got) = forwarded(protocol, stream.as_bytes(), 1000);
        assert!(tap.refused().is_some(), "{protocol}");
        assert!(!got.contains("error"), "{got}");
    }
}

/// Cases 10 and 12, S1.
#[test]
fn an_error_is_the_end_whatever_goes_on_behind_it() {
    let text = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    let more =
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
    for error in [
        "data: {\"error\":{\"message\":\"broke\"}}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"\"},\"finish_reason\":\"error\"}],\"error\":{\"message\":\"broke\"}}\n\n",
    ] {
        for end in ["", more] {
            let stream = format!("{text}{error}{end}");
            for size in [7, 4096] {
                let (tap, got) = forwarded(Protocol::Chat, stream.as_bytes(), size);
                assert_eq!(got, format!("{text}{error}"));
                assert_eq!(tap.error(), Some("error"));
            }
        }
    }
    let both = "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n\n\
        event: error\ndata: {\"type\":\"error\",\"message\":\"broke\"}\n\n\
        event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{}}\n\n";
    assert_eq!(forwarded(Protocol::Responses, both.as_bytes(), 99).1, both);
}

/// Case 12, R5.
#[test]
fn a_stream_that_only_begins_is_held_in_order_and_up_to_a_limit() {
    let role = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n";
    let mut tap = tap(Protocol::Chat);
    let mut out = Output::default();
    let pieces = [": hi\n\n", role, role];
    for piece in pieces {
        tap.push(Bytes::from(piece), &mut out);
        assert!(!tap.started() && tap.refused().is_none());
    }
    let text = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    tap.push(Bytes::from(text), &mut out);
    assert!(tap.started());
    assert_eq!(out.take().unwrap(), format!(": hi\n\n{role}{role}{text}"));
    let mut tap = self::tap(Protocol::Chat);
    let many = role.repeat(MAX_HELD / role.len());
    tap.push(Bytes::from(many), &mut out);
    assert!(!tap.started());
    tap.push(Bytes::from(role), &mut out);
    assert!(tap.started());
}

/// Case 9, S1.
#[test]
fn the_end_of_nothing_is_an_error() {
    for stream in [
        "data: [DONE]\n\n",
        ": hi\n\ndata: [done]\n\n",
        "data: [DONE]",
    ] {
        let (tap, got) = forwarded(Protocol::Chat, stream.as_bytes(), 5);
        assert!(tap.refused().is_some(), "{stream}");
        assert!(!got.contains("DONE"), "{got}");
    }
    // Where the client has been told that the stream lives, it is too late for a status.
    let mut tap = tap(Protocol::Chat);
    let mut out = Output::default();
    tap.keepalive(&mut out);
    tap.push(Bytes::from("data: [DONE]\n\ndata: {}\n\n"), &mut out);
    tap.push(Bytes::from("data: {}\n\n"), &mut out);
    assert!(!tap.end(&mut out));
    let got = String::from_utf8(out.take().unwrap().to_vec()).unwrap();
    assert!(
        got.starts_with(": keep-alive\n\ndata: {\"error\":"),
        "{got}"
    );
    assert!(
        !got.contains("DONE") && got.matches("data:").count() == 1,
        "{got}"
    );
}

/// Case 8.
#[test]
fn no_client_gets_the_end_of_another_protocol() {
    let stream = format!("{MESSAGES}data: [DONE]\n\n");
    assert_eq!(
        forwarded(Protocol::Messages, stream.as_bytes(), 30).1,
        MESSAGES
    );
}

#[test]
fn malformed_frames_are_written_anew_and_the_others_stay() {
    let stream = "data:  {\"choices\":[{\"finish_reason\":null}]}\n\n{\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata: [done] \n\ndata: [DONE]\n\n";
    let (_, got) = forwarded(Protocol::Chat, stream.as_bytes(), 9);
    assert_eq!(
        got,
        "data:  {\"choices\":[{\"finish_reason\":null}]}\n\ndata: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"
    );
}

#[test]
fn a_missing_done_behind_a_finish_is_supplied() {
    let stream = "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n";
    let (_, got) = forwarded(Protocol::Chat, stream.as_bytes(), 11);
    assert_eq!(got, format!("{stream}data: [DONE]\n\n"));
}

#[test]
fn a_tool_call_is_open_between_its_start_and_its_end() {
    let mut tap = tap(Protocol::Messages);
    let mut out = Output::default();
    let mut open = Vec::new();
    for frame in MESSAGES.split_inclusive("\n\n") {
        tap.push(Bytes::copy_from_slice(frame.as_bytes()), &mut out);
        open.push(tap.open_tool_call().is_some());
    }
    assert_eq!(open, [false, false, true, true, false, false, false]);
}

#[test]
fn an_event_over_the_limit_is_an_error_and_no_memory() {
    let mut tap = Tap::new(Protocol::Chat, 100, "req_1".into());
    let mut out = Output::default();
    tap.push(
        Bytes::from("data: {\"choices\":[{\"text\":\"a\"}]}\n\n"),
        &mut out,
    );
    tap.push(Bytes::from(vec![b'x'; 200]), &mut out);
    let got = String::from_utf8(out.take().unwrap().to_vec()).unwrap();
    assert!(got.contains("\"error\"") && tap.ended(), "{got}");
}
