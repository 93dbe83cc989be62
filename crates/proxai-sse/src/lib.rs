//! Server-sent events over Bytes: incremental, bounded, zero-copy
