//! Every command but `serve`: does one thing and exits.

use std::io::{self, BufWriter};
use std::process::ExitCode;

use clap::CommandFactory as _;
use proxai_cli::{Command, Terminal, World};
use proxai_config::System;
use proxai_providers::Registry;
use tokio::runtime::Builder;

use crate::args::{Args, ConfigArgs};

/// Runs a command in this process's surroundings.
pub(crate) fn run(command: &Command, args: &ConfigArgs) -> anyhow::Result<ExitCode> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut world = World {
        sources: &System,
        overrides: args.overrides(),
        registry: Registry::builtin(),
        probe: &proxai_cli::answering,
        grammar: Args::command(),
        input: &mut io::stdin().lock(),
        out: &mut BufWriter::new(io::stdout().lock()),
        err: &mut io::stderr().lock(),
        terminal: Terminal::of_process(&System),
    };
    let exit = runtime.block_on(proxai_cli::run(command, &mut world));
    Ok(exit.into())
}
