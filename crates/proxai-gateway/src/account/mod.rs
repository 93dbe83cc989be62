//! What is remembered of a request when it has ended.

pub(crate) mod counters;
pub(crate) mod record;
