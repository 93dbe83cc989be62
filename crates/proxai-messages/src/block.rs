//! Content blocks of messages, in requests and answers alike.

use proxai_json::{RawValue, Str, Text, wire, wire_union};

use crate::{Citation, CitationsConfig, HostedResultBlock, Json, Source, Tool};

wire_union! {
    /// A content block.
    pub enum ContentBlock<'a> by "type" {
        Text(TextBlock<'a>) = "text",
        Image(ImageBlock<'a>) = "image",
        Document(DocumentBlock<'a>) = "document",
        SearchResult(SearchResultBlock<'a>) = "search_result",
        Thinking(ThinkingBlock<'a>) = "thinking",
        RedactedThinking(RedactedThinkingBlock<'a>) = "redacted_thinking",
        ToolUse(ToolUseBlock<'a>) = "tool_use",
        ToolResult(ToolResultBlock<'a>) = "tool_result",
        ToolReference(ToolReferenceBlock<'a>) = "tool_reference",
        BrowserState(BrowserStateBlock<'a>) = "browser_state",
        ServerToolUse(ServerToolUseBlock<'a>) = "server_tool_use",
        WebSearchResult(HostedResultBlock<'a>) = "web_search_tool_result",
        WebFetchResult(HostedResultBlock<'a>) = "web_fetch_tool_result",
        CodeExecutionResult(HostedResultBlock<'a>) = "code_execution_tool_result",
        BashResult(HostedResultBlock<'a>) = "bash_code_execution_tool_result",
        TextEditorResult(HostedResultBlock<'a>) = "text_editor_code_execution_tool_result",
        ToolSearchResult(HostedResultBlock<'a>) = "tool_search_tool_result",
        AdvisorResult(HostedResultBlock<'a>) = "advisor_tool_result",
        McpToolUse(McpToolUseBlock<'a>) = "mcp_tool_use",
        McpToolResult(HostedResultBlock<'a>) = "mcp_tool_result",
        McpToolListing(McpToolListingBlock<'a>) = "mcp_tool_listing",
        ContainerUpload(ContainerUploadBlock<'a>) = "container_upload",
        Compaction(CompactionBlock<'a>) = "compaction",
        Fallback(FallbackBlock<'a>) = "fallback",
        ToolAddition(ToolChangeBlock<'a>) = "tool_addition",
        ToolRemoval(ToolChangeBlock<'a>) = "tool_removal",
    }

    /// Who asked for a tool call.
    pub enum Caller<'a> by "type" {
        Direct(DirectCaller) = "direct",
        Code20250825(CodeCaller<'a>) = "code_execution_20250825",
        Code20260120(CodeCaller<'a>) = "code_execution_20260120",
    }

    /// A tool that comes or goes in the middle of a conversation.
    pub enum ToolChange<'a> by "type" {
        Tool(ToolChangeReference<'a>) = "tool_reference",
        McpTool(ToolChangeReference<'a>) = "mcp_tool_reference",
        McpToolset(ToolChangeReference<'a>) = "mcp_toolset_reference",
        Definition(ToolChangeDefinition<'a>) = "tool_definition",
    }
}

wire! {
    /// A prompt-cache breakpoint.
    pub struct CacheControl<'a> {
        pub kind: Option<Str<'a>> = "type",
        pub ttl: Option<Str<'a>> = "ttl",
        ..extra
    }

    /// Text.
    pub struct TextBlock<'a> {
        pub text: Str<'a> = "text",
        pub citations: Option<Vec<Citation<'a>>> = "citations",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }

    /// A picture.
    pub struct ImageBlock<'a> {
        pub source: Option<Source<'a>> = "source",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }

    /// A PDF, a text, or a document made of blocks.
    pub struct DocumentBlock<'a> {
        pub source: Option<Source<'a>> = "source",
        pub title: Option<Str<'a>> = "title",
        pub context: Option<Str<'a>> = "context",
        pub citations: Option<CitationsConfig> = "citations",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }

    /// A search result that the client found itself.
    pub struct SearchResultBlock<'a> {
        pub source: Option<Str<'a>> = "source",
        pub title: Option<Str<'a>> = "title",
        pub content: Vec<ContentBlock<'a>> = "content",
        pub citations: Option<CitationsConfig> = "citations",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }

    /// A thought. Both members must be there even when they are empty: SDKs append to them.
    pub struct ThinkingBlock<'a> {
        pub thinking: Str<'a> = "thinking",
        pub signature: Str<'a> = "signature",
        ..extra
    }

    /// A thought that only the provider can read.
    pub struct RedactedThinkingBlock<'a> {
        pub data: Str<'a> = "data",
        ..extra
    }

    /// A call that the client is to run.
    pub struct ToolUseBlock<'a> {
        pub id: Str<'a> = "id",
        pub name: Str<'a> = "name",
        pub input: Option<Json<'a>> = "input",
        pub caller: Option<Caller<'a>> = "caller",
        pub toolset_name: Option<Str<'a>> = "toolset_name",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }

    /// What such a call gave.
    pub struct ToolResultBlock<'a> {
        pub tool_use_id: Str<'a> = "tool_use_id",
        pub content: Option<Text<'a, ContentBlock<'a>>> = "content",
        pub is_error: Option<bool> = "is_error",
        pub toolset_name: Option<Str<'a>> = "toolset_name",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }

    /// Names a tool that a client's own tool search found.
    pub struct ToolReferenceBlock<'a> {
        pub tool_name: Str<'a> = "tool_name",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }

    /// What the browser of the browser toolset shows.
    pub struct BrowserStateBlock<'a> {
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }

    /// A call of a tool that the provider runs.
    pub struct ServerToolUseBlock<'a> {
        pub id: Str<'a> = "id",
        pub name: Str<'a> = "name",
        pub input: Option<Json<'a>> = "input",
        pub caller: Option<Caller<'a>> = "caller",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }

    /// A call of a tool of an MCP server, run by the provider.
    pub struct McpToolUseBlock<'a> {
        pub id: Str<'a> = "id",
        pub name: Str<'a> = "name",
        pub server_name: Option<Str<'a>> = "server_name",
        pub input: Option<Json<'a>> = "input",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }

    /// The tools an MCP server offers.
    pub struct McpToolListingBlock<'a> {
        pub mcp_server_name: Option<Str<'a>> = "mcp_server_name",
        pub tools: Option<&'a RawValue> = "tools",
        ..extra
    }

    /// A file put into the provider's container.
    pub struct ContainerUploadBlock<'a> {
        pub file_id: Option<Str<'a>> = "file_id",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }

    /// Stands for the conversation before it.
    pub struct CompactionBlock<'a> {
        pub content: Option<Str<'a>> = "content",
        pub encrypted_content: Option<Str<'a>> = "encrypted_content",
        pub signature: Option<Str<'a>> = "signature",
        pub tool_changes: Option<&'a RawValue> = "tool_changes",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }

    /// Another model took over.
    pub struct FallbackBlock<'a> {
        pub from: Option<&'a RawValue> = "from",
        pub to: Option<&'a RawValue> = "to",
        pub trigger: Option<&'a RawValue> = "trigger",
        ..extra
    }

    /// A tool comes or goes.
    pub struct ToolChangeBlock<'a> {
        pub tool: Option<ToolChange<'a>> = "tool",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }

    /// Which tool or toolset.
    pub struct ToolChangeReference<'a> {
        pub name: Option<Str<'a>> = "name",
        pub server_name: Option<Str<'a>> = "server_name",
    }

    /// A tool by value.
    pub struct ToolChangeDefinition<'a> {
        pub definition: Option<Tool<'a>> = "definition",
    }

    /// The model itself.
    pub struct DirectCaller {}

    /// Code that the provider ran.
    pub struct CodeCaller<'a> {
        pub tool_id: Option<Str<'a>> = "tool_id",
    }
}
