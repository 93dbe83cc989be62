//! Error bodies.
//!
//! <https://platform.openai.com/docs/guides/error-codes>, checked 2026-11-21. Seen on the wire
//! beside the documented object: `"error": "text"` with `code` next to it, a bare `message`, a
//! bare `detail`, and `code` as a number.

use proxai_json::{Nullable, RawValue, Str, StringOr, wire};

use crate::lenient::JsonText;

wire! {
    pub struct ErrorBody<'a> {
        pub error: Option<StringOr<'a, ApiError<'a>>> = "error",
        pub message: Option<JsonText<'a>> = "message",
        pub detail: Option<JsonText<'a>> = "detail",
        pub code: Option<JsonText<'a>> = "code",
        /// The tag of an error event that stands where an answer should be.
        pub kind: Option<Str<'a>> = "type",
        pub param: Option<JsonText<'a>> = "param",
        /// The failed response of the event that ends a stream with it.
        pub response: Option<&'a RawValue> = "response",
    }

    /// Written with `null` for what is not known, as the vendor does.
    pub struct ApiError<'a> {
        pub message: JsonText<'a> = "message",
        pub kind: Nullable<JsonText<'a>> = "type",
        pub param: Nullable<JsonText<'a>> = "param",
        pub code: Nullable<JsonText<'a>> = "code",
    }
}
