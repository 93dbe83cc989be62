//! The upstream client: connectors, TLS, pools, timeouts
