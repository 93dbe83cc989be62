//! Keys: from the text, from a file, or from the variable that the registry names.
//!
//! Invariant: a variable's key goes only to the host that it belongs to. Whoever points a
//! built-in provider at another host must say which key that host is to see.

use std::path::{Path, PathBuf};

use proxai_providers::{Key, Provider, Row, Secret, Url, glob};

use super::Build;
use crate::options::SecretOptions;

impl Build<'_> {
    /// The keys of a table: those it names, else the one of the registry's variable.
    pub(super) fn keys(
        &mut self,
        provider: &Provider,
        row: Option<&Row>,
        own: &[(&SecretOptions, Vec<String>)],
        rebased: bool,
    ) -> Vec<Key> {
        if !own.is_empty() {
            for (secret, key) in own {
                self.check_mode(secret, key);
            }
            return own
                .iter()
                .filter_map(|(secret, key)| self.secret(secret, key))
                .filter(|secret| !secret.is_empty())
                .map(Key::from)
                .collect();
        }
        let found = provider.key_from_env(&|name| self.sources.var(name));
        let belongs = !rebased || row.is_none_or(|row| same_host(row, &provider.base));
        found.filter(|_| belongs).into_iter().collect()
    }

    /// Warns once per file if others can read the key in it (Z2).
    fn check_mode(&mut self, secret: &SecretOptions, key: &[String]) {
        let file = self.layers.file.as_ref();
        let path = match secret {
            SecretOptions::File(path) => self.beside(Path::new(path)),
            SecretOptions::Text(_) => {
                let written = file.and_then(|file| file.written(key));
                match (file, written) {
                    // A variable's name is no secret.
                    (Some(file), Some(written)) if !written.contains("${") => file.path.clone(),
                    _ => return,
                }
            }
        };
        let shown = path.display().to_string();
        let message = format!("others can read the key in {shown}");
        let told = self.warnings.iter().any(|known| known.message == message);
        if !told && self.sources.open_to_others(&path) {
            let mut warning = self.layers.problem(key, message);
            warning.hint = Some(format!("chmod 600 {shown}"));
            self.warnings.push(warning);
        }
    }

    /// A path of the configuration, which is meant from the folder of its file.
    fn beside(&self, path: &Path) -> PathBuf {
        let file = self.layers.file.as_ref();
        let folder = file.and_then(|file| file.path.parent());
        folder.map_or_else(|| path.to_owned(), |folder| folder.join(path))
    }

    /// The text of a secret. A file that cannot be read is a problem at `key`.
    pub(super) fn secret(&mut self, secret: &SecretOptions, key: &[String]) -> Option<Secret> {
        let path = match secret {
            SecretOptions::Text(text) => return Some(Secret::from(text.as_str())),
            SecretOptions::File(path) => Path::new(path),
        };
        let path = self.beside(path);
        let text = self.sources.read(&path);
        self.files.push(path.clone());
        match text {
            Ok(text) => Some(Secret::from(text)),
            Err(error) => {
                let message = format!("cannot read the file {}: {error}", path.display());
                let problem = self.layers.problem(key, message);
                self.report(problem);
                None
            }
        }
    }
}

/// Whether a base is on the host of a row. Rows without a host of their own, and servers on this
/// machine, are wherever they are configured to be.
fn same_host(row: &Row, base: &Url) -> bool {
    let Some(of_row) = &row.cells.base else {
        return true;
    };
    if row.cells.local == Some(true) {
        return true;
    }
    let after_scheme = of_row
        .split_once("://")
        .map_or(of_row.as_str(), |(_, rest)| rest);
    let host = after_scheme.split(['/', '?', '#']).next().unwrap_or("");
    glob::matches(&parameters_as_stars(host), base.host())
}

/// `{resource}.openai.azure.com` stands for any host that it could become.
fn parameters_as_stars(host: &str) -> String {
    let mut out = String::new();
    let mut rest = host;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        out.push('*');
        rest = after.split_once('}').map_or("", |(_, tail)| tail);
    }
    out.push_str(rest);
    out
}
