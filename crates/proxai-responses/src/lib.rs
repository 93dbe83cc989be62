//! Wire types of the OpenAI Responses API: requests, answers, items, tools, stream events, errors.
//!
//! Reference: <https://platform.openai.com/docs/api-reference/responses> and the types of the
//! official `openai` Python package 3.52, checked 2026-11-21. Vendors that offer the same endpoint
//! drift from it (numbers for strings, objects for JSON texts, missing members), so nothing is
//! required while reading and drifting members have the types of [`lenient`].
//!
//! Two members stay raw on purpose: the items of an answer ([`Response::output`]) and what
//! [`StreamEvent`] carries as `item` or `response`. They may hold megabytes of hosted output that
//! nobody reads, and a writer has them as text already. Read them with [`Item`] and [`Response`].
//!
//! ```
//! use proxai_responses::{Item, Request};
//! let body = br#"{"model":"m","input":[{"role":"user","content":"hi"}]}"#;
//! let request: Request<'_> = proxai_json::from_slice(body).unwrap();
//! let Some(proxai_json::Text::Parts(items)) = &request.input else { panic!() };
//! assert!(matches!(&items[0], Item::Message(message) if message.role.as_deref() == Some("user")));
//! ```
#![expect(
    missing_docs,
    reason = "fields follow the vendor reference linked above"
)]

mod content;
mod error;
mod event;
mod item;
pub mod lenient;
mod request;
mod response;
mod tool;

pub use content::*;
pub use error::*;
pub use event::*;
pub use item::*;
pub use request::*;
pub use response::*;
pub use tool::*;
