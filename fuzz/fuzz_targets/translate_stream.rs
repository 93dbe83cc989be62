//! An upstream's stream, for any client.

#![no_main]

use proxai_fuzz::{Shape, mutate};

libfuzzer_sys::fuzz_target!(|input: &[u8]| proxai_translate::fuzzing::fuzz_stream(input));

libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    mutate(Shape::PairAndStream, data, size, max_size, seed)
});
