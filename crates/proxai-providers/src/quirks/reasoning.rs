//! Quirks about thoughts: where an answer holds them, what a client sees of them, how they are
//! given back and how much thinking is asked for (P8).
//!
//! The members that hold thoughts are a closed list: a name that no reader knows would be read by
//! nothing and say nothing about it.

use serde::{Deserialize, Serialize};

use super::Renames;
use super::about::described;

/// What the client sees of reasoning (P8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReasoningPolicy {
    /// Reasoning, in the client protocol's own form.
    #[default]
    Separate,
    /// As `separate`, but if there is neither text nor a tool call it becomes the text.
    Fallback,
    /// Part of the text.
    Inline,
    /// Nothing.
    Drop,
}

/// A member of a Chat message or delta that may hold reasoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReasoningField {
    /// `reasoning_content`, a text: most vendors.
    ReasoningContent,
    /// `reasoning`, a text.
    Reasoning,
    /// `reasoning_details`, a list of blocks that go back as they came.
    ReasoningDetails,
    /// `reasoning_text`, a text.
    ReasoningText,
    /// `thinking`, a text.
    Thinking,
}

impl ReasoningField {
    /// All of them, in order of trust.
    pub const ALL: [Self; 5] = [
        Self::ReasoningContent,
        Self::Reasoning,
        Self::ReasoningDetails,
        Self::ReasoningText,
        Self::Thinking,
    ];

    /// The member's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReasoningContent => "reasoning_content",
            Self::Reasoning => "reasoning",
            Self::ReasoningDetails => "reasoning_details",
            Self::ReasoningText => "reasoning_text",
            Self::Thinking => "thinking",
        }
    }

    const fn holds_text(self) -> bool {
        !matches!(self, Self::ReasoningDetails)
    }
}

/// When an assistant turn's reasoning is sent back to the endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReasoningEcho {
    /// As the client or the translator wrote it.
    #[default]
    Keep,
    /// Never: the endpoint refuses or bills it.
    None,
    /// Wherever the client has it; nothing is made up.
    Given,
    /// On turns with tool calls, where it is demanded, and nowhere else.
    ToolTurns,
    /// On every assistant turn, a blank where the client has none.
    Always,
}

described! {
    /// How reasoning is read, shown and given back.
    #[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
    #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
    #[serde(deny_unknown_fields, default)]
    #[non_exhaustive]
    pub struct ReasoningQuirks {
        /// Where a Chat answer holds reasoning, in order of trust; absent means all members known.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub fields: Option<Vec<ReasoningField>>,
        /// What the client sees of it.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub policy: Option<ReasoningPolicy>,
        /// When it is sent back.
        ///
        /// DeepSeek and Kimi with thinking on: 400 "The `reasoning_content` in the thinking mode must
        /// be passed back to the API." Mistral: 422 "Extra inputs are not permitted" wherever it is.
        /// <https://api-docs.deepseek.com/guides/thinking_mode> (2026-11)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub echo: Option<ReasoningEcho>,
        /// The member it is sent back in; absent means the first of `fields` that holds a text.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub echo_field: Option<ReasoningField>,
        /// Canonical effort to the endpoint's name for it (`minimal` to `low`).
        ///
        /// xAI: only `low` and `high`. <https://docs.x.ai/docs/guides/reasoning> (2026-08)
        #[serde(skip_serializing_if = "Renames::is_empty")]
        pub efforts: Renames,
        /// Whether `reasoning_effort` is accepted at all.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub effort_accepted: Option<bool>,
        /// Whether a Messages model thinks adaptively; else thinking is asked for with a budget.
        ///
        /// Claude before 4.6: "adaptive thinking is not supported on this model".
        /// <https://docs.claude.com/en/docs/build-with-claude/adaptive-thinking> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub adaptive_accepted: Option<bool>,
        /// Whether a Messages model takes a thinking budget; else it is asked to think adaptively.
        ///
        /// Claude since Opus 4.7: "`thinking.type.enabled` is not supported for this model".
        /// <https://platform.claude.com/docs/en/build-with-claude/adaptive-thinking> (2026-11)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub budget_accepted: Option<bool>,
        /// Whether a Messages model takes `thinking: {type: "disabled"}`; else nothing is asked for.
        ///
        /// Claude Fable and Mythos always think: "`thinking.type.disabled` is not supported".
        /// <https://docs.aws.amazon.com/bedrock/latest/userguide/claude-messages-adaptive-thinking.html>
        /// (2026-11)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub off_accepted: Option<bool>,
        /// Whether a Messages endpoint takes back a thought without a signature; else it is left out.
        ///
        /// Claude: "messages.1.content.0: Invalid `signature` in `thinking` block". Other servers of the
        /// protocol sign nothing and want their thoughts back as they were (case 59).
        /// <https://docs.claude.com/en/docs/build-with-claude/extended-thinking> (2026-11)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub unsigned_accepted: Option<bool>,
        /// Whether Chat takes an effort beside tools; else the effort becomes `none`.
        ///
        /// GPT-5.4 and later: "Function tools with reasoning_effort are not supported … in
        /// /v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort to
        /// 'none'."
        /// <https://community.openai.com/t/gpt-5-6-chat-completion-reasoning-effort-bug-behavior-change/1386454>
        /// (2026-11)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub effort_with_tools: Option<bool>,
    }
}

impl ReasoningQuirks {
    /// What the client sees.
    pub fn policy(&self) -> ReasoningPolicy {
        self.policy.unwrap_or_default()
    }

    /// When it is sent back.
    pub fn echo(&self) -> ReasoningEcho {
        self.echo.unwrap_or_default()
    }

    /// The member it is sent back in.
    pub fn echo_field(&self) -> ReasoningField {
        self.echo_field
            .or_else(|| {
                let mut fields = self.fields.iter().flatten().copied();
                fields.find(|field| field.holds_text())
            })
            .filter(|field| field.holds_text())
            .unwrap_or(ReasoningField::ReasoningContent)
    }

    /// Members that hold reasoning, in order of trust.
    pub fn fields(&self) -> &[ReasoningField] {
        self.fields.as_deref().unwrap_or(&ReasoningField::ALL)
    }

    /// The endpoint's name for an effort level.
    pub fn effort<'a>(&'a self, canonical: &'a str) -> &'a str {
        self.efforts
            .get(canonical)
            .map_or(canonical, String::as_str)
    }

    /// Whether an effort level may be sent.
    pub fn effort_accepted(&self) -> bool {
        self.effort_accepted.unwrap_or(true)
    }

    /// Whether adaptive thinking may be asked for; it comes with an effort level.
    pub fn adaptive_accepted(&self) -> bool {
        self.adaptive_accepted
            .unwrap_or_else(|| self.effort_accepted())
    }

    /// Whether thinking may be asked for with a budget.
    pub fn budget_accepted(&self) -> bool {
        self.budget_accepted.unwrap_or(true)
    }

    /// Whether thinking may be switched off.
    pub fn off_accepted(&self) -> bool {
        self.off_accepted.unwrap_or(true)
    }

    /// Whether a thought without a signature may go back.
    pub fn unsigned_accepted(&self) -> bool {
        self.unsigned_accepted.unwrap_or(true)
    }

    /// Whether an effort may stand beside tools.
    pub fn effort_with_tools(&self) -> bool {
        self.effort_with_tools.unwrap_or(true)
    }

    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn overlay(&mut self, over: &Self) {
        let Self {
            fields,
            policy,
            echo,
            echo_field,
            efforts,
            effort_accepted,
            adaptive_accepted,
            budget_accepted,
            off_accepted,
            unsigned_accepted,
            effort_with_tools,
        } = over;
        if fields.is_some() {
            self.fields.clone_from(fields);
        }
        self.policy = policy.or(self.policy);
        self.echo = echo.or(self.echo);
        self.echo_field = echo_field.or(self.echo_field);
        self.efforts
            .extend(efforts.iter().map(|(k, v)| (k.clone(), v.clone())));
        self.effort_accepted = effort_accepted.or(self.effort_accepted);
        self.adaptive_accepted = adaptive_accepted.or(self.adaptive_accepted);
        self.budget_accepted = budget_accepted.or(self.budget_accepted);
        self.off_accepted = off_accepted.or(self.off_accepted);
        self.unsigned_accepted = unsigned_accepted.or(self.unsigned_accepted);
        self.effort_with_tools = effort_with_tools.or(self.effort_with_tools);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasoning_goes_back_where_it_came_from_unless_the_row_says_otherwise() {
        let field = |text: &str| {
            toml::from_str::<ReasoningQuirks>(text)
                .unwrap()
                .echo_field()
                .name()
        };
        for (quirks, expected) in [
            ("", "reasoning_content"),
            ("fields = ['reasoning']", "reasoning"),
            (
                "fields = ['reasoning_details', 'reasoning_text']",
                "reasoning_text",
            ),
            (
                "fields = ['reasoning']\necho_field = 'thinking'",
                "thinking",
            ),
            ("echo_field = 'reasoning_details'", "reasoning_content"),
        ] {
            assert_eq!(field(quirks), expected, "{quirks}");
        }
        assert!(toml::from_str::<ReasoningQuirks>("fields = ['thoughts']").is_err());
    }
}
