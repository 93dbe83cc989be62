//! What must hold for every text, for the fuzz target and the tests; no part of the API.

use crate::classes::{Classes, UPPER};
use crate::merge::MAX_PIECE;
use crate::split::Pieces;
use crate::{Counter, count_text, picture};

/// Counts any bytes, as text and as a picture, and panics where a count cannot be right.
pub fn fuzz_count(data: &[u8]) {
    if let Some(size) = picture::size(data) {
        assert!(picture::tokens(size) > 0);
    }
    let text = String::from_utf8_lossy(data);
    assert_eq!(Pieces::new(&text).collect::<String>(), text);

    let whole = count_text(&text);
    let length = text.len() as u64;
    assert!(whole <= length, "more tokens than bytes");
    // No token is longer than 128 bytes.
    assert!(
        whole >= length.div_ceil(128),
        "fewer tokens than the longest token allows"
    );

    let Some(first) = data.first() else {
        return;
    };
    let middle = text.floor_char_boundary(text.len() * usize::from(*first) / 256);
    let (left, right) = text.split_at(middle);
    // Joining texts never gives more tokens than a few at the seam add.
    assert!(whole <= count_text(left) + count_text(right) + SEAM);

    let step = 1 + usize::from(*first) % 7;
    let mut counter = Counter::new();
    let mut rest: &str = &text;
    while !rest.is_empty() {
        let (delta, later) = rest.split_at(rest.ceil_char_boundary(step.min(rest.len())));
        counter.push(delta);
        rest = later;
    }
    let allowed = whole / 50 + 2 * (length / 1024) + length / MAX_PIECE as u64;
    assert!(
        counter.total().abs_diff(whole) <= allowed,
        "{} in deltas, {whole} at once",
        counter.total()
    );
    assert!(Classes::get().of('A') == UPPER);
}

/// Two pieces on each side of a seam may be cut anew, each into no more tokens than it has bytes;
/// in practice far fewer.
const SEAM: u64 = 256;
