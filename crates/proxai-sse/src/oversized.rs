//! The one way decoding can fail.

use std::fmt;

/// A frame outgrew the decoder's limit.
///
/// There is no way back: the rest of the frame has not been read, so whatever follows cannot be
/// told from its inside. The decoder that reported it drops what it holds and keeps reporting it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oversized {
    pub(crate) limit: usize,
}

impl Oversized {
    /// The limit that was exceeded, in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }
}

impl fmt::Display for Oversized {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "a server-sent event is larger than the limit of {} bytes; raise the limit if the sender is trusted",
            self.limit
        )
    }
}

impl std::error::Error for Oversized {}
