//! Provider registry and quirks, as data
