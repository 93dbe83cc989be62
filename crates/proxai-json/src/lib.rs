//! Borrowed, open JSON.
//!
//! Two halves. The first reads and writes *wire types*: structs and tagged unions declared with
//! [`wire!`], [`wire_union!`] and [`open_enum!`], which borrow from the body, parse in one pass,
//! accept `null` for any member and keep what they do not know. The second edits a body in place
//! without building anything: [`Doc`] finds the spans of members, [`Edit`] splices them, and every
//! other byte survives (T1).
//!
//! Surprises that shaped it: serde's `#[serde(borrow)] Option<Cow<str>>` always allocates, only a
//! bare `Cow` field borrows, hence [`Str`]. serde's internally tagged enums and `flatten` buffer
//! the whole value and refuse `RawValue`, hence the macros.
//!
//! ```
//! use proxai_json::{wire, Str};
//! wire! {
//!     /// A greeting.
//!     pub struct Greeting<'a> {
//!         /// Whom to greet.
//!         pub name: Option<Str<'a>> = "name",
//!         ..extra
//!     }
//! }
//! let body = br#"{"name":"Ada","mood":{"happy":true}}"#;
//! let greeting: Greeting<'_> = proxai_json::from_slice(body).unwrap();
//! assert_eq!(greeting.name.as_deref(), Some("Ada"));
//! assert_eq!(greeting.extra.get("mood").unwrap().get(), r#"{"happy":true}"#);
//! assert_eq!(proxai_json::to_string(&greeting), r#"{"name":"Ada","mood":{"happy":true}}"#);
//! ```

mod edit;
mod error;
mod extra;
#[doc(hidden)]
pub mod fuzzing;
mod member;
mod scan;
mod str;
mod wire;

pub use self::str::Str;
pub use edit::{Edit, EditError};
pub use error::{JsonError, from_slice, from_str, to_string, to_vec, write_to};
pub use extra::Extra;
pub use member::{Absent, Member, Nullable, OneOrMany, StringOr, Text};
pub use scan::{Container, Doc, Item, ScanError, Span};
pub use serde_json::value::RawValue;
pub use wire::{Buffered, FromMap, Unknown};

#[doc(hidden)]
pub mod __private {
    //! What the macros expand to.
    pub use crate::wire::{UnionVisitor, WireVisitor, emit_extra, member, raw_member, tag_of};
    pub use serde;
}
