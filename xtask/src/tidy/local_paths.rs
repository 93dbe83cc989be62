//! Nothing in the repository points at a folder of one person's machine.
//!
//! Such a path works once, where it was written. What lies outside the checkout is named by an
//! environment variable.

use super::{Finding, TextFile};

/// Spelled in two pieces, or this file would find itself.
const LOCAL: [&str; 2] = [concat!("/wo", "rk/"), concat!("..", "/shared")];

pub(super) fn check(files: &[TextFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        for (number, line) in file.text.lines().enumerate() {
            for local in LOCAL {
                if starts_a_path(line, local) {
                    findings.push(Finding::new(
                        format!("{}:{}", file.path, number + 1),
                        format!("names the local path `{local}`"),
                    ));
                }
            }
        }
    }
    findings
}

/// Whether `path` stands in `line` as the beginning of a path, not inside one or inside a URL.
fn starts_a_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        // `..` also leaves the checkout after other folders.
        path.starts_with('.') || !before.is_some_and(|c| c.is_alphanumeric() || "/._-~".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{file, places};
    use super::*;

    #[test]
    fn a_local_path_is_found_in_any_kind_of_file() {
        let path = LOCAL[0];
        let files = [
            file("a.toml", &format!("x = 1\npath = \"{path}x\"")),
            file("b.md", &format!("see (../{}/y)", LOCAL[1])),
            file("c.md", &format!("{path}z")),
        ];
        assert_eq!(places(&check(&files)), ["a.toml:2", "b.md:1", "c.md:1"]);
    }

    #[test]
    fn the_same_words_inside_a_longer_path_or_url_are_fine() {
        let path = LOCAL[0];
        let text = format!("https://example.com{path}x /a/b{path}x");
        assert_eq!(check(&[file("a.md", &text)]), []);
    }
}
