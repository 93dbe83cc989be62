//! Token counts of texts and requests, with the o200k_base tokenizer built in.
//!
//! For whoever must say how many tokens something is when the upstream does not: the
//! `count_tokens` operation on upstreams that have none (E4) and answers without usage (T10).
//!
//! The count of a text is exact for models that use o200k_base; other tokenizers cut the same text
//! into somewhat more or fewer. The tokens that vendors add around it (roles, tools, pictures)
//! follow published rules, each named at its constant in the source of [`count_request`]. So a
//! number from here is an estimate and has to be marked as one; it is never a constant that
//! ignores the request.
//!
//! The first count builds an index of 2.8 MB in about 10 ms; until then the crate costs no memory.
//! Counting is work for the processor, 15 to 50 MB of usual text a second: a large request is
//! better counted off the threads that serve streams. Refuses to fetch anything: media behind an
//! address counts by a documented typical size.
//!
//! ```
//! use proxai_tokens::{Counter, count_text};
//!
//! assert_eq!(count_text("hello world"), 2);
//!
//! let mut counter = Counter::new();
//! for delta in ["hel", "lo wor", "ld"] {
//!     counter.push(delta);
//! }
//! assert_eq!(counter.total(), 2);
//! ```

mod classes;
mod counter;
#[doc(hidden)]
pub mod fuzzing;
mod media;
mod merge;
mod picture;
mod request;
mod split;
mod vocabulary;

pub use counter::Counter;
#[doc(hidden)]
pub use fuzzing::fuzz_count;
pub use request::count_request;

use merge::Merger;
use split::Pieces;

/// The number of o200k_base tokens of a text. Special tokens in it count as the text they are.
pub fn count_text(text: &str) -> u64 {
    count_with(&mut Merger::new(), text)
}

/// Like [`count_text`], with memory to reuse.
fn count_with(merger: &mut Merger, text: &str) -> u64 {
    Pieces::new(text).map(|piece| merger.count(piece)).sum()
}
