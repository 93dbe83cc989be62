//! Quirks about tools: names, choice, and the schemas of parameters and output.

use memchr::memmem;
use proxai_json::{Container, Doc, Span};
use proxai_types::Protocol;

use super::{ChangeKind, Pass, quoted, schema};
use crate::quirks::{Quirks, ToolChoiceQuirks};

/// Whether any quirk is about tools.
pub(super) fn concern(quirks: &Quirks) -> bool {
    quirks.tool_name().is_some()
        || quirks.tool_choice().is_some()
        || !quirks.strip_schema_keywords().is_empty()
}

/// Whether a request has custom (grammar) tools where the endpoint does not take them. Making them
/// functions, and calls of them custom again, is a translator's work.
pub fn refuses_custom_tools(quirks: &Quirks, protocol: Protocol, body: &[u8]) -> bool {
    const WORD: &[u8] = b"\"custom\"";
    if protocol == Protocol::Messages
        || quirks.custom_tools(protocol)
        || memmem::find(body, WORD).is_none()
    {
        return false;
    }
    let Ok(doc) = Doc::scan(body) else {
        return false;
    };
    let tools = doc.child("tools").map(|tools| tools.items);
    tools.into_iter().flatten().any(|item| {
        Container::scan(body, item.value).is_ok_and(|tool| {
            tool.value(body, "type")
                .is_some_and(|kind| kind.of(body) == WORD)
        })
    })
}

/// Applies all of them.
pub(super) fn apply(pass: &mut Pass<'_, '_>, quirks: &Quirks) {
    let keeps_tools = quirks.tool_choice().is_none_or(|rule| choice(pass, rule));
    if keeps_tools {
        rename(pass, quirks);
        strip_schemas(pass, quirks);
    }
    strip_output_schema(pass, quirks);
}

/// Each function tool as the object that holds its name.
fn functions(protocol: Protocol, doc: &Doc<'_>) -> Vec<Container> {
    let list = doc
        .child("tools")
        .map(|list| list.items)
        .unwrap_or_default();
    list.iter()
        .filter_map(|item| {
            let tool = Container::scan(doc.body, item.value).ok()?;
            if protocol == Protocol::Chat {
                tool.child(doc.body, "function")
            } else {
                Some(tool)
            }
        })
        .collect()
}

/// Names that are not accepted are replaced (the history follows in the messages).
fn rename(pass: &mut Pass<'_, '_>, quirks: &Quirks) {
    let Some(rule) = quirks.tool_name() else {
        return;
    };
    let doc = pass.doc;
    let mut spans: Vec<Span> = functions(pass.protocol, doc)
        .iter()
        .filter_map(|tool| tool.value(doc.body, "name"))
        .collect();
    spans.extend(chosen_name(pass.protocol, doc));
    for span in spans {
        if pass.state.names.rename(rule, doc, pass.edit, span) {
            let path = span
                .string(doc.body)
                .map_or_else(String::new, |name| format!("tools.{name}"));
            pass.note("tool_name", ChangeKind::Rewritten, path);
        }
    }
}

/// The name inside a `tool_choice` that names a tool.
fn chosen_name(protocol: Protocol, doc: &Doc<'_>) -> Option<Span> {
    let choice = doc.child("tool_choice")?;
    match protocol {
        Protocol::Chat => choice.child(doc.body, "function")?.value(doc.body, "name"),
        Protocol::Responses | Protocol::Messages => choice.value(doc.body, "name"),
    }
}

/// Words are renamed; what is not accepted becomes the nearest that is. Returns whether the tools
/// are still there: a `none` that the endpoint does not know means sending none.
fn choice(pass: &mut Pass<'_, '_>, rule: &ToolChoiceQuirks) -> bool {
    const KEY: &str = "tool_choice";
    let Some(span) = pass
        .doc
        .get(KEY)
        .filter(|_| pass.protocol != Protocol::Messages)
    else {
        return true;
    };
    let accepts = |word: &str| {
        rule.accepted
            .as_ref()
            .is_none_or(|known| known.iter().any(|k| k == word))
    };
    let renamed = |word: &str| {
        rule.rename
            .get(word)
            .cloned()
            .unwrap_or_else(|| word.to_owned())
    };
    let word = match span.string(pass.doc.body) {
        Some(word) => word.into_owned(),
        None if chosen_name(pass.protocol, pass.doc).is_some() && rule.named == Some(false) => {
            "required".to_owned()
        }
        None => return true,
    };
    let target = renamed(&word);
    let is_word = span.kind(pass.doc.body) == b'"';
    if accepts(&target) {
        if !is_word || target != word {
            pass.edit.replace(span, quoted(&target));
            // Another word for the same is no loss; leaving the model a choice is.
            let same = is_word && (target == "auto") == (word == "auto");
            let kind = if same {
                ChangeKind::Rewritten
            } else {
                ChangeKind::Approximated
            };
            pass.note(KEY, kind, KEY);
        }
        return true;
    }
    if word == "none" {
        pass.remove(KEY, ChangeKind::Rewritten, KEY);
        pass.remove(KEY, ChangeKind::Rewritten, "tools");
        return false;
    }
    // Without a choice the endpoint decides by itself, which is its `auto`.
    pass.remove(KEY, ChangeKind::Approximated, KEY);
    true
}

/// Keywords leave the schemas of parameters.
fn strip_schemas(pass: &mut Pass<'_, '_>, quirks: &Quirks) {
    let key = if pass.protocol == Protocol::Messages {
        "input_schema"
    } else {
        "parameters"
    };
    for tool in functions(pass.protocol, pass.doc) {
        let Some(span) = tool.value(pass.doc.body, key) else {
            continue;
        };
        if schema::strip(
            pass.doc.body,
            span,
            quirks.strip_schema_keywords(),
            pass.edit,
        ) {
            let name = tool
                .value(pass.doc.body, "name")
                .and_then(|name| name.string(pass.doc.body));
            let path = format!("tools.{}.{key}", name.unwrap_or_default());
            pass.note("strip_schema_keywords", ChangeKind::Approximated, path);
        }
    }
}

/// And the schema of a structured answer.
fn strip_output_schema(pass: &mut Pass<'_, '_>, quirks: &Quirks) {
    let body = pass.doc.body;
    let (path, holder) = match pass.protocol {
        Protocol::Chat => (
            "response_format",
            pass.doc
                .child("response_format")
                .and_then(|format| format.child(body, "json_schema")),
        ),
        Protocol::Responses => (
            "text.format",
            pass.doc
                .child("text")
                .and_then(|text| text.child(body, "format")),
        ),
        Protocol::Messages => (
            "output_config.format",
            pass.doc
                .child("output_config")
                .and_then(|config| config.child(body, "format")),
        ),
    };
    let Some(span) = holder.and_then(|holder| holder.value(body, "schema")) else {
        return;
    };
    if schema::strip(body, span, quirks.strip_schema_keywords(), pass.edit) {
        pass.note("strip_schema_keywords", ChangeKind::Approximated, path);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, edited};
    use super::*;
    use Protocol::{Chat, Messages, Responses};

    #[test]
    fn choices_are_spelt_as_the_endpoint_knows_them() {
        let any = "tool_choice = { rename = { required = 'any' } }";
        check(
            any,
            Chat,
            r#"{"tool_choice":"required"}"#,
            r#"{"tool_choice":"any"}"#,
        );
        let named = r#"{"tool_choice":{"type":"function","function":{"name":"f"}}}"#;
        check(any, Chat, named, named);
        let left_open = "tool_choice = { rename = { required = 'auto' } }";
        let changes = edited(left_open, Chat, r#"{"tool_choice":"required"}"#).changes;
        assert_eq!(changes[0].kind, ChangeKind::Approximated);
        let changes = edited(any, Chat, r#"{"tool_choice":"required"}"#).changes;
        assert_eq!(changes[0].kind, ChangeKind::Rewritten);
        let only_auto = "tool_choice = { accepted = ['auto'], named = false }";
        check(
            only_auto,
            Chat,
            r#"{"a":1,"tool_choice":"required","tools":[1]}"#,
            r#"{"a":1,"tools":[1]}"#,
        );
        check(
            only_auto,
            Chat,
            r#"{"a":1,"tool_choice":{"type":"function","function":{"name":"f"}}}"#,
            r#"{"a":1}"#,
        );
        check(
            only_auto,
            Chat,
            r#"{"a":1,"tool_choice":"none","tools":[{"function":{"name":"f"}}]}"#,
            r#"{"a":1}"#,
        );
        check(
            only_auto,
            Chat,
            r#"{"tool_choice":"auto"}"#,
            r#"{"tool_choice":"auto"}"#,
        );
        let required = "tool_choice = { named = false }";
        check(
            required,
            Responses,
            r#"{"tool_choice":{"type":"function","name":"f"}}"#,
            r#"{"tool_choice":"required"}"#,
        );
        let hosted = r#"{"tool_choice":{"type":"web_search"}}"#;
        check(required, Responses, hosted, hosted);
    }

    #[test]
    fn refused_keywords_leave_schemas_but_not_properties() {
        let quirks = "strip_schema_keywords = ['$schema', 'additionalProperties']";
        check(
            quirks,
            Chat,
            r#"{"tools":[{"type":"function","function":{"name":"f","parameters":{"$schema":"x","type":"object","properties":{"$schema":{"type":"string"},"o":{"type":"object","additionalProperties":{"type":"object"}}},"items":[{"$schema":"y","a":1}],"enum":[{"$schema":1}]}}}]}"#,
            r#"{"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"$schema":{"type":"string"},"o":{"type":"object"}},"items":[{"a":1}],"enum":[{"$schema":1}]}}}]}"#,
        );
        check(
            quirks,
            Messages,
            r#"{"tools":[{"name":"f","input_schema":{"$schema":"x"}}]}"#,
            r#"{"tools":[{"name":"f","input_schema":{}}]}"#,
        );
        check(
            quirks,
            Responses,
            r#"{"text":{"format":{"type":"json_schema","schema":{"a":1,"additionalProperties":false}}},"tools":[{"type":"function","name":"f","parameters":{"b":2,"$schema":"x"}}]}"#,
            r#"{"text":{"format":{"type":"json_schema","schema":{"a":1}}},"tools":[{"type":"function","name":"f","parameters":{"b":2}}]}"#,
        );
        let changes = edited(quirks, Chat, r#"{"response_format":{"type":"json_schema","json_schema":{"schema":{"$schema":"x"}}}}"#).changes;
        assert_eq!(
            (changes[0].path.as_str(), changes[0].kind),
            ("response_format", ChangeKind::Approximated)
        );
    }
}
