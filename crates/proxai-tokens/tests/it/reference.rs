//! The reference: counts by the `tiktoken` package for Python, release 0.14.0.
//!
//! Each line of `tests/data/o200k_counts.jsonl` is a text and
//! `len(tiktoken.get_encoding("o200k_base").encode_ordinary(text))`. A file of the same form named by
//! `PROXAI_TOKEN_REFERENCE` is checked as well, for comparisons too large to keep.

use std::{env, fs};

use proxai_tokens::count_text;
use serde_json::Value;

pub(crate) const COUNTS: &str = include_str!("../data/o200k_counts.jsonl");

pub(crate) fn cases(lines: &str) -> impl Iterator<Item = (String, u64)> {
    lines.lines().map(|line| {
        let case: Value = serde_json::from_str(line).expect("a line is JSON");
        let text = case["text"].as_str().expect("a text").to_owned();
        (text, case["tokens"].as_u64().expect("a number"))
    })
}

#[test]
fn texts_of_all_kinds_count_as_the_reference_counts_them() {
    let mut lines = COUNTS.to_owned();
    if let Some(path) = env::var_os("PROXAI_TOKEN_REFERENCE") {
        lines.push_str(&fs::read_to_string(path).unwrap());
    }
    let mut checked = 0;
    let mut wrong = Vec::new();
    for (text, tokens) in cases(&lines) {
        let counted = count_text(&text);
        if counted != tokens {
            wrong.push(format!("{counted} instead of {tokens}: {text:?}"));
        }
        checked += 1;
    }
    assert!(checked >= 200, "only {checked} cases");
    assert!(
        wrong.is_empty(),
        "{} of {checked}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
