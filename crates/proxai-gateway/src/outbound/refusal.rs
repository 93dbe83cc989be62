//! Why an upstream refused a request, as far as asking again in another way can help (P5, P12).
//!
//! Four questions, all answered from what the upstream said and with a bias to "no": is the
//! endpoint missing, rather than a model or another object; is there a parameter, a member of tools
//! or messages, or a role that it does not know and that the request can do without; ([`room`])
//! is it only the limit that proxai made up which is too high; and ([`items`]) are there items that
//! it looks up in vain. A wrong "yes" would hide the real error behind a second request.

use serde_json::{Map, Value};

pub(crate) mod inner;
pub(crate) mod items;
pub(crate) mod room;

use crate::outbound::request::STREAM_OPTIONS;

/// Parameters that a request can do without: the answer is of the same kind and shape. Never what
/// is asked (`model`, `messages`, `input`, `tools`, `tool_choice`) nor the form of the answer.
const OPTIONAL: &[&str] = &[
    "client_metadata",
    "context_management",
    "frequency_penalty",
    "include",
    "inference_geo",
    "logit_bias",
    "logprobs",
    "max_tool_calls",
    "metadata",
    "min_p",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "reasoning_effort",
    "repetition_penalty",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream_options",
    "temperature",
    "thinking",
    "top_k",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
    "verbosity",
    "web_search_options",
];

/// What goes when an upstream refuses to stream: it answers with JSON, and the client gets that as
/// a stream (P13). Whatever the code: the member is known, its value is not accepted.
const STREAMING: &[&str] = &["stream", "stream_options"];

/// Codes and types that say that a parameter as such is not known.
const UNKNOWN: &[&str] = &[
    "unsupported_parameter",
    "unknown_parameter",
    "unrecognized_parameter",
];

/// What stands around the name in messages.
///
/// `OpenAI` "Unrecognized request argument supplied: x"; Go and Rust servers "unknown field";
/// Gemini "Unknown name \"x\": Cannot find field."; Groq "property 'x' is unsupported"; Anthropic
/// and other pydantic servers "x: Extra inputs are not permitted".
const WORDINGS: &[(&str, &str)] = &[
    ("Unsupported parameter: '", "'"),
    ("Unknown parameter: '", "'"),
    ("Unrecognized request argument supplied: ", ""),
    ("Unrecognized request arguments supplied: ", ""),
    ("unknown field `", "`"),
    ("unknown field \"", "\""),
    ("Unknown name \"", "\": Cannot find"),
    ("property '", "' is unsupported"),
    ("Extra inputs are not permitted, field: '", "'"),
];

const EXTRA: &str = ": Extra inputs are not permitted";

/// Words in a 404 that is about an object and not about the endpoint.
const OBJECTS: &[&str] = &[
    "model",
    "deployment",
    "response with id",
    "conversation",
    "item with id",
    "container",
    "vector store",
    "prompt with id",
    "no such file",
    "file with id",
    "assistant",
    "account",
    "project",
];

/// A longer text that has a word may well be a copy of the request.
const MAX_MENTION: usize = 400;

/// How deep an error body is searched.
const MAX_DEPTH: usize = 6;

/// Whether a refusal means that there is no such endpoint.
pub(crate) fn endpoint_is_missing(status: u16, said: &[u8], model: &str) -> bool {
    if status != 404 && status != 405 {
        return false;
    }
    let text = String::from_utf8_lossy(said).to_ascii_lowercase();
    let page = text.trim_start().starts_with('<');
    if page || text.trim().is_empty() {
        return true;
    }
    if mentions(&text, &model.to_ascii_lowercase()) {
        return false;
    }
    if OBJECTS.iter().any(|object| text.contains(object)) {
        return false;
    }
    // An error about a member of the request was written by the endpoint.
    let named = serde_json::from_slice::<Value>(said)
        .is_ok_and(|value| value.pointer("/error/param").is_some_and(Value::is_string));
    !named
}

/// Whether a text names a model, as a word of its own: models may be called `m`.
fn mentions(text: &str, model: &str) -> bool {
    !model.is_empty()
        && text.match_indices(model).any(|(at, _)| {
            let part = |c: char| c.is_alphanumeric();
            !text[..at].ends_with(part) && !text[at + model.len()..].starts_with(part)
        })
}

/// The parameters that a refusal names as unknown and that can be left out.
///
/// `own` are members that the client did not send: a refusal that only mentions `stream_options`
/// is about ours, whatever its wording. The others are everyday words.
pub(crate) fn unknown_parameters(
    status: u16,
    said: &[u8],
    own: &[&'static str],
) -> Vec<&'static str> {
    let mut found = Vec::new();
    if status != 400 && status != 422 {
        return found;
    }
    match serde_json::from_slice::<Value>(said) {
        Ok(value) => look(&value, 0, own, &mut found),
        Err(_) => in_text(&String::from_utf8_lossy(said), own, &mut found),
    }
    found
}

fn look(value: &Value, depth: usize, own: &[&str], found: &mut Vec<&'static str>) {
    if depth > MAX_DEPTH {
        return;
    }
    match value {
        Value::String(text) => in_text(text, own, found),
        Value::Array(items) => {
            for item in items {
                look(item, depth + 1, own, found);
            }
        }
        Value::Object(members) => {
            let word = |key: &str| members.get(key).and_then(Value::as_str);
            let says = |word: Option<&str>| word.is_some_and(|word| UNKNOWN.contains(&word));
            if says(word("code")) || says(word("type")) {
                add(word("param").unwrap_or_default(), found);
            }
            if word("param") == Some("stream") {
                for name in STREAMING {
                    if !found.contains(name) {
                        found.push(name);
                    }
                }
            }
            if word("type") == Some("extra_forbidden") {
                if let Some([Value::String(body), Value::String(name), inner @ ..]) =
                    location(members)
                    && body == "body"
                {
                    if inner.is_empty() || own.contains(&name.as_str()) {
                        add(name, found);
                    } else {
                        let path: Vec<String> = inner.iter().map(step).collect();
                        add(&format!("{name}.{}", path.join(".")), found);
                    }
                }
                return;
            }
            if let Some([.., Value::String(last)]) = location(members)
                && last == "role"
                && let Some(refused) = word("input")
            {
                push(inner::role(&format!("role '{refused}'")), found);
                return;
            }
            for member in members.values() {
                look(member, depth + 1, own, found);
            }
        }
        _ => {}
    }
}

/// Where in the request a pydantic error is.
fn location(members: &Map<String, Value>) -> Option<&[Value]> {
    members.get("loc")?.as_array().map(Vec::as_slice)
}

fn step(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn in_text(text: &str, own: &[&str], found: &mut Vec<&'static str>) {
    if own.contains(&STREAM_OPTIONS) && text.len() <= MAX_MENTION && text.contains(STREAM_OPTIONS) {
        add(STREAM_OPTIONS, found);
    }
    for (before, after) in WORDINGS {
        let Some((_, rest)) = text.split_once(before) else {
            continue;
        };
        if after.is_empty() {
            for name in rest
                .split([',', ' ', '.', '\n'])
                .filter(|name| !name.is_empty())
            {
                add(name, found);
            }
        } else if let Some((name, _)) = rest.split_once(after) {
            add(name, found);
        }
    }
    for line in text.lines() {
        if let Some((name, _)) = line.split_once(EXTRA) {
            add(name.trim(), found);
        }
    }
    if text.len() <= MAX_MENTION {
        push(inner::role(text), found);
    }
}

fn add(name: &str, found: &mut Vec<&'static str>) {
    let known = OPTIONAL.iter().copied().find(|known| *known == name);
    push(known.or_else(|| inner::member(name)), found);
}

fn push(name: Option<&'static str>, found: &mut Vec<&'static str>) {
    if let Some(name) = name
        && !found.contains(&name)
    {
        found.push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(said: &str) -> Vec<&'static str> {
        unknown_parameters(400, said.as_bytes(), &[])
    }

    #[test]
    fn what_proxai_added_is_found_in_any_wording_and_what_the_client_sent_is_not() {
        let said = br#"{"error":{"message":"stream_options.include_usage must not be set here"}}"#;
        let own = ["stream_options", "include"];
        assert_eq!(unknown_parameters(400, said, &own), ["stream_options"]);
        assert!(unknown_parameters(400, said, &[]).is_empty());
        assert!(unknown_parameters(500, said, &own).is_empty());
        // Some servers repeat the request.
        let said =
            br#"{"detail":[{"type":"missing","loc":["body","x"],"input":{"stream_options":{}}}]}"#;
        assert!(unknown_parameters(422, said, &own).is_empty());
        let said = br#"{"error":{"message":"please include a user message"}}"#;
        assert!(unknown_parameters(400, said, &own).is_empty());
        let said = br#"{"error":{"message":"unknown field `stream_options`"}}"#;
        assert_eq!(unknown_parameters(400, said, &own), ["stream_options"]);
    }

    #[test]
    fn every_vendors_wording_names_its_parameter() {
        for (said, names) in [
            (
                r#"{"error":{"message":"Unsupported parameter: 'seed' is not supported with this model.","type":"invalid_request_error","param":"seed","code":"unsupported_parameter"}}"#,
                &["seed"][..],
            ),
            (
                r#"{"error":{"message":"Unknown parameter: 'store'.","param":"store","code":"unknown_parameter"}}"#,
                &["store"],
            ),
            (
                r#"{"error":{"message":"Unrecognized request argument supplied: verbosity","type":"invalid_request_error","param":null,"code":null}}"#,
                &["verbosity"],
            ),
            (
                r#"{"error":{"message":"Unrecognized request arguments supplied: user, seed"}}"#,
                &["user", "seed"],
            ),
            (
                r#"{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted","input":{}}]}}"#,
                &["stream_options"],
            ),
            (
                r#"{"type":"error","error":{"type":"invalid_request_error","message":"context_management: Extra inputs are not permitted"}}"#,
                &["context_management"],
            ),
            (
                r#"{"error":{"message":"Failed to deserialize: unknown field `parallel_tool_calls`, expected one of `a`"}}"#,
                &["parallel_tool_calls"],
            ),
            (
                r#"[{"error":{"code":400,"message":"Invalid JSON payload received. Unknown name \"logit_bias\": Cannot find field."}}]"#,
                &["logit_bias"],
            ),
            (
                r#"{"error":{"message":"property 'service_tier' is unsupported"}}"#,
                &["service_tier"],
            ),
            ("unknown field `seed`", &["seed"]),
            (
                r#"{"error":{"message":"tools.0.custom.input_examples: Extra inputs are not permitted"}}"#,
                &["tools[].input_examples"],
            ),
            (
                r#"{"error":{"message":"Extra inputs are not permitted, field: 'messages[2].refusal', value: None"}}"#,
                &["messages[].refusal"],
            ),
            (
                r#"{"detail":[{"type":"extra_forbidden","loc":["body","messages",2,"assistant","annotations"],"msg":"Extra inputs are not permitted","input":[]}]}"#,
                &["messages[].annotations"],
            ),
            (
                r#"{"detail":[{"type":"literal_error","loc":["body","messages",1,"role"],"msg":"Input should be 'user' or 'assistant'","input":"system"}]}"#,
                &["messages[].role=system"],
            ),
            (
                r#"{"error":{"message":"1 validation error:\n  {'type': 'literal_error', 'loc': ('body', 'messages', 1, 'role'), 'msg': \"Input should be 'user' or 'assistant'\", 'input': 'system'}","type":"Bad Request","code":400}}"#,
                &["messages[].role=system"],
            ),
            (
                r#"{"object":"error","message":"System role not supported","type":"BadRequestError","code":400}"#,
                &["messages[].role=system"],
            ),
        ] {
            assert_eq!(unknown(said), names, "{said}");
        }
    }

    #[test]
    fn what_a_request_cannot_do_without_is_never_named() {
        for said in [
            r#"{"error":{"message":"Unknown parameter: 'tools'.","param":"tools","code":"unknown_parameter"}}"#,
            r#"{"error":{"message":"Unknown parameter: 'input[0].seed'.","param":"input[0].seed","code":"unknown_parameter"}}"#,
            r#"{"error":{"message":"tools.0.custom.metadata: Extra inputs are not permitted"}}"#,
            r#"{"detail":[{"type":"extra_forbidden","loc":["body","messages",0,"seed"],"msg":"Extra inputs are not permitted"}]}"#,
            r#"{"error":{"message":"Invalid 'temperature': must be at most 2","param":"temperature","code":"decimal_above_max_value"}}"#,
            r#"{"error":{"message":"Unsupported value: 'temperature' does not support 0.2","param":"temperature","code":"unsupported_value"}}"#,
            "",
        ] {
            assert!(unknown(said).is_empty(), "{said}");
        }
        assert!(unknown_parameters(401, b"unknown field `seed`", &[]).is_empty());
    }

    #[test]
    fn a_missing_endpoint_is_told_from_a_missing_model() {
        for (status, said, missing) in [
            (404, r#"{"detail":"Not Found"}"#, true),
            (404, "404 page not found\n", true),
            (404, "", true),
            (405, "", true),
            (405, r#"{"detail":"Method Not Allowed"}"#, true),
            (404, "<html><title>models are here</title></html>", true),
            (
                404,
                r#"{"error":{"message":"Invalid URL (POST /v1/chat/completions)","type":"invalid_request_error","param":null,"code":null}}"#,
                true,
            ),
            (
                404,
                r#"{"error":{"code":"model_not_found","message":"no"}}"#,
                false,
            ),
            (
                404,
                r#"{"error":{"message":"The model `x` does not exist"}}"#,
                false,
            ),
            (404, r#"{"message":"m-1 was not found"}"#, false),
            (
                404,
                r#"{"error":{"message":"Previous response with id 'resp_1' not found.","param":"previous_response_id"}}"#,
                false,
            ),
            (
                404,
                r#"{"error":{"message":"gone","param":"metadata"}}"#,
                false,
            ),
            (400, "", false),
            (404, r#"{"message":"not found: m-10"}"#, true),
        ] {
            assert_eq!(
                endpoint_is_missing(status, said.as_bytes(), "m-1"),
                missing,
                "{status} {said}"
            );
        }
    }
}
