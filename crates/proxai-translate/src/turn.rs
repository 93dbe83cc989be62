//! A whole answer that may take the upstream several: it pauses the turn, gets it back, and goes on
//! (case 104).
//!
//! What the answers say is read as one answer: one id, all parts in order, all costs added up,
//! since each request is billed. For a stream that is told as it comes the same is done by
//! [`StreamTranslator`](crate::StreamTranslator).

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use proxai_ir::{Accumulator, Event, Finish, Response, Sink, StopReason};
use proxai_sse::Decoder;
use proxai_types::{Protocol, Usage};

use crate::adapter::{ReplyError, StreamDecoder, adapter};
use crate::context::ReplyContext;
use crate::pipeline::{Translated, encode, stream_encoder};
use crate::reasoning::ReasoningFilter;
use crate::tally::Tally;
use crate::tools::restore_response;
use crate::verdict::{Judge, Verdict};

/// One turn of an upstream that may pause it ([`Adapter::may_pause`](crate::Adapter::may_pause)).
///
/// ```
/// use std::sync::Arc;
///
/// use proxai_translate::{ReplyContext, Turn};
/// use proxai_types::Protocol;
///
/// let request = br#"{"messages":[{"role":"user","content":"Find it"}]}"#;
/// let reply = ReplyContext::new("house", "some-provider", Protocol::Messages, "1", 1_760_000_000);
/// let mut turn = Turn::new(Arc::new(reply));
/// turn.whole(br#"{"content":[{"type":"text","text":"Still looking. "}],"stop_reason":"pause_turn"}"#);
/// let again = turn.continuation(request).expect("it was paused");
/// assert!(again.ends_with(
///     br#"{"role":"assistant","content":[{"type":"text","text":"Still looking. "}]}]}"#
/// ));
/// turn.resume();
/// turn.whole(br#"{"content":[{"type":"text","text":"Found."}],"stop_reason":"end_turn"}"#);
/// let told = turn.translate(Protocol::Chat)?;
/// let told: serde_json::Value = serde_json::from_slice(&told.body).unwrap();
/// assert_eq!(told["choices"][0]["message"]["content"], "Still looking. Found.");
/// # Ok::<(), proxai_translate::ReplyError>(())
/// ```
pub struct Turn {
    decoder: Box<dyn StreamDecoder>,
    told: Told,
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn")
            .field("paused", &self.told.paused)
            .finish_non_exhaustive()
    }
}

/// What was told so far.
struct Told {
    reply: Arc<ReplyContext>,
    tally: Tally,
    filter: ReasoningFilter,
    answer: Accumulator,
    judge: Judge,
    paused: Option<Finish<'static>>,
}

impl Sink for Told {
    fn event(&mut self, event: Event<'_>) {
        if let Event::Finish(finish) = &event
            && finish.reason == StopReason::Pause
        {
            self.paused = Some(finish.clone().into_static());
        } else {
            self.pass(event);
        }
    }
}

impl Told {
    fn pass(&mut self, event: Event<'_>) {
        self.judge.note(&event);
        let Self {
            reply,
            tally,
            filter,
            answer,
            ..
        } = self;
        // The filter sees the events and not their fold, so that parts that interleave get the
        // order that a client of the stream would see.
        tally.pass(event, reply.estimated_input, &mut |event: Event<'_>| {
            filter.pass(event, answer);
        });
    }
}

impl Turn {
    /// A turn of which nothing was told.
    pub fn new(reply: Arc<ReplyContext>) -> Self {
        let mut turn = Self::forgetful(reply);
        turn.decoder.remember();
        turn
    }

    /// A turn that will not be continued.
    pub(crate) fn forgetful(reply: Arc<ReplyContext>) -> Self {
        Self {
            decoder: adapter(reply.upstream).stream_decoder_with(reply.reasoning.fields),
            told: Told {
                tally: Tally::default(),
                filter: ReasoningFilter::new(reply.reasoning),
                answer: Accumulator::new(),
                judge: Judge::default(),
                paused: None,
                reply,
            },
        }
    }

    /// Reads an answer in JSON.
    pub fn whole(&mut self, body: &[u8]) {
        self.decoder.whole(body, &mut self.told);
    }

    /// Reads an answer that is a stream and is all here.
    pub fn stream(&mut self, body: Bytes) {
        let mut frames = Decoder::new();
        frames.push(body);
        while let Ok(Some(frame)) = frames.next_frame() {
            self.decoder.frame(&frame, &mut self.told);
        }
        if let Ok(Some(frame)) = frames.finish() {
            self.decoder.frame(&frame, &mut self.told);
        }
        self.decoder.end(&mut self.told);
    }

    /// The request that continues the turn, made of the first one; `None` if it was not paused or
    /// cannot be continued.
    pub fn continuation(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        self.told.paused.as_ref()?;
        self.decoder.continuation(request)
    }

    /// What is read next is the answer to the continuation.
    pub fn resume(&mut self) {
        self.told.paused = None;
        self.decoder.resume();
    }

    /// Whether it is a refusal and nothing else (case 105).
    pub fn refuses(&self) -> bool {
        self.told.judge.verdict() == Verdict::Refuses
    }

    /// The answer for a client.
    pub fn translate(self, client: Protocol) -> Result<Translated, ReplyError> {
        let reply = Arc::clone(&self.told.reply);
        Ok(encode(client, &reply, &self.response()?))
    }

    /// The answer as a stream, for a client that asked for one.
    pub fn replay(self, client: Protocol, out: &mut BytesMut) -> Result<Option<Usage>, ReplyError> {
        let reply = Arc::clone(&self.told.reply);
        let response = self.response()?;
        let mut encoder = stream_encoder(client, reply, &response.model);
        encoder.whole();
        response.replay(&mut |event: Event<'_>| encoder.event(event, out));
        Ok(response.usage)
    }

    /// All of it, with a pause as its end if it was left at that.
    fn response(mut self) -> Result<Response<'static>, ReplyError> {
        if let Some(finish) = self.told.paused.take() {
            self.decoder.settle(&mut self.told);
            self.told.pass(Event::Finish(finish));
        }
        let Told { reply, answer, .. } = self.told;
        let mut response = answer.into_response().map_err(ReplyError::Failure)?;
        restore_response(&reply.tools, &mut response);
        Ok(response)
    }
}
