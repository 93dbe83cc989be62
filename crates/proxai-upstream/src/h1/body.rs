//! The body of an answer, which owns its connection until it has ended.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::H1Error;
use super::chunked::Chunked;
use super::connection::Connection;
use super::head::Framing;
use super::pool::Home;

/// The body of an answer.
#[derive(Debug)]
pub(crate) struct H1Body {
    /// Gone once the body has ended or failed.
    connection: Option<Connection>,
    framing: Framing,
    /// Where the connection goes if it may be used again.
    home: Option<Home>,
}

impl H1Body {
    pub(super) fn new(connection: Connection, framing: Framing, home: Option<Home>) -> Self {
        let mut body = Self {
            connection: Some(connection),
            framing,
            home,
        };
        if body.has_ended() {
            body.settle();
        }
        body
    }

    fn has_ended(&self) -> bool {
        matches!(
            self.framing,
            Framing::Length(0) | Framing::Chunked(Chunked::Done)
        )
    }

    /// Gives the connection back as soon as its last byte was read, not when the client has it.
    fn settle(&mut self) {
        if let (Some(connection), Some(home)) = (self.connection.take(), self.home.take()) {
            home.give_back(connection);
        }
    }

    fn fail(&mut self, error: H1Error) -> Poll<Option<Result<Frame<Bytes>, H1Error>>> {
        self.connection = None;
        self.home = None;
        self.framing = Framing::Length(0);
        Poll::Ready(Some(Err(error)))
    }
}

impl Body for H1Body {
    type Data = Bytes;
    type Error = H1Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, H1Error>>> {
        let this = self.get_mut();
        loop {
            let Some(connection) = &mut this.connection else {
                return Poll::Ready(None);
            };
            let buffer = &mut connection.buffer;
            let data = match &mut this.framing {
                Framing::Length(left) => {
                    let take = usize::try_from(*left)
                        .unwrap_or(usize::MAX)
                        .min(buffer.len());
                    *left -= take as u64;
                    buffer.split_to(take).freeze()
                }
                Framing::Chunked(chunked) => match chunked.decode(buffer) {
                    Ok(data) => data,
                    Err(error) => return this.fail(error),
                },
                Framing::UntilClose => buffer.split().freeze(),
            };
            if this.has_ended() {
                this.settle();
            }
            if !data.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            let Some(connection) = &mut this.connection else {
                return Poll::Ready(None);
            };
            match ready!(connection.poll_read(cx)) {
                Ok(0) if this.framing == Framing::UntilClose => {
                    this.framing = Framing::Length(0);
                    this.connection = None;
                    return Poll::Ready(None);
                }
                Ok(0) => return this.fail(H1Error::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return this.fail(H1Error::Closed);
                }
                Err(error) => return this.fail(error.into()),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.connection.is_none() && self.has_ended()
    }

    fn size_hint(&self) -> SizeHint {
        match self.framing {
            Framing::Length(left) => SizeHint::with_exact(left),
            _ => SizeHint::default(),
        }
    }
}
