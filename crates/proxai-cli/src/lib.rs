//! The commands of `proxai` beside `serve`: for people at a terminal, and for programs with
//! `--json`.
//!
//! Everything a command reads or writes comes in a [`World`]: files and variables, the two output
//! streams, standard input. Nothing here prints by itself, so a test sees what a user sees.
//!
//! Exit codes: 0 is yes, 1 is no (a configuration with problems, a provider that fails, a refused
//! request), 2 is a command line that was not understood, which `clap` reports.
//!
//! Secrets are never shown, neither ours nor those that an upstream quotes back.

mod check;
mod completions;
mod doctor;
mod init;
mod load;
mod outcome;
mod probe;
mod providers;
mod route;
mod terminal;
mod text;
mod translate;
mod world;

use clap::Subcommand;

pub use check::CheckArgs;
pub use completions::CompletionsArgs;
pub use doctor::DoctorArgs;
pub use init::InitArgs;
pub use load::load;
pub use outcome::Exit;
pub use probe::answering;
pub use providers::ProvidersArgs;
pub use route::RouteArgs;
pub use terminal::Terminal;
pub use translate::TranslateArgs;
pub use world::World;

use outcome::Stop;

/// A command, to be flattened into the program's own.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Write a commented configuration for what is found on this machine.
    #[command(after_help = init::EXAMPLES)]
    Init(InitArgs),
    /// Validate the configuration and print the routes in the order they are tried.
    #[command(after_help = check::EXAMPLES)]
    Check(CheckArgs),
    /// Test the configured providers with their own keys and say what to change.
    #[command(after_help = doctor::EXAMPLES)]
    Doctor(DoctorArgs),
    /// Explain where a request for a model goes, without sending it.
    #[command(after_help = route::EXAMPLES)]
    Route(RouteArgs),
    /// Translate a request, an answer or a stream from one protocol to another.
    #[command(after_help = translate::EXAMPLES)]
    Translate(TranslateArgs),
    /// List the built-in providers, or show one with its quirks.
    #[command(after_help = providers::EXAMPLES)]
    Providers(ProvidersArgs),
    /// Print a completion script for a shell.
    #[command(after_help = completions::EXAMPLES)]
    Completions(CompletionsArgs),
}

/// Runs a command. What went wrong has been written when this returns.
pub async fn run(command: &Command, world: &mut World<'_>) -> Exit {
    let result = match command {
        Command::Init(args) => init::run(args, world),
        Command::Check(args) => check::run(*args, world),
        Command::Doctor(args) => doctor::run(args, world).await,
        Command::Route(args) => route::run(args, world),
        Command::Translate(args) => translate::run(args, world),
        Command::Providers(args) => providers::run(args, world),
        Command::Completions(args) => completions::run(*args, world),
    };
    let result = result.and_then(|exit| world.out.flush().map(|()| exit).map_err(Stop::Output));
    match result {
        Ok(exit) => exit,
        // Whoever reads has seen enough (`proxai providers | head`).
        Err(Stop::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => Exit::Yes,
        Err(stop) => {
            // Nobody is left to tell if even this cannot be written.
            drop(writeln!(world.err, "proxai: {stop}"));
            Exit::No
        }
    }
}
