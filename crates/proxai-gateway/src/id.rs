//! Request ids: unique and not to be guessed, without asking the operating system each time.

use std::collections::hash_map::RandomState;
use std::fmt::Write as _;
use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes ids, and seeds for whatever is decided by chance.
#[derive(Debug)]
pub(crate) struct Ids {
    /// Randomly keyed by the standard library, per process.
    keys: (RandomState, RandomState),
    count: AtomicU64,
}

impl Ids {
    pub(crate) fn new() -> Self {
        Self {
            keys: (RandomState::new(), RandomState::new()),
            count: AtomicU64::new(0),
        }
    }

    /// An id such as `req_6f1c…`, and a random number.
    pub(crate) fn next(&self) -> (Arc<str>, u64) {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let high = hash(&self.keys.0, count);
        let low = hash(&self.keys.1, count);
        let mut text = String::with_capacity(28);
        // Twelve bytes: enough that two never meet.
        write!(text, "req_{high:016x}{:08x}", low >> 32).expect("a String takes any text");
        (text.into(), low)
    }
}

fn hash(key: &RandomState, count: u64) -> u64 {
    let mut hasher = key.build_hasher();
    hasher.write_u64(count);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_within_and_between_processes() {
        let (one, other) = (Ids::new(), Ids::new());
        let (first, _) = one.next();
        assert_ne!(first, one.next().0);
        assert_ne!(first, other.next().0);
        assert_eq!(first.len(), 28);
    }
}
