//! The request.

use proxai_json::{OneOrMany, RawValue, Str, StringOr, wire, wire_union};

use crate::{CacheControl, Function, Message, Name, Tool, ToolChoice};

wire! {
    /// A request. Written in this order: what changes from turn to turn, the messages, comes last,
    /// so that a longer conversation begins with the bytes of a shorter one.
    pub struct Request<'a> {
        pub model: Str<'a> = "model",
        pub stream: Option<bool> = "stream",
        pub stream_options: Option<StreamOptions<'a>> = "stream_options",
        pub max_tokens: Option<u64> = "max_tokens",
        pub max_completion_tokens: Option<u64> = "max_completion_tokens",
        pub temperature: Option<f64> = "temperature",
        pub top_p: Option<f64> = "top_p",
        /// Not official; -1 means off.
        pub top_k: Option<i64> = "top_k",
        pub frequency_penalty: Option<f64> = "frequency_penalty",
        pub presence_penalty: Option<f64> = "presence_penalty",
        pub seed: Option<i64> = "seed",
        pub stop: Option<OneOrMany<Str<'a>>> = "stop",
        pub n: Option<u64> = "n",
        pub logprobs: Option<bool> = "logprobs",
        pub top_logprobs: Option<u64> = "top_logprobs",
        pub logit_bias: Option<&'a RawValue> = "logit_bias",
        pub reasoning_effort: Option<Str<'a>> = "reasoning_effort",
        /// Not official.
        pub reasoning: Option<Reasoning<'a>> = "reasoning",
        /// Not official.
        pub thinking: Option<Thinking<'a>> = "thinking",
        pub verbosity: Option<Str<'a>> = "verbosity",
        pub response_format: Option<ResponseFormat<'a>> = "response_format",
        pub modalities: Option<Vec<Str<'a>>> = "modalities",
        pub audio: Option<&'a RawValue> = "audio",
        pub prediction: Option<&'a RawValue> = "prediction",
        /// An empty object switches the search on.
        pub web_search_options: Option<WebSearchOptions<'a>> = "web_search_options",
        pub moderation: Option<&'a RawValue> = "moderation",
        pub user: Option<Str<'a>> = "user",
        pub safety_identifier: Option<Str<'a>> = "safety_identifier",
        pub prompt_cache_key: Option<Str<'a>> = "prompt_cache_key",
        pub prompt_cache_retention: Option<Str<'a>> = "prompt_cache_retention",
        pub prompt_cache_options: Option<CacheControl<'a>> = "prompt_cache_options",
        /// Not official: one breakpoint at the end of the prompt.
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        pub service_tier: Option<Str<'a>> = "service_tier",
        pub store: Option<bool> = "store",
        pub metadata: Option<&'a RawValue> = "metadata",
        pub parallel_tool_calls: Option<bool> = "parallel_tool_calls",
        pub tool_choice: Option<StringOr<'a, ToolChoice<'a>>> = "tool_choice",
        pub function_call: Option<StringOr<'a, Name<'a>>> = "function_call",
        pub functions: Option<Vec<Function<'a>>> = "functions",
        pub tools: Option<Vec<Tool<'a>>> = "tools",
        pub messages: Vec<Message<'a>> = "messages",
        ..extra
    }

    pub struct StreamOptions<'a> {
        pub include_usage: Option<bool> = "include_usage",
        pub include_obfuscation: Option<bool> = "include_obfuscation",
        ..extra
    }

    pub struct Reasoning<'a> {
        pub enabled: Option<bool> = "enabled",
        pub effort: Option<Str<'a>> = "effort",
        pub max_tokens: Option<u64> = "max_tokens",
        pub exclude: Option<bool> = "exclude",
        pub summary: Option<Str<'a>> = "summary",
        ..extra
    }

    pub struct Thinking<'a> {
        /// `enabled`, `disabled`, `adaptive`, `auto`.
        pub r#type: Option<Str<'a>> = "type",
        pub budget_tokens: Option<u64> = "budget_tokens",
        ..extra
    }
}

wire_union! {
    /// The form of the answer.
    pub enum ResponseFormat<'a> by "type" {
        Text(FormatText<'a>) = "text",
        JsonObject(FormatJsonObject<'a>) = "json_object",
        JsonSchema(FormatJsonSchema<'a>) = "json_schema",
    }
}

wire! {
    pub struct FormatText<'a> {
        ..extra
    }

    /// How the provider is to search the web.
    pub struct WebSearchOptions<'a> {
        pub search_context_size: Option<Str<'a>> = "search_context_size",
        pub user_location: Option<UserLocation<'a>> = "user_location",
        ..extra
    }

    /// Where the person is.
    pub struct UserLocation<'a> {
        /// Always `approximate`.
        pub r#type: Option<Str<'a>> = "type",
        pub approximate: Option<ApproximateLocation<'a>> = "approximate",
        ..extra
    }

    pub struct ApproximateLocation<'a> {
        pub city: Option<Str<'a>> = "city",
        pub country: Option<Str<'a>> = "country",
        pub region: Option<Str<'a>> = "region",
        pub timezone: Option<Str<'a>> = "timezone",
        ..extra
    }

    pub struct FormatJsonObject<'a> {
        ..extra
    }

    pub struct FormatJsonSchema<'a> {
        pub json_schema: JsonSchema<'a> = "json_schema",
        ..extra
    }

    pub struct JsonSchema<'a> {
        pub name: Str<'a> = "name",
        pub description: Option<Str<'a>> = "description",
        pub schema: Option<&'a RawValue> = "schema",
        pub strict: Option<bool> = "strict",
        ..extra
    }
}
