//! The packed vocabulary is the published one, byte for byte.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// SHA-256 of `o200k_base.tiktoken`, as the `tiktoken` package has it in `openai_public.py`.
const PUBLISHED: &str = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d";

const TOKENS: usize = 199_998;

#[test]
fn unpacking_gives_the_published_file() {
    let packed: &[u8] = include_bytes!("../../data/o200k_base.bin");
    let (lengths, mut bytes) = packed.split_at(TOKENS);
    let mut file = String::new();
    for (rank, &length) in lengths.iter().enumerate() {
        let (token, rest) = bytes.split_at(usize::from(length));
        bytes = rest;
        writeln!(file, "{} {rank}", STANDARD.encode(token)).unwrap();
    }
    assert!(bytes.is_empty());
    assert_eq!(sha256(file.as_bytes()), PUBLISHED);
}

#[test]
fn the_hash_knows_its_published_examples() {
    assert_eq!(
        sha256(b"abc"),
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
    assert_eq!(
        sha256(b""),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}

/// SHA-256 (FIPS 180-4), here so that one check needs no further dependency.
fn sha256(message: &[u8]) -> String {
    let primes: Vec<u32> = (2_u32..)
        .filter(|n| (2..*n).all(|d| n % d != 0))
        .take(64)
        .collect();
    let fraction = |root: f64| {
        // The first 32 bits of the fraction are exact in an f64.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "in 0..2^32"
        )]
        let bits = (root.fract() * 4_294_967_296.0) as u32;
        bits
    };
    let constants: Vec<u32> = primes
        .iter()
        .map(|&n| fraction(f64::from(n).cbrt()))
        .collect();
    let mut state: Vec<u32> = primes[..8]
        .iter()
        .map(|&n| fraction(f64::from(n).sqrt()))
        .collect();

    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(64), 0);
    if padded.len() < message.len() + 9 {
        padded.resize(padded.len() + 64, 0);
    }
    let end = padded.len() - 8;
    padded[end..].copy_from_slice(&(message.len() as u64 * 8).to_be_bytes());

    for block in padded.chunks_exact(64) {
        let mut words: Vec<u32> = block
            .chunks_exact(4)
            .map(|word| u32::from_be_bytes(word.try_into().expect("words have four bytes")))
            .collect();
        for at in 16..64 {
            let (a, b) = (words[at - 15], words[at - 2]);
            let first = a.rotate_right(7) ^ a.rotate_right(18) ^ (a >> 3);
            let second = b.rotate_right(17) ^ b.rotate_right(19) ^ (b >> 10);
            words.push(
                words[at - 16]
                    .wrapping_add(first)
                    .wrapping_add(words[at - 7])
                    .wrapping_add(second),
            );
        }
        let mut v = state.clone();
        for (word, constant) in words.iter().zip(&constants) {
            let sum = v[4].rotate_right(6) ^ v[4].rotate_right(11) ^ v[4].rotate_right(25);
            let choice = (v[4] & v[5]) ^ (!v[4] & v[6]);
            let first = v[7]
                .wrapping_add(sum)
                .wrapping_add(choice)
                .wrapping_add(*constant)
                .wrapping_add(*word);
            let sum = v[0].rotate_right(2) ^ v[0].rotate_right(13) ^ v[0].rotate_right(22);
            let majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
            v.rotate_right(1);
            v[4] = v[4].wrapping_add(first);
            v[0] = first.wrapping_add(sum).wrapping_add(majority);
        }
        for (part, add) in state.iter_mut().zip(v) {
            *part = part.wrapping_add(add);
        }
    }
    state.iter().fold(String::new(), |mut hex, part| {
        write!(hex, "{part:08x}").expect("a string takes all");
        hex
    })
}
