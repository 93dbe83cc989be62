//! Path and method to operation (E1). Nothing else is looked at: not the body, not a header.
//!
//! The version segment may be left out on the endpoints that proxai itself knows; any other path
//! needs it, since a path that merely is not known must not reach an upstream with a key.

use http::Method;
use proxai_providers::Resource;
use proxai_types::{Operation, Protocol};

/// What a request asks for, or why it cannot be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// One of the operations that reach an upstream, or `/v1/models`.
    Call(Operation),
    /// `GET /healthz`.
    Health,
    /// The path exists with other methods.
    WrongMethod {
        /// The value of the `Allow` header.
        allow: &'static str,
        /// Whose error shape to use.
        dialect: Protocol,
    },
    /// No such path.
    Unknown,
}

/// Reads method and path.
pub(crate) fn classify(method: &Method, path: &str) -> Class {
    let path = match path.strip_suffix('/') {
        Some(shorter) if !shorter.is_empty() => shorter,
        _ => path,
    };
    let (bare, versioned) = match path.strip_prefix("/v1/") {
        Some(_) => (path.get(3..).unwrap_or_default(), true),
        None => (path, false),
    };
    let operation = match bare {
        "/chat/completions" => Operation::Generate(Protocol::Chat),
        "/responses" => Operation::Generate(Protocol::Responses),
        "/messages" => Operation::Generate(Protocol::Messages),
        "/messages/count_tokens" => Operation::CountTokens,
        "/embeddings" => Operation::Embeddings,
        "/models" => Operation::Models,
        "/healthz" if !versioned => {
            return match *method {
                Method::GET | Method::HEAD => Class::Health,
                _ => Class::WrongMethod {
                    allow: "GET, HEAD",
                    dialect: Protocol::Chat,
                },
            };
        }
        _ if bare.starts_with("/models/") => Operation::Models,
        _ if versioned => return Class::Call(Operation::Other),
        _ => return Class::Unknown,
    };
    let (allowed, allow) = match operation {
        Operation::Models => (matches!(*method, Method::GET | Method::HEAD), "GET, HEAD"),
        _ => (*method == Method::POST, "POST"),
    };
    if allowed {
        Class::Call(operation)
    } else {
        Class::WrongMethod {
            allow,
            dialect: operation.dialect(),
        }
    }
}

/// Whose error shape a client of this path expects (X1).
pub(crate) fn dialect(operation: Operation, path: &str) -> Protocol {
    match operation {
        Operation::Other => Resource::Path(path).family(),
        known => known.dialect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_endpoint_answers_with_and_without_the_version() {
        for (path, operation) in [
            ("/chat/completions", Operation::Generate(Protocol::Chat)),
            ("/responses", Operation::Generate(Protocol::Responses)),
            ("/messages", Operation::Generate(Protocol::Messages)),
            ("/messages/count_tokens", Operation::CountTokens),
            ("/embeddings", Operation::Embeddings),
        ] {
            for path in [path.to_owned(), format!("/v1{path}"), format!("/v1{path}/")] {
                assert_eq!(classify(&Method::POST, &path), Class::Call(operation));
                let wrong = Class::WrongMethod {
                    allow: "POST",
                    dialect: operation.dialect(),
                };
                assert_eq!(classify(&Method::GET, &path), wrong);
            }
        }
    }

    #[test]
    fn only_a_versioned_path_is_forwarded_unknown() {
        let other = Class::Call(Operation::Other);
        assert_eq!(classify(&Method::POST, "/v1/audio/speech"), other);
        assert_eq!(classify(&Method::GET, "/v1/responses/resp_1"), other);
        for path in ["/", "/v1", "/audio/speech", "/v2/models", "/v1healthz"] {
            assert_eq!(classify(&Method::POST, path), Class::Unknown, "{path}");
        }
        assert_eq!(classify(&Method::GET, "/healthz"), Class::Health);
    }

    #[test]
    fn a_forwarded_path_keeps_the_dialect_of_its_family() {
        assert_eq!(
            dialect(Operation::Other, "/v1/messages/batches"),
            Protocol::Messages
        );
        assert_eq!(
            dialect(Operation::Other, "/v1/audio/speech"),
            Protocol::Chat
        );
    }
}
