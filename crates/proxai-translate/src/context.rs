//! What an adapter has to know beside the message itself.

use std::borrow::Cow;
use std::sync::Arc;

use proxai_types::Protocol;

use crate::reasoning::ReasoningRules;
use crate::tools::ToolMap;

/// The upstream a request is written for.
#[derive(Clone, Debug)]
pub struct Target<'a> {
    /// The model, as the upstream names it.
    pub model: &'a str,
    /// The provider. Seals that it issued may be opened for it; all others are dropped (T6).
    pub issuer: &'a str,
    /// What the upstream can do beyond the core of its protocol.
    pub abilities: Abilities,
}

impl<'a> Target<'a> {
    /// A target with the abilities that every upstream of a protocol has.
    pub fn new(model: &'a str, issuer: &'a str) -> Self {
        Self {
            model,
            issuer,
            abilities: Abilities::default(),
        }
    }
}

/// What upstreams of one protocol differ in. The defaults are what every dialect understands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Abilities {
    /// Chat: `custom` tools beside functions.
    pub custom_tools: bool,
    /// Responses: no `custom` tools; they become functions there too.
    pub functions_only: bool,
    /// Chat: `max_completion_tokens` instead of `max_tokens`.
    pub max_completion_tokens: bool,
    /// Chat: `developer` as a role of its own; else it is sent as `system`.
    pub developer_role: bool,
    /// Chat: reasoning of earlier turns is sent back, as `reasoning_content`.
    pub reasoning_echo: bool,
    /// Messages: `role: "system"` in the middle of the conversation.
    pub system_turns: bool,
    /// Messages: `thinking: {type: "adaptive"}` with `output_config.effort`; else a budget.
    pub adaptive_thinking: bool,
    /// Messages: `output_config.format`; else the schema becomes an instruction.
    pub output_format: bool,
    /// The upstream can search the web by itself (T7). Else the tool is left out, with a report,
    /// and the model is told.
    pub web_search: bool,
    /// Messages: what `max_tokens` is when the client did not say, since it must be there.
    pub default_max_tokens: u64,
    /// How reasoning in the answer is read and shown (P8).
    pub reasoning: ReasoningRules,
}

impl Default for Abilities {
    fn default() -> Self {
        Self {
            custom_tools: false,
            functions_only: false,
            max_completion_tokens: false,
            developer_role: false,
            reasoning_echo: false,
            system_turns: false,
            adaptive_thinking: true,
            output_format: true,
            web_search: false,
            default_max_tokens: 16_384,
            reasoning: ReasoningRules::default(),
        }
    }
}

/// What the answer to one request has to be written with. Made once per request, shared by its
/// attempts and its stream.
#[derive(Clone, Debug)]
pub struct ReplyContext {
    /// The model, as the client named it (T12).
    pub model: Arc<str>,
    /// The answer tells the model as the upstream does, and `model` only where that names none.
    pub upstream_names_model: bool,
    /// The provider that answers; it is named in the seals it issues (T6).
    pub issuer: Arc<str>,
    /// The protocol the upstream speaks.
    pub upstream: Protocol,
    /// An id without prefix, for answers whose upstream gave none.
    pub id: Arc<str>,
    /// Seconds since 1970, for answers whose upstream gave no time.
    pub created: u64,
    /// The client wants usage in the stream; false withholds the extra chunk (T10).
    pub include_usage: bool,
    /// Estimated prompt tokens, for a stream whose first frame needs a count that the upstream
    /// gives last, and for an answer without usage (T10).
    pub estimated_input: u64,
    /// Members that the client's protocol repeats in its answers: name and raw JSON.
    pub echo: Arc<[(Box<str>, Box<str>)]>,
    /// How tool names were changed for the upstream.
    pub tools: Arc<ToolMap>,
    /// How reasoning in the answer is read and shown (P8).
    pub reasoning: ReasoningRules,
}

impl ReplyContext {
    /// A context with nothing to repeat or restore.
    pub fn new(model: &str, issuer: &str, upstream: Protocol, id: &str, created: u64) -> Self {
        Self {
            model: model.into(),
            upstream_names_model: false,
            issuer: issuer.into(),
            upstream,
            id: id.into(),
            created,
            include_usage: true,
            estimated_input: 0,
            echo: Arc::new([]),
            tools: Arc::default(),
            reasoning: ReasoningRules::default(),
        }
    }

    /// The same with the name of the model that the answer is to tell, where the upstream calls it
    /// `upstream`.
    pub(crate) fn naming(&self, upstream: &str) -> Cow<'_, Self> {
        if !self.upstream_names_model || upstream.is_empty() {
            return Cow::Borrowed(self);
        }
        Cow::Owned(Self {
            model: upstream.into(),
            ..self.clone()
        })
    }

    /// The raw JSON of a repeated member.
    pub fn echoed(&self, name: &str) -> Option<&str> {
        self.echo
            .iter()
            .find(|(key, _)| &**key == name)
            .map(|(_, value)| &**value)
    }
}
