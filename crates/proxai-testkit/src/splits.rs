//! Cuts an input into chunks in every way that matters.
//!
//! A decoder that keeps state between reads is wrong at one byte position, not in general. So a
//! test states what an input means once and has it checked for every cut: [`every_split`].

use bytes::Bytes;

use crate::mutate::Rng;

/// Up to this length each possible cut into two chunks is tried; above it, random ones.
pub const EXHAUSTIVE_UP_TO: usize = 4 << 10;

/// Up to this length each possible cut into three chunks is tried as well.
const THREE_CHUNKS_UP_TO: usize = 64;

/// How many random cuts a longer input gets.
const RANDOM_SPLITS: u64 = 200;

/// Calls `check` with `input` in one chunk, in single bytes, in every two chunks (every three, if
/// it is short), and for inputs longer than [`EXHAUSTIVE_UP_TO`] in 200 random, repeatable ways.
/// Concatenated, the chunks are always `input`; none of them is empty.
pub fn every_split(input: &[u8], mut check: impl FnMut(&[Bytes])) {
    let whole = Bytes::copy_from_slice(input);
    if whole.is_empty() {
        check(&[]);
        return;
    }
    check(std::slice::from_ref(&whole));
    check(&single_bytes(&whole));
    if whole.len() > EXHAUSTIVE_UP_TO {
        for seed in 0..RANDOM_SPLITS {
            check(&random(&whole, &mut Rng::new(seed)));
        }
        return;
    }
    for first in 1..whole.len() {
        check(&[whole.slice(..first), whole.slice(first..)]);
        if whole.len() <= THREE_CHUNKS_UP_TO {
            for second in first + 1..whole.len() {
                check(&[
                    whole.slice(..first),
                    whole.slice(first..second),
                    whole.slice(second..),
                ]);
            }
        }
    }
}

/// `whole` in chunks of one byte.
pub fn single_bytes(whole: &Bytes) -> Vec<Bytes> {
    (0..whole.len()).map(|at| whole.slice(at..=at)).collect()
}

/// `whole` in chunks of random length; how long they can get is random too.
pub fn random(whole: &Bytes, rng: &mut Rng) -> Vec<Bytes> {
    let longest = 1 << rng.below(12);
    let mut rest = whole.clone();
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let length = 1 + rng.below(longest);
        chunks.push(rest.split_to(length.min(rest.len())));
    }
    chunks
}

/// `lf_text`, whose lines end in LF, with LF, CRLF, CR, and each line end in turn.
pub fn line_ending_variants(lf_text: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let with = |ends: &[&[u8]]| {
        let mut ends = ends.iter().cycle();
        let mut out = Vec::with_capacity(lf_text.len() * 2);
        for byte in lf_text {
            if *byte == b'\n' {
                out.extend_from_slice(ends.next().copied().unwrap_or_default());
            } else {
                out.push(*byte);
            }
        }
        out
    };
    vec![
        ("LF", lf_text.to_vec()),
        ("CRLF", with(&[b"\r\n"])),
        ("CR", with(&[b"\r"])),
        // CR is never followed by LF here: that would be one line end, not two.
        ("mixed", with(&[b"\n", b"\r\n", b"\r", b"\r\n"])),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_never_empty_and_always_make_up_the_input() {
        for length in [0, 1, 2, 63, 64, 65, EXHAUSTIVE_UP_TO + 1] {
            let input: Vec<u8> = (0..=255).cycle().take(length).collect();
            every_split(&input, |chunks| {
                assert!(chunks.iter().all(|chunk| !chunk.is_empty()));
                assert_eq!(chunks.concat(), input);
            });
        }
    }

    #[test]
    fn each_place_is_cut_at_least_once() {
        let input = [0; 100];
        let mut cut_at = std::collections::BTreeSet::new();
        every_split(&input, |chunks| {
            if let [first, _] = chunks {
                cut_at.insert(first.len());
            }
        });
        assert_eq!(cut_at, (1..100).collect());
    }

    #[test]
    fn line_ending_variants_have_the_same_number_of_line_ends() {
        let variants = line_ending_variants(b"a\n\nb\n\n\nc\n");
        assert_eq!(variants[1].1, b"a\r\n\r\nb\r\n\r\n\r\nc\r\n");
        assert_eq!(variants[2].1, b"a\r\rb\r\r\rc\r");
        assert_eq!(variants[3].1, b"a\n\r\nb\r\r\n\nc\r\n");
    }
}
