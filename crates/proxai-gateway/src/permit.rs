//! Counts what is in flight and turns away what is too much (R8).
//!
//! Never queues: a client that waits here holds memory and a socket, and one that is told to come
//! back holds neither.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many permits are out.
#[derive(Clone, Debug, Default)]
pub struct Gauge(Arc<AtomicUsize>);

impl Gauge {
    /// How many permits are out.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// A permit, if fewer than `limit` are out.
    pub fn enter(&self, limit: usize) -> Option<Permit> {
        // Taken first and given back: two that race for the last place cannot both get it.
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        let permit = Permit(Arc::clone(&self.0));
        (before < limit).then_some(permit)
    }
}

/// Held as long as a request lives, its stream included.
#[derive(Debug)]
pub struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_permit_is_dropped() {
        let gauge = Gauge::default();
        let first = gauge.enter(1);
        assert!(first.is_some());
        assert!(gauge.enter(1).is_none());
        assert_eq!(gauge.count(), 1);
        drop(first);
        assert!(gauge.enter(1).is_some());
        assert_eq!(gauge.count(), 0);
    }
}
