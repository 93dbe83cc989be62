//! What the tests of several crates share; only ever a dev-dependency.

pub mod mutate;
pub mod splits;
