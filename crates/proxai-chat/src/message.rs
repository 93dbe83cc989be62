//! Messages of a request, and the parts their content is made of.

use proxai_json::{Nullable, RawValue, Str, StringOr, Text, open_enum, wire, wire_union};

use crate::{FunctionCallBody, Raw, ToolCall};

open_enum! {
    /// Who speaks.
    pub enum Role<'a> {
        Developer = "developer",
        System = "system",
        User = "user",
        Assistant = "assistant",
        Tool = "tool",
        Function = "function",
    }
}

impl Default for Role<'_> {
    fn default() -> Self {
        Self::Other(Str::default())
    }
}

wire! {
    /// A message of any role; which members mean something depends on the role.
    pub struct Message<'a> {
        pub role: Role<'a> = "role",
        pub content: Nullable<Text<'a, ContentPart<'a>>> = "content",
        pub name: Option<Str<'a>> = "name",
        pub refusal: Option<Str<'a>> = "refusal",
        pub reasoning_content: Option<Str<'a>> = "reasoning_content",
        pub reasoning: Option<Str<'a>> = "reasoning",
        /// An array of [`ReasoningDetail`](crate::ReasoningDetail), raw because it must go back
        /// to its vendor unchanged.
        pub reasoning_details: Option<Raw<'a>> = "reasoning_details",
        pub tool_calls: Option<Vec<ToolCall<'a>>> = "tool_calls",
        pub function_call: Option<FunctionCallBody<'a>> = "function_call",
        pub tool_call_id: Option<Str<'a>> = "tool_call_id",
        pub annotations: Option<&'a RawValue> = "annotations",
        pub audio: Option<&'a RawValue> = "audio",
        pub extra_content: Option<Raw<'a>> = "extra_content",
        ..extra
    }
}

wire_union! {
    /// A part of a message.
    pub enum ContentPart<'a> by "type" else "text" {
        Text(TextContent<'a>) = "text",
        ImageUrl(ImagePart<'a>) = "image_url",
        InputAudio(AudioPart<'a>) = "input_audio",
        File(FilePart<'a>) = "file",
        Refusal(RefusalPart<'a>) = "refusal",
        /// What the model thought, in its place.
        Thinking(ThinkingPart<'a>) = "thinking",
        VideoUrl(LinkPart<'a>) = "video_url",
        DocumentUrl(LinkPart<'a>) = "document_url",
    }
}

wire! {
    pub struct TextContent<'a> {
        pub text: Str<'a> = "text",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        pub prompt_cache_breakpoint: Option<CacheControl<'a>> = "prompt_cache_breakpoint",
        ..extra
    }

    pub struct ImagePart<'a> {
        pub image_url: StringOr<'a, UrlObject<'a>> = "image_url",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        pub prompt_cache_breakpoint: Option<CacheControl<'a>> = "prompt_cache_breakpoint",
        ..extra
    }

    pub struct UrlObject<'a> {
        pub url: Str<'a> = "url",
        pub detail: Option<Str<'a>> = "detail",
        ..extra
    }

    pub struct AudioPart<'a> {
        pub input_audio: InputAudio<'a> = "input_audio",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        pub prompt_cache_breakpoint: Option<CacheControl<'a>> = "prompt_cache_breakpoint",
        ..extra
    }

    pub struct InputAudio<'a> {
        pub data: Str<'a> = "data",
        pub format: Str<'a> = "format",
        ..extra
    }

    pub struct FilePart<'a> {
        pub file: FileSource<'a> = "file",
        pub cache_control: Option<CacheControl<'a>> = "cache_control",
        pub prompt_cache_breakpoint: Option<CacheControl<'a>> = "prompt_cache_breakpoint",
        ..extra
    }

    pub struct FileSource<'a> {
        pub filename: Option<Str<'a>> = "filename",
        /// A data URL; bare base64 and plain addresses are seen too.
        pub file_data: Option<Str<'a>> = "file_data",
        pub file_id: Option<Str<'a>> = "file_id",
        ..extra
    }

    pub struct RefusalPart<'a> {
        pub refusal: Str<'a> = "refusal",
        ..extra
    }

    pub struct ThinkingPart<'a> {
        pub thinking: Text<'a, TextContent<'a>> = "thinking",
        ..extra
    }

    /// A part that is only an address; the member is named after the kind.
    pub struct LinkPart<'a> {
        pub video_url: Option<StringOr<'a, UrlObject<'a>>> = "video_url",
        pub document_url: Option<StringOr<'a, UrlObject<'a>>> = "document_url",
        pub document_name: Option<Str<'a>> = "document_name",
        ..extra
    }

    /// A prompt-cache breakpoint, in either spelling.
    pub struct CacheControl<'a> {
        pub r#type: Option<Str<'a>> = "type",
        pub mode: Option<Str<'a>> = "mode",
        pub ttl: Option<Str<'a>> = "ttl",
        ..extra
    }
}
