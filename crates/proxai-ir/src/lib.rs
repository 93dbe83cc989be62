//! The hub: protocol-neutral requests, responses and stream events.
//!
//! No vendor owns these types. A protocol is translated by an adapter that decodes its wire form
//! into the hub and encodes the hub into its wire form; two protocols never meet. The hub is
//! block-structured: an answer is a list of parts, and a stream is the same list told as events
//! (see [`Event`] for the grammar, [`Checked`] for its checker and [`Accumulator`] for the fold
//! back into a [`Response`]). One grammar for JSON and streams is what keeps them from disagreeing
//! (T2).
//!
//! A concept enters the hub only when two protocols have it. What just one protocol has is
//! reported by its decoder as a [`Loss`], or kept as [`Opaque`]; it never becomes a field here.
//! Things only their issuer can read (signatures, encrypted reasoning) travel [`Sealed`], with
//! their origin, so that an encoder cannot hand them to anybody else (T6).
//!
//! ```
//! use proxai_ir::{Accumulator, At, Checked, Part, Response};
//!
//! let answer = Response { parts: vec![Part::text(At::default(), "Hello")], ..Response::default() };
//! let mut sink = Checked::new(Accumulator::new());
//! answer.replay(&mut sink);
//! let (folded, breaches) = sink.into_parts();
//! assert!(breaches.is_empty());
//! assert_eq!(folded.into_response().unwrap().parts.len(), 1);
//! ```

mod accumulate;
mod event;
mod failure;
mod grammar;
mod loss;
mod media;
mod part;
mod request;
mod response;
mod search;

pub use accumulate::Accumulator;
pub use event::{Event, PartId, PartKind, Sink, Start};
pub use failure::{Failure, FailureKind};
pub use grammar::{Checked, Violation};
pub use loss::{Loss, LossKind, Losses};
pub use media::{Media, MediaKind, MediaSource};
pub use part::{
    At, CacheMark, Citation, Content, Opaque, Part, Reasoning, Sealed, TextPart, ToolCall,
    ToolKind, ToolResult,
};
pub use request::{
    CacheHints, Format, Grammar, Output, ReasoningConfig, ReasoningMode, Request, Role, Sampling,
    Tool, ToolChoice, ToolDefinition, ToolName, Turn,
};
pub use response::{Finish, Response, StopReason};
pub use search::{Location, Source, WEB_SEARCH, WebSearch, WebSearchTool};
