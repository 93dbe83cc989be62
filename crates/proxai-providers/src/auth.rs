//! Puts a key where a provider looks for it (P3).
//!
//! Every client's own credential stops at the gateway ([`crate::headers`]); what goes upstream
//! comes from here and from a row's static headers alone.

use std::fmt;

use crate::row::{AuthCells, StyleName};
use crate::secret::Secret;

/// The header that names the version of the Messages API.
pub const ANTHROPIC_VERSION_HEADER: &str = "anthropic-version";

/// Its value where the client sent none. There has been no other since.
/// <https://docs.claude.com/en/api/versioning> (2026-08)
pub const ANTHROPIC_VERSION: &str = "2023-06-01";

/// Where the key goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AuthStyle {
    /// `Authorization: Bearer <key>`.
    #[default]
    Bearer,
    /// `x-api-key: <key>`.
    XApiKey,
    /// `api-key: <key>`.
    ApiKey,
    /// A header of the provider's own.
    Header {
        /// Its name, in lower case.
        name: String,
        /// What comes before the key, usually nothing.
        prefix: String,
    },
    /// A query parameter.
    Query {
        /// Its name.
        name: String,
    },
    /// Nowhere: the key is not used.
    None,
}

/// Why a key cannot be applied, or a style is incomplete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The provider needs a key and there is none.
    #[error("provider `{provider}` needs a key; set `api_key`{}", or_variables(.variables))]
    MissingKey {
        /// The provider's name.
        provider: String,
        /// Variables that would be read.
        variables: Vec<String>,
    },
    /// The key holds control characters or non-ASCII text, often a broken paste.
    #[error("the key holds a character that a header cannot hold; copy it again")]
    UnprintableKey,
    /// `style = "custom"` without a header.
    #[error("auth style `custom` needs `header`, the name of the header that takes the key")]
    MissingHeader,
    /// `style = "query"` without a parameter.
    #[error("auth style `query` needs `param`, the name of the query parameter that takes the key")]
    MissingParam,
    /// The header's name is not one.
    #[error("`{0}` is not a header name")]
    BadHeader(String),
}

/// What to add to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied<'a> {
    /// Nothing.
    Nothing,
    /// A header; its value must be marked sensitive.
    Header {
        /// Its name, in lower case.
        name: &'a str,
        /// Its value.
        value: Secret,
    },
    /// A query parameter, already percent-encoded.
    Query {
        /// `name=value`, to be appended to the query.
        pair: Secret,
    },
}

/// Puts a key where the style says. No key, or an empty one, adds nothing.
///
/// ```
/// use proxai_providers::{Applied, AuthStyle, Secret, auth};
///
/// let applied = auth::apply(&AuthStyle::Bearer, Some(&Secret::new("k"))).unwrap();
/// let Applied::Header { name, value } = applied else { panic!("a header") };
/// assert_eq!((name, value.expose()), ("authorization", "Bearer k"));
/// ```
pub fn apply<'a>(style: &'a AuthStyle, key: Option<&Secret>) -> Result<Applied<'a>, AuthError> {
    let Some(key) = key.filter(|key| !key.is_empty()) else {
        return Ok(Applied::Nothing);
    };
    let text = key.expose();
    if !text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        return Err(AuthError::UnprintableKey);
    }
    Ok(match style {
        AuthStyle::Bearer => {
            // People paste the whole header value.
            let bare = text.strip_prefix("Bearer ").unwrap_or(text);
            Applied::Header {
                name: "authorization",
                value: Secret::new(format!("Bearer {bare}")),
            }
        }
        AuthStyle::XApiKey => Applied::Header {
            name: "x-api-key",
            value: key.clone(),
        },
        AuthStyle::ApiKey => Applied::Header {
            name: "api-key",
            value: key.clone(),
        },
        AuthStyle::Header { name, prefix } => Applied::Header {
            name,
            value: Secret::new(format!("{prefix}{text}")),
        },
        AuthStyle::Query { name } => Applied::Query {
            pair: Secret::new(format!("{}={}", encode(name), encode(text))),
        },
        AuthStyle::None => Applied::Nothing,
    })
}

impl AuthStyle {
    /// Puts the cells of a row together; absent style means [`AuthStyle::Bearer`], or a custom
    /// header or query parameter if one is named.
    pub fn from_cells(cells: &AuthCells) -> Result<Self, AuthError> {
        let style = cells.style.unwrap_or(match (&cells.header, &cells.param) {
            (Some(_), _) => StyleName::Custom,
            (None, Some(_)) => StyleName::Query,
            (None, None) => StyleName::Bearer,
        });
        Ok(match style {
            StyleName::Bearer => Self::Bearer,
            StyleName::XApiKey => Self::XApiKey,
            StyleName::ApiKey => Self::ApiKey,
            StyleName::None => Self::None,
            StyleName::Custom => {
                let name = cells.header.as_deref().ok_or(AuthError::MissingHeader)?;
                if !is_header_name(name) {
                    return Err(AuthError::BadHeader(name.to_owned()));
                }
                Self::Header {
                    name: name.to_ascii_lowercase(),
                    prefix: cells.prefix.clone().unwrap_or_default(),
                }
            }
            StyleName::Query => Self::Query {
                name: cells.param.clone().ok_or(AuthError::MissingParam)?,
            },
        })
    }
}

impl fmt::Display for AuthStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer => f.write_str("bearer"),
            Self::XApiKey => f.write_str("x-api-key"),
            Self::ApiKey => f.write_str("api-key"),
            Self::Header { name, .. } => write!(f, "header {name}"),
            Self::Query { name } => write!(f, "query {name}"),
            Self::None => f.write_str("none"),
        }
    }
}

/// Whether a text is a header name as HTTP defines it.
pub(crate) fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

fn encode(text: &str) -> String {
    use fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    out
}

fn or_variables(variables: &[String]) -> String {
    match variables {
        [] => String::new(),
        [one] => format!(" or the variable {one}"),
        more => format!(" or one of the variables {}", more.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(style: &AuthStyle, key: &str) -> String {
        match apply(style, Some(&Secret::new(key))).unwrap() {
            Applied::Nothing => String::new(),
            Applied::Header { name, value } => format!("{name}: {}", value.expose()),
            Applied::Query { pair } => format!("?{}", pair.expose()),
        }
    }

    #[test]
    fn each_style_puts_the_key_where_it_belongs() {
        let header = AuthStyle::Header {
            name: "x-token".into(),
            prefix: String::new(),
        };
        let prefixed = AuthStyle::Header {
            name: "cf-aig-authorization".into(),
            prefix: "Bearer ".into(),
        };
        let query = AuthStyle::Query { name: "key".into() };
        for (style, expected) in [
            (&AuthStyle::Bearer, "authorization: Bearer a/b+c"),
            (&AuthStyle::XApiKey, "x-api-key: a/b+c"),
            (&AuthStyle::ApiKey, "api-key: a/b+c"),
            (&header, "x-token: a/b+c"),
            (&prefixed, "cf-aig-authorization: Bearer a/b+c"),
            (&query, "?key=a%2Fb%2Bc"),
            (&AuthStyle::None, ""),
        ] {
            assert_eq!(line(style, "a/b+c"), expected);
        }
        assert_eq!(
            line(&AuthStyle::Bearer, "Bearer a"),
            "authorization: Bearer a"
        );
    }

    #[test]
    fn no_key_means_no_header() {
        assert_eq!(apply(&AuthStyle::Bearer, None), Ok(Applied::Nothing));
        assert_eq!(
            apply(&AuthStyle::XApiKey, Some(&Secret::new(" "))),
            Ok(Applied::Nothing)
        );
    }

    #[test]
    fn a_key_that_breaks_the_header_is_refused_and_not_shown() {
        let error = apply(&AuthStyle::Bearer, Some(&Secret::new("sk-1\nx-evil: 1"))).unwrap_err();
        assert_eq!(error, AuthError::UnprintableKey);
        assert!(!error.to_string().contains("sk-1"));
    }

    #[test]
    fn an_incomplete_style_says_what_is_missing() {
        let custom = AuthCells {
            style: Some(StyleName::Custom),
            ..AuthCells::default()
        };
        assert_eq!(
            AuthStyle::from_cells(&custom),
            Err(AuthError::MissingHeader)
        );
        let query = AuthCells {
            style: Some(StyleName::Query),
            ..AuthCells::default()
        };
        assert_eq!(AuthStyle::from_cells(&query), Err(AuthError::MissingParam));
        let named = AuthCells {
            header: Some("X-Key".into()),
            ..AuthCells::default()
        };
        assert_eq!(
            AuthStyle::from_cells(&named).unwrap().to_string(),
            "header x-key"
        );
        let bad = AuthCells {
            header: Some("X Key:".into()),
            ..AuthCells::default()
        };
        assert_eq!(
            AuthStyle::from_cells(&bad),
            Err(AuthError::BadHeader("X Key:".into()))
        );
    }
}
