//! An upstream's whole answer, for any client.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| proxai_translate::fuzzing::fuzz_response(input));
