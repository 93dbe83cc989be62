//! Adapters between the three wire protocols and the hub.
//!
//! One module per protocol, none of which names another; [`adapter()`] hands them out. What they
//! share lives beside them: ids, seals, tool names and the losses.

pub mod adapter;
pub mod chat;
pub mod context;
pub mod count;
pub mod estimate;
pub mod features;
#[doc(hidden)]
pub mod fuzzing;
pub mod ids;
pub mod messages;
pub mod pipeline;
pub mod reasoning;
pub mod responses;
pub mod seal;
mod tally;
pub mod tools;

pub use adapter::{Adapter, ReplyError, RequestError, StreamDecoder, StreamEncoder, adapter};
pub use context::{Abilities, ReplyContext, Target};
pub use count::count_tokens;
pub use pipeline::{
    Prepared, RequestInfo, StreamTranslator, Translated, decode_failure, encode_failure,
    fold_stream, replay_as_stream, translate_request, translate_response,
};
pub use proxai_ir as ir;
pub use reasoning::{ReasoningPolicy, ReasoningRules};
pub use tools::ToolMap;
