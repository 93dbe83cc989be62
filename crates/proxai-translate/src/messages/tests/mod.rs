//! Behaviour across the files of this module.
