//! The exceptions to the rules: `xtask/tidy.toml` and `bans.skip` of `deny.toml`.
//!
//! An exception without a reason is refused; so is a key that is not known here, since a
//! misspelt exception would otherwise be no exception.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

#[derive(Debug, Default)]
pub(super) struct Exceptions {
    words: Vec<Word>,
    pub(super) skip: Vec<Skip>,
}

/// A provider's id that code may write, because it is also a word of its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    word: String,
    /// The beginning of the paths it is allowed in; everywhere if left out.
    #[serde(default)]
    under: String,
    reason: String,
}

/// A version of a crate that may exist beside another one.
#[derive(Debug)]
pub(super) struct Skip {
    pub(super) name: String,
    /// `2` for all of 2.x.y; empty for any.
    version: String,
}

impl Skip {
    pub(super) fn matches(&self, name: &str, version: &str) -> bool {
        let rest = version.strip_prefix(&self.version);
        self.name == name
            && (self.version.is_empty() || rest.is_some_and(|r| r.is_empty() || r.starts_with('.')))
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tidy {
    #[serde(default)]
    word: Vec<Word>,
}

#[derive(Debug, Default, Deserialize)]
struct Deny {
    #[serde(default)]
    bans: Bans,
}

#[derive(Debug, Default, Deserialize)]
struct Bans {
    #[serde(default)]
    skip: Vec<DenySkip>,
}

#[derive(Debug, Deserialize)]
struct DenySkip {
    #[serde(rename = "crate")]
    spec: String,
    #[serde(default)]
    reason: String,
}

impl Exceptions {
    pub(super) fn read(root: &Path) -> Result<Self> {
        let read = |path: &str| {
            std::fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {path}"))
        };
        Self::parse(&read("xtask/tidy.toml")?, &read("deny.toml")?)
    }

    pub(super) fn parse(tidy: &str, deny: &str) -> Result<Self> {
        let tidy: Tidy = toml::from_str(tidy).context("cannot read xtask/tidy.toml")?;
        let deny: Deny = toml::from_str(deny).context("cannot read deny.toml")?;
        for word in &tidy.word {
            ensure!(
                !word.reason.trim().is_empty(),
                "xtask/tidy.toml: the word \"{}\" needs a reason",
                word.word
            );
        }
        let mut skip = Vec::new();
        for entry in deny.bans.skip {
            ensure!(
                !entry.reason.trim().is_empty(),
                "deny.toml: `bans.skip` for {} needs a reason",
                entry.spec
            );
            let (name, version) = entry.spec.split_once('@').unwrap_or((&entry.spec, ""));
            skip.push(Skip {
                name: name.to_owned(),
                version: version.trim_start_matches('=').to_owned(),
            });
        }
        Ok(Self {
            words: tidy.word,
            skip,
        })
    }

    pub(super) fn allows_word(&self, word: &str, path: &str) -> bool {
        self.words
            .iter()
            .any(|allowed| allowed.word == word && path.starts_with(&allowed.under))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_matches_itself_and_what_it_leaves_open() {
        let skip = |version: &str| Skip {
            name: "syn".to_owned(),
            version: version.to_owned(),
        };
        assert!(skip("2").matches("syn", "2.0.119"));
        assert!(skip("2.0.119").matches("syn", "2.0.119"));
        assert!(skip("").matches("syn", "3.0.0"));
        assert!(!skip("2").matches("syn", "20.0.0"));
        assert!(!skip("2").matches("syn-mid", "2.0.0"));
    }

    #[test]
    fn an_exception_without_a_reason_is_refused() {
        let word = "[[word]]\nword = \"x\"\nreason = \" \"";
        assert!(Exceptions::parse(word, "").is_err());
        let skip = "[bans]\nskip = [{ crate = \"syn@2\" }]";
        assert!(Exceptions::parse("", skip).is_err());
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        let word = "[[word]]\nword = \"x\"\nwhere = \"y\"\nreason = \"z\"";
        assert!(Exceptions::parse(word, "").is_err());
    }
}
