//! What a request asks for, as far as routing cares.

use std::fmt;

use proxai_types::Protocol;

/// A request to be routed.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// The client's protocol; `None` for requests that belong to none, such as embeddings.
    /// Routes with a protocol guard do not see those.
    pub protocol: Option<Protocol>,
    /// The model as the client wrote it; empty if it named none.
    pub model: &'a str,
    /// The extra path ([`ExtraEndpoint::path`](crate::ExtraEndpoint::path)) that the request came
    /// in on; `None` for the ordinary endpoints. Only routes with that path see it then.
    pub path: Option<&'a str>,
    /// Looks up a request header by its name in lower case.
    pub header: &'a dyn Fn(&str) -> Option<&'a str>,
    /// Decides between targets of one priority. A new random number per request spreads by
    /// weight; a hash of a session keeps it on one target.
    pub seed: u64,
}

impl<'a> Ask<'a> {
    /// An ask for a model, without protocol, path and headers, with seed 0.
    pub fn new(model: &'a str) -> Self {
        Self {
            protocol: None,
            model,
            path: None,
            header: &|_| None,
            seed: 0,
        }
    }
}

impl fmt::Debug for Ask<'_> {
    /// Leaves out the headers: they hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask")
            .field("protocol", &self.protocol)
            .field("model", &self.model)
            .field("path", &self.path)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}
