//! What the client gets: an upstream's answer, read, watched and passed on.

pub(crate) mod body;
pub(crate) mod declined;
pub(crate) mod ending;
pub(crate) mod named;
pub(crate) mod output;
pub(crate) mod pulse;
pub(crate) mod read;
pub(crate) mod reply;
pub(crate) mod restore;
pub(crate) mod seen;
pub(crate) mod stream;
#[cfg(test)]
mod stream_tests;
pub(crate) mod tap;
pub(crate) mod usage;

use bytes::Bytes;
use http::StatusCode;
use http::header::HeaderMap;
use proxai_ir::Losses;
use proxai_types::{Protocol, Usage};

use self::body::Source;

/// An answer that is certain enough to be sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) source: Source,
    pub(crate) upstream_protocol: Protocol,
    pub(crate) losses: Losses,
    pub(crate) usage: Option<Usage>,
    pub(crate) stream: bool,
    /// How often a paused turn was sent again for it.
    pub(crate) continuations: u32,
}

impl Answer {
    /// An answer that is all there, with nothing lost and nothing counted.
    pub(crate) fn whole(
        status: StatusCode,
        headers: HeaderMap,
        body: Bytes,
        upstream_protocol: Protocol,
    ) -> Self {
        Self {
            status,
            headers,
            source: Source::Whole(body),
            upstream_protocol,
            losses: Losses::new(),
            usage: None,
            stream: false,
            continuations: 0,
        }
    }
}
