//! Writes hub events as a stream of chunks.
//!
//! Frames are data only. The head of every chunk is the same, so it is written once and copied;
//! only the delta is serialised. Citations wait for the end of their text, because their place is
//! counted in characters of it; everything else is written at once (S5).
//!
//! A stream ends with `[DONE]` or with an error object, never with both (S1).

use std::sync::Arc;

use bytes::BytesMut;
use proxai_chat as wire;
use proxai_ir::{
    Citation, Event, Failure, Finish, Losses, PartId, PartKind, Sealed, Start, StopReason,
};
use proxai_json::{Str, Text};
use proxai_sse::encode::{self as sse, DONE};
use proxai_types::Usage;

use super::response_encode::{Seen, call_id, drop_opaque, is_custom, sealed_call};
use super::{citations, failure, reasoning, usage};
use crate::adapter::StreamEncoder;
use crate::context::ReplyContext;
use crate::ids;

/// Most citations that wait for the end of one text; more are dropped and reported.
const MAX_CITATIONS: usize = 4096;

/// The writer of one stream.
#[derive(Debug)]
pub(super) struct ChatStream {
    context: Arc<ReplyContext>,
    /// The answer's id.
    id: String,
    /// Every chunk up to its choices.
    head: String,
    parts: Vec<Slot>,
    seen: Seen,
    usage: Option<Usage>,
    losses: Losses,
}

/// What is known of a part.
#[derive(Debug)]
enum Slot {
    Text {
        /// Characters of content before it.
        offset: u64,
        citations: Vec<Citation<'static>>,
    },
    Reasoning {
        id: Option<String>,
        redacted: bool,
        /// Bytes so far.
        length: usize,
    },
    Refusal,
    Call {
        /// Dense, from 0.
        index: usize,
        custom: bool,
        /// No input has come yet.
        empty: bool,
    },
    Hidden,
}

impl ChatStream {
    pub(super) fn new(context: Arc<ReplyContext>) -> Self {
        Self {
            context,
            id: String::new(),
            head: String::new(),
            parts: Vec::new(),
            seen: Seen::default(),
            usage: None,
            losses: Losses::new(),
        }
    }

    fn start(&mut self, start: &Start<'_>, out: &mut BytesMut) {
        self.begin(start);
        let delta = wire::Delta {
            role: Some(Str::borrowed("assistant")),
            content: Some(Text::String(Str::default())),
            ..wire::Delta::default()
        };
        self.delta(&delta, out);
    }

    fn begin(&mut self, start: &Start<'_>) {
        self.id = ids::answer("chatcmpl-", &start.id, &self.context.id);
        let created = start.created.unwrap_or(self.context.created);
        let model = proxai_json::to_string(&*self.context.model);
        self.head = format!(
            "{{\"id\":\"{}\",\"object\":\"chat.completion.chunk\",\"created\":{created},\"model\":{model},",
            self.id
        );
        if let Some(tier) = &start.service_tier {
            self.head.push_str("\"service_tier\":");
            self.head.push_str(&proxai_json::to_string(tier));
            self.head.push(',');
        }
    }

    fn open_choice(&self, out: &mut BytesMut) {
        sse::open(out, None);
        out.extend_from_slice(self.head.as_bytes());
        out.extend_from_slice(b"\"choices\":[{\"index\":0,\"delta\":");
    }

    fn close_choice(&self, logprobs: &str, finish_reason: Option<&str>, out: &mut BytesMut) {
        out.extend_from_slice(b",\"logprobs\":");
        out.extend_from_slice(logprobs.as_bytes());
        match finish_reason {
            Some(reason) => {
                out.extend_from_slice(b",\"finish_reason\":\"");
                out.extend_from_slice(reason.as_bytes());
                out.extend_from_slice(b"\"}]");
            }
            None => out.extend_from_slice(b",\"finish_reason\":null}]"),
        }
        if self.context.include_usage {
            out.extend_from_slice(b",\"usage\":null");
        }
        out.extend_from_slice(b"}");
        sse::close(out);
    }

    fn delta(&self, delta: &wire::Delta<'_>, out: &mut BytesMut) {
        self.open_choice(out);
        proxai_json::write_to(out, delta);
        self.close_choice("null", None, out);
    }

    fn open(&mut self, kind: PartKind<'_>, out: &mut BytesMut) {
        let slot = match kind {
            PartKind::Text => {
                self.seen.before_text(&mut self.losses);
                Slot::Text {
                    offset: self.seen.characters,
                    citations: Vec::new(),
                }
            }
            PartKind::Reasoning { id, redacted, .. } => Slot::Reasoning {
                id: id.map(Str::into_string),
                redacted,
                length: 0,
            },
            PartKind::Refusal => {
                self.seen.refusal = true;
                Slot::Refusal
            }
            PartKind::ToolCall { id, name, kind, .. } => {
                let index = self.seen.calls;
                self.seen.calls += 1;
                let custom = is_custom(kind);
                self.open_call(index, custom, &id, name, out);
                Slot::Call {
                    index,
                    custom,
                    empty: true,
                }
            }
            PartKind::Opaque { kind, .. } => {
                drop_opaque(&kind, &mut self.losses);
                Slot::Hidden
            }
            _ => Slot::Hidden,
        };
        self.parts.push(slot);
    }

    fn open_call(&self, index: usize, custom: bool, id: &str, name: Str<'_>, out: &mut BytesMut) {
        let mut call = wire::ToolCallDelta {
            index: Some((index as u64).into()),
            id: Some(call_id(id, &self.id, index)),
            ..wire::ToolCallDelta::default()
        };
        if custom {
            call.r#type = Some(Str::borrowed("custom"));
            call.custom = Some(wire::CustomDelta {
                name: Some(name),
                input: Some(Str::default()),
            });
        } else {
            call.r#type = Some(Str::borrowed("function"));
            call.function = Some(wire::FunctionDelta {
                name: Some(name),
                arguments: Some(Str::default().into()),
            });
        }
        self.call(call, out);
    }

    fn call(&self, call: wire::ToolCallDelta<'_>, out: &mut BytesMut) {
        let delta = wire::Delta {
            tool_calls: Some(vec![call]),
            ..wire::Delta::default()
        };
        self.delta(&delta, out);
    }

    fn more(&mut self, part: PartId, text: Str<'_>, out: &mut BytesMut) {
        let Some(slot) = self.parts.get_mut(part.0 as usize) else {
            return;
        };
        let mut delta = wire::Delta::default();
        match slot {
            Slot::Text { .. } => {
                self.seen.characters += text.chars().count() as u64;
                delta.content = Some(Text::String(text));
            }
            Slot::Reasoning { length, .. } => {
                *length += text.len();
                delta.reasoning_content = Some(text);
            }
            Slot::Refusal => delta.refusal = Some(text),
            Slot::Call {
                index,
                custom,
                empty,
            } => {
                *empty = false;
                let (index, custom) = (*index, *custom);
                return self.input(index, custom, text, out);
            }
            Slot::Hidden => return,
        }
        self.delta(&delta, out);
    }

    fn input(&self, index: usize, custom: bool, text: Str<'_>, out: &mut BytesMut) {
        let mut call = wire::ToolCallDelta {
            index: Some((index as u64).into()),
            ..wire::ToolCallDelta::default()
        };
        if custom {
            call.custom = Some(wire::CustomDelta {
                input: Some(text),
                name: None,
            });
        } else {
            call.function = Some(wire::FunctionDelta {
                arguments: Some(text.into()),
                name: None,
            });
        }
        self.call(call, out);
    }

    fn seal(&mut self, part: PartId, sealed: &Sealed<'_>, out: &mut BytesMut) {
        let issuer = &self.context.issuer;
        match self.parts.get(part.0 as usize) {
            Some(Slot::Reasoning {
                id,
                redacted,
                length,
            }) => {
                let block = reasoning::sealed_block(
                    sealed,
                    issuer,
                    id.as_deref(),
                    self.seen.seals,
                    *length,
                    *redacted,
                );
                self.seen.seals += 1;
                let delta = wire::Delta {
                    reasoning_details: wire::Raw::from_text(proxai_json::to_string(&[block])),
                    ..wire::Delta::default()
                };
                self.delta(&delta, out);
            }
            Some(Slot::Call { index, .. }) => {
                let call = wire::ToolCallDelta {
                    index: Some((*index as u64).into()),
                    extra_content: sealed_call(sealed, issuer),
                    ..wire::ToolCallDelta::default()
                };
                self.call(call, out);
            }
            _ => {}
        }
    }

    fn cite(&mut self, part: PartId, citation: Citation<'_>) {
        let Some(Slot::Text { citations, .. }) = self.parts.get_mut(part.0 as usize) else {
            return;
        };
        if citation.url.is_empty() || citations.len() >= MAX_CITATIONS {
            return drop_opaque("citation", &mut self.losses);
        }
        citations.push(Citation {
            url: citation.url.into_static(),
            title: citation.title.map(Str::into_static),
            quote: None,
            start: citation.start,
            end: citation.end,
        });
    }

    fn close(&mut self, part: PartId, out: &mut BytesMut) {
        let Some(slot) = self.parts.get_mut(part.0 as usize) else {
            return;
        };
        match std::mem::replace(slot, Slot::Hidden) {
            Slot::Text { offset, citations } if !citations.is_empty() => {
                let length = self.seen.characters - offset;
                let annotations = citations
                    .iter()
                    .filter_map(|citation| citations::annotation(citation, offset, length))
                    .collect();
                let delta = wire::Delta {
                    annotations: Some(annotations),
                    ..wire::Delta::default()
                };
                self.delta(&delta, out);
            }
            Slot::Call {
                index,
                custom: false,
                empty: true,
            } => self.input(index, false, Str::borrowed("{}"), out),
            _ => {}
        }
    }

    fn logprobs(&self, json: &str, out: &mut BytesMut) {
        self.open_choice(out);
        out.extend_from_slice(b"{}");
        // Line ends between values would break the frame; inside strings JSON has none.
        let json: String = json.split(['\n', '\r']).collect();
        let logprobs = format!("{{\"content\":{json},\"refusal\":null}}");
        self.close_choice(&logprobs, None, out);
    }

    fn finish(&mut self, finish: &Finish<'_>, out: &mut BytesMut) {
        if let Some(explanation) = &finish.explanation
            && !self.seen.refusal
            && finish.reason == StopReason::Refusal
        {
            let delta = wire::Delta {
                refusal: Some(explanation.reborrow()),
                ..wire::Delta::default()
            };
            self.delta(&delta, out);
        }
        let reason = self.seen.finish_reason(finish.reason, &mut self.losses);
        self.open_choice(out);
        out.extend_from_slice(b"{}");
        self.close_choice("null", Some(reason), out);
        if let (Some(usage), true) = (&self.usage, self.context.include_usage) {
            sse::open(out, None);
            out.extend_from_slice(self.head.as_bytes());
            out.extend_from_slice(b"\"choices\":[],\"usage\":");
            proxai_json::write_to(out, &usage::encode(usage));
            out.extend_from_slice(b"}");
            sse::close(out);
        }
        out.extend_from_slice(DONE);
    }
}

fn fail(failure: &Failure, out: &mut BytesMut) {
    sse::open(out, None);
    proxai_json::write_to(out, &failure::envelope(failure));
    sse::close(out);
}

impl StreamEncoder for ChatStream {
    fn event(&mut self, event: Event<'_>, out: &mut BytesMut) {
        match event {
            Event::Start(start) => self.start(&start, out),
            Event::Open { kind, .. } => self.open(kind, out),
            Event::Delta { part, text } => self.more(part, text, out),
            Event::Seal { part, sealed } => self.seal(part, &sealed, out),
            Event::Cite { part, citation } => self.cite(part, citation),
            Event::Logprobs { json, .. } => self.logprobs(&json, out),
            Event::Close { part } => self.close(part, out),
            Event::Usage(usage) => self.usage.get_or_insert_with(Usage::default).merge(&usage),
            Event::Keepalive => sse::comment(out, "keep-alive"),
            Event::Finish(finish) => self.finish(&finish, out),
            Event::Failure(failure) => fail(&failure, out),
            _ => {}
        }
    }

    fn take_losses(&mut self) -> Losses {
        std::mem::take(&mut self.losses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::StreamDecoder;
    use proxai_ir::{FailureKind, Response, ToolKind};
    use proxai_types::Protocol;

    fn context(include_usage: bool) -> Arc<ReplyContext> {
        let mut context = ReplyContext::new("asked", "up", Protocol::Messages, "fallback", 7);
        context.include_usage = include_usage;
        Arc::new(context)
    }

    fn write(events: Vec<Event<'_>>, include_usage: bool) -> Vec<String> {
        let mut encoder = ChatStream::new(context(include_usage));
        let mut out = BytesMut::new();
        for event in events {
            encoder.event(event, &mut out);
        }
        let text = String::from_utf8(out.to_vec()).unwrap();
        text.split_terminator("\n\n").map(str::to_owned).collect()
    }

    fn open(part: u32, kind: PartKind<'_>) -> Event<'_> {
        Event::Open {
            part: PartId(part),
            kind,
        }
    }

    fn delta(part: u32, text: &str) -> Event<'_> {
        Event::Delta {
            part: PartId(part),
            text: text.into(),
        }
    }

    fn tool(id: &str) -> PartKind<'_> {
        PartKind::ToolCall {
            id: id.into(),
            item_id: None,
            name: "f".into(),
            namespace: None,
            kind: ToolKind::Function,
        }
    }

    const fn close(part: u32) -> Event<'static> {
        Event::Close { part: PartId(part) }
    }

    fn text_stream() -> Vec<Event<'static>> {
        vec![
            Event::Start(Start {
                id: "msg_1".into(),
                ..Start::default()
            }),
            open(0, PartKind::Text),
            delta(0, "a\"b"),
            close(0),
            Event::Usage(Usage {
                input: Some(1),
                output: Some(2),
                ..Usage::default()
            }),
            Event::Finish(Finish::default()),
        ]
    }

    #[test]
    fn a_stream_is_written_exactly_so() {
        let head = r#"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":7,"model":"asked","#;
        let choice = |delta: &str, reason: &str| {
            format!(
                r#"{head}"choices":[{{"index":0,"delta":{delta},"logprobs":null,"finish_reason":{reason}}}],"usage":null}}"#
            )
        };
        assert_eq!(
            write(text_stream(), true),
            [
                choice(r#"{"role":"assistant","content":""}"#, "null"),
                choice(r#"{"content":"a\"b"}"#, "null"),
                choice("{}", "\"stop\""),
                format!(
                    r#"{head}"choices":[],"usage":{{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"prompt_tokens_details":{{"cached_tokens":0}},"completion_tokens_details":{{"reasoning_tokens":0}}}}}}"#
                ),
                "data: [DONE]".to_owned(),
            ]
        );
    }

    #[test]
    fn usage_is_withheld_from_those_who_did_not_ask() {
        let frames = write(text_stream(), false);
        assert!(frames.iter().all(|frame| !frame.contains("usage")));
        assert_eq!(frames.last().unwrap(), "data: [DONE]");
    }

    #[test]
    fn calls_get_dense_indices_and_always_arguments() {
        let frames = write(
            vec![
                Event::Start(Start::default()),
                open(0, PartKind::Text),
                close(0),
                open(1, tool("a")),
                open(2, tool("")),
                delta(1, "{\"x\""),
                delta(1, ":1}"),
                close(1),
                close(2),
                Event::Finish(Finish::default()),
            ],
            false,
        );
        let calls: Vec<&str> = frames
            .iter()
            .filter_map(|frame| frame.split_once("\"tool_calls\":[")?.1.split_once("]}"))
            .map(|(call, _)| call)
            .collect();
        assert_eq!(
            calls,
            [
                r#"{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}"#,
                r#"{"index":1,"id":"call_fallback_1","type":"function","function":{"name":"f","arguments":""}}"#,
                r#"{"index":0,"function":{"arguments":"{\"x\""}}"#,
                r#"{"index":0,"function":{"arguments":":1}"}}"#,
                r#"{"index":1,"function":{"arguments":"{}"}}"#,
            ]
        );
        assert!(
            frames
                .iter()
                .any(|frame| frame.contains("\"finish_reason\":\"tool_calls\""))
        );
    }

    #[test]
    fn an_error_ends_the_stream_without_the_success_signal() {
        let mut events = text_stream();
        events.truncate(3);
        events.push(Event::Failure(Failure::new(
            FailureKind::Overloaded,
            "busy",
        )));
        let frames = write(events, true);
        assert_eq!(
            frames.last().unwrap(),
            r#"data: {"error":{"message":"busy","type":"overloaded_error","param":null,"code":"overloaded"}}"#
        );
        assert!(!frames.iter().any(|frame| frame.contains("[DONE]")));
    }

    #[test]
    fn log_probabilities_stay_in_one_frame() {
        let logprobs = Event::Logprobs {
            part: PartId(0),
            json: "[\n {\"token\":\"a\\n\"}\r\n]".into(),
        };
        let events = vec![
            Event::Start(Start::default()),
            open(0, PartKind::Text),
            logprobs,
            close(0),
        ];
        let frames = write(events, false);
        assert!(
            frames[1].contains(r#""logprobs":{"content":[ {"token":"a\n"}],"refusal":null}"#),
            "{frames:?}"
        );
    }

    #[test]
    fn keepalives_are_comments() {
        assert_eq!(write(vec![Event::Keepalive], true), [": keep-alive"]);
    }

    #[test]
    fn citations_come_when_the_text_is_whole() {
        let cite = Event::Cite {
            part: PartId(0),
            citation: Citation {
                url: "https://a".into(),
                ..Citation::default()
            },
        };
        let frames = write(
            vec![
                Event::Start(Start::default()),
                open(0, PartKind::Text),
                cite,
                delta(0, "four"),
                close(0),
                Event::Finish(Finish::default()),
            ],
            false,
        );
        assert!(
            frames[2].contains(r#""start_index":0,"end_index":4"#),
            "{frames:?}"
        );
    }

    #[test]
    fn what_is_written_reads_back_as_it_was() {
        let response = Response {
            id: "chatcmpl-1".into(),
            model: "asked".into(),
            created: Some(7),
            parts: vec![
                proxai_ir::Part::text(proxai_ir::At::default(), "Hi"),
                proxai_ir::Part::new(
                    proxai_ir::At::default(),
                    proxai_ir::Content::ToolCall(proxai_ir::ToolCall {
                        id: "a".into(),
                        name: "f".into(),
                        input: "{\"x\":1}".into(),
                        ..proxai_ir::ToolCall::default()
                    }),
                ),
            ],
            usage: Some(Usage {
                input: Some(1),
                output: Some(2),
                total: Some(3),
                cache_read: Some(0),
                reasoning: Some(0),
                ..Usage::default()
            }),
            finish: Finish {
                reason: StopReason::ToolCalls,
                raw: Some("tool_calls".into()),
                ..Finish::default()
            },
            ..Response::default()
        };
        let mut encoder = ChatStream::new(context(true));
        let mut out = BytesMut::new();
        response.replay(&mut |event: Event<'_>| encoder.event(event, &mut out));
        let mut frames = proxai_sse::Decoder::new();
        frames.push(out.freeze());
        let mut decoder = super::super::stream_decode::ChatStream::default();
        let mut folded = proxai_ir::Accumulator::new();
        while let Some(frame) = frames.next_frame().unwrap() {
            decoder.frame(&frame, &mut folded);
        }
        decoder.end(&mut folded);
        assert_eq!(
            format!("{:?}", folded.into_response().unwrap()),
            format!("{response:?}")
        );
    }
}
