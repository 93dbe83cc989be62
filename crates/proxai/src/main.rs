//! proxai: one gateway for three LLM protocols.

fn main() {}
