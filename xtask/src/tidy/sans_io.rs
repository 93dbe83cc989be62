//! A crate marked `sans_io` computes: bytes in, bytes out.
//!
//! It reaches no runtime and no network stack, not even through another crate, and it asks
//! neither the clock nor the system for anything: time and randomness are arguments.

use super::metadata::{Package, Workspace};
use super::{Finding, TextFile};

/// Each with its whole family: `tokio` is also `tokio-util`.
const IO_CRATES: [&str; 8] = [
    "figment",
    "http-body",
    "hyper",
    "redb",
    "redis",
    "reqwest",
    "tokio",
    "tower",
];

/// What would make the result depend on something that is no argument.
const IO_CALLS: [&str; 8] = [
    "Instant::now",
    "SystemTime::now",
    "std::env::",
    "std::fs::",
    "std::io::stdin",
    "std::net::Tcp",
    "std::process::",
    "std::thread::",
];

pub(super) fn check(workspace: &Workspace, files: &[TextFile]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in workspace.members().filter(|package| package.sans_io()) {
        let mut ways: Vec<_> = workspace.reaches(package).into_iter().collect();
        ways.sort_unstable();
        for (name, way) in ways {
            if does_io(name) {
                findings.push(Finding::new(
                    &package.name,
                    format!("is sans-IO and reaches {name}: {}", way.join(" -> ")),
                ));
            }
        }
    }
    for file in files {
        let Some((name, rust)) = file.library_code() else {
            continue;
        };
        if !workspace.member(name).is_some_and(Package::sans_io) {
            continue;
        }
        for call in IO_CALLS {
            for line in rust.lines_naming(call) {
                findings.push(Finding::new(
                    format!("{}:{line}", file.path),
                    format!("`{call}` in a sans-IO crate: take the value as an argument"),
                ));
            }
        }
    }
    findings
}

fn does_io(name: &str) -> bool {
    IO_CRATES.iter().any(|family| {
        name.strip_prefix(family)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    })
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{Member, file, member, places, workspace};
    use super::*;

    fn pure(name: &'static str, dependencies: &'static [(&'static str, &'static str)]) -> Member {
        Member {
            sans_io: true,
            ..member(name, 1, dependencies)
        }
    }

    #[test]
    fn a_runtime_behind_another_crate_is_found_with_the_way_there() {
        let ws = workspace(
            &[pure("proxai-sse", &[("codec", "normal")])],
            &[("codec", "1.0.0", &["tokio"]), ("tokio", "1.0.0", &[])],
        );
        let findings = check(&ws, &[]);
        assert_eq!(places(&findings), ["proxai-sse"]);
        assert!(findings[0].problem.contains("proxai-sse -> codec -> tokio"));
    }

    #[test]
    fn a_family_is_known_by_its_first_name() {
        assert!(does_io("tokio") && does_io("tokio-util") && does_io("http-body-util"));
        assert!(!does_io("tokioish") && !does_io("http"));
    }

    #[test]
    fn a_runtime_for_tests_is_fine_and_so_is_one_in_an_io_crate() {
        let ws = workspace(
            &[
                pure("proxai-sse", &[("tokio", "dev")]),
                member("proxai-server", 7, &[("tokio", "normal")]),
            ],
            &[("tokio", "1.0.0", &[])],
        );
        assert_eq!(check(&ws, &[]), []);
    }

    #[test]
    fn asking_the_clock_is_found_outside_tests() {
        let ws = workspace(&[pure("proxai-sse", &[])], &[]);
        let files = [
            file("crates/proxai-sse/src/a.rs", "fn f() { Instant::now(); }"),
            file(
                "crates/proxai-sse/src/b.rs",
                "// not std::fs::read\n#[cfg(test)]\nmod tests { fn f() { std::fs::read(\"x\"); } }",
            ),
        ];
        assert_eq!(
            places(&check(&ws, &files)),
            ["crates/proxai-sse/src/a.rs:1"]
        );
    }
}
