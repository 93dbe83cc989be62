//! Runs cargo, and reads what its test runner says.
//!
//! A child's output always reaches the terminal as it comes; `run_tests` also counts the
//! `test result:` lines in passing, because cargo prints one per test binary and no total.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// One cargo command with the environment it needs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cargo {
    env: Vec<(&'static str, String)>,
    args: Vec<&'static str>,
}

impl Cargo {
    pub(crate) fn new(args: &[&'static str]) -> Self {
        Self {
            env: Vec::new(),
            args: args.to_vec(),
        }
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    pub(crate) fn envs(mut self, pairs: &[(&'static str, &str)]) -> Self {
        for &(name, value) in pairs {
            self.env.push((name, value.to_owned()));
        }
        self
    }

    pub(crate) fn run(&self, root: &Path) -> Result<()> {
        let status = self.command(root).status().context("cannot start cargo")?;
        if !status.success() {
            bail!("`{self}` failed ({status})");
        }
        Ok(())
    }

    pub(crate) fn output(&self, root: &Path) -> Result<String> {
        let output = self
            .command(root)
            .stderr(Stdio::inherit())
            .output()
            .context("cannot start cargo")?;
        if !output.status.success() {
            bail!("`{self}` failed ({})", output.status);
        }
        String::from_utf8(output.stdout).with_context(|| format!("`{self}` printed no UTF-8"))
    }

    pub(crate) fn run_tests(&self, root: &Path) -> Result<TestTotals> {
        let mut child = self
            .command(root)
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start cargo")?;
        let mut totals = TestTotals::default();
        if let Some(stdout) = child.stdout.take() {
            // A test may print bytes that are no text: they are shown, not refused.
            for line in BufReader::new(stdout).split(b'\n') {
                let line = line.context("cannot read what cargo prints")?;
                let line = String::from_utf8_lossy(&line);
                println!("{line}");
                totals.read_line(&line);
            }
        }
        let status = child.wait().context("cannot wait for cargo")?;
        if !status.success() {
            bail!("`{self}` failed ({status})");
        }
        Ok(totals)
    }

    fn command(&self, root: &Path) -> Command {
        let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(program);
        command.current_dir(root).args(&self.args);
        for (name, value) in &self.env {
            command.env(name, value);
        }
        command
    }
}

/// The command as one types it into a shell.
impl fmt::Display for Cargo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.env {
            write!(f, "{name}={} ", quoted(value))?;
        }
        f.write_str("cargo")?;
        for arg in &self.args {
            write!(f, " {}", quoted(arg))?;
        }
        Ok(())
    }
}

fn quoted(word: &str) -> String {
    if word.contains(' ') {
        format!("\"{word}\"")
    } else {
        word.to_owned()
    }
}

/// The sum of the `test result:` lines of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct TestTotals {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) ignored: u64,
    /// Test binaries and documentation test runs, also those without a single test.
    pub(crate) runs: u64,
}

impl TestTotals {
    fn read_line(&mut self, line: &str) {
        let Some(result) = line.trim_start().strip_prefix("test result: ") else {
            return;
        };
        self.runs += 1;
        // `ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s`
        let counts = result.split_once(". ").map_or(result, |(_, counts)| counts);
        for part in counts.split("; ") {
            let Some((number, what)) = part.split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for TestTotals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            passed,
            failed,
            ignored,
            runs,
        } = self;
        let verdict = if *failed == 0 { "ok" } else { "FAILED" };
        write!(
            f,
            "test result: {verdict}. {passed} passed; {failed} failed; {ignored} ignored; in {runs} test binaries and doc test runs"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn test_result_lines_are_added_up() {
        let mut totals = TestTotals::default();
        for line in [
            "running 12 tests",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s",
            "a test that prints test result: ok. 9 passed",
            "test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s",
        ] {
            totals.read_line(line);
        }
        assert_eq!(
            totals,
            TestTotals {
                passed: 14,
                failed: 1,
                ignored: 1,
                runs: 2
            }
        );
    }

    #[test]
    fn a_command_prints_as_it_is_typed() {
        let cargo = Cargo::new(&["doc", "--workspace"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(
            cargo.to_string(),
            "RUSTDOCFLAGS=\"-D warnings\" cargo doc --workspace"
        );
    }
}
