//! What a request wants of its own handling, beside the answer (R9).
//!
//! A header beats the route. A value that is none is refused: a wish that is silently ignored is
//! worse than none.

use http::HeaderMap;
use proxai_ir::{Failure, FailureKind};
use proxai_router::{Attempt, CachePolicy, LossPolicy};

use crate::outbound::cache;
use crate::problem::Problem;

const STRICT: &str = "x-proxai-strict";

/// What a request wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wishes {
    /// Rather no answer than a request that lost something (T4).
    pub(crate) strict: bool,
    /// What becomes of cache markers, if the request says so (T13).
    pub(crate) cache: Option<CachePolicy>,
}

impl Wishes {
    /// The wishes of a request on a route.
    pub(crate) fn of(headers: &HeaderMap, route: LossPolicy) -> Result<Self, Box<Problem>> {
        Ok(Self {
            cache: cache::asked(headers)?,
            strict: match headers.get(STRICT).map(http::HeaderValue::as_bytes) {
                None => route == LossPolicy::Strict,
                Some(b"true" | b"1") => true,
                Some(b"false" | b"0") => false,
                Some(_) => {
                    return Err(Problem::refused(
                        Failure::new(
                            FailureKind::InvalidRequest,
                            format!("header {STRICT} is `true` or `false`"),
                        )
                        .with_code("invalid_header")
                        .with_param(STRICT),
                    ));
                }
            },
        })
    }

    /// What becomes of cache markers on the way to a target.
    pub(crate) fn cache_of(self, attempt: &Attempt) -> CachePolicy {
        // A caller's key has no word in this yet: there are no keys that callers hold.
        attempt.cache.decide(self.cache, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_beats_the_route_and_must_be_a_truth_value() {
        let of = |value: Option<&'static str>, route| {
            let mut headers = HeaderMap::new();
            if let Some(value) = value {
                headers.insert(STRICT, http::HeaderValue::from_static(value));
            }
            Wishes::of(&headers, route).map(|wishes| wishes.strict)
        };
        assert!(!of(None, LossPolicy::Report).unwrap());
        assert!(of(None, LossPolicy::Strict).unwrap());
        assert!(!of(Some("false"), LossPolicy::Strict).unwrap());
        assert!(of(Some("true"), LossPolicy::Report).unwrap());
        let problem = of(Some("yes"), LossPolicy::Report).unwrap_err();
        assert_eq!(problem.status().as_u16(), 400);
    }
}
