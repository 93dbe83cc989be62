//! Edits of a body in place against a parser.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| proxai_json::fuzzing::fuzz_edit(input));
