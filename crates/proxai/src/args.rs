//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand};
use proxai_config::Overrides;

const EXAMPLES: &str = "Examples:
  proxai                    serve; without any configuration a demo answers
  proxai init               write a configuration for the keys that are set
  proxai doctor             test the configured providers
  proxai route gpt-4.1      where a request for a model goes";

/// One address for every model: Chat Completions, Responses and Messages in front, any of them
/// behind.
#[derive(Debug, Parser)]
#[command(name = "proxai", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) config: ConfigArgs,
}

#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve requests (the default).
    Serve,
    #[command(flatten)]
    Other(proxai_cli::Command),
}

/// What stands above file and environment.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Configuration")]
pub(crate) struct ConfigArgs {
    /// The configuration file; otherwise ./proxai.toml, then ~/.proxai/config.toml.
    #[arg(short, long, global = true, value_name = "FILE", env = "PROXAI_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// The address for clients.
    #[arg(long, global = true, value_name = "ADDRESS")]
    pub(crate) host: Option<String>,
    /// The port for clients.
    #[arg(short, long, global = true, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// The port of the admin listener.
    #[arg(long, global = true, value_name = "PORT")]
    pub(crate) admin_port: Option<u16>,
    /// What is logged: trace, debug, info, warn or error.
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
    /// Who reads the log: human or json.
    #[arg(long, global = true, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
    /// Any other key, such as server.max_concurrent_requests=100; may be repeated.
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = key_value)]
    pub(crate) set: Vec<(String, String)>,
}

impl ConfigArgs {
    pub(crate) fn overrides(&self) -> Overrides {
        let named = [
            ("server.host", self.host.clone()),
            ("server.port", self.port.map(|port| port.to_string())),
            ("mcp.port", self.admin_port.map(|port| port.to_string())),
            ("logging.level", self.log_level.clone()),
            ("logging.format", self.log_format.clone()),
        ];
        let named = named
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Overrides {
            config: self.config.clone(),
            set: named.chain(self.set.iter().cloned()).collect(),
        }
    }
}

fn key_value(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(|| "write it as key=value".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_of_all_commands_together_is_sound() {
        <Args as clap::CommandFactory>::command().debug_assert();
    }

    #[test]
    fn flags_become_the_highest_layer() {
        let args = Args::try_parse_from([
            "proxai",
            "check",
            "--port",
            "0",
            "--set",
            "server.keepalive_secs = 5",
        ])
        .unwrap();
        assert!(matches!(
            args.command,
            Some(Command::Other(proxai_cli::Command::Check(_)))
        ));
        assert_eq!(
            args.config.overrides().set,
            [
                ("server.port".to_owned(), "0".to_owned()),
                ("server.keepalive_secs".to_owned(), "5".to_owned()),
            ]
        );
        assert!(Args::try_parse_from(["proxai", "--set", "nothing"]).is_err());
    }
}
