//! Regenerates the goldens of the translator.
//!
//! The test that compares them is the one that writes them, so a golden cannot come from other
//! code than the one under test. This command never accepts a difference on its own in CI.

use std::path::Path;

use anyhow::Result;

use crate::process::Cargo;

pub(crate) fn run(root: &Path) -> Result<()> {
    let totals = Cargo::new(&["test", "-p", "proxai-translate", "--test", "it", "golden"])
        .env("INSTA_UPDATE", "always")
        .run_tests(root)?;
    anyhow::ensure!(
        totals.passed > 0,
        "no golden test ran: name the test so that the filter `golden` finds it"
    );
    println!(
        "{} golden tests ran; review with `git diff -- fixtures crates`",
        totals.passed
    );
    Ok(())
}
