//! The body of a streamed answer: polls the upstream, feeds an engine, watches the clock.
//!
//! No task and no channel: back-pressure and cancellation are the connection's own, and dropping
//! this body drops the upstream request (S6). Whatever one read brought leaves in one piece (S5).
//!
//! Two answers may follow each other in one stream: a turn that the upstream pauses is sent again
//! from here, and the client sees one answer that takes a little longer (case 104).
//!
//! Surprise: the body is polled before there is a response. Until the engine has started, the head
//! is held back, because an error that comes first is still a status then (R5).

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Body;
use proxai_ir::{Failure, FailureKind, Losses};
use proxai_sse::Decoder;
use proxai_translate::{StreamTranslator, Verdict};
use proxai_types::Usage;
use proxai_upstream::ReplyBody;

use crate::account::record::Outcome;
use crate::answer::declined::Scout;
use crate::answer::output::Output;
use crate::answer::pulse::{Pulse, Tick};
use crate::answer::restore::Restorer;
use crate::answer::tap::Tap;
use crate::outbound::continuing::{Continuing, Going, Next};
use crate::problem::{Cause, Problem};

/// What makes the client's bytes out of the upstream's.
#[derive(Debug)]
pub(crate) enum Engine {
    /// Within one protocol.
    Tap(Box<Tap>),
    /// Between two.
    Translate(Decoder, Box<StreamTranslator>),
}

impl Engine {
    fn push(&mut self, chunk: Bytes, out: &mut Output) {
        match self {
            Self::Tap(tap) => tap.push(chunk, out),
            Self::Translate(frames, translator) => {
                frames.push(chunk);
                loop {
                    match frames.next_frame() {
                        Ok(Some(frame)) => translator.push(&frame, out.buffer()),
                        Ok(None) => break,
                        Err(oversized) => {
                            let failure =
                                Failure::new(FailureKind::BadUpstream, oversized.to_string())
                                    .with_code("upstream_event_too_large");
                            translator.fail(failure, out.buffer());
                            break;
                        }
                    }
                }
            }
        }
    }

    /// The upstream's body ended. Returns whether that was too early, as far as it is known.
    fn end(&mut self, out: &mut Output) -> bool {
        match self {
            Self::Tap(tap) => tap.end(out),
            Self::Translate(frames, translator) => {
                while let Ok(Some(frame)) = frames.finish() {
                    translator.push(&frame, out.buffer());
                }
                let ended = translator.ended();
                translator.end(out.buffer());
                !ended && translator.failed()
            }
        }
    }

    fn fail(&mut self, failure: Failure, out: &mut Output) {
        match self {
            Self::Tap(tap) => tap.fail(failure, out),
            Self::Translate(_, translator) => translator.fail(failure, out.buffer()),
        }
    }

    fn keepalive(&mut self, out: &mut Output) {
        match self {
            Self::Tap(tap) => tap.keepalive(out),
            Self::Translate(_, translator) => translator.keepalive(out.buffer()),
        }
    }

    const fn started(&self) -> bool {
        match self {
            Self::Tap(tap) => tap.started(),
            Self::Translate(_, translator) => translator.started(),
        }
    }

    const fn ended(&self) -> bool {
        match self {
            Self::Tap(tap) => tap.ended(),
            Self::Translate(_, translator) => translator.ended(),
        }
    }

    /// The code of the error with which it ended instead of an answer.
    fn error(&self) -> Option<&str> {
        match self {
            Self::Tap(tap) => tap.error(),
            Self::Translate(_, translator) => translator.error_code(),
        }
    }

    const fn refused(&self) -> Option<&Failure> {
        match self {
            Self::Tap(tap) => tap.refused(),
            Self::Translate(_, translator) => translator.failure_before_start(),
        }
    }

    fn usage(&self) -> Option<Usage> {
        match self {
            Self::Tap(tap) => tap.usage(),
            Self::Translate(_, translator) => Some(translator.usage_or_estimate()),
        }
    }

    const fn open_tool_call(&self) -> Option<u64> {
        match self {
            Self::Tap(tap) => tap.open_tool_call(),
            Self::Translate(_, translator) => translator.open_tool_call(),
        }
    }

    /// Whether the upstream has paused the turn and it may go on.
    const fn paused(&self) -> bool {
        match self {
            Self::Tap(_) => false,
            Self::Translate(_, translator) => translator.paused(),
        }
    }

    /// The body that continues the paused turn.
    fn continuation(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::Tap(_) => None,
            Self::Translate(_, translator) => translator.continuation(request),
        }
    }

    /// Reads on with another answer of the same turn.
    fn resume(&mut self, next: Decoder) {
        if let Self::Translate(frames, translator) = self {
            *frames = next;
            translator.resume();
        }
    }

    /// An answer that came whole.
    fn push_whole(&mut self, body: &[u8], out: &mut Output) {
        if let Self::Translate(_, translator) = self {
            translator.push_whole(body, out.buffer());
        }
    }

    /// Lets the pause be the end.
    fn settle(&mut self, out: &mut Output) {
        if let Self::Translate(_, translator) = self {
            translator.settle(out.buffer());
        }
    }

    fn take_losses(&mut self) -> Losses {
        match self {
            Self::Tap(_) => Losses::new(),
            Self::Translate(_, translator) => translator.take_losses(),
        }
    }
}

/// A streamed answer.
#[derive(Debug)]
pub(crate) struct StreamBody {
    /// Gone when it has ended, failed or lingered too long.
    inner: Option<ReplyBody>,
    /// Works on the upstream's bytes before the engine sees them (P12).
    restorer: Option<Box<Restorer>>,
    /// Reads along until it is known whether this is a refusal; `None` where that does not matter.
    scout: Option<Box<Scout>>,
    /// How to send a paused turn again; `None` where the upstream pauses none.
    continuing: Option<Box<Continuing>>,
    /// The next answer of the turn, which was asked for.
    going: Option<Going>,
    engine: Engine,
    out: Output,
    pulse: Pulse,
    outcome: Outcome,
}

impl StreamBody {
    pub(crate) fn new(inner: ReplyBody, engine: Engine, pulse: Pulse) -> Self {
        Self {
            inner: Some(inner),
            restorer: None,
            scout: None,
            continuing: None,
            going: None,
            engine,
            out: Output::default(),
            pulse,
            outcome: Outcome::End,
        }
    }

    /// Gives renamed tools their names back.
    pub(crate) fn restore(&mut self, restorer: Restorer) {
        self.restorer = Some(Box::new(restorer));
    }

    /// Holds the answer until it is known whether it is a refusal.
    pub(crate) fn scout(&mut self, scout: Scout) {
        self.scout = Some(Box::new(scout));
    }

    /// Whether what has begun is a refusal. It is not looked for any further.
    pub(crate) fn take_refusal(&mut self) -> bool {
        let scout = self.scout.take();
        scout.is_some_and(|scout| scout.verdict() == Verdict::Refuses)
    }

    /// Sends the turn again if the upstream pauses it. The engine has to hold pauses back.
    pub(crate) fn continue_with(&mut self, continuing: Box<Continuing>) {
        self.continuing = Some(continuing);
    }

    /// How often the turn was sent again.
    pub(crate) fn continuations(&self) -> u32 {
        self.continuing.as_ref().map_or(0, |it| it.count())
    }

    /// Whether nothing more will come.
    const fn is_over(&self) -> bool {
        self.inner.is_none() && self.going.is_none() && !self.engine.paused()
    }

    /// Waits until the answer has begun, or is known to be an error. A refusal that matters is a
    /// beginning too.
    pub(crate) async fn begin(&mut self) -> Result<(), Failure> {
        poll_fn(|cx| {
            loop {
                if let Some(failure) = self.engine.refused() {
                    return Poll::Ready(Err(failure.clone()));
                }
                let begun = match self.scout.as_ref().map(|scout| scout.verdict()) {
                    Some(Verdict::Refuses) => true,
                    Some(Verdict::Open) => false,
                    Some(Verdict::Answers) | None => self.engine.started(),
                };
                if begun || self.is_over() {
                    return Poll::Ready(Ok(()));
                }
                ready!(self.poll_progress(cx));
            }
        })
        .await
    }

    /// The next bytes for the client.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if let Some(bytes) = self.out.take() {
                self.pulse.sent();
                return Poll::Ready(Some(bytes));
            }
            if self.is_over() {
                return Poll::Ready(None);
            }
            ready!(self.poll_progress(cx));
        }
    }

    /// Whether the client has all of it, though the upstream's body may not have ended.
    pub(crate) fn is_told(&self) -> bool {
        self.engine.ended() && self.out.is_empty()
    }

    /// How it ended.
    pub(crate) const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The code of the error with which it ended, if it did.
    pub(crate) fn error(&self) -> Option<&str> {
        match self.outcome {
            Outcome::End | Outcome::ClientClosed => None,
            // Whatever ends a stream early has a code, but for a panic on the way to it.
            _ => self.engine.error().or(Some("internal_error")),
        }
    }

    /// What it cost so far.
    pub(crate) fn usage(&self) -> Option<Usage> {
        self.engine.usage()
    }

    /// What the client's form could not carry.
    pub(crate) fn take_losses(&mut self) -> Losses {
        self.engine.take_losses()
    }

    fn poll_progress(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(inner) = &mut self.inner else {
            return self.poll_between(cx);
        };
        match Pin::new(inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Ok(chunk) = frame.into_data() {
                    self.pulse.heard();
                    self.push(chunk);
                    if self.engine.paused() {
                        self.pulse.linger();
                    } else if self.engine.ended() {
                        if self.engine.error().is_some() && self.outcome == Outcome::End {
                            self.outcome = Outcome::Error;
                        }
                        self.pulse.linger();
                    }
                }
            }
            // What was to come has come.
            Poll::Ready(Some(Err(_))) if self.engine.paused() => self.inner = None,
            Poll::Ready(Some(Err(error))) => {
                self.stop(
                    Failure::new(FailureKind::BadUpstream, error.to_string())
                        .with_code("upstream_stream_cut"),
                    Outcome::Cut,
                );
            }
            Poll::Ready(None) => {
                self.inner = None;
                if let Some(restorer) = &mut self.restorer {
                    let rest = restorer.end();
                    self.guarded(|engine, out| {
                        engine.push(rest, out);
                        false
                    });
                }
                if let Some(mut scout) = self.scout.take() {
                    self.guarded(|_, _| {
                        scout.end();
                        false
                    });
                    self.scout = Some(scout);
                }
                if self.guarded(Engine::end) {
                    self.outcome = Outcome::Cut;
                } else if self.engine.error().is_some() && self.outcome == Outcome::End {
                    self.outcome = Outcome::Error;
                }
            }
            Poll::Pending => match ready!(self.pulse.poll(cx, self.engine.open_tool_call())) {
                Tick::Keepalive => {
                    // A client that hears nothing leaves.
                    self.scout = None;
                    self.engine.keepalive(&mut self.out);
                }
                Tick::Idle(after) => self.stop(
                    Failure::new(
                        FailureKind::Timeout,
                        format!("the upstream sent nothing for {} s", after.as_secs()),
                    )
                    .with_code("upstream_idle_timeout"),
                    Outcome::Stalled,
                ),
                Tick::CallStalled(after) => self.stop(
                    Failure::new(
                        FailureKind::Timeout,
                        format!(
                            "a tool call got no further arguments for {} s",
                            after.as_secs()
                        ),
                    )
                    .with_code("tool_call_timeout"),
                    Outcome::Stalled,
                ),
                Tick::Lingered => self.inner = None,
            },
        }
        Poll::Ready(())
    }

    /// Between two answers of one turn.
    fn poll_between(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(going) = &mut self.going else {
            self.go_on();
            return Poll::Ready(());
        };
        if let Poll::Ready(next) = going.poll(cx) {
            self.going = None;
            self.pulse.again();
            match next {
                Ok(next) => self.read_on(next),
                Err(problem) => self.give_up(*problem),
            }
            return Poll::Ready(());
        }
        match ready!(self.pulse.poll(cx, None)) {
            Tick::Keepalive => self.engine.keepalive(&mut self.out),
            // Sending has a clock of its own, which tells more.
            Tick::Idle(_) | Tick::CallStalled(_) | Tick::Lingered => self.pulse.again(),
        }
        Poll::Ready(())
    }

    /// Sends a paused turn again, or lets the pause be its end.
    fn go_on(&mut self) {
        let Self {
            continuing, engine, ..
        } = self;
        let body = continuing
            .as_ref()
            .filter(|continuing| continuing.may_go_on())
            .and_then(|continuing| engine.continuation(continuing.body()));
        match (body, continuing) {
            (Some(body), Some(continuing)) => {
                self.going = Some(continuing.send(body));
                self.pulse.again();
            }
            _ => {
                self.guarded(|engine, out| {
                    engine.settle(out);
                    false
                });
            }
        }
    }

    fn read_on(&mut self, next: Next) {
        let Some(continuing) = &self.continuing else {
            return;
        };
        self.engine.resume(continuing.frames());
        match next {
            Next::Events(body) => {
                self.restorer = continuing.restorer().map(Box::new);
                self.inner = Some(body);
            }
            Next::Whole(body) => {
                self.guarded(|engine, out| {
                    engine.push_whole(&body, out);
                    false
                });
                if self.engine.error().is_some() {
                    self.outcome = Outcome::Error;
                }
            }
        }
    }

    /// The continuation was refused or did not arrive.
    fn give_up(&mut self, problem: Problem) {
        self.outcome = match problem.cause {
            Cause::Timeout => Outcome::Stalled,
            Cause::Transport => Outcome::Cut,
            _ => Outcome::Error,
        };
        self.guarded(|engine, out| {
            engine.fail(problem.failure, out);
            false
        });
    }

    fn push(&mut self, chunk: Bytes) {
        let chunk = match &mut self.restorer {
            None => chunk,
            Some(restorer) => match restorer.push(chunk) {
                Ok(restored) => restored,
                Err(oversized) => {
                    let failure = Failure::new(FailureKind::BadUpstream, oversized.to_string())
                        .with_code("upstream_event_too_large");
                    return self.stop(failure, Outcome::Error);
                }
            },
        };
        if !chunk.is_empty() {
            let mut scout = self.scout.take();
            self.guarded(|engine, out| {
                if let Some(scout) = &mut scout {
                    scout.push(chunk.clone());
                }
                engine.push(chunk, out);
                false
            });
            self.scout = scout;
        }
    }

    fn stop(&mut self, failure: Failure, outcome: Outcome) {
        self.inner = None;
        if !self.engine.ended() {
            self.outcome = outcome;
            self.guarded(|engine, out| {
                engine.fail(failure, out);
                false
            });
        }
    }

    /// A panic over some input ends this stream with an error and no other one (X2).
    fn guarded(&mut self, step: impl FnOnce(&mut Engine, &mut Output) -> bool) -> bool {
        let (engine, out) = (&mut self.engine, &mut self.out);
        if let Ok(result) = catch_unwind(AssertUnwindSafe(|| step(engine, out))) {
            return result;
        }
        tracing::error!("a panic ended a stream; please report what the upstream sent");
        self.inner = None;
        self.outcome = Outcome::Error;
        let failure = Failure::new(FailureKind::Internal, "an internal error ended the stream")
            .with_code("internal_error");
        // If even that panics, the missing end tells the client.
        catch_unwind(AssertUnwindSafe(|| engine.fail(failure, out))).is_err()
    }
}
