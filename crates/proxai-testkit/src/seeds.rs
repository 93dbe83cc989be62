//! What the fuzz targets start from: every fixture that a target can read.
//!
//! The first byte of a `translate_*` input picks the pair of protocols, client first, and some
//! settings; a fixture becomes one seed for each pair that it can stand for.

use proxai_types::Protocol;

use crate::fixtures::{Case, Kind, Sent, cases, framings};

/// The fuzz targets, by the name of their binary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Edits of a body in place.
    Edit,
    /// Frames of an event stream.
    Sse,
    /// Counts of tokens.
    Tokens,
    /// Error bodies of upstreams.
    Failure,
    /// Requests of clients.
    Request,
    /// Whole answers of upstreams.
    Response,
    /// Streams of upstreams.
    Stream,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Edit,
        Self::Sse,
        Self::Tokens,
        Self::Failure,
        Self::Request,
        Self::Response,
        Self::Stream,
    ];

    /// The name of its binary, and of its folders under `fuzz/`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Edit => "json_edit",
            Self::Sse => "sse_decode",
            Self::Tokens => "tokens",
            Self::Failure => "translate_failure",
            Self::Request => "translate_request",
            Self::Response => "translate_response",
            Self::Stream => "translate_stream",
        }
    }

    /// Whether its inputs begin with a byte that picks the pair of protocols.
    pub const fn has_pair(self) -> bool {
        !matches!(self, Self::Edit | Self::Sse | Self::Tokens)
    }

    const fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Edit | Self::Tokens | Self::Request => &Kind::ALL,
            Self::Sse | Self::Stream => &[Kind::Stream],
            Self::Response => &[Kind::Unary],
            Self::Failure => &[Kind::Error, Kind::Unary],
        }
    }

    fn sent(self, case: &Case) -> Option<&Sent> {
        match self {
            Self::Edit | Self::Tokens | Self::Request => case.request.as_ref(),
            _ => case.upstream.as_ref(),
        }
    }

    /// Name and bytes of each seed.
    pub fn seeds(self) -> Vec<(String, Vec<u8>)> {
        let mut seeds = Vec::new();
        for case in self.kinds().iter().flat_map(|kind| cases(*kind)) {
            let Some(sent) = self.sent(&case) else {
                continue;
            };
            let name = format!("{}-{}", case.kind.folder(), case.name);
            if self.has_pair() {
                seeds.extend((0..3).map(|other| {
                    let mut seed = vec![self.pair(sent.protocol, other)];
                    seed.extend_from_slice(&sent.body);
                    (format!("{name}-{other}"), seed)
                }));
            } else {
                seeds.push((name, sent.body.clone()));
            }
        }
        if self == Self::Sse {
            seeds.extend(framings());
        }
        seeds
    }

    /// The byte for a protocol that sent this and the `other`th, which gets it. Every second pair
    /// has settings that differ.
    fn pair(self, own: Protocol, other: u8) -> u8 {
        let own = match own {
            Protocol::Chat => 0,
            Protocol::Responses => 1,
            Protocol::Messages => 2,
        };
        let pair = if self == Self::Request {
            own + 3 * other
        } else {
            other + 3 * own
        };
        pair + 9 * (pair % 2)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_target_has_seeds_with_names_of_their_own_for_every_pair() {
        for target in Target::ALL {
            let seeds = target.seeds();
            let names: BTreeSet<&String> = seeds.iter().map(|(name, _)| name).collect();
            assert_eq!(names.len(), seeds.len(), "{}", target.name());
            assert!(seeds.len() > 15, "{}: {}", target.name(), seeds.len());
            let pairs: BTreeSet<u8> = seeds.iter().map(|(_, seed)| seed[0] % 9).collect();
            assert!(!target.has_pair() || pairs.len() == 9, "{}", target.name());
        }
    }
}
