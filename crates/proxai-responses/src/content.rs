//! What messages, tool results and reasoning items are made of.
//!
//! <https://platform.openai.com/docs/api-reference/responses/object>, checked 2026-11-21. Input and
//! output parts are one union, since histories mix them. `text` is no kind of this API, but
//! clients that come from Chat Completions send it, and the API takes it for `input_text`.

use proxai_json::{RawValue, Str, wire, wire_union};

wire_union! {
    /// A part of a message, of a tool's output or of a reasoning item.
    pub enum ContentPart<'a> by "type" {
        InputText(InputText<'a>) = "input_text",
        InputImage(InputImage<'a>) = "input_image",
        InputFile(InputFile<'a>) = "input_file",
        InputAudio(InputAudio<'a>) = "input_audio",
        OutputText(OutputText<'a>) = "output_text",
        Refusal(Refusal<'a>) = "refusal",
        ReasoningText(ReasoningText<'a>) = "reasoning_text",
        SummaryText(ReasoningText<'a>) = "summary_text",
        ComputerScreenshot(ComputerScreenshot<'a>) = "computer_screenshot",
        Text(InputText<'a>) = "text",
    }

    /// A source that a text cites.
    pub enum Annotation<'a> by "type" {
        FileCitation(FileCitation<'a>) = "file_citation",
        UrlCitation(UrlCitation<'a>) = "url_citation",
        ContainerFileCitation(ContainerFileCitation<'a>) = "container_file_citation",
        FilePath(FilePath<'a>) = "file_path",
    }
}

wire! {
    pub struct InputText<'a> {
        pub text: Str<'a> = "text",
        pub prompt_cache_breakpoint: Option<CacheBreakpoint<'a>> = "prompt_cache_breakpoint",
        ..extra
    }

    /// From `gpt-5.6` on: the prefix up to here is cached.
    pub struct CacheBreakpoint<'a> {
        pub mode: Option<Str<'a>> = "mode",
        pub ttl: Option<Str<'a>> = "ttl",
        ..extra
    }

    pub struct InputImage<'a> {
        pub detail: Option<Str<'a>> = "detail",
        pub image_url: Option<Str<'a>> = "image_url",
        pub file_id: Option<Str<'a>> = "file_id",
        pub prompt_cache_breakpoint: Option<CacheBreakpoint<'a>> = "prompt_cache_breakpoint",
        ..extra
    }

    pub struct InputFile<'a> {
        pub filename: Option<Str<'a>> = "filename",
        pub file_data: Option<Str<'a>> = "file_data",
        pub file_url: Option<Str<'a>> = "file_url",
        pub file_id: Option<Str<'a>> = "file_id",
        pub detail: Option<Str<'a>> = "detail",
        pub prompt_cache_breakpoint: Option<CacheBreakpoint<'a>> = "prompt_cache_breakpoint",
        ..extra
    }

    pub struct InputAudio<'a> {
        pub input_audio: Option<AudioData<'a>> = "input_audio",
        ..extra
    }

    pub struct AudioData<'a> {
        pub data: Str<'a> = "data",
        pub format: Option<Str<'a>> = "format",
        ..extra
    }

    pub struct OutputText<'a> {
        pub text: Str<'a> = "text",
        pub annotations: Vec<Annotation<'a>> = "annotations",
        pub logprobs: Option<&'a RawValue> = "logprobs",
        ..extra
    }

    pub struct Refusal<'a> {
        pub refusal: Str<'a> = "refusal",
        ..extra
    }

    pub struct ReasoningText<'a> {
        pub text: Str<'a> = "text",
        ..extra
    }

    pub struct ComputerScreenshot<'a> {
        pub image_url: Option<Str<'a>> = "image_url",
        pub file_id: Option<Str<'a>> = "file_id",
        ..extra
    }

    pub struct FileCitation<'a> {
        pub file_id: Str<'a> = "file_id",
        pub filename: Str<'a> = "filename",
        pub index: u64 = "index",
        ..extra
    }

    pub struct UrlCitation<'a> {
        pub start_index: u64 = "start_index",
        pub end_index: u64 = "end_index",
        pub title: Str<'a> = "title",
        pub url: Str<'a> = "url",
        ..extra
    }

    pub struct ContainerFileCitation<'a> {
        pub container_id: Str<'a> = "container_id",
        pub file_id: Str<'a> = "file_id",
        pub filename: Str<'a> = "filename",
        pub start_index: u64 = "start_index",
        pub end_index: u64 = "end_index",
        ..extra
    }

    pub struct FilePath<'a> {
        pub file_id: Str<'a> = "file_id",
        pub index: u64 = "index",
        ..extra
    }
}
