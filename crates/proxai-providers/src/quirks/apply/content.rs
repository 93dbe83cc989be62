//! Quirks about what messages hold: form, emptiness, image markers, echoed reasoning.

use proxai_json::{Container, Doc, Edit, Span};
use proxai_types::Protocol;

use super::list::Messages;
use super::{Change, ChangeKind, markers, quoted};
use crate::quirks::{ContentForm, Quirks, ReasoningEcho, ReasoningField};

/// `[IMAGE:…]` in a user's text becomes an image part, in place and in order (P11).
pub(super) fn markers(quirks: &Quirks, messages: &mut Messages<'_>, changes: &mut Vec<Change>) {
    if !quirks.vision_markers() {
        return;
    }
    let (protocol, key) = (messages.protocol, messages.key);
    for (index, message) in messages
        .items
        .iter_mut()
        .enumerate()
        .filter(|(_, m)| m.role == "user")
    {
        let changed = message.edit(|doc, edit| {
            let Some(span) = doc.get("content") else {
                return;
            };
            if let Some(text) = span.string(doc.body) {
                if let Some(parts) = markers::parts(&text, protocol) {
                    edit.replace(span, [b"[", &*parts, b"]"].concat());
                }
                return;
            }
            for (part, text) in text_parts(doc, span) {
                if let Some(parts) = markers::parts(&text, protocol) {
                    edit.replace(part.span, parts);
                }
            }
        });
        if changed {
            changes.push(Change {
                path: format!("{key}[{index}].content"),
                kind: ChangeKind::Rewritten,
                quirk: "vision_markers",
            });
        }
    }
}

/// Parts that hold text, with the text.
fn text_parts(doc: &Doc<'_>, content: Span) -> Vec<(Container, String)> {
    if content.kind(doc.body) != b'[' {
        return Vec::new();
    }
    let Ok(parts) = Container::scan(doc.body, content) else {
        return Vec::new();
    };
    parts
        .items
        .iter()
        .filter_map(|item| {
            let part = Container::scan(doc.body, item.value).ok()?;
            let kind = part.value(doc.body, "type")?.string(doc.body)?;
            matches!(&*kind, "text" | "input_text" | "output_text").then_some(())?;
            let text = part.value(doc.body, "text")?.string(doc.body)?.into_owned();
            Some((part, text))
        })
        .collect()
}

/// The endpoint refuses empty messages: empty text parts go, then messages without anything.
pub(super) fn drop_empty(quirks: &Quirks, messages: &mut Messages<'_>, changes: &mut Vec<Change>) {
    if quirks.empty_content() {
        return;
    }
    let key = messages.key;
    let mut index = 0;
    messages.items.retain_mut(|message| {
        let at = index;
        index += 1;
        if !matches!(
            message.role.as_str(),
            "user" | "assistant" | "system" | "developer"
        ) {
            return true;
        }
        let mut gone = |path: String| {
            changes.push(Change {
                path,
                kind: ChangeKind::Dropped,
                quirk: "empty_content",
            });
        };
        if is_empty(message.doc().as_ref()) && !message.calls_tools() {
            gone(format!("{key}[{at}]"));
            return false;
        }
        let changed = message.edit(|doc, edit| {
            let Some(content) = doc
                .child("content")
                .filter(|c| c.span.kind(doc.body) == b'[')
            else {
                return;
            };
            for (part, item) in content.items.iter().enumerate() {
                if is_empty_text(doc, item.value) {
                    edit.remove_at(&content, part);
                }
            }
        });
        if changed {
            gone(format!("{key}[{at}].content"));
        }
        true
    });
}

fn is_empty(doc: Option<&Doc<'_>>) -> bool {
    let Some(doc) = doc else { return false };
    let Some(span) = doc.get("content") else {
        return true;
    };
    match span.kind(doc.body) {
        b'n' => true,
        b'"' => span
            .string(doc.body)
            .is_some_and(|text| text.trim().is_empty()),
        b'[' => Container::scan(doc.body, span).is_ok_and(|parts| {
            parts
                .items
                .iter()
                .all(|item| is_empty_text(doc, item.value))
        }),
        _ => false,
    }
}

fn is_empty_text(doc: &Doc<'_>, part: Span) -> bool {
    let text = |part: &Container| part.value(doc.body, "text")?.string(doc.body);
    Container::scan(doc.body, part).is_ok_and(|part| {
        part.value(doc.body, "type")
            .is_some_and(|kind| kind.of(doc.body) == b"\"text\"")
            && text(&part).is_some_and(|text| text.trim().is_empty())
    })
}

/// Content becomes a string or a list of parts, as the endpoint wants it. Lists with anything
/// but text stay: there is no string for an image.
pub(super) fn form(quirks: &Quirks, messages: &mut Messages<'_>, changes: &mut Vec<Change>) {
    let wanted = quirks.content();
    if wanted == ContentForm::Any || messages.protocol == Protocol::Responses {
        return;
    }
    let key = messages.key;
    for (index, message) in messages
        .items
        .iter_mut()
        .enumerate()
        .filter(|(_, m)| !m.role.is_empty())
    {
        let kind = message
            .doc()
            .and_then(|doc| doc.get("content").map(|span| span.kind(doc.body)));
        let json = match (wanted, kind) {
            (ContentForm::String, Some(b'[')) => message.plain_text().map(|text| quoted(&text)),
            (ContentForm::Parts, Some(b'"')) => message
                .plain_text()
                .map(|text| [br#"[{"type":"text","text":"#, &*quoted(&text), b"}]"].concat()),
            _ => None,
        };
        if let Some(json) = json {
            message.set_content(&json);
            changes.push(Change {
                path: format!("{key}[{index}].content"),
                kind: ChangeKind::Rewritten,
                quirk: "content",
            });
        }
    }
}

/// An assistant turn's reasoning is sent back when the endpoint wants it, and only then (P8).
///
/// Chat only: in the other protocols reasoning is part of the content and has its own rules.
pub(super) fn echo_reasoning(
    quirks: &Quirks,
    messages: &mut Messages<'_>,
    changes: &mut Vec<Change>,
) {
    let echo = quirks.reasoning.echo();
    let named = quirks.reasoning.echo_field.is_some();
    if (echo == ReasoningEcho::Keep && !named) || messages.protocol != Protocol::Chat {
        return;
    }
    let field = quirks.reasoning.echo_field().name();
    for (index, message) in messages
        .items
        .iter_mut()
        .enumerate()
        .filter(|(_, m)| m.role == "assistant")
    {
        let wanted = match echo {
            ReasoningEcho::Always => true,
            ReasoningEcho::ToolTurns => message.calls_tools(),
            ReasoningEcho::Given | ReasoningEcho::Keep => {
                message.doc().as_ref().is_some_and(thinks)
            }
            ReasoningEcho::None => false,
        };
        let mut lost = false;
        let changed = message.edit(|doc, edit| {
            if wanted {
                give(doc, edit, field);
            } else {
                for known in ReasoningField::ALL {
                    lost |= edit.remove(&doc.root, known.name());
                }
            }
        });
        if changed {
            let kind = if lost {
                ChangeKind::Dropped
            } else {
                ChangeKind::Rewritten
            };
            changes.push(Change {
                path: format!("messages[{index}].{field}"),
                kind,
                quirk: "reasoning",
            });
        }
    }
}

/// What is sent where the client has no reasoning. Kimi K2.5 and later take an empty text for a
/// missing one, and every endpoint that insists on the member takes this (checked 2026-11).
const BLANK: &str = " ";

/// Whether a message holds reasoning as text.
fn thinks(doc: &Doc<'_>) -> bool {
    let mut known = ReasoningField::ALL.into_iter();
    known.any(|known| text_of(doc, known.name()).is_some())
}

/// A member that holds a text which is not empty.
fn text_of(doc: &Doc<'_>, field: &str) -> Option<Span> {
    let span = doc.get(field)?;
    let text = span.string(doc.body)?;
    (!text.is_empty()).then_some(span)
}

/// Writes reasoning under the endpoint's name: from the name the client used, else a blank, since
/// the endpoint insists on the member and not on its text.
fn give(doc: &Doc<'_>, edit: &mut Edit<'_>, field: &str) {
    if text_of(doc, field).is_some() {
        return;
    }
    let other = ReasoningField::ALL
        .into_iter()
        .map(ReasoningField::name)
        .find(|known| *known != field && text_of(doc, known).is_some());
    match other {
        Some(other) if doc.get(field).is_none() => {
            edit.rename(&doc.root, other, field);
        }
        Some(other) => {
            let text = doc
                .get(other)
                .map_or(Vec::new(), |span| span.of(doc.body).to_vec());
            edit.set(&doc.root, field, &text);
            edit.remove(&doc.root, other);
        }
        None => edit.set(&doc.root, field, &quoted(BLANK)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use Protocol::{Chat, Messages, Responses};

    use super::*;

    #[test]
    fn image_markers_become_parts_where_they_stand() {
        check(
            "vision_markers = true",
            Chat,
            r#"{"messages":[{"role":"user","content":"a [IMAGE:https://h/x.png] b"},{"role":"assistant","content":"[IMAGE:https://h/x.png]"}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a "},{"type":"image_url","image_url":{"url":"https://h/x.png"}},{"type":"text","text":" b"}]},{"role":"assistant","content":"[IMAGE:https://h/x.png]"}]}"#,
        );
        check(
            "vision_markers = true",
            Messages,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"[IMAGE:data:image/png;base64,QUJD]"},{"type":"text","text":"x"}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"base64","media_type":"image/png","data":"QUJD"}},{"type":"text","text":"x"}]}]}"#,
        );
        check(
            "vision_markers = true",
            Responses,
            r#"{"input":[{"role":"user","content":"[IMAGE:https://h/x.png]"}]}"#,
            r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"https://h/x.png"}]}]}"#,
        );
    }

    #[test]
    fn empty_messages_and_parts_go_but_tool_turns_stay() {
        check(
            "empty_content = false",
            Chat,
            r#"{"messages":[{"role":"user","content":"u"},{"role":"assistant","content":" "},{"role":"assistant","content":"","tool_calls":[{"id":"1"}]},{"role":"tool","tool_call_id":"1","content":""}]}"#,
            r#"{"messages":[{"role":"user","content":"u"},{"role":"assistant","content":"","tool_calls":[{"id":"1"}]},{"role":"tool","tool_call_id":"1","content":""}]}"#,
        );
        check(
            "empty_content = false",
            Messages,
            r#"{"messages":[{"role":"assistant","content":[{"type":"text","text":""}, {"type":"tool_use","id":"t"}]},{"role":"user","content":[]}]}"#,
            r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t"}]}]}"#,
        );
    }

    #[test]
    fn content_takes_the_form_the_endpoint_wants() {
        check(
            "content = 'string'",
            Chat,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}"#,
            r#"{"messages":[{"role":"user","content":"a\nb"},{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}"#,
        );
        check(
            "content = 'parts'",
            Chat,
            r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":null,"tool_calls":[]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"}]},{"role":"assistant","content":null,"tool_calls":[]}]}"#,
        );
    }

    #[test]
    fn reasoning_is_sent_back_only_where_it_is_wanted() {
        let history = r#"{"messages":[{"role":"assistant","content":"a","reasoning_content":"r"},{"role":"assistant","reasoning":"q","tool_calls":[{"id":"1"}]},{"role":"assistant","tool_calls":[{"id":"2"}]}]}"#;
        check(
            "reasoning = { fields = ['reasoning_content'], echo = 'tool_turns' }",
            Chat,
            history,
            r#"{"messages":[{"role":"assistant","content":"a"},{"role":"assistant","reasoning_content":"q","tool_calls":[{"id":"1"}]},{"role":"assistant","tool_calls":[{"id":"2"}],"reasoning_content":" "}]}"#,
        );
        check(
            "reasoning = { echo = 'always' }",
            Chat,
            r#"{"messages":[{"role":"assistant","content":"a","reasoning_content":""},{"role":"assistant","content":"b","reasoning_content":null,"reasoning":"r"}]}"#,
            r#"{"messages":[{"role":"assistant","content":"a","reasoning_content":" "},{"role":"assistant","content":"b","reasoning_content":"r"}]}"#,
        );
        for named in [
            "reasoning = { echo = 'given', fields = ['reasoning'] }",
            "reasoning = { echo_field = 'reasoning' }",
        ] {
            check(
                named,
                Chat,
                r#"{"messages":[{"role":"assistant","content":"a","reasoning_content":"r"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}"#,
                r#"{"messages":[{"role":"assistant","content":"a","reasoning":"r"},{"role":"assistant","content":"b"},{"role":"user","content":"c"}]}"#,
            );
        }
        check(
            "reasoning = { echo = 'none' }",
            Chat,
            history,
            r#"{"messages":[{"role":"assistant","content":"a"},{"role":"assistant","tool_calls":[{"id":"1"}]},{"role":"assistant","tool_calls":[{"id":"2"}]}]}"#,
        );
        check("reasoning = { policy = 'drop' }", Chat, history, history);
    }
}
