//! Vocabulary shared by every proxai crate: protocols, operations, token usage.
//!
//! No wire format and no I/O lives here. A type belongs here when crates on both sides of the
//! sans-IO line name it.

mod protocol;
mod usage;

pub use protocol::{Operation, Protocol, UnknownProtocol};
pub use usage::Usage;
