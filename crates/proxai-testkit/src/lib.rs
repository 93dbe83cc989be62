//! What the tests of several crates share; only ever a dev-dependency.

pub mod fixtures;
pub mod mutate;
pub mod splits;
pub mod upstream;
