//! A bounded fuzz run that needs neither a nightly compiler nor cargo-fuzz (requirement Z1).
//!
//! `PROXAI_FUZZ_ITERATIONS` sets the number of mutants for each target (400 unless told
//! otherwise). The run is the same each time. A failure shows the mutant, which belongs into
//! `fuzz/regressions/<target>/` once it is understood.

use std::collections::BTreeMap;
use std::path::Path;
use std::{env, fs, panic};

use proxai_testkit::fixtures::{Case, Kind, Sent, cases};
use proxai_testkit::mutate::{MAX_MUTANT, Rng, mutate};
use proxai_translate::fuzzing;
use proxai_types::Protocol;

use crate::tree;

const DEFAULT_ITERATIONS: usize = 400;

/// Mutants that go back into the corpus, so that damage accumulates.
const EVOLVED: usize = 256;

/// A fuzz target, as `fuzz/` has it.
struct Target {
    name: &'static str,
    check: fn(&[u8]),
    /// The files of a case that it reads.
    sent: fn(&Case) -> Option<&Sent>,
    kinds: &'static [Kind],
}

const REQUEST: Target = Target {
    name: "translate_request",
    check: fuzzing::fuzz_request,
    sent: |case| case.request.as_ref(),
    kinds: &Kind::ALL,
};
const EDIT: Target = Target {
    name: "json_edit",
    check: |input| proxai_json::fuzzing::fuzz_edit(input.get(1..).unwrap_or_default()),
    ..REQUEST
};
const STREAM: Target = Target {
    name: "translate_stream",
    check: fuzzing::fuzz_stream,
    sent: |case| case.upstream.as_ref(),
    kinds: &[Kind::Stream],
};
const RESPONSE: Target = Target {
    name: "translate_response",
    check: fuzzing::fuzz_response,
    sent: |case| case.upstream.as_ref(),
    kinds: &[Kind::Unary],
};
const FAILURE: Target = Target {
    name: "translate_failure",
    check: fuzzing::fuzz_failure,
    sent: |case| case.upstream.as_ref(),
    kinds: &[Kind::Error, Kind::Unary],
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
            .join(target.name);
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
        let mut corpus = self.seeds();
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
            let whole = self.name == STREAM.name || reads(&mutant);
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

    /// Damage to bytes, or more often to values.
    fn mutant(&self, seed: &[u8], corpus: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
        let donor = rng.choose(corpus).and_then(|donor| donor.get(1..));
        if let (Some((pair, body)), Some(donor)) = (seed.split_first(), donor)
            && rng.below(4) > 0
        {
            let damaged = if self.name == STREAM.name {
                tree::damage_stream(body, donor, rng)
            } else {
                tree::damage(body, donor, rng)
            };
            if let Some(mut body) = damaged {
                body.truncate(MAX_MUTANT);
                body.insert(0, *pair);
                return body;
            }
        }
        mutate(seed, corpus, rng)
    }

    fn seeds(&self) -> Vec<Vec<u8>> {
        let place = |protocol: Protocol| {
            let place = Protocol::ALL.iter().position(|other| *other == protocol);
            u8::try_from(place.expect("it is one of all")).expect("there are three")
        };
        let mut seeds = Vec::new();
        for case in self.kinds.iter().flat_map(|kind| cases(*kind)) {
            let Some(sent) = (self.sent)(&case) else {
                continue;
            };
            let own = place(sent.protocol);
            for other in 0..3 {
                // The first byte: client, upstream, and what the target does with the rest.
                let pair = if self.name == REQUEST.name {
                    own + 3 * other
                } else {
                    other + 3 * own
                };
                let mut seed = vec![pair + 9 * (pair % 2)];
                seed.extend_from_slice(&sent.body);
                seeds.push(seed);
            }
        }
        seeds
    }
}

/// Whether it is worth damaging further: what is not JSON stays so.
fn reads(mutant: &[u8]) -> bool {
    let body = mutant.get(1..).unwrap_or_default();
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
            let whole = format!("{}: b\"{}\": {reason}", target.name, input.escape_ascii());
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
