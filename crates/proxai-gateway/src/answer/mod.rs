//! What the client gets: an upstream's answer, read, watched and passed on.

pub(crate) mod body;
pub(crate) mod ending;
pub(crate) mod named;
pub(crate) mod output;
pub(crate) mod pulse;
pub(crate) mod reply;
pub(crate) mod restore;
pub(crate) mod seen;
pub(crate) mod stream;
#[cfg(test)]
mod stream_tests;
pub(crate) mod tap;
pub(crate) mod usage;
