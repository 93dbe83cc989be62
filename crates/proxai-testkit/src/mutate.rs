//! Deterministic damage to byte strings, for smoke fuzzing on a stable compiler.
//!
//! Not a fuzzer: nothing here looks at coverage. It makes the same inputs from the same seed on
//! every machine, so that a failure found in CI is found again at a desk by its number. Mutants are
//! built from a corpus of meaningful inputs, because random bytes rarely get past the first line of
//! a parser.

/// Mutants do not grow beyond this, whatever they are spliced from.
pub const MAX_MUTANT: usize = 64 << 10;

/// Bytes that change the meaning of text protocols more often than random ones do.
const TELLING_BYTES: &[u8] = b"\n\r\0 \t:\"\\{}[],0\xEF\xBB\xBF\xFF\x80";

/// A small deterministic generator (SplitMix64); not for secrets.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// The generator for `seed`; equal seeds give equal sequences.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 if there is none.
    pub fn below(&mut self, bound: usize) -> usize {
        // A usize has at most 64 bits on every supported target; the bias of the remainder is
        // irrelevant for tests.
        let bound = bound.max(1) as u64;
        usize::try_from(self.next_u64() % bound).expect("smaller than a usize")
    }

    /// A random byte.
    pub fn byte(&mut self) -> u8 {
        self.next_u64().to_le_bytes()[0]
    }

    /// One of `choices`, or `None` if there are none.
    pub fn choose<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        choices.get(self.below(choices.len()))
    }
}

/// Returns `seed` with one to four pieces of damage: flipped bits, replaced or inserted bytes,
/// removed, repeated or swapped slices, truncation, and slices of other inputs of the `corpus`.
pub fn mutate(seed: &[u8], corpus: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=rng.below(4) {
        damage(&mut bytes, corpus, rng);
    }
    bytes.truncate(MAX_MUTANT);
    bytes
}

fn damage(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], rng: &mut Rng) {
    let at = rng.below(bytes.len() + 1);
    match rng.below(9) {
        0 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << rng.below(8);
            }
        }
        1 => {
            let replacement = rng.byte();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = replacement;
            }
        }
        2 | 3 => {
            let telling = *rng.choose(TELLING_BYTES).unwrap_or(&0);
            bytes.insert(at, telling);
        }
        4 => bytes.truncate(at),
        5 => {
            let end = slice_end(at, bytes.len(), rng);
            bytes.drain(at..end);
        }
        6 => {
            let end = slice_end(at, bytes.len(), rng);
            let copy = bytes[at..end].to_vec();
            for _ in 0..=rng.below(3) {
                bytes.splice(at..at, copy.iter().copied());
            }
        }
        7 => {
            let other = rng.below(bytes.len() + 1);
            bytes.rotate_left(at.min(other));
        }
        _ => {
            if let Some(donor) = rng.choose(corpus) {
                let from = rng.below(donor.len() + 1);
                let to = slice_end(from, donor.len(), rng);
                bytes.splice(at..at, donor[from..to].iter().copied());
            }
        }
    }
}

/// The end of a random slice that begins at `start`; short slices are more likely than long ones.
fn slice_end(start: usize, length: usize, rng: &mut Rng) -> usize {
    let longest = if rng.below(4) == 0 {
        length - start
    } else {
        16
    };
    (start + rng.below(longest + 1)).min(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_mutants_and_other_seeds_others() {
        let corpus = vec![b"data: one\n\n".to_vec(), b": two\n\n".to_vec()];
        let run = |seed| {
            let mut rng = Rng::new(seed);
            (0..50)
                .map(|_| mutate(&corpus[0], &corpus, &mut rng))
                .collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }

    #[test]
    fn most_mutants_differ_from_their_seed_and_from_each_other() {
        let corpus = vec![b"event: a\ndata: {\"x\":1}\n\n".to_vec()];
        let mut rng = Rng::new(1);
        let mutants: std::collections::BTreeSet<_> = (0..500)
            .map(|_| mutate(&corpus[0], &corpus, &mut rng))
            .collect();
        assert!(mutants.len() > 400, "only {} distinct", mutants.len());
    }

    #[test]
    fn mutants_stay_within_the_bound_and_empty_inputs_are_fine() {
        let mut rng = Rng::new(3);
        let mut bytes = vec![b'x'; MAX_MUTANT];
        for _ in 0..200 {
            bytes = mutate(&bytes, std::slice::from_ref(&bytes), &mut rng);
            assert!(bytes.len() <= MAX_MUTANT);
            mutate(&[], &[], &mut rng);
        }
    }
}
