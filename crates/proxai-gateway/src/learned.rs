//! What an upstream has taught us by refusing (P5, P12).
//!
//! Kept in memory for as long as the provider's configuration is: a reload or a restart asks
//! again, since vendors change. Nothing here is ever written down.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use proxai_types::Protocol;

/// Models of one provider whose refusals are remembered. There are fewer; a client that makes up
/// names gets no memory for them, as they are refused for another reason.
const MAX_MODELS: usize = 1024;

/// What is known of one upstream beyond its row.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    missing: [AtomicBool; 3],
    /// Whether `refused` holds anything; nearly always it does not.
    any_refused: AtomicBool,
    refused: RwLock<HashMap<Box<str>, Vec<&'static str>>>,
}

impl Learned {
    /// Whether the endpoint of a protocol turned out not to exist.
    pub(crate) fn is_missing(&self, protocol: Protocol) -> bool {
        self.missing[index(protocol)].load(Ordering::Relaxed)
    }

    /// Remembers whether an endpoint is missing. Returns whether that is news.
    pub(crate) fn set_missing(&self, protocol: Protocol, missing: bool) -> bool {
        self.missing[index(protocol)].swap(missing, Ordering::Relaxed) != missing
    }

    /// The parameters that a model does not know.
    pub(crate) fn refused(&self, model: &str) -> Vec<&'static str> {
        if !self.any_refused.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let refused = self.refused.read().unwrap_or_else(PoisonError::into_inner);
        refused.get(model).cloned().unwrap_or_default()
    }

    /// Remembers parameters that a model does not know.
    pub(crate) fn refuses(&self, model: &str, parameters: &[&'static str]) {
        let mut refused = self.refused.write().unwrap_or_else(PoisonError::into_inner);
        if refused.len() >= MAX_MODELS && !refused.contains_key(model) {
            return;
        }
        let known = refused.entry(model.into()).or_default();
        for parameter in parameters {
            if !known.contains(parameter) {
                known.push(parameter);
            }
        }
        self.any_refused.store(true, Ordering::Relaxed);
    }
}

const fn index(protocol: Protocol) -> usize {
    match protocol {
        Protocol::Chat => 0,
        Protocol::Responses => 1,
        Protocol::Messages => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_remembered_per_model_and_once() {
        let learned = Learned::default();
        assert!(learned.refused("a").is_empty());
        learned.refuses("a", &["seed"]);
        learned.refuses("a", &["seed", "store"]);
        assert_eq!(learned.refused("a"), ["seed", "store"]);
        assert!(learned.refused("b").is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let learned = Learned::default();
        for n in 0..2 * MAX_MODELS {
            learned.refuses(&n.to_string(), &["seed"]);
        }
        assert!(
            learned
                .refused(&(2 * MAX_MODELS - 1).to_string())
                .is_empty()
        );
        learned.refuses("0", &["store"]);
        assert_eq!(learned.refused("0"), ["seed", "store"]);
    }

    #[test]
    fn a_missing_endpoint_is_news_once() {
        let learned = Learned::default();
        assert!(learned.set_missing(Protocol::Chat, true));
        assert!(!learned.set_missing(Protocol::Chat, true));
        assert!(learned.is_missing(Protocol::Chat) && !learned.is_missing(Protocol::Responses));
    }
}
