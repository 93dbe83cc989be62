//! Answers and streams as a client of this protocol gets them.

use std::sync::Arc;

use bytes::BytesMut;
use proxai_ir::{
    Citation, Event, Failure, FailureKind, Finish, PartId, PartKind, Sealed, Start, StopReason,
    ToolKind,
};
use proxai_json::Str;
use proxai_types::{Protocol, Usage};

use super::super::Messages;
use crate::adapter::Adapter as _;
use crate::context::ReplyContext;
use crate::seal::{self, Opened};

fn context() -> ReplyContext {
    let mut context = ReplyContext::new("alias", "up", Protocol::Chat, "id0", 7);
    context.estimated_input = 42;
    context
}

fn open(part: u32, kind: PartKind<'static>) -> Event<'static> {
    Event::Open {
        part: PartId(part),
        kind,
    }
}

fn tool(part: u32, id: &'static str) -> Event<'static> {
    let kind = PartKind::ToolCall {
        id: id.into(),
        item_id: None,
        name: "f".into(),
        namespace: None,
        kind: ToolKind::Function,
    };
    open(part, kind)
}

const THOUGHT: PartKind<'static> = PartKind::Reasoning {
    id: None,
    summary: false,
    redacted: false,
};

fn delta(part: u32, text: &'static str) -> Event<'static> {
    Event::Delta {
        part: PartId(part),
        text: Str::borrowed(text),
    }
}

fn close(part: u32) -> Event<'static> {
    Event::Close { part: PartId(part) }
}

fn seal_of(part: u32, origin: Protocol) -> Event<'static> {
    Event::Seal {
        part: PartId(part),
        sealed: Sealed {
            origin,
            issuer: None,
            data: "SIG".into(),
        },
    }
}

fn finish(reason: StopReason) -> Event<'static> {
    Event::Finish(Finish {
        reason,
        ..Finish::default()
    })
}

/// The stream of these events between its head and its end, one event a line.
fn body(events: Vec<Event<'static>>) -> Vec<String> {
    let mut lines = lines(events);
    assert!(lines.remove(0).starts_with(r#"{"type":"message_start""#));
    if lines
        .last()
        .is_some_and(|line| line.contains("message_stop"))
    {
        lines.pop();
    }
    lines
}

fn lines(events: Vec<Event<'static>>) -> Vec<String> {
    let mut encoder = Messages.stream_encoder(Arc::new(context()));
    let mut out = BytesMut::new();
    encoder.event(Event::Start(Start::default()), &mut out);
    for event in events {
        encoder.event(event, &mut out);
    }
    let text = String::from_utf8(out.to_vec()).unwrap();
    let frames = text.split_terminator("\n\n").map(|frame| {
        let (event, data) = frame.split_once('\n').unwrap();
        let data = data.strip_prefix("data: ").unwrap();
        let kind = event.strip_prefix("event: ").unwrap();
        assert!(
            data.starts_with(&format!(r#"{{"type":"{kind}""#)),
            "{frame}"
        );
        data.to_owned()
    });
    frames.collect()
}

/// Blocks in the order they stand in the stream, with their deltas joined; checks the order.
fn blocks(lines: &[String]) -> Vec<String> {
    let mut done: Vec<String> = Vec::new();
    let mut current: Option<(u64, String)> = None;
    for line in lines {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        let index = event["index"].as_u64();
        match event["type"].as_str().unwrap() {
            "content_block_start" => {
                assert!(current.is_none(), "two blocks open: {lines:#?}");
                assert_eq!(index, Some(done.len() as u64));
                let block = &event["content_block"];
                let id = block["id"].as_str().unwrap_or_default();
                let kind = block["type"].as_str().unwrap();
                current = Some((done.len() as u64, format!("{kind} {id}")));
            }
            "content_block_delta" => {
                let (open, text) = current.as_mut().unwrap();
                assert_eq!(index, Some(*open));
                let delta = &event["delta"];
                for member in ["text", "thinking", "partial_json", "signature"] {
                    text.push_str(delta[member].as_str().unwrap_or_default());
                }
            }
            "content_block_stop" => done.push(current.take().unwrap().1),
            _ => {}
        }
    }
    assert!(current.is_none(), "a block stays open: {lines:#?}");
    done
}

#[test]
fn the_head_has_an_estimate_and_the_end_has_the_truth() {
    let lines = lines(vec![
        open(0, PartKind::Text),
        delta(0, "hi"),
        close(0),
        Event::Usage(Usage {
            input: Some(100),
            cache_read: Some(60),
            output: Some(5),
            ..Usage::default()
        }),
        finish(StopReason::Stop),
    ]);
    assert_eq!(
        lines,
        [
            r#"{"type":"message_start","message":{"id":"msg_id0","type":"message","role":"assistant","model":"alias","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":42,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":0}}}"#,
            r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
            r#"{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}"#,
            r#"{"type":"content_block_stop","index":0}"#,
            r#"{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"input_tokens":40,"cache_creation_input_tokens":0,"cache_read_input_tokens":60,"output_tokens":5}}"#,
            r#"{"type":"message_stop"}"#,
        ]
    );
}

#[test]
fn interleaved_calls_become_blocks_one_behind_the_other_as_soon_as_each_is_complete() {
    let events = vec![
        tool(0, "a"),
        tool(1, "b"),
        delta(0, r#"{"x":"#),
        delta(1, r#"{"y":"#),
        delta(0, "1}"),
        delta(1, "2}"),
        close(0),
        close(1),
        finish(StopReason::Stop),
    ];
    let lines = body(events);
    assert_eq!(
        blocks(&lines),
        [r#"tool_use a{"x":1}"#, r#"tool_use b{"y":2}"#]
    );
    // The second began before either was closed: at its own next piece.
    let second = lines
        .iter()
        .position(|line| line.contains(r#""id":"b""#))
        .unwrap();
    assert!(lines[second + 1].contains(r#"{\"y\":"#), "{lines:#?}");
    assert!(lines[second + 2].contains("2}"), "{lines:#?}");
    assert!(
        lines
            .last()
            .unwrap()
            .contains(r#""stop_reason":"tool_use""#)
    );
}

#[test]
fn text_that_may_go_on_holds_the_call_behind_it() {
    let lines = body(vec![
        open(0, PartKind::Text),
        delta(0, "A"),
        tool(1, "a"),
        delta(1, "{}"),
        delta(0, "B"),
        close(0),
        close(1),
        open(2, PartKind::Text),
        delta(2, "C"),
        close(2),
        finish(StopReason::ToolCalls),
    ]);
    assert_eq!(blocks(&lines), ["text AB", "tool_use a{}", "text C"]);
}

#[test]
fn input_is_always_an_object() {
    let lines = body(vec![
        tool(0, ""),
        close(0),
        tool(1, "b"),
        delta(1, "no "),
        delta(1, "json"),
        close(1),
        finish(StopReason::ToolCalls),
    ]);
    assert_eq!(
        blocks(&lines),
        ["tool_use call_id0_0{}", r#"tool_use b{"_raw":"no json"}"#]
    );
}

#[test]
fn late_pieces_never_begin_a_block_again() {
    let lines = body(vec![
        tool(0, "a"),
        delta(0, "{}"),
        tool(1, "b"),
        delta(0, "{}"),
        delta(1, "{}"),
        close(0),
        close(1),
        finish(StopReason::ToolCalls),
    ]);
    assert_eq!(blocks(&lines), ["tool_use a{}", "tool_use b{}"]);
}

#[test]
fn thoughts_carry_their_seals() {
    let lines = body(vec![
        open(0, THOUGHT),
        delta(0, "hmm"),
        seal_of(0, Protocol::Messages),
        close(0),
        open(1, THOUGHT),
        seal_of(1, Protocol::Messages),
        close(1),
        open(2, THOUGHT),
        delta(2, "bare"),
        close(2),
        finish(StopReason::Stop),
    ]);
    assert_eq!(
        blocks(&lines),
        ["thinking hmmSIG", "thinking SIG", "thinking bare"]
    );
    assert!(
        lines[0].contains(r#""content_block":{"type":"thinking","thinking":"","signature":""}"#)
    );
    assert!(lines[2].contains("signature_delta") && lines[3].contains("content_block_stop"));
}

#[test]
fn foreign_seals_travel_wrapped_with_their_ids() {
    let reasoning = PartKind::Reasoning {
        id: Some("rs_1".into()),
        summary: true,
        redacted: false,
    };
    let lines = body(vec![
        open(0, reasoning),
        seal_of(0, Protocol::Responses),
        close(0),
        tool(1, "a"),
        delta(1, "{}"),
        seal_of(1, Protocol::Chat),
        close(1),
        finish(StopReason::ToolCalls),
    ]);
    let opened: Vec<_> = lines
        .iter()
        .filter_map(|line| line.split_once(r#""data":""#))
        .map(|(_, rest)| seal::open(rest.split('"').next().unwrap()))
        .map(|opened| match opened {
            Opened::Sealed { sealed, id } => (sealed.origin, id.unwrap()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        opened,
        [
            (Protocol::Responses, "rs_1".to_owned()),
            (Protocol::Chat, "a".to_owned())
        ]
    );
    let kinds: Vec<_> = blocks(&lines);
    assert!(kinds[0].starts_with("redacted_thinking") && kinds[2].starts_with("redacted_thinking"));
    assert!(kinds[1].starts_with("tool_use a"));
}

#[test]
fn a_failure_closes_the_open_block_and_nothing_follows_it() {
    let lines = body(vec![
        open(0, PartKind::Text),
        delta(0, "half"),
        tool(1, "a"),
        Event::Failure(Failure::new(FailureKind::Overloaded, "busy")),
        close(0),
        finish(StopReason::Stop),
    ]);
    assert_eq!(lines[2], r#"{"type":"content_block_stop","index":0}"#);
    assert_eq!(
        lines[3..],
        [r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#]
    );
}

#[test]
fn refusals_are_text_with_their_own_stop_reason() {
    let lines = body(vec![
        open(0, PartKind::Refusal),
        delta(0, "I cannot"),
        close(0),
        Event::Keepalive,
        finish(StopReason::Stop),
    ]);
    assert_eq!(blocks(&lines), ["text I cannot"]);
    assert!(lines.contains(&r#"{"type":"ping"}"#.to_owned()));
    assert!(lines.last().unwrap().contains(r#""stop_reason":"refusal""#));
}

#[test]
fn citations_with_an_address_are_shown_and_hosted_parts_are_not() {
    let cite = |url: &'static str| Event::Cite {
        part: PartId(1),
        citation: Citation {
            url: url.into(),
            title: Some("T".into()),
            ..Citation::default()
        },
    };
    let hosted = PartKind::Opaque {
        kind: "web_search_call".into(),
        hosted: true,
    };
    let mut encoder = Messages.stream_encoder(Arc::new(context()));
    let mut out = BytesMut::new();
    for event in [
        Event::Start(Start::default()),
        open(0, hosted),
        close(0),
        open(1, PartKind::Text),
        delta(1, "found"),
        cite("https://e.x"),
        cite(""),
        close(1),
        finish(StopReason::Stop),
    ] {
        encoder.event(event, &mut out);
    }
    let text = String::from_utf8(out.to_vec()).unwrap();
    assert!(text.contains(r#"{"type":"citations_delta","citation":{"type":"web_search_result_location","cited_text":"","url":"https://e.x","title":"T","encrypted_index":""}}"#));
    assert!(!text.contains("web_search_call") && text.contains("end_turn"));
    assert_eq!(encoder.take_losses().iter().count(), 2);
}

#[test]
fn a_text_stays_one_block_and_the_lost_place_of_a_citation_is_reported() {
    let reported = |text: &'static str, start, end| {
        let mut encoder = Messages.stream_encoder(Arc::new(context()));
        let mut out = BytesMut::new();
        let citation = Citation {
            url: "https://e.x".into(),
            start,
            end,
            ..Citation::default()
        };
        for event in [
            Event::Start(Start::default()),
            open(0, PartKind::Text),
            delta(0, "\u{1f30a}"),
            delta(0, text),
            Event::Cite {
                part: PartId(0),
                citation,
            },
            close(0),
            finish(StopReason::Stop),
        ] {
            encoder.event(event, &mut out);
        }
        let text = String::from_utf8(out.to_vec()).unwrap();
        assert_eq!(text.matches("event: content_block_start").count(), 1);
        assert_eq!(text.matches("citations_delta").count(), 1);
        let losses = encoder.take_losses();
        losses.iter().map(ToString::to_string).collect::<String>()
    };
    let lost = "content[0].citations approximated: Messages cites whole blocks, so the cited piece of the text is not told";
    for (start, end, report) in [
        (Some(0), Some(4), ""),
        (None, None, ""),
        (Some(0), Some(0), ""),
        (None, Some(4), ""),
        (Some(1), Some(4), lost),
        (Some(0), Some(3), lost),
        (Some(2), None, lost),
    ] {
        assert_eq!(
            reported("\u{e9}ab", start, end),
            report,
            "{start:?} {end:?}"
        );
    }
}

#[test]
fn more_than_the_limit_is_never_held() {
    let mut encoder = Messages.stream_encoder(Arc::new(context()));
    let mut out = BytesMut::new();
    for event in [
        Event::Start(Start::default()),
        open(0, PartKind::Text),
        delta(0, "a"),
        open(1, PartKind::Text),
    ] {
        encoder.event(event, &mut out);
    }
    let piece = "x".repeat(1 << 20);
    for _ in 0..17 {
        let text = Str::from(piece.as_str());
        let event = Event::Delta {
            part: PartId(1),
            text,
        };
        encoder.event(event, &mut out);
    }
    let text = String::from_utf8(out.to_vec()).unwrap();
    assert!(text.contains("api_error") && text.len() < 4096);
}
