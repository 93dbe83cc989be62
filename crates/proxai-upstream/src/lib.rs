//! The client side of HTTP: connectors, TLS, pools, timeouts.
//!
//! Knows nothing of protocols, translation or who the request is for: it is given a finished
//! request whose body is one [`bytes::Bytes`] and returns the head of the answer with a body that
//! is polled. Dropping that body drops the request, so a client that goes away costs nothing more.
//!
//! Two surprises. TLS is set up when the first `https` request is made and not before: reading a
//! machine's root certificates takes longer than everything else at start. And a [`Client`] has no
//! redirect policy because it has no redirects: a 3xx is an answer like any other, so neither a
//! body nor a key is ever sent where nobody configured it (Z3).
//!
//! [`PinnedClient`] is for URLs that somebody else chose: it goes to addresses that were checked
//! before, and leaves nothing behind.
//!
//! [`Clients`] outlives configurations, which keeps pools warm over a reload.

mod client;
mod error;
mod h1;
mod pinned;
mod reply;
mod tls;

pub use client::{Client, ClientOptions, Clients};
pub use error::{Fault, UpstreamError, UpstreamErrorKind};
pub use pinned::PinnedClient;
pub use reply::ReplyBody;
