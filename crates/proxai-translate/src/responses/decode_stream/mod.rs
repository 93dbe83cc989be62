//! Streams, read.
//!
//! Clients of this API live on `output_item.done` and `response.completed` alone, so some upstreams
//! send nothing else; others send deltas and leave out what repeats them. Whatever comes first is
//! passed on, and what comes later only adds what is new ([`Progress`]). Items are told apart by
//! `output_index`: one vendor gives the same item another id in every event.
//!
//! A reasoning part is opened late, when its first text or the finished item shows of what kind it
//! is; calls of shells and the editor when they are whole, since their deltas are no JSON.

mod deltas;
mod rest;
mod slots;
#[cfg(test)]
mod tests;
mod whole;

use proxai_ir::{Event, Failure, FailureKind, Sink, Start};
use proxai_json::{RawValue, Str};
use proxai_responses::{ContentPart, ErrorEvent, Response, Status, StreamEvent};
use proxai_sse::Frame;

use self::deltas::tell_piece;
use self::slots::Slot;
use super::{content, decode_reply, failure};
use crate::adapter::{ReplyError, StreamDecoder};
use crate::ids::Given;

/// Reads one stream.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    started: bool,
    ended: bool,
    parts: u32,
    calls: bool,
    refusal: bool,
    searches: u64,
    given: Given,
    items: Vec<(u64, Slot)>,
}

impl StreamDecoder for Decoder {
    fn frame(&mut self, frame: &Frame, sink: &mut dyn Sink) {
        if self.ended {
            return;
        }
        if frame.is_comment() {
            return sink.event(Event::Keepalive);
        }
        if frame.is_done() {
            return self.end(sink);
        }
        match proxai_json::from_slice(frame.data()) {
            Ok(event) => self.take(event, sink),
            Err(error) => self.fail(
                Failure::new(
                    FailureKind::BadUpstream,
                    format!("the upstream sent an event that could not be read: {error}"),
                ),
                sink,
            ),
        }
    }

    fn end(&mut self, sink: &mut dyn Sink) {
        if !self.ended {
            let cut = Failure::new(
                FailureKind::BadUpstream,
                "the upstream closed the stream before its answer was complete",
            );
            self.fail(cut.with_code("upstream_stream_cut"), sink);
        }
    }
}

impl Decoder {
    fn fail(&mut self, failure: Failure, sink: &mut dyn Sink) {
        self.ended = true;
        sink.event(Event::Failure(failure));
    }

    fn take(&mut self, event: StreamEvent<'_>, sink: &mut dyn Sink) {
        match event {
            StreamEvent::Created(event)
            | StreamEvent::InProgress(event)
            | StreamEvent::Queued(event) => {
                if self.started {
                    sink.event(Event::Keepalive);
                } else {
                    self.start(event.response, sink);
                }
            }
            StreamEvent::Completed(event) => self.finish(event.response, Status::Completed, sink),
            StreamEvent::Incomplete(event) => self.finish(event.response, Status::Incomplete, sink),
            StreamEvent::Failed(event) => self.finish(event.response, Status::Failed, sink),
            StreamEvent::Error(event) => self.fail(failure::of_event(event), sink),
            StreamEvent::Keepalive(_) => sink.event(Event::Keepalive),
            StreamEvent::ItemAdded(event) => self.item_added(&event, sink),
            StreamEvent::ItemDone(event) => self.item_done(&event, sink),
            StreamEvent::PartAdded(event) => {
                let (item, index) = (self.index(event.output_index), event.content_index);
                match event.part {
                    Some(ContentPart::OutputText(_)) => {
                        self.piece(item, index.unwrap_or(0), false, sink);
                    }
                    Some(ContentPart::Refusal(_)) => {
                        self.piece(item, index.unwrap_or(0), true, sink);
                    }
                    _ => {}
                }
            }
            StreamEvent::PartDone(event) => {
                let (item, index) = (
                    self.index(event.output_index),
                    event.content_index.unwrap_or(0),
                );
                match event.part {
                    Some(ContentPart::ReasoningText(part)) => {
                        self.thought(item, (false, index), &part.text, true, sink);
                    }
                    Some(part) => self.piece_done(item, index, part, sink),
                    None => {}
                }
            }
            StreamEvent::TextDelta(event) => self.text_delta(&event, false, sink),
            StreamEvent::RefusalDelta(event) => self.text_delta(&event, true, sink),
            StreamEvent::TextDone(event) => {
                let item = self.index(event.output_index);
                let piece = self.piece(item, event.content_index.unwrap_or(0), false, sink);
                tell_piece(piece, &event.text, event.logprobs, sink);
            }
            StreamEvent::RefusalDone(event) => {
                let item = self.index(event.output_index);
                let piece = self.piece(item, event.content_index.unwrap_or(0), true, sink);
                tell_piece(piece, &event.refusal, None, sink);
            }
            StreamEvent::AnnotationAdded(event) => {
                let item = self.index(event.output_index);
                let piece = self.piece(item, event.content_index.unwrap_or(0), false, sink);
                let citation = event.annotation.and_then(content::citation);
                if let (Some(piece), Some(citation)) = (piece, citation) {
                    piece.citations += 1;
                    sink.event(Event::Cite {
                        part: piece.part,
                        citation,
                    });
                }
            }
            StreamEvent::ReasoningDelta(event) => {
                let item = self.index(event.output_index);
                let section = (false, event.content_index.unwrap_or(0));
                self.thought(item, section, &event.delta, false, sink);
            }
            StreamEvent::ReasoningDone(event) => {
                let item = self.index(event.output_index);
                let section = (false, event.content_index.unwrap_or(0));
                self.thought(item, section, &event.text, true, sink);
            }
            StreamEvent::SummaryDelta(event) => {
                let item = self.index(event.output_index);
                let section = (true, event.summary_index.unwrap_or(0));
                self.thought(item, section, &event.delta, false, sink);
            }
            StreamEvent::SummaryDone(event) => {
                let item = self.index(event.output_index);
                let section = (true, event.summary_index.unwrap_or(0));
                self.thought(item, section, &event.text, true, sink);
            }
            StreamEvent::ArgumentsDelta(event) | StreamEvent::CustomInputDelta(event) => {
                let item = self.index(event.output_index);
                self.input(item, &event.delta.0, false, sink);
            }
            StreamEvent::ArgumentsDone(event) => {
                let item = self.index(event.output_index);
                self.input(item, &event.arguments.0, true, sink);
            }
            StreamEvent::CustomInputDone(event) => {
                let item = self.index(event.output_index);
                self.input(item, &event.input.0, true, sink);
            }
            StreamEvent::Unknown(event) => self.unknown(&event, sink),
            // Progress of tools that the provider runs, and what the finished item repeats.
            _ => {}
        }
    }

    fn unknown(&mut self, event: &proxai_json::Unknown<'_>, sink: &mut dyn Sink) {
        if event.kind.ends_with("keepalive") || event.kind == "ping" {
            return sink.event(Event::Keepalive);
        }
        // An error body as an event, without a type of its own.
        if event.kind.is_empty()
            && let Some(error) = event.members.get("error")
            && let Ok(error) = serde_json::from_str(error.get())
        {
            let event = ErrorEvent {
                error: Some(error),
                ..ErrorEvent::default()
            };
            self.fail(failure::of_event(event), sink);
        }
    }

    fn start(&mut self, response: Option<&RawValue>, sink: &mut dyn Sink) {
        let response: Response<'_> = response
            .and_then(|raw| serde_json::from_str(raw.get()).ok())
            .unwrap_or_default();
        self.started = true;
        sink.event(Event::Start(Start {
            id: response.id,
            model: response.model.unwrap_or_default(),
            created: response
                .created_at
                .map(|time| time.0)
                .filter(|time| *time > 0),
            service_tier: response.service_tier,
        }));
    }

    fn finish(&mut self, response: Option<&RawValue>, told: Status<'static>, sink: &mut dyn Sink) {
        let read = response.map(|raw| proxai_json::from_str::<Response<'_>>(raw.get()));
        let response = match read {
            Some(Ok(response)) => response,
            None => Response::default(),
            Some(Err(error)) => return self.fail(unreadable(&ReplyError::Json(error)), sink),
        };
        if !self.started {
            self.start_with(&response, sink);
        }
        if let Err(failure) = self.tell_rest(&response, sink) {
            return self.fail(failure, sink);
        }
        if let Some(usage) = decode_reply::usage(&response, self.searches) {
            sink.event(Event::Usage(usage));
        }
        match decode_reply::ending(&response, told, self.calls, self.refusal) {
            Ok(finish) => {
                for at in 0..self.items.len() {
                    let index = self.items[at].0;
                    self.close_slot(index, sink);
                }
                self.ended = true;
                sink.event(Event::Finish(finish));
            }
            Err(failure) => self.fail(failure, sink),
        }
    }

    fn start_with(&mut self, response: &Response<'_>, sink: &mut dyn Sink) {
        self.started = true;
        sink.event(Event::Start(Start {
            id: response.id.reborrow(),
            model: response
                .model
                .as_ref()
                .map(Str::reborrow)
                .unwrap_or_default(),
            created: response
                .created_at
                .map(|time| time.0)
                .filter(|time| *time > 0),
            service_tier: response.service_tier.as_ref().map(Str::reborrow),
        }));
    }
}

fn unreadable(error: &ReplyError) -> Failure {
    Failure::new(FailureKind::BadUpstream, error.to_string())
}
