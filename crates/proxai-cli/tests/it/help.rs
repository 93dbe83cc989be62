//! The help is a part of the interface: a change shows up here.

use std::fmt::Write as _;

use clap::CommandFactory;
use proxai_cli::Exit;

use crate::{Program, Setting};

#[test]
fn every_command_has_help_with_examples() {
    let mut program = Program::command();
    // The width must not depend on the terminal that runs the test.
    program = program.term_width(100);
    let mut all = String::new();
    for command in program.get_subcommands_mut() {
        let name = command.get_name().to_owned();
        let help = command
            .clone()
            .term_width(100)
            .bin_name(format!("proxai {name}"))
            .render_help()
            .to_string();
        assert!(help.contains("Examples:"), "{name}");
        assert!(
            help.contains(&format!("  proxai {name}")),
            "{name} has no example of itself"
        );
        writeln!(all, "===== {name}\n{help}").unwrap();
    }
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn completions_know_every_command_and_its_flags() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = Setting::default().run(&["completions", shell]).await;
        assert_eq!(ran.exit, Exit::Yes);
        for word in ["doctor", "translate", "providers", "force"] {
            assert!(ran.out.contains(word), "{shell}: {word}");
        }
    }
}
