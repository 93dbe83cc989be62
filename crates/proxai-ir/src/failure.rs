//! Why there is no answer, or no whole one.
//!
//! The kind is what clients act on and what must survive between dialects (X3); message, code,
//! type and param are the upstream's own words and are kept (X1).

use std::fmt;

/// What went wrong, in terms every dialect can express.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// The request is wrong.
    InvalidRequest,
    /// No valid credential.
    Authentication,
    /// The credential may not do this.
    Permission,
    /// No such model, endpoint or object.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The body is larger than allowed.
    TooLarge,
    /// The body's encoding is not understood.
    UnsupportedEncoding,
    /// The prompt does not fit into the model's context.
    ContextLength,
    /// The prompt or the answer breaks a content policy.
    ContentPolicy,
    /// Too many requests or tokens.
    RateLimit,
    /// The account is out of credit.
    Quota,
    /// The upstream is overloaded.
    Overloaded,
    /// The upstream took too long.
    Timeout,
    /// The upstream could not be reached, or gave something that is not an answer.
    BadUpstream,
    /// The upstream failed.
    Server,
    /// Nothing can take the request now.
    Unavailable,
    /// A fault of proxai itself.
    Internal,
}

impl FailureKind {
    /// The HTTP status used when the upstream gave none.
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidRequest | Self::ContextLength | Self::ContentPolicy => 400,
            Self::Authentication => 401,
            Self::Permission => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::TooLarge => 413,
            Self::UnsupportedEncoding => 415,
            Self::RateLimit | Self::Quota => 429,
            Self::Internal | Self::Server => 500,
            Self::BadUpstream => 502,
            Self::Unavailable => 503,
            Self::Timeout => 504,
            Self::Overloaded => 529,
        }
    }

    /// The kind an HTTP status stands for.
    pub const fn from_status(status: u16) -> Self {
        match status {
            401 => Self::Authentication,
            402 => Self::Quota,
            403 => Self::Permission,
            404 => Self::NotFound,
            405 => Self::MethodNotAllowed,
            408 | 504 => Self::Timeout,
            413 => Self::TooLarge,
            415 => Self::UnsupportedEncoding,
            429 => Self::RateLimit,
            503 | 529 => Self::Overloaded,
            502 => Self::BadUpstream,
            400..=499 => Self::InvalidRequest,
            _ => Self::Server,
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What went wrong.
    pub kind: FailureKind,
    /// The HTTP status the upstream gave.
    pub status: Option<u16>,
    /// What happened and what to do, in the upstream's words if it had any.
    pub message: String,
    /// A stable code.
    pub code: Option<String>,
    /// The upstream's own type, such as `overloaded_error`.
    pub vendor_type: Option<String>,
    /// The parameter that is wrong, as a path.
    pub param: Option<String>,
}

impl Failure {
    /// A failure that proxai itself found.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            status: None,
            message: message.into(),
            code: None,
            vendor_type: None,
            param: None,
        }
    }

    /// The same with a stable code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// The same with the path of what is wrong.
    #[must_use]
    pub fn with_param(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// The HTTP status to answer with.
    pub fn http_status(&self) -> u16 {
        self.status.unwrap_or_else(|| self.kind.status())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
