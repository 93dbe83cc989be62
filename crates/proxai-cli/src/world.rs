//! What a command can see and touch.

use std::fmt;
use std::io::{Read, Write};

use proxai_config::{Loaded, Overrides, Problems, Sources};
use proxai_providers::Registry;

use crate::outcome::Stop;
use crate::terminal::{Paint, Terminal};

/// The largest input that is read from a file or from standard input: a request with pictures
/// stays below the default limit of the proxy, which is 50 MiB.
const MAX_INPUT: u64 = 64 << 20;

/// What a command can see and touch.
pub struct World<'a> {
    /// Files and environment variables of the configuration.
    pub sources: &'a dyn Sources,
    /// What the command line says about the configuration.
    pub overrides: Overrides,
    /// The known providers.
    pub registry: &'a Registry,
    /// Finds out which local servers answer; [`answering`](crate::answering) does it.
    pub probe: &'a dyn Fn(&Registry) -> Vec<String>,
    /// The whole command line, for completions.
    pub grammar: clap::Command,
    /// Standard input.
    pub input: &'a mut dyn Read,
    /// Where results go.
    pub out: &'a mut dyn Write,
    /// Where everything else goes.
    pub err: &'a mut dyn Write,
    /// What the two are.
    pub terminal: Terminal,
}

impl fmt::Debug for World<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("overrides", &self.overrides)
            .field("terminal", &self.terminal)
            .finish_non_exhaustive()
    }
}

impl World<'_> {
    pub(crate) fn load(&self) -> Result<Loaded, Problems> {
        crate::load(self.sources, &self.overrides, self.registry, self.probe)
    }

    pub(crate) const fn paint(&self) -> Paint {
        Paint {
            colour: self.terminal.colour,
        }
    }

    /// Everything on standard input, within the bound.
    pub(crate) fn read_input(&mut self) -> Result<Vec<u8>, Stop> {
        let mut bytes = Vec::new();
        (&mut *self.input)
            .take(MAX_INPUT + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| Stop::because(format!("cannot read standard input: {error}")))?;
        within_bound(bytes)
    }

    /// A file, or standard input for `-`.
    pub(crate) fn read(&mut self, path: &std::path::Path) -> Result<Vec<u8>, Stop> {
        if path.as_os_str() == "-" {
            return self.read_input();
        }
        let cannot = |error| Stop::because(format!("cannot read {}: {error}", path.display()));
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .map_err(cannot)?
            .take(MAX_INPUT + 1)
            .read_to_end(&mut bytes)
            .map_err(cannot)?;
        within_bound(bytes)
    }

    /// One JSON document as the result.
    pub(crate) fn write_json(&mut self, value: &serde_json::Value) -> Result<(), Stop> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Stop::because(error.to_string()))?;
        writeln!(self.out, "{text}")?;
        Ok(())
    }
}

fn within_bound(bytes: Vec<u8>) -> Result<Vec<u8>, Stop> {
    if bytes.len() as u64 > MAX_INPUT {
        return Err(Stop::because(format!(
            "the input is larger than {} MiB",
            MAX_INPUT >> 20
        )));
    }
    Ok(bytes)
}
