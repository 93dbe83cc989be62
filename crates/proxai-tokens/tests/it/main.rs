//! Counts from outside: against the reference tokenizer, in deltas, of whole requests.

mod deltas;
mod fuzz_smoke;
mod provenance;
mod reference;
mod requests;
