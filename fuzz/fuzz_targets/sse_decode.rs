//! The SSE decoder against its naive twin.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| proxai_sse::fuzzing::fuzz_decode(input));
