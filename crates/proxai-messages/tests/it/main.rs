//! Tests of the wire types as a whole.

mod round_trip;
mod sdk_types;
