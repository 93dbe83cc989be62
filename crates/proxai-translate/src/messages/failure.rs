//! Errors both ways (X1, X3; cases 112 to 114).
//!
//! The upstream's words are kept: Claude Code matches on them. It compacts its history when a
//! message begins with "prompt is too long", so that is put before a context overflow told in
//! other words.

use proxai_ir::{Failure, FailureKind};
use proxai_json::{Str, StringOr};
use proxai_messages::{ErrorBody, ErrorResponse, ErrorType, Json};

use crate::wording::says_overflow;

/// Most bytes of a body of unknown shape that become the message.
const MAX_RAW_MESSAGE: usize = 4096;

/// What Claude Code looks for.
const TOO_LONG: &str = "prompt is too long";

/// Reads an error body; one of another shape becomes the message as it is.
pub(super) fn decode(status: u16, body: &[u8]) -> Failure {
    let mut failure = match proxai_json::from_slice::<ErrorResponse<'_>>(body) {
        Ok(response) => from_response(response, Some(status)),
        Err(_) => None,
    }
    .unwrap_or_else(|| of_unknown_shape(status, body));
    failure.status = Some(status);
    failure
}

/// Reads the body of an in-band error; `None` if it holds no error.
pub(super) fn from_response(response: ErrorResponse<'_>, status: Option<u16>) -> Option<Failure> {
    let outer = response.message.or(response.detail);
    let (body, message) = match response.error {
        Some(StringOr::Value(mut body)) => {
            let message = body.message.take().or(outer);
            (body, message.as_ref().map(text_of))
        }
        Some(StringOr::String(text)) if !text.is_empty() => {
            (ErrorBody::default(), Some(text.into_string()))
        }
        _ => (ErrorBody::default(), Some(text_of(&outer?))),
    };
    let vendor_type = body
        .kind
        .map(Str::into_string)
        .filter(|kind| !kind.is_empty());
    let message = message
        .filter(|message| !message.is_empty())
        .or_else(|| vendor_type.clone())
        .unwrap_or_else(|| "the upstream gave an error without a message".to_owned());
    Some(Failure {
        kind: kind_of(vendor_type.as_deref(), &message, status),
        status: None,
        code: body.code.as_ref().map(text_of),
        param: body.param.as_ref().map(text_of),
        vendor_type,
        message,
    })
}

/// What went wrong: by the words first, since vendors disagree about types and statuses.
fn kind_of(vendor_type: Option<&str>, message: &str, status: Option<u16>) -> FailureKind {
    let lower = message.to_ascii_lowercase();
    let kind = vendor_type.and_then(|name| match ErrorType::from(Str::from(name)) {
        ErrorType::InvalidRequest => Some(FailureKind::InvalidRequest),
        ErrorType::Authentication => Some(FailureKind::Authentication),
        ErrorType::Billing => Some(FailureKind::Quota),
        ErrorType::Permission => Some(FailureKind::Permission),
        ErrorType::NotFound => Some(FailureKind::NotFound),
        ErrorType::RequestTooLarge => Some(FailureKind::TooLarge),
        ErrorType::RateLimit => Some(FailureKind::RateLimit),
        ErrorType::Timeout => Some(FailureKind::Timeout),
        ErrorType::Overloaded => Some(FailureKind::Overloaded),
        ErrorType::Api => Some(FailureKind::Server),
        _ => None,
    });
    let kind = kind.unwrap_or_else(|| status.map_or(FailureKind::Server, FailureKind::from_status));
    match kind {
        // A prompt may be too long for the API before it is too long for the model (413).
        FailureKind::InvalidRequest | FailureKind::Server | FailureKind::TooLarge
            if says_overflow(status, message) =>
        {
            FailureKind::ContextLength
        }
        FailureKind::InvalidRequest if lower.contains("credit balance is too low") => {
            FailureKind::Quota
        }
        kind => kind,
    }
}

fn of_unknown_shape(status: u16, body: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    let mut end = text.len().min(MAX_RAW_MESSAGE);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let message = if text.is_empty() {
        format!("the upstream answered with status {status} and no body")
    } else {
        text[..end].to_owned()
    };
    Failure::new(kind_of(None, &message, Some(status)), message)
}

/// A string without its quotes, any other JSON as it is.
fn text_of(json: &Json<'_>) -> String {
    proxai_json::from_str::<Str<'_>>(json.get())
        .map_or_else(|_| json.get().to_owned(), Str::into_string)
}

/// The error of a body or of an `error` event.
pub(super) fn body_of(failure: &Failure) -> ErrorBody<'_> {
    let message = match failure.kind {
        FailureKind::ContextLength
            if !failure.message.to_ascii_lowercase().starts_with(TOO_LONG) =>
        {
            Str::from(format!("{TOO_LONG}: {}", failure.message))
        }
        _ => Str::from(failure.message.as_str()),
    };
    let json = |text: &str| Json::from_string(proxai_json::to_string(text));
    ErrorBody {
        kind: Some(Str::from(type_of(failure.kind))),
        message: json(&message),
        // Errors of this API have no code. One that is a word tells something; a number only
        // repeats a status.
        code: failure
            .code
            .as_deref()
            .filter(|code| !code.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(json),
        param: failure.param.as_deref().and_then(json),
        details: None,
    }
}

/// A whole error body for a client of this protocol.
pub(super) fn encode(failure: &Failure, request_id: &str, out: &mut Vec<u8>) {
    let response = ErrorResponse {
        kind: Some(Str::borrowed("error")),
        error: Some(StringOr::Value(body_of(failure))),
        request_id: (!request_id.is_empty()).then(|| Str::from(request_id)),
        message: None,
        detail: None,
    };
    out.extend_from_slice(&proxai_json::to_vec(&response));
}

const fn type_of(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Authentication => "authentication_error",
        FailureKind::Permission => "permission_error",
        FailureKind::NotFound => "not_found_error",
        FailureKind::TooLarge => "request_too_large",
        FailureKind::RateLimit => "rate_limit_error",
        FailureKind::Quota => "billing_error",
        FailureKind::Overloaded | FailureKind::Unavailable => "overloaded_error",
        FailureKind::Timeout => "timeout_error",
        FailureKind::BadUpstream | FailureKind::Server | FailureKind::Internal => "api_error",
        _ => "invalid_request_error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(failure: &Failure) -> String {
        let mut out = Vec::new();
        encode(failure, "req_1", &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_overloaded_answer_keeps_type_message_and_status() {
        let failure = decode(
            529,
            br#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"r"}"#,
        );
        assert_eq!(failure.kind, FailureKind::Overloaded);
        assert_eq!(failure.http_status(), 529);
        assert_eq!(failure.vendor_type.as_deref(), Some("overloaded_error"));
        assert_eq!(
            told(&failure),
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}"#
        );
    }

    #[test]
    fn bodies_of_other_shapes_become_the_message() {
        for (body, message) in [
            (&br#"{"error":"nope"}"#[..], "nope"),
            (br#"{"error":{"message":"nope","code":17}}"#, "nope"),
            (br#"{"detail":"nope"}"#, "nope"),
            (
                br#"{"error":{"message":null,"type":""}}"#,
                "the upstream gave an error without a message",
            ),
            (b"<html>nope</html>", "<html>nope</html>"),
            (b"", "the upstream answered with status 403 and no body"),
        ] {
            let failure = decode(403, body);
            assert_eq!(failure.message, message);
            assert_eq!(failure.kind, FailureKind::Permission);
        }
    }

    #[test]
    fn an_overflow_is_known_by_its_words_and_told_in_the_words_clients_look_for() {
        let own = decode(
            400,
            br#"{"error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens > 8 maximum"}}"#,
        );
        assert_eq!(own.kind, FailureKind::ContextLength);
        assert!(told(&own).contains(r#""message":"prompt is too long: 9 tokens"#));
        // The server of llama.cpp (2026-10).
        let local = decode(
            400,
            br#"{"error":{"code":400,"type":"exceed_context_size_error","message":"request (9 tokens) exceeds the available context size (8 tokens), try increasing it"}}"#,
        );
        assert_eq!(local.kind, FailureKind::ContextLength);
        let foreign = Failure::new(FailureKind::ContextLength, "maximum context length is 8")
            .with_code("context_length_exceeded");
        let text = told(&foreign);
        assert!(text.contains("prompt is too long: maximum context length is 8"));
        assert!(text.contains(r#""code":"context_length_exceeded""#));
    }

    #[test]
    fn a_code_that_is_a_number_is_not_told() {
        for (code, told_as) in [
            ("400", None),
            ("1113", None),
            ("slow_down", Some("slow_down")),
        ] {
            let text = told(&Failure::new(FailureKind::RateLimit, "m").with_code(code));
            let told_code = told_as.map_or(String::new(), |code| format!(r#""code":"{code}""#));
            assert_eq!(text.contains(r#""code""#), told_as.is_some(), "{text}");
            assert!(text.contains(&told_code), "{text}");
        }
    }

    #[test]
    fn every_kind_has_the_type_of_its_status() {
        for (status, name) in [
            (400, "invalid_request_error"),
            (401, "authentication_error"),
            (402, "billing_error"),
            (403, "permission_error"),
            (404, "not_found_error"),
            (413, "request_too_large"),
            (429, "rate_limit_error"),
            (500, "api_error"),
            (504, "timeout_error"),
            (529, "overloaded_error"),
        ] {
            assert_eq!(type_of(FailureKind::from_status(status)), name);
        }
    }
}
