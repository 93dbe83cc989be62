//! Each file says what it is in its first line, and ends before a reader loses the thread.

use super::{Finding, TextFile};

/// Lines of a source file, tests included. Most are far shorter.
const MAX_LINES: usize = 600;

pub(super) fn check(files: &[TextFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        if !file.text.starts_with("//!") {
            findings.push(Finding::new(
                &file.path,
                "does not open with `//!`: say what the module is, what is surprising, what it refuses to do",
            ));
        }
        let lines = file.text.lines().count();
        if lines > MAX_LINES {
            findings.push(Finding::new(
                &file.path,
                format!("has {lines} lines: split it by reason to change, at most {MAX_LINES}"),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{file, places};
    use super::*;

    #[test]
    fn a_file_without_a_header_is_found() {
        let files = [
            file("crates/a/src/lib.rs", "//! A.\n"),
            file("crates/a/tests/it/main.rs", "mod x;\n"),
            file("README.md", "# a\n"),
        ];
        assert_eq!(places(&check(&files)), ["crates/a/tests/it/main.rs"]);
    }

    #[test]
    fn the_longest_file_allowed_has_600_lines() {
        let lines = |count: usize| format!("//! A.\n{}", "\n".repeat(count - 1));
        assert_eq!(check(&[file("a.rs", &lines(600))]), []);
        assert_eq!(places(&check(&[file("b.rs", &lines(601))])), ["b.rs"]);
    }
}
