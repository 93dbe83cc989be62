//! Token counts and picture sizes of anything.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| proxai_tokens::fuzz_count(input));
