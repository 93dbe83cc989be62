//! How thinking is asked for in Messages: by a budget or adaptively, as the model takes it.
//!
//! Translators write the right one from the start; this is for a client's own request. A budget
//! has rules that adaptive thinking has not: it fits below `max_tokens`, and a turn that called
//! tools without a thought cannot be gone on with by thinking. Where it cannot be had, nothing is
//! asked for.

use proxai_json::{Container, Doc, Span};
use proxai_types::Protocol;
use proxai_types::effort::{MIN_BUDGET, budget_of, effort_of};

use super::{ChangeKind, Pass, quoted, unsigned};
use crate::quirks::Quirks;

const QUIRK: &str = "reasoning";
const KEY: &str = "thinking";

/// Whether the quirks are about it.
pub(super) fn concern(quirks: &Quirks) -> bool {
    !quirks.reasoning.adaptive_accepted()
        || !quirks.reasoning.budget_accepted()
        || !quirks.reasoning.off_accepted()
        || !quirks.reasoning.unsigned_accepted()
}

/// Rewrites `thinking` where the model does not take its kind.
pub(super) fn apply(pass: &mut Pass<'_, '_>, quirks: &Quirks) {
    let refused = quirks.refused_parameters().iter().any(|key| key == KEY);
    if pass.protocol != Protocol::Messages || refused {
        return;
    }
    let body = pass.doc.body;
    let Some(thinking) = pass.doc.child(KEY) else {
        return;
    };
    let kind = thinking
        .value(body, "type")
        .and_then(|kind| Some((kind, kind.string(body)?)));
    match kind {
        Some((kind, name)) if name == "adaptive" && !quirks.reasoning.adaptive_accepted() => {
            to_budget(pass, &thinking, kind);
        }
        Some((kind, name)) if name == "enabled" && !quirks.reasoning.budget_accepted() => {
            to_adaptive(pass, quirks, &thinking, kind);
        }
        Some((_, name))
            if name == "enabled"
                && !quirks.reasoning.unsigned_accepted()
                && unsigned::occurs(body)
                && unthinking_tool_loop(pass.doc) =>
        {
            pass.remove(QUIRK, ChangeKind::Dropped, KEY);
        }
        Some((_, name)) if name == "disabled" && !quirks.reasoning.off_accepted() => {
            pass.remove(QUIRK, ChangeKind::Dropped, KEY);
        }
        _ => {}
    }
}

fn to_budget(pass: &mut Pass<'_, '_>, thinking: &Container, kind: Span) {
    let body = pass.doc.body;
    let limit: Option<u64> = pass
        .doc
        .get("max_tokens")
        .and_then(|span| serde_json::from_slice(span.of(body)).ok());
    let wanted = effort(pass.doc).map_or(8192, |effort| budget_of(&effort));
    let budget = match limit {
        Some(limit) if limit <= MIN_BUDGET => None,
        Some(limit) if wanted >= limit => Some((limit / 2).max(MIN_BUDGET)),
        _ => Some(wanted),
    };
    let Some(budget) = budget.filter(|_| !unthinking_tool_loop(pass.doc)) else {
        pass.remove(QUIRK, ChangeKind::Dropped, KEY);
        return;
    };
    pass.edit.replace(kind, b"\"enabled\"".to_vec());
    pass.edit
        .set(thinking, "budget_tokens", budget.to_string().as_bytes());
    pass.note(QUIRK, ChangeKind::Approximated, KEY);
}

fn to_adaptive(pass: &mut Pass<'_, '_>, quirks: &Quirks, thinking: &Container, kind: Span) {
    let body = pass.doc.body;
    let budget: Option<u64> = thinking
        .value(body, "budget_tokens")
        .and_then(|span| serde_json::from_slice(span.of(body)).ok());
    pass.edit.replace(kind, b"\"adaptive\"".to_vec());
    pass.edit.remove(thinking, "budget_tokens");
    pass.note(QUIRK, ChangeKind::Approximated, KEY);
    if effort(pass.doc).is_some() || !quirks.reasoning.effort_accepted() {
        return;
    }
    let Some(budget) = budget else { return };
    let name = quoted(quirks.reasoning.effort(effort_of(budget)));
    match pass.doc.child("output_config") {
        Some(config) => pass.edit.set(&config, "effort", &name),
        None => pass.edit.set(
            &pass.doc.root,
            "output_config",
            &[br#"{"effort":"#, &*name, b"}"].concat(),
        ),
    }
}

fn effort(doc: &Doc<'_>) -> Option<String> {
    let config = doc.child("output_config")?;
    let effort = config.value(doc.body, "effort")?;
    effort.string(doc.body).map(std::borrow::Cow::into_owned)
}

/// Whether the last assistant turn called tools without a signed thought before it: "Expected
/// `thinking` or `redacted_thinking`, but found `tool_use`."
fn unthinking_tool_loop(doc: &Doc<'_>) -> bool {
    let Some(messages) = doc.child("messages") else {
        return false;
    };
    let last = messages.items.iter().rev().find_map(|item| {
        let message = Container::scan(doc.body, item.value).ok()?;
        let role = message.value(doc.body, "role")?.string(doc.body)?;
        (role == "assistant").then_some(message)
    });
    let Some(content) = last.and_then(|message| message.child(doc.body, "content")) else {
        return false;
    };
    let kinds: Vec<_> = content
        .items
        .iter()
        .filter(|item| !unsigned::is_unsigned(doc.body, item.value))
        .filter_map(|item| {
            let part = Container::scan(doc.body, item.value).ok()?;
            part.value(doc.body, "type")?.string(doc.body)
        })
        .collect();
    let thought = kinds
        .first()
        .is_some_and(|kind| matches!(&**kind, "thinking" | "redacted_thinking"));
    !thought && kinds.iter().any(|kind| kind == "tool_use")
}

#[cfg(test)]
mod tests {
    use super::super::testing::check;
    use Protocol::{Chat, Messages};

    use super::*;

    #[test]
    fn adaptive_thinking_becomes_a_budget_that_fits() {
        let quirks = "reasoning = { effort_accepted = false }";
        for (before, after) in [
            (
                r#"{"max_tokens":32000,"thinking":{"type":"adaptive","display":"summarized"},"output_config":{"effort":"high"},"messages":[]}"#,
                r#"{"max_tokens":32000,"thinking":{"type":"enabled","display":"summarized","budget_tokens":16384},"output_config":{},"messages":[]}"#,
            ),
            (
                r#"{"max_tokens":4000,"thinking":{"type":"adaptive"}}"#,
                r#"{"max_tokens":4000,"thinking":{"type":"enabled","budget_tokens":2000}}"#,
            ),
            (
                r#"{"max_tokens":1024,"thinking":{"type":"adaptive"}}"#,
                r#"{"max_tokens":1024}"#,
            ),
            (
                r#"{"max_tokens":9000,"thinking":{"type":"adaptive"},"messages":[{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"tool_use","id":"t"}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}]}"#,
                r#"{"max_tokens":9000,"messages":[{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"tool_use","id":"t"}]},{"role":"user","content":[{"type":"tool_result","tool_use_id":"t"}]}]}"#,
            ),
            (
                r#"{"max_tokens":9000,"thinking":{"type":"adaptive"},"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"h","signature":"s"},{"type":"tool_use","id":"t"}]}]}"#,
                r#"{"max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":8192},"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"h","signature":"s"},{"type":"tool_use","id":"t"}]}]}"#,
            ),
        ] {
            check(quirks, Messages, before, after);
        }
        let disabled = r#"{"thinking":{"type":"disabled"}}"#;
        check(quirks, Messages, disabled, disabled);
        let always = "reasoning = { off_accepted = false }";
        check(
            always,
            Messages,
            r#"{"a":1,"thinking":{"type":"disabled"}}"#,
            r#"{"a":1}"#,
        );
        let chat = r#"{"thinking":{"type":"adaptive"}}"#;
        check(quirks, Chat, chat, chat);
    }

    #[test]
    fn a_budget_becomes_adaptive_thinking_with_the_nearest_effort() {
        let quirks = "reasoning = { budget_accepted = false }";
        for (before, after) in [
            (
                r#"{"thinking":{"type":"enabled","budget_tokens":10000}}"#,
                r#"{"thinking":{"type":"adaptive"},"output_config":{"effort":"high"}}"#,
            ),
            (
                r#"{"thinking":{"budget_tokens":1024,"type":"enabled"},"output_config":{"effort":"max"}}"#,
                r#"{"thinking":{"type":"adaptive"},"output_config":{"effort":"max"}}"#,
            ),
            (
                r#"{"thinking":{"type":"enabled","budget_tokens":50000},"output_config":{"format":{}}}"#,
                r#"{"thinking":{"type":"adaptive"},"output_config":{"format":{},"effort":"max"}}"#,
            ),
        ] {
            check(quirks, Messages, before, after);
        }
    }
}
