//! `proxai init`: a commented configuration for what is found on this machine (K5).
//!
//! Keys stay where they are: the file names the variable, it never holds the value. It is readable
//! by its owner alone all the same, since the next thing people do is to put a key into it.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;
use proxai_config::Sources;
use proxai_providers::{Registry, Row};

use crate::outcome::{Exit, Stop};
use crate::text::provider_table;
use crate::world::World;

pub(crate) const EXAMPLES: &str = "Examples:
  proxai init                           writes ./proxai.toml
  proxai init --output ~/.proxai/config.toml
  proxai init --output -                only prints it

Keys are looked for in the environment and local servers on their usual ports.
The file gets the variables' names, never a key, and the mode 0600.";

/// How long a line of the list of providers may be.
const LINE_WIDTH: usize = 96;

/// Arguments of `init`.
#[derive(Clone, Debug, Args)]
pub struct InitArgs {
    /// Where to write; `-` prints.
    #[arg(short, long, value_name = "FILE", default_value = "proxai.toml")]
    output: PathBuf,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(args: &InitArgs, world: &mut World<'_>) -> Result<Exit, Stop> {
    let found = Found::on(
        world.sources,
        world.registry,
        &(world.probe)(world.registry),
    );
    let text = configuration(&found, world.registry);
    if args.output.as_os_str() == "-" {
        world.out.write_all(text.as_bytes())?;
        return Ok(Exit::Yes);
    }
    let path = &args.output;
    write_file(path, &text, args.force).map_err(|error| {
        Stop::because(if error.kind() == io::ErrorKind::AlreadyExists {
            format!(
                "{} is there already; use --force to replace it, or --output to write another file",
                path.display()
            )
        } else {
            format!("cannot write {}: {error}", path.display())
        })
    })?;
    writeln!(world.out, "wrote {}", path.display())?;
    for (row, variable) in &found.keys {
        writeln!(world.out, "  {} with {variable}", row.identity.id)?;
    }
    for row in &found.servers {
        writeln!(world.out, "  {} on this machine", row.identity.id)?;
    }
    if found.keys.is_empty() && found.servers.is_empty() {
        writeln!(
            world.out,
            "  no key variable is set and no local server answers: the file says how to add a provider"
        )?;
    }
    writeln!(world.out, "next: `proxai doctor`, then `proxai serve`")?;
    Ok(Exit::Yes)
}

/// What there is on this machine.
struct Found<'r> {
    /// Providers with the variable that holds their key.
    keys: Vec<(&'r Row, &'r str)>,
    /// Providers whose variable another one has already: the regions and plans of one vendor. A
    /// key is good for one of them, and which one only its owner knows.
    siblings: Vec<(&'r Row, &'r str)>,
    servers: Vec<&'r Row>,
}

impl<'r> Found<'r> {
    fn on(sources: &dyn Sources, registry: &'r Registry, answering: &[String]) -> Self {
        let rows = || registry.rows().filter(|row| !row.identity.generic);
        let mut keys: Vec<(&Row, &str)> = Vec::new();
        let mut siblings = Vec::new();
        for row in rows().filter(|row| row.cells.base.is_some()) {
            match set_variable(row, sources) {
                Some(variable) if keys.iter().any(|(_, taken)| *taken == variable) => {
                    siblings.push((row, variable));
                }
                Some(variable) => keys.push((row, variable)),
                None => {}
            }
        }
        let servers = rows()
            .filter(|row| answering.contains(&row.identity.id))
            .filter(|row| {
                !keys
                    .iter()
                    .any(|(with_key, _)| with_key.identity.id == row.identity.id)
            })
            .collect();
        Self {
            keys,
            siblings,
            servers,
        }
    }

    fn ids(&self) -> Vec<&'r str> {
        let with_key = self.keys.iter().map(|(row, _)| *row);
        with_key
            .chain(self.servers.iter().copied())
            .map(|row| row.identity.id.as_str())
            .collect()
    }
}

fn set_variable<'r>(row: &'r Row, sources: &dyn Sources) -> Option<&'r str> {
    let variables = row.cells.auth.env.iter().flatten();
    variables.map(proxai_providers::EnvName::name).find(|name| {
        let value = sources.var(name);
        value.is_some_and(|value| !value.trim().is_empty())
    })
}

fn configuration(found: &Found<'_>, registry: &Registry) -> String {
    let mut out = String::from(
        "# The configuration of proxai. `proxai check` validates it, `proxai doctor` tests its
# providers, `proxai route MODEL` says where a request would go.
# ${VARIABLE} stands for an environment variable, ${VARIABLE:-text} has a default.

[server]
# Clients connect here. Others than this machine only with `allow_open = true` or keys.
host = \"127.0.0.1\"
port = 18080

# The admin listener: /healthz, /readyz.
#[mcp]
#host = \"127.0.0.1\"
#port = 18081

",
    );
    default(&mut out, found);
    for (row, variable) in &found.keys {
        let title = &row.identity.title;
        let table = provider_table(&row.identity.id);
        text(
            &mut out,
            &format!(
                "# {title}: {}\n{table}\napi_key = \"${{{variable}}}\"\n#model = \"…\"\n",
                row.identity.docs
            ),
        );
    }
    for (row, variable) in &found.siblings {
        let title = &row.identity.title;
        let table = provider_table(&row.identity.id);
        text(
            &mut out,
            &format!(
                "# {title} has the same variable; keep the one that the key is for.\n#{table}\n#api_key = \"${{{variable}}}\"\n"
            ),
        );
    }
    for row in &found.servers {
        let title = &row.identity.title;
        let table = provider_table(&row.identity.id);
        let base = row.cells.base.as_deref().unwrap_or_default();
        text(
            &mut out,
            &format!("# {title} on this machine\n{table}\nbase_url = \"{base}\"\n#model = \"…\"\n"),
        );
    }
    out.push_str(
        "# Any other server that speaks one of the three protocols.
#[providers.my-server]
#base_url = \"https://llm.example.com/v1\"
#protocol = \"openai_chat_completions\"
#api_key = \"${MY_SERVER_KEY}\"

# Routes are tried in the order of the file; the first that matches takes the request.
#[[routing.routes]]
#name = \"fast\"
#model_pattern = \"fast-*\"
#provider = \"my-server\"
#upstream_model = \"small-model\"

",
    );
    known(&mut out, found, registry);
    out
}

fn default(out: &mut String, found: &Found<'_>) {
    match found.ids().as_slice() {
        [only] => text(
            out,
            &format!(
                "# Takes every model that nothing else takes.\n[default]\nprovider = \"{only}\"\n#model = \"…\"\n"
            ),
        ),
        ids => {
            let choice = match ids {
                [] => "my-server".to_owned(),
                ids => ids.join("\" or \""),
            };
            text(
                out,
                &format!(
                    "# Takes every model that nothing else takes. Without it ask for `provider/model`.\n#[default]\n#provider = \"{}\"{}\n#model = \"…\"\n",
                    ids.first().copied().unwrap_or("my-server"),
                    if ids.len() > 1 {
                        format!("  # \"{choice}\"")
                    } else {
                        String::new()
                    }
                ),
            );
        }
    }
}

/// The providers that are one line away.
fn known(out: &mut String, found: &Found<'_>, registry: &Registry) {
    text(
        out,
        "# Built-in providers. `[providers.NAME]` is enough if the variable is set; `proxai providers` says more.",
    );
    let there = found.ids();
    let rows = registry
        .rows()
        .filter(|row| !row.identity.generic && row.cells.embedded != Some(true))
        .filter(|row| !there.contains(&row.identity.id.as_str()));
    let mut line = "#  ".to_owned();
    for row in rows {
        let Some(variable) = row.cells.auth.env.iter().flatten().next() else {
            continue;
        };
        let entry = format!(" {} ({}),", row.identity.id, variable.name());
        if line.len() + entry.len() > LINE_WIDTH {
            text(out, &line);
            "#  ".clone_into(&mut line);
        }
        line.push_str(&entry);
    }
    text(out, line.trim_end_matches(','));
}

fn text(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("a String takes any text");
}

/// Writes a file that only its owner can read. Replacing goes through a second file, so that
/// there is never half a configuration.
fn write_file(path: &Path, text: &str, force: bool) -> io::Result<()> {
    if let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder)?;
    }
    if !force {
        return fill(path, text);
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.new", std::process::id()));
    let beside = PathBuf::from(beside);
    fill(&beside, text)
        .and_then(|()| std::fs::rename(&beside, path))
        .inspect_err(|_| drop(std::fs::remove_file(&beside)))
}

fn fill(path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}
