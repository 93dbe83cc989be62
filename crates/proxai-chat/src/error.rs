//! Error bodies. Only the outermost shapes are typed: vendors agree on little else.

use proxai_json::{Nullable, RawValue, Str, wire};

wire! {
    /// Any error body, also that of a stream frame. Which members mean something depends on the
    /// vendor: `error` is an object or a text, the others stand alone.
    pub struct ErrorBody<'a> {
        pub error: Option<&'a RawValue> = "error",
        pub object: Option<&'a RawValue> = "object",
        pub message: Option<&'a RawValue> = "message",
        pub detail: Option<&'a RawValue> = "detail",
        pub r#type: Option<&'a RawValue> = "type",
        pub code: Option<&'a RawValue> = "code",
        pub param: Option<&'a RawValue> = "param",
    }

    /// One problem of a list that some servers give as `detail`.
    pub struct Problem<'a> {
        pub loc: Option<&'a RawValue> = "loc",
        pub msg: Option<Str<'a>> = "msg",
    }

    /// The official shape, for writing.
    pub struct ErrorEnvelope<'a> {
        pub error: ErrorObject<'a> = "error",
    }

    pub struct ErrorObject<'a> {
        pub message: Str<'a> = "message",
        pub r#type: Str<'a> = "type",
        pub param: Nullable<Str<'a>> = "param",
        pub code: Nullable<Str<'a>> = "code",
    }
}
