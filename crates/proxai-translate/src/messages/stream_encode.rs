//! Hub events as a Messages stream.
//!
//! Every frame has an `event:` line equal to its `type`. The stream ends with `message_stop` or
//! with an `error` event, never with both and never with `[DONE]` (cases 8, 9, 110). The prompt
//! count of `message_start` is an estimate unless the upstream counted first; `message_delta`
//! has the truth (case 102).

use std::sync::Arc;

use bytes::BytesMut;
use proxai_ir::{Event, Failure, FailureKind, Finish, Losses, Start};
use proxai_json::{Nullable, Str, StringOr, Text};
use proxai_messages as wire;
use proxai_messages::{ContentBlock, Delta, StreamEvent};
use proxai_sse::encode;
use proxai_types::Usage;

use super::response_encode::service_tier;
use super::slot::Blocks;
use super::writer::{MAX_HELD, Writer};
use super::{failure, stop, usage};
use crate::adapter::StreamEncoder;
use crate::context::ReplyContext;
use crate::ids;

/// Writes one stream.
pub(super) struct Encoder {
    context: Arc<ReplyContext>,
    writer: Writer,
    usage: Usage,
    started: bool,
    ended: bool,
    /// The error that was found while writing.
    failure: Option<Failure>,
}

impl Encoder {
    /// A stream that has not begun.
    pub(super) fn new(context: Arc<ReplyContext>) -> Self {
        Self {
            writer: Writer::new(&context),
            context,
            usage: Usage::default(),
            started: false,
            ended: false,
            failure: None,
        }
    }

    fn start(&mut self, start: &Start<'_>, out: &mut BytesMut) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let id = ids::answer("msg_", &start.id, &self.context.id);
        self.writer.answer(id.clone());
        let mut counts = usage::encode(&self.usage, self.context.estimated_input);
        counts.service_tier = start.service_tier.as_ref().map(service_tier);
        let message = wire::Answer {
            id: id.into(),
            kind: Some(Str::borrowed("message")),
            role: Some(Str::borrowed("assistant")),
            model: Str::from(&*self.context.model),
            content: Some(Text::Parts(Vec::new())),
            stop_reason: Nullable::Null,
            stop_sequence: Nullable::Null,
            usage: Some(counts),
            ..wire::Answer::default()
        };
        let message = Some(message);
        write(
            out,
            &StreamEvent::MessageStart(wire::MessageStart { message }),
        );
    }

    fn finish(&mut self, finish: &Finish<'_>, out: &mut BytesMut) {
        self.start(&Start::default(), out);
        self.writer.finish(&mut Frames(out));
        if let Some(why) = self.writer.broken(finish.reason) {
            let failure = Failure::new(FailureKind::BadUpstream, why);
            return self.fail(failure.with_code("upstream_invalid_tool_input"), out);
        }
        let delta = stop::encode(finish, self.writer.calls(), self.writer.refused());
        let event = wire::MessageDelta {
            delta: Some(delta),
            usage: Some(usage::encode(&self.usage, self.context.estimated_input)),
            ..wire::MessageDelta::default()
        };
        write(out, &StreamEvent::MessageDelta(event));
        write(out, &StreamEvent::MessageStop(wire::MessageStop {}));
        self.ended = true;
    }

    /// Ends the stream with an error that was found while it was written.
    fn fail(&mut self, failure: Failure, out: &mut BytesMut) {
        self.tell(&failure, out);
        self.failure = Some(failure);
    }

    fn tell(&mut self, failure: &Failure, out: &mut BytesMut) {
        self.writer.abort(&mut Frames(out));
        let event = wire::ErrorEvent {
            error: Some(StringOr::Value(failure::body_of(failure))),
            request_id: None,
        };
        write(out, &StreamEvent::Error(event));
        self.ended = true;
    }
}

impl StreamEncoder for Encoder {
    fn event(&mut self, event: Event<'_>, out: &mut BytesMut) {
        if self.ended {
            return;
        }
        match event {
            Event::Start(start) => self.start(&start, out),
            Event::Usage(later) => self.usage.merge(&later),
            Event::Keepalive => write(out, &StreamEvent::Ping(wire::Ping {})),
            Event::Finish(finish) => self.finish(&finish, out),
            Event::Failure(failure) => self.tell(&failure, out),
            event => {
                self.writer.event(event, &mut Frames(out));
                if self.writer.overflows() {
                    let why = format!(
                        "more than {MAX_HELD} bytes of the answer had to wait for an open block"
                    );
                    self.fail(Failure::new(FailureKind::BadUpstream, why), out);
                }
            }
        }
    }

    fn whole(&mut self) {
        self.writer.whole();
    }

    fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    fn take_losses(&mut self) -> Losses {
        std::mem::take(&mut self.writer.losses)
    }
}

/// Writes blocks as frames.
struct Frames<'b>(&'b mut BytesMut);

impl Blocks for Frames<'_> {
    fn start(&mut self, index: u64, block: ContentBlock<'_>) {
        let event = wire::BlockStart {
            index: Some(index),
            content_block: Some(block),
        };
        write(self.0, &StreamEvent::BlockStart(event));
    }

    fn delta(&mut self, index: u64, delta: Delta<'_>) {
        let event = wire::BlockDelta {
            index: Some(index),
            delta: Some(delta),
        };
        write(self.0, &StreamEvent::BlockDelta(event));
    }

    fn stop(&mut self, index: u64) {
        let index = Some(index);
        write(self.0, &StreamEvent::BlockStop(wire::BlockStop { index }));
    }
}

fn write(out: &mut BytesMut, event: &StreamEvent<'_>) {
    encode::open(out, Some(event.kind()));
    proxai_json::write_to(out, event);
    encode::close(out);
}
