//! A request that gets no answer, and the one place that turns it into a response (X1, X2).

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Response, StatusCode};
use proxai_ir::{Failure, FailureKind};
use proxai_translate::RequestError;
use proxai_types::Protocol;
use proxai_upstream::{Fault, UpstreamError};

use crate::headers::JSON;
use crate::upstream::keys::SHOULD_RETRY;

/// How error bodies look (`error_responses.format`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorFormat {
    /// In the shape of the client's dialect.
    #[default]
    Json,
    /// The message alone, for clients that show bodies to people.
    Text,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) struct Problem {
    /// What to tell the client.
    pub(crate) failure: Failure,
    /// Headers of the upstream that help the client (`retry-after` and its like), or our own.
    pub(crate) headers: HeaderMap,
    /// The upstream's own body, where it is already in the client's dialect.
    pub(crate) verbatim: Option<Bytes>,
    /// What stopped the attempt, for the plan and the log.
    pub(crate) cause: Cause,
}

/// What stopped a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// proxai refused it.
    Refused,
    /// The upstream answered with this status.
    Status(u16),
    /// The upstream took too long.
    Timeout,
    /// The upstream was not reached, or broke off.
    Transport,
    /// An error came where the answer should have begun.
    InBand,
    /// The model refused to answer, where another target may do it.
    Declined,
}

/// The word by which a failure is known in logs and metrics.
pub(crate) fn short_code(failure: &Failure) -> &str {
    failure
        .code
        .as_deref()
        .or(failure.vendor_type.as_deref())
        .unwrap_or("error")
}

impl Problem {
    /// proxai refuses the request.
    pub(crate) fn refused(failure: Failure) -> Box<Self> {
        Box::new(Self {
            failure,
            headers: HeaderMap::new(),
            verbatim: None,
            cause: Cause::Refused,
        })
    }

    /// A refusal with nothing but kind, code and text.
    pub(crate) fn new(kind: FailureKind, code: &str, message: impl Into<String>) -> Box<Self> {
        Self::refused(Failure::new(kind, message).with_code(code))
    }

    /// The path exists with other methods.
    pub(crate) fn wrong_method(allow: &'static str) -> Box<Self> {
        let mut problem = Self::new(
            FailureKind::MethodNotAllowed,
            "method_not_allowed",
            format!("this path takes {allow}"),
        );
        problem
            .headers
            .insert(ALLOW, HeaderValue::from_static(allow));
        problem
    }

    /// A WebSocket is asked for. Codex goes on with POST at once after this status, and after any
    /// other only when it has tried again several times.
    /// <https://github.com/openai/codex/issues/19821> (2026-11)
    pub(crate) fn no_websocket() -> Box<Self> {
        let mut problem = Self::new(
            FailureKind::InvalidRequest,
            "websocket_not_supported",
            "there are no WebSockets here; send POST requests, with `stream` for events",
        );
        problem.failure.status = Some(StatusCode::UPGRADE_REQUIRED.as_u16());
        problem
    }

    /// Everything is in use; asking again soon makes sense.
    pub(crate) fn busy(code: &str, message: impl Into<String>) -> Box<Self> {
        let mut problem = Self::new(FailureKind::Unavailable, code, message);
        problem
            .headers
            .insert(http::header::RETRY_AFTER, HeaderValue::from_static("1"));
        problem
    }

    /// The provider lacks what only its operator can give. No overload: clients ask again after
    /// that, for minutes. Its status still lets another target try.
    pub(crate) fn not_configured(message: impl Into<String>) -> Box<Self> {
        let mut problem = Self::new(FailureKind::Internal, "provider_not_configured", message);
        problem.failure.status = Some(StatusCode::SERVICE_UNAVAILABLE.as_u16());
        let never = HeaderValue::from_static("false");
        problem.headers.insert(SHOULD_RETRY, never);
        problem
    }

    /// The upstream gave no answer.
    pub(crate) fn upstream(error: &UpstreamError, provider: &str) -> Box<Self> {
        let (kind, code) = if error.is_timeout() {
            (FailureKind::Timeout, "upstream_timeout")
        } else if error.fault() == Fault::Gateway {
            (FailureKind::Internal, "upstream_request_failed")
        } else if error.not_sent() {
            (FailureKind::BadUpstream, "upstream_unreachable")
        } else {
            (FailureKind::BadUpstream, "upstream_broken")
        };
        let mut problem = Self::new(kind, code, format!("provider `{provider}`: {error}"));
        problem.cause = if error.is_timeout() {
            Cause::Timeout
        } else {
            Cause::Transport
        };
        problem
    }

    /// A body that cannot be translated.
    pub(crate) fn request(error: &RequestError) -> Box<Self> {
        let code = match error {
            RequestError::Json(error) if error.syntax => "invalid_json",
            RequestError::Json(_) | RequestError::Invalid { .. } => "invalid_request",
            RequestError::Unsupported { .. } => "unsupported_by_upstream",
        };
        let mut failure =
            Failure::new(FailureKind::InvalidRequest, error.to_string()).with_code(code);
        failure.param = error.path().map(str::to_owned);
        Self::refused(failure)
    }

    /// The status it has on the wire.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.failure.http_status())
            .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The response for a client.
    pub(crate) fn render(
        self,
        dialect: Protocol,
        format: ErrorFormat,
        id: &str,
    ) -> Response<Bytes> {
        let status = self.status();
        let mut headers = self.headers;
        let body = match (format, self.verbatim) {
            (ErrorFormat::Text, _) => {
                headers.insert(
                    CONTENT_TYPE,
                    HeaderValue::from_static("text/plain; charset=utf-8"),
                );
                Bytes::from(self.failure.message)
            }
            (ErrorFormat::Json, Some(body)) => {
                headers.entry(CONTENT_TYPE).or_insert(JSON);
                body
            }
            (ErrorFormat::Json, None) => {
                headers.insert(CONTENT_TYPE, JSON);
                proxai_translate::encode_failure(dialect, &self.failure, id).into()
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_format_gives_the_message_alone() {
        let problem = Problem::wrong_method("POST");
        let response = problem.render(Protocol::Messages, ErrorFormat::Text, "req_1");
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[ALLOW], "POST");
        assert_eq!(response.body(), "this path takes POST");
    }

    #[test]
    fn a_verbatim_body_is_not_rewritten() {
        let mut problem = Problem::new(FailureKind::RateLimit, "slow_down", "slow down");
        problem.verbatim = Some(Bytes::from_static(b"{ \"error\" : {} }"));
        let response = problem.render(Protocol::Chat, ErrorFormat::Json, "req_1");
        assert_eq!(response.body(), "{ \"error\" : {} }");
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    }
}
