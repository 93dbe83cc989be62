//! Integration tests of the wire types.

mod sdk_types;
mod shapes;
