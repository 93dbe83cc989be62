//! Writes hub events as a stream of chunks.
//!
//! Frames are data only. The head of every chunk is the same, so it is written once and copied;
//! only the delta is serialised. Citations wait for the end of their text, because their place is
//! counted in characters of it; everything else is written at once (S5).
//!
//! Texts that an upstream has open side by side are joined as their pieces come, in JSON one behind
//! the other: the protocol has one text, and holding the second would make the stream silent.
//!
//! A stream ends with `[DONE]` or with an error object, never with both (S1).

use std::sync::Arc;

use bytes::BytesMut;
use proxai_chat as wire;
use proxai_ir::{
    Citation, Event, Failure, Finish, Losses, PartId, PartKind, Sealed, Start, StopReason,
    WebSearch,
};
use proxai_json::{Str, Text};
use proxai_sse::encode::{self as sse, DONE};
use proxai_types::Usage;

use super::response_encode::{
    Seen, call_id, drop_opaque, is_custom, one_line, sealed_call, sealed_search,
};
use super::{citations, failure, reasoning, usage};
use crate::adapter::StreamEncoder;
use crate::context::ReplyContext;
use crate::{ids, seal};

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
    /// Annotations written so far.
    cited: u64,
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
            cited: 0,
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
        if seal::echo_of(sealed).is_some() {
            // Clients of this protocol give the text back as it is.
            return;
        }
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

    fn search(&mut self, search: &WebSearch<'_>, out: &mut BytesMut) {
        let issuer = &self.context.issuer;
        let block = sealed_search(search, issuer, &mut self.seen, &mut self.losses);
        if let Some(block) = block {
            let delta = wire::Delta {
                reasoning_details: wire::Raw::from_text(proxai_json::to_string(&[block])),
                ..wire::Delta::default()
            };
            self.delta(&delta, out);
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
                let numbered = |(index, citation)| {
                    let mut annotation = citations::annotation(citation, offset, length)?;
                    if let wire::Annotation::UrlCitation(citation) = &mut annotation {
                        citation.index = Some(index);
                    }
                    Some(annotation)
                };
                let annotations: Vec<_> = (self.cited..)
                    .zip(&citations)
                    .filter_map(numbered)
                    .collect();
                self.cited += annotations.len() as u64;
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
        let logprobs = format!("{{\"content\":{},\"refusal\":null}}", one_line(json));
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
            Event::Search { search, .. } => self.search(&search, out),
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
#[path = "stream_encode_tests.rs"]
mod tests;
