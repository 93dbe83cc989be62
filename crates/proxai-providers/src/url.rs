//! A base URL, split just far enough to derive its siblings.
//!
//! This is no general URL parser: it accepts what a person writes into a configuration file and
//! refuses with advice what cannot be a base URL. User information is refused, since a key in a
//! URL ends up in logs. A fragment is dropped: it never reaches a server.

use std::fmt;

/// Longest base URL that is accepted; real ones stay below 300 bytes.
const MAX_URL_BYTES: usize = 4096;

/// The schemes an upstream can be reached by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain text, usual for local servers.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// The scheme as it is written before `://`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// An absolute URL: scheme, authority, path and query.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Url {
    scheme: Scheme,
    /// Host in lower case with an optional port; never user information.
    authority: String,
    /// Empty, or begins with `/`.
    path: String,
    /// Without the `?`; `Some` is never empty.
    query: Option<String>,
}

/// Why a text is not a usable base URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Nothing was given.
    #[error("the base URL is empty")]
    Empty,
    /// `localhost:8000/v1`.
    #[error("`{given}` has no scheme; write `{suggestion}`")]
    MissingScheme {
        /// What was given.
        given: String,
        /// The same with the scheme that is likely meant.
        suggestion: String,
    },
    /// `ftp://…`.
    #[error("`{scheme}://` cannot be used; write `https://` or `http://`")]
    UnsupportedScheme {
        /// The scheme that was given.
        scheme: String,
    },
    /// `https:///v1`.
    #[error("`{given}` names no host")]
    MissingHost {
        /// What was given.
        given: String,
    },
    /// `https://user:key@host`. The text is not repeated: it may hold a key.
    #[error("the base URL holds user information before `@`; put the key into `api_key`")]
    UserInformation,
    /// A port that is not a number below 65536.
    #[error("`{authority}` has no valid port")]
    BadPort {
        /// Host and port as given.
        authority: String,
    },
    /// A space, control character, backslash, quote or unfilled `{parameter}`.
    #[error("the base URL holds {character:?}, which a URL cannot hold")]
    BadCharacter {
        /// The first such character.
        character: char,
    },
    /// Over the bound.
    #[error("the base URL is longer than {MAX_URL_BYTES} bytes")]
    TooLong,
}

impl Url {
    /// Splits a URL as written by a person.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(UrlError::Empty);
        }
        if text.len() > MAX_URL_BYTES {
            return Err(UrlError::TooLong);
        }
        if let Some(character) = text.chars().find(|c| {
            c.is_whitespace() || c.is_control() || "\\\"<>`{}|^".contains(*c) || !c.is_ascii()
        }) {
            return Err(UrlError::BadCharacter { character });
        }
        let (scheme, rest) = split_scheme(text)?;
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        let authority = check_authority(authority, text)?;
        let (path, query) = match tail.split_once('?') {
            Some((path, query)) => (path, (!query.is_empty()).then(|| query.to_owned())),
            None => (tail, None),
        };
        Ok(Self {
            scheme,
            authority,
            path: path.to_owned(),
            query,
        })
    }

    /// `http` or `https`.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Host and port, as a `Host` header shows them.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The host alone; IPv6 addresses keep their brackets.
    pub fn host(&self) -> &str {
        split_port(&self.authority).0
    }

    /// The path: empty, or beginning with `/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query without its `?`.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// Scheme and authority, `https://host:port`.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme.as_str(), self.authority)
    }

    /// The path and query as they stand in a request line; `/` if the path is empty.
    pub fn path_and_query(&self) -> String {
        let path = if self.path.is_empty() {
            "/"
        } else {
            &self.path
        };
        match &self.query {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        }
    }

    /// The same URL with another path.
    #[must_use]
    pub fn with_path(&self, path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            ..self.clone()
        }
    }

    /// Appends to the query; what is there already stays first (`?api-version=…&beta=true`).
    #[must_use]
    pub fn with_more_query(mut self, more: &str) -> Self {
        let more = more.trim_start_matches('?');
        if !more.is_empty() {
            self.query = Some(match self.query.take() {
                Some(query) => format!("{query}&{more}"),
                None => more.to_owned(),
            });
        }
        self
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}://{}{}",
            self.scheme.as_str(),
            self.authority,
            self.path
        )?;
        match &self.query {
            Some(query) => write!(f, "?{query}"),
            None => Ok(()),
        }
    }
}

fn split_scheme(text: &str) -> Result<(Scheme, &str), UrlError> {
    let Some((scheme, rest)) = text.split_once("://") else {
        let host = text.trim_start_matches('/');
        let scheme = if is_local(host) {
            Scheme::Http
        } else {
            Scheme::Https
        };
        return Err(if host.contains('@') {
            UrlError::UserInformation
        } else {
            UrlError::MissingScheme {
                given: text.to_owned(),
                suggestion: format!("{}://{host}", scheme.as_str()),
            }
        });
    };
    if scheme.eq_ignore_ascii_case("https") {
        Ok((Scheme::Https, rest))
    } else if scheme.eq_ignore_ascii_case("http") {
        Ok((Scheme::Http, rest))
    } else {
        Err(UrlError::UnsupportedScheme {
            scheme: scheme.to_owned(),
        })
    }
}

/// Only chooses which scheme an error message suggests.
fn is_local(host: &str) -> bool {
    ["localhost", "127.", "192.168.", "10.", "[::1]", "0.0.0.0"]
        .iter()
        .any(|p| host.starts_with(p))
}

fn check_authority(authority: &str, whole: &str) -> Result<String, UrlError> {
    if authority.contains('@') {
        return Err(UrlError::UserInformation);
    }
    let (host, port) = split_port(authority);
    if host.is_empty() || host == "[]" {
        return Err(UrlError::MissingHost {
            given: whole.to_owned(),
        });
    }
    if port.is_some_and(|p| p.parse::<u16>().is_err())
        || (!host.starts_with('[') && host.contains(':'))
    {
        return Err(UrlError::BadPort {
            authority: authority.to_owned(),
        });
    }
    Ok(authority.to_ascii_lowercase())
}

/// Host and port text. The colons of a bracketed IPv6 address are not a port.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    let after_bracket = authority.rfind(']').map_or(0, |at| at + 1);
    match authority
        .get(after_bracket..)
        .and_then(|rest| rest.rfind(':'))
    {
        Some(colon) => {
            let (host, port) = authority.split_at(after_bracket + colon);
            (host, Some(port.trim_start_matches(':')))
        }
        None => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_splits_into_its_parts() {
        let url =
            Url::parse("  HTTPS://Api.Example.COM:8443/OpenAI/v1/?api-version=2024-10-21#top ")
                .unwrap();
        assert_eq!(url.scheme(), Scheme::Https);
        assert_eq!(url.authority(), "api.example.com:8443");
        assert_eq!(url.host(), "api.example.com");
        assert_eq!(url.path(), "/OpenAI/v1/", "paths keep their case");
        assert_eq!(url.query(), Some("api-version=2024-10-21"));
        assert_eq!(
            url.to_string(),
            "https://api.example.com:8443/OpenAI/v1/?api-version=2024-10-21"
        );
        let six = Url::parse("http://[::1]:11434").unwrap();
        assert_eq!((six.host(), six.path_and_query().as_str()), ("[::1]", "/"));
        assert_eq!(
            Url::parse("http://[fe80::1]/v1").unwrap().host(),
            "[fe80::1]"
        );
    }

    #[test]
    fn an_unusable_url_says_what_to_write_instead() {
        for (given, words) in [
            ("", "empty"),
            ("localhost:8000/v1", "write `http://localhost:8000/v1`"),
            ("api.example.com/v1", "write `https://api.example.com/v1`"),
            ("//api.example.com", "write `https://api.example.com`"),
            ("ftp://host", "`ftp://` cannot be used"),
            ("https://", "names no host"),
            ("https:///v1", "names no host"),
            ("https://host:99999/v1", "no valid port"),
            ("https://host:/v1", "no valid port"),
            ("https://fe80::1/v1", "no valid port"),
            ("https://{resource}.example.com", "'{'"),
            ("https://ho st/v1", "' '"),
        ] {
            let error = Url::parse(given).unwrap_err().to_string();
            assert!(error.contains(words), "{given}: {error}");
        }
    }

    #[test]
    fn a_key_inside_a_url_is_refused_without_being_repeated() {
        for given in ["https://me:hunter2@host/v1", "me:hunter2@host/v1"] {
            let error = Url::parse(given).unwrap_err().to_string();
            assert!(
                error.contains("api_key") && !error.contains("hunter2"),
                "{error}"
            );
        }
    }

    #[test]
    fn queries_are_joined_in_order() {
        let url = Url::parse("https://h/v1?api-version=1").unwrap();
        assert_eq!(
            url.clone().with_more_query("?beta=true").query(),
            Some("api-version=1&beta=true")
        );
        assert_eq!(url.with_more_query("").query(), Some("api-version=1"));
    }
}
