//! Adapters between the three wire protocols and the hub.
//!
//! One module per protocol, none of which names another; [`adapter()`] hands them out. What they
//! share lives beside them: ids, seals, tool names and the losses.
//!
//! A request, for an upstream that speaks another protocol than the client:
//!
//! ```
//! use proxai_translate::{RequestInfo, Target, translate_request};
//! use proxai_types::Protocol;
//!
//! let body = br#"{"model":"house","max_tokens":64,"messages":[{"role":"user","content":"Hi"}]}"#;
//! let target = Target::new("upstream-model", "some-provider");
//! let info = RequestInfo { id: "1", created: 1_760_000_000, model: "house" };
//! let sent = translate_request(Protocol::Messages, Protocol::Chat, body, &target, &info)?;
//! assert_eq!(
//!     sent.body,
//!     br#"{"model":"upstream-model","max_tokens":64,"messages":[{"role":"user","content":"Hi"}]}"#,
//! );
//! assert!(sent.losses.is_empty());
//! # Ok::<(), proxai_translate::RequestError>(())
//! ```
//!
//! Its answer. `Prepared::reply` of the request is what an answer is written with; here it stands
//! alone:
//!
//! ```
//! use proxai_translate::{ReplyContext, translate_response};
//! use proxai_types::Protocol;
//!
//! let reply = ReplyContext::new("house", "some-provider", Protocol::Chat, "1", 1_760_000_000);
//! let body = br#"{"id":"chatcmpl-7","choices":[{"message":{"content":"Hello"},"finish_reason":"stop"}],
//!     "usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
//! let told = translate_response(Protocol::Messages, &reply, body)?;
//! let told: serde_json::Value = serde_json::from_slice(&told.body).unwrap();
//! assert_eq!(told["id"], "msg_7");
//! assert_eq!(told["model"], "house");
//! assert_eq!(told["content"][0]["text"], "Hello");
//! assert_eq!(told["stop_reason"], "end_turn");
//! # Ok::<(), proxai_translate::ReplyError>(())
//! ```
//!
//! A stream, frame by frame. What the client gets goes to `out` as soon as the upstream has said
//! it:
//!
//! ```
//! use std::sync::Arc;
//!
//! use bytes::{Bytes, BytesMut};
//! use proxai_sse::Decoder;
//! use proxai_translate::{ReplyContext, StreamTranslator};
//! use proxai_types::Protocol;
//!
//! let reply = ReplyContext::new("house", "some-provider", Protocol::Chat, "1", 1_760_000_000);
//! let mut frames = Decoder::new();
//! let mut translator = StreamTranslator::new(Protocol::Messages, Arc::new(reply));
//! let mut out = BytesMut::new();
//! for read in [
//!     "data: {\"choices\":[{\"delta\":{\"content\":\"Hel",
//!     "lo\"}}]}\n\ndata: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
//!     "data: [DONE]\n\n",
//! ] {
//!     frames.push(Bytes::from_static(read.as_bytes()));
//!     while let Some(frame) = frames.next_frame().unwrap() {
//!         translator.push(&frame, &mut out);
//!     }
//! }
//! // The upstream's body has ended; had it been cut, the client would get an error now.
//! translator.end(&mut out);
//! let told = String::from_utf8_lossy(&out);
//! assert!(told.starts_with("event: message_start\n"));
//! assert!(told.contains(r#"{"type":"text_delta","text":"Hello"}"#));
//! assert!(told.ends_with("event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
//! ```

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
mod nesting;
pub mod pipeline;
pub mod reasoning;
pub mod responses;
pub mod seal;
mod syntax;
mod tally;
pub mod tools;
pub mod turn;
pub mod unseal;
pub mod verdict;
mod wording;

pub use adapter::{Adapter, ReplyError, RequestError, StreamDecoder, StreamEncoder, adapter};
pub use context::{Abilities, ReplyContext, Target};
pub use count::count_tokens;
pub use pipeline::{
    Prepared, RequestInfo, StreamTranslator, Translated, decode_failure, encode_failure,
    fold_stream, replay_as_stream, translate_request, translate_response,
};
pub use proxai_ir as ir;
pub use reasoning::{ReasoningField, ReasoningFields, ReasoningPolicy, ReasoningRules};
pub use tools::ToolMap;
pub use turn::Turn;
pub use verdict::{StreamJudge, Verdict};
