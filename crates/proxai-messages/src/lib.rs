//! Anthropic Messages wire types: requests, answers, stream events and errors.
//!
//! Reference: <https://docs.anthropic.com/en/api/messages> and the types of the official
//! `anthropic` Python package 2.11, beta types included; checked 2026-11-21.
//!
//! Nothing is required while reading: vendors that copy this protocol leave members out, so
//! readers check what they need. Unknown kinds become `Unknown`; requests, blocks, tools and whole
//! answers keep members they do not name, stream events drop them. One block type serves requests
//! and answers, because every block of an answer comes back with the history.
//!
//! ```
//! let body = br#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
//! let request: proxai_messages::Request<'_> = proxai_json::from_slice(body).unwrap();
//! assert_eq!(request.max_tokens, Some(9));
//! assert_eq!(proxai_json::to_vec(&request), body);
//! ```
#![expect(
    missing_docs,
    reason = "fields follow the vendor reference linked above"
)]

mod block;
mod citation;
mod error;
mod hosted;
mod json;
mod request;
mod response;
mod source;
mod stream;
mod tool;

pub use block::{
    BrowserStateBlock, CacheControl, Caller, CodeCaller, CompactionBlock, ContainerUploadBlock,
    ContentBlock, DirectCaller, DocumentBlock, FallbackBlock, ImageBlock, McpToolListingBlock,
    McpToolUseBlock, RedactedThinkingBlock, SearchResultBlock, ServerToolUseBlock, TextBlock,
    ThinkingBlock, ToolChange, ToolChangeBlock, ToolChangeDefinition, ToolChangeReference,
    ToolReferenceBlock, ToolResultBlock, ToolUseBlock,
};
pub use citation::{Citation, CitationsConfig, DocumentCitation, SearchCitation, WebCitation};
pub use error::{ErrorBody, ErrorResponse, ErrorType};
pub use hosted::{
    AdvisorResult, EncryptedResult, ExecutionResult, FileCreate, FileReplace, FileView,
    HostedContent, HostedError, HostedResultBlock, OutputFile, ToolSearchResult, WebFetchResult,
    WebSearchResult,
};
pub use json::{Json, Object};
pub use request::{
    AdaptiveThinking, All, Amount, AnyChoice, AutoChoice, ClearThinking, ClearToolUses, Compact,
    Container, ContextEdit, ContextManagement, Continue, Count, Create, EnabledThinking,
    JsonSchemaFormat, McpServer, Message, Metadata, NoChoice, NoThinking, OutputConfig,
    OutputFormat, Request, Role, Thinking, Thread, ToolChoice, ToolChoiceTool,
};
pub use response::{
    Answer, CacheCreation, OutputTokensDetails, ServerToolUsage, StopDetails, StopReason, Usage,
};
pub use source::{Base64Source, ContentSource, FileSource, Source, TextSource, UrlSource};
pub use stream::{
    AnswerDelta, BlockDelta, BlockStart, BlockStop, CitationsDelta, CompactionDelta, Delta,
    ErrorEvent, InputJsonDelta, MessageDelta, MessageStart, MessageStop, Ping, SignatureDelta,
    StreamEvent, TextDelta, ThinkingDelta,
};
pub use tool::{
    ClientTool, FunctionTool, HostedTool, McpToolset, Tool, Toolset, UserLocation, WebSearchTool,
};
