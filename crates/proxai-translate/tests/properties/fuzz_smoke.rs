//! A bounded fuzz run that needs neither a nightly compiler nor cargo-fuzz (requirement Z1).
//!
//! `PROXAI_FUZZ_ITERATIONS` sets the number of mutants for each target (400 unless told
//! otherwise). The run is the same each time. A failure shows the mutant, which belongs into
//! `fuzz/regressions/<target>/` once it is understood.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs, panic};

use proxai_testkit::mutate::{MAX_MUTANT, Rng, mutate};
use proxai_testkit::seeds::Target as Seeds;
use proxai_testkit::tree;
use proxai_translate::fuzzing;

const DEFAULT_ITERATIONS: usize = 400;

/// Mutants that go back into the corpus, so that damage accumulates.
const EVOLVED: usize = 256;

/// A fuzz target, as `fuzz/` has it.
struct Target {
    seeds: Seeds,
    check: fn(&[u8]),
}

const REQUEST: Target = Target {
    seeds: Seeds::Request,
    check: fuzzing::fuzz_request,
};
const EDIT: Target = Target {
    seeds: Seeds::Edit,
    check: proxai_json::fuzzing::fuzz_edit,
};
const STREAM: Target = Target {
    seeds: Seeds::Stream,
    check: fuzzing::fuzz_stream,
};
const RESPONSE: Target = Target {
    seeds: Seeds::Response,
    check: fuzzing::fuzz_response,
};
const FAILURE: Target = Target {
    seeds: Seeds::Failure,
    check: fuzzing::fuzz_failure,
};

#[test]
fn damaged_requests_are_refused_or_sent_whole() {
    REQUEST.run();
}

#[test]
fn damaged_requests_are_edited_as_if_parsed() {
    EDIT.run();
}

#[test]
fn damaged_streams_keep_order_and_end_once() {
    STREAM.run();
}

#[test]
fn damaged_answers_say_the_same_whole_and_streamed() {
    RESPONSE.run();
}

#[test]
fn damaged_errors_stay_errors() {
    FAILURE.run();
}

#[test]
fn inputs_that_once_failed_stay_right() {
    let mut failures = Failures::default();
    for target in [REQUEST, EDIT, STREAM, RESPONSE, FAILURE] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../fuzz/regressions")
            .join(target.seeds.name());
        let Ok(entries) = fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries {
            failures.note(&target, &fs::read(entry.unwrap().path()).unwrap());
        }
    }
    failures.report();
}

impl Target {
    /// Every fixture for every pair that it can stand for, then mutants. Reports one input for each
    /// way in which they fail.
    fn run(&self) {
        let iterations = env::var("PROXAI_FUZZ_ITERATIONS").map_or(DEFAULT_ITERATIONS, |number| {
            number
                .parse()
                .expect("PROXAI_FUZZ_ITERATIONS must be a number")
        });
        let seeds = self.seeds.seeds().into_iter();
        let mut corpus: Vec<Vec<u8>> = seeds.map(|(_, seed)| seed).collect();
        let seeds = corpus.len();
        let mut failures = Failures::default();
        for seed in &corpus {
            failures.note(self, seed);
        }
        let mut rng = Rng::new(0x7052_0a78);
        for _ in 0..iterations {
            let seed = rng.choose(&corpus).cloned().unwrap_or_default();
            let mutant = self.mutant(&seed, &corpus, &mut rng);
            failures.note(self, &mutant);
            let whole = self.seeds == Seeds::Stream || reads(self.split(&mutant).1);
            if whole && mutant.len() < 4_096 {
                if corpus.len() < seeds + EVOLVED {
                    corpus.push(mutant);
                } else {
                    let slot = seeds + rng.below(EVOLVED);
                    corpus[slot] = mutant;
                }
            }
        }
        failures.report();
    }

    /// The byte that picks the pair, if there is one, and what was sent.
    fn split<'i>(&self, input: &'i [u8]) -> (&'i [u8], &'i [u8]) {
        input.split_at(usize::from(self.seeds.has_pair()).min(input.len()))
    }

    /// Damage to bytes, or more often to values.
    fn mutant(&self, seed: &[u8], corpus: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
        let donor = rng.choose(corpus).map_or(&[][..], |donor| donor);
        if rng.below(4) > 0 {
            let (pair, body) = self.split(seed);
            let source = tree::Source {
                donor: self.split(donor).1,
                words: &[],
            };
            let damaged = if self.seeds == Seeds::Stream {
                tree::damage_stream(body, source, rng)
            } else {
                tree::damage(body, source, rng)
            };
            if let Some(mut body) = damaged {
                body.truncate(MAX_MUTANT);
                body.splice(..0, pair.iter().copied());
                return body;
            }
        }
        mutate(seed, corpus, rng)
    }
}

/// Whether it is worth damaging further: what is not JSON stays so.
fn reads(body: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

/// Inputs that fail, by the beginning of what is wrong.
#[derive(Default)]
struct Failures(BTreeMap<String, String>);

impl Failures {
    fn note(&mut self, target: &Target, input: &[u8]) {
        if let Err(failure) = panic::catch_unwind(|| (target.check)(input)) {
            let reason = reason(&*failure);
            let letters = reason.chars().filter(|c| !c.is_ascii_digit());
            let kind = letters.take(60).collect();
            let whole = format!(
                "{}: b\"{}\": {reason}",
                target.seeds.name(),
                input.escape_ascii()
            );
            let known = self.0.entry(kind).or_insert_with(|| whole.clone());
            if whole.len() < known.len() {
                *known = whole;
            }
        }
    }

    fn report(self) {
        let failures: Vec<String> = self.0.into_values().collect();
        assert!(
            failures.is_empty(),
            "{} kinds of input fail\n{}",
            failures.len(),
            failures.join("\n")
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
