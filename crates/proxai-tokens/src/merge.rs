//! Byte pair encoding of one piece: how many tokens it becomes.
//!
//! Starting from single bytes, the neighbours whose union has the lowest rank are joined, the
//! leftmost first, until no union is a token. Only the number of parts is kept: nobody here needs
//! the tokens themselves.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::vocabulary::{LONGEST, Rank, Vocabulary};

/// Longer pieces are counted in parts of this many bytes. Only runs without a break, such as
/// encoded data, are that long; each cut may add one token to the thousand or so.
pub(crate) const MAX_PIECE: usize = 4 * 1024;

/// Up to this many bytes a plain scan for the lowest rank beats the heap.
const SCANNED: usize = 64;

/// No union: higher than any rank.
const NONE: Rank = Rank::MAX;

/// Counts tokens of pieces, keeping its memory between them.
pub(crate) struct Merger {
    vocabulary: &'static Vocabulary,
    /// For [`Self::scan`]: where each part begins, and the rank of its union with the next.
    parts: Vec<(usize, Rank)>,
    /// For [`Self::heap`]: where the part that begins here ends; 0 once it is joined to its left.
    ends: Vec<usize>,
    /// For [`Self::heap`]: where the part before the one that begins here begins.
    previous: Vec<usize>,
    /// For [`Self::heap`]: unions as `(rank, start, end)`, perhaps no longer possible.
    unions: BinaryHeap<Reverse<(Rank, usize, usize)>>,
}

impl Merger {
    pub(crate) fn new() -> Self {
        Self {
            vocabulary: Vocabulary::get(),
            parts: Vec::new(),
            ends: Vec::new(),
            previous: Vec::new(),
            unions: BinaryHeap::new(),
        }
    }

    /// The number of tokens of a piece.
    pub(crate) fn count(&mut self, piece: &str) -> u64 {
        let bytes = piece.as_bytes();
        if bytes.len() <= LONGEST && self.vocabulary.rank(bytes).is_some() {
            return 1;
        }
        let parts: usize = if bytes.len() <= SCANNED {
            self.scan(bytes)
        } else {
            bytes.chunks(MAX_PIECE).map(|part| self.heap(part)).sum()
        };
        parts as u64
    }

    fn rank(&self, bytes: &[u8]) -> Rank {
        self.vocabulary.rank(bytes).unwrap_or(NONE)
    }

    /// Looks through all parts for each union: quadratic, and the fastest for words.
    fn scan(&mut self, bytes: &[u8]) -> usize {
        let length = bytes.len();
        let mut parts = std::mem::take(&mut self.parts);
        parts.clear();
        parts.extend((0..length).map(|at| (at, self.rank(bytes.get(at..at + 2).unwrap_or(b"")))));
        parts.push((length, NONE));
        // The union of the part at `index` with its right neighbour.
        let union = |parts: &[(usize, Rank)], index: usize| {
            parts
                .get(index + 2)
                .map_or(NONE, |end| self.rank(&bytes[parts[index].0..end.0]))
        };
        loop {
            let best = parts
                .iter()
                .enumerate()
                .min_by_key(|(_, part)| part.1)
                .filter(|(_, part)| part.1 != NONE);
            let Some((index, _)) = best else {
                break;
            };
            parts.remove(index + 1);
            parts[index].1 = union(&parts, index);
            if let Some(before) = index.checked_sub(1) {
                parts[before].1 = union(&parts, before);
            }
        }
        let count = parts.len() - 1;
        self.parts = parts;
        count
    }

    /// Keeps the unions in a heap and the parts in a linked list: `n log n`.
    fn heap(&mut self, bytes: &[u8]) -> usize {
        let length = bytes.len();
        self.ends.clear();
        self.ends.extend(1..=length);
        self.previous.clear();
        self.previous
            .extend((0..length).map(|at| at.saturating_sub(1)));
        self.unions.clear();
        for start in 0..length.saturating_sub(1) {
            self.offer(bytes, start, start + 2);
        }
        let mut count = length;
        while let Some(Reverse((_, start, end))) = self.unions.pop() {
            let middle = self.ends[start];
            // Joined to its left since, or joined to its right and longer than it was.
            if middle == 0 || middle >= end || self.ends[middle] != end {
                continue;
            }
            self.ends[start] = end;
            self.ends[middle] = 0;
            count -= 1;
            if let Some(&after) = self.ends.get(end) {
                self.previous[end] = start;
                self.offer(bytes, start, after);
            }
            if start > 0 {
                self.offer(bytes, self.previous[start], end);
            }
        }
        count
    }

    fn offer(&mut self, bytes: &[u8], start: usize, end: usize) {
        if let Some(rank) = self.vocabulary.rank(&bytes[start..end]) {
            self.unions.push(Reverse((rank, start, end)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_ways_of_merging_agree(text in "[a-e ]{0,40}|\\PC{0,30}|(ab|ba|the|ing){0,30}") {
            let mut merger = Merger::new();
            let bytes = text.as_bytes();
            prop_assert_eq!(merger.scan(bytes), merger.heap(bytes));
        }
    }

    #[test]
    fn a_run_without_end_takes_little_time_and_counts_on() {
        let mut merger = Merger::new();
        let short = merger.count(&"xq".repeat(MAX_PIECE / 2));
        let long = merger.count(&"xq".repeat(MAX_PIECE * 8));
        assert_eq!(long, short * 16);
    }
}
