//! Formats of the answer that an endpoint does not know (T8).
//!
//! The nearest format that it knows takes their place, and the schema goes into an instruction:
//! vendors that know only `json_object` insist on the word JSON anyway. Chat gets it as a system
//! message, the others in the member that they have for it.

use proxai_json::{Container, Span};
use proxai_types::Protocol;

use super::parameters::is_refused;
use super::{ChangeKind, Pass, quoted};
use crate::quirks::{JsonMode, Quirks};

/// Where a protocol says which format the answer has: the member, and the one inside it.
const fn place(protocol: Protocol) -> (&'static str, Option<&'static str>) {
    match protocol {
        Protocol::Chat => ("response_format", None),
        Protocol::Responses => ("text", Some("format")),
        Protocol::Messages => ("output_config", Some("format")),
    }
}

/// Replaces a format that the endpoint does not accept.
pub(super) fn apply(pass: &mut Pass<'_, '_>, quirks: &Quirks) {
    let (key, inner) = place(pass.protocol);
    if quirks.json_modes.is_none() || is_refused(quirks, key) {
        return;
    }
    let body = pass.doc.body;
    let Some(holder) = pass.doc.child(key) else {
        return;
    };
    let format = match inner {
        Some(inner) => holder.child(body, inner),
        None => Some(holder.clone()),
    };
    let Some(format) = format else { return };
    let kind = format
        .value(body, "type")
        .and_then(|kind| kind.string(body));
    let mode = match kind.as_deref() {
        Some("json_schema") => JsonMode::JsonSchema,
        Some("json_object") => JsonMode::JsonObject,
        _ => return,
    };
    if quirks.accepts_json_mode(mode) {
        return;
    }
    let text = instruction(schema(pass, &format));
    // Messages knows no format without a schema.
    let object = mode == JsonMode::JsonSchema
        && pass.protocol != Protocol::Messages
        && quirks.accepts_json_mode(JsonMode::JsonObject);
    match inner {
        _ if object => pass
            .edit
            .replace(format.span, br#"{"type":"json_object"}"#.to_vec()),
        Some(inner) => {
            pass.edit.remove(&holder, inner);
        }
        None => {
            pass.edit.remove(&pass.doc.root, key);
        }
    }
    let path = inner.map_or_else(|| key.to_owned(), |inner| format!("{key}.{inner}"));
    pass.note("json_modes", ChangeKind::Approximated, path);
    match pass.protocol {
        Protocol::Chat => pass.state.instruction = Some(text),
        Protocol::Responses => tell(pass, "instructions", &text),
        Protocol::Messages => tell(pass, "system", &text),
    }
}

fn schema<'d>(pass: &Pass<'d, '_>, format: &Container) -> Option<&'d str> {
    let body: &'d [u8] = pass.doc.body;
    let span: Option<Span> = match pass.protocol {
        Protocol::Chat => format
            .child(body, "json_schema")
            .and_then(|object| object.value(body, "schema")),
        Protocol::Responses | Protocol::Messages => format.value(body, "schema"),
    };
    std::str::from_utf8(span?.of(body)).ok()
}

fn instruction(schema: Option<&str>) -> String {
    schema.map_or_else(
        || "Answer with one JSON object and nothing else.".to_owned(),
        |schema| format!("Answer with one JSON object and nothing else. It must match this JSON schema:\n{schema}"),
    )
}

/// Puts a text behind the instructions of the request.
fn tell(pass: &mut Pass<'_, '_>, key: &str, text: &str) {
    let body = pass.doc.body;
    let span = pass.doc.get(key).filter(|span| span.of(body) != b"null");
    let Some(span) = span else {
        pass.edit.set(&pass.doc.root, key, &quoted(text));
        return;
    };
    if let Some(before) = span.string(body) {
        let both = format!("{before}\n\n{text}");
        pass.edit.replace(span, quoted(&both));
    } else if let Some(blocks) = pass.doc.child(key).filter(|_| span.kind(body) == b'[') {
        let block = [br#"{"type":"text","text":"#, &*quoted(text), b"}"].concat();
        pass.edit.push(&blocks, &block);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;
    use Protocol::{Chat, Messages, Responses};

    #[test]
    fn a_json_mode_that_is_not_known_becomes_an_instruction() {
        let format = r#""response_format":{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}"#;
        check(
            "json_modes = ['json_object']",
            Chat,
            &format!(r#"{{"messages":[{{"role":"user","content":"hi"}}],{format}}}"#),
            r#"{"messages":[{"role":"system","content":"Answer with one JSON object and nothing else. It must match this JSON schema:\n{\"type\":\"object\"}"},{"role":"user","content":"hi"}],"response_format":{"type":"json_object"}}"#,
        );
        check(
            "json_modes = []",
            Chat,
            r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}],"response_format":{"type":"json_object"}}"#,
            r#"{"messages":[{"role":"system","content":"s"},{"role":"system","content":"Answer with one JSON object and nothing else."},{"role":"user","content":"hi"}]}"#,
        );
    }

    #[test]
    fn the_other_protocols_get_the_instruction_where_they_have_instructions() {
        let only_object = "json_modes = ['json_object']";
        check(
            only_object,
            Responses,
            r#"{"input":"hi","text":{"verbosity":"low","format":{"type":"json_schema","name":"n","schema":{"a":1}}}}"#,
            r#"{"input":"hi","text":{"verbosity":"low","format":{"type":"json_object"}},"instructions":"Answer with one JSON object and nothing else. It must match this JSON schema:\n{\"a\":1}"}"#,
        );
        check(
            "json_modes = []",
            Responses,
            r#"{"instructions":"s","text":{"format":{"type":"json_object"}}}"#,
            r#"{"instructions":"s\n\nAnswer with one JSON object and nothing else.","text":{}}"#,
        );
        for modes in [only_object, "json_modes = []"] {
            check(
                modes,
                Messages,
                r#"{"system":[{"type":"text","text":"s"}],"output_config":{"format":{"type":"json_schema","schema":{}}}}"#,
                r#"{"system":[{"type":"text","text":"s"},{"type":"text","text":"Answer with one JSON object and nothing else. It must match this JSON schema:\n{}"}],"output_config":{}}"#,
            );
        }
        let text = r#"{"text":{"format":{"type":"text"}}}"#;
        check(only_object, Responses, text, text);
    }
}
