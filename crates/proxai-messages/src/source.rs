//! Where the content of an image or a document is.

use proxai_json::{Str, Text, wire, wire_union};

use crate::ContentBlock;

wire_union! {
    /// The source of an image or a document.
    pub enum Source<'a> by "type" {
        Base64(Base64Source<'a>) = "base64",
        Url(UrlSource<'a>) = "url",
        File(FileSource<'a>) = "file",
        Text(TextSource<'a>) = "text",
        Content(ContentSource<'a>) = "content",
    }
}

wire! {
    /// Bytes in base64.
    pub struct Base64Source<'a> {
        pub media_type: Option<Str<'a>> = "media_type",
        pub data: Str<'a> = "data",
    }

    /// An address that the provider fetches.
    pub struct UrlSource<'a> {
        pub url: Str<'a> = "url",
    }

    /// A file of the provider's Files API.
    pub struct FileSource<'a> {
        pub file_id: Str<'a> = "file_id",
    }

    /// Plain text.
    pub struct TextSource<'a> {
        pub media_type: Option<Str<'a>> = "media_type",
        pub data: Str<'a> = "data",
    }

    /// A document made of blocks.
    pub struct ContentSource<'a> {
        pub content: Option<Text<'a, ContentBlock<'a>>> = "content",
    }
}
