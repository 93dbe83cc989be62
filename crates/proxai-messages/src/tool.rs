//! Tools on offer.
//!
//! A tool without `type` is a function, and is written without it, as clients do.

use proxai_json::{Extra, RawValue, Str, wire, wire_union};

use crate::CacheControl;

wire_union! {
    /// A tool.
    pub enum Tool<'a> by "type" {
        Function(FunctionTool<'a>) = "",
        Custom(FunctionTool<'a>) = "custom",
        Bash20241022(ClientTool<'a>) = "bash_20241022",
        Bash20250124(ClientTool<'a>) = "bash_20250124",
        TextEditor20241022(ClientTool<'a>) = "text_editor_20241022",
        TextEditor20250124(ClientTool<'a>) = "text_editor_20250124",
        TextEditor20250429(ClientTool<'a>) = "text_editor_20250429",
        TextEditor20250728(ClientTool<'a>) = "text_editor_20250728",
        Computer20241022(ClientTool<'a>) = "computer_20241022",
        Computer20250124(ClientTool<'a>) = "computer_20250124",
        Computer20251124(ClientTool<'a>) = "computer_20251124",
        Memory20250818(ClientTool<'a>) = "memory_20250818",
        BrowserToolset20260801(Toolset<'a>) = "browser_toolset_20260801",
        ComputerToolset20260801(Toolset<'a>) = "computer_toolset_20260801",
        WebSearch20250305(WebSearchTool<'a>) = "web_search_20250305",
        WebSearch20260209(WebSearchTool<'a>) = "web_search_20260209",
        WebSearch20260318(WebSearchTool<'a>) = "web_search_20260318",
        WebFetch20250910(HostedTool<'a>) = "web_fetch_20250910",
        WebFetch20260209(HostedTool<'a>) = "web_fetch_20260209",
        WebFetch20260309(HostedTool<'a>) = "web_fetch_20260309",
        WebFetch20260318(HostedTool<'a>) = "web_fetch_20260318",
        CodeExecution20250522(HostedTool<'a>) = "code_execution_20250522",
        CodeExecution20250825(HostedTool<'a>) = "code_execution_20250825",
        CodeExecution20260120(HostedTool<'a>) = "code_execution_20260120",
        CodeExecution20260521(HostedTool<'a>) = "code_execution_20260521",
        ToolSearchBm25(HostedTool<'a>) = "tool_search_tool_bm25",
        ToolSearchBm2520251119(HostedTool<'a>) = "tool_search_tool_bm25_20251119",
        ToolSearchRegex(HostedTool<'a>) = "tool_search_tool_regex",
        ToolSearchRegex20251119(HostedTool<'a>) = "tool_search_tool_regex_20251119",
        Advisor20260301(HostedTool<'a>) = "advisor_20260301",
        McpToolset(McpToolset<'a>) = "mcp_toolset",
    }
}

wire! {
    /// A function that the client runs.
    pub struct FunctionTool<'a> {
        pub name: Str<'a> = "name",
        pub description: Option<Str<'a>> = "description",
        pub input_schema: Option<crate::Json<'a>> = "input_schema",
        pub strict: Option<bool> = "strict",
        pub defer_loading: Option<bool> = "defer_loading",
        pub eager_input_streaming: Option<bool> = "eager_input_streaming",
        pub input_examples: Option<&'a RawValue> = "input_examples",
        pub allowed_callers: Option<Vec<Str<'a>>> = "allowed_callers",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }

    /// A tool that the client runs and the model has learned: its schema is not sent.
    pub struct ClientTool<'a> {
        pub name: Str<'a> = "name",
        pub display_width_px: Option<u64> = "display_width_px",
        pub display_height_px: Option<u64> = "display_height_px",
        pub display_number: Option<u64> = "display_number",
        pub enable_zoom: Option<bool> = "enable_zoom",
        pub max_characters: Option<u64> = "max_characters",
        pub strict: Option<bool> = "strict",
        pub defer_loading: Option<bool> = "defer_loading",
        pub input_examples: Option<&'a RawValue> = "input_examples",
        pub allowed_callers: Option<Vec<Str<'a>>> = "allowed_callers",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }

    /// Many tools under one name that the client runs.
    pub struct Toolset<'a> {
        pub configs: Option<&'a RawValue> = "configs",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }

    /// A tool that the provider runs; its settings stay in `extra`.
    pub struct HostedTool<'a> {
        pub name: Str<'a> = "name",
        pub defer_loading: Option<bool> = "defer_loading",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }

    /// The web search that the provider runs.
    pub struct WebSearchTool<'a> {
        pub name: Str<'a> = "name",
        pub max_uses: Option<u64> = "max_uses",
        pub allowed_domains: Option<Vec<Str<'a>>> = "allowed_domains",
        pub blocked_domains: Option<Vec<Str<'a>>> = "blocked_domains",
        pub user_location: Option<UserLocation<'a>> = "user_location",
        pub strict: Option<bool> = "strict",
        pub defer_loading: Option<bool> = "defer_loading",
        pub allowed_callers: Option<Vec<Str<'a>>> = "allowed_callers",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }

    /// Where the person is, roughly; `type` is always `approximate`.
    pub struct UserLocation<'a> {
        pub kind: Option<Str<'a>> = "type",
        pub city: Option<Str<'a>> = "city",
        pub country: Option<Str<'a>> = "country",
        pub region: Option<Str<'a>> = "region",
        pub timezone: Option<Str<'a>> = "timezone",
        ..extra
    }

    /// The tools of an MCP server, run by the provider.
    pub struct McpToolset<'a> {
        pub mcp_server_name: Str<'a> = "mcp_server_name",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }
}

impl<'a> Tool<'a> {
    /// The settings and the cache mark of a tool that neither is a function nor one that the
    /// client runs by itself.
    pub fn into_settings(self) -> (Extra<'a>, Option<CacheControl<'a>>) {
        match self {
            Self::BrowserToolset20260801(tool) | Self::ComputerToolset20260801(tool) => {
                let mut settings = tool.extra;
                if let Some(configs) = tool.configs {
                    settings.push("configs", configs);
                }
                (settings, tool.cache_control)
            }
            Self::WebFetch20250910(tool)
            | Self::WebFetch20260209(tool)
            | Self::WebFetch20260309(tool)
            | Self::WebFetch20260318(tool)
            | Self::CodeExecution20250522(tool)
            | Self::CodeExecution20250825(tool)
            | Self::CodeExecution20260120(tool)
            | Self::CodeExecution20260521(tool)
            | Self::ToolSearchBm25(tool)
            | Self::ToolSearchBm2520251119(tool)
            | Self::ToolSearchRegex(tool)
            | Self::ToolSearchRegex20251119(tool)
            | Self::Advisor20260301(tool) => (tool.extra, tool.cache_control),
            Self::McpToolset(tool) => (tool.extra, tool.cache_control),
            Self::Unknown(tool) => (tool.members, None),
            _ => (Extra::new(), None),
        }
    }
}
