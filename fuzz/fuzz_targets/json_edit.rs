//! Edits of a body in place against a parser.

#![no_main]

use proxai_fuzz::{Shape, mutate};

libfuzzer_sys::fuzz_target!(|input: &[u8]| proxai_json::fuzzing::fuzz_edit(input));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate(Shape::Body, data, size, max_size, seed)
});
