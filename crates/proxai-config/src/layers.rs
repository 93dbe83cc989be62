//! The layers of K1, merged by figment: file, environment, command line.
//!
//! Built-in defaults are the lowest layer and need no source: they are the defaults of
//! [`Options`](crate::Options). Only keys of two levels or more exist, so a variable without `__`
//! (`PROXAI_CONFIG`) is never taken for a key.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider};
use proxai_providers::normalize_name;
use toml_edit::ImDocument;

use crate::place::{KeyPath, Places, line_at};
use crate::problem::Problem;
use crate::sources::Sources;

/// What variables of the configuration begin with.
const PREFIX: &str = "PROXAI_";

/// What stands between the levels of a key in a variable's name.
const LEVEL: &str = "__";

/// What the command line says about the configuration.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `--config`: the only file that is looked for.
    pub config: Option<PathBuf>,
    /// Keys and values, such as `("server.port", "18080")`; the highest layer. A value is read as
    /// in a variable: numbers, `true`, `[a, b]`, otherwise text.
    pub set: Vec<(String, String)>,
}

impl fmt::Debug for Overrides {
    /// Leaves out the values: one may be a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<&str> = self.set.iter().map(|(key, _)| key.as_str()).collect();
        f.debug_struct("Overrides")
            .field("config", &self.config)
            .field("set", &keys)
            .finish()
    }
}

/// A file of the configuration.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) places: Places,
    document: ImDocument<String>,
}

impl File {
    /// Reads and parses a file.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, Problem> {
        let document = ImDocument::parse(text.to_owned()).map_err(|error| Problem {
            file: Some(path.display().to_string()),
            line: error.span().map(|span| line_at(text, span.start)),
            message: format!("no valid TOML: {}", one_line(error.message())),
            ..Problem::default()
        })?;
        Ok(Self {
            path: path.to_owned(),
            places: Places::new(text, &document),
            document,
        })
    }

    /// The text at a key as it is written, before anything is expanded.
    pub(crate) fn written(&self, key: &[String]) -> Option<String> {
        let tree = Value::from(self.dict());
        find(&tree, key)?.as_str().map(str::to_owned)
    }

    fn dict(&self) -> Dict {
        toml_edit::de::from_document(self.document.clone()).unwrap_or_default()
    }
}

/// All layers as one tree, each value of which knows its source. Holds secrets: no `Debug`.
pub(crate) struct Layers {
    pub(crate) tree: Value,
    pub(crate) file: Option<File>,
    figment: Figment,
    /// Values of variables and flags as text, for keys that turn out to want text: a key made of
    /// digits is no number.
    texts: BTreeMap<KeyPath, String>,
}

impl Layers {
    pub(crate) fn merge(sources: &dyn Sources, file: Option<File>, overrides: &Overrides) -> Self {
        let mut figment = Figment::new();
        let mut dict = Dict::new();
        if let Some(file) = &file {
            dict = file.dict();
            figment = figment.merge(Layer {
                source: file.path.display().to_string(),
                dict: dict.clone(),
            });
        }
        let mut texts = BTreeMap::new();
        for (variable, value) in sources.vars(PREFIX) {
            let Some(key) = variable
                .strip_prefix(PREFIX)
                .filter(|key| key.contains(LEVEL))
            else {
                continue;
            };
            let path = key.split(LEVEL).map(str::to_ascii_lowercase).collect();
            let path = known_spelling(path, &dict);
            let source = format!("environment variable {variable}");
            figment = figment.merge(Layer::one(source, &path, &value));
            texts.insert(path, value);
        }
        for (key, value) in &overrides.set {
            let path = known_spelling(key.split('.').map(str::to_owned).collect(), &dict);
            figment = figment.merge(Layer::one("command line".to_owned(), &path, value));
            texts.insert(path, value.clone());
        }
        // Nothing of ours fails to be a tree: each layer is a dictionary.
        let tree = figment.extract::<Value>();
        Self {
            tree: tree.unwrap_or_else(|_| Value::from(Dict::new())),
            file,
            figment,
            texts,
        }
    }

    /// The text behind a value of a variable or flag.
    pub(crate) fn text(&self, path: &[String]) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Whether a value came from the file.
    pub(crate) fn is_from_file(&self, tag: Tag) -> bool {
        self.file.as_ref().is_some_and(|file| {
            let source = self.figment.get_metadata(tag);
            source.is_some_and(|source| *source.name == *file.path.display().to_string())
        })
    }

    /// A problem at a key, with the source of its value, or of the nearest table around it.
    pub(crate) fn problem(&self, path: &[String], message: String) -> Problem {
        let mut problem = Problem {
            key: path.join("."),
            message,
            ..Problem::default()
        };
        let Some(value) = find(&self.tree, path) else {
            // A key that nobody wrote: its table tells where to write it.
            let file = self.file.as_ref();
            problem.line = file.and_then(|file| file.places.line(path));
            problem.file = file.map(|file| file.path.display().to_string());
            return problem;
        };
        if self.is_from_file(value.tag()) {
            let file = self.file.as_ref();
            problem.line = file.and_then(|file| file.places.line(path));
        }
        let source = self.figment.get_metadata(value.tag());
        problem.file = source.map(|source| source.name.clone().into_owned());
        problem
    }
}

/// The value at a path.
pub(crate) fn find<'v>(root: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(root, |value, key| match value {
        Value::Dict(_, dict) => dict.get(key),
        Value::Array(_, array) => array.get(key.parse::<usize>().ok()?),
        _ => None,
    })
}

/// The value at a path, to change it.
pub(crate) fn find_mut<'v>(root: &'v mut Value, path: &[String]) -> Option<&'v mut Value> {
    path.iter().try_fold(root, |value, key| match value {
        Value::Dict(_, dict) => dict.get_mut(key),
        Value::Array(_, array) => array.get_mut(key.parse::<usize>().ok()?),
        _ => None,
    })
}

/// A variable cannot spell `up-chat`: the name of a table is compared as provider names are.
fn known_spelling(mut path: KeyPath, file: &Dict) -> KeyPath {
    let [section, name, ..] = path.as_mut_slice() else {
        return path;
    };
    if let Some(Value::Dict(_, tables)) = file.get(section.as_str())
        && !tables.contains_key(name.as_str())
        && let Some(known) = tables
            .keys()
            .find(|known| normalize_name(known) == normalize_name(name))
    {
        name.clone_from(known);
    }
    path
}

/// One source of values.
struct Layer {
    source: String,
    dict: Dict,
}

impl Layer {
    fn one(source: String, path: &[String], text: &str) -> Self {
        let value: Value = text.parse().unwrap_or_else(|never| match never {});
        let nested = path.iter().rev().fold(value, |inner, key| {
            Value::from(Dict::from([(key.clone(), inner)]))
        });
        Self {
            source,
            dict: nested.into_dict().unwrap_or_default(),
        }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(Cow::Owned(self.source.clone()))
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}

fn one_line(message: &str) -> String {
    message
        .lines()
        .map(str::trim)
        .collect::<Vec<_>>()
        .join("; ")
}
