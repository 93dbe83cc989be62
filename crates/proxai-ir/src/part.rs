//! What turns and answers are made of.

use std::fmt;

use proxai_json::Str;
use proxai_types::Protocol;

use crate::{Media, WebSearch};

/// Where something stood in the client's body, so that a loss can name it.
///
/// Shape: `list[item].member[index].inner[index]`; the parts after `list` may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct At {
    /// A top-level member, such as `messages`, `input` or `system`.
    pub list: &'static str,
    /// Index in the list, if it is one.
    pub item: Option<u32>,
    /// A member of the item, such as `content` or `tool_calls`; empty for the item itself.
    pub member: &'static str,
    /// Index in the member, if it is a list.
    pub index: Option<u32>,
    /// A list inside that element, such as the content of a tool's result, and the index in it.
    pub inner: Option<(&'static str, u32)>,
}

impl At {
    /// A top-level member.
    pub const fn root(list: &'static str) -> Self {
        Self {
            list,
            item: None,
            member: "",
            index: None,
            inner: None,
        }
    }

    /// An item of a top-level list.
    pub fn item(list: &'static str, item: usize) -> Self {
        Self {
            item: u32::try_from(item).ok(),
            ..Self::root(list)
        }
    }

    /// An element of a list inside an item.
    #[must_use]
    pub fn element(self, member: &'static str, index: usize) -> Self {
        Self {
            member,
            index: u32::try_from(index).ok(),
            inner: None,
            ..self
        }
    }

    /// An element of a list inside an element.
    #[must_use]
    pub fn within(self, inner: &'static str, index: usize) -> Self {
        Self {
            inner: u32::try_from(index).ok().map(|index| (inner, index)),
            ..self
        }
    }

    /// A member of the item.
    #[must_use]
    pub const fn member(self, member: &'static str) -> Self {
        Self {
            member,
            index: None,
            inner: None,
            ..self
        }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.list)?;
        if let Some(item) = self.item {
            write!(f, "[{item}]")?;
        }
        if !self.member.is_empty() {
            write!(f, ".{}", self.member)?;
        }
        if let Some(index) = self.index {
            write!(f, "[{index}]")?;
        }
        if let Some((member, index)) = self.inner {
            write!(f, ".{member}[{index}]")?;
        }
        Ok(())
    }
}

/// One part of a turn or of an answer.
#[derive(Clone, Debug)]
pub struct Part<'a> {
    /// Where it stood.
    pub at: At,
    /// What it holds.
    pub content: Content<'a>,
    /// A prompt-cache breakpoint behind it (T13).
    pub cache: Option<CacheMark<'a>>,
}

impl<'a> Part<'a> {
    /// A part without a cache mark.
    pub const fn new(at: At, content: Content<'a>) -> Self {
        Self {
            at,
            content,
            cache: None,
        }
    }

    /// A plain text part.
    pub fn text(at: At, text: impl Into<Str<'a>>) -> Self {
        Self::new(
            at,
            Content::Text(TextPart {
                text: text.into(),
                ..TextPart::default()
            }),
        )
    }
}

/// A prompt-cache breakpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheMark<'a> {
    /// How long the prefix is kept, such as `5m` or `1h`.
    pub ttl: Option<Str<'a>>,
    /// The member of the client's body that it is, so that a loss can name it: protocols have
    /// several, and clients use those of others.
    pub member: &'static str,
}

impl<'a> CacheMark<'a> {
    /// A breakpoint that stands in `member`.
    pub const fn new(member: &'static str, ttl: Option<Str<'a>>) -> Self {
        Self { ttl, member }
    }
}

/// What a part holds.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Content<'a> {
    /// Text.
    Text(TextPart<'a>),
    /// An image, a document, audio or video.
    Media(Media<'a>),
    /// What the model thought.
    Reasoning(Reasoning<'a>),
    /// A call that the client is to run.
    ToolCall(ToolCall<'a>),
    /// What such a call gave.
    ToolResult(ToolResult<'a>),
    /// The model's refusal, in its own words.
    Refusal(Str<'a>),
    /// A search of the web that the provider ran.
    WebSearch(WebSearch<'a>),
    /// Something that only its own protocol has a form for.
    Opaque(Opaque<'a>),
}

/// Text with what is attached to it.
#[derive(Clone, Debug, Default)]
pub struct TextPart<'a> {
    /// The text.
    pub text: Str<'a>,
    /// Sources the model cited.
    pub citations: Vec<Citation<'a>>,
    /// Token log probabilities as the JSON array that both OpenAI protocols use.
    pub logprobs: Option<Str<'a>>,
}

/// A source cited by a text part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Citation<'a> {
    /// The address of the source; empty for sources that have none.
    pub url: Str<'a>,
    /// The title of the source.
    pub title: Option<Str<'a>>,
    /// The passage quoted from the source.
    pub quote: Option<Str<'a>>,
    /// First character of the citing text.
    pub start: Option<u64>,
    /// One past the last character of the citing text.
    pub end: Option<u64>,
}

/// What the model thought.
#[derive(Clone, Debug, Default)]
pub struct Reasoning<'a> {
    /// The upstream's id of the item, which some upstreams want back.
    pub id: Option<Str<'a>>,
    /// The thought; paragraphs separated by a blank line. Empty when it is withheld.
    pub text: Str<'a>,
    /// The text is a summary, not the thought itself.
    pub summary: bool,
    /// The thought is withheld by a safety system, only the seal is there.
    pub redacted: bool,
    /// What the upstream needs to trust the thought again.
    pub sealed: Option<Sealed<'a>>,
}

/// A value that only its issuer can read or verify.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed<'a> {
    /// The protocol it came in.
    pub origin: Protocol,
    /// The provider that issued it; `None` when the client sent it in its native form, so that
    /// any provider of the same protocol may be its issuer.
    pub issuer: Option<Str<'a>>,
    /// The value: a signature, encrypted reasoning, or a JSON text, as `origin` has it.
    pub data: Str<'a>,
}

impl Sealed<'_> {
    /// A copy that owns its text.
    pub fn into_static(self) -> Sealed<'static> {
        Sealed {
            origin: self.origin,
            issuer: self.issuer.map(Str::into_static),
            data: self.data.into_static(),
        }
    }
}

/// How a tool takes its input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToolKind {
    /// A JSON object.
    #[default]
    Function,
    /// Free text, perhaps bound by a grammar.
    Custom,
    /// A JSON object in a form of the client protocol's own, such as a shell call.
    Native,
}

/// A call that the client is to run.
#[derive(Clone, Debug, Default)]
pub struct ToolCall<'a> {
    /// Joins the call with its result.
    pub id: Str<'a>,
    /// The upstream's id of the item, where it has one beside `id`.
    pub item_id: Option<Str<'a>>,
    /// The tool.
    pub name: Str<'a>,
    /// The namespace of the tool, where tools have one.
    pub namespace: Option<Str<'a>>,
    /// How to read `input`.
    pub kind: ToolKind,
    /// JSON text for a function (perhaps empty, perhaps not valid: models err), free text for a
    /// custom tool.
    pub input: Str<'a>,
    /// A thought signature that belongs to the call.
    pub sealed: Option<Sealed<'a>>,
}

/// What a call gave.
#[derive(Clone, Debug, Default)]
pub struct ToolResult<'a> {
    /// The id of the call.
    pub call_id: Str<'a>,
    /// How the tool takes its input, as far as the result tells.
    pub kind: ToolKind,
    /// What it gave.
    pub parts: Vec<Part<'a>>,
    /// The call failed.
    pub is_error: bool,
}

/// Something that only its own protocol has a form for.
#[derive(Clone, Debug, Default)]
pub struct Opaque<'a> {
    /// The kind, as the protocol calls it.
    pub kind: Str<'a>,
    /// It belongs to a tool that the provider ran itself, so the client must not see a call.
    pub hosted: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_like_a_json_path() {
        let at = At::item("messages", 2);
        assert_eq!(at.to_string(), "messages[2]");
        assert_eq!(
            at.element("content", 1).to_string(),
            "messages[2].content[1]"
        );
        assert_eq!(at.member("name").to_string(), "messages[2].name");
        assert_eq!(At::root("system").to_string(), "system");
    }
}
