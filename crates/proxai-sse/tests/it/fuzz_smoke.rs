//! A bounded fuzz run that needs neither a nightly compiler nor cargo-fuzz (requirement Z1).
//!
//! `PROXAI_FUZZ_ITERATIONS` sets the number of mutants (2000 unless told otherwise). The run is the
//! same each time; a failure names the mutant, which belongs into `fuzz/regressions/sse_decode/`
//! once it is understood.

use std::{env, fs, panic, path::Path};

use proxai_sse::fuzzing::fuzz_decode;
use proxai_testkit::mutate::{Rng, mutate};

use crate::seeds::SEEDS;

const DEFAULT_ITERATIONS: usize = 2_000;

/// Mutants that go back into the corpus, so that damage accumulates.
const EVOLVED: usize = 256;

#[test]
fn mutated_streams_read_as_the_naive_reader_reads_them() {
    let iterations = env::var("PROXAI_FUZZ_ITERATIONS").map_or(DEFAULT_ITERATIONS, |number| {
        number
            .parse()
            .expect("PROXAI_FUZZ_ITERATIONS must be a number")
    });
    let mut corpus: Vec<Vec<u8>> = SEEDS.iter().map(|seed| seed.to_vec()).collect();
    for seed in &corpus {
        check(seed);
    }
    let mut rng = Rng::new(0x5353_4531);
    for _ in 0..iterations {
        let seed = rng.choose(&corpus).cloned().unwrap_or_default();
        let mutant = mutate(&seed, &corpus, &mut rng);
        check(&mutant);
        if mutant.len() < 2_048 {
            if corpus.len() < SEEDS.len() + EVOLVED {
                corpus.push(mutant);
            } else {
                let slot = SEEDS.len() + rng.below(EVOLVED);
                corpus[slot] = mutant;
            }
        }
    }
}

#[test]
fn inputs_that_once_failed_or_nearly_did_stay_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/regressions/sse_decode");
    let mut replayed = 0;
    for entry in fs::read_dir(&folder).expect("the folder is part of the repository") {
        check(&fs::read(entry.unwrap().path()).unwrap());
        replayed += 1;
    }
    assert!(replayed > 0, "{} is empty", folder.display());
}

fn check(input: &[u8]) {
    if let Err(failure) = panic::catch_unwind(|| fuzz_decode(input)) {
        panic!(
            "this input fails: b\"{}\": {}",
            input.escape_ascii(),
            reason(&*failure)
        );
    }
}

fn reason(failure: &(dyn std::any::Any + Send)) -> &str {
    failure
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| failure.downcast_ref::<&str>().copied())
        .unwrap_or("no message")
}
