//! Why an upstream gave no answer, whose fault that is, and what to do about it.
//!
//! The cause is read off the chain of sources: hyper, rustls and the operating system each wrap
//! what they know in their own type, and only the innermost one tells a refused connection from a
//! name that does not resolve.

use std::error::Error;
use std::fmt;
use std::io;

use http::Uri;

use crate::h1::H1Error;

/// What went wrong on the way to an upstream, or back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UpstreamErrorKind {
    /// The host name has no address.
    Resolve,
    /// Nobody listens there.
    Refused,
    /// The connection could not be made for another reason.
    Connect,
    /// Making the connection took too long.
    ConnectTimeout,
    /// The certificate or the handshake was not acceptable.
    Tls,
    /// No byte of the answer came in time.
    HeadTimeout,
    /// The answer paused for too long.
    IdleTimeout,
    /// The connection ended before the answer was complete.
    Closed,
    /// What came back is not HTTP as it was agreed on.
    Protocol,
    /// The request itself could not be sent: a fault of proxai or of its configuration.
    Request,
}

/// Who has to change something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// The upstream, or the network before it.
    Upstream,
    /// The configuration: an address or certificate that cannot be right.
    Configuration,
    /// proxai itself.
    Gateway,
}

/// Why an upstream gave no answer.
#[derive(Debug)]
pub struct UpstreamError {
    kind: UpstreamErrorKind,
    origin: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl UpstreamError {
    /// A failure that has no error below it, such as a timeout.
    pub fn new(kind: UpstreamErrorKind, uri: &Uri) -> Self {
        Self {
            kind,
            origin: origin_of(uri),
            source: None,
        }
    }

    /// A failure of the exchange, told apart by what lies at the bottom of its sources.
    pub(crate) fn exchange(
        error: impl Error + Send + Sync + 'static,
        connecting: bool,
        uri: &Uri,
    ) -> Self {
        Self {
            kind: classify(&error, connecting),
            origin: origin_of(uri),
            source: Some(Box::new(error)),
        }
    }

    /// A failure of an exchange over our own HTTP/1.
    pub(crate) fn h1(error: H1Error, uri: &Uri) -> Self {
        Self {
            kind: kind_of(&error),
            origin: origin_of(uri),
            source: Some(Box::new(error)),
        }
    }

    /// A failure while a body was read over our own HTTP/1.
    pub(crate) fn h1_body(error: H1Error) -> Self {
        Self {
            kind: kind_of(&error),
            origin: String::new(),
            source: Some(Box::new(error)),
        }
    }

    /// A failure while the body was read.
    pub(crate) fn body(error: hyper::Error) -> Self {
        Self {
            kind: classify(&error, false),
            origin: String::new(),
            source: Some(Box::new(error)),
        }
    }

    /// What went wrong.
    pub const fn kind(&self) -> UpstreamErrorKind {
        self.kind
    }

    /// Who has to change something.
    pub const fn fault(&self) -> Fault {
        match self.kind {
            UpstreamErrorKind::Resolve | UpstreamErrorKind::Tls => Fault::Configuration,
            UpstreamErrorKind::Request => Fault::Gateway,
            _ => Fault::Upstream,
        }
    }

    /// Whether the request certainly did not reach the upstream, so that sending it again is safe.
    pub const fn not_sent(&self) -> bool {
        matches!(
            self.kind,
            UpstreamErrorKind::Resolve
                | UpstreamErrorKind::Refused
                | UpstreamErrorKind::Connect
                | UpstreamErrorKind::ConnectTimeout
                | UpstreamErrorKind::Tls
                | UpstreamErrorKind::Request
        )
    }

    /// Whether it was a matter of time.
    pub const fn is_timeout(&self) -> bool {
        matches!(
            self.kind,
            UpstreamErrorKind::ConnectTimeout
                | UpstreamErrorKind::HeadTimeout
                | UpstreamErrorKind::IdleTimeout
        )
    }

    /// The innermost cause, in its own words.
    fn root(&self) -> Option<String> {
        let mut error: &(dyn Error + 'static) = self.source.as_deref()?;
        while let Some(next) = error.source() {
            error = next;
        }
        Some(error.to_string())
    }
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = if self.origin.is_empty() {
            "the upstream"
        } else {
            &self.origin
        };
        match self.kind {
            UpstreamErrorKind::Resolve => write!(
                f,
                "the host of {origin} has no address; check the spelling of the base URL"
            )?,
            UpstreamErrorKind::Refused => write!(
                f,
                "nothing listens at {origin}; start the server or correct the base URL"
            )?,
            UpstreamErrorKind::Connect => write!(f, "no connection to {origin}")?,
            UpstreamErrorKind::ConnectTimeout => {
                write!(f, "connecting to {origin} took too long")?;
            }
            UpstreamErrorKind::Tls => write!(
                f,
                "no secure connection to {origin}; check the certificate, or whether it speaks TLS at all"
            )?,
            UpstreamErrorKind::HeadTimeout => {
                write!(f, "{origin} did not begin to answer in time")?;
            }
            UpstreamErrorKind::IdleTimeout => {
                write!(f, "{origin} stopped sending before the end of its answer")?;
            }
            UpstreamErrorKind::Closed => write!(
                f,
                "{origin} closed the connection before its answer was complete"
            )?,
            UpstreamErrorKind::Protocol => {
                write!(f, "{origin} answered with something that is not HTTP")?;
            }
            UpstreamErrorKind::Request => write!(f, "the request to {origin} could not be sent")?,
        }
        match self.root() {
            Some(root) => write!(f, " ({root})"),
            None => Ok(()),
        }
    }
}

impl Error for UpstreamError {}

/// Scheme and authority: the path may hold a deployment's name and the query a key.
fn origin_of(uri: &Uri) -> String {
    match (uri.scheme_str(), uri.authority()) {
        (Some(scheme), Some(authority)) => format!("{scheme}://{}", authority.as_str()),
        _ => String::new(),
    }
}

fn kind_of(error: &H1Error) -> UpstreamErrorKind {
    match error {
        H1Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            UpstreamErrorKind::Refused
        }
        H1Error::Io(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NetworkUnreachable
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::AddrNotAvailable
                    | io::ErrorKind::TimedOut
            ) =>
        {
            UpstreamErrorKind::Connect
        }
        H1Error::Io(_) | H1Error::Closed => UpstreamErrorKind::Closed,
        H1Error::Resolve(_) => UpstreamErrorKind::Resolve,
        H1Error::ConnectTimeout => UpstreamErrorKind::ConnectTimeout,
        H1Error::Protocol(_) => UpstreamErrorKind::Protocol,
    }
}

fn classify(error: &(dyn Error + 'static), connecting: bool) -> UpstreamErrorKind {
    let mut next = Some(error);
    let mut kind = if connecting {
        UpstreamErrorKind::Connect
    } else {
        UpstreamErrorKind::Closed
    };
    while let Some(error) = next {
        if error.is::<rustls::Error>() {
            return UpstreamErrorKind::Tls;
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            if error.is_parse() {
                kind = UpstreamErrorKind::Protocol;
            } else if error.is_user() {
                kind = UpstreamErrorKind::Request;
            }
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            if error
                .get_ref()
                .is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>)
            {
                return UpstreamErrorKind::Tls;
            }
            match error.kind() {
                io::ErrorKind::ConnectionRefused => return UpstreamErrorKind::Refused,
                io::ErrorKind::TimedOut if connecting => return UpstreamErrorKind::ConnectTimeout,
                _ => {}
            }
        }
        // hyper-util says so in words only.
        if connecting && error.to_string() == "dns error" {
            return UpstreamErrorKind::Resolve;
        }
        next = error.source();
    }
    kind
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_cause_decides_the_kind() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let error = UpstreamError::exchange(
            refused,
            true,
            &Uri::from_static("http://localhost:9/v1/chat?key=sk-quite-secret"),
        );
        assert_eq!(error.kind(), UpstreamErrorKind::Refused);
        assert!(error.not_sent());
        let text = error.to_string();
        assert!(text.contains("http://localhost:9;"), "{text}");
        assert!(!text.contains("sk-quite-secret"), "{text}");
    }

    #[test]
    fn a_certificate_problem_is_a_matter_of_configuration() {
        let tls = rustls::Error::General("unknown issuer".into());
        let wrapped = io::Error::new(io::ErrorKind::InvalidData, tls);
        let error = UpstreamError::exchange(wrapped, true, &Uri::from_static("https://a.test/"));
        assert_eq!(error.kind(), UpstreamErrorKind::Tls);
        assert_eq!(error.fault(), Fault::Configuration);
        assert!(error.to_string().contains("unknown issuer"));
    }

    #[test]
    fn a_timeout_needs_no_error_below_it() {
        let uri = Uri::from_static("https://a.test/");
        let error = UpstreamError::new(UpstreamErrorKind::HeadTimeout, &uri);
        assert!(error.is_timeout() && !error.not_sent());
        assert_eq!(
            error.to_string(),
            "https://a.test did not begin to answer in time"
        );
    }
}
