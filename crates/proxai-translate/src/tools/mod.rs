//! Makes tools legal for an upstream, and restores them in its answers (T7).
//!
//! Runs on the hub, between a decoder and an encoder, so no protocol module knows of it. Names that
//! the target refuses and namespaces that it does not have are changed, tools that take free text
//! become functions with one string, and calls and results that lost each other are repaired.
//! Every change of a name depends on nothing but which tools there are, so the same history always
//! gives the same bytes (T5), and two tools never become one.

mod naming;
pub(crate) mod pair;
mod prepare;
mod restore;
pub(crate) mod schema;
pub(crate) mod search;
mod unwrap;

use std::collections::HashMap;

use proxai_ir::ToolKind;

pub use prepare::prepare;
pub use restore::{Restoring, restore_response};

/// How the tools of one request were changed, by the name the upstream knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolMap {
    changed: HashMap<String, Original>,
}

/// A tool as the client named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: Option<String>,
    /// How the client's protocol gives its input.
    pub kind: ToolKind,
}

impl ToolMap {
    /// The client's tool behind a name of the upstream; `None` if it was not changed.
    pub fn original(&self, name: &str) -> Option<&Original> {
        if self.changed.is_empty() {
            None
        } else {
            self.changed.get(name)
        }
    }

    /// Whether no tool was changed.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty()
    }
}
