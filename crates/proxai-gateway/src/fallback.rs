//! The targets of a plan, in order, until one commits (R5).
//!
//! Each target is asked at most once. Whether the next one may do better depends on what went
//! wrong and on what the route wants to fall back on; what the client itself got wrong goes on
//! nowhere.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{HeaderMap, HeaderName, HeaderValue};
use proxai_ir::FailureKind;
use proxai_router::{Attempt, FallbackOn, Plan};
use proxai_types::Operation;

use crate::account::record::Ticket;
use crate::answer::Answer;
use crate::answer::declined::REFUSAL;
use crate::answer::read;
use crate::attempt;
use crate::context::Context;
use crate::headers::{FALLBACK_COUNT, MODEL, PROVIDER, ROUTE};
use crate::inbound::call::Call;
use crate::outbound::forward;
use crate::problem::{Cause, Problem};
use crate::respond::{Outcomes, Served};
use crate::snapshot::Snapshot;
use crate::upstream::issued::Issued;
use crate::upstream::origin;
use crate::upstream::provider::{To, Upstream};

const ATTEMPTS: HeaderName = HeaderName::from_static("x-proxai-attempts");

/// Tries targets in order until one commits.
pub(crate) async fn attempts(
    snapshot: &Snapshot,
    call: &Call,
    plan: &Plan,
    issued: &Arc<Issued>,
    ticket: &mut Ticket,
) -> Outcomes<Served> {
    let mut tried = String::new();
    let issued = origin::is_remembered(call, plan).then_some(issued);
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
                let asks_on = !last && plan.fallback.on.contains(&FallbackOn::Refusal);
                let after = After { asks_on, issued };
                try_one(snapshot, call, upstream, attempt, after, ticket).await
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
                match problem.cause {
                    Cause::Declined => write!(tried, "{}={REFUSAL}", attempt.target),
                    _ => write!(tried, "{}={}", attempt.target, problem.status().as_u16()),
                }
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

/// What the plan means for the reading of an answer.
#[derive(Clone, Copy)]
struct After<'a> {
    asks_on: bool,
    issued: Option<&'a Arc<Issued>>,
}

async fn try_one(
    snapshot: &Snapshot,
    call: &Call,
    upstream: &Arc<Upstream>,
    attempt: &Attempt,
    after: After<'_>,
    ticket: &Ticket,
) -> Result<Answer, Box<Problem>> {
    let cx = Context {
        limits: &snapshot.limits,
        answer_model: snapshot.answer_model,
        request_id: &ticket.record.id,
        fetcher: snapshot.fetcher.as_ref(),
        asks_on_after_refusal: after.asks_on,
        issued: after.issued,
        now: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs()),
    };
    match call.operation {
        Operation::Generate(client) => attempt::generate(cx, call, client, upstream, attempt).await,
        Operation::Embeddings => forward::embeddings(cx, call, upstream, attempt).await,
        Operation::CountTokens => forward::count_tokens(cx, call, upstream, attempt).await,
        _ => {
            let path = call.uri.path();
            let answer = forward::forward(cx, call, upstream, attempt, To::Path(path)).await?;
            read::noted(cx, upstream, answer).await
        }
    }
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
            Cause::Declined => on(FallbackOn::Refusal),
            Cause::Status(_) | Cause::InBand => {
                status == 429 && on(FallbackOn::Http429)
                    || status >= 500 && on(FallbackOn::Http5xx)
                    || plan.fallback.statuses.contains(&status)
            }
        }
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
