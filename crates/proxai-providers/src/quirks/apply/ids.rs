//! Tool call ids that the endpoint accepts.
//!
//! An id is mapped by a hash of itself, so a call and its result stay together, and the same
//! history gives the same ids in every turn (T5). Nothing has to be restored: ids that the
//! endpoint makes are its own.

use proxai_json::{Container, Doc, Edit, Span};
use proxai_types::Protocol;

use super::list::Messages;
use super::names::hash;
use super::{Change, ChangeKind, quoted};
use crate::quirks::{Charset, Quirks, ToolIdRule};

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Rewrites the ids of calls and results.
pub(super) fn rewrite(quirks: &Quirks, messages: &mut Messages<'_>, changes: &mut Vec<Change>) {
    let rule = quirks.tool_id();
    if rule == ToolIdRule::Any {
        return;
    }
    let (protocol, key) = (messages.protocol, messages.key);
    for (index, message) in messages.items.iter_mut().enumerate() {
        let changed = message.edit(|doc, edit| {
            for span in spans(protocol, doc) {
                replace(rule, doc, edit, span);
            }
        });
        if changed {
            changes.push(Change {
                path: format!("{key}[{index}]"),
                kind: ChangeKind::Rewritten,
                quirk: "tool_id",
            });
        }
    }
}

fn replace(rule: ToolIdRule, doc: &Doc<'_>, edit: &mut Edit<'_>, span: Span) {
    if let Some(id) = span.string(doc.body)
        && !rule.accepts(&id)
    {
        edit.replace(span, quoted(&legal(rule, &id)));
    }
}

/// Where a message holds tool call ids.
fn spans(protocol: Protocol, doc: &Doc<'_>) -> Vec<Span> {
    let body = doc.body;
    let items = |key: &str| -> Vec<Container> {
        doc.child(key)
            .map(|list| list.items)
            .unwrap_or_default()
            .iter()
            .filter_map(|item| Container::scan(body, item.value).ok())
            .collect()
    };
    match protocol {
        Protocol::Chat => {
            let calls = items("tool_calls");
            doc.get("tool_call_id")
                .into_iter()
                .chain(calls.iter().filter_map(|call| call.value(body, "id")))
                .collect()
        }
        Protocol::Responses => doc.get("call_id").into_iter().collect(),
        Protocol::Messages => items("content")
            .iter()
            .filter_map(|block| {
                let kind = block.value(body, "type")?;
                match kind.of(body) {
                    b"\"tool_use\"" => block.value(body, "id"),
                    b"\"tool_result\"" => block.value(body, "tool_use_id"),
                    _ => None,
                }
            })
            .collect(),
    }
}

/// A legal id for an illegal one.
fn legal(rule: ToolIdRule, id: &str) -> String {
    let digits = |count: usize| {
        let mut rest = hash(id);
        let mut out = String::with_capacity(count);
        for _ in 0..count {
            let digit = usize::try_from(rest % 62).expect("below 62");
            out.push(char::from(DIGITS[digit]));
            rest /= 62;
        }
        out
    };
    match rule {
        ToolIdRule::Any => id.to_owned(),
        ToolIdRule::Alphanumeric9 => digits(9),
        ToolIdRule::WordDash => {
            let kept: String = id
                .chars()
                .filter(|c| Charset::WordDash.holds(*c))
                .take(40)
                .collect();
            format!("{kept}_{}", digits(9))
        }
        ToolIdRule::Max64 => {
            let kept: String = id.chars().take(54).collect();
            format!("{kept}_{}", digits(9))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check, edited, text};
    use super::*;
    use Protocol::{Chat, Messages, Responses};

    #[test]
    fn a_call_and_its_result_keep_one_legal_id() {
        let out = text(&edited(
            "tool_id = 'alphanumeric9'",
            Chat,
            r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"call_abc"},{"id":"abcdefghi"}]},{"role":"tool","tool_call_id":"call_abc","content":"x"}]}"#,
        ));
        let new = legal(ToolIdRule::Alphanumeric9, "call_abc");
        assert!(ToolIdRule::Alphanumeric9.accepts(&new), "{new}");
        assert_eq!(
            out,
            format!(
                r#"{{"messages":[{{"role":"assistant","tool_calls":[{{"id":"{new}"}},{{"id":"abcdefghi"}}]}},{{"role":"tool","tool_call_id":"{new}","content":"x"}}]}}"#
            )
        );
    }

    #[test]
    fn different_ids_stay_different() {
        let ids: std::collections::HashSet<String> = (0..10_000)
            .map(|n| legal(ToolIdRule::Alphanumeric9, &format!("call_{n}")))
            .collect();
        assert_eq!(ids.len(), 10_000);
    }

    #[test]
    fn ids_are_found_in_every_protocol() {
        let long = "x".repeat(80);
        let short = legal(ToolIdRule::Max64, &long);
        assert_eq!(short.len(), 64);
        check(
            "tool_id = 'max64'",
            Responses,
            &format!(
                r#"{{"input":[{{"type":"function_call","id":"fc_1","call_id":"{long}"}},{{"type":"function_call_output","call_id":"{long}"}}]}}"#
            ),
            &format!(
                r#"{{"input":[{{"type":"function_call","id":"fc_1","call_id":"{short}"}},{{"type":"function_call_output","call_id":"{short}"}}]}}"#
            ),
        );
        let plain = legal(ToolIdRule::WordDash, "functions.get:0");
        assert!(plain.starts_with("functionsget0_"), "{plain}");
        check(
            "tool_id = 'word_dash'",
            Messages,
            r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","id":"functions.get:0","input":{"id":"a:b"}}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"functions.get:0"}]}]}"#,
            &format!(
                r#"{{"messages":[{{"role":"assistant","content":[{{"type":"tool_use","id":"{plain}","input":{{"id":"a:b"}}}}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"{plain}"}}]}}]}}"#
            ),
        );
    }
}
