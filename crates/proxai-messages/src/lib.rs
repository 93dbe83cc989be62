//! Anthropic Messages wire types and stream events
