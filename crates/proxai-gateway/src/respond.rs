//! How a finished request becomes a response, with its id, its labels and its record.
//!
//! Every problem becomes a response in [`rescue`] and nowhere else.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use proxai_types::Protocol;

use crate::account::record::{Outcome, Ticket};
use crate::answer::Answer;
use crate::answer::body::{GatewayBody, Source};
use crate::headers::{LOSS, REQUEST_ID, loss_value};
use crate::problem::{Problem, short_code};
use crate::snapshot::Snapshot;

/// What a finished request leaves for its response.
pub(crate) struct Served {
    pub(crate) answer: Answer,
    /// Headers that say who answered.
    pub(crate) labels: HeaderMap,
}

/// What is served, or what went wrong and who was asked.
pub(crate) type Outcomes<T> = Result<T, (Box<Problem>, HeaderMap)>;

pub(crate) fn respond(
    served: Served,
    id: &Arc<str>,
    mut ticket: Box<Ticket>,
) -> Response<GatewayBody> {
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
pub(crate) fn rescue(
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

pub(crate) fn insert_id(headers: &mut HeaderMap, id: &str) {
    if let Ok(value) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, value);
    }
}

pub(crate) fn plain(status: StatusCode, text: &'static str) -> Response<GatewayBody> {
    let mut response = Response::new(GatewayBody::whole(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}
