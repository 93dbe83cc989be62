//! The gateway behind its listeners, in front of scripted upstreams.

mod encodings;
mod errors;
mod harness;
mod lifecycle;
mod models;
mod passthrough;
mod privacy;
mod routing;
mod speed;
mod streams;
mod translated;
