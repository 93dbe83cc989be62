//! The whole answer, and what it shares with stream chunks.

use proxai_json::{Nullable, RawValue, Str, Text, open_enum, wire, wire_union};

use crate::{ContentPart, Count, FunctionCallBody, Raw, ToolCall, XGroq};

open_enum! {
    /// Why generation ended, in the official values.
    pub enum FinishReason<'a> {
        Stop = "stop",
        Length = "length",
        ToolCalls = "tool_calls",
        ContentFilter = "content_filter",
        FunctionCall = "function_call",
    }
}

wire! {
    pub struct Response<'a> {
        pub id: Str<'a> = "id",
        pub object: Str<'a> = "object",
        /// Seconds since 1970; a float at some vendors.
        pub created: Option<Count> = "created",
        pub model: Str<'a> = "model",
        pub choices: Vec<Choice<'a>> = "choices",
        pub usage: Option<Usage> = "usage",
        pub service_tier: Option<Str<'a>> = "service_tier",
        pub system_fingerprint: Option<Str<'a>> = "system_fingerprint",
        pub x_groq: Option<XGroq> = "x_groq",
        /// Not official: addresses, in the order that `[1]` in the text counts.
        pub citations: Option<&'a RawValue> = "citations",
        /// Not official: the same with titles.
        pub search_results: Option<&'a RawValue> = "search_results",
        ..extra
    }

    pub struct Choice<'a> {
        pub index: u64 = "index",
        pub message: AnswerMessage<'a> = "message",
        pub logprobs: Nullable<Logprobs<'a>> = "logprobs",
        pub finish_reason: Nullable<FinishReason<'a>> = "finish_reason",
        /// Not official: the stop text that was met, or the id of its token.
        pub stop_reason: Option<&'a RawValue> = "stop_reason",
        /// Not official: one vendor's place of the usage.
        pub usage: Option<Usage> = "usage",
        ..extra
    }

    pub struct AnswerMessage<'a> {
        pub role: Option<Str<'a>> = "role",
        pub content: Nullable<Text<'a, ContentPart<'a>>> = "content",
        pub refusal: Nullable<Str<'a>> = "refusal",
        pub reasoning_content: Option<Str<'a>> = "reasoning_content",
        pub reasoning: Option<Str<'a>> = "reasoning",
        pub reasoning_details: Option<Raw<'a>> = "reasoning_details",
        pub reasoning_text: Option<Str<'a>> = "reasoning_text",
        /// A text; raw because the name means other things too.
        pub thinking: Option<&'a RawValue> = "thinking",
        pub annotations: Option<Vec<Annotation<'a>>> = "annotations",
        pub tool_calls: Option<Vec<ToolCall<'a>>> = "tool_calls",
        pub function_call: Option<FunctionCallBody<'a>> = "function_call",
        pub audio: Option<Audio<'a>> = "audio",
        pub images: Option<&'a RawValue> = "images",
        pub extra_content: Option<Raw<'a>> = "extra_content",
        ..extra
    }

    /// Log probabilities; the arrays are the same as in Responses, so they stay raw.
    pub struct Logprobs<'a> {
        pub content: Nullable<Raw<'a>> = "content",
        pub refusal: Nullable<Raw<'a>> = "refusal",
    }

    /// One block of reasoning in the vendor-neutral form that OpenRouter introduced.
    /// <https://openrouter.ai/docs/use-cases/reasoning-tokens>, checked 2026-11-21.
    pub struct ReasoningDetail<'a> {
        /// `reasoning.text`, `reasoning.summary`, `reasoning.encrypted`.
        pub r#type: Str<'a> = "type",
        pub text: Option<Str<'a>> = "text",
        pub summary: Option<Str<'a>> = "summary",
        pub data: Option<Str<'a>> = "data",
        pub signature: Option<Str<'a>> = "signature",
        pub id: Option<Str<'a>> = "id",
        pub format: Option<Str<'a>> = "format",
        pub index: Option<Count> = "index",
        /// Proxai's own: how many bytes of the reasoning text a sealed block stands for.
        pub length: Option<u64> = "length",
        /// Proxai's own: the sealed block was withheld by a safety system.
        pub redacted: Option<bool> = "redacted",
        ..extra
    }

    pub struct UrlCitationAnnotation<'a> {
        pub url_citation: UrlCitation<'a> = "url_citation",
        /// Only in streams, and not in the reference: the official SDK joins the lists of two
        /// deltas by it and raises without it (openai-python `accumulate_delta`, 2026-11-21).
        pub index: Option<u64> = "index",
    }

    pub struct UrlCitation<'a> {
        pub url: Str<'a> = "url",
        pub title: Option<Str<'a>> = "title",
        pub start_index: Option<u64> = "start_index",
        pub end_index: Option<u64> = "end_index",
        /// Not official: the passage.
        pub content: Option<Str<'a>> = "content",
    }

    /// The official answer holds `data` as base64; only the transcript can be translated.
    pub struct Audio<'a> {
        pub id: Option<Str<'a>> = "id",
        pub transcript: Option<Str<'a>> = "transcript",
    }

    pub struct SearchResult<'a> {
        pub url: Str<'a> = "url",
        pub title: Option<Str<'a>> = "title",
    }
}

wire_union! {
    /// What the answer's text refers to.
    pub enum Annotation<'a> by "type" else "url_citation" {
        UrlCitation(UrlCitationAnnotation<'a>) = "url_citation",
    }
}

wire! {
    pub struct Usage {
        pub prompt_tokens: Option<Count> = "prompt_tokens",
        pub completion_tokens: Option<Count> = "completion_tokens",
        pub total_tokens: Option<Count> = "total_tokens",
        pub prompt_tokens_details: Option<PromptDetails> = "prompt_tokens_details",
        pub completion_tokens_details: Option<CompletionDetails> = "completion_tokens_details",
        /// Not official, as all that follow: other places of cached tokens.
        pub prompt_cache_hit_tokens: Option<Count> = "prompt_cache_hit_tokens",
        pub cached_tokens: Option<Count> = "cached_tokens",
        pub num_cached_tokens: Option<Count> = "num_cached_tokens",
        pub cache_read_input_tokens: Option<Count> = "cache_read_input_tokens",
        pub cache_creation_input_tokens: Option<Count> = "cache_creation_input_tokens",
        pub reasoning_tokens: Option<Count> = "reasoning_tokens",
    }

    pub struct PromptDetails {
        pub cached_tokens: Option<Count> = "cached_tokens",
        pub cache_write_tokens: Option<Count> = "cache_write_tokens",
        pub audio_tokens: Option<Count> = "audio_tokens",
    }

    pub struct CompletionDetails {
        pub reasoning_tokens: Option<Count> = "reasoning_tokens",
        pub audio_tokens: Option<Count> = "audio_tokens",
        pub accepted_prediction_tokens: Option<Count> = "accepted_prediction_tokens",
        pub rejected_prediction_tokens: Option<Count> = "rejected_prediction_tokens",
    }
}
