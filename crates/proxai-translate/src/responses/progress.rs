//! How much of a text has been told already.
//!
//! Upstreams tell a text by deltas, by a closing event, by the finished item, or by all three. Only
//! what is new may be passed on, and the text itself need not be kept to know that.

/// A text told so far: its length and a checksum.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    length: usize,
    sum: u64,
}

/// FNV-1a, which can be continued.
const SEED: u64 = 0xcbf2_9ce4_8422_2325;

fn add(sum: u64, text: &str) -> u64 {
    text.bytes().fold(sum, |sum, byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            length: 0,
            sum: SEED,
        }
    }
}

impl Progress {
    /// Notes a piece that is passed on.
    pub(super) fn push(&mut self, text: &str) {
        self.length += text.len();
        self.sum = add(self.sum, text);
    }

    /// What of the whole text has not been told. Empty if the whole text does not begin with what
    /// was told: then the two differ in a way that more text cannot mend.
    pub(super) fn rest<'t>(&self, whole: &'t str) -> &'t str {
        match whole.split_at_checked(self.length) {
            Some((told, rest)) if add(SEED, told) == self.sum => rest,
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_new_end_of_a_text_is_left() {
        let mut progress = Progress::default();
        assert_eq!(progress.rest("whole"), "whole");
        progress.push("wh");
        progress.push("o");
        assert_eq!(progress.rest("whole"), "le");
        assert_eq!(progress.rest("who"), "");
        assert_eq!(progress.rest("w"), "");
        assert_eq!(progress.rest("WHOLE"), "");
        assert_eq!(progress.rest("wh\u{e9}"), "", "not inside a character");
    }
}
