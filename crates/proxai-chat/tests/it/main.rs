//! Integration tests.

mod roundtrip;
mod sdk_types;
