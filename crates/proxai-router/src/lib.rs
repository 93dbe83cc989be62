//! Pure planning: which provider and model a request goes to
