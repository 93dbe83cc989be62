//! The hub: protocol-neutral requests, responses and stream events
