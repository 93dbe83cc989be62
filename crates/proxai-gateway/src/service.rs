//! The request path from a request to its response.
//!
//! Classify, admit, collect, plan, attempt, answer: one function calling the next rather than a
//! stack of layers, because each step needs what the one before it found, and a future of known
//! type costs no allocation.
//!
//! Invariant: nothing is sent to the client before an attempt is committed, and no other attempt
//! is made after that. Every problem becomes a response in [`rescue`] and nowhere else.

use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, UPGRADE};
use http::{Request, Response, StatusCode};
use http_body::Body;
use proxai_ir::{Failure, FailureKind, Losses};
use proxai_router::{Ask, FallbackOn, NoRoute, Plan};
use proxai_types::{Operation, Protocol};
use tokio::time::Instant;

use crate::account::counters::Counters;
use crate::account::record::{Counted, Journal, Outcome, Record, Ticket};
use crate::answer::body::{GatewayBody, Source};
use crate::attempt::{self, Answer};
use crate::context::Context;
use crate::headers::{FALLBACK_COUNT, JSON, LOSS, MODEL, PROVIDER, REQUEST_ID, ROUTE, loss_value};
use crate::id::Ids;
use crate::inbound::call::{Call, Head};
use crate::inbound::classify::{Class, classify, dialect};
use crate::inbound::collect::collect;
use crate::inbound::wishes::Wishes;
use crate::outbound::forward;
use crate::problem::{Cause, Problem, short_code};
use crate::snapshot::{Live, Snapshot};
use crate::upstream::origin;
use crate::upstream::permit::Gauge;
use crate::upstream::provider::To;

const ATTEMPTS: HeaderName = HeaderName::from_static("x-proxai-attempts");

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
    /// Shared by all records that have nothing to say there.
    none: Arc<str>,
}

/// What a finished request leaves for its response.
struct Served {
    answer: Answer,
    labels: HeaderMap,
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

type Outcomes<T> = Result<T, (Box<Problem>, HeaderMap)>;

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
            return models(snapshot, &call).await.map_err(bare);
        }
        ticket.record.stream = call.head.stream;
        let mut plan = match plan(snapshot, &call, seed) {
            Ok(plan) => plan,
            Err(error) => return Err(bare(no_route(snapshot, error).await)),
        };
        origin::first(snapshot, &call, &mut plan);
        ticket.record.route = Arc::clone(&plan.route);
        call.wishes = Wishes::of(&call.headers, plan.loss).map_err(bare)?;
        self.attempts(snapshot, &call, &plan, ticket).await
    }

    /// Tries targets in order until one commits.
    async fn attempts(
        &self,
        snapshot: &Snapshot,
        call: &Call,
        plan: &Plan,
        ticket: &mut Ticket,
    ) -> Outcomes<Served> {
        let mut tried = String::new();
        for (count, attempt) in plan.attempts.iter().enumerate() {
            let last = count + 1 == plan.attempts.len();
            let upstream = &snapshot.upstreams[attempt.provider.index()];
            let record = &mut ticket.record;
            record.attempts += 1;
            record.provider = Arc::clone(&upstream.name);
            record.model = attempt.upstream_model.as_str().into();
            let labels = || labels(plan, upstream.label(), &attempt.upstream_model, count);
            let tried_one = match upstream.enter().await {
                Ok(permit) => {
                    ticket.permits[1] = Some(permit);
                    self.try_one(snapshot, call, upstream, attempt, ticket)
                        .await
                }
                Err(problem) => Err(problem),
            };
            match tried_one {
                Ok(answer) => {
                    return Ok(Served {
                        answer,
                        labels: labels(),
                    });
                }
                Err(problem) => {
                    ticket.permits[1] = None;
                    if !tried.is_empty() {
                        tried.push_str(", ");
                    }
                    write!(tried, "{}={}", attempt.target, problem.status().as_u16())
                        .expect("a String takes any text");
                    if last || !goes_on(plan, &problem) {
                        let mut labels = labels();
                        if let (true, Ok(value)) = (count > 0, HeaderValue::from_str(&tried)) {
                            labels.insert(ATTEMPTS, value);
                        }
                        return Err((problem, labels));
                    }
                    tracing::debug!(id = %ticket.record.id, target = %attempt.target, error = %problem.failure, "next target");
                }
            }
        }
        // A plan has at least one attempt.
        Err((
            Problem::new(
                FailureKind::Unavailable,
                "no_target",
                "no target is left to try",
            ),
            HeaderMap::new(),
        ))
    }

    async fn try_one(
        &self,
        snapshot: &Snapshot,
        call: &Call,
        upstream: &Arc<crate::upstream::provider::Upstream>,
        attempt: &proxai_router::Attempt,
        ticket: &Ticket,
    ) -> Result<Answer, Box<Problem>> {
        let cx = Context {
            limits: &snapshot.limits,
            answer_model: snapshot.answer_model,
            request_id: &ticket.record.id,
            fetcher: snapshot.fetcher.as_ref(),
            now: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_secs()),
        };
        match call.operation {
            Operation::Generate(client) => {
                attempt::generate(cx, call, client, upstream, attempt).await
            }
            Operation::Embeddings => forward::embeddings(cx, call, upstream, attempt).await,
            Operation::CountTokens => forward::count_tokens(cx, call, upstream, attempt).await,
            _ => {
                let path = call.uri.path();
                forward::forward(cx, call, upstream, attempt, To::Path(path)).await
            }
        }
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

fn respond(served: Served, id: &Arc<str>, mut ticket: Box<Ticket>) -> Response<GatewayBody> {
    let Served { answer, labels } = served;
    let mut headers = answer.headers;
    for (name, value) in labels {
        if let Some(name) = name {
            headers.insert(name, value);
        }
    }
    if let Some(value) = loss_value(&answer.losses) {
        headers.insert(LOSS, value);
    }
    insert_id(&mut headers, id);
    let record = &mut ticket.record;
    record.status = answer.status.as_u16();
    record.upstream_protocol = Some(answer.upstream_protocol);
    record.losses = answer.losses;
    record.usage = answer.usage;
    record.stream = answer.stream;
    record.continuations = answer.continuations;
    if !answer.status.is_success() {
        record.outcome = Outcome::Error;
    }
    let mut response = Response::new(GatewayBody::new(answer.source, ticket));
    *response.status_mut() = answer.status;
    *response.headers_mut() = headers;
    response
}

/// The one place where a problem becomes a response.
fn rescue(
    snapshot: &Snapshot,
    problem: Problem,
    labels: HeaderMap,
    shape: Protocol,
    mut ticket: Box<Ticket>,
) -> Response<GatewayBody> {
    let record = &mut ticket.record;
    record.outcome = Outcome::Error;
    record.error = Some(short_code(&problem.failure).into());
    let id = Arc::clone(&record.id);
    let response = problem.render(shape, snapshot.errors, &id);
    record.status = response.status().as_u16();
    record.stream = false;
    let (mut parts, body) = response.into_parts();
    for (name, value) in labels {
        if let Some(name) = name {
            parts.headers.insert(name, value);
        }
    }
    insert_id(&mut parts.headers, &id);
    Response::from_parts(parts, GatewayBody::new(Source::Whole(body), ticket))
}

fn plan(snapshot: &Snapshot, call: &Call, seed: u64) -> Result<Plan, NoRoute> {
    let protocol = match call.operation {
        Operation::Generate(protocol) => Some(protocol),
        Operation::CountTokens => Some(Protocol::Messages),
        // What belongs to no protocol still has a family, and that has a default.
        _ => None,
    };
    let header = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok());
    let ask = Ask {
        protocol,
        model: &call.head.model,
        path: call.extra.as_deref(),
        header: &header,
        seed,
    };
    match proxai_router::resolve(&snapshot.table, &ask) {
        // A path without a model still has somebody to ask.
        Err(_) if call.operation == Operation::Other => {
            let ask = Ask {
                protocol: Some(call.dialect),
                ..ask
            };
            proxai_router::resolve(&snapshot.table, &ask)
        }
        found => found,
    }
}

async fn no_route(snapshot: &Snapshot, mut error: NoRoute) -> Box<Problem> {
    if let NoRoute::UnknownModel { model, closest, .. } = &mut error {
        snapshot.models.ask_local().await;
        *closest = proxai_router::closest(model, snapshot.models.remembered(&snapshot.table));
    }
    let mut failure = Failure::new(FailureKind::from_status(error.status()), error.to_string())
        .with_code(error.code())
        .with_param("model");
    failure.status = Some(error.status());
    Problem::refused(failure)
}

/// Whether another target may do better (R5).
fn goes_on(plan: &Plan, problem: &Problem) -> bool {
    let on = |kind| plan.fallback.on.contains(&kind);
    let kind = match problem.failure.kind {
        FailureKind::ContextLength => on(FallbackOn::ContextLength),
        FailureKind::NotFound => on(FallbackOn::ModelNotFound) && problem.cause != Cause::Refused,
        FailureKind::ContentPolicy => on(FallbackOn::Refusal),
        _ => false,
    };
    let status = problem.status().as_u16();
    kind || origin::is_elsewhere(problem)
        || match problem.cause {
            Cause::Refused => status == 503 && on(FallbackOn::Http5xx),
            Cause::Timeout => on(FallbackOn::Timeout),
            Cause::Transport => on(FallbackOn::Transport),
            Cause::Status(_) | Cause::InBand => {
                status == 429 && on(FallbackOn::Http429)
                    || status >= 500 && on(FallbackOn::Http5xx)
                    || plan.fallback.statuses.contains(&status)
            }
        }
}

async fn models(snapshot: &Snapshot, call: &Call) -> Result<Served, Box<Problem>> {
    let anthropic = call.headers.contains_key("anthropic-version");
    let path = call.uri.path().trim_end_matches('/');
    let id = path.split_once("/models/").map(|(_, id)| id);
    let listed = &snapshot.models;
    let known = id.and_then(|id| listed.known(id, anthropic));
    let body = if let Some(body) = known {
        body
    } else {
        let current = listed.current(&snapshot.table).await;
        match id {
            Some(id) => current
                .find(id, anthropic)
                .ok_or_else(|| no_model(snapshot, id))?,
            None if anthropic => current.anthropic(call.uri.query()),
            None => current.openai(),
        }
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, JSON);
    Ok(Served {
        answer: Answer {
            status: StatusCode::OK,
            headers,
            source: Source::Whole(body),
            upstream_protocol: call.dialect,
            losses: Losses::new(),
            usage: None,
            stream: false,
            continuations: 0,
        },
        labels: HeaderMap::new(),
    })
}

fn no_model(snapshot: &Snapshot, id: &str) -> Box<Problem> {
    let known = snapshot.models.remembered(&snapshot.table);
    let closest = proxai_router::closest(id, known).join(", ");
    let hint = if closest.is_empty() {
        String::new()
    } else {
        format!("; the closest are {closest}")
    };
    Problem::refused(
        Failure::new(
            FailureKind::NotFound,
            format!("no model is called `{id}`{hint}"),
        )
        .with_code("model_not_found")
        .with_param("model"),
    )
}

fn labels(plan: &Plan, provider: HeaderValue, model: &str, fallbacks: usize) -> HeaderMap {
    let mut labels = HeaderMap::with_capacity(6);
    labels.insert(PROVIDER, provider);
    if let Ok(model) = HeaderValue::from_str(model) {
        labels.insert(MODEL, model);
    }
    if let Ok(route) = HeaderValue::from_str(&plan.route) {
        labels.insert(ROUTE, route);
    }
    labels.insert(FALLBACK_COUNT, HeaderValue::from(fallbacks));
    labels
}

fn insert_id(headers: &mut HeaderMap, id: &str) {
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, value);
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<GatewayBody> {
    let mut response = Response::new(GatewayBody::whole(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
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
