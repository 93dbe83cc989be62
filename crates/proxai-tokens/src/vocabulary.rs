//! The o200k_base vocabulary: which byte strings are tokens, and in which order they merge.
//!
//! The tokens lie uncompressed in the binary (`data/o200k_base.bin`: 199,998 length bytes in rank
//! order, then the bytes of all tokens), so they are pages of the executable that are read when
//! they are needed and can be dropped again. Only the index is memory, 2.8 MB, built on the first
//! count: whoever never counts pays nothing.
//!
//! Special tokens such as `<|endoftext|>` are absent on purpose: in a request they are plain text.

use std::sync::OnceLock;

/// Lengths and bytes of all tokens.
static PACKED: &[u8] = include_bytes!("../data/o200k_base.bin");

/// How many tokens there are. A rank is less than this.
pub(crate) const TOKENS: usize = 199_998;

/// Length of the longest token in bytes.
pub(crate) const LONGEST: usize = 128;

/// Slots of the index, a power of two; 38 % are used, so that a miss looks at two slots.
const SLOTS: usize = 1 << 19;

/// Bits of a slot that hold the rank plus one; the others hold a piece of the hash.
const RANK_BITS: u32 = 18;

/// The part of a slot that holds the rank plus one.
const RANK_MASK: u32 = (1 << RANK_BITS) - 1;

/// Place of a token in the order of merges: lower merges first.
pub(crate) type Rank = u32;

/// The tokens with an index from bytes to rank.
pub(crate) struct Vocabulary {
    /// `offsets[rank]..offsets[rank + 1]` is the token within `bytes`.
    offsets: Box<[u32]>,
    /// Open addressing with linear probing; 0 is empty.
    slots: Box<[u32]>,
    bytes: &'static [u8],
}

impl Vocabulary {
    /// The one vocabulary, built when it is first asked for.
    pub(crate) fn get() -> &'static Self {
        static VOCABULARY: OnceLock<Vocabulary> = OnceLock::new();
        VOCABULARY.get_or_init(Self::build)
    }

    fn build() -> Self {
        let (lengths, bytes) = PACKED.split_at(TOKENS);
        let mut offsets = Vec::with_capacity(TOKENS + 1);
        let mut slots = vec![0; SLOTS].into_boxed_slice();
        let mut start = 0_u32;
        offsets.push(start);
        for (next, &length) in (1_u32..).zip(lengths) {
            let end = start + u32::from(length);
            let hash = hash(&bytes[start as usize..end as usize]);
            let mut at = home(hash);
            while slots[at] != 0 {
                at = (at + 1) % SLOTS;
            }
            slots[at] = tag(hash) | next;
            offsets.push(end);
            start = end;
        }
        Self {
            offsets: offsets.into_boxed_slice(),
            slots,
            bytes,
        }
    }

    /// The rank of `bytes`, if they are a token.
    pub(crate) fn rank(&self, bytes: &[u8]) -> Option<Rank> {
        if bytes.is_empty() || bytes.len() > LONGEST {
            return None;
        }
        let hash = hash(bytes);
        let tag = tag(hash);
        let mut at = home(hash);
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return None;
            }
            if slot & !RANK_MASK == tag {
                let rank = (slot & RANK_MASK) - 1;
                if self.token(rank) == bytes {
                    return Some(rank);
                }
            }
            at = (at + 1) % SLOTS;
        }
    }

    /// The bytes of a token.
    pub(crate) fn token(&self, rank: Rank) -> &'static [u8] {
        let rank = rank as usize;
        &self.bytes[self.offsets[rank] as usize..self.offsets[rank + 1] as usize]
    }
}

/// The slot where the search for a hash begins.
fn home(hash: u64) -> usize {
    usize::try_from(hash >> 32).unwrap_or_default() % SLOTS
}

/// The bits of a hash that a slot keeps, in their place.
fn tag(hash: u64) -> u32 {
    u32::try_from(hash & u64::from(u32::MAX)).unwrap_or_default() & !RANK_MASK
}

/// A fast hash. The keys are fixed, so nobody can make them collide; made-up lookups only miss.
fn hash(bytes: &[u8]) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = bytes.len() as u64;
    let mut words = bytes.chunks_exact(8);
    let mut mix = |word: u64| {
        hash = (hash ^ word).wrapping_mul(MULTIPLIER);
        hash ^= hash >> 29;
    };
    for word in &mut words {
        mix(word
            .iter()
            .fold(0, |all, &byte| (all << 8) | u64::from(byte)));
    }
    mix(words
        .remainder()
        .iter()
        .fold(0, |all, &byte| (all << 8) | u64::from(byte)));
    hash.wrapping_mul(MULTIPLIER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_is_found_under_its_own_rank() {
        let vocabulary = Vocabulary::get();
        let mut longest = 0;
        for rank in 0..u32::try_from(TOKENS).unwrap() {
            let token = vocabulary.token(rank);
            longest = longest.max(token.len());
            assert_eq!(
                vocabulary.rank(token),
                Some(rank),
                "{}",
                token.escape_ascii()
            );
        }
        assert_eq!(longest, LONGEST);
    }

    #[test]
    fn the_packed_file_ends_with_the_last_token() {
        let lengths: usize = PACKED[..TOKENS]
            .iter()
            .map(|&length| usize::from(length))
            .sum();
        assert_eq!(TOKENS + lengths, PACKED.len());
    }

    #[test]
    fn each_single_byte_is_a_token() {
        for byte in 0..=u8::MAX {
            assert!(Vocabulary::get().rank(&[byte]).is_some());
        }
    }

    #[test]
    fn what_is_no_token_has_no_rank() {
        let vocabulary = Vocabulary::get();
        assert_eq!(vocabulary.rank(b""), None);
        assert_eq!(vocabulary.rank(b"qzjxkvwq"), None);
        assert_eq!(vocabulary.rank(&[b' '; LONGEST + 1]), None);
    }
}
