//! The request path from a request to its response.
//!
//! Classify, admit, collect, plan, attempt, answer: one function calling the next rather than a
//! stack of layers, because each step needs what the one before it found, and a future of known
//! type costs no allocation.
//!
//! Invariant: nothing is sent to the client before an attempt is committed, and no other attempt
//! is made after that. Every problem becomes a response in [`rescue`] and nowhere else.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{HeaderMap, UPGRADE};
use http::{Request, Response, StatusCode};
use http_body::Body;
use proxai_ir::{FailureKind, Losses};
use proxai_types::{Operation, Protocol};
use tokio::time::Instant;

use crate::account::counters::Counters;
use crate::account::record::{Counted, Journal, Outcome, Record, Ticket};
use crate::answer::body::GatewayBody;
use crate::fallback::attempts;
use crate::id::Ids;
use crate::inbound::call::{Call, Head};
use crate::inbound::classify::{Class, classify, dialect};
use crate::inbound::collect::collect;
use crate::inbound::plan::{no_route, plan};
use crate::inbound::wishes::Wishes;
use crate::models;
use crate::problem::Problem;
use crate::respond::{Outcomes, Served, insert_id, plain, rescue, respond};
use crate::snapshot::{Live, Snapshot};
use crate::upstream::issued::Issued;
use crate::upstream::origin;
use crate::upstream::permit::Gauge;

/// The gateway. One per process; clones share everything.
#[derive(Clone, Debug)]
pub struct Gateway(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    live: Arc<Live>,
    journal: Arc<dyn Journal>,
    counters: Arc<Counters>,
    ids: Ids,
    gauge: Gauge,
    /// Outlives every generation of the configuration.
    issued: Arc<Issued>,
    /// Shared by all records that have nothing to say there.
    none: Arc<str>,
}

impl Gateway {
    /// A gateway that serves whatever generation is live.
    pub fn new(live: Arc<Live>, journal: Arc<dyn Journal>) -> Self {
        let counters = Arc::<Counters>::default();
        let journal = Arc::new(Counted {
            counters: Arc::clone(&counters),
            journal,
        });
        Self(Arc::new(Inner {
            live,
            journal,
            counters,
            ids: Ids::new(),
            gauge: Gauge::default(),
            issued: Arc::default(),
            none: "".into(),
        }))
    }

    /// Requests in flight, streams included.
    pub fn in_flight(&self) -> usize {
        self.0.gauge.count()
    }

    /// What has been counted of all requests that have ended.
    pub fn counters(&self) -> &Counters {
        &self.0.counters
    }

    /// The configuration in use.
    pub fn live(&self) -> &Arc<Live> {
        &self.0.live
    }

    /// Answers a request. Never fails: what goes wrong is an answer too.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<GatewayBody>
    where
        B: Body<Data = Bytes>,
    {
        let inner = &*self.0;
        let snapshot = inner.live.load();
        let path = request.uri().path();
        let (operation, extra) = match classify(request.method(), path) {
            Class::Call(operation) => (operation, None),
            Class::Health => return plain(StatusCode::OK, "ok\n"),
            class => match snapshot.table.extra_endpoint(path) {
                Some(endpoint) if request.method() == http::Method::POST => {
                    (endpoint.operation, Some(endpoint.path.to_owned()))
                }
                Some(endpoint) => {
                    return inner.reject(
                        &snapshot,
                        Problem::wrong_method("POST"),
                        endpoint.operation.dialect(),
                    );
                }
                None if wants_websocket(request.headers()) => {
                    return inner.reject(&snapshot, Problem::no_websocket(), Protocol::Responses);
                }
                None => return inner.turn_away(&snapshot, class, path),
            },
        };
        let shape = dialect(operation, path);
        let (id, seed) = inner.ids.next();
        let mut ticket = Box::new(Ticket {
            record: Record {
                id: Arc::clone(&id),
                operation: name_of(operation),
                upstream_protocol: None,
                provider: Arc::clone(&inner.none),
                model: Arc::clone(&inner.none),
                route: Arc::clone(&inner.none),
                status: 0,
                attempts: 0,
                continuations: 0,
                stream: false,
                started: Instant::now(),
                first_byte: None,
                duration: std::time::Duration::ZERO,
                usage: None,
                losses: Losses::new(),
                outcome: Outcome::End,
                error: None,
            },
            journal: Arc::clone(&inner.journal),
            permits: [None, None],
            ended: false,
        });
        let served = inner.serve(
            &snapshot,
            request,
            operation,
            shape,
            extra,
            seed,
            &mut ticket,
        );
        let caught = AssertUnwindSafe(served).catch_unwind().await;
        let served = caught.unwrap_or_else(|_| {
            tracing::error!(id = %id, "a panic ended a request; please report it");
            let problem = Problem::new(
                FailureKind::Internal,
                "internal_error",
                "an internal error ended the request; other requests are not affected",
            );
            Err((problem, HeaderMap::new()))
        });
        match served {
            Ok(served) => respond(served, &id, ticket),
            Err((problem, labels)) => rescue(&snapshot, *problem, labels, shape, ticket),
        }
    }
}

impl Inner {
    #[expect(
        clippy::too_many_arguments,
        reason = "each is a finding of the step before; a struct would only name the call"
    )]
    async fn serve<B>(
        &self,
        snapshot: &Snapshot,
        request: Request<B>,
        operation: Operation,
        shape: Protocol,
        extra: Option<String>,
        seed: u64,
        ticket: &mut Ticket,
    ) -> Outcomes<Served>
    where
        B: Body<Data = Bytes>,
    {
        let bare = |problem| (problem, HeaderMap::new());
        let limits = &snapshot.limits;
        let Some(permit) = self.gauge.enter(limits.concurrent_requests) else {
            return Err(bare(Problem::busy(
                "too_many_requests_in_flight",
                "this gateway has as many requests in flight as it may; ask again soon",
            )));
        };
        ticket.permits[0] = Some(permit);
        let (parts, body) = request.into_parts();
        let body = collect(
            &parts.headers,
            body,
            limits.request_body,
            limits.body_timeout,
        )
        .await
        .map_err(bare)?;
        let head = match operation {
            Operation::Generate(_) | Operation::CountTokens | Operation::Embeddings => {
                Head::json(&body).map_err(bare)?
            }
            _ => Head::any(&parts.headers, &body),
        };
        let mut call = Call {
            operation,
            dialect: shape,
            method: parts.method,
            uri: parts.uri,
            extra,
            headers: parts.headers,
            body,
            head,
            wishes: Wishes::default(),
        };
        if operation == Operation::Models {
            let answer = models::answer(snapshot, &call).await.map_err(bare)?;
            return Ok(Served {
                answer,
                labels: HeaderMap::new(),
            });
        }
        ticket.record.stream = call.head.stream;
        let mut plan = match plan(snapshot, &call, seed) {
            Ok(plan) => plan,
            Err(error) => return Err(bare(no_route(snapshot, error).await)),
        };
        origin::first(snapshot, &call, &mut plan, &self.issued);
        ticket.record.route = Arc::clone(&plan.route);
        call.wishes = Wishes::of(&call.headers, plan.loss).map_err(bare)?;
        attempts(snapshot, &call, &plan, &self.issued, ticket).await
    }

    /// A path or method that is none. Not accounted: scanners would fill the log.
    fn turn_away(&self, snapshot: &Snapshot, class: Class, path: &str) -> Response<GatewayBody> {
        if let Class::WrongMethod { allow, dialect } = class {
            return self.reject(snapshot, Problem::wrong_method(allow), dialect);
        }
        let shown: String = path.chars().take(80).collect();
        let problem = Problem::new(
            FailureKind::NotFound,
            "unknown_path",
            format!(
                "there is nothing at `{shown}`; use /v1/chat/completions, /v1/responses, /v1/messages or another /v1 path of the upstream"
            ),
        );
        self.reject(snapshot, problem, Protocol::Chat)
    }

    fn reject(
        &self,
        snapshot: &Snapshot,
        problem: Box<Problem>,
        dialect: Protocol,
    ) -> Response<GatewayBody> {
        let (id, _) = self.ids.next();
        let mut response = problem
            .render(dialect, snapshot.errors, &id)
            .map(GatewayBody::whole);
        insert_id(response.headers_mut(), &id);
        response
    }
}

/// Whether this is the handshake of a WebSocket, which comes as GET on a path that takes POST.
fn wants_websocket(headers: &HeaderMap) -> bool {
    headers
        .get(UPGRADE)
        .is_some_and(|to| to.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

const fn name_of(operation: Operation) -> &'static str {
    match operation {
        Operation::Generate(protocol) => protocol.name(),
        Operation::CountTokens => "count_tokens",
        Operation::Embeddings => "embeddings",
        Operation::Models => "models",
        _ => "other",
    }
}
