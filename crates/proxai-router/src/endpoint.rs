//! Extra endpoints: a route's `path` is reachable in every protocol's form (R2).
//!
//! `/hybrid/chat/completions`, `/hybrid/v1/messages` and so on say their protocol as usual.
//! `/hybrid` alone is the guard's protocol, or Chat Completions if there is no guard.

use proxai_types::{Operation, Protocol};

use crate::table::Table;

/// A request path below a route's `path`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExtraEndpoint<'t> {
    /// The route's path, for [`Ask::path`](crate::Ask::path).
    pub path: &'t str,
    /// What is asked for there.
    pub operation: Operation,
}

impl Table {
    /// The extra endpoint of a request path (without query); the longest that fits.
    pub fn extra_endpoint(&self, request_path: &str) -> Option<ExtraEndpoint<'_>> {
        let wanted = request_path.trim_end_matches('/');
        let claimed = self
            .routes
            .iter()
            .filter_map(|route| Some((route.path.as_deref()?, route.guard)));
        claimed
            .filter_map(|(path, guard)| {
                let rest = wanted.strip_prefix(path)?;
                let operation = if rest.is_empty() {
                    Operation::Generate(guard.unwrap_or(Protocol::Chat))
                } else {
                    operation(rest)?
                };
                Some(ExtraEndpoint { path, operation })
            })
            // `max_by_key` would take the last of equals; the first route of a path decides.
            .fold(None, |best: Option<ExtraEndpoint<'_>>, next| match best {
                Some(best) if best.path.len() >= next.path.len() => Some(best),
                _ => Some(next),
            })
    }
}

fn operation(path: &str) -> Option<Operation> {
    let path = path.strip_prefix("/v1/").map_or(path, |rest| {
        // Keep the slash that the table below expects.
        path.get(path.len() - rest.len() - 1..).unwrap_or(path)
    });
    let generate = Protocol::ALL
        .into_iter()
        .find(|protocol| protocol.path() == path)
        .map(Operation::Generate);
    generate.or(match path {
        "/messages/count_tokens" => Some(Operation::CountTokens),
        "/embeddings" => Some(Operation::Embeddings),
        _ => None,
    })
}
