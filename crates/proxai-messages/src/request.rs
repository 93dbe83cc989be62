//! The request of `POST /v1/messages`.

use proxai_json::{RawValue, Str, StringOr, Text, open_enum, wire, wire_union};

use crate::{CacheControl, ContentBlock, Json, Tool};

wire! {
    /// A request. Members are written in this order, the long ones last, so that logs of bodies
    /// show the settings first.
    pub struct Request<'a> {
        pub model: Option<Str<'a>> = "model",
        pub max_tokens: Option<u64> = "max_tokens",
        pub stream: Option<bool> = "stream",
        pub temperature: Option<f64> = "temperature",
        pub top_p: Option<f64> = "top_p",
        pub top_k: Option<u64> = "top_k",
        pub stop_sequences: Option<Vec<Str<'a>>> = "stop_sequences",
        pub thinking: Option<Thinking<'a>> = "thinking",
        pub output_config: Option<OutputConfig<'a>> = "output_config",
        pub output_format: Option<OutputFormat<'a>> = "output_format",
        pub service_tier: Option<Str<'a>> = "service_tier",
        pub metadata: Option<Metadata<'a>> = "metadata",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        pub tool_choice: Option<ToolChoice<'a>> = "tool_choice",
        pub container: Option<StringOr<'a, Container<'a>>> = "container",
        pub context_management: Option<ContextManagement<'a>> = "context_management",
        pub mcp_servers: Option<Vec<McpServer<'a>>> = "mcp_servers",
        pub thread: Option<Thread<'a>> = "thread",
        pub speed: Option<Str<'a>> = "speed",
        pub inference_geo: Option<Str<'a>> = "inference_geo",
        pub billing_policy: Option<&'a RawValue> = "billing_policy",
        pub compaction: Option<&'a RawValue> = "compaction",
        pub diagnostics: Option<&'a RawValue> = "diagnostics",
        pub fallbacks: Option<&'a RawValue> = "fallbacks",
        pub fallback_credit_token: Option<&'a RawValue> = "fallback_credit_token",
        pub user_profile_id: Option<Str<'a>> = "user_profile_id",
        pub tools: Option<Vec<Tool<'a>>> = "tools",
        pub system: Option<Text<'a, ContentBlock<'a>>> = "system",
        pub messages: Option<Vec<Message<'a>>> = "messages",
        ..extra
    }

    /// A message.
    pub struct Message<'a> {
        pub role: Option<Role<'a>> = "role",
        pub content: Option<Text<'a, ContentBlock<'a>>> = "content",
        ..extra
    }

    /// Who asks.
    pub struct Metadata<'a> {
        pub user_id: Option<Str<'a>> = "user_id",
        ..extra
    }

    /// How the answer is made.
    pub struct OutputConfig<'a> {
        pub effort: Option<Str<'a>> = "effort",
        pub format: Option<OutputFormat<'a>> = "format",
        pub task_budget: Option<&'a RawValue> = "task_budget",
        ..extra
    }

    /// JSON by a schema.
    pub struct JsonSchemaFormat<'a> {
        pub schema: Option<Json<'a>> = "schema",
        ..extra
    }

    /// Thinking up to a budget.
    pub struct EnabledThinking<'a> {
        pub budget_tokens: Option<u64> = "budget_tokens",
        pub display: Option<Str<'a>> = "display",
        ..extra
    }

    /// Thinking as the model sees fit.
    pub struct AdaptiveThinking<'a> {
        pub display: Option<Str<'a>> = "display",
        ..extra
    }

    /// No thinking, or thinking only between tool calls.
    pub struct NoThinking<'a> {
        ..extra
    }

    /// The model decides.
    pub struct AutoChoice {
        pub disable_parallel_tool_use: Option<bool> = "disable_parallel_tool_use",
    }

    /// At least one tool.
    pub struct AnyChoice {
        pub disable_parallel_tool_use: Option<bool> = "disable_parallel_tool_use",
    }

    /// This tool.
    pub struct ToolChoiceTool<'a> {
        pub name: Str<'a> = "name",
        pub disable_parallel_tool_use: Option<bool> = "disable_parallel_tool_use",
    }

    /// No tool.
    pub struct NoChoice {}

    /// Where the provider runs code.
    pub struct Container<'a> {
        pub id: Option<Str<'a>> = "id",
        pub skills: Option<&'a RawValue> = "skills",
        ..extra
    }

    /// What the provider may leave out of a long conversation.
    pub struct ContextManagement<'a> {
        pub edits: Option<Vec<ContextEdit<'a>>> = "edits",
        ..extra
    }

    /// Leaves out old tool calls.
    pub struct ClearToolUses<'a> {
        pub trigger: Option<Amount<'a>> = "trigger",
        pub keep: Option<Amount<'a>> = "keep",
        pub clear_at_least: Option<Amount<'a>> = "clear_at_least",
        pub clear_tool_inputs: Option<&'a RawValue> = "clear_tool_inputs",
        pub exclude_tools: Option<Vec<Str<'a>>> = "exclude_tools",
    }

    /// Leaves out old thoughts.
    pub struct ClearThinking<'a> {
        pub keep: Option<StringOr<'a, Amount<'a>>> = "keep",
    }

    /// Replaces the conversation by a summary.
    pub struct Compact<'a> {
        pub trigger: Option<Amount<'a>> = "trigger",
        pub instructions: Option<Str<'a>> = "instructions",
        pub pause_after_compaction: Option<bool> = "pause_after_compaction",
    }

    /// A number of something.
    pub struct Count {
        pub value: Option<u64> = "value",
    }

    /// All of it.
    pub struct All {}

    /// An MCP server that the provider calls.
    pub struct McpServer<'a> {
        pub kind: Option<Str<'a>> = "type",
        pub name: Option<Str<'a>> = "name",
        pub url: Option<Str<'a>> = "url",
        pub authorization_token: Option<Str<'a>> = "authorization_token",
        pub tool_configuration: Option<&'a RawValue> = "tool_configuration",
        ..extra
    }

    /// Begins a conversation that the provider keeps.
    pub struct Create {}

    /// Continues one.
    pub struct Continue<'a> {
        pub previous_message_id: Option<Str<'a>> = "previous_message_id",
    }
}

wire_union! {
    /// Whether and how the model thinks.
    pub enum Thinking<'a> by "type" {
        Enabled(EnabledThinking<'a>) = "enabled",
        Adaptive(AdaptiveThinking<'a>) = "adaptive",
        Disabled(NoThinking<'a>) = "disabled",
        BetweenTools(NoThinking<'a>) = "between_tools",
    }

    /// Which tools may or must be called.
    pub enum ToolChoice<'a> by "type" {
        Auto(AutoChoice) = "auto",
        Any(AnyChoice) = "any",
        Tool(ToolChoiceTool<'a>) = "tool",
        None(NoChoice) = "none",
    }

    /// The form of the answer.
    pub enum OutputFormat<'a> by "type" {
        JsonSchema(JsonSchemaFormat<'a>) = "json_schema",
    }

    /// What is left out of a long conversation.
    pub enum ContextEdit<'a> by "type" {
        ClearToolUses(ClearToolUses<'a>) = "clear_tool_uses_20250919",
        ClearThinking(ClearThinking<'a>) = "clear_thinking_20251015",
        Compact(Compact<'a>) = "compact_20260112",
    }

    /// How much of it.
    pub enum Amount<'a> by "type" {
        InputTokens(Count) = "input_tokens",
        ToolUses(Count) = "tool_uses",
        ThinkingTurns(Count) = "thinking_turns",
        All(All) = "all",
    }

    /// A conversation that the provider keeps.
    pub enum Thread<'a> by "type" {
        Create(Create) = "create",
        Continue(Continue<'a>) = "continue",
    }
}

open_enum! {
    /// Who speaks.
    pub enum Role<'a> {
        User = "user",
        Assistant = "assistant",
        System = "system",
    }
}
