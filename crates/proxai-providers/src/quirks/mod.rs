//! What an endpoint demands beyond its protocol's reference, as one declarative table (P5–P8, P12).
//!
//! A quirk is data: a field here, a value in a provider file or in the configuration. Each layer
//! says only what it changes and [`Quirks::overlay`] puts it over the layer below: row, endpoint,
//! configured provider, model pattern. Translators know none of this; they write and read the
//! vendor's canonical form.
//!
//! Every field names the symptom that earned it, with the page and the date it was checked.

mod about;
mod apply;
mod reasoning;
mod values;

use std::collections::BTreeMap;

use proxai_types::Protocol;
use serde::{Deserialize, Serialize};

pub use about::About;
use about::described;
pub use apply::{
    Change, ChangeKind, Edited, QuirkError, ToolNames, refuses_custom_tools, request_edits,
};
pub use reasoning::{ReasoningEcho, ReasoningField, ReasoningPolicy, ReasoningQuirks};
pub use values::{
    Charset, ContentForm, DeveloperRole, HostedTool, JsonMode, MaxTokensField, NameRule,
    StreamSupport, SystemRole, Temperature, ToolChoiceQuirks, ToolIdRule,
};

described! {
    /// The quirks of one layer. `None` leaves the decision to the layer below.
    ///
    /// Read a field through the method of the same name: it knows the default.
    #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
    #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
    #[serde(deny_unknown_fields, default)]
    #[non_exhaustive]
    pub struct Quirks {
        // --- endpoints and transport ---
        /// Whether a missing Chat endpoint is retried at Responses and the reverse (P5).
        ///
        /// Off where the vendor answers 404 for unknown models too and has only one of the two:
        /// the second request could only hide the first error.
        /// <https://docs.z.ai/api-reference/introduction> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub responses_fallback: Option<bool>,
        /// Which of JSON and stream the endpoint can answer with (P13).
        ///
        /// Some Qwen models: "This model only support stream mode".
        /// <https://help.aliyun.com/zh/model-studio/deep-thinking> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub stream: Option<StreamSupport>,
        /// The `User-Agent` that is sent instead of the client's.
        ///
        /// Coding plans answer 403 or 405 "only available for Coding Agents" to anything else.
        /// <https://www.kimi.com/code/docs/en/> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub user_agent: Option<String>,
        /// Whether `model` is left out of the body because the URL names the deployment.
        ///
        /// <https://learn.microsoft.com/azure/ai-foundry/openai/reference> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub omit_model: Option<bool>,
        /// Error codes that make a 429 final: the quota is used up, waiting changes nothing (R6).
        ///
        /// GLM 1113 "insufficient balance", 1311 "model not in your plan".
        /// <https://docs.z.ai/api-reference/api-code> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub final_error_codes: Option<Vec<String>>,

        // --- roles and content ---
        /// What happens to `system` messages (P6).
        ///
        /// MiniMax error 2013 "invalid message role: system".
        /// <https://platform.minimax.io/docs/api-reference/text-openai-api> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub system: Option<SystemRole>,
        /// Messages: whether `role: "system"` may stand in the conversation (cases 74 and 75).
        ///
        /// `true` lets translators write it, `false` turns it into marked text of the user in place,
        /// and where nothing is said the client's own stays and none is made. Clients write it since
        /// Claude Opus 4.8; other models and dialects: "role 'system' is not supported on this model",
        /// "unknown variant `system`, expected `user` or `assistant`".
        /// <https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages>
        /// (2026-11)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub system_turns: Option<bool>,
        /// What happens to `developer` messages (P6).
        ///
        /// DeepSeek: "unknown variant `developer`, expected one of `system`, `user`, …".
        /// <https://api-docs.deepseek.com/api/create-chat-completion> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub developer: Option<DeveloperRole>,
        /// Whether user and assistant must take turns; neighbours of one role are then joined.
        ///
        /// Perplexity: "After the (optional) system message(s), user or tool message(s) should
        /// alternate with assistant message(s)".
        /// <https://docs.perplexity.ai/api-reference/chat-completions-post> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub alternate_roles: Option<bool>,
        /// Whether a user message may follow a tool's result; if not, a short assistant message is put
        /// between them.
        ///
        /// Mistral: 400 "Unexpected role 'user' after role 'tool'" (code 3230).
        /// <https://docs.mistral.ai/capabilities/function_calling> (2026-11)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub user_after_tool: Option<bool>,
        /// The member that marks a last assistant message as the beginning of the answer.
        ///
        /// Mistral: 400 "Expected last role User or Tool (or Assistant with prefix True)"; Kimi and
        /// Qwen call it `partial` and answer anew without it.
        /// <https://docs.mistral.ai/capabilities/completion/prefixes> (2026-11)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub prefill_member: Option<String>,
        /// Whether messages may carry the speaker's `name`.
        ///
        /// Groq: 400 for `messages[].name`; Mistral: 422 "Extra inputs are not permitted".
        /// <https://console.groq.com/docs/openai> (2026-11)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub message_names: Option<bool>,
        /// Whether at least one user message must be there; a minimal one is added if not.
        ///
        /// Chat templates: "No user query found in messages."
        /// <https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub needs_user_message: Option<bool>,
        /// Whether messages may be empty. Where not, empty ones without tool calls are left out.
        ///
        /// Moonshot: "message at position 1 with role 'assistant' must not be empty".
        /// <https://platform.moonshot.ai/docs/api/chat> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub empty_content: Option<bool>,
        /// The form message content must have.
        ///
        /// Older servers: "content: expected a string"; text-only templates print a part list as is.
        /// <https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html#chat-template> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub content: Option<ContentForm>,
        /// Whether images may be given by URL; if not they are fetched, where that is allowed (Z3).
        ///
        /// LM Studio: "'url' field must be a base64 encoded image."; Ollama: "URL images not
        /// supported". <https://docs.ollama.com/api/anthropic-compatibility> (2026-11)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub image_urls: Option<bool>,
        /// Whether documents may be given by URL. Chat's reference has no place for one.
        ///
        /// Claude on Bedrock takes only base64 sources.
        /// <https://docs.claude.com/en/docs/build-with-claude/pdf-support> (2026-11)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub file_urls: Option<bool>,
        /// Whether `[IMAGE:…]` in text stands for an image (P11). Off, since it may be just text.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub vision_markers: Option<bool>,

        // --- parameters ---
        /// The name of the output limit in Chat.
        ///
        /// OpenAI reasoning models: "Unsupported parameter: 'max_tokens' … Use
        /// 'max_completion_tokens'". Older servers ignore the new name without a word.
        /// <https://platform.openai.com/docs/api-reference/chat/create> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub max_tokens_field: Option<MaxTokensField>,
        /// The smallest output limit that is accepted; smaller ones are raised to it.
        ///
        /// Responses: "Invalid 'max_output_tokens': … Expected a value >= 16", and agents probe with 1.
        /// <https://platform.openai.com/docs/api-reference/responses/create> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub min_output_tokens: Option<u32>,
        /// Whether `stream_options` is accepted.
        ///
        /// Mistral: 422 "Extra inputs are not permitted".
        /// <https://docs.mistral.ai/api/endpoint/chat> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub stream_options: Option<bool>,
        /// Whether `parallel_tool_calls` is accepted.
        ///
        /// <https://docs.cohere.com/docs/compatibility-api> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub parallel_tool_calls: Option<bool>,
        /// Other top-level members that the endpoint refuses; they are left out.
        ///
        /// Groq: 400 "`logprobs` is not supported with this model".
        /// <https://console.groq.com/docs/openai> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub refused_parameters: Option<Vec<String>>,
        /// The temperatures that are accepted.
        ///
        /// Kimi: "invalid temperature: only 1 is allowed for this model".
        /// <https://platform.moonshot.ai/docs/guide/kimi-k2-5-quickstart> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub temperature: Option<Temperature>,
        /// Whether `temperature` and `top_p` exclude each other; `top_p` is then left out.
        ///
        /// Claude 4.5: "`temperature` and `top_p` cannot both be specified for this model."
        /// <https://docs.claude.com/en/docs/about-claude/models/whats-new-claude-4-5> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub one_sampler: Option<bool>,
        /// At most this many stop sequences; what is beyond is cut.
        ///
        /// Chat: "Up to 4 sequences".
        /// <https://platform.openai.com/docs/api-reference/chat/create> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub max_stop_sequences: Option<u32>,

        // --- tools ---
        /// The tool names that are accepted; others are renamed and restored in replies.
        ///
        /// "Invalid tool function name: string does not match pattern `^[a-zA-Z0-9_-]+$`".
        /// <https://platform.openai.com/docs/guides/function-calling> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub tool_name: Option<NameRule>,
        /// The tool call ids that are accepted.
        ///
        /// Mistral: "Tool call id was … but must be a-z, A-Z, 0-9, with a length of 9."
        /// <https://docs.mistral.ai/capabilities/function_calling> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub tool_id: Option<ToolIdRule>,
        /// The values of `tool_choice` that are accepted and how others are written.
        ///
        /// Mistral knows `any` where Chat says `required`.
        /// <https://docs.mistral.ai/capabilities/function_calling> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub tool_choice: Option<ToolChoiceQuirks>,
        /// Whether OpenAI's custom (grammar) tools are understood; else they become functions (T7).
        /// Where nothing is said, Responses endpoints do and Chat endpoints do not.
        ///
        /// <https://platform.openai.com/docs/guides/function-calling#custom-tools> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub custom_tools: Option<bool>,
        /// The tools that the provider itself runs and offers here; requests for others are sent
        /// without them (T7).
        ///
        /// A server that does not know them answers 400 or silently nothing.
        /// <https://platform.openai.com/docs/guides/tools-web-search>,
        /// <https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool> (2026-11)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub hosted_tools: Option<Vec<HostedTool>>,
        /// JSON schema keywords that the endpoint refuses; they are taken out of tool and output
        /// schemas at any depth.
        ///
        /// Gemini: "Unknown name \"$schema\" at the first tool: Cannot find field."
        /// <https://ai.google.dev/gemini-api/docs/openai> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub strip_schema_keywords: Option<Vec<String>>,
        /// The kinds of `response_format` that are accepted (T8).
        ///
        /// DeepSeek: "This response_format type is unavailable now" for `json_schema`.
        /// <https://api-docs.deepseek.com/guides/json_mode> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub json_modes: Option<Vec<JsonMode>>,

        // --- reasoning ---
        /// How reasoning is read, shown and given back (P8).
        #[serde(skip_serializing_if = "ReasoningQuirks::is_empty")]
        pub reasoning: ReasoningQuirks,
        /// Whether `<think>…</think>` in text is reasoning (P8). Off, since it may be just text.
        ///
        /// <https://platform.minimax.io/docs/api-reference/text-openai-api> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub think_tags: Option<bool>,
        /// Whether the endpoint's Messages answers are completed to the reference's shape.
        ///
        /// MiniMax: `thinking` blocks without `signature`, which typed SDKs refuse.
        /// <https://platform.minimax.io/docs/api-reference/text-anthropic-api> (2026-08)
        #[serde(skip_serializing_if = "Option::is_none")]
        pub repair_responses: Option<bool>,
    }
}

macro_rules! defaults {
    ($($field:ident: $type:ty = $default:expr;)*) => {
        impl Quirks {
            $(
                #[doc = concat!("The value of [`Self::", stringify!($field), "`](field@Self::", stringify!($field), ") or its default.")]
                pub fn $field(&self) -> $type {
                    self.$field.unwrap_or($default)
                }
            )*
        }
    };
}

defaults! {
    responses_fallback: bool = true;
    stream: StreamSupport = StreamSupport::Both;
    omit_model: bool = false;
    system: SystemRole = SystemRole::Keep;
    developer: DeveloperRole = DeveloperRole::Keep;
    alternate_roles: bool = false;
    user_after_tool: bool = true;
    message_names: bool = true;
    needs_user_message: bool = false;
    empty_content: bool = true;
    content: ContentForm = ContentForm::Any;
    image_urls: bool = true;
    file_urls: bool = true;
    vision_markers: bool = false;
    max_tokens_field: MaxTokensField = MaxTokensField::Keep;
    min_output_tokens: u32 = 0;
    stream_options: bool = true;
    parallel_tool_calls: bool = true;
    temperature: Temperature = Temperature::ANY;
    one_sampler: bool = false;
    max_stop_sequences: u32 = u32::MAX;
    tool_id: ToolIdRule = ToolIdRule::Any;
    think_tags: bool = false;
    repair_responses: bool = false;
}

impl Quirks {
    /// The `User-Agent` that must be sent, if any.
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// Whether an error code makes a 429 final.
    pub fn is_final_error(&self, code: &str) -> bool {
        self.final_error_codes
            .iter()
            .flatten()
            .any(|known| known == code)
    }

    /// The member that marks a last assistant message as the beginning of the answer.
    pub fn prefill_member(&self) -> Option<&str> {
        self.prefill_member.as_deref()
    }

    /// Top-level members that must be left out.
    pub fn refused_parameters(&self) -> &[String] {
        self.refused_parameters.as_deref().unwrap_or_default()
    }

    /// The rule for tool names; `None` accepts any.
    pub fn tool_name(&self) -> Option<&NameRule> {
        self.tool_name.as_ref()
    }

    /// Whether custom (grammar) tools may be sent. They are part of the Responses reference, and of
    /// Chat only at few endpoints.
    pub fn custom_tools(&self, protocol: Protocol) -> bool {
        self.custom_tools.unwrap_or(protocol == Protocol::Responses)
    }

    /// The rule for `tool_choice`; `None` accepts any.
    pub fn tool_choice(&self) -> Option<&ToolChoiceQuirks> {
        self.tool_choice.as_ref()
    }

    /// Schema keywords to take out.
    pub fn strip_schema_keywords(&self) -> &[String] {
        self.strip_schema_keywords.as_deref().unwrap_or_default()
    }

    /// Whether the provider itself runs a tool and offers it.
    pub fn hosts(&self, tool: HostedTool) -> bool {
        self.hosted_tools
            .as_ref()
            .is_some_and(|tools| tools.contains(&tool))
    }

    /// Whether a kind of `response_format` is accepted. Plain text always is.
    pub fn accepts_json_mode(&self, mode: JsonMode) -> bool {
        self.json_modes
            .as_ref()
            .is_none_or(|modes| modes.contains(&mode))
    }

    /// Lays another layer over this one: what it says wins, what it leaves out stays.
    ///
    /// Lists are replaced whole; the map of effort names is merged key by key.
    pub fn overlay(&mut self, over: &Self) {
        macro_rules! take {
            ($($field:ident)*) => { $(if over.$field.is_some() { self.$field.clone_from(&over.$field); })* };
        }
        // Destructured so that a new field cannot be forgotten here.
        let Self {
            responses_fallback: _,
            stream: _,
            user_agent: _,
            omit_model: _,
            final_error_codes: _,
            system: _,
            system_turns: _,
            developer: _,
            alternate_roles: _,
            user_after_tool: _,
            prefill_member: _,
            message_names: _,
            needs_user_message: _,
            empty_content: _,
            content: _,
            image_urls: _,
            file_urls: _,
            vision_markers: _,
            max_tokens_field: _,
            min_output_tokens: _,
            stream_options: _,
            parallel_tool_calls: _,
            refused_parameters: _,
            temperature: _,
            one_sampler: _,
            max_stop_sequences: _,
            tool_name: _,
            tool_id: _,
            tool_choice: _,
            custom_tools: _,
            hosted_tools: _,
            strip_schema_keywords: _,
            json_modes: _,
            reasoning,
            think_tags: _,
            repair_responses: _,
        } = over;
        take!(
            responses_fallback stream user_agent omit_model final_error_codes system system_turns developer
            alternate_roles user_after_tool prefill_member message_names needs_user_message empty_content content vision_markers image_urls
            file_urls max_tokens_field min_output_tokens stream_options parallel_tool_calls
            refused_parameters temperature one_sampler max_stop_sequences tool_name tool_id tool_choice
            custom_tools hosted_tools strip_schema_keywords json_modes think_tags repair_responses
        );
        self.reasoning.overlay(reasoning);
    }

    /// The names of the quirks that this layer sets, for `proxai route` and `proxai providers`.
    pub fn set_names(&self) -> Vec<String> {
        toml::Table::try_from(self)
            .map(|table| table.keys().cloned().collect())
            .unwrap_or_default()
    }
}

/// A map from canonical to vendor names, used for effort levels and tool choices.
pub type Renames = BTreeMap<String, String>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_changes_only_what_it_names() {
        let mut low: Quirks = toml::from_str(
            "stream_options = false\nmax_stop_sequences = 4\nreasoning = { echo = \"always\", efforts = { low = \"none\", high = \"on\" } }",
        )
        .unwrap();
        let high: Quirks = toml::from_str(
            "stream_options = true\nreasoning = { policy = \"drop\", efforts = { high = \"max\" } }",
        )
        .unwrap();
        low.overlay(&high);
        assert!(low.stream_options());
        assert_eq!(low.max_stop_sequences(), 4);
        assert_eq!(low.reasoning.policy(), ReasoningPolicy::Drop);
        assert_eq!(low.reasoning.echo(), ReasoningEcho::Always);
        assert_eq!(
            (low.reasoning.effort("low"), low.reasoning.effort("high")),
            ("none", "max")
        );
        assert_eq!(
            low.reasoning.effort("medium"),
            "medium",
            "an unlisted name is kept"
        );
        assert_eq!(
            low.set_names(),
            ["max_stop_sequences", "reasoning", "stream_options"]
        );
    }

    #[test]
    fn an_unknown_quirk_is_refused_by_name() {
        let error = toml::from_str::<Quirks>("stream_option = false")
            .unwrap_err()
            .to_string();
        assert!(error.contains("stream_option"), "{error}");
    }

    #[test]
    fn a_layer_that_says_nothing_demands_nothing() {
        let none = Quirks::default();
        assert!(none.set_names().is_empty());
        assert!(none.stream_options() && none.responses_fallback() && none.empty_content());
        assert!(!none.think_tags() && !none.vision_markers());
        assert!(none.accepts_json_mode(JsonMode::JsonSchema));
        assert_eq!(none.temperature().nearest(1.7), None);
    }
}
