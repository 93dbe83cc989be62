//! A bounded fuzz run that needs neither a nightly compiler nor cargo-fuzz (requirement Z1).
//!
//! `PROXAI_FUZZ_ITERATIONS` sets the number of mutants (2000 unless told otherwise). The run is the
//! same each time; a failure names the mutant.

use std::{env, panic};

use proxai_testkit::mutate::{Rng, mutate};
use proxai_tokens::fuzz_count;

use crate::reference::{COUNTS, cases};

const DEFAULT_ITERATIONS: usize = 2_000;

#[test]
fn fuzz_smoke_of_mutated_texts_and_pictures() {
    let iterations = env::var("PROXAI_FUZZ_ITERATIONS").map_or(DEFAULT_ITERATIONS, |number| {
        number
            .parse()
            .expect("PROXAI_FUZZ_ITERATIONS must be a number")
    });
    let mut corpus: Vec<Vec<u8>> = cases(COUNTS).map(|(text, _)| text.into_bytes()).collect();
    corpus.extend([
        b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x02\x80\0\0\x01\xe0\x08\x02".to_vec(),
        b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x7f\x02\0\xdf\x01\0".to_vec(),
        b"\xff\xd8\xff\xe0\x00\x04ab\xff\xff\xc2\x00\x11\x08\x01\xe0\x02\x80\x03".to_vec(),
        b"GIF89a\x80\x02\xe0\x01\0".to_vec(),
    ]);
    for seed in &corpus {
        check(seed);
    }
    let mut rng = Rng::new(0x746f_6b65);
    for _ in 0..iterations {
        let seed = rng.choose(&corpus).cloned().unwrap_or_default();
        check(&mutate(&seed, &corpus, &mut rng));
    }
}

fn check(input: &[u8]) {
    let outcome = panic::catch_unwind(|| fuzz_count(input));
    assert!(
        outcome.is_ok(),
        "this input fails: b\"{}\"",
        input.escape_ascii()
    );
}
