//! What the tests of several crates, the fuzz targets and the automation share; nothing that ships
//! depends on it.

pub mod fixtures;
pub mod mutate;
pub mod seeds;
pub mod splits;
pub mod tree;
pub mod upstream;
