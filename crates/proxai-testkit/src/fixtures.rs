//! Loads the cases under `fixtures/` at the root of the repository.
//!
//! A case is a folder: `case.toml` says what happens and what must come of it, the files beside it
//! are what was sent. Their names carry the protocol: `request.chat.json`, `upstream.messages.sse`.
//! Every mistake in a case panics with its folder and what to change, because a case that is
//! skipped looks like one that passes.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use proxai_types::Protocol;
use serde::Deserialize;

/// A JSON value that a case expects somewhere.
pub type Value = serde_json::Value;

/// Facts by JSON pointer.
pub type Facts = BTreeMap<String, Value>;

/// What a case is about; also the folder it lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An upstream's stream.
    Stream,
    /// An upstream's whole answer.
    Unary,
    /// A client's request.
    Request,
    /// An upstream's error.
    Error,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Stream, Self::Unary, Self::Request, Self::Error];

    /// The folder of its cases.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Unary => "unary",
            Self::Request => "request",
            Self::Error => "error",
        }
    }
}

/// `case.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// What happens, in a few words.
    pub title: String,
    /// What happens and what must come of it.
    pub what: String,
    /// Numbers of the translation cases it covers.
    #[serde(default)]
    pub cases: Vec<u16>,
    /// Requirements it covers.
    #[serde(default)]
    pub spec: Vec<String>,
    /// The vendor's page that describes the shape.
    pub source: String,
    /// When that page was read.
    pub checked: String,
    /// The HTTP status of an upstream error.
    pub status: Option<u16>,
    /// Names of the abilities that the targets of the request have beside the usual ones.
    #[serde(default)]
    pub abilities: Vec<String>,
    /// What must come of it.
    #[serde(default)]
    pub expect: Expect,
}

/// What must come of a case. The keys of the maps are protocol names: targets for what concerns a
/// request, clients for what concerns an answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// Path prefixes of all losses of the request, for each target.
    pub losses: BTreeMap<String, Vec<String>>,
    /// Targets that cannot take the request, with the path that is named.
    pub refused: BTreeMap<String, String>,
    /// Facts about the request each target gets.
    pub request: BTreeMap<String, Facts>,
    /// Pointers that must not be in the request each target gets.
    pub absent: BTreeMap<String, Vec<String>>,
    /// Path prefixes of all losses of the answer, for each client.
    pub reply_losses: BTreeMap<String, Vec<String>>,
    /// Codes of the errors that end the streams of clients which cannot take this answer.
    pub cannot_stream: BTreeMap<String, String>,
    /// Facts about the JSON answer each client gets.
    pub client: BTreeMap<String, Facts>,
    /// What every client must read in the answer.
    pub answer: Option<Answer>,
    /// What every client must read in the error.
    pub failure: Option<FailureFacts>,
}

/// What every client must read in an answer, whatever it speaks.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answer {
    /// All text, joined.
    pub text: Option<String>,
    /// All reasoning text, joined.
    pub reasoning: Option<String>,
    /// The refusal, or for Messages the text in its place.
    pub refusal: Option<String>,
    /// The client's tool calls: name, a space, JSON arguments or free text.
    pub tools: Option<Vec<String>>,
    /// Searches that the provider ran: what was searched for, then the addresses found. Chat does
    /// not show them.
    pub searches: Option<Vec<String>>,
    /// Addresses that the text cites.
    pub cited: Option<Vec<String>>,
    /// The stop reason in each client's words.
    pub stop: BTreeMap<String, String>,
    /// The whole prompt, cache included.
    pub input: Option<u64>,
    /// Everything generated.
    pub output: Option<u64>,
    /// Prompt tokens read from a cache.
    pub cached: Option<u64>,
    /// Reasoning tokens, for the protocols that count them.
    pub reasoning_tokens: Option<u64>,
}

/// What every client must read in an error.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FailureFacts {
    /// The hub's kind, by its Rust name.
    pub kind: Option<String>,
    /// Text that the message contains.
    pub message: Option<String>,
    /// The status the client gets.
    pub status: Option<u16>,
    /// The type or code in each client's words.
    pub code: BTreeMap<String, String>,
}

/// A file that was sent.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Who speaks so.
    pub protocol: Protocol,
    /// The end of its name, such as `json`.
    pub extension: String,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// One folder.
#[derive(Clone, Debug)]
pub struct Case {
    /// What it is about.
    pub kind: Kind,
    /// Its folder's name.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// What happens.
    pub about: About,
    /// What the client sent; for answers a request that fits them, if there is one.
    pub request: Option<Sent>,
    /// What the upstream sent.
    pub upstream: Option<Sent>,
}

impl Case {
    /// What the client sent.
    pub fn request(&self) -> &Sent {
        self.request
            .as_ref()
            .unwrap_or_else(|| panic!("{self}: add request.<protocol>.json"))
    }

    /// What the upstream sent.
    pub fn upstream(&self) -> &Sent {
        self.upstream
            .as_ref()
            .unwrap_or_else(|| panic!("{self}: add upstream.<protocol>.<sse, json, html or txt>"))
    }

    /// The folder of its goldens.
    pub fn goldens(&self) -> PathBuf {
        self.folder.join("golden")
    }

    fn load(kind: Kind, folder: &Path) -> Self {
        let name = file_name(folder);
        let path = folder.join("case.toml");
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let about: About =
            toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut case = Self {
            kind,
            name,
            folder: folder.to_owned(),
            about,
            request: None,
            upstream: None,
        };
        for file in entries(folder) {
            case.take(&file);
        }
        let whole = match kind {
            Kind::Request => &case.request,
            Kind::Stream | Kind::Unary | Kind::Error => &case.upstream,
        };
        assert!(
            whole.is_some(),
            "{case}: a file is missing beside case.toml"
        );
        assert!(
            kind != Kind::Error || case.about.status.is_some(),
            "{case}: add `status`"
        );
        case
    }

    fn take(&mut self, file: &Path) {
        let name = file_name(file);
        let mut parts = name.splitn(3, '.');
        let (what, protocol, extension) = (parts.next(), parts.next(), parts.next());
        let slot = match what {
            Some("request") => &mut self.request,
            Some("upstream") => &mut self.upstream,
            _ if name == "case.toml" || file.is_dir() && name == "golden" => return,
            _ => panic!("{}: not a file of a case", file.display()),
        };
        let (Some(protocol), Some(extension)) = (protocol, extension) else {
            panic!("{}: name it <what>.<protocol>.<kind>", file.display())
        };
        assert!(slot.is_none(), "{}: there are two", file.display());
        *slot = Some(Sent {
            protocol: protocol
                .parse()
                .unwrap_or_else(|error| panic!("{}: {error}", file.display())),
            extension: extension.to_owned(),
            body: fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display())),
        });
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind.folder(), self.name)
    }
}

/// All cases of a kind, by name.
///
/// # Panics
///
/// If there is none, or one is not as it should be.
pub fn cases(kind: Kind) -> Vec<Case> {
    let cases: Vec<Case> = entries(&root().join(kind.folder()))
        .iter()
        .map(|folder| Case::load(kind, folder))
        .collect();
    assert!(!cases.is_empty(), "no cases under {}", kind.folder());
    cases
}

/// The files that hold streams with unusual framing: name and bytes, by name.
pub fn framings() -> Vec<(String, Vec<u8>)> {
    entries(&root().join("sse"))
        .into_iter()
        .filter(|path| path.is_file())
        .map(|path| {
            let body = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            (file_name(&path), body)
        })
        .collect()
}

/// `fixtures/`.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures")
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let listing =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = listing
        .map(|entry| entry.expect("a listed folder can be read").path())
        .filter(|path| !file_name(path).starts_with('.'))
        .collect();
    paths.sort();
    paths
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_loads_and_cites_what_it_covers() {
        for kind in Kind::ALL {
            for case in cases(kind) {
                let covers = !case.about.cases.is_empty() || !case.about.spec.is_empty();
                assert!(covers, "{case}: cite `cases` or `spec`");
                assert!(case.about.source.starts_with("https://"), "{case}: source");
                assert!(case.about.cases.iter().all(|n| (1..=118).contains(n)));
            }
        }
    }

    #[test]
    fn protocol_names_in_expectations_exist() {
        for case in Kind::ALL.into_iter().flat_map(cases) {
            let expect = &case.about.expect;
            let names = (expect.losses.keys())
                .chain(expect.refused.keys())
                .chain(expect.request.keys())
                .chain(expect.absent.keys())
                .chain(expect.reply_losses.keys())
                .chain(expect.cannot_stream.keys())
                .chain(expect.client.keys());
            for name in names {
                assert!(name.parse::<Protocol>().is_ok(), "{case}: {name}");
            }
        }
    }
}
