//! A text in deltas counts as the text.

use proptest::prelude::*;
use proxai_tokens::{Counter, count_text};

use crate::reference::{COUNTS, cases};

fn in_deltas(text: &str, step: usize) -> u64 {
    let mut counter = Counter::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (delta, later) = rest.split_at(rest.ceil_char_boundary(step.min(rest.len())));
        counter.push(delta);
        rest = later;
    }
    counter.total()
}

#[test]
fn a_long_text_with_breaks_counts_exactly_however_it_is_cut() {
    let text: String = cases(COUNTS)
        .map(|(text, _)| text)
        .filter(|text| text.len() < 500)
        .collect::<Vec<_>>()
        .join("\n");
    assert!(text.len() > 10_000);
    let whole = count_text(&text);
    for step in [1, 3, 17, 2_048, 5_000, text.len()] {
        assert_eq!(in_deltas(&text, step), whole, "in deltas of {step}");
    }
}

#[test]
fn a_run_without_breaks_counts_within_two_percent() {
    for unit in [
        "x",
        "qx",
        "=",
        "中文",
        "ก",
        "🙂",
        "0",
        "AAAA中",
        "aGVsbG8gd29ybGQ",
    ] {
        let text = unit.repeat(20_000);
        let whole = count_text(&text);
        let parts = in_deltas(&text, 13);
        assert!(
            parts.abs_diff(whole) * 50 <= whole,
            "{unit}: {parts} and {whole}"
        );
    }
}

#[test]
fn an_empty_counter_says_so_and_totals_nothing() {
    let mut counter = Counter::new();
    counter.push("");
    assert!(counter.is_empty());
    assert_eq!(counter.total(), 0);
    counter.push("a");
    assert!(!counter.is_empty());
    assert_eq!((counter.total(), counter.total()), (1, 1));
}

proptest! {
    // Each case is a text of several blocks, which takes a debug build a while.
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn pieces_held_back_are_enough(
        text in prop::collection::vec("[a-cA-C]{1,9}|'[sSlLrRvVeE]|[ \\n\\r/]{1,4}|[0-9]{1,5}|[中ªǅ\u{301}]{1,3}|[!-/]", 600..1_500),
        step in 1_usize..40,
    ) {
        let text = text.concat();
        prop_assert_eq!(in_deltas(&text, step), count_text(&text));
    }
}
