//! Puts the gateway behind listeners: proxy and admin, and takes it down gracefully.
//!
//! [`snapshot`] turns validated settings into what requests are served by, [`Server`] binds the
//! two listeners and serves until it is told to stop. The admin listener is another socket and not
//! another path, so that what is exposed to clients can never be reached through it by mistake.
//!
//! Shutting down: `/readyz` says 503 first, then no connection is accepted, then every one that is
//! open may finish what it is answering, until the deadline (Z5).

mod accept;
mod admin;
mod assemble;
mod demo;
mod metrics;
mod server;
mod state;

pub use assemble::{Assembly, snapshot};
pub use demo::Demo;
pub use server::{Bound, Server, ServerError};
pub use state::State;
