//! The response object.
//!
//! <https://platform.openai.com/docs/api-reference/responses/object>, checked 2026-11-21. Members
//! that only repeat the request stay raw: nobody reads them, and a writer has them as text.

use proxai_json::{Nullable, RawValue, Str, open_enum, wire};

use crate::lenient::{JsonText, Seconds};

open_enum! {
    pub enum Status<'a> {
        Completed = "completed",
        Failed = "failed",
        InProgress = "in_progress",
        Cancelled = "cancelled",
        Queued = "queued",
        Incomplete = "incomplete",
    }
}

wire! {
    pub struct Response<'a> {
        pub id: Str<'a> = "id",
        pub object: Option<Str<'a>> = "object",
        pub created_at: Option<Seconds> = "created_at",
        pub completed_at: Option<Seconds> = "completed_at",
        pub status: Option<Status<'a>> = "status",
        pub background: Option<&'a RawValue> = "background",
        pub error: Nullable<ResponseError<'a>> = "error",
        pub incomplete_details: Nullable<IncompleteDetails<'a>> = "incomplete_details",
        pub instructions: Nullable<&'a RawValue> = "instructions",
        pub max_output_tokens: Nullable<&'a RawValue> = "max_output_tokens",
        pub max_tool_calls: Nullable<&'a RawValue> = "max_tool_calls",
        pub model: Option<Str<'a>> = "model",
        /// Each an [`Item`](crate::Item).
        pub output: Vec<&'a RawValue> = "output",
        pub parallel_tool_calls: Option<&'a RawValue> = "parallel_tool_calls",
        pub previous_response_id: Nullable<&'a RawValue> = "previous_response_id",
        pub prompt: Nullable<&'a RawValue> = "prompt",
        pub prompt_cache_key: Nullable<&'a RawValue> = "prompt_cache_key",
        pub prompt_cache_retention: Nullable<&'a RawValue> = "prompt_cache_retention",
        pub reasoning: Option<&'a RawValue> = "reasoning",
        pub safety_identifier: Nullable<&'a RawValue> = "safety_identifier",
        pub service_tier: Option<Str<'a>> = "service_tier",
        pub store: Option<&'a RawValue> = "store",
        pub temperature: Nullable<&'a RawValue> = "temperature",
        pub text: Option<&'a RawValue> = "text",
        pub tool_choice: Option<&'a RawValue> = "tool_choice",
        pub tools: Option<&'a RawValue> = "tools",
        pub top_logprobs: Option<&'a RawValue> = "top_logprobs",
        pub top_p: Nullable<&'a RawValue> = "top_p",
        pub truncation: Option<&'a RawValue> = "truncation",
        pub usage: Nullable<Usage<'a>> = "usage",
        pub tool_usage: Option<ToolUsage<'a>> = "tool_usage",
        pub user: Nullable<&'a RawValue> = "user",
        pub metadata: Option<&'a RawValue> = "metadata",
        ..extra
    }

    /// Why a response failed.
    pub struct ResponseError<'a> {
        pub code: Option<JsonText<'a>> = "code",
        pub message: JsonText<'a> = "message",
        pub kind: Option<JsonText<'a>> = "type",
        pub param: Option<JsonText<'a>> = "param",
    }

    pub struct IncompleteDetails<'a> {
        /// `max_output_tokens`, `max_messages`, `content_filter`, `steered`.
        pub reason: Option<Str<'a>> = "reason",
    }

    pub struct Usage<'a> {
        pub input_tokens: Option<u64> = "input_tokens",
        pub input_tokens_details: Option<InputTokensDetails<'a>> = "input_tokens_details",
        pub output_tokens: Option<u64> = "output_tokens",
        pub output_tokens_details: Option<OutputTokensDetails<'a>> = "output_tokens_details",
        pub total_tokens: Option<u64> = "total_tokens",
        ..extra
    }

    pub struct InputTokensDetails<'a> {
        pub cached_tokens: Option<u64> = "cached_tokens",
        pub cache_write_tokens: Option<u64> = "cache_write_tokens",
        pub audio_tokens: Option<u64> = "audio_tokens",
        ..extra
    }

    pub struct OutputTokensDetails<'a> {
        pub reasoning_tokens: Option<u64> = "reasoning_tokens",
        pub audio_tokens: Option<u64> = "audio_tokens",
        ..extra
    }

    /// What hosted tools did; all are there if any is, idle ones with zeros.
    pub struct ToolUsage<'a> {
        pub image_gen: Option<&'a RawValue> = "image_gen",
        pub web_search: Option<WebSearchUsage<'a>> = "web_search",
        ..extra
    }

    pub struct WebSearchUsage<'a> {
        pub num_requests: Option<u64> = "num_requests",
        ..extra
    }
}
