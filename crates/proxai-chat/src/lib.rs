//! OpenAI Chat Completions wire types.
//!
//! Follows the [API reference](https://platform.openai.com/docs/api-reference/chat) and the types
//! of the official Python package `openai` 3.52, checked 2026-11-21, and adds the members that
//! other vendors of this protocol really send: `reasoning`, `reasoning_content`,
//! `reasoning_details`, `extra_content`, `x_groq`, thinking parts, citations and their own ways to
//! count cached tokens.
//!
//! Surprises: nothing is required while reading, because some vendor leaves out every member;
//! tool arguments come as text or as an object; a tool call may lack its index, its type or its
//! id; `content` may be an array in answers too. Requests and whole answers keep unknown members,
//! stream chunks do not.
//!
//! A reader borrows everything:
//!
//! ```
//! let body = br#"{"choices":[{"message":{"content":"Hi","reasoning":"hm"},"finish_reason":"stop"}]}"#;
//! let answer: proxai_chat::Response<'_> = proxai_json::from_slice(body).unwrap();
//! assert_eq!(answer.choices[0].message.reasoning.as_deref(), Some("hm"));
//! ```
//!
//! No meaning is given to anything here: which of two spellings counts is for the reader to decide.
#![expect(
    missing_docs,
    reason = "fields follow the vendor reference linked above"
)]

mod arguments;
mod chunk;
mod count;
mod error;
mod message;
mod raw;
mod request;
mod response;
mod tool;

pub use arguments::Arguments;
pub use chunk::{Chunk, ChunkChoice, CustomDelta, Delta, FunctionDelta, ToolCallDelta, XGroq};
pub use count::Count;
pub use error::{ErrorBody, ErrorEnvelope, ErrorObject, Problem};
pub use message::{
    AudioPart, CacheControl, ContentPart, FilePart, FileSource, ImagePart, InputAudio, LinkPart,
    Message, RefusalPart, Role, TextContent, ThinkingPart, UrlObject,
};
pub use raw::Raw;
pub use request::{
    ApproximateLocation, FormatJsonObject, FormatJsonSchema, FormatText, JsonSchema, Reasoning,
    Request, ResponseFormat, StreamOptions, Thinking, UserLocation, WebSearchOptions,
};
pub use response::{
    Annotation, AnswerMessage, Audio, Choice, CompletionDetails, FinishReason, Logprobs,
    PromptDetails, ReasoningDetail, Response, SearchResult, UrlCitation, UrlCitationAnnotation,
    Usage,
};
pub use tool::{
    AllowedTools, AllowedToolsChoice, CallExtra, CallSeal, Custom, CustomCall, CustomCallBody,
    CustomFormat, CustomTool, Function, FunctionCall, FunctionCallBody, FunctionTool, Grammar,
    Name, NamedCustom, NamedFunction, Tool, ToolCall, ToolChoice,
};
