//! Reading an upstream's answer: what kind it is, whether it is an error, and all of it at once.

use bytes::{Bytes, BytesMut};
use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, LOCATION};
use http_body_util::BodyExt;
use proxai_ir::{Failure, FailureKind};
use proxai_json::{Doc, Edit};
use proxai_translate::ReplyError;
use proxai_types::Protocol;
use proxai_upstream::ReplyBody;

use crate::answer::seen::{calls_itself_error, is_nothing};
use crate::headers::{ReplyHop, filter_reply};
use crate::problem::{Cause, Problem};
use crate::upstream::provider::Upstream;

/// An answer that a browser would show: the address is that of a site and not of its API.
pub(crate) fn web_page(upstream: &Upstream, cause: Cause) -> Box<Problem> {
    let mut problem = Problem::new(
        FailureKind::BadUpstream,
        "upstream_not_an_api",
        format!(
            "provider `{}` answered with a web page; check its base URL",
            upstream.name
        ),
    );
    problem.cause = cause;
    problem
}

/// The largest error body that is read; vendors' are below 64 kB, error pages may be more.
const MAX_ERROR_BODY: usize = 1 << 20;

/// What a successful answer says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Events,
    Json,
    Page,
}

impl Kind {
    /// Some servers send events without saying so; none sends JSON as events.
    pub(crate) fn of(headers: &HeaderMap, wants_stream: bool) -> Self {
        let named = headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let is = |prefix: &str| {
            named
                .get(..prefix.len())
                .is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
        };
        if is("text/event-stream") {
            Self::Events
        } else if is("text/html") {
            Self::Page
        } else if wants_stream && !is("application/json") {
            Self::Events
        } else {
            Self::Json
        }
    }
}

/// An answer whose status is an error, and what the upstream said.
pub(crate) async fn refused(
    client: Protocol,
    upstream: &Upstream,
    spoken: Protocol,
    status: StatusCode,
    headers: HeaderMap,
    body: ReplyBody,
) -> (Box<Problem>, Bytes) {
    if status.is_redirection() || status.is_informational() {
        let to = headers
            .get(LOCATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|to| to.split('?').next())
            .unwrap_or("elsewhere");
        let mut problem = Problem::new(
            FailureKind::BadUpstream,
            "upstream_redirect",
            format!(
                "provider `{}` answered {status} and points to {to}; if that is right, make it the base URL",
                upstream.name
            ),
        );
        problem.cause = Cause::Status(status.as_u16());
        return (problem, Bytes::new());
    }
    let body = match collect(body, MAX_ERROR_BODY, upstream).await {
        Ok(body) => body,
        Err(problem) => return (problem, Bytes::new()),
    };
    let mut failure = proxai_translate::decode_failure(spoken, status.as_u16(), &body);
    failure.status = Some(status.as_u16());
    let mut problem = Problem::refused(failure);
    problem.cause = Cause::Status(status.as_u16());
    if spoken == client && has_shape(client, &body) {
        problem.headers = filter_reply(ReplyHop::Untouched, headers);
        problem.headers.remove(CONTENT_LENGTH);
        let told = in_words_acted_on(client, &problem.failure, &body);
        problem.verbatim = Some(told.map_or_else(|| body.clone(), Bytes::from));
    } else {
        problem.headers = filter_reply(ReplyHop::Replaced, headers);
    }
    (problem, body)
}

/// An error of the right shape with the one member that clients act on, if they do and it does not
/// say it (X3, case 114): Claude Code compacts its history on a message, the others do on a code.
/// vLLM and llama.cpp tell an overflow in their own words on every protocol (seen 2026-11-21).
///
/// An error without a type gets one too: a body that is no longer the vendor's own has to be what
/// the dialect promises.
pub(crate) fn in_words_acted_on(
    dialect: Protocol,
    failure: &Failure,
    body: &[u8],
) -> Option<Vec<u8>> {
    if failure.kind != FailureKind::ContextLength {
        return None;
    }
    let key = match dialect {
        Protocol::Messages => "message",
        Protocol::Chat | Protocol::Responses => "code",
    };
    let ours = proxai_translate::encode_failure(dialect, failure, "");
    let ours_error = Doc::scan(&ours).ok()?.child("error")?;
    let wanted = ours_error.value(&ours, key)?.of(&ours);
    let error = Doc::scan(body).ok()?.child("error")?;
    if error
        .value(body, key)
        .is_some_and(|own| own.of(body) == wanted)
    {
        return None;
    }
    let mut edit = Edit::new(body);
    edit.set(&error, key, wanted);
    if error
        .value(body, "type")
        .is_none_or(|own| own.kind(body) != b'"')
    {
        edit.set(&error, "type", ours_error.value(&ours, "type")?.of(&ours));
    }
    edit.finish().ok()
}

/// Whether an error body is what clients of the dialect expect.
pub(crate) fn has_shape(dialect: Protocol, body: &[u8]) -> bool {
    let Ok(doc) = Doc::scan(body) else {
        return false;
    };
    let object = doc.get("error").is_some_and(|span| span.kind(body) == b'{');
    match dialect {
        Protocol::Messages => object && doc.str("type").is_some_and(|kind| kind == "error"),
        Protocol::Chat | Protocol::Responses => object,
    }
}

/// Whether an answer with a good status is an error all the same (X4).
///
/// One that has an error and something to say is an answer; so is a response that calls itself
/// failed, which is how its protocol tells that.
pub(crate) fn is_error_object(body: &[u8]) -> bool {
    // Few answers have the word near their beginning; those that do are scanned.
    let begin = body.get(..1024).unwrap_or(body);
    if memchr::memmem::find(begin, b"\"error\"").is_none() {
        return false;
    }
    let Ok(doc) = Doc::scan(body) else {
        return false;
    };
    let null = |key: &str| doc.get(key).is_none_or(|span| span.of(body) == b"null");
    let nothing = |key: &str| doc.get(key).is_none_or(|span| is_nothing(span.of(body)));
    let no_output = null("output") || nothing("output") && null("status");
    let says_error = !nothing("error") || calls_itself_error(&doc);
    says_error && nothing("choices") && nothing("content") && no_output
        || doc.str("type").is_some_and(|kind| kind == "error")
}

/// An answer that is not what the upstream's API promises.
pub(crate) fn unreadable(error: &ReplyError, upstream: &Upstream) -> Box<Problem> {
    let mut problem = match error {
        ReplyError::Failure(failure) => {
            let mut failure = failure.clone();
            failure.status = failure.status.filter(|status| *status >= 400);
            Problem::refused(failure)
        }
        ReplyError::Json(error) => Problem::new(
            FailureKind::BadUpstream,
            "upstream_unreadable",
            format!(
                "the answer of provider `{}` is not what its API promises: {error}",
                upstream.name
            ),
        ),
    };
    problem.cause = Cause::InBand;
    problem
}

/// The next data of a body, unless it is silent for too long.
pub(crate) async fn next_piece(
    body: &mut ReplyBody,
    upstream: &Upstream,
) -> Result<Option<Bytes>, Box<Problem>> {
    loop {
        let next = body.frame();
        match tokio::time::timeout(upstream.read_idle_timeout, next).await {
            Err(_) => return Err(silent(upstream)),
            Ok(None) => return Ok(None),
            Ok(Some(Err(error))) => return Err(Problem::upstream(&error, &upstream.name)),
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) if !data.is_empty() => return Ok(Some(data)),
                _ => {}
            },
        }
    }
}

/// A whole body, within its limits of size and silence.
pub(crate) async fn collect(
    mut body: ReplyBody,
    limit: usize,
    upstream: &Upstream,
) -> Result<Bytes, Box<Problem>> {
    let Some(first) = next_piece(&mut body, upstream).await? else {
        return Ok(Bytes::new());
    };
    if http_body::Body::is_end_stream(&body) && first.len() <= limit {
        return Ok(first);
    }
    let mut whole = BytesMut::from(&*first);
    drop(first);
    while let Some(piece) = next_piece(&mut body, upstream).await? {
        whole.extend_from_slice(&piece);
        if whole.len() > limit {
            let mut problem = Problem::new(
                FailureKind::BadUpstream,
                "upstream_answer_too_large",
                format!(
                    "the answer of provider `{}` is larger than {limit} bytes",
                    upstream.name
                ),
            );
            problem.cause = Cause::InBand;
            return Err(problem);
        }
    }
    Ok(whole.freeze())
}

fn silent(upstream: &Upstream) -> Box<Problem> {
    let mut problem = Problem::new(
        FailureKind::Timeout,
        "upstream_idle_timeout",
        format!(
            "provider `{}` sent nothing for {} s",
            upstream.name,
            upstream.read_idle_timeout.as_secs()
        ),
    );
    problem.cause = Cause::Timeout;
    problem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acted_on(dialect: Protocol, body: &str) -> Option<String> {
        let failure = proxai_translate::decode_failure(dialect, 400, body.as_bytes());
        in_words_acted_on(dialect, &failure, body.as_bytes())
            .map(|told| String::from_utf8(told).unwrap())
    }

    #[test]
    fn an_overflow_told_in_other_words_gets_what_the_clients_of_its_own_dialect_act_on() {
        let own = r#"{ "error":{"code":400, "message":"request (9 tokens) exceeds the available context size (8 tokens)","type":"exceed_context_size_error","n_ctx":8}}"#;
        let told = own.replace("400", r#""context_length_exceeded""#);
        assert_eq!(acted_on(Protocol::Responses, own), Some(told.clone()));
        assert_eq!(acted_on(Protocol::Chat, own), Some(told));
        let own = r#"{"error":{"code":3051,"message":"too large for model with 8 maximum context length"}}"#;
        let told = r#"{"error":{"code":"context_length_exceeded","message":"too large for model with 8 maximum context length","type":"invalid_request_error"}}"#;
        assert_eq!(acted_on(Protocol::Chat, own).as_deref(), Some(told));
        let own = r#"{"type":"error","error":{"type":"BadRequestError","message":"This model's maximum context length is 8 tokens. However, your prompt contains 9."}}"#;
        let told = own.replace("This model", "prompt is too long: This model");
        assert_eq!(acted_on(Protocol::Messages, own), Some(told));
    }

    #[test]
    fn an_error_that_says_it_already_or_is_another_keeps_every_byte() {
        for (dialect, body) in [
            (
                Protocol::Responses,
                r#"{"error":{"message":"x","type":"t","param":"messages","code":"context_length_exceeded"}}"#,
            ),
            (
                Protocol::Messages,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8 maximum"}}"#,
            ),
            (Protocol::Chat, r#"{"error":{"message":"no","code":400}}"#),
            (
                Protocol::Messages,
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"no"}}"#,
            ),
        ] {
            assert_eq!(acted_on(dialect, body), None, "{body}");
        }
    }
}
