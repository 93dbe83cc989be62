//! What an upstream is sent, and what is sent again when it refuses.

pub(crate) mod cache;
pub(crate) mod continuing;
pub(crate) mod fetch;
pub(crate) mod forward;
pub(crate) mod options;
pub(crate) mod refusal;
pub(crate) mod request;
