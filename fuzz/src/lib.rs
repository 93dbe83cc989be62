//! How libFuzzer changes what it has: values of a body, frames of a stream, or plain bytes.
//!
//! Left alone it breaks the syntax of nearly every body that it touches, and what is not JSON ends
//! at the parser. New values come from inputs that were changed before, and from the names in
//! `protocols.dict` (`cargo xtask fuzz-seeds` writes it); without that file only from the inputs.

use std::cell::RefCell;
use std::fs;
use std::sync::LazyLock;

use proxai_testkit::mutate::Rng;
use proxai_testkit::tree::{self, Source};

/// Inputs that are kept to take parts from.
const DONORS: usize = 64;

/// Larger ones are changed as bytes: trees of them cost more than they find.
const MAX_TREE: usize = 32 << 10;

/// What the inputs of a target are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One JSON body.
    Body,
    /// A byte that picks the pair of protocols, then a body.
    PairAndBody,
    /// That byte, then a stream of events.
    PairAndStream,
}

static WORDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/protocols.dict");
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.strip_prefix("\"\\\"")?.strip_suffix("\\\"\""))
        .map(str::to_owned)
        .collect()
});

thread_local! {
    static BEFORE: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Changes the first `size` bytes of `data` in place and gives the new size.
pub fn mutate(shape: Shape, data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let mut rng = Rng::new(u64::from(seed));
    let changed = (rng.below(4) > 0 && size <= MAX_TREE)
        .then(|| change(shape, &data[..size], &mut rng))
        .flatten()
        .filter(|changed| changed.len() <= max_size);
    match changed {
        Some(changed) => {
            data[..changed.len()].copy_from_slice(&changed);
            changed.len()
        }
        None => libfuzzer_sys::fuzzer_mutate(data, size, max_size),
    }
}

fn change(shape: Shape, input: &[u8], rng: &mut Rng) -> Option<Vec<u8>> {
    let head = usize::from(shape != Shape::Body);
    let (pair, body) = input.split_at_checked(head)?;
    let donor = BEFORE.with_borrow_mut(|before| {
        let donor = rng.choose(before).cloned().unwrap_or_default();
        let input = body.to_vec();
        if before.len() < DONORS {
            before.push(input);
        } else {
            let slot = rng.below(DONORS);
            before[slot] = input;
        }
        donor
    });
    let source = Source {
        donor: &donor,
        words: &WORDS,
    };
    let changed = if shape == Shape::PairAndStream {
        tree::damage_stream(body, source, rng)?
    } else {
        tree::damage(body, source, rng)?
    };
    let mut whole = pair.to_vec();
    if let Some(pair) = whole.first_mut()
        && rng.below(8) == 0
    {
        *pair = rng.byte();
    }
    whole.extend(changed);
    Some(whole)
}
