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

/// How many tokens a model takes, as far as a refusal has told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Room {
    /// For the answer.
    pub(crate) output: Option<u64>,
    /// For prompt and answer together.
    pub(crate) context: Option<u64>,
}

impl Room {
    /// A limit for the answer to a prompt of about this size, `usual` if there is room for that. A
    /// prompt that seems to leave none may be shorter than it seems.
    pub(crate) fn limit(self, usual: u64, prompt: u64) -> u64 {
        let behind = self.context.map_or(usual, |context| {
            let rest = context.checked_sub(prompt).filter(|rest| *rest > 0);
            rest.unwrap_or(context / 4)
        });
        usual.min(behind).min(self.output.unwrap_or(usual)).max(1)
    }

    /// Both, the newer word first.
    fn and(self, older: Self) -> Self {
        Self {
            output: self.output.or(older.output),
            context: self.context.or(older.context),
        }
    }
}

/// What is known of one upstream beyond its row.
#[derive(Debug, Default)]
pub(crate) struct Learned {
    missing: [AtomicBool; 3],
    refused: PerModel<Vec<&'static str>>,
    rooms: PerModel<Room>,
}

/// One thing that is known of some models.
#[derive(Debug, Default)]
struct PerModel<T> {
    /// Whether anything is; nearly always nothing is.
    any: AtomicBool,
    known: RwLock<HashMap<Box<str>, T>>,
}

impl<T: Clone + Default> PerModel<T> {
    fn get(&self, model: &str) -> Option<T> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(model).cloned()
    }

    fn learn(&self, model: &str, learn: impl FnOnce(&mut T)) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MAX_MODELS && !known.contains_key(model) {
            return;
        }
        learn(known.entry(model.into()).or_default());
        self.any.store(true, Ordering::Relaxed);
    }
}

impl Learned {
    /// Whether the endpoint of a protocol turned out not to exist.
    pub(crate) fn is_missing(&self, protocol: Protocol) -> bool {
        self.missing[protocol.index()].load(Ordering::Relaxed)
    }

    /// Remembers whether an endpoint is missing. Returns whether that is news.
    pub(crate) fn set_missing(&self, protocol: Protocol, missing: bool) -> bool {
        self.missing[protocol.index()].swap(missing, Ordering::Relaxed) != missing
    }

    /// The parameters that a model does not know.
    pub(crate) fn refused(&self, model: &str) -> Vec<&'static str> {
        self.refused.get(model).unwrap_or_default()
    }

    /// How many tokens a model takes.
    pub(crate) fn room(&self, model: &str) -> Option<Room> {
        self.rooms.get(model)
    }

    /// Remembers how many tokens a model takes.
    pub(crate) fn set_room(&self, model: &str, room: Room) {
        self.rooms.learn(model, |known| *known = room.and(*known));
    }

    /// Remembers parameters that a model does not know.
    pub(crate) fn refuses(&self, model: &str, parameters: &[&'static str]) {
        self.refused.learn(model, |known| {
            for parameter in parameters {
                if !known.contains(parameter) {
                    known.push(parameter);
                }
            }
        });
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
    fn a_limit_fits_behind_the_prompt_and_is_never_nothing() {
        let context = Room {
            context: Some(4096),
            output: None,
        };
        assert_eq!(context.limit(16_384, 96), 4000);
        assert_eq!(context.limit(1000, 96), 1000);
        assert_eq!(context.limit(16_384, 5000), 1024);
        let learned = Learned::default();
        assert_eq!(learned.room("a"), None);
        learned.set_room("a", context);
        let output = Room {
            context: None,
            output: Some(50),
        };
        learned.set_room("a", output);
        let both = learned.room("a").unwrap();
        assert_eq!(both.context, Some(4096));
        assert_eq!(both.limit(16_384, 96), 50);
        assert_eq!(
            Room {
                context: Some(1),
                output: None
            }
            .limit(9, 3),
            1
        );
        assert_eq!(learned.room("b"), None);
    }

    #[test]
    fn a_missing_endpoint_is_news_once() {
        let learned = Learned::default();
        assert!(learned.set_missing(Protocol::Chat, true));
        assert!(!learned.set_missing(Protocol::Chat, true));
        assert!(learned.is_missing(Protocol::Chat) && !learned.is_missing(Protocol::Responses));
    }
}
