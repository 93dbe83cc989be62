//! Derives every endpoint of an upstream from one base URL (P2).
//!
//! A base may be a bare host, end in a version segment, or be the full URL of one endpoint. It is
//! first reduced to its stem (the part that all endpoints share), then the wanted endpoint is
//! appended. The two vendors differ in where the version belongs: OpenAI's SDKs expect it in the
//! base, Anthropic's append `/v1/messages` themselves; both spellings work here.
//!
//! A client path is refused when it could climb out of the stem: it would carry our key to a part
//! of the vendor's host that nobody chose.

use std::borrow::Cow;

use proxai_types::{Operation, Protocol};

use crate::url::{Url, UrlError};

/// The path that a bare host gets when the registry knows no better.
pub const DEFAULT_PATH: &str = "/v1";

/// Full endpoints that a base may end in, longest first.
const ENDPOINTS: [&str; 7] = [
    "/chat/completions",
    "/messages/count_tokens",
    "/completions",
    "/responses",
    "/messages",
    "/embeddings",
    "/models",
];

/// What is asked of an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource<'a> {
    /// A model answer through one protocol.
    Generate(Protocol),
    /// Token counting beside the Messages endpoint.
    CountTokens,
    /// Embeddings.
    Embeddings,
    /// The list of models.
    Models,
    /// Any other path as the client wrote it, with or without `/v1` (E5, E7).
    Path(&'a str),
}

impl<'a> Resource<'a> {
    /// The resource of an operation; `path` is the client's path and only matters for
    /// [`Operation::Other`] and for items below a list, such as `/v1/models/{id}`.
    pub fn of(operation: Operation, path: &'a str) -> Self {
        match operation {
            Operation::Generate(protocol) => Self::Generate(protocol),
            Operation::CountTokens => Self::CountTokens,
            Operation::Embeddings => Self::Embeddings,
            Operation::Models if is_item(path) => Self::Path(path),
            Operation::Models => Self::Models,
            _ => Self::Path(path),
        }
    }

    /// The protocol whose endpoint this lies beside: `/v1/responses/{id}` belongs to Responses.
    pub fn family(self) -> Protocol {
        match self {
            Self::Generate(protocol) => protocol,
            Self::CountTokens => Protocol::Messages,
            Self::Embeddings | Self::Models => Protocol::Chat,
            Self::Path(path) => match without_version(path).trim_matches('/').split('/').next() {
                Some("responses") => Protocol::Responses,
                Some("messages") => Protocol::Messages,
                _ => Protocol::Chat,
            },
        }
    }

    /// The path below the stem.
    fn suffix(self) -> Cow<'a, str> {
        match self {
            Self::Generate(protocol) => protocol.path().into(),
            Self::CountTokens => "/messages/count_tokens".into(),
            Self::Embeddings => "/embeddings".into(),
            Self::Models => "/models".into(),
            Self::Path(path) => {
                format!("/{}", without_version(path).trim_start_matches('/')).into()
            }
        }
    }
}

/// Why no endpoint can be derived.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The base is not a URL.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The client's path holds `..`, plain or encoded.
    #[error("the path `{path}` leaves the upstream's base path; remove the `.` and `..` segments")]
    Climbs {
        /// The path that the client sent.
        path: String,
    },
    /// The client's path is not one.
    #[error("the path {path:?} holds characters that a request line cannot hold")]
    BadPath {
        /// The path that the client sent.
        path: String,
    },
    /// The provider has no such endpoint.
    #[error("provider `{provider}` has no {protocol} endpoint")]
    NotSpoken {
        /// The provider's name.
        provider: String,
        /// The protocol that was asked for.
        protocol: Protocol,
    },
}

/// The part of a base URL that all its endpoints share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stem {
    url: Url,
    /// The base was the full URL of this endpoint, as written.
    full: Option<(&'static str, String)>,
}

impl Stem {
    /// Reduces a base to its stem. `known_path` is the path the registry has for this provider
    /// (`/openai/v1`): a base that stops short of it is completed.
    pub fn new(base: &Url, known_path: &str) -> Self {
        let path = base.path().trim_end_matches('/');
        if let Some((stem, endpoint)) = split_endpoint(path) {
            return Self {
                url: base.with_path(stem),
                full: Some((endpoint, path.to_owned())),
            };
        }
        let completes = known_path
            .get(..path.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(path))
            && known_path
                .get(path.len()..)
                .is_some_and(|rest| rest.starts_with('/'));
        let stem = if completes { known_path } else { path };
        Self {
            url: base.with_path(stem),
            full: None,
        }
    }

    /// The URL of one resource. The base's query is kept, a client's is the caller's to append.
    pub fn url(&self, resource: Resource<'_>) -> Result<Url, EndpointError> {
        self.url_as(resource.family(), resource)
    }

    /// The URL of a resource below the stem of another protocol's endpoint: the list of models
    /// beside a Messages endpoint follows Anthropic's convention.
    pub fn url_as(&self, family: Protocol, resource: Resource<'_>) -> Result<Url, EndpointError> {
        if let Resource::Path(path) = resource {
            check_path(path)?;
        }
        let suffix = resource.suffix();
        if let Some((endpoint, path)) = &self.full
            && *endpoint == suffix
        {
            return Ok(self.url.with_path(path.clone()));
        }
        let stem = self.url.path();
        // Anthropic's convention: a base without a version gets one. A full endpoint URL shows
        // its version or deliberately has none.
        let version =
            if family == Protocol::Messages && self.full.is_none() && !ends_in_version(stem) {
                DEFAULT_PATH
            } else {
                ""
            };
        Ok(self.url.with_path(format!("{stem}{version}{suffix}")))
    }

    /// The resource whose full URL the base was, if it was one.
    pub fn is_full_url_of(&self, resource: Resource<'_>) -> bool {
        self.full
            .as_ref()
            .is_some_and(|(endpoint, _)| *endpoint == resource.suffix())
    }

    /// The stem as a URL.
    pub fn as_url(&self) -> &Url {
        &self.url
    }
}

/// Derives the URL of a resource from a base URL alone, with [`DEFAULT_PATH`] for a bare host.
///
/// ```
/// use proxai_providers::endpoint::{Resource, derive};
/// use proxai_types::Protocol;
///
/// let url = derive("https://api.example.com/v1/models", Resource::Generate(Protocol::Chat));
/// assert_eq!(url.unwrap().to_string(), "https://api.example.com/v1/chat/completions");
/// ```
pub fn derive(base: &str, resource: Resource<'_>) -> Result<Url, EndpointError> {
    Stem::new(&Url::parse(base)?, DEFAULT_PATH).url(resource)
}

fn split_endpoint(path: &str) -> Option<(&str, &'static str)> {
    ENDPOINTS.into_iter().find_map(|endpoint| {
        let (stem, tail) = path.split_at_checked(path.len().checked_sub(endpoint.len())?)?;
        tail.eq_ignore_ascii_case(endpoint)
            .then(|| (stem.trim_end_matches('/'), endpoint))
    })
}

/// `v1`, `v2`, `v1beta`, `v1.1`; not `vertex`.
fn is_version(segment: &str) -> bool {
    let mut characters = segment.chars();
    characters
        .next()
        .is_some_and(|c| c.eq_ignore_ascii_case(&'v'))
        && characters.next().is_some_and(|c| c.is_ascii_digit())
}

fn ends_in_version(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(is_version)
}

/// A client writes `/v1/x` or `/x`; the version of the upstream is in its stem.
fn without_version(path: &str) -> &str {
    let trimmed = path.trim_start_matches('/');
    match trimmed.split_once('/') {
        Some(("v1", rest)) => rest,
        _ => trimmed,
    }
}

fn is_item(path: &str) -> bool {
    without_version(path).trim_matches('/').contains('/')
}

fn check_path(path: &str) -> Result<(), EndpointError> {
    if path
        .bytes()
        .any(|b| b <= b' ' || b == 0x7f || b == b'\\' || b == b'#' || b == b'?')
    {
        return Err(EndpointError::BadPath {
            path: path.to_owned(),
        });
    }
    let lower = path
        .to_ascii_lowercase()
        .replace("%2e", ".")
        .replace("%2f", "/")
        .replace("%5c", "/");
    if lower
        .split('/')
        .any(|segment| segment == "." || segment == "..")
    {
        return Err(EndpointError::Climbs {
            path: path.to_owned(),
        });
    }
    Ok(())
}
