//! Quirks about what a history may hold beside its texts: names of speakers, a user after a
//! tool, the beginning of an answer. Chat only; the other protocols have rules of their own for
//! each of them. Each function is one quirk.

use proxai_types::Protocol;

use super::list::{Message, Messages};
use super::{Change, ChangeKind};
use crate::quirks::Quirks;

/// What a made-up assistant message says between a tool's result and the user.
const NOTED: &str = "Noted.";

/// The endpoint refuses `name` on messages. That of a function's result is its call's and stays.
pub(super) fn names(quirks: &Quirks, messages: &mut Messages<'_>, changes: &mut Vec<Change>) {
    if quirks.message_names() || messages.protocol != Protocol::Chat {
        return;
    }
    for (index, message) in messages.items.iter_mut().enumerate() {
        if matches!(message.role.as_str(), "tool" | "function") {
            continue;
        }
        let removed = message.edit(|doc, edit| {
            edit.remove(&doc.root, "name");
        });
        if removed {
            changes.push(Change {
                path: format!("messages[{index}].name"),
                kind: ChangeKind::Dropped,
                quirk: "message_names",
            });
        }
    }
}

/// The endpoint lets nobody but the assistant speak after a tool.
pub(super) fn user_after_tool(
    quirks: &Quirks,
    messages: &mut Messages<'_>,
    changes: &mut Vec<Change>,
) {
    if quirks.user_after_tool() || messages.protocol != Protocol::Chat {
        return;
    }
    let mut kept: Vec<Message<'_>> = Vec::with_capacity(messages.items.len());
    for (index, message) in std::mem::take(&mut messages.items).into_iter().enumerate() {
        let after_tool = kept.last().is_some_and(|last| last.role == "tool");
        if after_tool && (message.role == "user" || message.is_system()) {
            kept.push(Message::text("assistant", NOTED));
            changes.push(Change {
                path: format!("messages[{index}]"),
                kind: ChangeKind::Approximated,
                quirk: "user_after_tool",
            });
        }
        kept.push(message);
    }
    messages.items = kept;
}

/// The endpoint wants to be told that a last assistant message is to be gone on with.
pub(super) fn prefill(quirks: &Quirks, messages: &mut Messages<'_>, changes: &mut Vec<Change>) {
    let Some(member) = quirks.prefill_member() else {
        return;
    };
    if messages.protocol != Protocol::Chat {
        return;
    }
    let index = messages.items.len().saturating_sub(1);
    let Some(last) = messages.items.last_mut() else {
        return;
    };
    if last.role != "assistant" || last.calls_tools() {
        return;
    }
    let marked = last.edit(|doc, edit| {
        if doc.get(member).is_none() {
            edit.set(&doc.root, member, b"true");
        }
    });
    if marked {
        changes.push(Change {
            path: format!("messages[{index}].{member}"),
            kind: ChangeKind::Rewritten,
            quirk: "prefill_member",
        });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, edited};
    use Protocol::{Chat, Messages, Responses};

    use super::*;

    #[test]
    fn names_of_speakers_go_and_those_of_functions_stay() {
        let quirks = "message_names = false";
        check(
            quirks,
            Chat,
            r#"{"messages":[{"role":"user","name":"ann","content":"hi"},{"role":"assistant","content":"a","name":"bot"},{"role":"function","name":"f","content":"1"},{"role":"tool","name":"g","tool_call_id":"1","content":"2"}]}"#,
            r#"{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"a"},{"role":"function","name":"f","content":"1"},{"role":"tool","name":"g","tool_call_id":"1","content":"2"}]}"#,
        );
        let lost = edited(
            quirks,
            Chat,
            r#"{"messages":[{"role":"user","content":"a"},{"role":"user","name":"b","content":"c"}]}"#,
        );
        assert_eq!(lost.changes[0].path, "messages[1].name");
        assert_eq!(lost.changes[0].kind, ChangeKind::Dropped);
        let other = r#"{"messages":[{"role":"user","name":"ann","content":"hi"}]}"#;
        check(quirks, Messages, other, other);
    }

    #[test]
    fn an_assistant_speaks_between_a_tool_and_the_user() {
        let quirks = "user_after_tool = false";
        let calls = r#"{"role":"assistant","tool_calls":[{"id":"1"}]},{"role":"tool","tool_call_id":"1","content":"2"}"#;
        for next in ["user", "system", "developer"] {
            check(
                quirks,
                Chat,
                &format!(r#"{{"messages":[{calls},{{"role":"{next}","content":"go on"}}]}}"#),
                &format!(
                    r#"{{"messages":[{calls},{{"role":"assistant","content":"Noted."}},{{"role":"{next}","content":"go on"}}]}}"#
                ),
            );
        }
        let fine = format!(
            r#"{{"messages":[{{"role":"user","content":"hi"}},{calls},{{"role":"tool","tool_call_id":"2","content":"3"}},{{"role":"assistant","content":"a"}}]}}"#
        );
        check(quirks, Chat, &fine, &fine);
    }

    #[test]
    fn the_beginning_of_an_answer_is_marked() {
        let quirks = "prefill_member = 'prefix'";
        check(
            quirks,
            Chat,
            r#"{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"{"}]}"#,
            r#"{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"{","prefix":true}]}"#,
        );
        for untouched in [
            r#"{"messages":[{"role":"assistant","content":"a"},{"role":"user","content":"hi"}]}"#,
            r#"{"messages":[{"role":"assistant","content":"{","prefix":false}]}"#,
            r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"1"}]}]}"#,
            r#"{"messages":[]}"#,
        ] {
            check(quirks, Chat, untouched, untouched);
        }
        let other = r#"{"input":[{"role":"assistant","content":"{"}]}"#;
        check(quirks, Responses, other, other);
    }
}
