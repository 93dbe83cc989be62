//! Quirks about who speaks (P6). Each function is one quirk.

use proxai_json::Container;
use proxai_types::{Protocol, as_system_text};

use super::list::{Message, Messages};
use super::{Change, ChangeKind, quoted};
use crate::quirks::{DeveloperRole, Quirks, SystemRole};

/// What a made-up user message says where one must be there.
const NUDGE: &str = "Continue.";

/// The endpoint does not know the role `developer`.
pub(super) fn developer(quirks: &Quirks, messages: &mut Messages<'_>, changes: &mut Vec<Change>) {
    if quirks.developer() != DeveloperRole::AsSystem || messages.protocol == Protocol::Messages {
        return;
    }
    let key = messages.key;
    for (index, message) in messages
        .items
        .iter_mut()
        .enumerate()
        .filter(|(_, m)| m.role == "developer")
    {
        message.edit(|doc, edit| edit.set(&doc.root, "role", b"\"system\""));
        changes.push(Change {
            path: format!("{key}[{index}].role"),
            kind: ChangeKind::Rewritten,
            quirk: "developer",
        });
    }
}

/// The endpoint refuses `system`: the texts go before the first user message's text.
pub(super) fn merge_system(
    quirks: &Quirks,
    messages: &mut Messages<'_>,
    changes: &mut Vec<Change>,
) {
    if quirks.system() != SystemRole::MergeIntoUser || messages.protocol != Protocol::Chat {
        return;
    }
    let mut texts = Vec::new();
    let mut index = 0;
    messages.items.retain(|message| {
        let text = if message.is_system() {
            message.plain_text()
        } else {
            None
        };
        if let Some(text) = &text {
            texts.push(text.clone());
            changes.push(Change {
                path: format!("messages[{index}]"),
                kind: ChangeKind::Approximated,
                quirk: "system",
            });
        }
        index += 1;
        text.is_none()
    });
    texts.retain(|text| !text.trim().is_empty());
    if texts.is_empty() {
        return;
    }
    let system = texts.join("\n\n");
    match messages
        .items
        .iter_mut()
        .find(|message| message.role == "user")
    {
        Some(user) => prepend(user, &system),
        None => messages.items.insert(0, Message::text("user", &system)),
    }
}

/// The endpoint refuses `system` among the messages: it becomes marked text of the user, where it
/// stands (case 74).
pub(super) fn mark_system(quirks: &Quirks, messages: &mut Messages<'_>, changes: &mut Vec<Change>) {
    if quirks.system_turns != Some(false) || messages.protocol != Protocol::Messages {
        return;
    }
    let mut kept: Vec<Message<'_>> = Vec::with_capacity(messages.items.len());
    let mut marked_last = false;
    for (index, mut message) in std::mem::take(&mut messages.items).into_iter().enumerate() {
        let marked = message.role == "system";
        if marked {
            message.edit(|doc, edit| {
                edit.set(&doc.root, "role", b"\"user\"");
                mark_texts(doc, edit);
            });
            changes.push(Change {
                path: format!("messages[{index}]"),
                kind: ChangeKind::Approximated,
                quirk: "system_turns",
            });
        }
        // Two turns of the user in a row are more than some chat templates take.
        let neighbour = kept.last_mut().filter(|last| {
            (marked || marked_last) && last.role == "user" && message.role == "user"
        });
        if !neighbour.is_some_and(|last| join(last, &message)) {
            kept.push(message);
        }
        marked_last = marked;
    }
    messages.items = kept;
}

/// Marks each text of a message's content as the system's.
fn mark_texts(doc: &proxai_json::Doc<'_>, edit: &mut proxai_json::Edit<'_>) {
    let Some(content) = doc.get("content") else {
        return;
    };
    if let Some(text) = content.string(doc.body) {
        edit.replace(content, quoted(&as_system_text(&text)));
        return;
    }
    let Ok(parts) = Container::scan(doc.body, content) else {
        return;
    };
    for item in &parts.items {
        let text = Container::scan(doc.body, item.value)
            .ok()
            .and_then(|part| part.value(doc.body, "text"));
        if let Some((span, text)) = text.and_then(|span| Some((span, span.string(doc.body)?))) {
            edit.replace(span, quoted(&as_system_text(&text)));
        }
    }
}

/// Puts text before the text of a message.
fn prepend(message: &mut Message<'_>, text: &str) {
    message.edit(|doc, edit| {
        let Some(span) = doc.get("content") else {
            edit.set(&doc.root, "content", &quoted(text));
            return;
        };
        if let Some(old) = span.string(doc.body) {
            edit.replace(span, quoted(&joined(text, &old)));
            return;
        }
        let parts = (span.kind(doc.body) == b'[')
            .then(|| Container::scan(doc.body, span).ok())
            .flatten();
        let Some(parts) = parts else {
            edit.replace(span, quoted(text));
            return;
        };
        let first = parts.items.iter().find_map(|item| {
            let part = Container::scan(doc.body, item.value).ok()?;
            let text = part.value(doc.body, "text")?;
            text.string(doc.body).map(|old| (text, old))
        });
        match (first, parts.items.first()) {
            (Some((span, old)), _) => edit.replace(span, quoted(&joined(text, &old))),
            (None, Some(item)) => {
                let mut both = text_part(text);
                both.push(b',');
                both.extend_from_slice(item.value.of(doc.body));
                edit.replace(item.value, both);
            }
            (None, None) => edit.push(&parts, &text_part(text)),
        }
    });
}

fn joined(first: &str, second: &str) -> String {
    if second.is_empty() {
        first.to_owned()
    } else {
        format!("{first}\n\n{second}")
    }
}

fn text_part(text: &str) -> Vec<u8> {
    let mut part = br#"{"type":"text","text":"#.to_vec();
    part.extend(quoted(text));
    part.push(b'}');
    part
}

/// User and assistant must take turns: neighbours of one role are joined.
pub(super) fn alternate(quirks: &Quirks, messages: &mut Messages<'_>, changes: &mut Vec<Change>) {
    if !quirks.alternate_roles() || messages.protocol == Protocol::Responses {
        return;
    }
    let mut kept: Vec<Message<'_>> = Vec::with_capacity(messages.items.len());
    for (index, message) in std::mem::take(&mut messages.items).into_iter().enumerate() {
        let twin = kept.last_mut().filter(|last| {
            last.role == message.role
                && matches!(message.role.as_str(), "user" | "assistant")
                && !last.calls_tools()
                && !message.calls_tools()
        });
        if let Some(last) = twin
            && join(last, &message)
        {
            changes.push(Change {
                path: format!("messages[{index}]"),
                kind: ChangeKind::Rewritten,
                quirk: "alternate_roles",
            });
        } else {
            kept.push(message);
        }
    }
    messages.items = kept;
}

/// Appends the content of a message to another; `false` if it has none that can be appended.
fn join(first: &mut Message<'_>, second: &Message<'_>) -> bool {
    let Some(addition) = second.doc() else {
        return false;
    };
    let Some(content) = addition.get("content") else {
        return false;
    };
    let both_text = |doc: &proxai_json::Doc<'_>| {
        doc.get("content")
            .and_then(|span| span.string(doc.body).map(String::from))
    };
    if let (Some(old), Some(new)) = (
        first.doc().as_ref().and_then(both_text),
        both_text(&addition),
    ) {
        first.set_content(&quoted(&joined(&old, &new)));
        return true;
    }
    let Some(new) = parts(&addition, content) else {
        return false;
    };
    let old = first.doc().and_then(|doc| parts(&doc, doc.get("content")?));
    let Some(mut all) = old else { return false };
    if !all.is_empty() && !new.is_empty() {
        all.push(b',');
    }
    all.extend(new);
    all.insert(0, b'[');
    all.push(b']');
    first.set_content(&all);
    true
}

/// Content as parts, without the brackets.
fn parts(doc: &proxai_json::Doc<'_>, span: proxai_json::Span) -> Option<Vec<u8>> {
    if let Some(text) = span.string(doc.body) {
        return Some(if text.is_empty() {
            Vec::new()
        } else {
            text_part(&text)
        });
    }
    let inner = span.of(doc.body).strip_prefix(b"[")?.strip_suffix(b"]")?;
    Some(inner.trim_ascii().to_vec())
}

/// At least one user message must be there.
pub(super) fn need_user(quirks: &Quirks, messages: &mut Messages<'_>, changes: &mut Vec<Change>) {
    if quirks.needs_user_message() && messages.items.iter().all(|message| message.role != "user") {
        messages.insert_behind_system("user", NUDGE);
        changes.push(Change {
            path: messages.key.to_owned(),
            kind: ChangeKind::Approximated,
            quirk: "needs_user_message",
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use Protocol::{Chat, Messages, Responses};

    use super::*;

    #[test]
    fn developer_becomes_system_where_it_stands() {
        let quirks = "developer = 'as_system'";
        check(
            quirks,
            Chat,
            r#"{"messages":[ {"role": "developer","content":"d","x":1}, {"role":"user","content":"u"}]}"#,
            r#"{"messages":[ {"role": "system","content":"d","x":1}, {"role":"user","content":"u"}]}"#,
        );
        check(
            quirks,
            Responses,
            r#"{"input":[{"type":"message","role":"developer","content":"d"}]}"#,
            r#"{"input":[{"type":"message","role":"system","content":"d"}]}"#,
        );
    }

    #[test]
    fn system_among_the_messages_becomes_marked_text_of_the_user() {
        let quirks = "system_turns = false";
        check(
            quirks,
            Messages,
            r#"{"system":"s","messages":[{"role":"user","content":"hi"},{"role":"system","content":[{"type":"text","text":"be brief","cache_control":{"type":"ephemeral"}}]},{"role":"assistant","content":"a"}]}"#,
            r#"{"system":"s","messages":[{"role":"user","content":[{"type":"text","text":"hi"},{"type":"text","text":"<system>\nbe brief\n</system>","cache_control":{"type":"ephemeral"}}]},{"role":"assistant","content":"a"}]}"#,
        );
        check(
            quirks,
            Messages,
            r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}]}"#,
            r#"{"messages":[{"role":"user","content":"<system>\ns\n</system>\n\nhi"}]}"#,
        );
        for untouched in [
            r#"{"messages":[{"role":"user","content":"\"system\""},{"role":"user","content":"again"}]}"#,
            r#"{"system":"system","messages":[{"role":"assistant","content":"a"}]}"#,
        ] {
            check(quirks, Messages, untouched, untouched);
        }
        let body = r#"{"messages":[{"role":"system","content":"s"}]}"#;
        check(quirks, Chat, body, body);
        check("system_turns = true", Messages, body, body);
    }

    #[test]
    fn system_messages_go_before_the_first_users_text() {
        let quirks = "system = 'merge_into_user'";
        check(
            quirks,
            Chat,
            r#"{"messages":[{"role":"system","content":"one"},{"role":"assistant","content":"a"},{"role":"user","content":"hi"},{"role":"developer","content":[{"type":"text","text":"two"}]}]}"#,
            r#"{"messages":[{"role":"assistant","content":"a"},{"role":"user","content":"one\n\ntwo\n\nhi"}]}"#,
        );
        check(
            quirks,
            Chat,
            r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"image_url","image_url":{"url":"u"}},{"type":"text","text":"look"}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"u"}},{"type":"text","text":"s\n\nlook"}]}]}"#,
        );
        check(
            quirks,
            Chat,
            r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"image_url","image_url":{"url":"u"}}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"s"},{"type":"image_url","image_url":{"url":"u"}}]}]}"#,
        );
        check(
            quirks,
            Chat,
            r#"{"messages":[{"role":"system","content":"s"}]}"#,
            r#"{"messages":[{"role":"user","content":"s"}]}"#,
        );
        check(
            quirks,
            Chat,
            r#"{"messages":[{"role":"system","content":" "},{"role":"user","content":"u"}]}"#,
            r#"{"messages":[{"role":"user","content":"u"}]}"#,
        );
    }

    #[test]
    fn neighbours_of_one_role_are_joined() {
        let quirks = "alternate_roles = true";
        check(
            quirks,
            Chat,
            r#"{"messages":[{"role":"user","content":"a"},{"role":"user","content":"b"},{"role":"assistant","content":"c"}]}"#,
            r#"{"messages":[{"role":"user","content":"a\n\nb"},{"role":"assistant","content":"c"}]}"#,
        );
        check(
            quirks,
            Messages,
            r#"{"messages":[{"role":"user","content":"a"},{"role":"user","content":[{"type":"image","source":{}}]}]}"#,
            r#"{"messages":[{"role":"user","content":[{"type":"text","text":"a"},{"type":"image","source":{}}]}]}"#,
        );
        let calls = r#"{"messages":[{"role":"assistant","content":"a"},{"role":"assistant","content":null,"tool_calls":[{"id":"1"}]},{"role":"tool","content":"x"},{"role":"tool","content":"y"}]}"#;
        check(quirks, Chat, calls, calls);
    }

    #[test]
    fn a_user_message_is_made_where_one_is_needed() {
        let quirks = "needs_user_message = true";
        check(
            quirks,
            Chat,
            r#"{"messages":[{"role":"system","content":"s"},{"role":"assistant","content":"a"}]}"#,
            r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"Continue."},{"role":"assistant","content":"a"}]}"#,
        );
        let there = r#"{"messages":[{"role":"user","content":"u"}]}"#;
        check(quirks, Chat, there, there);
    }
}
