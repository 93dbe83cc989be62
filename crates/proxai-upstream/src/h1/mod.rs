//! HTTP/1.1 towards upstreams, without a task per connection.
//!
//! A connection belongs to whoever uses it: to the request while its head is awaited, to the
//! answer's body until that has ended, then to the pool. Three things follow, each of which is
//! why this exists beside hyper's client. What one read brought is handed on in one piece, however
//! many chunks it was sent in, so one read upstream is one write downstream. Nothing wakes a
//! second task for each event. And dropping a body closes its connection there and then.
//!
//! Refuses upgrades, pipelining and answers whose framing two readers could read differently.

mod body;
mod chunked;
mod connection;
mod head;
mod pool;

pub(crate) use body::H1Body;
pub(crate) use pool::Pool;

use std::io;

/// Why an exchange failed, below the level of [`crate::UpstreamError`].
#[derive(Debug, thiserror::Error)]
pub(crate) enum H1Error {
    /// The connection was refused, reset or otherwise failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The host has no address.
    #[error("{0}")]
    Resolve(io::Error),
    /// Connecting took too long.
    #[error("the time to connect is over")]
    ConnectTimeout,
    /// The connection ended before the answer was complete.
    #[error("the connection was closed")]
    Closed,
    /// What came is not HTTP/1.
    #[error("{0}")]
    Protocol(&'static str),
}
