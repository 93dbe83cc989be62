//! Vocabulary shared by every proxai crate: protocols, operations, token usage, efforts,
//! markers in text.
//!
//! No wire format and no I/O lives here. A type belongs here when crates on both sides of the
//! sans-IO line name it.

pub mod effort;
mod marker;
mod protocol;
mod usage;

pub use marker::as_system_text;
pub use protocol::{Operation, Protocol, UnknownProtocol};
pub use usage::Usage;
