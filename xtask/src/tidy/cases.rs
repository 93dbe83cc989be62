//! Each of the translation cases is cited where it is proved (T3).
//!
//! A case is proved by a fixture that lists its number under `cases`, or by a test whose comment
//! says `case 7`, `cases 7, 8 and 11` or `cases 7 to 9`. Comments of the code itself do not count:
//! they say why, and prove nothing.

use std::collections::BTreeSet;

use super::{Finding, TextFile};

/// How many cases there are.
const CASES: u16 = 118;

/// Where a missing one is reported.
const FIXTURES: &str = "fixtures";

/// How many citations there are.
pub(super) fn cited(files: &[TextFile]) -> usize {
    files.iter().map(|file| numbers(file).len()).sum()
}

pub(super) fn check(files: &[TextFile]) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let mut findings = Vec::new();
    for file in files {
        for number in numbers(file) {
            if !(1..=CASES).contains(&number) {
                let problem = format!("there is no case {number}; they go from 1 to {CASES}");
                findings.push(Finding::new(&file.path, problem));
            }
            seen.insert(number);
        }
    }
    let missing = (1..=CASES).filter(|number| !seen.contains(number));
    findings.extend(missing.map(|number| {
        let problem = format!("no fixture and no test cites case {number}");
        Finding::new(FIXTURES, problem)
    }));
    findings
}

/// The cases that a file proves.
fn numbers(file: &TextFile) -> Vec<u16> {
    if file.path.starts_with("fixtures/") && file.path.ends_with("/case.toml") {
        return listed(&file.text);
    }
    let is_test = file.path.contains("/tests/") || file.path.ends_with("tests.rs");
    if !file.is_rust() || !is_test {
        return Vec::new();
    }
    let comments = file.text.lines().filter_map(|line| {
        let line = line.trim_start();
        line.starts_with("//").then_some(line)
    });
    comments.flat_map(said).collect()
}

/// `cases = [1, 2]`.
fn listed(text: &str) -> Vec<u16> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("cases = [")?.split(']').next());
    line.into_iter()
        .flat_map(|numbers| numbers.split(','))
        .filter_map(|number| number.trim().parse().ok())
        .collect()
}

/// The numbers behind each `case` or `cases` in a comment.
fn said(comment: &str) -> Vec<u16> {
    let mut found = Vec::new();
    let mut range = false;
    let mut listing = false;
    for word in comment.split_whitespace() {
        match word.trim_start_matches('(') {
            "case" | "Case" | "cases" | "Cases" => {
                listing = true;
                range = false;
            }
            "and" if listing => {}
            "to" if listing => range = true,
            word => {
                let digits = word.trim_end_matches(|c: char| c.is_ascii_punctuation());
                let Some(number) = digits.parse::<u16>().ok().filter(|_| listing) else {
                    listing = false;
                    continue;
                };
                if let Some(first) = found.last().copied().filter(|_| range) {
                    found.extend(first + 1..number);
                }
                range = false;
                found.push(number);
                listing = matches!(&word[digits.len()..], "" | ",");
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{file, places};
    use super::*;

    fn all_but(left_out: u16) -> TextFile {
        let list: Vec<String> = (1..=CASES)
            .filter(|number| *number != left_out)
            .map(|number| number.to_string())
            .collect();
        let text = format!("title = \"a\"\ncases = [{}]\n", list.join(", "));
        file("fixtures/stream/a/case.toml", &text)
    }

    #[test]
    fn a_comment_of_a_test_cites_in_every_form() {
        for (comment, numbers) in [
            ("/// Case 7: x", &[7][..]),
            ("//! What (T3, case 7).", &[7]),
            ("// cases 7, 8 and 11 of 20", &[7, 8, 11]),
            ("// cases 7 to 9 and 12", &[7, 8, 9, 12]),
            ("// in case 7 upstreams fail, 9 do not", &[7]),
            ("// (case 7), 9 others", &[7]),
            ("// in any case, 5 of them", &[]),
            ("// the case of 5", &[]),
        ] {
            assert_eq!(said(comment), numbers, "{comment}");
        }
    }

    #[test]
    fn a_case_that_nobody_proves_is_found() {
        let code = "//! About case 9.\n";
        assert_eq!(places(&check(&[all_but(9)])), [FIXTURES]);
        let library = file("crates/a/src/b.rs", code);
        assert_eq!(places(&check(&[all_but(9), library])), [FIXTURES]);
        let test = file("crates/a/tests/it/b.rs", code);
        assert_eq!(check(&[all_but(9), test]), []);
        let beside = file("crates/a/src/b_tests.rs", code);
        assert_eq!(check(&[all_but(9), beside]), []);
    }

    #[test]
    fn a_case_that_does_not_exist_is_found() {
        let test = file("crates/a/tests/it/b.rs", "/// Case 119.\n");
        assert_eq!(
            places(&check(&[all_but(0), test])),
            ["crates/a/tests/it/b.rs"]
        );
    }
}
