//! No dependency is built twice in two versions, unless `deny.toml` says why.
//!
//! The exceptions are cargo-deny's own (`bans.skip`), so there is one list. As there, a version
//! that is skipped does not count; here an exception that is no longer needed is a finding too.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use super::exceptions::Exceptions;
use super::metadata::Workspace;

pub(super) fn check(workspace: &Workspace, exceptions: &Exceptions) -> Vec<Finding> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in &workspace.packages {
        versions
            .entry(&package.name)
            .or_default()
            .insert(&package.version);
    }
    let mut findings = Vec::new();
    for (name, versions) in &versions {
        let counted = versions
            .iter()
            .filter(|version| {
                !exceptions
                    .skip
                    .iter()
                    .any(|skip| skip.matches(name, version))
            })
            .count();
        if counted > 1 {
            let all: Vec<_> = versions.iter().copied().collect();
            findings.push(Finding::new(
                *name,
                format!(
                    "is built in versions {}: see `cargo tree -d`, update, or give a reason in deny.toml `bans.skip`",
                    all.join(" and ")
                ),
            ));
        }
    }
    for skip in &exceptions.skip {
        let needed = versions.get(skip.name.as_str()).is_some_and(|versions| {
            versions.len() > 1 && versions.iter().any(|v| skip.matches(&skip.name, v))
        });
        if !needed {
            findings.push(Finding::new(
                "deny.toml",
                format!(
                    "`bans.skip` for {} is no longer needed: delete it",
                    skip.name
                ),
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{places, workspace};
    use super::*;

    fn skipping(entry: &str) -> Exceptions {
        Exceptions::parse("", &format!("[bans]\nskip = [{entry}]"))
            .expect("the exceptions are well formed")
    }

    #[test]
    fn a_second_version_is_found() {
        let ws = workspace(&[], &[("syn", "2.0.1", &[]), ("syn", "3.0.0", &[])]);
        assert_eq!(places(&check(&ws, &Exceptions::default())), ["syn"]);
    }

    #[test]
    fn a_second_version_with_a_reason_is_fine_and_a_third_is_not() {
        let exceptions = skipping("{ crate = \"syn@2\", reason = \"old macros\" }");
        let two = workspace(&[], &[("syn", "2.0.1", &[]), ("syn", "3.0.0", &[])]);
        assert_eq!(check(&two, &exceptions), []);
        let three = workspace(
            &[],
            &[
                ("syn", "1.0.0", &[]),
                ("syn", "2.0.1", &[]),
                ("syn", "3.0.0", &[]),
            ],
        );
        assert_eq!(places(&check(&three, &exceptions)), ["syn"]);
    }

    #[test]
    fn an_exception_nobody_needs_is_found() {
        let exceptions = skipping("{ crate = \"syn@2\", reason = \"old macros\" }");
        let ws = workspace(&[], &[("syn", "3.0.0", &[])]);
        assert_eq!(places(&check(&ws, &exceptions)), ["deny.toml"]);
    }
}
