//! The body of a response, and with it the life of a request.
//!
//! The ticket inside holds the permits and writes the record when the body is dropped, whether
//! that is because it was sent or because the client left.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use proxai_types::Usage;
use proxai_upstream::{ReplyBody, UpstreamError};
use tokio::time::{Instant, Sleep, sleep};

use crate::account::record::{Outcome, Ticket};
use crate::answer::stream::StreamBody;
use crate::answer::usage;

/// The body of a response.
#[derive(Debug)]
pub struct GatewayBody {
    source: Source,
    ticket: Option<Box<Ticket>>,
}

#[derive(Debug)]
pub(crate) enum Source {
    /// All of it is here.
    Whole(Bytes),
    /// Passed on as it comes.
    Forward(Box<Forward>),
    /// A stream of events.
    Stream(Box<StreamBody>),
}

/// An upstream's body that is passed on as it comes.
#[derive(Debug)]
pub(crate) struct Forward {
    /// What was read before the head was sent.
    pub(crate) first: Option<Bytes>,
    pub(crate) inner: ReplyBody,
    /// The latest piece, for the usage that stands at the end; kept only where there can be one.
    tail: Option<Bytes>,
    idle: Duration,
    heard: Instant,
    timer: Option<Pin<Box<Sleep>>>,
}

/// Why a body broke off. The connection is closed, which is all that is left to say.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The upstream's body broke off.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The upstream went silent.
    #[error("the upstream sent nothing for {} s", .0.as_secs())]
    Idle(Duration),
}

impl From<Infallible> for BodyError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl Forward {
    pub(crate) fn new(
        first: Option<Bytes>,
        inner: ReplyBody,
        idle: Duration,
        wants_usage: bool,
    ) -> Self {
        Self {
            tail: wants_usage.then(|| first.clone().unwrap_or_default()),
            first,
            inner,
            idle,
            heard: Instant::now(),
            timer: None,
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            self.heard = Instant::now();
            if let (Some(tail), Some(Ok(frame))) = (&mut self.tail, &frame)
                && let Some(data) = frame.data_ref()
            {
                tail.clone_from(data);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(BodyError::from)));
        }
        loop {
            let due = self.heard + self.idle;
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.idle)));
            if timer.deadline() < due && Instant::now() >= timer.deadline() {
                timer.as_mut().reset(due);
            }
            ready!(timer.as_mut().poll(cx));
            if Instant::now() >= due {
                return Poll::Ready(Some(Err(BodyError::Idle(self.idle))));
            }
            timer.as_mut().reset(due);
        }
    }

    fn usage(&self) -> Option<Usage> {
        usage::in_tail(self.tail.as_ref()?)
    }
}

impl GatewayBody {
    /// A body that is all here and belongs to no request that is accounted.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self {
            source: Source::Whole(bytes.into()),
            ticket: None,
        }
    }

    pub(crate) fn new(source: Source, ticket: Box<Ticket>) -> Self {
        let mut body = Self {
            source,
            ticket: Some(ticket),
        };
        if body.is_end_stream() {
            body.end(Outcome::End);
        }
        body
    }

    fn end(&mut self, outcome: Outcome) {
        let Some(mut ticket) = self.ticket.take() else {
            return;
        };
        match &mut self.source {
            Source::Whole(_) => {}
            Source::Forward(forward) => {
                match outcome {
                    Outcome::Stalled => ticket.record.error = Some("upstream_idle_timeout".into()),
                    Outcome::Cut => ticket.record.error = Some("upstream_broken".into()),
                    _ => {}
                }
                if ticket.record.usage.is_none() {
                    ticket.record.usage = forward.usage();
                }
            }
            Source::Stream(stream) => {
                ticket.record.usage = stream.usage();
                ticket.record.continuations = stream.continuations();
                ticket.record.losses.extend(stream.take_losses());
                ticket.record.error = stream.error().map(Into::into);
            }
        }
        // An error's body that was sent in full is still an error.
        let outcome = match ticket.record.outcome {
            Outcome::Error if outcome == Outcome::End => Outcome::Error,
            _ => outcome,
        };
        ticket.end(outcome);
    }
}

impl Drop for GatewayBody {
    fn drop(&mut self) {
        let outcome = match &self.source {
            // Many clients leave at the last event instead of waiting for the end of the body.
            Source::Stream(stream) if stream.is_told() => stream.outcome(),
            _ => Outcome::ClientClosed,
        };
        self.end(outcome);
    }
}

impl Body for GatewayBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let frame = match &mut this.source {
            Source::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                (!bytes.is_empty()).then(|| Ok(Frame::data(bytes)))
            }
            Source::Forward(forward) => ready!(forward.poll_next(cx)),
            Source::Stream(stream) => {
                ready!(stream.poll_next(cx)).map(|bytes| Ok(Frame::data(bytes)))
            }
        };
        if let Some(ticket) = &mut this.ticket {
            ticket.first_byte();
        }
        match &frame {
            Some(Ok(_)) => {
                if this.is_end_stream() {
                    this.end(Outcome::End);
                }
            }
            Some(Err(BodyError::Idle(_))) => this.end(Outcome::Stalled),
            Some(Err(BodyError::Upstream(_))) => this.end(Outcome::Cut),
            None => {
                let outcome = match &this.source {
                    Source::Stream(stream) => stream.outcome(),
                    _ => Outcome::End,
                };
                this.end(outcome);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Whole(bytes) => bytes.is_empty(),
            Source::Forward(forward) => forward.first.is_none() && forward.inner.is_end_stream(),
            Source::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Forward(forward) => {
                let first = forward.first.as_ref().map_or(0, Bytes::len) as u64;
                match forward.inner.size_hint().exact() {
                    Some(rest) => SizeHint::with_exact(first + rest),
                    None => SizeHint::default(),
                }
            }
            Source::Stream(_) => SizeHint::default(),
        }
    }
}
