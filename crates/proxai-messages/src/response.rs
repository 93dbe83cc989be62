//! The answer of `POST /v1/messages`.

use proxai_json::{Nullable, RawValue, Str, Text, open_enum, wire};

use crate::ContentBlock;

wire! {
    /// An answer; also the head of a stream, then without content.
    pub struct Answer<'a> {
        pub id: Str<'a> = "id",
        pub kind: Option<Str<'a>> = "type",
        pub role: Option<Str<'a>> = "role",
        pub model: Str<'a> = "model",
        pub content: Option<Text<'a, ContentBlock<'a>>> = "content",
        pub stop_reason: Nullable<StopReason<'a>> = "stop_reason",
        pub stop_sequence: Nullable<Str<'a>> = "stop_sequence",
        pub stop_details: Option<StopDetails<'a>> = "stop_details",
        pub usage: Option<Usage<'a>> = "usage",
        pub container: Option<&'a RawValue> = "container",
        pub context_management: Option<&'a RawValue> = "context_management",
        pub diagnostics: Option<&'a RawValue> = "diagnostics",
        pub input_transformations: Option<&'a RawValue> = "input_transformations",
        ..extra
    }

    /// More about the stop, for a refusal.
    pub struct StopDetails<'a> {
        pub kind: Option<Str<'a>> = "type",
        pub category: Nullable<Str<'a>> = "category",
        pub explanation: Nullable<Str<'a>> = "explanation",
        pub fallback_credit_token: Option<Str<'a>> = "fallback_credit_token",
        pub fallback_has_prefill_claim: Option<bool> = "fallback_has_prefill_claim",
        pub recommended_model: Option<Str<'a>> = "recommended_model",
    }

    /// Token counts. `input_tokens` leaves out what was read from and written to the cache.
    pub struct Usage<'a> {
        pub input_tokens: Option<u64> = "input_tokens",
        pub cache_creation_input_tokens: Option<u64> = "cache_creation_input_tokens",
        pub cache_read_input_tokens: Option<u64> = "cache_read_input_tokens",
        pub cache_creation: Option<CacheCreation> = "cache_creation",
        pub output_tokens: Option<u64> = "output_tokens",
        pub output_tokens_details: Option<OutputTokensDetails> = "output_tokens_details",
        pub server_tool_use: Option<ServerToolUsage> = "server_tool_use",
        pub service_tier: Option<Str<'a>> = "service_tier",
        pub inference_geo: Option<Str<'a>> = "inference_geo",
        pub speed: Option<Str<'a>> = "speed",
        pub iterations: Option<&'a RawValue> = "iterations",
        pub fallback_credit: Option<&'a RawValue> = "fallback_credit",
    }

    /// Tokens written to the cache, by how long they are kept.
    pub struct CacheCreation {
        pub ephemeral_5m_input_tokens: Option<u64> = "ephemeral_5m_input_tokens",
        pub ephemeral_1h_input_tokens: Option<u64> = "ephemeral_1h_input_tokens",
    }

    /// Parts of the output.
    pub struct OutputTokensDetails {
        pub thinking_tokens: Option<u64> = "thinking_tokens",
    }

    /// How often hosted tools ran.
    pub struct ServerToolUsage {
        pub web_search_requests: Option<u64> = "web_search_requests",
        pub web_fetch_requests: Option<u64> = "web_fetch_requests",
    }
}

open_enum! {
    /// Why generation ended.
    pub enum StopReason<'a> {
        EndTurn = "end_turn",
        MaxTokens = "max_tokens",
        StopSequence = "stop_sequence",
        ToolUse = "tool_use",
        PauseTurn = "pause_turn",
        Compaction = "compaction",
        Refusal = "refusal",
        ContextWindow = "model_context_window_exceeded",
    }
}
