//! Stream events.
//!
//! <https://platform.openai.com/docs/api-reference/responses-streaming>, checked 2026-11-21. The
//! name stands in `type`; the `event:` line of the frame repeats it. Unknown members are not kept,
//! and what only tools of the provider say is not read beyond its place. `keepalive` and
//! `response.apply_patch_call_operation_diff.*` are sent by the vendor but not documented.

use proxai_json::{RawValue, Str, wire, wire_union};

use crate::lenient::JsonText;
use crate::{Annotation, ApiError, ContentPart};

wire_union! {
    /// One event of a stream.
    pub enum StreamEvent<'a> by "type" {
        Created(ResponseEvent<'a>) = "response.created",
        InProgress(ResponseEvent<'a>) = "response.in_progress",
        Queued(ResponseEvent<'a>) = "response.queued",
        Completed(ResponseEvent<'a>) = "response.completed",
        Incomplete(ResponseEvent<'a>) = "response.incomplete",
        Failed(ResponseEvent<'a>) = "response.failed",
        Error(ErrorEvent<'a>) = "error",
        Keepalive(BareEvent) = "keepalive",
        ItemAdded(ItemEvent<'a>) = "response.output_item.added",
        ItemDone(ItemEvent<'a>) = "response.output_item.done",
        PartAdded(PartEvent<'a>) = "response.content_part.added",
        PartDone(PartEvent<'a>) = "response.content_part.done",
        TextDelta(DeltaEvent<'a>) = "response.output_text.delta",
        TextDone(TextEvent<'a>) = "response.output_text.done",
        AnnotationAdded(AnnotationEvent<'a>) = "response.output_text.annotation.added",
        RefusalDelta(DeltaEvent<'a>) = "response.refusal.delta",
        RefusalDone(RefusalEvent<'a>) = "response.refusal.done",
        ReasoningDelta(DeltaEvent<'a>) = "response.reasoning_text.delta",
        ReasoningDone(TextEvent<'a>) = "response.reasoning_text.done",
        SummaryPartAdded(SummaryPartEvent<'a>) = "response.reasoning_summary_part.added",
        SummaryPartDone(SummaryPartEvent<'a>) = "response.reasoning_summary_part.done",
        SummaryDelta(SummaryDeltaEvent<'a>) = "response.reasoning_summary_text.delta",
        SummaryDone(SummaryTextEvent<'a>) = "response.reasoning_summary_text.done",
        ArgumentsDelta(InputDeltaEvent<'a>) = "response.function_call_arguments.delta",
        ArgumentsDone(ArgumentsEvent<'a>) = "response.function_call_arguments.done",
        CustomInputDelta(InputDeltaEvent<'a>) = "response.custom_tool_call_input.delta",
        CustomInputDone(CustomInputEvent<'a>) = "response.custom_tool_call_input.done",
        ShellCommandAdded(HostedEvent<'a>) = "response.shell_call_command.added",
        ShellCommandDelta(HostedEvent<'a>) = "response.shell_call_command.delta",
        ShellCommandDone(HostedEvent<'a>) = "response.shell_call_command.done",
        ShellOutputDelta(HostedEvent<'a>) = "response.shell_call_output_content.delta",
        ShellOutputDone(HostedEvent<'a>) = "response.shell_call_output_content.done",
        PatchDiffDelta(HostedEvent<'a>) = "response.apply_patch_call_operation_diff.delta",
        PatchDiffDone(HostedEvent<'a>) = "response.apply_patch_call_operation_diff.done",
        CompactionCompacting(HostedEvent<'a>) = "response.compaction.compacting",
        FileSearchInProgress(HostedEvent<'a>) = "response.file_search_call.in_progress",
        FileSearchSearching(HostedEvent<'a>) = "response.file_search_call.searching",
        FileSearchCompleted(HostedEvent<'a>) = "response.file_search_call.completed",
        WebSearchInProgress(HostedEvent<'a>) = "response.web_search_call.in_progress",
        WebSearchSearching(HostedEvent<'a>) = "response.web_search_call.searching",
        WebSearchCompleted(HostedEvent<'a>) = "response.web_search_call.completed",
        CodeInProgress(HostedEvent<'a>) = "response.code_interpreter_call.in_progress",
        CodeInterpreting(HostedEvent<'a>) = "response.code_interpreter_call.interpreting",
        CodeCompleted(HostedEvent<'a>) = "response.code_interpreter_call.completed",
        CodeDelta(HostedEvent<'a>) = "response.code_interpreter_call_code.delta",
        CodeDone(HostedEvent<'a>) = "response.code_interpreter_call_code.done",
        ImageInProgress(HostedEvent<'a>) = "response.image_generation_call.in_progress",
        ImageGenerating(HostedEvent<'a>) = "response.image_generation_call.generating",
        ImagePartial(HostedEvent<'a>) = "response.image_generation_call.partial_image",
        ImageCompleted(HostedEvent<'a>) = "response.image_generation_call.completed",
        McpInProgress(HostedEvent<'a>) = "response.mcp_call.in_progress",
        McpCompleted(HostedEvent<'a>) = "response.mcp_call.completed",
        McpFailed(HostedEvent<'a>) = "response.mcp_call.failed",
        McpArgumentsDelta(HostedEvent<'a>) = "response.mcp_call_arguments.delta",
        McpArgumentsDone(HostedEvent<'a>) = "response.mcp_call_arguments.done",
        McpListInProgress(HostedEvent<'a>) = "response.mcp_list_tools.in_progress",
        McpListCompleted(HostedEvent<'a>) = "response.mcp_list_tools.completed",
        McpListFailed(HostedEvent<'a>) = "response.mcp_list_tools.failed",
        AudioDelta(HostedEvent<'a>) = "response.audio.delta",
        AudioDone(HostedEvent<'a>) = "response.audio.done",
        TranscriptDelta(HostedEvent<'a>) = "response.audio.transcript.delta",
        TranscriptDone(HostedEvent<'a>) = "response.audio.transcript.done",
    }
}

wire! {
    pub struct ResponseEvent<'a> {
        pub sequence_number: Option<u64> = "sequence_number",
        /// A [`Response`](crate::Response).
        pub response: Option<&'a RawValue> = "response",
    }

    /// Some vendors nest the error, as in an error body.
    pub struct ErrorEvent<'a> {
        pub sequence_number: Option<u64> = "sequence_number",
        pub code: Option<JsonText<'a>> = "code",
        pub message: Option<JsonText<'a>> = "message",
        pub param: Option<JsonText<'a>> = "param",
        pub error: Option<ApiError<'a>> = "error",
    }

    pub struct BareEvent {
        pub sequence_number: Option<u64> = "sequence_number",
    }

    pub struct ItemEvent<'a> {
        pub sequence_number: Option<u64> = "sequence_number",
        pub output_index: Option<u64> = "output_index",
        /// An [`Item`](crate::Item).
        pub item: Option<&'a RawValue> = "item",
    }

    pub struct PartEvent<'a> {
        pub sequence_number: Option<u64> = "sequence_number",
        pub item_id: Option<Str<'a>> = "item_id",
        pub output_index: Option<u64> = "output_index",
        pub content_index: Option<u64> = "content_index",
        pub part: Option<ContentPart<'a>> = "part",
    }

    pub struct DeltaEvent<'a> {
        pub sequence_number: Option<u64> = "sequence_number",
        pub item_id: Option<Str<'a>> = "item_id",
        pub output_index: Option<u64> = "output_index",
        pub content_index: Option<u64> = "content_index",
        pub delta: Str<'a> = "delta",
        pub logprobs: Option<&'a RawValue> = "logprobs",
    }

    pub struct TextEvent<'a> {
        pub sequence_number: Option<u64> = "sequence_number",
        pub item_id: Option<Str<'a>> = "item_id",
        pub output_index: Option<u64> = "output_index",
        pub content_index: Option<u64> = "content_index",
        pub text: Str<'a> = "text",
        pub logprobs: Option<&'a RawValue> = "logprobs",
    }

    pub struct RefusalEvent<'a> {
        pub sequence_number: Option<u64> = "sequence_number",
        pub item_id: Option<Str<'a>> = "item_id",
        pub output_index: Option<u64> = "output_index",
        pub content_index: Option<u64> = "content_index",
        pub refusal: Str<'a> = "refusal",
    }

    pub struct AnnotationEvent<'a> {
        pub sequence_number: Option<u64> = "sequence_number",
        pub item_id: Option<Str<'a>> = "item_id",
        pub output_index: Option<u64> = "output_index",
        pub content_index: Option<u64> = "content_index",
        pub annotation_index: Option<u64> = "annotation_index",
        pub annotation: Option<Annotation<'a>> = "annotation",
    }

    pub struct SummaryPartEvent<'a> {
        pub sequence_number: Option<u64> = "sequence_number",
        pub item_id: Option<Str<'a>> = "item_id",
        pub output_index: Option<u64> = "output_index",
        pub summary_index: Option<u64> = "summary_index",
        pub part: Option<ContentPart<'a>> = "part",
    }

    pub struct SummaryDeltaEvent<'a> {
        pub sequence_number: Option<u64> = "sequence_number",
        pub item_id: Option<Str<'a>> = "item_id",
        pub output_index: Option<u64> = "output_index",
        pub summary_index: Option<u64> = "summary_index",
        pub delta: Str<'a> = "delta",
    }

    pub struct SummaryTextEvent<'a> {
        pub sequence_number: Option<u64> = "sequence_number",
        pub item_id: Option<Str<'a>> = "item_id",
        pub output_index: Option<u64> = "output_index",
        pub summary_index: Option<u64> = "summary_index",
        pub text: Str<'a> = "text",
    }

    pub struct InputDeltaEvent<'a> {
        pub sequence_number: Option<u64> = "sequence_number",
        pub item_id: Option<Str<'a>> = "item_id",
        pub output_index: Option<u64> = "output_index",
        pub delta: JsonText<'a> = "delta",
    }

    pub struct ArgumentsEvent<'a> {
        pub sequence_number: Option<u64> = "sequence_number",
        pub item_id: Option<Str<'a>> = "item_id",
        pub output_index: Option<u64> = "output_index",
        pub arguments: JsonText<'a> = "arguments",
    }

    pub struct CustomInputEvent<'a> {
        pub sequence_number: Option<u64> = "sequence_number",
        pub item_id: Option<Str<'a>> = "item_id",
        pub output_index: Option<u64> = "output_index",
        pub input: JsonText<'a> = "input",
    }

    /// Progress of a tool that the provider runs, or of an item that is only read when done.
    pub struct HostedEvent<'a> {
        pub sequence_number: Option<u64> = "sequence_number",
        pub item_id: Option<Str<'a>> = "item_id",
        pub output_index: Option<u64> = "output_index",
    }
}
