//! How many tokens a request is to the model.
//!
//! Text is counted; the tokens that a vendor adds around it are the constants below. They are
//! those of the OpenAI models, published in
//! <https://cookbook.openai.com/examples/how_to_count_tokens_with_tiktoken> or, where
//! that is silent, read off the usage of recorded answers. Other vendors add other amounts, of which
//! the largest is an instruction of 100 to 700 tokens before tools; it matters for small requests
//! only and depends on the model, so it is left out.
//!
//! Not counted is what does not reach the model: ids, seals, settings, cache marks and opaque
//! parts, and the thoughts of turns before the last user turn, which all vendors drop.

use proxai_ir::{
    Content, Format, Media, MediaSource, Part, Request, Role, Tool, ToolCall, ToolDefinition, Turn,
};
use proxai_json::{RawValue, Str};
use serde_json::Value;

use crate::merge::Merger;
use crate::{count_with, media};

/// Around each message: three, and one for the role.
const MESSAGE: u64 = 4;

/// The name of a speaker, beside its text.
const SPEAKER: u64 = 1;

/// The beginning of the answer, behind all messages.
const ANSWER: u64 = 3;

/// Around a call and its arguments.
const CALL: u64 = 7;

/// Around the list of tools.
const TOOLS: u64 = 12;

/// Around one tool: keywords and brackets that join name, description and schema.
const TOOL: u64 = 10;

/// Around the schema of the answer.
const SCHEMA: u64 = 5;

/// The number of tokens of a request, as an upstream would count its input.
///
/// At least 1, and a function of what the model gets to see only: the same conversation gives the
/// same number, whatever protocol it came in.
pub fn count_request(request: &Request<'_>) -> u64 {
    let mut tally = Tally {
        merger: Merger::new(),
        tokens: ANSWER,
        reasoning: false,
    };
    let last_user = request
        .turns
        .iter()
        .rposition(|turn| turn.role == Role::User);
    for (index, turn) in request.turns.iter().enumerate() {
        tally.reasoning = last_user.is_none_or(|last| index > last);
        tally.turn(turn);
    }
    if !request.tools.is_empty() {
        tally.tokens += TOOLS;
    }
    for tool in &request.tools {
        tally.tool(tool);
    }
    if let Some(Format::JsonSchema {
        name,
        description,
        schema,
        ..
    }) = &request.output.format
    {
        tally.tokens += SCHEMA;
        tally.optional(name.as_ref());
        tally.optional(description.as_ref());
        tally.json(*schema);
    }
    tally.tokens
}

struct Tally {
    merger: Merger,
    tokens: u64,
    /// Whether thoughts still count.
    reasoning: bool,
}

impl Tally {
    fn text(&mut self, text: &str) {
        self.tokens += count_with(&mut self.merger, text);
    }

    fn optional(&mut self, text: Option<&Str<'_>>) {
        if let Some(text) = text {
            self.text(text);
        }
    }

    /// JSON as upstreams hand it on: parsed and written anew, without the client's layout and
    /// escapes. What is nested too deeply to be parsed counts as it is.
    fn json(&mut self, json: Option<&RawValue>) {
        if let Some(json) = json {
            match serde_json::from_str::<Value>(json.get()) {
                Ok(value) => self.text(&value.to_string()),
                Err(_) => self.text(json.get()),
            }
        }
    }

    fn turn(&mut self, turn: &Turn<'_>) {
        // Each result becomes a message of its own.
        if turn.role != Role::Tool {
            self.tokens += MESSAGE;
        }
        if let Some(name) = &turn.name {
            self.tokens += SPEAKER;
            self.text(name);
        }
        self.parts(&turn.parts);
    }

    fn parts(&mut self, parts: &[Part<'_>]) {
        for part in parts {
            self.content(&part.content);
        }
    }

    fn content(&mut self, content: &Content<'_>) {
        match content {
            Content::Text(part) => self.text(&part.text),
            Content::Media(media) => self.media(media),
            Content::Reasoning(reasoning) if self.reasoning => self.text(&reasoning.text),
            Content::ToolCall(call) => self.call(call),
            Content::ToolResult(result) => {
                self.tokens += MESSAGE;
                self.parts(&result.parts);
            }
            Content::Refusal(text) => self.text(text),
            // Opaque parts, and kinds that come later: no other protocol has a form for them.
            _ => {}
        }
    }

    fn call(&mut self, call: &ToolCall<'_>) {
        self.tokens += CALL;
        self.optional(call.namespace.as_ref());
        self.text(&call.name);
        self.text(&call.input);
    }

    fn media(&mut self, media: &Media<'_>) {
        match &media.source {
            MediaSource::Base64(base64) => match media::inline(media, base64) {
                media::Document::Tokens(tokens) => self.tokens += tokens,
                media::Document::Text(text) => self.text(&text),
            },
            MediaSource::Url(_) | MediaSource::File(_) => self.tokens += media::elsewhere(media),
            MediaSource::Text(text) => self.text(text),
            MediaSource::Parts(parts) => self.parts(parts),
        }
        self.optional(media.name.as_ref());
        self.optional(media.context.as_ref());
    }

    fn tool(&mut self, tool: &Tool<'_>) {
        self.tokens += TOOL;
        self.optional(tool.namespace.as_ref());
        self.text(&tool.name);
        self.optional(tool.description.as_ref());
        match &tool.definition {
            ToolDefinition::Function { parameters, .. } => self.json(*parameters),
            ToolDefinition::Custom { grammar } => {
                self.optional(grammar.as_ref().map(|grammar| &grammar.definition));
            }
            ToolDefinition::Native { parameters, .. } => self.text(parameters),
            ToolDefinition::WebSearch(search) => {
                for domain in search.allowed_domains.iter().chain(&search.blocked_domains) {
                    self.text(domain);
                }
            }
            ToolDefinition::Hosted { settings, .. } => {
                for (name, value) in settings.iter() {
                    self.text(name);
                    self.json(Some(value));
                }
            }
        }
    }
}
