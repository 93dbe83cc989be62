//! Every error code is on the page that people read, and the page has no other (X2).
//!
//! A code is the literal behind `FailureKind::…,`, in `with_code(…)` or in `busy(…)`. Codes that a
//! function returns are only looked for from the page's side.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, TextFile};

const PAGE: &str = "docs/errors.md";
/// Crates whose errors a client meets. The demonstration's are no part of the contract.
const CRATES: [&str; 4] = ["gateway", "router", "translate", "upstream"];

/// The codes in the source, with a place of each.
pub(super) fn codes(files: &[TextFile]) -> BTreeMap<String, String> {
    let mut codes = BTreeMap::new();
    for (file, text) in sources(files) {
        for (line, literal) in text.literals_between(holds_a_code) {
            if is_code(literal) {
                codes
                    .entry(literal.to_owned())
                    .or_insert_with(|| format!("{}:{line}", file.path));
            }
        }
    }
    codes
}

pub(super) fn check(codes: &BTreeMap<String, String>, files: &[TextFile]) -> Vec<Finding> {
    let Some(page) = files.iter().find(|file| file.path == PAGE) else {
        return vec![Finding::new(PAGE, "is missing")];
    };
    let listed: BTreeSet<&str> = page
        .text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let literals: BTreeSet<String> = sources(files)
        .flat_map(|(_, text)| {
            let own: Vec<String> = text.literals().map(|(_, text)| text.to_owned()).collect();
            own
        })
        .collect();
    let unlisted = codes
        .iter()
        .filter(|(code, _)| !page.text.contains(&format!("`{code}`")))
        .map(|(code, place)| Finding::new(place, format!("`{code}` is not in {PAGE}")));
    let stale = listed
        .iter()
        .filter(|code| !literals.contains(**code))
        .map(|code| Finding::new(PAGE, format!("nothing has the code `{code}`")));
    unlisted.chain(stale).collect()
}

fn sources(files: &[TextFile]) -> impl Iterator<Item = (&TextFile, super::rust_text::RustText)> {
    files.iter().filter_map(|file| {
        let (name, text) = file.library_code()?;
        CRATES
            .iter()
            .any(|known| name.strip_prefix("proxai-") == Some(known))
            .then_some((file, text))
    })
}

fn holds_a_code(before: &str, behind: &str) -> bool {
    // The pattern of the next arm of a match.
    if behind.starts_with("=>") || behind.starts_with('|') {
        return false;
    }
    if before.ends_with("with_code(") || before.ends_with("busy(") {
        return true;
    }
    let Some((_, kind)) = before
        .strip_suffix(',')
        .and_then(|before| before.rsplit_once("FailureKind::"))
    else {
        return false;
    };
    !kind.is_empty() && kind.chars().all(char::is_alphanumeric)
}

/// Messages of errors stand in the same places; a code is one word.
fn is_code(literal: &str) -> bool {
    literal.contains('_') && literal.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{file, places};
    use super::*;

    fn found(source: &str, page: &str) -> Vec<Finding> {
        let files = [
            file("crates/proxai-gateway/src/problem.rs", source),
            file(PAGE, page),
        ];
        check(&codes(&files), &files)
    }

    #[test]
    fn a_code_that_the_page_leaves_out_is_found() {
        let source =
            "fn f() { Problem::new(\n  FailureKind::Timeout,\n  \"too_slow\", \"it was\") }
            fn g() { failure.with_code(\"too_big\") }";
        assert_eq!(
            found(source, "| `too_slow` | 504 |\n| `too_big` | 413 |"),
            []
        );
        let missing = found(source, "| `too_slow` | 504 |");
        assert_eq!(places(&missing), ["crates/proxai-gateway/src/problem.rs:4"]);
    }

    #[test]
    fn a_code_that_nothing_has_is_found() {
        let stale = found("fn code() -> &'static str { \"kept\" }", "| `gone` | 500 |");
        assert_eq!(places(&stale), [PAGE]);
        assert_eq!(
            found("fn code() -> &'static str { \"kept\" }", "| `kept` | 500 |"),
            []
        );
    }
}
