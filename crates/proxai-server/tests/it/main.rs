//! The gateway behind its listeners, in front of scripted upstreams.
#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test fails; clippy knows only `#[test]` functions as tests"
)]

mod accounting;
mod answer_model;
mod cache_control;
mod counts;
mod demo;
mod discovery;
mod embeddings;
mod encodings;
mod errors;
mod fallback_endpoint;
mod fetching;
mod first_errors;
mod forgotten_items;
mod forwarded;
mod harness;
mod issued;
mod keys;
mod lifecycle;
mod limits;
mod loss_names;
mod made_up_limits;
mod metrics;
mod models;
mod origins;
mod overflow;
mod passthrough;
mod pauses;
mod privacy;
mod quirks;
mod quirks_reasoning;
mod refusals;
mod refused_members;
mod routing;
mod seals;
mod seeds;
mod seeds_clients;
mod speed;
mod stream_usage;
mod streams;
mod strict;
mod translated;
