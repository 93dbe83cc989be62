//! The request.
//!
//! <https://platform.openai.com/docs/api-reference/responses/create>, checked 2026-11-21. Members
//! that the answer repeats are [`Kept`] with the text they were read from.

use proxai_json::{RawValue, Str, StringOr, Text, wire, wire_union};

use crate::lenient::Kept;
use crate::{Item, Tool, ToolChoice};

wire! {
    pub struct Request<'a> {
        pub model: Str<'a> = "model",
        pub instructions: Option<Kept<'a, Str<'a>>> = "instructions",
        pub tools: Option<Kept<'a, Vec<Tool<'a>>>> = "tools",
        pub input: Option<Text<'a, Item<'a>>> = "input",
        pub tool_choice: Option<Kept<'a, StringOr<'a, ToolChoice<'a>>>> = "tool_choice",
        pub parallel_tool_calls: Option<Kept<'a, bool>> = "parallel_tool_calls",
        pub max_tool_calls: Option<Kept<'a, u64>> = "max_tool_calls",
        pub reasoning: Option<Kept<'a, ReasoningConfig<'a>>> = "reasoning",
        pub text: Option<Kept<'a, TextConfig<'a>>> = "text",
        pub max_output_tokens: Option<Kept<'a, u64>> = "max_output_tokens",
        pub temperature: Option<Kept<'a, f64>> = "temperature",
        pub top_p: Option<Kept<'a, f64>> = "top_p",
        pub top_logprobs: Option<Kept<'a, u64>> = "top_logprobs",
        pub truncation: Option<Kept<'a, Str<'a>>> = "truncation",
        pub include: Option<Vec<Str<'a>>> = "include",
        pub store: Option<Kept<'a, bool>> = "store",
        pub stream: Option<bool> = "stream",
        pub stream_options: Option<StreamOptions<'a>> = "stream_options",
        pub background: Option<bool> = "background",
        pub previous_response_id: Option<Kept<'a, Str<'a>>> = "previous_response_id",
        /// An id, or an object with one.
        pub conversation: Option<&'a RawValue> = "conversation",
        pub prompt: Option<&'a RawValue> = "prompt",
        pub prompt_cache_key: Option<Kept<'a, Str<'a>>> = "prompt_cache_key",
        pub prompt_cache_retention: Option<Kept<'a, Str<'a>>> = "prompt_cache_retention",
        pub prompt_cache_options: Option<PromptCacheOptions<'a>> = "prompt_cache_options",
        pub context_management: Option<&'a RawValue> = "context_management",
        pub moderation: Option<&'a RawValue> = "moderation",
        pub access_programs: Option<&'a RawValue> = "access_programs",
        pub image: Option<&'a RawValue> = "image",
        pub service_tier: Option<Kept<'a, Str<'a>>> = "service_tier",
        pub safety_identifier: Option<Kept<'a, Str<'a>>> = "safety_identifier",
        pub user: Option<Kept<'a, Str<'a>>> = "user",
        pub metadata: Option<&'a RawValue> = "metadata",
        ..extra
    }

    pub struct ReasoningConfig<'a> {
        pub effort: Option<Str<'a>> = "effort",
        pub summary: Option<Str<'a>> = "summary",
        /// The old name of `summary`.
        pub generate_summary: Option<Str<'a>> = "generate_summary",
        pub context: Option<Str<'a>> = "context",
        pub mode: Option<Str<'a>> = "mode",
        ..extra
    }

    pub struct TextConfig<'a> {
        pub format: Option<TextFormat<'a>> = "format",
        pub verbosity: Option<Str<'a>> = "verbosity",
        ..extra
    }

    pub struct PlainFormat<'a> {
        ..extra
    }

    pub struct SchemaFormat<'a> {
        pub name: Option<Str<'a>> = "name",
        pub description: Option<Str<'a>> = "description",
        pub schema: Option<&'a RawValue> = "schema",
        pub strict: Option<bool> = "strict",
        ..extra
    }

    pub struct StreamOptions<'a> {
        pub include_obfuscation: Option<bool> = "include_obfuscation",
        ..extra
    }

    pub struct PromptCacheOptions<'a> {
        pub mode: Option<Str<'a>> = "mode",
        pub ttl: Option<Str<'a>> = "ttl",
        ..extra
    }
}

wire_union! {
    /// The form of the answer's text.
    pub enum TextFormat<'a> by "type" else "text" {
        Text(PlainFormat<'a>) = "text",
        JsonObject(PlainFormat<'a>) = "json_object",
        JsonSchema(SchemaFormat<'a>) = "json_schema",
    }
}
