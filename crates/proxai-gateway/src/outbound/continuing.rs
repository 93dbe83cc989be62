//! Sends a paused turn again, to the same upstream with the same key, until it is complete (case
//! 104).
//!
//! Only where nobody else would: a client of the upstream's own protocol continues by itself, and
//! one of another protocol has no word for a pause. What was said so far is appended as the
//! upstream gave it, so its caches and seals hold. Each request is billed and counted.
//!
//! Never tries another target: what was said so far is sealed by this one. Never repeats a
//! continuation that failed: that is the end of the answer, and the client is told so.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::header::HeaderMap;
use http::{Request, Response};
use proxai_providers::quirks::ToolNames;
use proxai_translate::{Turn, adapter};
use proxai_types::{Operation, Protocol};
use proxai_upstream::ReplyBody;

use crate::answer::reply::{Kind, collect, refused, web_page};
use crate::answer::restore::{self, Restorer};
use crate::context::Context;
use crate::inbound::call::Call;
use crate::outbound::request::Sent;
use crate::problem::{Cause, Problem};
use crate::snapshot::Limits;
use crate::upstream::keys::KeyIndex;
use crate::upstream::provider::{Asked, Upstream};

/// How often a turn is sent again. Providers pause after ten rounds of their tools, so this is
/// near a hundred searches; a turn that goes on for longer hardly ends at all.
const MAX_CONTINUATIONS: u32 = 8;

/// What it takes to send a turn again.
#[derive(Debug)]
pub(crate) struct Continuing {
    upstream: Arc<Upstream>,
    client: Protocol,
    protocol: Protocol,
    head: Request<Bytes>,
    /// The body of the first request, to which everything is appended.
    body: Bytes,
    path: Box<str>,
    id: Arc<str>,
    now: u64,
    key: Option<KeyIndex>,
    names: ToolNames,
    limits: Limits,
    stream: bool,
    count: u32,
}

/// An answer that is to be read on with.
#[derive(Debug)]
pub(crate) enum Next {
    Events(ReplyBody),
    Whole(Bytes),
}

/// A continuation on its way.
pub(crate) struct Going(Pin<Box<dyn Future<Output = Result<Next, Box<Problem>>> + Send>>);

impl fmt::Debug for Going {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Going")
    }
}

impl Going {
    pub(crate) fn poll(
        &mut self,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<Next, Box<Problem>>> {
        self.0.as_mut().poll(cx)
    }
}

impl Continuing {
    /// What a request that is about to be sent may need later; `None` for nearly all of them.
    pub(crate) fn of(
        cx: Context<'_>,
        call: &Call,
        client: Protocol,
        upstream: &Arc<Upstream>,
        request: &Request<Bytes>,
        sent: &Sent,
    ) -> Option<Box<Self>> {
        let protocol = sent.upstream;
        if protocol == client || !adapter(protocol).may_pause(&sent.body) {
            return None;
        }
        let mut head = Request::new(Bytes::new());
        head.method_mut().clone_from(request.method());
        head.uri_mut().clone_from(request.uri());
        head.headers_mut().clone_from(request.headers());
        Some(Box::new(Self {
            upstream: Arc::clone(upstream),
            client,
            protocol,
            head,
            body: sent.body.clone(),
            path: call.uri.path().into(),
            id: Arc::clone(cx.request_id),
            now: cx.now,
            key: None,
            names: sent.names.clone(),
            limits: *cx.limits,
            stream: call.head.stream,
            count: 0,
        }))
    }

    /// Takes note of the key that the first request was sent with: what the provider has kept of
    /// the turn belongs to its owner.
    pub(crate) fn with_key_of<B>(mut self: Box<Self>, response: &Response<B>) -> Box<Self> {
        self.key = response.extensions().get().copied();
        self
    }

    /// Whether the client wants a stream.
    pub(crate) const fn wants_stream(&self) -> bool {
        self.stream
    }

    /// How often the turn was sent again.
    pub(crate) const fn count(&self) -> u32 {
        self.count
    }

    /// The body of the first request.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Whether the turn may be sent again.
    pub(crate) const fn may_go_on(&self) -> bool {
        self.count < MAX_CONTINUATIONS
    }

    /// A reader of frames for the next answer.
    pub(crate) fn frames(&self) -> proxai_sse::Decoder {
        proxai_sse::Decoder::with_max_frame(self.limits.event)
    }

    /// What gives renamed tools their names back in the next answer.
    pub(crate) fn restorer(&self) -> Option<Restorer> {
        (!self.names.is_empty()).then(|| Restorer::new(self.names.clone(), self.limits.event))
    }

    /// Sends the turn again.
    pub(crate) fn send(&mut self, body: Vec<u8>) -> Going {
        self.count += 1;
        tracing::debug!(id = %self.id, count = self.count, "the upstream paused the turn; it goes on");
        let mut request = self.head.clone();
        *request.body_mut() = body.into();
        let Self {
            upstream, path, id, ..
        } = self;
        let (upstream, path, id) = (Arc::clone(upstream), path.clone(), Arc::clone(id));
        let (client, protocol, now, key) = (self.client, self.protocol, self.now, self.key);
        let (limits, stream, names) = (self.limits, self.stream, self.names.clone());
        Going(Box::pin(async move {
            let asked = Asked {
                operation: Operation::Generate(protocol),
                protocol,
                path: &path,
                id: id.strip_prefix("req_").unwrap_or(&id),
                now,
                final_codes: &[],
            };
            let response = upstream
                .send_again(asked, request, key)
                .await
                .map_err(|error| Problem::upstream(&error, &upstream.name))?;
            let (parts, body) = response.into_parts();
            if !parts.status.is_success() {
                let (status, headers) = (parts.status, parts.headers);
                let (problem, _) =
                    refused(client, &upstream, protocol, status, headers, body).await;
                return Err(problem);
            }
            next(&parts.headers, body, stream, &names, &limits, &upstream).await
        }))
    }

    /// Reads a turn to its end, however many answers it takes.
    pub(crate) async fn complete(
        &mut self,
        turn: &mut Turn,
        headers: &HeaderMap,
        body: ReplyBody,
    ) -> Result<(), Box<Problem>> {
        let (names, limits) = (self.names.clone(), self.limits);
        let upstream = Arc::clone(&self.upstream);
        let mut answer = next(headers, body, self.stream, &names, &limits, &upstream).await?;
        loop {
            match answer {
                Next::Whole(body) => turn.whole(&body),
                Next::Events(body) => {
                    let body = collect(body, limits.response_body, &upstream).await?;
                    turn.stream(restore::events(&names, body, limits.event));
                }
            }
            if !self.may_go_on() {
                return Ok(());
            }
            let Some(again) = turn.continuation(&self.body) else {
                return Ok(());
            };
            answer = self.send(again).0.await?;
            turn.resume();
        }
    }
}

/// An answer with a good status: its events as they come, all of anything else.
async fn next(
    headers: &HeaderMap,
    body: ReplyBody,
    wants_stream: bool,
    names: &ToolNames,
    limits: &Limits,
    upstream: &Upstream,
) -> Result<Next, Box<Problem>> {
    match Kind::of(headers, wants_stream) {
        Kind::Events => Ok(Next::Events(body)),
        Kind::Json => {
            let body = collect(body, limits.response_body, upstream).await?;
            Ok(Next::Whole(restore::whole(names, body)))
        }
        Kind::Page => Err(web_page(upstream, Cause::InBand)),
    }
}
