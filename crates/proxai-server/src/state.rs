//! What the admin listener knows of the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use proxai_gateway::Gateway;

/// Shared by both listeners.
#[derive(Clone, Debug)]
pub struct State {
    /// The gateway.
    pub gateway: Gateway,
    draining: Arc<AtomicBool>,
}

impl State {
    /// A process that serves.
    pub fn new(gateway: Gateway) -> Self {
        Self {
            gateway,
            draining: Arc::default(),
        }
    }

    /// From now on the process asks not to be sent anything more.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Why the process should not be sent requests; `None` means it should (E6).
    pub fn not_ready(&self) -> Option<&'static str> {
        if self.draining.load(Ordering::Acquire) {
            Some("draining\n")
        } else if self.gateway.live().load().upstreams.is_empty() {
            Some("no provider is configured\n")
        } else {
            None
        }
    }
}
