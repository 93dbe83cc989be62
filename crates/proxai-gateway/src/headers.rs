//! Which headers travel, in both directions, and what proxai adds (P4, R9, X1).
//!
//! Requests: [`proxai_providers::headers`] decides; what stands here is the quick way through the
//! headers that every client sends, since the full judgement of a name costs more than reading
//! the whole request head does.
//!
//! Responses: an allow list. An upstream's `set-cookie`, `openai-organization` or `server` says
//! who we are to the vendor, which is no business of a client.

use std::fmt::Write as _;

use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use proxai_ir::Losses;
use proxai_providers::headers::{Hop, passes};

/// `application/json`.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// What a stream says it is.
pub(crate) const EVENT_STREAM: HeaderValue =
    HeaderValue::from_static("text/event-stream; charset=utf-8");

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-proxai-request-id");
pub(crate) const PROVIDER: HeaderName = HeaderName::from_static("x-proxai-provider");
pub(crate) const MODEL: HeaderName = HeaderName::from_static("x-proxai-model");
pub(crate) const ROUTE: HeaderName = HeaderName::from_static("x-proxai-route");
pub(crate) const FALLBACK_COUNT: HeaderName = HeaderName::from_static("x-proxai-fallback-count");
pub(crate) const LOSS: HeaderName = HeaderName::from_static("x-proxai-loss");
const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Headers named by some proxies' defaults are cut at 8 kB for all of them together; the losses
/// take at most half of that.
const MAX_LOSS_BYTES: usize = 4096;

/// Copies what may pass from a client's headers to `out`. What `out` already has from the
/// provider stays, except that a client's own value of a listed header beats a static one.
pub(crate) fn forward_request(hop: Hop, client: &HeaderMap, extra: &[String], out: &mut HeaderMap) {
    let connection = connection_tokens(client);
    for (name, value) in client {
        if never_worth_a_look(name) {
            continue;
        }
        let allowed = if *name == header::USER_AGENT && connection.is_empty() {
            true
        } else {
            passes(hop, name.as_str(), &connection, extra)
        };
        if allowed {
            out.insert(name.clone(), value.clone());
        }
    }
}

/// Names that never pass or that the template sets, compared as integers.
fn never_worth_a_look(name: &HeaderName) -> bool {
    *name == header::HOST
        || *name == header::CONTENT_LENGTH
        || *name == header::AUTHORIZATION
        || *name == header::CONNECTION
        || *name == header::ACCEPT_ENCODING
        || *name == header::TRANSFER_ENCODING
        || *name == header::COOKIE
}

/// The values of `Connection`, joined; nearly always empty or `keep-alive`, which names no header
/// that could pass.
fn connection_tokens(client: &HeaderMap) -> String {
    let mut joined = String::new();
    for value in client.get_all(header::CONNECTION) {
        let Ok(value) = value.to_str() else { continue };
        if value.eq_ignore_ascii_case("keep-alive") || value.eq_ignore_ascii_case("close") {
            continue;
        }
        if !joined.is_empty() {
            joined.push(',');
        }
        joined.push_str(value);
    }
    joined
}

/// Whether an upstream's header reaches a client whose body stays as the upstream wrote it.
fn reply_passes(name: &HeaderName) -> bool {
    *name == header::CONTENT_TYPE
        || *name == header::CONTENT_LENGTH
        || *name == header::RETRY_AFTER
        || diagnostic(name.as_str())
}

/// Headers a client acts on or quotes to a vendor's support; they mean the same in any dialect.
fn diagnostic(name: &str) -> bool {
    matches!(
        name,
        "x-request-id"
            | "request-id"
            | "retry-after-ms"
            | "openai-processing-ms"
            | "openai-version"
            | "x-should-retry"
    ) || name.starts_with("x-ratelimit-")
        || name.starts_with("anthropic-ratelimit-")
        || name.starts_with("retry-after")
}

/// Describes a body rather than a model's answer; passes on forwarded paths (E7).
fn describes_content(name: &HeaderName) -> bool {
    *name == header::CONTENT_DISPOSITION
        || *name == header::CONTENT_ENCODING
        || *name == header::CONTENT_RANGE
        || *name == header::ACCEPT_RANGES
        || *name == header::ETAG
        || *name == header::LAST_MODIFIED
        || *name == header::ALLOW
}

/// What becomes of an upstream's body, which decides what its headers still say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplyHop {
    /// Its bytes are the client's bytes.
    Untouched,
    /// As that, and it may be anything (E7).
    Forwarded,
    /// Its bytes are replaced: neither type nor length hold any more.
    Replaced,
}

/// Leaves of an upstream's headers what the client may see.
pub(crate) fn filter_reply(hop: ReplyHop, headers: HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::with_capacity(12);
    let mut last: Option<HeaderName> = None;
    for (name, value) in headers {
        // A repeated header comes without its name.
        let Some(name) = name.or_else(|| last.clone()) else {
            continue;
        };
        let passes = match hop {
            ReplyHop::Untouched => reply_passes(&name),
            ReplyHop::Forwarded => reply_passes(&name) || describes_content(&name),
            ReplyHop::Replaced => name == header::RETRY_AFTER || diagnostic(name.as_str()),
        };
        if passes {
            kept.append(name.clone(), value);
        }
        last = Some(name);
    }
    kept
}

/// What a stream needs so that no proxy in front of us holds it back (S5).
pub(crate) fn mark_stream(headers: &mut HeaderMap) {
    headers.remove(header::CONTENT_LENGTH);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(ACCEL_BUFFERING, HeaderValue::from_static("no"));
}

/// The losses as one header value: `path kind` pairs, at most [`MAX_LOSS_BYTES`], then how many
/// more there are (T4).
pub(crate) fn loss_value(losses: &Losses) -> Option<HeaderValue> {
    if losses.is_empty() {
        return None;
    }
    let mut text = String::new();
    let total = losses.iter().count();
    for (listed, loss) in losses.iter().enumerate() {
        let entry = loss.path.len() + loss.kind.name().len() + 3;
        if text.len() + entry > MAX_LOSS_BYTES {
            write!(text, "; ...+{}", total - listed).expect("a String takes any text");
            break;
        }
        if listed > 0 {
            text.push_str("; ");
        }
        // Paths hold the client's own keys, which may be anything.
        text.extend(loss.path.chars().map(|c| {
            if c.is_ascii_graphic() && c != ';' {
                c
            } else {
                '?'
            }
        }));
        text.push(' ');
        text.push_str(loss.kind.name());
    }
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxai_types::Protocol;

    fn map(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        headers
    }

    #[test]
    fn a_client_credential_never_reaches_the_upstream_and_ours_stays() {
        let client = map(&[
            ("authorization", "Bearer sk-client"),
            ("x-api-key", "sk-client"),
            ("cookie", "sk-client"),
            ("x-goog-api-key", "sk-client"),
            ("user-agent", "test/1"),
            ("anthropic-beta", "tools"),
        ]);
        let mut out = map(&[("x-api-key", "sk-ours")]);
        forward_request(Hop::Same(Protocol::Messages), &client, &[], &mut out);
        assert!(!format!("{out:?}").contains("sk-client"));
        assert_eq!(out["x-api-key"], "sk-ours");
        assert_eq!(out["user-agent"], "test/1");
        assert_eq!(out["anthropic-beta"], "tools");
    }

    #[test]
    fn a_header_named_in_connection_stops_here() {
        let client = map(&[
            ("connection", "close, user-agent, anthropic-beta"),
            ("user-agent", "test/1"),
            ("anthropic-beta", "tools"),
        ]);
        let mut out = HeaderMap::new();
        forward_request(Hop::Same(Protocol::Messages), &client, &[], &mut out);
        assert!(out.is_empty(), "{out:?}");
    }

    #[test]
    fn rate_limits_and_ids_reach_the_client_and_the_vendor_account_does_not() {
        let reply = map(&[
            ("content-type", "application/json"),
            ("content-length", "2"),
            ("x-ratelimit-remaining-tokens", "9"),
            ("anthropic-ratelimit-requests-limit", "5"),
            ("request-id", "req_9"),
            ("retry-after-ms", "20"),
            ("openai-organization", "acme"),
            ("set-cookie", "a=b"),
        ]);
        let kept = filter_reply(ReplyHop::Untouched, reply.clone());
        assert_eq!(kept.len(), 6, "{kept:?}");
        let replaced = filter_reply(ReplyHop::Replaced, reply);
        assert!(!replaced.contains_key("content-length"));
        assert!(replaced.contains_key("retry-after-ms"));
    }

    #[test]
    fn a_long_list_of_losses_is_cut_and_counted() {
        let mut losses = Losses::new();
        assert!(loss_value(&losses).is_none());
        for n in 0..400 {
            losses.dropped(format!("tools[{n}].überlang;"), "no place for it");
        }
        let value = loss_value(&losses).unwrap();
        let text = value.to_str().unwrap();
        assert!(text.len() <= MAX_LOSS_BYTES + 16, "{}", text.len());
        assert!(text.starts_with("tools[0].?berlang? dropped; tools[1]"));
        assert!(text.contains("; ...+"), "{text}");
    }
}
