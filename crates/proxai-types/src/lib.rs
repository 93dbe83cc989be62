//! Vocabulary shared by every proxai crate: protocols, operations, usage
