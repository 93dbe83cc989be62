//! The body of an upstream's answer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep};

use crate::error::UpstreamError;
use crate::h1::H1Body;

/// Pieces of an answer as they come, from a connection or from inside the process.
#[derive(Debug)]
pub struct ReplyBody(Source);

#[derive(Debug)]
enum Source {
    Incoming(Incoming),
    H1(H1Body),
    Pieces(std::vec::IntoIter<Bytes>, Pace),
}

/// The time between pieces made here, so that a stream looks like one.
#[derive(Debug, Default)]
struct Pace {
    pause: Duration,
    begun: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl ReplyBody {
    /// A body made inside the process, one frame per piece, with a pause before each but the
    /// first.
    pub fn from_pieces(pieces: Vec<Bytes>, pause: Duration) -> Self {
        let pace = Pace {
            pause,
            ..Pace::default()
        };
        Self(Source::Pieces(pieces.into_iter(), pace))
    }
}

impl From<H1Body> for ReplyBody {
    fn from(body: H1Body) -> Self {
        Self(Source::H1(body))
    }
}

impl From<Incoming> for ReplyBody {
    fn from(body: Incoming) -> Self {
        Self(Source::Incoming(body))
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = UpstreamError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UpstreamError>>> {
        match &mut self.get_mut().0 {
            Source::Incoming(body) => Pin::new(body)
                .poll_frame(cx)
                .map(|frame| frame.map(|result| result.map_err(UpstreamError::body))),
            Source::H1(body) => Pin::new(body)
                .poll_frame(cx)
                .map(|frame| frame.map(|result| result.map_err(UpstreamError::h1_body))),
            Source::Pieces(pieces, pace) => {
                if pace.begun && !pieces.as_slice().is_empty() && !pace.pause.is_zero() {
                    let timer = pace
                        .timer
                        .get_or_insert_with(|| Box::pin(sleep(pace.pause)));
                    ready!(timer.as_mut().poll(cx));
                    pace.timer = None;
                }
                pace.begun = true;
                Poll::Ready(pieces.next().map(|data| Ok(Frame::data(data))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Incoming(body) => body.is_end_stream(),
            Source::H1(body) => body.is_end_stream(),
            Source::Pieces(pieces, _) => pieces.as_slice().is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Incoming(body) => body.size_hint(),
            Source::H1(body) => body.size_hint(),
            Source::Pieces(pieces, _) => {
                SizeHint::with_exact(pieces.as_slice().iter().map(|p| p.len() as u64).sum())
            }
        }
    }
}
