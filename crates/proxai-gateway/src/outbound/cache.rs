//! What becomes of the upstream's prompt cache, and what came of it (T13).
//!
//! A request's header decides before the rules of the configuration do
//! ([`CacheRules`](proxai_router::CacheRules)).
//! `respect` leaves every byte; `disable` takes markers and keys out; `force` marks the end of
//! tools, system and conversation, or names the conversation, where the client did not. Works on
//! the upstream's body, so that every client can say it in every protocol.
//!
//! Invariants: tool inputs and schemas are never looked into, since a member of that name in them
//! is the client's own; and a forced body has no more marks than the vendor accepts.

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use memchr::memmem;
use proxai_ir::{Failure, FailureKind};
use proxai_json::{Container, Doc, Edit, Span};
use proxai_router::CachePolicy;
use proxai_types::{Protocol, Usage};

use crate::problem::Problem;

/// Request and response header.
const CACHE: HeaderName = HeaderName::from_static("x-proxai-cache");
/// What another gateway calls the same request header.
const ALIAS: HeaderName = HeaderName::from_static("x-langwatch-cache");

const MARK: &str = "cache_control";
const EPHEMERAL: &[u8] = br#"{"type":"ephemeral"}"#;
const KEY: &str = "prompt_cache_key";

/// The most marks that are accepted ("A maximum of 4 blocks with `cache_control` may be provided").
/// <https://docs.claude.com/en/docs/build-with-claude/prompt-caching> (2026-08)
const MAX_MARKS: usize = 4;

/// Content within content: a tool's result is the deepest.
const MAX_DEPTH: usize = 3;

/// What the request's headers say, if anything.
pub(crate) fn asked(headers: &HeaderMap) -> Result<Option<CachePolicy>, Box<Problem>> {
    let Some((name, value)) = [CACHE, ALIAS]
        .into_iter()
        .find_map(|name| headers.get(&name).map(|value| (name.clone(), value)))
    else {
        return Ok(None);
    };
    let word = value.as_bytes().trim_ascii();
    let policy = CachePolicy::ALL
        .into_iter()
        .find(|policy| policy.name().as_bytes() == word);
    match policy {
        Some(policy) => Ok(Some(policy)),
        None => Err(Problem::refused(
            Failure::new(
                FailureKind::InvalidRequest,
                format!("header {name} is `respect`, `disable` or `force`"),
            )
            .with_code("cache_override_invalid")
            .with_param(name.as_str()),
        )),
    }
}

/// The body as it is to be cached.
pub(crate) fn apply(policy: CachePolicy, protocol: Protocol, body: Bytes) -> Bytes {
    let wanted = match policy {
        CachePolicy::Respect => return body,
        CachePolicy::Disable if memmem::find(&body, b"cache").is_none() => return body,
        CachePolicy::Disable => disabled(&body),
        CachePolicy::Force if protocol == Protocol::Messages => marked(&body),
        CachePolicy::Force => keyed(&body),
    };
    wanted.map_or(body, Bytes::from)
}

/// Says in the answer what came of it, as far as it is known.
pub(crate) fn tell(policy: CachePolicy, usage: Option<&Usage>, headers: &mut HeaderMap) {
    let word = match (policy, usage.and_then(|usage| usage.cache_read)) {
        (CachePolicy::Disable, _) => "bypass",
        (CachePolicy::Force, _) => "force",
        (CachePolicy::Respect, Some(0)) => "miss",
        (CachePolicy::Respect, Some(_)) => "hit",
        (CachePolicy::Respect, None) => return,
    };
    headers.insert(CACHE, HeaderValue::from_static(word));
}

/// The body without markers and keys.
fn disabled(body: &[u8]) -> Option<Vec<u8>> {
    let doc = Doc::scan(body).ok()?;
    let mut edit = Edit::new(body);
    for key in [MARK, KEY, "prompt_cache_retention"] {
        edit.remove(&doc.root, key);
    }
    for key in ["system", "tools", "messages", "input"] {
        if let Some(list) = doc.child(key) {
            strip(body, &list, &mut edit, 0);
        }
    }
    edit.finish().ok()
}

/// Takes the marker off each object of a list and of the lists of content in them.
fn strip(body: &[u8], list: &Container, edit: &mut Edit<'_>, depth: usize) {
    for item in list.items.iter().filter(|item| item.key.is_none()) {
        let Ok(object) = Container::scan(body, item.value) else {
            continue;
        };
        edit.remove(&object, MARK);
        if let Some(function) = object.child(body, "function") {
            edit.remove(&function, MARK);
        }
        if depth < MAX_DEPTH
            && let Some(content) = object.child(body, "content")
        {
            strip(body, &content, edit, depth + 1);
        }
    }
}

/// The body with a marker at the end of the conversation, the system text and the tools.
fn marked(body: &[u8]) -> Option<Vec<u8>> {
    let doc = Doc::scan(body).ok()?;
    let mut edit = Edit::new(body);
    let mut room = MAX_MARKS.saturating_sub(memmem::find_iter(body, b"\"cache_control\"").count());
    let turn = doc.child("messages").and_then(|messages| {
        let last = messages.items.last()?.value;
        Container::scan(body, last).ok()?.value(body, "content")
    });
    // In the order of their worth.
    for place in [turn, doc.get("system"), doc.get("tools")] {
        if room > 0 && place.is_some_and(|place| mark(body, place, &mut edit)) {
            room -= 1;
        }
    }
    edit.finish().ok()
}

/// Marks the end of a list of blocks, or a text, which becomes one.
fn mark(body: &[u8], place: Span, edit: &mut Edit<'_>) -> bool {
    if place.kind(body) == b'"' {
        // Empty text cannot be marked.
        if place.string(body).is_none_or(|text| text.is_empty()) {
            return false;
        }
        let mut block = br#"[{"type":"text","text":"#.to_vec();
        block.extend_from_slice(place.of(body));
        block.extend_from_slice(br#","cache_control":{"type":"ephemeral"}}]"#);
        edit.replace(place, block);
        return true;
    }
    let last = Container::scan(body, place)
        .ok()
        .and_then(|list| Container::scan(body, list.items.last()?.value).ok());
    let Some(last) = last else {
        return false;
    };
    // Thoughts cannot be marked.
    let thought = last
        .value(body, "type")
        .and_then(|kind| kind.string(body))
        .is_some_and(|kind| kind.ends_with("thinking"));
    if thought || last.value(body, MARK).is_some() {
        return false;
    }
    edit.set(&last, MARK, EPHEMERAL);
    true
}

/// The body with a key that is the same for every turn of one conversation.
fn keyed(body: &[u8]) -> Option<Vec<u8>> {
    let doc = Doc::scan(body).ok()?;
    if doc.get(KEY).is_some() {
        return None;
    }
    let first = ["messages", "input"]
        .into_iter()
        .find_map(|key| doc.child(key)?.items.first().map(|item| item.value));
    let parts = [
        doc.get("model"),
        doc.get("instructions"),
        doc.get("tools"),
        first,
    ];
    let hash = parts
        .into_iter()
        .flatten()
        .flat_map(|span| span.of(body).iter().copied().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let mut edit = Edit::new(body);
    edit.set(&doc.root, KEY, format!("\"proxai-{hash:016x}\"").as_bytes());
    edit.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(policy: CachePolicy, protocol: Protocol, body: &str) -> String {
        let body = super::apply(policy, protocol, Bytes::copy_from_slice(body.as_bytes()));
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[test]
    fn disabling_takes_every_mark_and_leaves_what_only_has_the_name() {
        let body = r#"{"system":[{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}],"tools":[{"name":"t","cache_control":{},"input_schema":{"properties":{"cache_control":{}}}}],"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"x","cache_control":{}}]}]},{"role":"assistant","content":[{"type":"tool_use","input":{"cache_control":1}}]}]}"#;
        assert_eq!(
            apply(CachePolicy::Disable, Protocol::Messages, body),
            r#"{"system":[{"type":"text","text":"a"}],"tools":[{"name":"t","input_schema":{"properties":{"cache_control":{}}}}],"messages":[{"role":"user","content":[{"type":"tool_result","content":[{"type":"text","text":"x"}]}]},{"role":"assistant","content":[{"type":"tool_use","input":{"cache_control":1}}]}]}"#
        );
        let body = r#"{"prompt_cache_key":"k","model":"m"}"#;
        assert_eq!(
            apply(CachePolicy::Disable, Protocol::Responses, body),
            r#"{"model":"m"}"#
        );
    }

    #[test]
    fn forcing_marks_the_ends_and_never_more_than_four() {
        let body = r#"{"system":"be brief","tools":[{"name":"t"}],"messages":[{"role":"user","content":"hi"}]}"#;
        let once = apply(CachePolicy::Force, Protocol::Messages, body);
        assert_eq!(
            once,
            r#"{"system":[{"type":"text","text":"be brief","cache_control":{"type":"ephemeral"}}],"tools":[{"name":"t","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":[{"type":"text","text":"hi","cache_control":{"type":"ephemeral"}}]}]}"#
        );
        assert_eq!(apply(CachePolicy::Force, Protocol::Messages, &once), once);
        let full = r#"{"system":"s","messages":[{"role":"user","content":[{"cache_control":{}},{"cache_control":{}},{"cache_control":{}},{"cache_control":{}},{"type":"text","text":"x"}]}]}"#;
        assert_eq!(apply(CachePolicy::Force, Protocol::Messages, full), full);
        let thought = r#"{"system":"","messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"x"}]}]}"#;
        assert_eq!(
            apply(CachePolicy::Force, Protocol::Messages, thought),
            thought
        );
    }

    #[test]
    fn a_forced_key_is_the_same_for_each_turn_and_the_clients_own_stays() {
        let key = |body: &str| {
            let body = apply(CachePolicy::Force, Protocol::Chat, body);
            let value: serde_json::Value = serde_json::from_str(&body).unwrap();
            value[KEY].as_str().unwrap().to_owned()
        };
        let first = key(r#"{"model":"m","messages":[{"content":"a"}]}"#);
        assert_eq!(
            first,
            key(r#"{"messages":[{"content":"a"},{"content":"b"}],"model":"m"}"#)
        );
        assert_ne!(first, key(r#"{"model":"m","messages":[{"content":"z"}]}"#));
        assert_eq!(key(r#"{"prompt_cache_key":"own"}"#), "own");
    }
}
