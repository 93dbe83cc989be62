//! One connection: a socket and what was read from it ahead.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::Request;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::H1Error;
use super::head::{self, Head};

/// What a read asks for at first: an event or a small answer.
const FIRST_READ: usize = 4 << 10;

/// What it asks for once reads come back full.
const LARGE_READ: usize = 128 << 10;

/// A connection to one upstream.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    pub(super) buffer: BytesMut,
    read_size: usize,
    written: Vec<u8>,
}

/// Why a request was not answered, and whether the upstream cannot have seen it.
pub(super) struct Unanswered {
    pub(super) error: H1Error,
    pub(super) unseen: bool,
    /// The upstream closed or reset the connection before it said anything.
    pub(super) silent: bool,
}

fn is_closing(error: &H1Error) -> bool {
    match error {
        H1Error::Closed => true,
        H1Error::Io(error) => matches!(
            error.kind(),
            io::ErrorKind::ConnectionReset
                | io::ErrorKind::ConnectionAborted
                | io::ErrorKind::BrokenPipe
        ),
        _ => false,
    }
}

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
            read_size: FIRST_READ,
            written: Vec::new(),
        }
    }

    /// Whether the upstream has neither closed it nor said something unasked.
    pub(super) fn is_fresh(&self) -> bool {
        let mut byte = [0];
        // No system call unless the runtime was told that there is something.
        self.buffer.is_empty()
            && matches!(self.stream.try_read(&mut byte), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Gives back what one large answer needed.
    pub(super) fn rest(&mut self) {
        self.buffer = BytesMut::new();
        self.read_size = FIRST_READ;
    }

    /// Sends a request and reads the head of its answer.
    pub(super) async fn exchange(&mut self, request: &Request<Bytes>) -> Result<Head, Unanswered> {
        let sent = self.send(request).await;
        // An upstream that refuses a large body answers before it has read it and closes; what it
        // said is worth more than that it did.
        let unseen = matches!(&sent, Err((_, 0)));
        if unseen && let Err((error, _)) = sent {
            let error = error.into();
            return Err(Unanswered {
                error,
                unseen,
                silent: true,
            });
        }
        let read = async {
            loop {
                if let Some(head) = head::read(request.method(), &mut self.buffer)? {
                    return Ok(head);
                }
                self.buffer.reserve(self.read_size);
                if self.stream.read_buf(&mut self.buffer).await? == 0 {
                    return Err(H1Error::Closed);
                }
            }
        };
        match (read.await, sent) {
            (Ok(mut head), sent) => {
                head.keep_alive &= sent.is_ok();
                Ok(head)
            }
            (Err(_), Err((error, _))) => Err(Unanswered {
                error: error.into(),
                unseen: false,
                silent: self.buffer.is_empty(),
            }),
            (Err(error), Ok(())) => Err(Unanswered {
                silent: self.buffer.is_empty() && is_closing(&error),
                error,
                unseen: false,
            }),
        }
    }

    /// Writes head and body; an error comes with what was written before it.
    async fn send(&mut self, request: &Request<Bytes>) -> Result<(), (io::Error, usize)> {
        self.written.clear();
        head::write(request, &mut self.written);
        let (head, body) = (&self.written[..], &request.body()[..]);
        let mut done = 0;
        while done < head.len() + body.len() {
            let rest_of_head = head.get(done..).unwrap_or_default();
            let rest_of_body = &body[done.saturating_sub(head.len())..];
            let slices = [IoSlice::new(rest_of_head), IoSlice::new(rest_of_body)];
            let slices = if rest_of_head.is_empty() {
                &slices[1..]
            } else {
                &slices[..]
            };
            match self.stream.write_vectored(slices).await {
                Ok(0) => return Err((io::ErrorKind::WriteZero.into(), done)),
                Ok(count) => done += count,
                Err(error) => return Err((error, done)),
            }
        }
        Ok(())
    }

    /// Reads more into the buffer; 0 at the end.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.buffer.reserve(self.read_size);
        let room = self.buffer.capacity() - self.buffer.len();
        // Holds no state between polls, so a new one each time is the same.
        let read = pin!(self.stream.read_buf(&mut self.buffer));
        let count = ready!(read.poll(cx))?;
        if count == room {
            self.read_size = LARGE_READ;
        }
        Poll::Ready(Ok(count))
    }
}
