//! The registry, endpoint detection and the effective provider, through the public interface.

#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod embeddings;
mod endpoint;
mod provider;
mod quirk_fixtures;
mod quirks;
mod registry;
