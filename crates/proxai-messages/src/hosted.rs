//! Results of tools that the provider runs.
//!
//! `content` stays raw in the block; [`HostedContent`] reads it, or one element of it, on demand.

use proxai_json::{RawValue, Str, wire, wire_union};

use crate::{CacheControl, Caller, DocumentBlock, Json, ToolReferenceBlock};

wire! {
    /// What a hosted tool gave: one value, a list, or for MCP also a string.
    pub struct HostedResultBlock<'a> {
        pub tool_use_id: Str<'a> = "tool_use_id",
        pub content: Option<Json<'a>> = "content",
        pub is_error: Option<bool> = "is_error",
        pub caller: Option<Caller<'a>> = "caller",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }
}

wire_union! {
    /// The content of a hosted tool's result.
    pub enum HostedContent<'a> by "type" {
        WebSearch(WebSearchResult<'a>) = "web_search_result",
        WebSearchError(HostedError<'a>) = "web_search_tool_result_error",
        WebFetch(WebFetchResult<'a>) = "web_fetch_result",
        WebFetchError(HostedError<'a>) = "web_fetch_tool_result_error",
        Code(ExecutionResult<'a>) = "code_execution_result",
        CodeEncrypted(ExecutionResult<'a>) = "encrypted_code_execution_result",
        CodeOutput(OutputFile<'a>) = "code_execution_output",
        CodeError(HostedError<'a>) = "code_execution_tool_result_error",
        Bash(ExecutionResult<'a>) = "bash_code_execution_result",
        BashOutput(OutputFile<'a>) = "bash_code_execution_output",
        BashError(HostedError<'a>) = "bash_code_execution_tool_result_error",
        View(FileView<'a>) = "text_editor_code_execution_view_result",
        Create(FileCreate) = "text_editor_code_execution_create_result",
        Replace(FileReplace<'a>) = "text_editor_code_execution_str_replace_result",
        EditorError(HostedError<'a>) = "text_editor_code_execution_tool_result_error",
        ToolSearch(ToolSearchResult<'a>) = "tool_search_tool_search_result",
        ToolSearchError(HostedError<'a>) = "tool_search_tool_result_error",
        Advisor(AdvisorResult<'a>) = "advisor_result",
        AdvisorRedacted(EncryptedResult<'a>) = "advisor_redacted_result",
        AdvisorError(HostedError<'a>) = "advisor_tool_result_error",
    }
}

wire! {
    /// A page that was found. What it says is encrypted for the provider; nobody else can make
    /// it, and it stays empty for pages that another provider found.
    pub struct WebSearchResult<'a> {
        pub url: Option<Str<'a>> = "url",
        pub title: Option<Str<'a>> = "title",
        pub encrypted_content: Option<Str<'a>> = "encrypted_content",
        pub page_age: Option<Str<'a>> = "page_age",
        ..extra
    }

    /// A page that was fetched.
    pub struct WebFetchResult<'a> {
        pub url: Option<Str<'a>> = "url",
        pub content: Option<DocumentBlock<'a>> = "content",
        pub retrieved_at: Option<Str<'a>> = "retrieved_at",
        ..extra
    }

    /// What a program gave.
    pub struct ExecutionResult<'a> {
        pub stdout: Option<Str<'a>> = "stdout",
        pub encrypted_stdout: Option<Str<'a>> = "encrypted_stdout",
        pub stderr: Option<Str<'a>> = "stderr",
        pub return_code: Option<i64> = "return_code",
        pub content: Option<&'a RawValue> = "content",
        ..extra
    }

    /// A file that a program wrote.
    pub struct OutputFile<'a> {
        pub file_id: Option<Str<'a>> = "file_id",
        ..extra
    }

    /// A file that was looked at.
    pub struct FileView<'a> {
        pub content: Option<Str<'a>> = "content",
        pub file_type: Option<Str<'a>> = "file_type",
        pub num_lines: Option<u64> = "num_lines",
        pub start_line: Option<u64> = "start_line",
        pub total_lines: Option<u64> = "total_lines",
        ..extra
    }

    /// A file that was written.
    pub struct FileCreate {
        pub is_file_update: Option<bool> = "is_file_update",
    }

    /// A file that was changed.
    pub struct FileReplace<'a> {
        pub lines: Option<Vec<Str<'a>>> = "lines",
        pub old_start: Option<u64> = "old_start",
        pub old_lines: Option<u64> = "old_lines",
        pub new_start: Option<u64> = "new_start",
        pub new_lines: Option<u64> = "new_lines",
        ..extra
    }

    /// Tools that were found.
    pub struct ToolSearchResult<'a> {
        pub tool_references: Vec<ToolReferenceBlock<'a>> = "tool_references",
        ..extra
    }

    /// What the advisor said.
    pub struct AdvisorResult<'a> {
        pub text: Option<Str<'a>> = "text",
        pub stop_reason: Option<Str<'a>> = "stop_reason",
        ..extra
    }

    /// What the advisor said, for the provider only.
    pub struct EncryptedResult<'a> {
        pub encrypted_content: Option<Str<'a>> = "encrypted_content",
        pub stop_reason: Option<Str<'a>> = "stop_reason",
        ..extra
    }

    /// Why a hosted tool gave nothing.
    pub struct HostedError<'a> {
        pub error_code: Option<Str<'a>> = "error_code",
        pub error_message: Option<Str<'a>> = "error_message",
        ..extra
    }
}
