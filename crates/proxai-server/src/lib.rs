//! Listeners, admin endpoints and graceful shutdown around the gateway
