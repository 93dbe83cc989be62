//! Error bodies.
//!
//! Reference: <https://docs.anthropic.com/en/api/errors>, checked 2026-11-21. Vendors that copy the
//! protocol often send another vendor's error shape, hence the lenient members.

use proxai_json::{Str, StringOr, open_enum, wire};

use crate::Json;

wire! {
    /// A body that says why there is no answer.
    pub struct ErrorResponse<'a> {
        pub kind: Option<Str<'a>> = "type",
        pub error: Option<StringOr<'a, ErrorBody<'a>>> = "error",
        pub request_id: Option<Str<'a>> = "request_id",
        pub message: Option<Json<'a>> = "message",
        pub detail: Option<Json<'a>> = "detail",
    }

    /// The error itself. `code` and `param` are no members of the protocol, but are carried over
    /// from upstreams that have them.
    pub struct ErrorBody<'a> {
        pub kind: Option<Str<'a>> = "type",
        pub message: Option<Json<'a>> = "message",
        pub code: Option<Json<'a>> = "code",
        pub param: Option<Json<'a>> = "param",
        pub details: Option<Json<'a>> = "details",
    }
}

open_enum! {
    /// What went wrong.
    pub enum ErrorType<'a> {
        InvalidRequest = "invalid_request_error",
        Authentication = "authentication_error",
        Billing = "billing_error",
        Permission = "permission_error",
        NotFound = "not_found_error",
        RequestTooLarge = "request_too_large",
        RateLimit = "rate_limit_error",
        Timeout = "timeout_error",
        Overloaded = "overloaded_error",
        Api = "api_error",
    }
}
