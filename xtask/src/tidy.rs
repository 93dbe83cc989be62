//! The rules of the repository that no compiler checks, proved on every run.
//!
//! Each rule is a pure function from parsed input to findings, so that each has a test that fails
//! when the rule is broken. Only this file reads anything: `cargo metadata`, the list of files
//! from git, and the two files of exceptions. A rule says how much it looked at, because a rule
//! that checked nothing must not look like one that found nothing.

mod cases;
mod configuration;
mod confined;
mod duplicates;
mod error_codes;
mod exceptions;
mod layers;
mod local_paths;
mod metadata;
mod promises;
mod provider_names;
mod rust_text;
mod sans_io;
mod shape;
mod walls;

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use self::exceptions::Exceptions;
use self::metadata::Workspace;
use self::rust_text::RustText;
use crate::process::Cargo;

/// What is built and tested; other platforms' own crates are not ours to keep single.
const PLATFORM: &str = "x86_64-unknown-linux-gnu";

/// A file of the repository, as git knows it: tracked, or new and not ignored.
#[derive(Debug, Clone)]
struct TextFile {
    /// From the root, with `/`.
    path: String,
    text: String,
}

impl TextFile {
    fn is_rust(&self) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|extension| extension == "rs")
    }

    /// The crate and the code of a file under `crates/<name>/src/`, without what is only for
    /// tests: `#[cfg(test)]` items, and by convention `tests.rs`, `…_tests.rs`, `tests/` and
    /// `test_support.rs`.
    fn library_code(&self) -> Option<(&str, RustText)> {
        let (name, rest) = self.path.strip_prefix("crates/")?.split_once('/')?;
        let inside = rest.strip_prefix("src/")?;
        let is_test = inside
            .split('/')
            .any(|part| part == "tests" || part == "test_support.rs" || part.ends_with("tests.rs"));
        (self.is_rust() && !is_test).then(|| (name, RustText::scan(&self.text).without_tests()))
    }
}

/// One breach of one rule.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    place: String,
    problem: String,
}

impl Finding {
    fn new(place: impl Into<String>, problem: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

struct Verdict {
    rule: &'static str,
    checked: String,
    findings: Vec<Finding>,
}

pub(crate) fn run(root: &Path) -> Result<()> {
    let metadata = Cargo::new(&[
        "metadata",
        "--format-version",
        "1",
        "--filter-platform",
        PLATFORM,
    ])
    .output(root)?;
    let workspace = Workspace::parse(&metadata)?;
    let files = read_files(root)?;
    let exceptions = Exceptions::read(root)?;

    let verdicts = judge(&workspace, &files, &exceptions)?;
    let mut broken = 0;
    for verdict in &verdicts {
        for finding in &verdict.findings {
            println!("tidy: {}: {finding}", verdict.rule);
        }
        broken += verdict.findings.len();
    }
    if broken > 0 {
        bail!("tidy found {broken} broken rules");
    }
    for verdict in verdicts {
        println!("tidy: {}: ok ({})", verdict.rule, verdict.checked);
    }
    Ok(())
}

fn judge(
    workspace: &Workspace,
    files: &[TextFile],
    exceptions: &Exceptions,
) -> Result<Vec<Verdict>> {
    let members = workspace.members().count();
    let rust_files = files.iter().filter(|file| file.is_rust()).count();
    let names = provider_names::from_registry(files)?;
    let keys = configuration::keys(files)?;
    let codes = error_codes::codes(files);
    Ok(vec![
        Verdict {
            rule: "layers",
            checked: format!("{members} crates"),
            findings: layers::check(workspace),
        },
        Verdict {
            rule: "sans-io",
            checked: format!(
                "{} crates",
                workspace.members().filter(|p| p.sans_io()).count()
            ),
            findings: sans_io::check(workspace, files),
        },
        Verdict {
            rule: "walls between protocols",
            checked: format!("{members} manifests, {} modules", walls::modules(files)),
            findings: walls::check(workspace, files),
        },
        Verdict {
            rule: "provider names only in data",
            checked: format!("{} names", names.len()),
            findings: provider_names::check(&names, files, exceptions),
        },
        Verdict {
            rule: "replaceable dependencies",
            checked: format!("{members} manifests"),
            findings: confined::check(workspace, files),
        },
        Verdict {
            rule: "module headers and file length",
            checked: format!("{rust_files} files"),
            findings: shape::check(files),
        },
        Verdict {
            rule: "one version of each dependency",
            checked: format!("{} packages", workspace.packages.len()),
            findings: duplicates::check(workspace, exceptions),
        },
        Verdict {
            rule: "no local paths",
            checked: format!("{} files", files.len()),
            findings: local_paths::check(files),
        },
        Verdict {
            rule: "promises name their tests",
            checked: format!("{} tests", promises::named(files)),
            findings: promises::check(files),
        },
        Verdict {
            rule: "every key is documented",
            checked: format!("{} keys", keys.len()),
            findings: configuration::check(&keys, files),
        },
        Verdict {
            rule: "every translation case is cited",
            checked: format!("{} citations", cases::cited(files)),
            findings: cases::check(files),
        },
        Verdict {
            rule: "every error code is documented",
            checked: format!("{} codes", codes.len()),
            findings: error_codes::check(&codes, files),
        },
    ])
}

fn read_files(root: &Path) -> Result<Vec<TextFile>> {
    let listing = Command::new("git")
        .current_dir(root)
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start git, which lists the files to check")?;
    if !listing.status.success() {
        bail!("`git ls-files` failed: tidy needs a git checkout");
    }
    let mut files = Vec::new();
    for path in listing.stdout.split(|byte| *byte == 0) {
        let path = String::from_utf8_lossy(path);
        if path.is_empty() {
            continue;
        }
        // Deleted but still in the index, or a link to nowhere: nothing to check.
        let Ok(bytes) = std::fs::read(root.join(&*path)) else {
            continue;
        };
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(TextFile {
                path: path.into_owned(),
                text,
            });
        }
    }
    Ok(files)
}

#[cfg(test)]
mod test_support;
