//! Items: what a conversation and an answer are made of.
//!
//! <https://platform.openai.com/docs/api-reference/responses/object>, checked 2026-11-21. Input and
//! output items are one union, because clients replay answers as input. An item without `type` is
//! a message (or, if it has nothing but an id, a reference). Items of tools that the provider runs
//! share one open type, web searches excepted: their content is reported as a whole, never read.

use proxai_json::{RawValue, Str, Text, wire, wire_union};

use crate::lenient::JsonText;
use crate::{ContentPart, Tool};

wire_union! {
    /// An item of a conversation.
    pub enum Item<'a> by "type" else "message" {
        Message(Message<'a>) = "message",
        Reasoning(Reasoning<'a>) = "reasoning",
        FunctionCall(FunctionCall<'a>) = "function_call",
        FunctionCallOutput(ToolOutput<'a>) = "function_call_output",
        CustomToolCall(CustomToolCall<'a>) = "custom_tool_call",
        CustomToolCallOutput(ToolOutput<'a>) = "custom_tool_call_output",
        LocalShellCall(LocalShellCall<'a>) = "local_shell_call",
        LocalShellCallOutput(ToolOutput<'a>) = "local_shell_call_output",
        ShellCall(ShellCall<'a>) = "shell_call",
        ShellCallOutput(ShellCallOutput<'a>) = "shell_call_output",
        ApplyPatchCall(ApplyPatchCall<'a>) = "apply_patch_call",
        ApplyPatchCallOutput(ToolOutput<'a>) = "apply_patch_call_output",
        ComputerCall(OpenItem<'a>) = "computer_call",
        ComputerCallOutput(OpenItem<'a>) = "computer_call_output",
        ItemReference(OpenItem<'a>) = "item_reference",
        AdditionalTools(AdditionalTools<'a>) = "additional_tools",
        ConfigurationUpdate(OpenItem<'a>) = "configuration_update",
        Compaction(OpenItem<'a>) = "compaction",
        CompactionTrigger(OpenItem<'a>) = "compaction_trigger",
        ToolSearchCall(ToolSearchCall<'a>) = "tool_search_call",
        ToolSearchOutput(AdditionalTools<'a>) = "tool_search_output",
        WebSearchCall(WebSearchCall<'a>) = "web_search_call",
        FileSearchCall(OpenItem<'a>) = "file_search_call",
        CodeInterpreterCall(OpenItem<'a>) = "code_interpreter_call",
        ImageGenerationCall(OpenItem<'a>) = "image_generation_call",
        McpCall(OpenItem<'a>) = "mcp_call",
        McpListTools(OpenItem<'a>) = "mcp_list_tools",
        McpApprovalRequest(OpenItem<'a>) = "mcp_approval_request",
        McpApprovalResponse(OpenItem<'a>) = "mcp_approval_response",
        Program(OpenItem<'a>) = "program",
        ProgramOutput(OpenItem<'a>) = "program_output",
    }
}

wire! {
    pub struct Message<'a> {
        pub id: Option<Str<'a>> = "id",
        pub status: Option<Str<'a>> = "status",
        pub role: Option<Str<'a>> = "role",
        pub content: Option<Text<'a, ContentPart<'a>>> = "content",
        pub phase: Option<Str<'a>> = "phase",
        ..extra
    }

    pub struct Reasoning<'a> {
        pub id: Option<Str<'a>> = "id",
        pub summary: Vec<ContentPart<'a>> = "summary",
        pub content: Option<Vec<ContentPart<'a>>> = "content",
        pub encrypted_content: Option<Str<'a>> = "encrypted_content",
        pub status: Option<Str<'a>> = "status",
        ..extra
    }

    pub struct FunctionCall<'a> {
        pub id: Option<Str<'a>> = "id",
        pub call_id: Option<Str<'a>> = "call_id",
        pub name: Str<'a> = "name",
        pub namespace: Option<Str<'a>> = "namespace",
        pub arguments: JsonText<'a> = "arguments",
        pub status: Option<Str<'a>> = "status",
        pub caller: Option<Caller<'a>> = "caller",
        ..extra
    }

    pub struct CustomToolCall<'a> {
        pub id: Option<Str<'a>> = "id",
        pub call_id: Option<Str<'a>> = "call_id",
        pub name: Str<'a> = "name",
        pub namespace: Option<Str<'a>> = "namespace",
        pub input: JsonText<'a> = "input",
        pub status: Option<Str<'a>> = "status",
        pub caller: Option<Caller<'a>> = "caller",
        ..extra
    }

    /// Who makes a call: the model itself (`direct`) or a program it wrote.
    pub struct Caller<'a> {
        pub kind: Str<'a> = "type",
        ..extra
    }

    /// What a function, a custom tool, a local shell or an editor gave.
    pub struct ToolOutput<'a> {
        pub id: Option<Str<'a>> = "id",
        pub call_id: Option<Str<'a>> = "call_id",
        /// A string, or an array of [`ContentPart`]s; some clients send an object.
        pub output: Option<&'a RawValue> = "output",
        pub status: Option<Str<'a>> = "status",
        ..extra
    }

    pub struct LocalShellCall<'a> {
        pub id: Option<Str<'a>> = "id",
        pub call_id: Option<Str<'a>> = "call_id",
        pub action: LocalShellAction<'a> = "action",
        pub status: Option<Str<'a>> = "status",
        ..extra
    }

    pub struct LocalShellAction<'a> {
        /// Always `exec`.
        pub kind: Option<Str<'a>> = "type",
        pub command: Vec<Str<'a>> = "command",
        pub env: Option<&'a RawValue> = "env",
        pub timeout_ms: Option<u64> = "timeout_ms",
        pub user: Option<Str<'a>> = "user",
        pub working_directory: Option<Str<'a>> = "working_directory",
        ..extra
    }

    pub struct ShellCall<'a> {
        pub id: Option<Str<'a>> = "id",
        pub call_id: Option<Str<'a>> = "call_id",
        pub action: ShellAction<'a> = "action",
        pub environment: Option<crate::Environment<'a>> = "environment",
        pub status: Option<Str<'a>> = "status",
        ..extra
    }

    pub struct ShellAction<'a> {
        pub commands: Vec<Str<'a>> = "commands",
        pub timeout_ms: Option<u64> = "timeout_ms",
        pub max_output_length: Option<u64> = "max_output_length",
        ..extra
    }

    pub struct ShellCallOutput<'a> {
        pub id: Option<Str<'a>> = "id",
        pub call_id: Option<Str<'a>> = "call_id",
        pub output: Option<&'a RawValue> = "output",
        pub max_output_length: Option<u64> = "max_output_length",
        pub status: Option<Str<'a>> = "status",
        ..extra
    }

    pub struct ApplyPatchCall<'a> {
        pub id: Option<Str<'a>> = "id",
        pub call_id: Option<Str<'a>> = "call_id",
        pub operation: PatchOperation<'a> = "operation",
        pub status: Option<Str<'a>> = "status",
        ..extra
    }

    pub struct PatchOperation<'a> {
        /// `create_file`, `update_file`, `delete_file`.
        pub kind: Str<'a> = "type",
        pub path: Str<'a> = "path",
        pub diff: Option<Str<'a>> = "diff",
        ..extra
    }

    /// Tools that join the conversation at this point.
    pub struct AdditionalTools<'a> {
        pub id: Option<Str<'a>> = "id",
        pub call_id: Option<Str<'a>> = "call_id",
        pub role: Option<Str<'a>> = "role",
        pub execution: Option<Str<'a>> = "execution",
        pub tools: Vec<Tool<'a>> = "tools",
        pub status: Option<Str<'a>> = "status",
        ..extra
    }

    pub struct ToolSearchCall<'a> {
        pub id: Option<Str<'a>> = "id",
        pub call_id: Option<Str<'a>> = "call_id",
        pub execution: Option<Str<'a>> = "execution",
        pub arguments: Option<&'a RawValue> = "arguments",
        pub status: Option<Str<'a>> = "status",
        ..extra
    }

    /// A search of the web that the provider ran.
    pub struct WebSearchCall<'a> {
        pub id: Option<Str<'a>> = "id",
        pub status: Option<Str<'a>> = "status",
        /// A [`SearchAction`]; not there while the search runs.
        pub action: Option<&'a RawValue> = "action",
        ..extra
    }

    pub struct SearchAction<'a> {
        /// `search`, `open_page`, `find_in_page`.
        pub kind: Str<'a> = "type",
        pub query: Option<Str<'a>> = "query",
        pub queries: Option<Vec<Str<'a>>> = "queries",
        pub sources: Option<Vec<SearchSource<'a>>> = "sources",
        pub url: Option<Str<'a>> = "url",
        pub pattern: Option<Str<'a>> = "pattern",
        ..extra
    }

    pub struct SearchSource<'a> {
        /// `url`; services without an address have other kinds.
        pub kind: Str<'a> = "type",
        pub url: Option<Str<'a>> = "url",
        ..extra
    }

    /// An item whose content is not read.
    pub struct OpenItem<'a> {
        pub id: Option<Str<'a>> = "id",
        pub status: Option<Str<'a>> = "status",
        ..extra
    }
}
