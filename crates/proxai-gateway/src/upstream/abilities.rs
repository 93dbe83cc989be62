//! What an upstream's quirks say about the core of its protocol.
//!
//! Most quirks are edits of a finished body ([`proxai_providers::quirks::request_edits`]); those
//! here are the ones that only a translator can honour, because they decide what it writes or how
//! it reads the answer. Whoever translates for an upstream asks here, so that what is explained is
//! what is done.

use proxai_providers::Quirks;
use proxai_providers::quirks::{
    DeveloperRole, HostedTool, JsonMode, MaxTokensField, ReasoningEcho, ReasoningField as Held,
    ReasoningPolicy as Shown, refuses_custom_tools,
};
use proxai_translate::{Abilities, ReasoningField, ReasoningPolicy, ReasoningRules};
use proxai_types::Protocol;

/// The abilities of an upstream with these quirks.
pub fn abilities(quirks: &Quirks) -> Abilities {
    let usual = Abilities::default();
    Abilities {
        custom_tools: quirks.custom_tools(Protocol::Chat),
        functions_only: !quirks.custom_tools(Protocol::Responses),
        max_completion_tokens: quirks.max_tokens_field() == MaxTokensField::MaxCompletionTokens,
        // Only where a row says so: `system` is understood by every server, `developer` by few.
        developer_role: quirks.developer == Some(DeveloperRole::Keep),
        // Which turns may carry it, and in which member, is an edit of the finished body.
        reasoning_echo: match quirks.reasoning.echo() {
            ReasoningEcho::Given | ReasoningEcho::ToolTurns | ReasoningEcho::Always => true,
            ReasoningEcho::Keep => quirks.reasoning.echo_field.is_some(),
            ReasoningEcho::None => false,
        },
        system_turns: quirks.system_turns == Some(true),
        adaptive_thinking: quirks.reasoning.adaptive_accepted(),
        output_format: quirks.accepts_json_mode(JsonMode::JsonSchema),
        web_search: quirks.hosts(HostedTool::WebSearch),
        default_max_tokens: usual
            .default_max_tokens
            .max(u64::from(quirks.min_output_tokens())),
        reasoning: reasoning(quirks),
    }
}

/// Whether an exchange within one protocol goes through the hub too: its answer needs more than its
/// bytes (P8), or its request has tools with a grammar where they must become functions (T7).
pub fn needs_hub(quirks: &Quirks, protocol: Protocol, body: &[u8]) -> bool {
    !reasoning(quirks).change_nothing()
        || quirks.repair_responses()
        || refuses_custom_tools(quirks, protocol, body)
}

fn reasoning(quirks: &Quirks) -> ReasoningRules {
    ReasoningRules {
        policy: match quirks.reasoning.policy() {
            Shown::Separate => ReasoningPolicy::Separate,
            Shown::Fallback => ReasoningPolicy::Fallback,
            Shown::Inline => ReasoningPolicy::Inline,
            Shown::Drop => ReasoningPolicy::Drop,
        },
        think_tags: quirks.think_tags(),
        wanted_back: false,
        fields: quirks
            .reasoning
            .fields()
            .iter()
            .map(|field| match field {
                Held::ReasoningContent => ReasoningField::ReasoningContent,
                Held::Reasoning => ReasoningField::Reasoning,
                Held::ReasoningDetails => ReasoningField::ReasoningDetails,
                Held::ReasoningText => ReasoningField::ReasoningText,
                Held::Thinking => ReasoningField::Thinking,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quirks(set: impl FnOnce(&mut Quirks)) -> Quirks {
        let mut quirks = Quirks::default();
        set(&mut quirks);
        quirks
    }

    #[test]
    fn a_row_without_quirks_has_the_abilities_of_every_dialect_and_keeps_its_bytes() {
        assert_eq!(abilities(&Quirks::default()), Abilities::default());
        assert!(!needs_hub(&Quirks::default(), Protocol::Chat, b"{}"));
    }

    #[test]
    fn each_quirk_of_the_core_becomes_its_ability() {
        let made = abilities(&quirks(|quirks| {
            quirks.custom_tools = Some(true);
            quirks.max_tokens_field = Some(MaxTokensField::MaxCompletionTokens);
            quirks.developer = Some(DeveloperRole::Keep);
            quirks.reasoning.echo = Some(ReasoningEcho::ToolTurns);
            quirks.system_turns = Some(true);
            quirks.reasoning.effort_accepted = Some(false);
            quirks.json_modes = Some(vec![JsonMode::JsonObject]);
            quirks.min_output_tokens = Some(20_000);
            quirks.hosted_tools = Some(vec![HostedTool::WebSearch]);
        }));
        assert!(made.custom_tools && made.max_completion_tokens && made.developer_role);
        assert!(
            made.reasoning_echo
                && made.system_turns
                && !made.adaptive_thinking
                && !made.output_format
        );
        assert_eq!(made.default_max_tokens, 20_000);
    }

    #[test]
    fn work_on_answers_that_bytes_cannot_give_needs_the_hub() {
        for demanding in [
            quirks(|quirks| quirks.think_tags = Some(true)),
            quirks(|quirks| quirks.reasoning.policy = Some(Shown::Drop)),
            quirks(|quirks| quirks.repair_responses = Some(true)),
        ] {
            assert!(needs_hub(&demanding, Protocol::Chat, b"{}"));
        }
        let plain = quirks(|quirks| quirks.reasoning.policy = Some(Shown::Separate));
        assert!(!needs_hub(&plain, Protocol::Chat, b"{}"));
        let tools = br#"{"tools":[{"type":"custom","name":"patch"}]}"#;
        assert!(needs_hub(&plain, Protocol::Chat, tools));
        assert!(!needs_hub(&plain, Protocol::Responses, tools));
        let functions = quirks(|quirks| quirks.custom_tools = Some(false));
        assert!(needs_hub(&functions, Protocol::Responses, tools));
        assert!(abilities(&functions).functions_only);
    }
}
