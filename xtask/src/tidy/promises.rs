//! A promise in the documentation names a test that exists.
//!
//! `docs/seeds.md` is a table of promises, each with the tests that prove it or with `not yet` and
//! the requirement that is missing. A test that was renamed or deleted would leave a promise
//! that only looks proved.

use super::{Finding, TextFile};

const PAGE: &str = "docs/seeds.md";

/// How many tests the page names.
pub(super) fn named(files: &[TextFile]) -> usize {
    page(files).map_or(0, |page| rows(page).flat_map(|(_, row)| tests(row)).count())
}

pub(super) fn check(files: &[TextFile]) -> Vec<Finding> {
    let Some(page) = page(files) else {
        return vec![Finding::new(PAGE, "is missing")];
    };
    let mut findings = Vec::new();
    for (number, row) in rows(page) {
        let place = || format!("{PAGE}:{number}");
        let unfinished = row
            .split_once("not yet (")
            .and_then(|(_, rest)| rest.split_once(')'))
            .is_some_and(|(ids, _)| ids.split(", ").all(is_requirement));
        if tests(row).next().is_none() && !unfinished {
            findings.push(Finding::new(
                place(),
                "names no test: write `path::name`, or not yet (requirement)",
            ));
        }
        for test in tests(row) {
            if !exists(test, files) {
                findings.push(Finding::new(place(), format!("there is no test `{test}`")));
            }
        }
    }
    findings
}

fn page(files: &[TextFile]) -> Option<&str> {
    files
        .iter()
        .find(|file| file.path == PAGE)
        .map(|file| file.text.as_str())
}

/// Rows of tables with their line numbers, without heads and the lines below them.
fn rows(page: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines: Vec<&str> = page.lines().collect();
    let is_row = |line: &str| line.starts_with('|') && !line.starts_with("|--");
    (0..lines.len()).filter_map(move |index| {
        let is_head = lines
            .get(index + 1)
            .is_some_and(|next| next.starts_with("|--"));
        (is_row(lines[index]) && !is_head).then_some((index + 1, lines[index]))
    })
}

/// What stands between backticks and names a test: `path.rs::name`.
fn tests(row: &str) -> impl Iterator<Item = &str> {
    row.split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| code.contains(".rs::"))
}

fn exists(test: &str, files: &[TextFile]) -> bool {
    let Some((path, name)) = test.split_once("::") else {
        return false;
    };
    let wanted = format!("fn {name}(");
    files
        .iter()
        .any(|file| file.path == path && file.text.contains(&wanted))
}

/// A letter and a number, as in the contract.
fn is_requirement(id: &str) -> bool {
    let mut letters = id.chars();
    letters.next().is_some_and(|c| c.is_ascii_uppercase())
        && !letters.as_str().is_empty()
        && letters.all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{file, places};
    use super::*;

    fn found(table: &str) -> Vec<Finding> {
        let code = "//! A.\n#[test]\nfn it_holds() {}\n";
        check(&[
            file(PAGE, &format!("# P\n\n| a | b |\n|---|---|\n{table}")),
            file("crates/a/tests/it/b.rs", code),
        ])
    }

    #[test]
    fn a_promise_with_a_test_or_a_requirement_is_fine() {
        let fine = "| x | `crates/a/tests/it/b.rs::it_holds` |\n| y `z` | not yet (T13, A2) |\n";
        assert_eq!(found(fine), []);
        assert_eq!(named(&[file(PAGE, &format!("| a |\n|---|\n{fine}"))]), 1);
    }

    #[test]
    fn a_test_that_is_gone_is_found() {
        for gone in [
            "| x | `crates/a/tests/it/b.rs::it_held` |",
            "| x | `crates/a/tests/it/b.rs::it_hold` |",
            "| x | `crates/a/tests/it/c.rs::it_holds` |",
        ] {
            assert_eq!(places(&found(gone)), ["docs/seeds.md:5"], "{gone}");
        }
    }

    #[test]
    fn a_promise_without_any_proof_is_found() {
        for bare in ["| x | soon |", "| x | not yet |", "| x | not yet (later) |"] {
            assert_eq!(places(&found(bare)), ["docs/seeds.md:5"], "{bare}");
        }
        assert_eq!(places(&check(&[])), [PAGE]);
    }
}
