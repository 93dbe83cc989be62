//! Counts what is in flight and turns away what is too much (R8).
//!
//! The gateway as a whole never queues: a client that waits there holds memory and a socket, and
//! one that is told to come back holds neither. Requests to one provider may wait for each other,
//! in order, if the configuration says so; how many and how long is bounded.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

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
        let permit = Permit {
            count: Arc::clone(&self.0),
            place: None,
        };
        (before < limit).then_some(permit)
    }
}

/// Held as long as a request lives, its stream included.
#[derive(Debug)]
pub struct Permit {
    count: Arc<AtomicUsize>,
    /// Held, not read: dropping it makes room for the next in the queue.
    place: Option<OwnedSemaphorePermit>,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many requests a provider takes at once, and how many more may wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlaceLimits {
    /// Requests at once, streams until their end; `None` is no limit.
    pub in_flight: Option<usize>,
    /// Requests that may wait for a place.
    pub queue: usize,
    /// How long each may wait.
    pub queue_timeout: Duration,
}

/// The places of one provider.
#[derive(Debug)]
pub(crate) struct Places {
    limits: PlaceLimits,
    free: Option<Arc<Semaphore>>,
    taken: Gauge,
    waiting: Gauge,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// Nobody may wait, or enough do.
    Now { in_flight: usize, waiting: usize },
    /// Waited in vain.
    Waited(Duration),
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now {
                in_flight,
                waiting: 0,
            } => write!(f, "has {in_flight} requests in flight, which is its limit"),
            Self::Now { in_flight, waiting } => write!(
                f,
                "has {in_flight} requests in flight and {waiting} waiting, which is its limit"
            ),
            Self::Waited(after) => {
                write!(
                    f,
                    "had no room for another request for {} s",
                    after.as_secs()
                )
            }
        }
    }
}

impl Places {
    pub(crate) fn new(limits: PlaceLimits) -> Self {
        Self {
            free: limits
                .in_flight
                .map(|places| Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)))),
            limits,
            taken: Gauge::default(),
            waiting: Gauge::default(),
        }
    }

    /// Requests in flight.
    pub(crate) fn taken(&self) -> usize {
        self.taken.count()
    }

    /// A place, at once or within the time that the limits give.
    pub(crate) async fn enter(&self) -> Result<Permit, Full> {
        let Some(free) = &self.free else {
            return Ok(self.permit(None));
        };
        if let Ok(place) = Arc::clone(free).try_acquire_owned() {
            return Ok(self.permit(Some(place)));
        }
        let Some(_waiting) = self.waiting.enter(self.limits.queue) else {
            return Err(Full::Now {
                in_flight: self.limits.in_flight.unwrap_or(usize::MAX),
                waiting: self.limits.queue,
            });
        };
        let place = Arc::clone(free).acquire_owned();
        match tokio::time::timeout(self.limits.queue_timeout, place).await {
            Ok(Ok(place)) => Ok(self.permit(Some(place))),
            // Closed never.
            Ok(Err(_)) | Err(_) => Err(Full::Waited(self.limits.queue_timeout)),
        }
    }

    fn permit(&self, place: Option<OwnedSemaphorePermit>) -> Permit {
        let mut permit = self
            .taken
            .enter(usize::MAX)
            .expect("fewer requests than numbers");
        permit.place = place;
        permit
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

    fn limits(queue: usize) -> PlaceLimits {
        PlaceLimits {
            in_flight: Some(1),
            queue,
            queue_timeout: Duration::from_secs(5),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_queue_nobody_waits() {
        let places = Places::new(limits(0));
        let _first = places.enter().await.unwrap();
        let began = tokio::time::Instant::now();
        let full = places.enter().await.unwrap_err();
        assert_eq!(began.elapsed(), Duration::ZERO);
        assert_eq!(
            full.to_string(),
            "has 1 requests in flight, which is its limit"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_the_next_place_or_is_turned_away_in_time() {
        let places = Arc::new(Places::new(limits(1)));
        let first = places.enter().await.unwrap();
        let second = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.enter().await }
        });
        tokio::task::yield_now().await;
        // One waits, which is all that may.
        assert!(matches!(
            places.enter().await.unwrap_err(),
            Full::Now { waiting: 1, .. }
        ));
        drop(first);
        let second = second.await.unwrap().unwrap();
        assert_eq!(places.taken(), 1);
        let began = tokio::time::Instant::now();
        let late = places.enter().await.unwrap_err();
        assert_eq!(late, Full::Waited(Duration::from_secs(5)));
        assert_eq!(began.elapsed(), Duration::from_secs(5));
        drop(second);
        assert_eq!(places.taken(), 0);
        assert!(places.enter().await.is_ok());
    }
}
