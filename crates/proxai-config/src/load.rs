//! Finding, layering, reading, checking: everything between a name and [`Settings`].

use std::io;
use std::path::{Path, PathBuf};

use proxai_providers::{Provider, Registry};

use crate::build::Build;
use crate::expand::expand;
use crate::layers::{File, Layers, Overrides};
use crate::problem::{Problem, Problems};
use crate::read::read;
use crate::settings::Settings;
use crate::sources::Sources;

/// The file that is looked for in the working directory.
const LOCAL_FILE: &str = "proxai.toml";

/// The file that is looked for in the user's folder.
const HOME_FILE: &str = ".proxai/config.toml";

/// A configuration that can be run.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What is allowed and yet surely not meant.
    pub warnings: Vec<Problem>,
    /// The configuration file, if there is one.
    pub file: Option<PathBuf>,
    /// All files that were read; a change of any is a reason to load again (K7).
    pub watch: Vec<PathBuf>,
}

/// Loads the configuration with the built-in registry.
pub fn load(sources: &dyn Sources, overrides: &Overrides) -> Result<Loaded, Problems> {
    load_with(sources, overrides, Registry::builtin(), &[])
}

/// Loads the configuration with a registry, and with the ids of the local servers that answer:
/// they are enabled if nothing is configured (K4). See [`local_servers`].
pub fn load_with(
    sources: &dyn Sources,
    overrides: &Overrides,
    registry: &Registry,
    answering: &[&str],
) -> Result<Loaded, Problems> {
    let mut problems = Vec::new();
    let file = find_file(sources, overrides.config.as_deref()).unwrap_or_else(|problem| {
        problems.push(problem);
        None
    });
    if !problems.is_empty() {
        return Err(Problems(problems));
    }
    let mut layers = Layers::merge(sources, file, overrides);
    problems.extend(expand(&mut layers, sources));
    let (options, unread) = read(&layers);
    problems.extend(unread);

    let mut build = Build::new(&layers, sources, registry, &options);
    // The checks below see what was reported already, and do not say it in other words.
    build.problems = problems;
    let settings = build.settings(answering);
    let Build {
        mut problems,
        mut warnings,
        files,
        ..
    } = build;
    if !problems.is_empty() {
        problems.sort_by_key(|problem| (problem.line.is_none(), problem.line));
        problems.dedup();
        return Err(Problems(problems));
    }
    warnings.sort_by_key(|warning| (warning.line.is_none(), warning.line));
    let file = layers.file.map(|file| file.path);
    Ok(Loaded {
        settings,
        warnings,
        watch: file.iter().cloned().chain(files).collect(),
        file,
    })
}

impl Settings {
    /// The settings of somebody who has configured nothing (K4): every built-in provider whose key
    /// variable is set, the providers inside the process, and the local servers that `answering`
    /// names.
    pub fn zero(env: &dyn Fn(&str) -> Option<String>, answering: &[&str]) -> Self {
        let sources = OnlyVariables(env);
        let layers = Layers::merge(&sources, None, &Overrides::default());
        let options = crate::Options::default();
        Build::new(&layers, &sources, Registry::builtin(), &options).settings(answering)
    }
}

/// The built-in servers that may run on this machine. Whoever can open connections finds out which
/// of them answer and tells [`load_with`] or [`Settings::zero`].
pub fn local_servers(registry: &Registry) -> Vec<Provider> {
    registry
        .rows()
        .filter(|row| row.cells.local == Some(true) && row.cells.base.is_some())
        .filter_map(|row| {
            let id = &row.identity.id;
            registry.build(id, None, &<_>::default(), &|_| None).ok()
        })
        .collect()
}

struct OnlyVariables<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Sources for OnlyVariables<'_> {
    fn var(&self, name: &str) -> Option<String> {
        (self.0)(name)
    }

    fn vars(&self, _prefix: &str) -> Vec<(String, String)> {
        Vec::new()
    }

    fn read(&self, _path: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// The file that was asked for, else the first of the usual ones that is there.
fn find_file(sources: &dyn Sources, asked: Option<&Path>) -> Result<Option<File>, Problem> {
    let unreadable = |path: &Path, error: &io::Error| Problem {
        file: Some(path.display().to_string()),
        message: format!("cannot read the configuration file: {error}"),
        ..Problem::default()
    };
    if let Some(path) = asked {
        let text = sources
            .read(path)
            .map_err(|error| unreadable(path, &error))?;
        return File::parse(path, &text).map(Some);
    }
    let usual = [
        Some(PathBuf::from(LOCAL_FILE)),
        sources.home().map(|home| home.join(HOME_FILE)),
    ];
    for path in usual.into_iter().flatten() {
        match sources.read(&path) {
            Ok(text) => return File::parse(&path, &text).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(unreadable(&path, &error)),
        }
    }
    Ok(None)
}
