//! The table of providers: the embedded rows, and rows that a caller adds.
//!
//! Names are compared without regard to letter case and to `-`, `_`, `.` and space, so
//! `LM-Studio`, `lm_studio` and `lmstudio` are one. Two rows may never share a name: which of
//! them answers would depend on the order of a list.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::builtin;
use crate::provider::{Provider, ProviderError};
use crate::row::{ProviderOverride, Row};

/// How many similar names an error lists.
const SUGGESTIONS: usize = 3;

/// Names less alike than this are not suggested.
const SIMILAR: f64 = 0.72;

/// All known providers.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    /// In the order of their ids.
    rows: Vec<Row>,
    /// Normalized name to index in `rows`.
    names: HashMap<String, usize>,
}

/// A row that cannot be added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The file is not what the schema says.
    #[error("the provider row cannot be read")]
    Row(#[source] Box<toml::de::Error>),
    /// Two rows share a name.
    #[error("provider name `{name}` belongs to both `{first}` and `{second}`; take it from one")]
    SharedName {
        /// The name as the second row writes it.
        name: String,
        /// The id of the row that has it.
        first: String,
        /// The id of the row that wants it.
        second: String,
    },
}

impl RegistryError {
    pub(crate) fn row(error: toml::de::Error) -> Self {
        Self::Row(Box::new(error))
    }
}

/// No row has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown provider `{name}`{}", did_you_mean(.closest))]
pub struct UnknownProvider {
    /// The name that was asked for.
    pub name: String,
    /// Ids and aliases that look like it, best first.
    pub closest: Vec<String>,
}

impl Registry {
    /// The embedded rows.
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Registry> = LazyLock::new(|| {
            let mut registry = Registry::default();
            for (file, text) in builtin::FILES {
                Row::from_toml(text)
                    .and_then(|row| registry.add(row))
                    .unwrap_or_else(|error| panic!("embedded provider file {file}: {error:?}"));
            }
            registry
        });
        &BUILTIN
    }

    /// Adds a row.
    pub fn add(&mut self, row: Row) -> Result<(), RegistryError> {
        let index = self.rows.len();
        let mut fresh = Vec::new();
        for name in row.names() {
            let key = normalize_name(name);
            if let Some(&taken) = self.names.get(&key) {
                return Err(RegistryError::SharedName {
                    name: name.to_owned(),
                    first: self.rows[taken].identity.id.clone(),
                    second: row.identity.id.clone(),
                });
            }
            fresh.push(key);
        }
        self.names.extend(fresh.into_iter().map(|key| (key, index)));
        self.rows.push(row);
        Ok(())
    }

    /// The row that answers to a name. `custom:https://host/v1` is the row `custom`.
    pub fn resolve(&self, name: &str) -> Result<&Row, UnknownProvider> {
        let bare = inline_base(name).map_or(name, |(kind, _)| kind);
        self.names
            .get(&normalize_name(bare))
            .and_then(|&index| self.rows.get(index))
            .ok_or_else(|| self.unknown(name))
    }

    /// The row for configured providers whose name is their own.
    pub fn generic(&self) -> Option<&Row> {
        self.rows.iter().find(|row| row.identity.generic)
    }

    /// All rows, in the order of their ids for the embedded ones.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter()
    }

    /// The effective provider of a configuration table `[providers.<name>]`.
    ///
    /// `kind` names the row to start from; without it that is the row that answers to `name`, or
    /// the generic one if the table says where to go. `env` looks up a variable.
    pub fn build(
        &self,
        name: &str,
        kind: Option<&str>,
        cells: &ProviderOverride,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Provider, ProviderError> {
        let wanted = kind.unwrap_or(name);
        let row = match self.resolve(wanted) {
            Ok(row) => row,
            Err(unknown) => self
                .generic()
                .filter(|_| kind.is_none() && cells.base.is_some())
                .ok_or(ProviderError::Unknown(unknown))?,
        };
        match inline_base(wanted).filter(|_| cells.base.is_none()) {
            Some((_, base)) => {
                let cells = ProviderOverride {
                    base: Some(base.to_owned()),
                    ..cells.clone()
                };
                Provider::build(name, row, &cells, env)
            }
            None => Provider::build(name, row, cells, env),
        }
    }

    fn unknown(&self, name: &str) -> UnknownProvider {
        let wanted = normalize_name(name);
        let mut scored: Vec<(f64, &str)> = self
            .rows
            .iter()
            .filter_map(|row| {
                row.names()
                    .map(|known| (strsim::jaro_winkler(&wanted, &normalize_name(known)), known))
                    .max_by(|a, b| a.0.total_cmp(&b.0))
            })
            .filter(|(score, _)| *score >= SIMILAR)
            .collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0));
        UnknownProvider {
            name: name.to_owned(),
            closest: scored
                .into_iter()
                .take(SUGGESTIONS)
                .map(|(_, known)| known.to_owned())
                .collect(),
        }
    }
}

/// A name as it is compared: lower case, without `-`, `_`, `.` and white space.
pub fn normalize_name(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '-' | '_' | '.') && !c.is_whitespace())
        .flat_map(char::to_lowercase)
        .collect()
}

/// Splits `custom:https://host/v1` into kind and base.
fn inline_base(name: &str) -> Option<(&str, &str)> {
    name.split_once(':')
        .filter(|(_, base)| base.contains("://"))
}

fn did_you_mean(closest: &[String]) -> String {
    if closest.is_empty() {
        return "; `proxai providers` lists the known ones".to_owned();
    }
    let list: Vec<String> = closest.iter().map(|name| format!("`{name}`")).collect();
    format!("; did you mean {}?", list.join(" or "))
}
