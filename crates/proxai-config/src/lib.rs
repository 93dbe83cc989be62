//! Layered configuration: figment sources into validated settings
