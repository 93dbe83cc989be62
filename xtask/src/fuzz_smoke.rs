//! Runs the deterministic fuzz tests of all crates for longer than `cargo test` does.
//!
//! Any test whose name contains `fuzz_smoke` takes part and reads its number of inputs from
//! `PROXAI_FUZZ_ITERATIONS`. A run that finds none fails: a renamed test must not turn the check
//! off in silence.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::process::{Cargo, TestTotals};

/// Inputs per test in CI: seconds per parser in a debug build on two cores.
pub(crate) const DEFAULT_ITERATIONS: u64 = 20_000;

pub(crate) fn run(root: &Path, iterations: u64, env: &[(&'static str, &str)]) -> Result<()> {
    // `--tests` leaves out documentation tests, which cost a link each and hold no fuzzing.
    let totals = Cargo::new(&["test", "--workspace", "--tests", "fuzz_smoke"])
        .env("PROXAI_FUZZ_ITERATIONS", iterations.to_string())
        .envs(env)
        .run_tests(root)?;
    println!("{}", verdict(totals, iterations)?);
    Ok(())
}

fn verdict(totals: TestTotals, iterations: u64) -> Result<String> {
    ensure!(
        totals.passed > 0,
        "no test named `fuzz_smoke` ran: every parser of network input needs one"
    );
    Ok(format!(
        "fuzz smoke: {} tests, {iterations} inputs each: ok",
        totals.passed
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finding_no_fuzz_test_is_a_failure() {
        let nothing = TestTotals {
            runs: 17,
            ..TestTotals::default()
        };
        assert!(verdict(nothing, 1).is_err());
        let one = TestTotals {
            passed: 1,
            ..nothing
        };
        assert!(verdict(one, 1).is_ok());
    }
}
