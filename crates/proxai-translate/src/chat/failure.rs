//! Errors, in the many shapes in which upstreams of this protocol tell them.
//!
//! Read: `{"error":{message,type,param,code}}`, `{"error":"text"}`, `{"message":…}`,
//! `{"detail":…}`, each also inside an array, and pages of HTML from proxies in between. The code
//! may be a number, which then often is the HTTP status of a provider further behind.
//!
//! The kind comes from the code, then the type, then well-known wording, then the status: vendors
//! use `invalid_request_error` for nearly everything, so it says nothing.

use proxai_chat as wire;
use proxai_ir::{Failure, FailureKind};
use proxai_json::{Nullable, RawValue, Str};

use crate::wording::says_overflow;

/// Most characters of a body that is not JSON that are shown to the client.
const MAX_EXCERPT: usize = 300;

/// Codes and types with one meaning, lower case, without separators.
const WORDS: &[(&str, FailureKind)] = &[
    ("contextlengthexceeded", FailureKind::ContextLength),
    ("exceedcontextsizeerror", FailureKind::ContextLength),
    ("toomanyprompttokens", FailureKind::ContextLength),
    ("contextwindowexceeded", FailureKind::ContextLength),
    ("insufficientquota", FailureKind::Quota),
    ("insufficientbalance", FailureKind::Quota),
    ("insufficientcredits", FailureKind::Quota),
    ("billinghardlimitreached", FailureKind::Quota),
    ("billingnotactive", FailureKind::Quota),
    ("billingerror", FailureKind::Quota),
    ("exceededcurrentquotaerror", FailureKind::Quota),
    ("ratelimitexceeded", FailureKind::RateLimit),
    ("ratelimiterror", FailureKind::RateLimit),
    ("ratelimitreached", FailureKind::RateLimit),
    ("ratelimitreachederror", FailureKind::RateLimit),
    ("toomanyrequests", FailureKind::RateLimit),
    ("resourceexhausted", FailureKind::RateLimit),
    ("requests", FailureKind::RateLimit),
    ("tokens", FailureKind::RateLimit),
    ("contentfilter", FailureKind::ContentPolicy),
    ("contentpolicyviolation", FailureKind::ContentPolicy),
    ("responsibleaipolicyviolation", FailureKind::ContentPolicy),
    ("datainspectionfailed", FailureKind::ContentPolicy),
    ("moderationblocked", FailureKind::ContentPolicy),
    ("modelnotfound", FailureKind::NotFound),
    ("modelnotexist", FailureKind::NotFound),
    ("invalidmodel", FailureKind::NotFound),
    ("deploymentnotfound", FailureKind::NotFound),
    ("notfounderror", FailureKind::NotFound),
    ("invalidapikey", FailureKind::Authentication),
    ("authenticationerror", FailureKind::Authentication),
    ("invalidauthenticationerror", FailureKind::Authentication),
    ("unauthenticated", FailureKind::Authentication),
    ("permissionerror", FailureKind::Permission),
    ("permissiondenied", FailureKind::Permission),
    ("overloadederror", FailureKind::Overloaded),
    ("engineoverloadederror", FailureKind::Overloaded),
    ("overloaded", FailureKind::Overloaded),
    ("serveroverloaded", FailureKind::Overloaded),
    ("serviceunavailable", FailureKind::Overloaded),
    ("unavailable", FailureKind::Overloaded),
    ("timeouterror", FailureKind::Timeout),
    ("timeout", FailureKind::Timeout),
    ("deadlineexceeded", FailureKind::Timeout),
    ("servererror", FailureKind::Server),
    ("internalerror", FailureKind::Server),
    ("internalservererror", FailureKind::Server),
    ("requesttoolarge", FailureKind::TooLarge),
];

/// Wordings that mean an empty account.
const NO_CREDIT: &[&str] = &[
    "exceeded your current quota",
    "insufficient balance",
    "insufficient credit",
    "credit balance is too low",
    "requires more credits",
];

/// Reads the body of an HTTP error.
pub(super) fn decode(status: u16, body: &[u8]) -> Failure {
    let status_of_error = (status >= 400).then_some(status);
    read(body, status_of_error, true).unwrap_or_else(|| unreadable(status, body))
}

/// Reads a body that came with a success status but may be an error (X4).
pub(super) fn in_success(body: &[u8]) -> Option<Failure> {
    read(body, None, false)
}

/// Reads the error of a stream frame, which the chunk was read from. `named` is whether the frame
/// calls itself an error.
pub(super) fn in_chunk(chunk: &wire::Chunk<'_>, frame: &[u8], named: bool) -> Option<Failure> {
    let says_error = chunk
        .object
        .is_some_and(|object| object.get() == "\"error\"");
    let bare = chunk.choices.is_empty() && chunk.usage.is_none();
    let elsewhere = (named || says_error) && bare;
    (elsewhere || chunk.error.is_some_and(|error| !is_empty(error)))
        .then(|| read(frame, None, elsewhere))?
}

fn read(body: &[u8], status: Option<u16>, bare: bool) -> Option<Failure> {
    let text = std::str::from_utf8(body).ok()?.trim();
    // Some wrap the object in a list, once: a list of lists is not followed into its depths.
    let listed = serde_json::from_str::<Vec<&RawValue>>(text).ok();
    let text = match &listed {
        Some(list) => list.first()?.get(),
        None => text,
    };
    let body = serde_json::from_str::<wire::ErrorBody<'_>>(text).ok()?;
    let says_error = body
        .object
        .is_some_and(|object| object.get() == "\"error\"");
    members(&body, status, bare || says_error)
}

/// `bare` is whether members outside of `error` count.
fn members(body: &wire::ErrorBody<'_>, status: Option<u16>, bare: bool) -> Option<Failure> {
    if let Some(error) = body.error.filter(|error| !is_empty(error)) {
        return Some(inner(error, body, status));
    }
    let outside = body.message.or(body.detail).filter(|_| bare)?;
    Some(build(
        text_of(outside),
        body.r#type.and_then(scalar),
        body.code.and_then(scalar),
        body.param.and_then(scalar),
        status,
    ))
}

fn inner(error: &RawValue, outer: &wire::ErrorBody<'_>, status: Option<u16>) -> Failure {
    let Ok(found) = serde_json::from_str::<wire::ErrorBody<'_>>(error.get()) else {
        let code = outer.code.and_then(scalar);
        return build(
            text_of(error),
            outer.r#type.and_then(scalar),
            code,
            None,
            status,
        );
    };
    let nested = found.error.filter(|nested| !is_empty(nested));
    let said = |text: &&RawValue| !is_empty(text);
    let message = found.message.filter(said).or(found.detail).or(nested);
    build(
        message.map_or_else(|| error.get().to_owned(), text_of),
        found.r#type.and_then(scalar),
        found.code.and_then(scalar),
        found.param.and_then(scalar),
        status,
    )
}

fn build(
    message: String,
    vendor_type: Option<String>,
    code: Option<String>,
    param: Option<String>,
    status: Option<u16>,
) -> Failure {
    let numeric = code.as_deref().and_then(|code| code.parse::<u16>().ok());
    let status = status.or(numeric.filter(|code| (400..600).contains(code)));
    let kind = classify(status, code.as_deref(), vendor_type.as_deref(), &message);
    Failure {
        kind,
        status,
        message,
        code,
        vendor_type,
        param,
    }
}

fn classify(
    status: Option<u16>,
    code: Option<&str>,
    vendor_type: Option<&str>,
    message: &str,
) -> FailureKind {
    let message = message.to_lowercase();
    let says = |wordings: &[&str]| wordings.iter().any(|wording| message.contains(wording));
    let by_word = [code, vendor_type].into_iter().flatten().find_map(|word| {
        let bare: String = word
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        WORDS
            .iter()
            .find(|(known, _)| *known == bare)
            .map(|(_, kind)| *kind)
    });
    match by_word {
        Some(FailureKind::Server | FailureKind::TooLarge) | None
            if says_overflow(status, &message) =>
        {
            FailureKind::ContextLength
        }
        Some(FailureKind::RateLimit) | None if says(NO_CREDIT) => FailureKind::Quota,
        Some(kind) => kind,
        None => status.map_or(FailureKind::BadUpstream, FailureKind::from_status),
    }
}

/// What is said about a body that tells nothing itself.
fn unreadable(status: u16, body: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(body);
    let mut excerpt = String::new();
    for word in text.split_whitespace() {
        if !excerpt.is_empty() {
            excerpt.push(' ');
        }
        excerpt.push_str(word);
        if excerpt.len() > MAX_EXCERPT * 4 {
            break;
        }
    }
    let message = if excerpt.is_empty() {
        format!("the upstream answered {status} with an empty body")
    } else {
        let short: String = excerpt.chars().take(MAX_EXCERPT).collect();
        format!("the upstream answered {status}: {short}")
    };
    let kind = classify(Some(status), None, None, &message);
    Failure {
        status: (status >= 400).then_some(status),
        ..Failure::new(kind, message)
    }
}

fn is_empty(value: &RawValue) -> bool {
    matches!(value.get(), "null" | "\"\"" | "{}" | "[]" | "false")
}

/// The text of a string, a number or a boolean.
fn scalar(value: &RawValue) -> Option<String> {
    match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(value.get())
            .ok()
            .filter(|text| !text.is_empty()),
        b'{' | b'[' | b'n' => None,
        _ => Some(value.get().to_owned()),
    }
}

/// The text of anything; the list of problems that some servers send is told one per line.
fn text_of(value: &RawValue) -> String {
    if let Some(text) = scalar(value).filter(|text| !text.is_empty()) {
        return text;
    }
    let Ok(problems) = serde_json::from_str::<Vec<wire::Problem<'_>>>(value.get()) else {
        return value.get().to_owned();
    };
    let lines: Vec<String> = problems
        .iter()
        .filter_map(|problem| {
            let what = problem.msg.as_deref().filter(|what| !what.is_empty())?;
            Some(match problem.loc {
                Some(place) => format!("{}: {what}", place.get()),
                None => what.to_owned(),
            })
        })
        .collect();
    if lines.is_empty() {
        value.get().to_owned()
    } else {
        lines.join("\n")
    }
}

/// The body of an error for a client (X1).
pub(super) fn envelope(failure: &Failure) -> wire::ErrorEnvelope<'_> {
    let code = match failure.kind {
        // Clients compact the conversation on exactly this code (X3).
        FailureKind::ContextLength => Some("context_length_exceeded"),
        // A number is the status of somebody further behind; clients act on words.
        kind => failure
            .code
            .as_deref()
            .filter(|code| code_of(kind).is_none() || code.parse::<u16>().is_err())
            .or(code_of(kind)),
    };
    let vendor_type = failure
        .vendor_type
        .as_deref()
        .unwrap_or_else(|| type_of(failure.kind));
    wire::ErrorEnvelope {
        error: wire::ErrorObject {
            message: Str::borrowed(&failure.message),
            r#type: Str::borrowed(vendor_type),
            param: Nullable::or_null(failure.param.as_deref().map(Str::borrowed)),
            code: Nullable::or_null(code.map(Str::borrowed)),
        },
    }
}

const fn type_of(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::Authentication => "authentication_error",
        FailureKind::Permission => "permission_error",
        FailureKind::RateLimit => "rate_limit_error",
        FailureKind::Quota => "insufficient_quota",
        FailureKind::Overloaded | FailureKind::Unavailable => "overloaded_error",
        FailureKind::Timeout => "timeout_error",
        FailureKind::BadUpstream | FailureKind::Server | FailureKind::Internal => "server_error",
        _ => "invalid_request_error",
    }
}

const fn code_of(kind: FailureKind) -> Option<&'static str> {
    match kind {
        FailureKind::RateLimit => Some("rate_limit_exceeded"),
        FailureKind::Quota => Some("insufficient_quota"),
        FailureKind::ContentPolicy => Some("content_filter"),
        FailureKind::Overloaded => Some("overloaded"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_that_says_nothing_is_shown_as_it_is() {
        let failure = decode(400, br#"{"error":{"message":"","code":"c"}}"#);
        assert_eq!(failure.message, r#"{"message":"","code":"c"}"#);
        assert_eq!(failure.code.as_deref(), Some("c"));
    }

    #[test]
    fn lists_of_lists_do_not_use_up_the_stack() {
        let deep = "[".repeat(100_000) + &"]".repeat(100_000);
        assert_eq!(decode(500, deep.as_bytes()).http_status(), 500);
    }

    #[test]
    fn every_shape_gives_its_message() {
        for body in [
            r#"{"error":{"message":"no such thing","type":"x","param":"p","code":"c"}}"#,
            r#"{"error":"no such thing"}"#,
            r#"{"message":"no such thing"}"#,
            r#"{"detail":"no such thing"}"#,
            r#"[{"error":{"code":400,"message":"no such thing","status":"INVALID_ARGUMENT"}}]"#,
            r#"{"object":"error","message":"no such thing","type":"BadRequest","code":400}"#,
            r#"{"error":{"error":"no such thing"}}"#,
        ] {
            let failure = decode(400, body.as_bytes());
            assert_eq!(failure.message, "no such thing", "{body}");
            assert_eq!(failure.kind, FailureKind::InvalidRequest, "{body}");
            assert_eq!(failure.http_status(), 400, "{body}");
        }
    }

    #[test]
    fn a_list_of_problems_is_told_line_by_line() {
        let body = br#"{"detail":[{"loc":["body","n"],"msg":"too big"},{"msg":"odd"}]}"#;
        let failure = decode(422, body);
        assert_eq!(failure.message, "[\"body\",\"n\"]: too big\nodd");
    }

    #[test]
    fn a_page_of_html_is_shortened_and_named_as_what_it_is() {
        let page = format!("<html>\n  <body>{}</body></html>", "busy ".repeat(500));
        let failure = decode(502, page.as_bytes());
        assert_eq!(failure.kind, FailureKind::BadUpstream);
        assert!(
            failure
                .message
                .starts_with("the upstream answered 502: <html> <body>")
        );
        assert!(failure.message.chars().count() < MAX_EXCERPT + 40);
        assert_eq!(
            decode(503, b"").message,
            "the upstream answered 503 with an empty body"
        );
    }

    #[test]
    fn the_kind_follows_code_then_wording_then_status() {
        for (status, body, kind) in [
            (
                400,
                r#"{"error":{"message":"x","code":"context_length_exceeded"}}"#,
                FailureKind::ContextLength,
            ),
            (
                400,
                r#"{"error":{"message":"This model's maximum context length is 8 tokens","code":"invalid_request_error"}}"#,
                FailureKind::ContextLength,
            ),
            (
                400,
                r#"{"error":{"message":"x","type":"too_many_prompt_tokens","code":400}}"#,
                FailureKind::ContextLength,
            ),
            (
                429,
                r#"{"error":{"message":"x","code":"insufficient_quota"}}"#,
                FailureKind::Quota,
            ),
            (
                429,
                r#"{"error":{"message":"x","code":"RateLimitReached"}}"#,
                FailureKind::RateLimit,
            ),
            (
                404,
                r#"{"error":{"message":"x","code":"model_not_found"}}"#,
                FailureKind::NotFound,
            ),
            (
                401,
                r#"{"error":{"message":"x","type":"invalid_request_error"}}"#,
                FailureKind::Authentication,
            ),
            (
                402,
                r#"{"error":{"message":"Insufficient Balance","code":"invalid_request_error"}}"#,
                FailureKind::Quota,
            ),
            (
                400,
                r#"{"error":{"message":"x","code":"content_filter"}}"#,
                FailureKind::ContentPolicy,
            ),
            (503, "{}", FailureKind::Overloaded),
        ] {
            assert_eq!(decode(status, body.as_bytes()).kind, kind, "{body}");
        }
    }

    #[test]
    fn an_answer_is_not_taken_for_an_error() {
        assert_eq!(in_success(br#"{"choices":[],"error":null}"#), None);
        assert_eq!(in_success(br#"{"choices":[],"message":"hello"}"#), None);
        let failure = in_success(br#"{"error":{"message":"slow down","code":429}}"#).unwrap();
        assert_eq!(
            (failure.kind, failure.http_status()),
            (FailureKind::RateLimit, 429)
        );
    }

    #[test]
    fn the_client_gets_the_upstreams_words_and_the_code_it_acts_on() {
        let failure = Failure {
            param: Some("messages".to_owned()),
            code: Some("invalid_request_error".to_owned()),
            ..Failure::new(FailureKind::ContextLength, "too long")
        };
        assert_eq!(
            proxai_json::to_string(&envelope(&failure)),
            r#"{"error":{"message":"too long","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#
        );
        let numbered = |kind| {
            let failure = Failure::new(kind, "m").with_code("429");
            envelope(&failure).error.code.value().map(Str::into_string)
        };
        let word = numbered(FailureKind::RateLimit);
        assert_eq!(word.as_deref(), Some("rate_limit_exceeded"));
        assert_eq!(numbered(FailureKind::NotFound).as_deref(), Some("429"));
        let failure = Failure {
            vendor_type: Some("api_error".to_owned()),
            ..Failure::new(FailureKind::Server, "oops")
        };
        assert_eq!(
            proxai_json::to_string(&envelope(&failure)),
            r#"{"error":{"message":"oops","type":"api_error","param":null,"code":null}}"#
        );
    }
}
