//! A scripted upstream: answers what it was told to, in the pieces it was told to, and remembers
//! what it was asked.
//!
//! It speaks HTTP through hyper, so framing is right unless the script breaks it: an answer may
//! end cleanly, break off in the middle of its body, or never end.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Sleep;

/// How a scripted body ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// As HTTP wants it.
    #[default]
    Clean,
    /// The connection breaks behind the last piece.
    Abort,
    /// Nothing more comes, and the connection stays open.
    Hang,
}

/// One scripted answer.
#[derive(Clone, Debug)]
pub struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    pieces: Vec<Bytes>,
    ending: Ending,
    pause: Option<Duration>,
    delay: Option<Duration>,
}

impl Reply {
    /// A JSON answer.
    pub fn json(body: impl Into<Bytes>) -> Self {
        Self::new("application/json", vec![body.into()])
    }

    /// An event stream in one piece.
    pub fn events(body: impl Into<Bytes>) -> Self {
        Self::new("text/event-stream", vec![body.into()])
    }

    /// An event stream, one write per frame.
    pub fn frames(body: &str) -> Self {
        let pieces = body
            .split_inclusive("\n\n")
            .map(|frame| Bytes::copy_from_slice(frame.as_bytes()))
            .collect();
        Self::new("text/event-stream", pieces)
    }

    /// An answer of some type in these pieces.
    pub fn new(content_type: &'static str, pieces: Vec<Bytes>) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(
            http::header::CONTENT_TYPE,
            HeaderValue::from_static(content_type),
        );
        Self {
            status: StatusCode::OK,
            headers,
            pieces,
            ending: Ending::Clean,
            pause: None,
            delay: None,
        }
    }

    /// The same after some time, head and all.
    #[must_use]
    pub const fn after(mut self, delay: Duration) -> Self {
        self.delay = Some(delay);
        self
    }

    /// The same with a pause before each piece but the first.
    #[must_use]
    pub const fn pause(mut self, pause: Duration) -> Self {
        self.pause = Some(pause);
        self
    }

    /// The same with another status.
    ///
    /// # Panics
    /// If it is no status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = StatusCode::from_u16(status).expect("a status");
        self
    }

    /// The same with another ending.
    #[must_use]
    pub const fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    /// The same with one more header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.append(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        self
    }

    fn response(self, state: &Arc<State>) -> Response<Script> {
        let length: usize = self.pieces.iter().map(Bytes::len).sum();
        let whole = self.ending == Ending::Clean && self.pieces.len() <= 1;
        let mut response = Response::new(Script {
            pieces: self.pieces.into(),
            ending: self.ending,
            pause: self.pause,
            between: None,
            state: Arc::clone(state),
            done: false,
        });
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        if whole {
            response
                .headers_mut()
                .insert(http::header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        response
    }
}

/// What the upstream was asked.
#[derive(Clone, Debug)]
pub struct Received {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Received {
    /// A header as text, empty if there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }
}

/// A scripted upstream. Stops when it is dropped.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    state: Arc<State>,
    task: AbortHandle,
}

#[derive(Debug, Default)]
struct State {
    replies: Mutex<VecDeque<Reply>>,
    received: Mutex<Vec<Received>>,
    /// Told whenever a body was dropped before its end.
    abandoned: Notify,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Upstream {
    /// Starts on a port of the system's choice.
    ///
    /// # Panics
    /// If no port can be bound.
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a free port");
        let address = listener.local_addr().expect("a bound listener");
        let state = Arc::<State>::default();
        let task = tokio::spawn(accept(listener, Arc::clone(&state))).abort_handle();
        Self {
            address,
            state,
            task,
        }
    }

    /// Where it listens, as a base URL with the version.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Queues an answer. The last one queued is given again and again.
    pub fn will(&self, reply: Reply) {
        lock(&self.state.replies).push_back(reply);
    }

    /// Forgets what was queued and queues this.
    pub fn will_only(&self, reply: Reply) {
        let mut replies = lock(&self.state.replies);
        replies.clear();
        replies.push_back(reply);
    }

    /// Everything it was asked so far.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.state.received).clone()
    }

    /// What it was asked last.
    ///
    /// # Panics
    /// If it was asked nothing.
    pub fn last(&self) -> Received {
        lock(&self.state.received)
            .last()
            .cloned()
            .expect("the upstream was asked something")
    }

    /// Waits until a body has been dropped before its end.
    pub async fn abandoned(&self) {
        self.state.abandoned.notified().await;
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        // Small pieces are to arrive as small pieces.
        drop(stream.set_nodelay(true));
        let state = Arc::clone(&state);
        connections.spawn(async move {
            let service = service_fn(|request| answer(Arc::clone(&state), request));
            // A script that breaks off ends its connection with an error.
            drop(
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await,
            );
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Script>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let target = parts
        .uri
        .path_and_query()
        .map_or_else(String::new, ToString::to_string);
    lock(&state.received).push(Received {
        method: parts.method,
        target,
        headers: parts.headers,
        body,
    });
    let reply = {
        let mut replies = lock(&state.replies);
        match replies.len() {
            0 => Reply::json("{}"),
            1 => replies[0].clone(),
            _ => replies.pop_front().expect("there are several"),
        }
    };
    if let Some(delay) = reply.delay {
        tokio::time::sleep(delay).await;
    }
    Ok(reply.response(&state))
}

/// A body that plays its pieces, each in a write of its own.
struct Script {
    pieces: VecDeque<Bytes>,
    ending: Ending,
    pause: Option<Duration>,
    /// What is waited for before the next piece.
    between: Option<Between>,
    state: Arc<State>,
    done: bool,
}

enum Between {
    Flush,
    Pause(Pin<Box<Sleep>>),
}

impl Body for Script {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut self.between {
            None => {}
            // hyper writes what it has whenever the body is not ready.
            Some(Between::Flush) => {
                self.between = None;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Between::Pause(sleep)) => {
                ready!(sleep.as_mut().poll(cx));
                self.between = None;
            }
        }
        if let Some(piece) = self.pieces.pop_front() {
            self.between = Some(match self.pause {
                Some(pause) if !self.pieces.is_empty() => {
                    Between::Pause(Box::pin(tokio::time::sleep(pause)))
                }
                _ => Between::Flush,
            });
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        match self.ending {
            Ending::Clean => {
                self.done = true;
                Poll::Ready(None)
            }
            Ending::Abort => {
                self.done = true;
                Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into())))
            }
            Ending::Hang => Poll::Pending,
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        if !self.done && self.ending == Ending::Hang {
            self.state.abandoned.notify_one();
        }
    }
}
