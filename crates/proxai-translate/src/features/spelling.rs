//! The spelling that a client itself used, where its protocol has several (T4).
//!
//! The hub keeps one meaning and forgets its spelling, so a loss is first told in the usual one.
//! Only what is lost is looked up again, which most requests never pay for.

use proxai_ir::Losses;
use proxai_json::Doc;

/// A member that a loss names, and what clients send in its place, the likelier first.
const OTHERS: &[(&str, &[&str])] = &[
    ("max_completion_tokens", &["max_tokens"]),
    ("tools", &["functions"]),
    ("tool_choice", &["function_call"]),
    ("safety_identifier", &["user"]),
    ("user", &["safety_identifier"]),
    ("reasoning_effort", &["reasoning", "thinking"]),
    ("output_config.effort", &["thinking"]),
    ("reasoning.summary", &["reasoning.generate_summary"]),
    (
        "reasoning budget",
        &[
            "thinking.budget_tokens",
            "reasoning.max_tokens",
            "thinking",
            "reasoning",
        ],
    ),
    (
        "reasoning summary",
        &["reasoning.summary", "reasoning.exclude", "reasoning"],
    ),
    ("thinking.budget_tokens", &["thinking"]),
    ("thinking.display", &["thinking"]),
];

/// Makes `losses` name the members of the client's `body`.
pub(crate) fn as_sent(losses: &mut Losses, body: &[u8]) {
    if losses.is_empty() {
        return;
    }
    let Ok(doc) = Doc::scan(body) else { return };
    let stands = |path: &str| match path.split_once('.') {
        None => doc.get(path).is_some(),
        Some((outer, inner)) => doc
            .child(outer)
            .is_some_and(|object| object.get(body, inner).is_some()),
    };
    losses.respell(|path| {
        let (_, others) = OTHERS.iter().find(|(usual, _)| *usual == path)?;
        if stands(path) {
            return None;
        }
        others.iter().copied().find(|other| stands(other))
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_names_what_the_client_wrote() {
        let body = br#"{"max_tokens":3,"thinking":{"budget_tokens":9},"user":"u","safety_identifier":"s"}"#;
        let mut losses = Losses::new();
        for path in ["max_completion_tokens", "reasoning budget", "user", "seed"] {
            losses.dropped(path, "why");
        }
        as_sent(&mut losses, body);
        let paths: Vec<&str> = losses.iter().map(|loss| loss.path.as_str()).collect();
        assert_eq!(
            paths,
            ["max_tokens", "thinking.budget_tokens", "user", "seed"]
        );
        let mut losses = Losses::new();
        losses.dropped("reasoning budget", "why");
        as_sent(&mut losses, br#"{"thinking":{"type":"adaptive"}}"#);
        assert_eq!(
            losses.iter().next().map(|loss| loss.path.as_str()),
            Some("thinking")
        );
    }
}
