//! The whole check, cheapest step first, so that a slip in formatting costs seconds.
//!
//! All steps share one target folder and one set of flags, or every dependency would be built
//! more often than the two it must be: once to check, once to run. That is also why warnings are
//! denied with arguments here and never with `RUSTFLAGS`, which would be a third.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::process::{Cargo, TestTotals};
use crate::{codegen, fuzz_smoke, tidy};

/// Incremental files cost a clean build time and disk and are never read again.
const ENV: &[(&str, &str)] = &[("CARGO_INCREMENTAL", "0"), ("INSTA_UPDATE", "no")];

enum Action {
    Cargo(Cargo),
    Tests(Cargo),
    Tidy,
    Codegen,
    FuzzSmoke,
}

struct Step {
    name: &'static str,
    action: Action,
}

impl Step {
    fn repeat(&self) -> String {
        match &self.action {
            Action::Cargo(cargo) | Action::Tests(cargo) => cargo.to_string(),
            Action::Tidy => "cargo xtask tidy".to_owned(),
            Action::Codegen => "cargo xtask codegen --check".to_owned(),
            Action::FuzzSmoke => "cargo xtask fuzz-smoke".to_owned(),
        }
    }
}

fn steps() -> Vec<Step> {
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    let docs = Cargo::new(&["doc", "--no-deps", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings");
    vec![
        Step {
            name: "fmt",
            action: Action::Cargo(Cargo::new(&["fmt", "--all", "--check"])),
        },
        Step {
            name: "clippy",
            action: Action::Cargo(Cargo::new(&clippy)),
        },
        Step {
            name: "tidy",
            action: Action::Tidy,
        },
        Step {
            name: "codegen",
            action: Action::Codegen,
        },
        Step {
            name: "docs",
            action: Action::Cargo(docs),
        },
        Step {
            name: "tests",
            action: Action::Tests(Cargo::new(&["test", "--workspace"])),
        },
        Step {
            name: "fuzz-smoke",
            action: Action::FuzzSmoke,
        },
    ]
}

pub(crate) fn run(root: &Path) -> Result<()> {
    let started = Instant::now();
    let mut done = Vec::new();
    let mut tests = TestTotals::default();
    for step in steps() {
        println!("==> {}: {}", step.name, step.repeat());
        let step_started = Instant::now();
        let outcome = match &step.action {
            Action::Cargo(cargo) => cargo.clone().envs(ENV).run(root),
            Action::Tests(cargo) => cargo.clone().envs(ENV).run_tests(root).and_then(|totals| {
                tests = totals;
                if totals.passed == 0 {
                    bail!("not a single test ran");
                }
                Ok(())
            }),
            Action::Tidy => tidy::run(root),
            Action::Codegen => codegen::run(root, true),
            Action::FuzzSmoke => fuzz_smoke::run(root, fuzz_smoke::DEFAULT_ITERATIONS, ENV),
        };
        let took = step_started.elapsed();
        if let Err(error) = outcome {
            bail!(
                "{error:#}\n\nstep `{}` failed after {}; repeat it with\n    {}",
                step.name,
                seconds(took),
                step.repeat()
            );
        }
        println!("<== {}: ok in {}", step.name, seconds(took));
        done.push((step.name, took));
    }
    println!();
    for (name, took) in done {
        println!("{name:<12} {:>8}", seconds(took));
    }
    println!("{:<12} {:>8}", "all", seconds(started.elapsed()));
    println!("{tests}");
    Ok(())
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheap_steps_come_first() {
        let names: Vec<_> = steps().iter().map(|step| step.name).collect();
        assert_eq!(
            names,
            [
                "fmt",
                "clippy",
                "tidy",
                "codegen",
                "docs",
                "tests",
                "fuzz-smoke"
            ]
        );
    }

    #[test]
    fn every_step_can_be_repeated_by_hand() {
        let repeats: Vec<_> = steps().iter().map(Step::repeat).collect();
        assert!(
            repeats.contains(&"cargo clippy --workspace --all-targets -- -D warnings".to_owned())
        );
        assert!(
            repeats.contains(
                &"RUSTDOCFLAGS=\"-D warnings\" cargo doc --no-deps --workspace".to_owned()
            )
        );
        assert!(repeats.contains(&"cargo test --workspace".to_owned()));
    }
}
