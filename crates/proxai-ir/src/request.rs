//! What a client asks for.

use proxai_json::{Extra, RawValue, Str};
use proxai_types::Protocol;

use crate::{At, CacheMark, Part, ToolKind, WebSearchTool};

/// A request for an answer.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The protocol it was decoded from.
    pub origin: Protocol,
    /// The model, as the client names it.
    pub model: Str<'a>,
    /// Whether the answer is to be streamed.
    pub stream: bool,
    /// Whether the client asked for usage in the stream; `None` where its protocol always has it.
    pub include_usage: Option<bool>,
    /// The conversation, system prompt included, in order.
    pub turns: Vec<Turn<'a>>,
    /// The tools on offer.
    pub tools: Vec<Tool<'a>>,
    /// Which of them may or must be called.
    pub tool_choice: Option<ToolChoice<'a>>,
    /// Whether several calls may come in one answer.
    pub parallel_tool_calls: Option<bool>,
    /// How tokens are chosen.
    pub sampling: Sampling<'a>,
    /// How much is thought, and what is shown of it.
    pub reasoning: Option<ReasoningConfig<'a>>,
    /// The form of the answer.
    pub output: Output<'a>,
    /// Prompt caching beyond the marks on parts.
    pub cache: CacheHints<'a>,
    /// A stable id of the end user.
    pub end_user: Option<Str<'a>>,
    /// Free key-value pairs of the client, as JSON.
    pub metadata: Option<&'a RawValue>,
    /// The service tier asked for.
    pub service_tier: Option<Str<'a>>,
    /// Whether the upstream may keep the answer.
    pub store: Option<bool>,
    /// The stored answer that this request continues.
    pub previous_response: Option<Str<'a>>,
    /// Members that the client's protocol repeats in its answers, raw.
    pub echo: Extra<'a>,
}

impl<'a> Request<'a> {
    /// An empty request.
    pub fn new(origin: Protocol, model: impl Into<Str<'a>>) -> Self {
        Self {
            origin,
            model: model.into(),
            stream: false,
            include_usage: None,
            turns: Vec::new(),
            tools: Vec::new(),
            tool_choice: None,
            parallel_tool_calls: None,
            sampling: Sampling::default(),
            reasoning: None,
            output: Output::default(),
            cache: CacheHints::default(),
            end_user: None,
            metadata: None,
            service_tier: None,
            store: None,
            previous_response: None,
            echo: Extra::new(),
        }
    }

    /// Keeps what stands before the breakpoints of parts for `ttl`, where they do not say for how
    /// long.
    pub fn keep_marked(&mut self, ttl: &Str<'a>) {
        let parts = self.turns.iter_mut().flat_map(|turn| &mut turn.parts);
        for mark in parts.filter_map(|part| part.cache.as_mut()) {
            mark.ttl.get_or_insert_with(|| ttl.clone());
        }
    }
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The platform or the application.
    System,
    /// The application; what some protocols call system.
    Developer,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// Tools: every part is a [`ToolResult`](crate::Content::ToolResult).
    Tool,
}

/// One turn of the conversation. Neighbours may have the same role; encoders merge as needed.
#[derive(Clone, Debug)]
pub struct Turn<'a> {
    /// Where it stood.
    pub at: At,
    /// Who speaks.
    pub role: Role,
    /// The speaker's name, where the protocol has one.
    pub name: Option<Str<'a>>,
    /// What is said.
    pub parts: Vec<Part<'a>>,
}

impl<'a> Turn<'a> {
    /// A turn without a name.
    pub const fn new(at: At, role: Role, parts: Vec<Part<'a>>) -> Self {
        Self {
            at,
            role,
            name: None,
            parts,
        }
    }
}

/// A tool on offer.
#[derive(Clone, Debug)]
pub struct Tool<'a> {
    /// Where it stood.
    pub at: At,
    /// Its name; for a hosted tool its kind.
    pub name: Str<'a>,
    /// Its namespace.
    pub namespace: Option<Str<'a>>,
    /// What it does.
    pub description: Option<Str<'a>>,
    /// What it takes.
    pub definition: ToolDefinition<'a>,
    /// A prompt-cache breakpoint behind it.
    pub cache: Option<CacheMark<'a>>,
    /// The model is to find it by search instead of seeing it from the start.
    pub deferred: bool,
}

/// What a tool takes.
#[derive(Clone, Debug)]
pub enum ToolDefinition<'a> {
    /// A JSON object.
    Function {
        /// JSON schema of the object; `None` for no parameters.
        parameters: Option<&'a RawValue>,
        /// Whether the schema binds the sampler.
        strict: Option<bool>,
    },
    /// Free text.
    Custom {
        /// What the text has to follow, if it is bound.
        grammar: Option<Grammar<'a>>,
    },
    /// A tool that the client runs but whose form only its protocol knows, such as a shell or an
    /// editor. Other protocols are offered a function with the same input.
    Native {
        /// Its kind, as the protocol calls it.
        kind: Str<'a>,
        /// JSON schema of the input.
        parameters: &'static str,
    },
    /// A search of the web that the provider runs; its name is [`WEB_SEARCH`](crate::WEB_SEARCH).
    WebSearch(WebSearchTool<'a>),
    /// A tool that the provider runs; no other provider can.
    Hosted {
        /// Its kind, as the protocol calls it.
        kind: Str<'a>,
        /// Its settings.
        settings: Extra<'a>,
    },
}

/// A grammar of free text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grammar<'a> {
    /// What it is written in: `lark`, `regex`.
    pub syntax: Str<'a>,
    /// The grammar itself.
    pub definition: Str<'a>,
}

/// What a tool is called by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolName<'a> {
    /// Its name.
    pub name: Str<'a>,
    /// Its namespace.
    pub namespace: Option<Str<'a>>,
}

impl<'a> From<Str<'a>> for ToolName<'a> {
    fn from(name: Str<'a>) -> Self {
        Self {
            name,
            namespace: None,
        }
    }
}

impl<'a> From<&'a str> for ToolName<'a> {
    fn from(name: &'a str) -> Self {
        Str::from(name).into()
    }
}

/// Which tools may or must be called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToolChoice<'a> {
    /// The model decides.
    Auto,
    /// None.
    None,
    /// At least one.
    Required,
    /// This one.
    Named {
        /// The tool.
        name: Str<'a>,
        /// Its namespace.
        namespace: Option<Str<'a>>,
        /// How it takes its input.
        kind: ToolKind,
    },
    /// Only these.
    Allowed {
        /// At least one of them must be called.
        required: bool,
        /// Their names.
        names: Vec<ToolName<'a>>,
    },
    /// A hosted tool, by the name it has among the tools.
    Hosted(Str<'a>),
}

/// How tokens are chosen. `None` leaves it to the upstream.
#[derive(Clone, Debug, Default)]
pub struct Sampling<'a> {
    /// Most tokens to generate, reasoning included.
    pub max_output_tokens: Option<u64>,
    /// Randomness; 0 to 2 for the OpenAI protocols, 0 to 1 for Messages.
    pub temperature: Option<f64>,
    /// Nucleus sampling, 0 to 1.
    pub top_p: Option<f64>,
    /// Only the `k` likeliest tokens.
    pub top_k: Option<u64>,
    /// Penalty by frequency, -2 to 2.
    pub frequency_penalty: Option<f64>,
    /// Penalty by presence, -2 to 2.
    pub presence_penalty: Option<f64>,
    /// For repeatable sampling.
    pub seed: Option<i64>,
    /// Texts that end the answer.
    pub stop: Vec<Str<'a>>,
    /// How many answers.
    pub n: Option<u64>,
    /// Whether log probabilities are wanted.
    pub logprobs: Option<bool>,
    /// How many alternatives per token.
    pub top_logprobs: Option<u64>,
    /// Token biases, as a JSON object.
    pub logit_bias: Option<&'a RawValue>,
}

/// Whether the model thinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasoningMode {
    /// As much as the budget allows.
    Enabled,
    /// As much as the model sees fit.
    Adaptive,
    /// Not at all.
    Disabled,
}

/// How much is thought, and what is shown of it.
#[derive(Clone, Debug, Default)]
pub struct ReasoningConfig<'a> {
    /// Whether the model thinks.
    pub mode: Option<ReasoningMode>,
    /// `none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`, …
    pub effort: Option<Str<'a>>,
    /// Most tokens to think.
    pub budget: Option<u64>,
    /// The summary asked for: `auto`, `concise`, `detailed`, …
    pub summary: Option<Str<'a>>,
    /// Thoughts are not to be shown.
    pub hidden: bool,
    /// The client wants sealed reasoning, so that it can send it back.
    pub sealed: bool,
}

/// The form of the answer.
#[derive(Clone, Debug, Default)]
pub struct Output<'a> {
    /// Text or JSON.
    pub format: Option<Format<'a>>,
    /// `low`, `medium`, `high`.
    pub verbosity: Option<Str<'a>>,
}

/// Text or JSON.
#[derive(Clone, Debug)]
pub enum Format<'a> {
    /// Free text.
    Text,
    /// Any JSON object.
    JsonObject,
    /// JSON by a schema.
    JsonSchema {
        /// Its name, where the protocol has one.
        name: Option<Str<'a>>,
        /// What it is for.
        description: Option<Str<'a>>,
        /// The schema.
        schema: Option<&'a RawValue>,
        /// Whether the schema binds the sampler.
        strict: Option<bool>,
    },
}

/// Prompt caching beyond the marks on parts.
#[derive(Clone, Debug, Default)]
pub struct CacheHints<'a> {
    /// Requests with the same key share a cache.
    pub key: Option<Str<'a>>,
    /// How long prefixes are kept: `in_memory`, `24h`.
    pub retention: Option<Str<'a>>,
    /// The upstream is to place a breakpoint at the end by itself.
    pub automatic: Option<CacheMark<'a>>,
}
