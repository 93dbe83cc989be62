//! Stream events. The `event:` line of a frame equals `type`.

use proxai_json::{Nullable, RawValue, Str, StringOr, wire, wire_union};

use crate::{Answer, Citation, ContentBlock, ErrorBody, StopDetails, StopReason, Usage};

wire_union! {
    /// One event.
    pub enum StreamEvent<'a> by "type" {
        MessageStart(MessageStart<'a>) = "message_start",
        BlockStart(BlockStart<'a>) = "content_block_start",
        BlockDelta(BlockDelta<'a>) = "content_block_delta",
        BlockStop(BlockStop) = "content_block_stop",
        MessageDelta(MessageDelta<'a>) = "message_delta",
        MessageStop(MessageStop) = "message_stop",
        Ping(Ping) = "ping",
        Error(ErrorEvent<'a>) = "error",
    }

    /// More of a block.
    pub enum Delta<'a> by "type" {
        Text(TextDelta<'a>) = "text_delta",
        InputJson(InputJsonDelta<'a>) = "input_json_delta",
        Thinking(ThinkingDelta<'a>) = "thinking_delta",
        Signature(SignatureDelta<'a>) = "signature_delta",
        Citations(CitationsDelta<'a>) = "citations_delta",
        Compaction(CompactionDelta<'a>) = "compaction_delta",
    }
}

wire! {
    /// The answer begins.
    pub struct MessageStart<'a> {
        pub message: Option<Answer<'a>> = "message",
    }

    /// A block begins. Its text, thought and input are empty and come as deltas.
    pub struct BlockStart<'a> {
        pub index: Option<u64> = "index",
        pub content_block: Option<ContentBlock<'a>> = "content_block",
    }

    /// More of a block.
    pub struct BlockDelta<'a> {
        pub index: Option<u64> = "index",
        pub delta: Option<Delta<'a>> = "delta",
    }

    /// A block ends.
    pub struct BlockStop {
        pub index: Option<u64> = "index",
    }

    /// Why the answer ended and what it cost in all.
    pub struct MessageDelta<'a> {
        pub delta: Option<AnswerDelta<'a>> = "delta",
        pub usage: Option<Usage<'a>> = "usage",
        pub context_management: Option<&'a RawValue> = "context_management",
        pub input_transformations: Option<&'a RawValue> = "input_transformations",
    }

    /// Members of the answer that are known only at its end.
    pub struct AnswerDelta<'a> {
        pub stop_reason: Nullable<StopReason<'a>> = "stop_reason",
        pub stop_sequence: Nullable<Str<'a>> = "stop_sequence",
        pub stop_details: Option<StopDetails<'a>> = "stop_details",
        pub container: Option<&'a RawValue> = "container",
    }

    /// The answer is complete.
    pub struct MessageStop {}

    /// The provider is alive.
    pub struct Ping {}

    /// The answer will not be completed.
    pub struct ErrorEvent<'a> {
        pub error: Option<StringOr<'a, ErrorBody<'a>>> = "error",
        pub request_id: Option<Str<'a>> = "request_id",
    }

    /// More text.
    pub struct TextDelta<'a> {
        pub text: Str<'a> = "text",
    }

    /// A piece of the JSON text of a tool call's input.
    pub struct InputJsonDelta<'a> {
        pub partial_json: Str<'a> = "partial_json",
    }

    /// More of a thought.
    pub struct ThinkingDelta<'a> {
        pub thinking: Str<'a> = "thinking",
        pub estimated_tokens: Option<u64> = "estimated_tokens",
    }

    /// The signature of a thought.
    pub struct SignatureDelta<'a> {
        pub signature: Str<'a> = "signature",
    }

    /// One more citation of a text.
    pub struct CitationsDelta<'a> {
        pub citation: Option<Citation<'a>> = "citation",
    }

    /// More of a summary.
    pub struct CompactionDelta<'a> {
        pub content: Option<Str<'a>> = "content",
        pub encrypted_content: Option<Str<'a>> = "encrypted_content",
    }
}
