//! The translators against requests and streams that nobody wrote: generated from the protocols'
//! shapes, and damaged fixtures.
//!
//! What must hold is in [`proxai_translate::fuzzing`]; here is what it must hold for.
//! `PROPTEST_CASES` sets how many are generated for each protocol, `PROXAI_FUZZ_ITERATIONS` how
//! many are damaged.

mod bodies;
mod frames;
mod fuzz_smoke;
mod history;
mod json;
mod options;
mod requests;
mod streams;
