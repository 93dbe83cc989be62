//! Counts a text that comes in deltas.
//!
//! A token may reach over the end of a delta, so counting deltas one by one would count too much.
//! Text is therefore kept until there is a block of it, and the last two pieces of a block are
//! kept for the next one: what comes behind a piece can still change it and the one before it, but
//! no other. Work and memory per byte do not depend on how the text was cut.

use crate::count_with;
use crate::merge::Merger;
use crate::split::Pieces;

/// Text is counted when this many bytes of it have come.
const BLOCK: usize = 2 * 1024;

/// More than this is not kept behind a block. Only runs without a break come near it; they are cut
/// here, which may add one token to several hundred.
const KEPT: usize = BLOCK / 2;

/// Counts the tokens of a text that comes in deltas.
///
/// The total is what [`count_text`](crate::count_text) gives for the whole text, up to a token or
/// so per kilobyte of text without any break. Until a block of text has come and until
/// [`total`](Self::total) is asked for, nothing is computed.
#[derive(Clone, Debug, Default)]
pub struct Counter {
    /// Tokens of the text that was counted.
    counted: u64,
    /// Text that was not; at most `BLOCK` bytes.
    kept: String,
}

impl Counter {
    /// A counter of an empty text.
    pub const fn new() -> Self {
        Self {
            counted: 0,
            kept: String::new(),
        }
    }

    /// Adds text to the end.
    pub fn push(&mut self, mut text: &str) {
        while self.kept.len() + text.len() > BLOCK {
            // `kept` is at most `KEPT` bytes after a flush, so each round takes some text.
            let taken = text.floor_char_boundary(BLOCK.saturating_sub(self.kept.len()));
            let (block, rest) = text.split_at(taken);
            self.kept.push_str(block);
            self.flush();
            text = rest;
        }
        self.kept.push_str(text);
    }

    /// The number of tokens of the text so far.
    pub fn total(&self) -> u64 {
        if self.kept.is_empty() {
            return self.counted;
        }
        self.counted + count_with(&mut Merger::new(), &self.kept)
    }

    /// Whether no text has come.
    pub const fn is_empty(&self) -> bool {
        self.counted == 0 && self.kept.is_empty()
    }

    /// Counts what no later text can change, and at least so much that `KEPT` bytes are left.
    fn flush(&mut self) {
        let mut merger = Merger::new();
        let mut end = 0;
        // The last two pieces, the earlier first.
        let mut held = ["", ""];
        for piece in Pieces::new(&self.kept) {
            let [settled, last] = held;
            held = [last, piece];
            end += settled.len();
            self.counted += merger.count(settled);
        }
        for piece in held {
            if self.kept.len() - end > KEPT {
                end += piece.len();
                self.counted += merger.count(piece);
            }
        }
        self.kept.drain(..end);
    }
}
