//! One chunk of a stream. Unknown members are skipped, not kept.

use proxai_json::{RawValue, Str, Text, wire};
use smallvec::SmallVec;

use crate::{Annotation, Arguments, Audio, ContentPart, Count, Logprobs, Raw, Usage};

wire! {
    pub struct Chunk<'a> {
        pub id: Str<'a> = "id",
        pub object: Option<&'a RawValue> = "object",
        pub created: Option<Count> = "created",
        pub model: Str<'a> = "model",
        /// Empty in the usage chunk and in Azure's first one; missing at some vendors.
        /// Nearly always one; kept in place, since there is a chunk per token.
        pub choices: SmallVec<[ChunkChoice<'a>; 1]> = "choices",
        pub usage: Option<Usage> = "usage",
        pub service_tier: Option<Str<'a>> = "service_tier",
        pub x_groq: Option<XGroq> = "x_groq",
        pub citations: Option<&'a RawValue> = "citations",
        pub search_results: Option<&'a RawValue> = "search_results",
        /// An error inside a stream that began well. Its other spellings are read elsewhere.
        pub error: Option<&'a RawValue> = "error",
    }

    /// Where one vendor puts the usage of a stream.
    pub struct XGroq {
        pub usage: Option<Usage> = "usage",
    }

    pub struct ChunkChoice<'a> {
        pub index: Option<u64> = "index",
        pub delta: Option<Delta<'a>> = "delta",
        /// Instead of a delta, from servers that send the whole answer as one frame.
        pub message: Option<Delta<'a>> = "message",
        pub finish_reason: Option<Str<'a>> = "finish_reason",
        pub stop_reason: Option<&'a RawValue> = "stop_reason",
        pub logprobs: Option<Logprobs<'a>> = "logprobs",
        /// Where one vendor puts the usage of a stream.
        pub usage: Option<Usage> = "usage",
    }

    pub struct Delta<'a> {
        pub role: Option<Str<'a>> = "role",
        pub content: Option<Text<'a, ContentPart<'a>>> = "content",
        pub refusal: Option<Str<'a>> = "refusal",
        pub reasoning_content: Option<Str<'a>> = "reasoning_content",
        pub reasoning: Option<Str<'a>> = "reasoning",
        pub reasoning_details: Option<Raw<'a>> = "reasoning_details",
        pub reasoning_text: Option<Str<'a>> = "reasoning_text",
        /// A text; raw because the name means other things too.
        pub thinking: Option<&'a RawValue> = "thinking",
        pub tool_calls: Option<Vec<ToolCallDelta<'a>>> = "tool_calls",
        pub function_call: Option<FunctionDelta<'a>> = "function_call",
        pub annotations: Option<Vec<Annotation<'a>>> = "annotations",
        pub audio: Option<Audio<'a>> = "audio",
        pub images: Option<&'a RawValue> = "images",
        pub extra_content: Option<Raw<'a>> = "extra_content",
    }

    pub struct ToolCallDelta<'a> {
        pub index: Option<Count> = "index",
        pub id: Option<Str<'a>> = "id",
        pub r#type: Option<Str<'a>> = "type",
        pub function: Option<FunctionDelta<'a>> = "function",
        pub custom: Option<CustomDelta<'a>> = "custom",
        pub extra_content: Option<Raw<'a>> = "extra_content",
    }

    pub struct FunctionDelta<'a> {
        pub name: Option<Str<'a>> = "name",
        pub arguments: Option<Arguments<'a>> = "arguments",
    }

    pub struct CustomDelta<'a> {
        pub name: Option<Str<'a>> = "name",
        pub input: Option<Str<'a>> = "input",
    }
}
