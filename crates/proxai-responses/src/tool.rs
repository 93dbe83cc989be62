//! Tools and the choice between them.
//!
//! <https://platform.openai.com/docs/guides/tools>, checked 2026-11-21. Of the tools that the
//! provider runs only the web search is read; the others share one open type, whose settings are
//! passed on or reported.

use proxai_json::{RawValue, Str, wire, wire_union};

use crate::lenient::Kept;

wire_union! {
    /// A tool on offer.
    pub enum Tool<'a> by "type" else "function" {
        Function(FunctionTool<'a>) = "function",
        Custom(CustomTool<'a>) = "custom",
        Namespace(NamespaceTool<'a>) = "namespace",
        ToolSearch(ToolSearchTool<'a>) = "tool_search",
        LocalShell(OpenTool<'a>) = "local_shell",
        Shell(ShellTool<'a>) = "shell",
        ApplyPatch(OpenTool<'a>) = "apply_patch",
        Computer(OpenTool<'a>) = "computer",
        ComputerUsePreview(OpenTool<'a>) = "computer_use_preview",
        FileSearch(OpenTool<'a>) = "file_search",
        WebSearch(WebSearchTool<'a>) = "web_search",
        WebSearch20250826(WebSearchTool<'a>) = "web_search_2025_08_26",
        WebSearchPreview(WebSearchTool<'a>) = "web_search_preview",
        WebSearchPreview20250311(WebSearchTool<'a>) = "web_search_preview_2025_03_11",
        Mcp(OpenTool<'a>) = "mcp",
        CodeInterpreter(OpenTool<'a>) = "code_interpreter",
        ImageGeneration(OpenTool<'a>) = "image_generation",
        ProgrammaticToolCalling(OpenTool<'a>) = "programmatic_tool_calling",
    }

    /// Which tools may or must be called, when it is not one of the words `auto`, `none` and
    /// `required`.
    pub enum ToolChoice<'a> by "type" {
        Function(NamedChoice<'a>) = "function",
        Custom(NamedChoice<'a>) = "custom",
        AllowedTools(AllowedTools<'a>) = "allowed_tools",
        Mcp(NamedChoice<'a>) = "mcp",
        ApplyPatch(NamedChoice<'a>) = "apply_patch",
        Shell(NamedChoice<'a>) = "shell",
        LocalShell(NamedChoice<'a>) = "local_shell",
        FileSearch(NamedChoice<'a>) = "file_search",
        WebSearch(NamedChoice<'a>) = "web_search",
        WebSearchPreview(NamedChoice<'a>) = "web_search_preview",
        WebSearchPreview20250311(NamedChoice<'a>) = "web_search_preview_2025_03_11",
        Computer(NamedChoice<'a>) = "computer",
        ComputerUse(NamedChoice<'a>) = "computer_use",
        ComputerUsePreview(NamedChoice<'a>) = "computer_use_preview",
        CodeInterpreter(NamedChoice<'a>) = "code_interpreter",
        ImageGeneration(NamedChoice<'a>) = "image_generation",
        ProgrammaticToolCalling(NamedChoice<'a>) = "programmatic_tool_calling",
    }
}

wire! {
    pub struct FunctionTool<'a> {
        pub name: Str<'a> = "name",
        pub description: Option<Str<'a>> = "description",
        pub parameters: Option<&'a RawValue> = "parameters",
        pub strict: Option<bool> = "strict",
        pub defer_loading: Option<bool> = "defer_loading",
        ..extra
    }

    pub struct CustomTool<'a> {
        pub name: Str<'a> = "name",
        pub description: Option<Str<'a>> = "description",
        pub format: Option<CustomFormat<'a>> = "format",
        pub defer_loading: Option<bool> = "defer_loading",
        ..extra
    }

    /// `{"type":"text"}` or `{"type":"grammar",definition,syntax}`.
    pub struct CustomFormat<'a> {
        pub kind: Option<Str<'a>> = "type",
        pub syntax: Option<Str<'a>> = "syntax",
        pub definition: Option<Str<'a>> = "definition",
        ..extra
    }

    /// Functions and custom tools under a common name.
    pub struct NamespaceTool<'a> {
        pub name: Str<'a> = "name",
        pub description: Option<Str<'a>> = "description",
        pub tools: Vec<Tool<'a>> = "tools",
        ..extra
    }

    /// Finds deferred tools, at the provider or (`execution: "client"`) in the client.
    pub struct ToolSearchTool<'a> {
        pub execution: Option<Str<'a>> = "execution",
        pub description: Option<Str<'a>> = "description",
        pub parameters: Option<&'a RawValue> = "parameters",
        ..extra
    }

    /// Runs in a container of the provider unless the environment is local or not given.
    pub struct ShellTool<'a> {
        pub environment: Option<Kept<'a, Environment<'a>>> = "environment",
        ..extra
    }

    pub struct Environment<'a> {
        /// `local`, `container_auto`, `container_reference`.
        pub kind: Str<'a> = "type",
        ..extra
    }

    /// The web search that the provider runs.
    pub struct WebSearchTool<'a> {
        /// `false`: only what the provider has stored already.
        pub external_web_access: Option<bool> = "external_web_access",
        pub filters: Option<SearchFilters<'a>> = "filters",
        pub search_content_types: Option<Vec<Str<'a>>> = "search_content_types",
        pub search_context_size: Option<Str<'a>> = "search_context_size",
        pub user_location: Option<UserLocation<'a>> = "user_location",
        ..extra
    }

    pub struct SearchFilters<'a> {
        pub allowed_domains: Option<Vec<Str<'a>>> = "allowed_domains",
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

    /// A tool with settings that are not read.
    pub struct OpenTool<'a> {
        ..extra
    }

    pub struct NamedChoice<'a> {
        pub name: Option<Str<'a>> = "name",
        pub server_label: Option<Str<'a>> = "server_label",
        pub namespace: Option<Str<'a>> = "namespace",
        ..extra
    }

    pub struct AllowedTools<'a> {
        pub mode: Option<Str<'a>> = "mode",
        pub tools: Vec<AllowedTool<'a>> = "tools",
        ..extra
    }

    pub struct AllowedTool<'a> {
        pub kind: Str<'a> = "type",
        pub name: Option<Str<'a>> = "name",
        pub namespace: Option<Str<'a>> = "namespace",
        pub server_label: Option<Str<'a>> = "server_label",
        ..extra
    }
}
