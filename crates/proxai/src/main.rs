//! The proxai binary: command line, runtime, log, exit code.

mod args;
mod log;
mod once;
mod serve;
mod show;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    let args = Args::parse();
    let result = match args.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(&args.config),
        Command::Other(command) => once::run(&command, &args.config),
    };
    result.unwrap_or_else(|error| {
        // Nobody is left to tell if even stderr is closed.
        drop(writeln!(std::io::stderr(), "proxai: {error:#}"));
        ExitCode::FAILURE
    })
}
