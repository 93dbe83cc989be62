//! The spelling that a client itself used, where its protocol has several (T4).
//!
//! The hub keeps one meaning and forgets its spelling, so a loss is first told in the usual one.
//! Only what is lost is looked up again, which most requests never pay for.

use proxai_ir::Losses;
use proxai_json::Doc;
use proxai_types::Protocol;

use super::{Feature, TABLE};

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
    ("thinking.budget_tokens", &["thinking"]),
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
    ("thinking", &["reasoning"]),
];

/// Other names that a protocol has for a feature, beside that of its row.
const ALIASES: &[(Protocol, &str, Feature)] = &[
    (Protocol::Chat, "max_tokens", Feature::MaxOutputTokens),
    (Protocol::Chat, "response_format", Feature::JsonSchema),
    (Protocol::Chat, "safety_identifier", Feature::EndUser),
    (Protocol::Responses, "user", Feature::EndUser),
    (Protocol::Responses, "reasoning", Feature::ReasoningEffort),
    (Protocol::Messages, "thinking", Feature::ReasoningBudget),
];

/// The path of a loss that is about the system messages, before [`respell`] has found them.
pub const SYSTEM_MESSAGES: &str = "system messages";

/// Makes losses that were found in the upstream's request name what the client wrote, as far as
/// it can be told (T4).
///
/// Messages of the two protocols do not correspond one to one, so of a loss within one only the
/// list is named.
pub fn respell(losses: &mut Losses, upstream: Protocol, client: Protocol, body: &[u8]) {
    if losses.is_empty() {
        return;
    }
    let doc = Doc::scan(body).ok();
    let has = |key: &str| doc.as_ref().is_some_and(|doc| doc.get(key).is_some());
    let system = match client {
        Protocol::Messages if has("system") => "system",
        Protocol::Responses if has("instructions") => "instructions",
        _ => list_of(client),
    };
    losses.respell(|path| {
        if path == SYSTEM_MESSAGES {
            return Some(system.to_owned());
        }
        in_clients_words(path, upstream, client)
    });
    as_sent(losses, body);
}

fn in_clients_words(path: &str, upstream: Protocol, client: Protocol) -> Option<String> {
    let (stem, rest) = path.split_at(path.find('[').unwrap_or(path.len()));
    let top = stem.split('.').next().unwrap_or(stem);
    if top == list_of(upstream) {
        return Some(list_of(client).to_owned());
    }
    if top == "tools" {
        let (from, to) = (schema_of(upstream), schema_of(client));
        return path.strip_suffix(from).map(|tool| format!("{tool}{to}"));
    }
    let alias = || {
        let same = |it: &&(Protocol, &str, Feature)| it.0 == upstream && it.1 == stem;
        ALIASES.iter().find(same).map(|it| it.2.row())
    };
    let row = alias().or_else(|| TABLE.iter().find(|row| row.paths[upstream.index()] == stem))?;
    let own = row.paths[client.index()];
    (!own.is_empty()).then(|| format!("{own}{rest}"))
}

const fn list_of(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Chat | Protocol::Messages => "messages",
        Protocol::Responses => "input",
    }
}

const fn schema_of(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Chat | Protocol::Responses => ".parameters",
        Protocol::Messages => ".input_schema",
    }
}

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
    fn a_loss_found_in_the_upstreams_request_gets_the_clients_name() {
        use Protocol::{Chat, Messages, Responses};
        for (path, upstream, client, body, expected) in [
            ("max_tokens", Chat, Responses, "{}", "max_output_tokens"),
            ("max_completion_tokens", Chat, Messages, "{}", "max_tokens"),
            (
                "max_output_tokens",
                Responses,
                Chat,
                r#"{"max_tokens":1}"#,
                "max_tokens",
            ),
            ("stop[4]", Chat, Messages, "{}", "stop_sequences[4]"),
            ("stop_sequences[4]", Messages, Chat, "{}", "stop[4]"),
            ("response_format", Chat, Responses, "{}", "text.format"),
            (
                "response_format",
                Chat,
                Messages,
                "{}",
                "output_config.format",
            ),
            (
                "reasoning_effort",
                Chat,
                Responses,
                "{}",
                "reasoning.effort",
            ),
            (
                "reasoning_effort",
                Chat,
                Messages,
                r#"{"thinking":{"type":"enabled"}}"#,
                "thinking",
            ),
            (
                "parallel_tool_calls",
                Chat,
                Messages,
                "{}",
                "tool_choice.disable_parallel_tool_use",
            ),
            ("messages[3].content", Chat, Responses, "{}", "input"),
            ("messages[3]", Chat, Messages, "{}", "messages"),
            (
                "tools.find.parameters",
                Chat,
                Messages,
                "{}",
                "tools.find.input_schema",
            ),
            (
                "tools[].input_examples",
                Messages,
                Chat,
                "{}",
                "tools[].input_examples",
            ),
            ("temperature", Chat, Messages, "{}", "temperature"),
            ("vendor_only", Chat, Messages, "{}", "vendor_only"),
            ("seed", Chat, Messages, "{}", "seed"),
        ] {
            let mut losses = Losses::new();
            losses.dropped(path, "why");
            respell(&mut losses, upstream, client, body.as_bytes());
            assert_eq!(losses.iter().next().unwrap().path, expected, "{path}");
        }
    }

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
