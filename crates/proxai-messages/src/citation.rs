//! Citations that a text block carries.

use proxai_json::{Nullable, Str, wire, wire_union};

wire_union! {
    /// Where a cited passage stands.
    pub enum Citation<'a> by "type" {
        Char(DocumentCitation<'a>) = "char_location",
        Page(DocumentCitation<'a>) = "page_location",
        Block(DocumentCitation<'a>) = "content_block_location",
        Search(SearchCitation<'a>) = "search_result_location",
        Web(WebCitation<'a>) = "web_search_result_location",
    }
}

wire! {
    /// A passage of a document of the request. Which of the ranges is there depends on the kind.
    pub struct DocumentCitation<'a> {
        pub cited_text: Option<Str<'a>> = "cited_text",
        pub document_index: Option<u64> = "document_index",
        pub document_title: Option<Str<'a>> = "document_title",
        pub file_id: Option<Str<'a>> = "file_id",
        pub start_char_index: Option<u64> = "start_char_index",
        pub end_char_index: Option<u64> = "end_char_index",
        pub start_page_number: Option<u64> = "start_page_number",
        pub end_page_number: Option<u64> = "end_page_number",
        pub start_block_index: Option<u64> = "start_block_index",
        pub end_block_index: Option<u64> = "end_block_index",
    }

    /// A passage of a search result block of the request.
    pub struct SearchCitation<'a> {
        pub cited_text: Option<Str<'a>> = "cited_text",
        pub search_result_index: Option<u64> = "search_result_index",
        pub source: Option<Str<'a>> = "source",
        pub title: Option<Str<'a>> = "title",
        pub start_block_index: Option<u64> = "start_block_index",
        pub end_block_index: Option<u64> = "end_block_index",
    }

    /// A passage of a page that the provider's web search found. `encrypted_index` proves to the
    /// provider that it did; nobody else can make one.
    pub struct WebCitation<'a> {
        pub cited_text: Str<'a> = "cited_text",
        pub url: Str<'a> = "url",
        pub title: Nullable<Str<'a>> = "title",
        pub encrypted_index: Str<'a> = "encrypted_index",
    }

    /// Whether the model is to cite.
    pub struct CitationsConfig {
        pub enabled: Option<bool> = "enabled",
    }
}
