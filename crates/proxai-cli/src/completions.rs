//! `proxai completions`: what a shell needs to complete the command line.

use clap::Args;
use clap_complete::Shell;

use crate::outcome::{Exit, Stop};
use crate::world::World;

pub(crate) const EXAMPLES: &str = "Examples:
  proxai completions bash > ~/.local/share/bash-completion/completions/proxai
  proxai completions zsh > ~/.zfunc/_proxai
  proxai completions fish > ~/.config/fish/completions/proxai.fish";

/// Arguments of `completions`.
#[derive(Clone, Copy, Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

pub(crate) fn run(args: CompletionsArgs, world: &mut World<'_>) -> Result<Exit, Stop> {
    let name = world.grammar.get_name().to_owned();
    // Into memory first: the generator panics where a pipe was closed.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut world.grammar, name, &mut script);
    world.out.write_all(&script)?;
    Ok(Exit::Yes)
}
