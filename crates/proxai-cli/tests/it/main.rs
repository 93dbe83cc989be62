//! The commands as a user meets them: arguments in, two texts and an exit code out. No real file,
//! variable or terminal is touched, except where a test is about writing a file.

#![expect(
    clippy::unwrap_used,
    reason = "a panic is how a test fails; clippy knows only `#[test]` functions as tests"
)]

mod check;
mod doctor;
mod doctor_advice;
mod doctor_models;
mod help;
mod init;
mod providers;
mod route;
mod server;
mod translate;

use clap::{CommandFactory, Parser};
use proxai_cli::{Command, Exit, Terminal, World, run};
use proxai_config::{Memory, Overrides};
use proxai_providers::Registry;

/// The command line of a program that has nothing but these commands.
#[derive(Debug, Parser)]
#[command(name = "proxai")]
struct Program {
    #[command(subcommand)]
    command: Command,
}

/// What a command did.
#[derive(Debug)]
struct Ran {
    exit: Exit,
    out: String,
    err: String,
}

impl Ran {
    /// The output as JSON.
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    fn says(&self, text: &str) {
        assert!(self.out.contains(text), "`{text}` is not in:\n{}", self.out);
    }
}

/// Everything around a command.
#[derive(Clone, Debug, Default)]
struct Setting {
    sources: Memory,
    input: Vec<u8>,
    terminal: Terminal,
    answering: Vec<String>,
    /// Another registry than the built-in one.
    registry: Option<Registry>,
}

impl Setting {
    /// A configuration in `proxai.toml`.
    fn with(text: &str) -> Self {
        Self {
            sources: Memory::default().with_file("proxai.toml", text),
            ..Self::default()
        }
    }

    fn var(mut self, name: &str, value: &str) -> Self {
        self.sources = self.sources.with_var(name, value);
        self
    }

    fn input(mut self, text: &str) -> Self {
        self.input = text.as_bytes().to_vec();
        self
    }

    /// Runs a command line, without the program's name.
    async fn run(&self, line: &[&str]) -> Ran {
        let program = Program::try_parse_from(["proxai"].iter().chain(line))
            .unwrap_or_else(|error| panic!("{error}"));
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let answering = self.answering.clone();
        let probe = move |_: &Registry| answering.clone();
        let mut input = self.input.as_slice();
        let mut world = World {
            sources: &self.sources,
            overrides: Overrides::default(),
            registry: self.registry.as_ref().unwrap_or(Registry::builtin()),
            probe: &probe,
            grammar: Program::command(),
            input: &mut input,
            out: &mut out,
            err: &mut err,
            terminal: self.terminal,
        };
        let exit = run(&program.command, &mut world).await;
        Ran {
            exit,
            out: String::from_utf8(out).unwrap(),
            err: String::from_utf8(err).unwrap(),
        }
    }
}
