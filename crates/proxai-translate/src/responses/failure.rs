//! Error bodies, both ways (X1).
//!
//! What a failure means is decided by its code first, its words second and its status last,
//! because vendors agree on none of them: a full context is a 400 with a code, a 400 with a
//! sentence, or a 500. Codex acts on codes alone (`context_length_exceeded`,
//! `insufficient_quota`, `rate_limit_exceeded`, `server_is_overloaded`), so a failure of such a
//! kind is always written with a code it knows (X3).

use proxai_ir::{Failure, FailureKind};
use proxai_json::{Nullable, StringOr};
use proxai_responses::lenient::JsonText;
use proxai_responses::{ApiError, ErrorBody, ErrorEvent, Response, ResponseError};
use serde::Serialize;

use crate::wording::says_overflow;

/// Most of a body without a known shape that is shown as the message.
const MAX_TEXT: usize = 4 * 1024;

/// Reads the body of an answer with an error status, or an event that ends a stream with an error.
pub(super) fn decode(status: u16, body: &[u8]) -> Failure {
    let mut failure = read(body).unwrap_or_else(|| {
        let text = String::from_utf8_lossy(&body[..body.len().min(MAX_TEXT)]);
        let text = text.trim();
        let message = if text.is_empty() {
            format!("the upstream answered with status {status} and no text")
        } else {
            text.to_owned()
        };
        Failure::new(FailureKind::Server, message)
    });
    let status_of_error = (status >= 400).then_some(status);
    failure.kind = kind_of(&failure, status_of_error);
    failure.status = status_of_error;
    failure
}

/// Reads an error object that came with a success status, if `body` is one (X4).
pub(super) fn in_success(body: &[u8]) -> Option<Failure> {
    let mut failure = read(body)?;
    failure.kind = kind_of(&failure, None);
    Some(failure)
}

/// What is said for an upstream that says nothing.
const NO_REASON: &str = "the upstream failed without saying why";

fn read(body: &[u8]) -> Option<Failure> {
    let body = body.trim_ascii();
    // Gemini's endpoint wraps the object in an array.
    let inner = body
        .strip_prefix(b"[")
        .and_then(|rest| rest.strip_suffix(b"]"))
        .unwrap_or(body);
    let body: ErrorBody<'_> = proxai_json::from_slice(inner).ok()?;
    if body.kind.as_deref() == Some("response.failed") {
        let response: Response<'_> = proxai_json::from_str(body.response?.get()).ok()?;
        return Some(of_response(response.error.value()));
    }
    match body.error {
        Some(StringOr::Value(error)) => Some(from_api(error)),
        Some(StringOr::String(message)) if !message.is_empty() => {
            Some(raw(message.as_str(), body.code, None, body.param))
        }
        _ => {
            let message = body.message.or(body.detail)?;
            Some(raw(
                &message.0,
                body.code,
                body.kind.map(JsonText),
                body.param,
            ))
        }
    }
}

fn raw(
    message: &str,
    code: Option<JsonText<'_>>,
    vendor_type: Option<JsonText<'_>>,
    param: Option<JsonText<'_>>,
) -> Failure {
    let text = |value: Option<JsonText<'_>>| {
        value
            .map(|value| value.0.into_string())
            .filter(|text| !text.is_empty())
    };
    Failure {
        code: text(code),
        vendor_type: text(vendor_type),
        param: text(param),
        ..Failure::new(
            FailureKind::Server,
            if message.is_empty() {
                NO_REASON
            } else {
                message
            },
        )
    }
}

fn from_api(error: ApiError<'_>) -> Failure {
    raw(
        &error.message.0,
        error.code.value(),
        error.kind.value(),
        error.param.value(),
    )
}

/// The failure told by an `error` event.
pub(super) fn of_event(event: ErrorEvent<'_>) -> Failure {
    let mut failure = match event.error {
        Some(error) => from_api(error),
        None => raw(
            event.message.as_ref().map_or("", |message| &message.0),
            event.code,
            None,
            event.param,
        ),
    };
    complete(&mut failure);
    failure
}

/// The failure told by a response object.
pub(super) fn of_response(error: Option<ResponseError<'_>>) -> Failure {
    let mut failure = match error {
        Some(error) => raw(&error.message.0, error.code, error.kind, error.param),
        None => Failure::new(FailureKind::Server, NO_REASON),
    };
    complete(&mut failure);
    failure
}

fn complete(failure: &mut Failure) {
    failure.kind = kind_of(failure, None);
}

fn kind_of(failure: &Failure, status: Option<u16>) -> FailureKind {
    let code = failure.code.as_deref().unwrap_or_default();
    let vendor_type = failure.vendor_type.as_deref().unwrap_or_default();
    if let Some(kind) = kind_of_word(code).or_else(|| kind_of_word(vendor_type)) {
        return kind;
    }
    if says_overflow(status, &failure.message) {
        return FailureKind::ContextLength;
    }
    if let Some(kind) = kind_of_message(&failure.message) {
        return kind;
    }
    let numeric = code.parse().ok().filter(|code| (400..600).contains(code));
    match status.or(numeric) {
        Some(status) => FailureKind::from_status(status),
        None if vendor_type == "invalid_request_error" => FailureKind::InvalidRequest,
        None => FailureKind::Server,
    }
}

fn kind_of_word(word: &str) -> Option<FailureKind> {
    Some(match word {
        "context_length_exceeded" | "context_window_exceeded" | "exceed_context_size_error" => {
            FailureKind::ContextLength
        }
        "insufficient_quota"
        | "billing_hard_limit_reached"
        | "usage_limit_reached"
        | "usage_not_included"
        | "quota_exceeded"
        | "billing_error" => FailureKind::Quota,
        "rate_limit_exceeded" | "rate_limit_error" | "too_many_requests" => FailureKind::RateLimit,
        "server_is_overloaded"
        | "slow_down"
        | "overloaded"
        | "overloaded_error"
        | "engine_overloaded" => FailureKind::Overloaded,
        "content_filter"
        | "content_policy_violation"
        | "cyber_policy"
        | "bio_policy"
        | "misalignment_policy_violation"
        | "image_content_policy_violation" => FailureKind::ContentPolicy,
        "model_not_found" | "not_found" | "not_found_error" => FailureKind::NotFound,
        "invalid_api_key" | "authentication_error" => FailureKind::Authentication,
        "permission_error" | "permission_denied" => FailureKind::Permission,
        "invalid_prompt"
        | "invalid_value"
        | "unsupported_parameter"
        | "unknown_parameter"
        | "unsupported_value"
        | "missing_required_parameter" => FailureKind::InvalidRequest,
        "upstream_stream_cut" => FailureKind::BadUpstream,
        _ => return None,
    })
}

fn kind_of_message(message: &str) -> Option<FailureKind> {
    let message = message
        .get(..message.len().min(MAX_TEXT))
        .unwrap_or(message);
    let message = message.to_ascii_lowercase();
    if message.contains("credit balance is too low")
        || message.contains("exceeded your current quota")
    {
        return Some(FailureKind::Quota);
    }
    None
}

#[derive(Serialize)]
struct Body<'a> {
    error: ApiError<'a>,
}

/// Writes the body of an answer with an error status.
pub(super) fn encode(failure: &Failure, out: &mut Vec<u8>) {
    let text = |value: &'_ str| JsonText(value.to_owned().into());
    let body = Body {
        error: ApiError {
            message: JsonText(failure.message.as_str().into()),
            kind: Nullable::Value(text(type_of(failure))),
            param: Nullable::or_null(failure.param.as_deref().map(text)),
            code: Nullable::or_null(code_of(failure).map(text)),
        },
    };
    out.extend_from_slice(&proxai_json::to_vec(&body));
}

/// The error inside a response object.
pub(super) fn in_response(failure: &Failure) -> ResponseError<'_> {
    ResponseError {
        code: Some(JsonText(code_of(failure).unwrap_or("server_error").into())),
        message: JsonText(failure.message.as_str().into()),
        kind: failure
            .vendor_type
            .as_deref()
            .map(|kind| JsonText(kind.into())),
        param: failure.param.as_deref().map(|param| JsonText(param.into())),
    }
}

/// The upstream's own type, else the one this API uses.
fn type_of(failure: &Failure) -> &str {
    if let Some(vendor_type) = &failure.vendor_type {
        return vendor_type;
    }
    match failure.kind {
        FailureKind::InvalidRequest
        | FailureKind::ContextLength
        | FailureKind::ContentPolicy
        | FailureKind::Authentication
        | FailureKind::Permission
        | FailureKind::NotFound
        | FailureKind::MethodNotAllowed
        | FailureKind::TooLarge
        | FailureKind::UnsupportedEncoding => "invalid_request_error",
        FailureKind::RateLimit => "rate_limit_error",
        FailureKind::Quota => "insufficient_quota",
        _ => "server_error",
    }
}

/// The upstream's own code if clients know it, else the canonical one of the kind.
fn code_of(failure: &Failure) -> Option<&str> {
    let own = failure
        .code
        .as_deref()
        .filter(|code| code.parse::<u16>().is_err());
    let agrees = own.and_then(kind_of_word) == Some(failure.kind);
    match failure.kind {
        _ if agrees => own,
        FailureKind::ContextLength => Some("context_length_exceeded"),
        FailureKind::Quota => Some("insufficient_quota"),
        FailureKind::RateLimit => Some("rate_limit_exceeded"),
        FailureKind::Overloaded => Some("server_is_overloaded"),
        FailureKind::ContentPolicy => own.or(Some("content_policy_violation")),
        FailureKind::Authentication => own.or(Some("invalid_api_key")),
        FailureKind::Server | FailureKind::Internal => own.or(Some("server_error")),
        _ => own.or(failure.code.as_deref()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(failure: &Failure) -> String {
        let mut out = Vec::new();
        encode(failure, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_shape_of_error_body_gives_its_message_and_code() {
        for (body, message, code) in [
            (
                r#"{"error":{"message":"no","type":"t","param":null,"code":"c"}}"#,
                "no",
                Some("c"),
            ),
            (
                r#"{"code":"invalid-argument","error":"bad key"}"#,
                "bad key",
                Some("invalid-argument"),
            ),
            (
                r#"{"error":{"message":"no","code":404}}"#,
                "no",
                Some("404"),
            ),
            (r#"[{"error":{"message":"arr"}}]"#, "arr", None),
            (r#"{"detail":"nope"}"#, "nope", None),
            (r#"{"detail":[{"msg":"x"}]}"#, r#"[{"msg":"x"}]"#, None),
            ("<html>gone</html>", "<html>gone</html>", None),
        ] {
            let failure = decode(400, body.as_bytes());
            assert_eq!(failure.message, message, "{body}");
            assert_eq!(failure.code.as_deref(), code, "{body}");
            assert_eq!(failure.status, Some(400));
        }
        assert!(decode(502, b"").message.contains("502"));
    }

    #[test]
    fn a_full_context_is_recognised_by_code_or_by_words_and_always_has_its_code() {
        for body in [
            r#"{"error":{"message":"x","code":"context_length_exceeded"}}"#,
            r#"{"error":{"message":"This model's maximum context length is 8 tokens","code":400}}"#,
            r#"{"type":"error","message":"prompt is too long: 9 > 8"}"#,
            r#"{"error":{"message":"request (9 tokens) exceeds the available context size (8 tokens), try increasing it","type":"exceed_context_size_error","code":400}}"#,
        ] {
            let failure = decode(400, body.as_bytes());
            assert_eq!(failure.kind, FailureKind::ContextLength, "{body}");
            assert!(written(&failure).contains(r#""code":"context_length_exceeded""#));
        }
    }

    /// Cases 12 and 14.
    #[test]
    fn an_event_that_ends_a_stream_tells_its_code_and_its_message() {
        for (error, kind, code, message) in [
            (
                r#"{"code":"rate_limit_exceeded","message":"slow"}"#,
                FailureKind::RateLimit,
                Some("rate_limit_exceeded"),
                "slow",
            ),
            (
                r#"{"code":"context_length_exceeded","message":"too much"}"#,
                FailureKind::ContextLength,
                Some("context_length_exceeded"),
                "too much",
            ),
            ("null", FailureKind::Server, None, NO_REASON),
        ] {
            let event = format!(
                r#"{{"type":"response.failed","sequence_number":2,"response":{{"id":"resp_1","status":"failed","error":{error},"output":[]}}}}"#
            );
            let failure = decode(200, event.as_bytes());
            assert_eq!(failure.kind, kind, "{error}");
            assert_eq!(failure.code.as_deref(), code, "{error}");
            assert_eq!(failure.message, message);
            assert_eq!(failure.status, None);
        }
    }

    #[test]
    fn quota_and_rate_limit_share_a_status_but_not_a_kind() {
        let quota = decode(
            429,
            br#"{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}"#,
        );
        let rate = decode(
            429,
            br#"{"error":{"message":"m","type":"requests","code":"rate_limit_exceeded"}}"#,
        );
        assert_eq!(
            (quota.kind, rate.kind),
            (FailureKind::Quota, FailureKind::RateLimit)
        );
        assert_eq!(
            written(&rate),
            r#"{"error":{"message":"m","type":"requests","param":null,"code":"rate_limit_exceeded"}}"#
        );
    }

    #[test]
    fn an_overload_of_another_vendor_gets_the_code_that_codex_retries_on() {
        let failure = Failure {
            vendor_type: Some("overloaded_error".into()),
            ..Failure::new(FailureKind::Overloaded, "busy")
        };
        assert_eq!(code_of(&failure), Some("server_is_overloaded"));
    }

    #[test]
    fn an_error_object_with_a_success_status_is_a_failure() {
        assert!(in_success(br#"{"id":"resp_1","output":[]}"#).is_none());
        let failure = in_success(br#"{"error":{"message":"busy","code":"slow_down"}}"#).unwrap();
        assert_eq!(failure.kind, FailureKind::Overloaded);
    }
}
