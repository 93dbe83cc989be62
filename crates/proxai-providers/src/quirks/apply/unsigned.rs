//! Thoughts without a signature, for endpoints that check them (case 59).
//!
//! They are in histories that began elsewhere: with a server of this protocol that signs nothing,
//! or with one of another protocol, whose thoughts reach the client unsigned. The endpoint refuses
//! the whole request for one of them, so they are left out and reported. Those that bear a
//! signature are not looked into.

use memchr::memmem;
use proxai_json::{Container, Doc, Edit, Span};
use proxai_types::Protocol;

use super::list::Messages;
use super::{Change, ChangeKind};
use crate::quirks::Quirks;

const QUIRK: &str = "reasoning";
const SIGNATURE: &[u8] = b"\"signature\"";

/// Whether the body holds an empty signature. SDKs never leave the member out, so that a search is
/// enough, and a long history of signed thoughts is not read for it.
pub(super) fn occurs(body: &[u8]) -> bool {
    memmem::find_iter(body, SIGNATURE).any(|at| {
        let rest = body[at + SIGNATURE.len()..].trim_ascii_start();
        let value = rest.strip_prefix(b":").unwrap_or_default();
        let value = value.trim_ascii_start();
        value.starts_with(b"\"\"") || value.starts_with(b"null")
    })
}

/// Leaves them out.
pub(super) fn remove(quirks: &Quirks, messages: &mut Messages<'_>, changes: &mut Vec<Change>) {
    if quirks.reasoning.unsigned_accepted() || messages.protocol != Protocol::Messages {
        return;
    }
    for (index, message) in messages.items.iter_mut().enumerate() {
        message.edit(|doc, edit| thoughts(doc, edit, index, changes));
    }
}

fn thoughts(doc: &Doc<'_>, edit: &mut Edit<'_>, index: usize, changes: &mut Vec<Change>) {
    let Some(content) = doc.child("content") else {
        return;
    };
    for (place, part) in content.items.iter().enumerate() {
        if is_unsigned(doc.body, part.value) {
            edit.remove_at(&content, place);
            changes.push(Change {
                path: format!("messages[{index}].content[{place}]"),
                kind: ChangeKind::Dropped,
                quirk: QUIRK,
            });
        }
    }
}

/// Whether a part is a thought that nobody signed.
pub(super) fn is_unsigned(body: &[u8], part: Span) -> bool {
    let Ok(part) = Container::scan(body, part) else {
        return false;
    };
    let kind = part.value(body, "type").map(|kind| kind.of(body));
    let signature = part.value(body, "signature").map(|value| value.of(body));
    kind == Some(b"\"thinking\"") && matches!(signature, None | Some(b"\"\"" | b"null"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use super::*;

    const ROW: &str = "empty_content = false\nreasoning = { unsigned_accepted = false }";
    const THOUGHT: &str = r#"{"type":"thinking","thinking":"Tide.","signature":"EqQB"}"#;

    fn turn(content: &str) -> String {
        format!(
            r#"{{"messages":[{{"role":"user","content":"hi"}},{{"role":"assistant","content":{content}}},{{"role":"user","content":"go"}}]}}"#
        )
    }

    #[test]
    fn an_unsigned_thought_is_left_out_and_nothing_else() {
        for signature in [r#","signature":"""#, r#", "signature" : null"#] {
            let unsigned = format!(r#"{{"type":"thinking","thinking":"Hm."{signature}}}"#);
            let before = turn(&format!(
                r#"[{unsigned},{THOUGHT}, {{"type":"text","text":"Noon."}}]"#
            ));
            let after = turn(&format!(r#"[{THOUGHT}, {{"type":"text","text":"Noon."}}]"#));
            check(ROW, Protocol::Messages, &before, &after);
            check("", Protocol::Messages, &before, &before);
        }
    }

    #[test]
    fn a_turn_of_nothing_else_goes_as_a_whole() {
        let before = turn(r#"[{"type":"thinking","thinking":"Hm.","signature":""}]"#);
        let after =
            r#"{"messages":[{"role":"user","content":"hi"},{"role":"user","content":"go"}]}"#;
        check(ROW, Protocol::Messages, &before, after);
    }

    #[test]
    fn only_an_empty_signature_makes_the_history_be_read() {
        assert!(!occurs(turn(&format!("[{THOUGHT}]")).as_bytes()));
        assert!(occurs(br#"{"signature" :  "" }"#));
        assert!(!occurs(br#"{"signature"#));
    }

    #[test]
    fn thinking_with_a_budget_stops_where_a_call_has_lost_its_thought() {
        let call = r#"{"type":"tool_use","id":"toolu_1","name":"tide","input":{}}"#;
        let request = |content: &str, thinking: &str| {
            format!(
                r#"{{"messages":[{{"role":"user","content":"hi"}},{{"role":"assistant","content":[{content}]}},{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"toolu_1"}}]}}]{thinking}}}"#
            )
        };
        let unsigned = format!(r#"{{"type":"thinking","thinking":"Hm.","signature":""}},{call}"#);
        let budget = r#","thinking":{"type":"enabled","budget_tokens":2048}"#;
        let adaptive = r#","thinking":{"type":"adaptive"}"#;
        let signed = format!("{THOUGHT},{call}");
        for (content, thinking, content_after, thinking_after) in [
            (&*unsigned, budget, call, ""),
            (&unsigned, adaptive, call, adaptive),
            (&signed, budget, &signed, budget),
        ] {
            check(
                ROW,
                Protocol::Messages,
                &request(content, thinking),
                &request(content_after, thinking_after),
            );
        }
    }
}
