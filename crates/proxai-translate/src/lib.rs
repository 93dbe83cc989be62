//! Adapters between the three wire protocols and the hub
