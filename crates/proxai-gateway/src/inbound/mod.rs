//! What the client asks: its path, its body, and its wishes about how it is handled.

pub(crate) mod call;
pub(crate) mod classify;
pub(crate) mod collect;
pub(crate) mod plan;
pub(crate) mod wishes;
