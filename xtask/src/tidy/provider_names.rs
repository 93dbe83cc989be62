//! What a provider needs is a row in the registry, never an `if` in the code.
//!
//! A string literal that is exactly a provider's id is how such an `if` begins. Ids that are
//! also words of their own, such as the name of a protocol's vendor in an error type, are allowed
//! in `xtask/tidy.toml`, each with a reason. Tests may use any name.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};

use super::exceptions::Exceptions;
use super::{Finding, TextFile};

const REGISTRY: &str = "crates/proxai-providers/providers/";

/// The ids in the registry data: each `id` of a file, or its name if it has none.
pub(super) fn from_registry(files: &[TextFile]) -> Result<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for file in files {
        let Some(name) = file.path.strip_prefix(REGISTRY) else {
            continue;
        };
        let Some(stem) = name.strip_suffix(".toml") else {
            continue;
        };
        let table: toml::Table = file
            .text
            .parse()
            .with_context(|| format!("{} is no TOML", file.path))?;
        let ids = ids(&table);
        if ids.is_empty() {
            let stem = Path::new(stem).file_name().unwrap_or_default();
            names.insert(stem.to_string_lossy().into_owned());
        }
        names.extend(ids);
    }
    Ok(names)
}

/// `id = "x"` at the top, and in each row of `[[provider]]`.
fn ids(table: &toml::Table) -> Vec<String> {
    let rows = table
        .values()
        .filter_map(toml::Value::as_array)
        .flatten()
        .filter_map(toml::Value::as_table);
    std::iter::once(table)
        .chain(rows)
        .filter_map(|row| row.get("id")?.as_str())
        .map(str::to_owned)
        .collect()
}

pub(super) fn check(
    names: &BTreeSet<String>,
    files: &[TextFile],
    exceptions: &Exceptions,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        let Some((_, rust)) = file.library_code() else {
            continue;
        };
        for (line, text) in rust.literals() {
            let text = text.to_ascii_lowercase();
            if names.contains(&text) && !exceptions.allows_word(&text, &file.path) {
                findings.push(Finding::new(
                    format!("{}:{line}", file.path),
                    format!("provider name \"{text}\" in code: make it a quirk or a field of the registry row"),
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{file, places};
    use super::*;

    fn names() -> BTreeSet<String> {
        ["acme", "openai"].map(str::to_owned).into()
    }

    #[test]
    fn names_come_from_ids_or_else_from_file_names() {
        let files = [
            file(&format!("{REGISTRY}acme.toml"), "id = \"acme-cloud\""),
            file(&format!("{REGISTRY}plain.toml"), "base = \"http://x\""),
            file(
                &format!("{REGISTRY}all.toml"),
                "[[provider]]\nid = \"one\"\n[[provider]]\nid = \"two\"",
            ),
            file("config/other.toml", "id = \"no\""),
        ];
        let names = from_registry(&files).expect("the files are TOML");
        assert_eq!(
            names.iter().map(String::as_str).collect::<Vec<_>>(),
            ["acme-cloud", "one", "plain", "two"]
        );
    }

    #[test]
    fn a_provider_name_in_code_is_found_and_one_in_a_test_is_not() {
        let files = [
            file(
                "crates/proxai-router/src/lib.rs",
                "fn f(p: &str) -> bool { p == \"Acme\" }\n#[cfg(test)]\nmod tests { const A: &str = \"acme\"; }",
            ),
            file(
                "crates/proxai-router/src/plan/tests.rs",
                "const A: &str = \"acme\";",
            ),
            file(
                "crates/proxai-router/tests/it/main.rs",
                "const A: &str = \"acme\";",
            ),
            file(
                "crates/proxai-router/src/a.rs",
                "const A: &str = \"acme is nice\"; // \"acme\"",
            ),
        ];
        assert_eq!(
            places(&check(&names(), &files, &Exceptions::default())),
            ["crates/proxai-router/src/lib.rs:1"]
        );
    }

    #[test]
    fn an_allowed_word_is_allowed_only_where_it_says() {
        let exceptions = Exceptions::parse(
            "[[word]]\nword = \"openai\"\nunder = \"crates/a/\"\nreason = \"a vendor's error type\"",
            "",
        )
        .expect("the exceptions are well formed");
        let text = "const A: &str = \"openai\";";
        let files = [
            file("crates/a/src/lib.rs", text),
            file("crates/b/src/lib.rs", text),
        ];
        assert_eq!(
            places(&check(&names(), &files, &exceptions)),
            ["crates/b/src/lib.rs:1"]
        );
    }
}
