//! A client's request, for any upstream.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| proxai_translate::fuzzing::fuzz_request(input));
