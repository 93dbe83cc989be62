//! Some dependencies are expected to be replaced one day, so one crate each may know them.

use super::metadata::Workspace;
use super::{Finding, TextFile};

/// `(dependency, the only crate that may name it)`. A name that ends in `*` is a prefix.
const HOMES: [(&str, &str); 5] = [
    ("figment", "proxai-config"),
    ("opentelemetry*", "proxai-telemetry"),
    ("prometheus*", "proxai-telemetry"),
    ("redb", "proxai-state"),
    ("redis", "proxai-state-redis"),
];

pub(super) fn check(workspace: &Workspace, files: &[TextFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in workspace.members() {
        for dependency in &package.dependencies {
            if let Some(home) = home_of(&dependency.name)
                && home != package.name
            {
                findings.push(Finding::new(
                    &package.name,
                    format!("depends on {}: only {home} may", dependency.name),
                ));
            }
        }
    }
    // A re-export would let every other crate name it without a line in its manifest.
    for file in files {
        let Some((_, rust)) = file.library_code() else {
            continue;
        };
        for (pattern, _) in HOMES {
            let root = pattern.trim_end_matches('*');
            for line in rust.lines_naming(&format!("pub use {root}")) {
                findings.push(Finding::new(
                    format!("{}:{line}", file.path),
                    format!("re-exports {root}: wrap it in a type of our own"),
                ));
            }
        }
    }
    findings
}

fn home_of(dependency: &str) -> Option<&'static str> {
    HOMES
        .into_iter()
        .find(|(pattern, _)| match pattern.strip_suffix('*') {
            Some(prefix) => dependency.starts_with(prefix),
            None => dependency == *pattern,
        })
        .map(|(_, home)| home)
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{file, member, places, workspace};
    use super::*;

    #[test]
    fn a_confined_dependency_elsewhere_is_found() {
        let ws = workspace(
            &[
                member("proxai-config", 5, &[("figment", "normal")]),
                member("proxai-server", 7, &[("figment", "dev")]),
                member("proxai-gateway", 6, &[("prometheus-client", "normal")]),
            ],
            &[],
        );
        assert_eq!(
            places(&check(&ws, &[])),
            ["proxai-server", "proxai-gateway"]
        );
    }

    #[test]
    fn a_re_export_is_found() {
        let ws = workspace(&[], &[]);
        let files = [
            file("crates/proxai-config/src/lib.rs", "use figment::Figment;"),
            file("crates/proxai-config/src/a.rs", "pub use figment::Figment;"),
        ];
        assert_eq!(
            places(&check(&ws, &files)),
            ["crates/proxai-config/src/a.rs:1"]
        );
    }
}
