//! An upstream's whole answer, for any client.

#![no_main]

use proxai_fuzz::{Shape, mutate};

libfuzzer_sys::fuzz_target!(|input: &[u8]| proxai_translate::fuzzing::fuzz_response(input));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate(Shape::PairAndBody, data, size, max_size, seed)
});
