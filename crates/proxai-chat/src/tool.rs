//! Tools, calls of tools, and which tool is to be called.

use proxai_json::{RawValue, Str, wire, wire_union};

use crate::{Arguments, CacheControl, Raw};

wire_union! {
    /// A tool on offer. Vendors add kinds that they run themselves; those are unknown here.
    pub enum Tool<'a> by "type" else "function" {
        Function(FunctionTool<'a>) = "function",
        Custom(CustomTool<'a>) = "custom",
    }

    /// A call of a tool.
    pub enum ToolCall<'a> by "type" else "function" {
        Function(FunctionCall<'a>) = "function",
        Custom(CustomCall<'a>) = "custom",
    }

    /// Which tool is to be called, in its object form.
    pub enum ToolChoice<'a> by "type" else "function" {
        Function(NamedFunction<'a>) = "function",
        Custom(NamedCustom<'a>) = "custom",
        AllowedTools(AllowedToolsChoice<'a>) = "allowed_tools",
    }
}

wire! {
    pub struct FunctionTool<'a> {
        pub function: Function<'a> = "function",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }

    pub struct Function<'a> {
        pub name: Str<'a> = "name",
        pub description: Option<Str<'a>> = "description",
        pub parameters: Option<Raw<'a>> = "parameters",
        pub strict: Option<bool> = "strict",
        ..extra
    }

    pub struct CustomTool<'a> {
        pub custom: Custom<'a> = "custom",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        ..extra
    }

    pub struct Custom<'a> {
        pub name: Str<'a> = "name",
        pub description: Option<Str<'a>> = "description",
        pub format: Option<CustomFormat<'a>> = "format",
        ..extra
    }

    /// `{"type":"text"}` or `{"type":"grammar","grammar":{definition,syntax}}`.
    pub struct CustomFormat<'a> {
        pub r#type: Option<Str<'a>> = "type",
        pub grammar: Option<Grammar<'a>> = "grammar",
        ..extra
    }

    pub struct Grammar<'a> {
        pub definition: Str<'a> = "definition",
        pub syntax: Str<'a> = "syntax",
        ..extra
    }

    pub struct FunctionCall<'a> {
        pub id: Option<Str<'a>> = "id",
        pub index: Option<&'a RawValue> = "index",
        pub function: FunctionCallBody<'a> = "function",
        /// Where some vendors put a thought signature.
        pub extra_content: Option<Raw<'a>> = "extra_content",
        ..extra
    }

    pub struct FunctionCallBody<'a> {
        pub name: Str<'a> = "name",
        pub arguments: Arguments<'a> = "arguments",
        ..extra
    }

    pub struct CustomCall<'a> {
        pub id: Option<Str<'a>> = "id",
        pub index: Option<&'a RawValue> = "index",
        pub custom: CustomCallBody<'a> = "custom",
        pub extra_content: Option<Raw<'a>> = "extra_content",
        ..extra
    }

    pub struct CustomCallBody<'a> {
        pub name: Str<'a> = "name",
        pub input: Str<'a> = "input",
        ..extra
    }

    /// What proxai puts into `extra_content` of a call for clients.
    pub struct CallExtra<'a> {
        pub proxai: Option<CallSeal<'a>> = "proxai",
    }

    /// A value that goes back to its issuer.
    pub struct CallSeal<'a> {
        pub seal: Str<'a> = "seal",
    }

    pub struct NamedFunction<'a> {
        pub function: Name<'a> = "function",
        ..extra
    }

    pub struct NamedCustom<'a> {
        pub custom: Name<'a> = "custom",
        ..extra
    }

    pub struct Name<'a> {
        pub name: Str<'a> = "name",
    }

    pub struct AllowedToolsChoice<'a> {
        pub allowed_tools: AllowedTools<'a> = "allowed_tools",
        ..extra
    }

    pub struct AllowedTools<'a> {
        /// `auto` or `required`.
        pub mode: Str<'a> = "mode",
        pub tools: Vec<ToolChoice<'a>> = "tools",
        ..extra
    }
}
