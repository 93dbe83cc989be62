//! Repository automation: what a contributor, and the CI, runs.
//!
//! Everything here works from a clean clone with a stable toolchain and no further tools:
//! checks that need more (cargo-deny, cargo-nextest, cargo-fuzz) are offered by their own
//! configuration files and are never required.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks to the person who started it"
)]

mod ci;
mod codegen;
mod fuzz_seeds;
mod fuzz_smoke;
mod golden;
mod process;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Repository automation for proxai.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Runs all that must pass before a change is merged.
    ///
    /// In order: fmt, clippy, tidy, codegen --check, docs, tests, fuzz-smoke. Prints each step with its time, stops
    /// at the first failure and says which command repeats it.
    Ci,
    /// Checks the rules of the repository that no compiler checks.
    ///
    /// Layers between crates, sans-IO crates that stay so, walls between protocols, provider names
    /// only in data, module headers, file length, one version of each dependency, no paths of one
    /// person's machine. Exceptions live in `xtask/tidy.toml` and `deny.toml`, each with a reason.
    Tidy,
    /// Writes the pages under `docs/` that come from data: compatibility and providers.
    Codegen {
        /// Compare instead of writing, and fail if a page is stale.
        #[arg(long)]
        check: bool,
    },
    /// Regenerates every golden from `fixtures/`.
    ///
    /// Runs the golden tests with `INSTA_UPDATE=always`; read the difference before you commit it.
    Golden,
    /// Writes seeds and a dictionary for coverage-guided fuzzing into `fuzz/`.
    FuzzSeeds,
    /// Runs every `fuzz_smoke` test with more iterations than `cargo test` gives it.
    ///
    /// These tests feed seeded, repeatable input to the parsers, so they need neither a nightly
    /// toolchain nor cargo-fuzz. Finding no such test is a failure.
    FuzzSmoke {
        /// Inputs per test, handed over as `PROXAI_FUZZ_ITERATIONS`.
        #[arg(long, default_value_t = fuzz_smoke::DEFAULT_ITERATIONS)]
        iterations: u64,
    },
}

fn main() -> ExitCode {
    let root = repository_root();
    let outcome = match Cli::parse().command {
        Task::Ci => ci::run(&root),
        Task::Tidy => tidy::run(&root),
        Task::Codegen { check } => codegen::run(&root, check),
        Task::Golden => golden::run(&root),
        Task::FuzzSeeds => fuzz_seeds::run(&root),
        Task::FuzzSmoke { iterations } => fuzz_smoke::run(&root, iterations, &[]),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The folder above this crate's. Cargo names the crate when it runs us; a binary started by hand
/// falls back to where it was compiled.
fn repository_root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    manifest
        .parent()
        .map_or_else(|| PathBuf::from("."), PathBuf::from)
}
