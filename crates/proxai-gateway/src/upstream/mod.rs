//! One provider as requests meet it: its addresses, keys and places, and what it has taught us.

pub(crate) mod abilities;
pub(crate) mod detour;
pub(crate) mod discovery;
pub(crate) mod issued;
pub(crate) mod keys;
pub(crate) mod learned;
pub(crate) mod origin;
pub(crate) mod permit;
pub(crate) mod provider;
