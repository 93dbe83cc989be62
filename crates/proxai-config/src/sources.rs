//! Where a configuration comes from: files and variables, behind one small trait.
//!
//! Nothing else in this crate touches the file system or the environment, so that every test says
//! in one place what there is, and a reload can be tried out on paper.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The largest file that is read, a configuration or a key. Larger ones are somebody's mistake.
pub const MAX_FILE_BYTES: u64 = 4 << 20;

/// Files and environment variables.
pub trait Sources {
    /// The value of a variable, if it is set and is text.
    fn var(&self, name: &str) -> Option<String>;

    /// All variables whose name begins with `prefix`.
    fn vars(&self, prefix: &str) -> Vec<(String, String)>;

    /// The content of a file.
    fn read(&self, path: &Path) -> io::Result<String>;

    /// Whether other users of this machine can read a file (Z2). Where nobody can tell, they
    /// cannot.
    fn open_to_others(&self, path: &Path) -> bool {
        let _ = path;
        false
    }

    /// The user's own folder.
    fn home(&self) -> Option<PathBuf> {
        self.var("HOME")
            .or_else(|| self.var("USERPROFILE"))
            .filter(|home| !home.is_empty())
            .map(PathBuf::from)
    }
}

/// The real environment and file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Sources for System {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn vars(&self, prefix: &str) -> Vec<(String, String)> {
        // `vars_os`: `vars` panics on a variable that is not text.
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with(prefix))
            .collect()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        let mut text = String::new();
        std::fs::File::open(path)?
            .take(MAX_FILE_BYTES + 1)
            .read_to_string(&mut text)?;
        if text.len() as u64 > MAX_FILE_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("larger than {MAX_FILE_BYTES} bytes"),
            ));
        }
        Ok(text)
    }

    #[cfg(unix)]
    fn open_to_others(&self, path: &Path) -> bool {
        use std::os::unix::fs::PermissionsExt;
        /// Reading, for the group and for everybody.
        const OTHERS_READ: u32 = 0o044;
        std::fs::metadata(path)
            .is_ok_and(|metadata| metadata.permissions().mode() & OTHERS_READ != 0)
    }
}

/// An environment made of values, for tests and for checking a configuration from elsewhere.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// The variables.
    pub vars: BTreeMap<String, String>,
    /// The files.
    pub files: BTreeMap<PathBuf, String>,
    /// Those of the files that other users can read.
    pub open: BTreeSet<PathBuf>,
}

impl Memory {
    /// Adds a variable.
    #[must_use]
    pub fn with_var(mut self, name: &str, value: &str) -> Self {
        self.vars.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Adds a file.
    #[must_use]
    pub fn with_file(mut self, path: impl Into<PathBuf>, text: &str) -> Self {
        self.files.insert(path.into(), text.to_owned());
        self
    }

    /// Adds a file that other users can read.
    #[must_use]
    pub fn with_open_file(mut self, path: impl Into<PathBuf>, text: &str) -> Self {
        let path = path.into();
        self.open.insert(path.clone());
        self.with_file(path, text)
    }
}

impl Sources for Memory {
    fn var(&self, name: &str) -> Option<String> {
        self.vars.get(name).cloned()
    }

    fn vars(&self, prefix: &str) -> Vec<(String, String)> {
        self.vars
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    fn read(&self, path: &Path) -> io::Result<String> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn open_to_others(&self, path: &Path) -> bool {
        self.open.contains(path)
    }
}
