//! Makes tool names and kinds legal for an upstream, and restores them in its answers (T7).
//!
//! Runs on the hub, between a decoder and an encoder, so no protocol module knows of it.

/// How the tools of one request were changed.
#[derive(Clone, Debug, Default)]
pub struct ToolMap {}
