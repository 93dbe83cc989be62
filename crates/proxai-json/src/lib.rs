//! Borrowed, open JSON: wire types that keep what they do not know, and in-place edits of a body
