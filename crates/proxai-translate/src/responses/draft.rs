//! One item of an answer while it grows, and its finished form.

use proxai_ir::{Citation, ToolKind, WebSearch};
use proxai_json::{RawValue, Str};
use proxai_responses::{
    Annotation, ContentPart, CustomToolCall, FunctionCall, Item, Message, OutputText, Reasoning,
    ReasoningText, Refusal,
};

use super::content;
use super::native;
use super::raw::parsed;

/// An item that is being written.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) id: String,
    pub(super) body: Body,
    /// The upstream adds nothing more to it; a message says so by its parts.
    pub(super) over: bool,
    /// The item as it was written when it was done.
    pub(super) done: Option<Box<RawValue>>,
}

#[derive(Debug)]
pub(super) enum Body {
    Message(Vec<Piece>),
    Thought(Thought),
    Call(Call),
    Search(WebSearch<'static>),
}

/// A content part of a message.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) refusal: bool,
    pub(super) text: String,
    pub(super) citations: Vec<Citation<'static>>,
    /// The elements of a JSON array, without its brackets.
    pub(super) logprobs: String,
    pub(super) closed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Thought {
    pub(super) text: String,
    pub(super) sealed: Option<String>,
    /// The upstream's id of the item.
    pub(super) upstream_id: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) kind: ToolKind,
    pub(super) input: String,
    /// The call's thought signature, wrapped.
    pub(super) sealed: Option<String>,
}

impl Call {
    /// Prefix of the item's id.
    pub(super) fn prefix(&self) -> &'static str {
        match self.kind {
            ToolKind::Custom => "ctc_",
            ToolKind::Native => native::prefix(&self.name),
            ToolKind::Function => "fc_",
        }
    }

    /// The call as an item whose input is `input`.
    pub(super) fn item<'c>(
        &'c self,
        id: &'c str,
        input: &'c str,
        status: &'static str,
    ) -> Item<'c> {
        let namespace = self.namespace.as_deref().map(Str::from);
        match self.kind {
            ToolKind::Custom => Item::CustomToolCall(CustomToolCall {
                id: Some(id.into()),
                call_id: Some(self.id.as_str().into()),
                name: self.name.as_str().into(),
                namespace,
                input: proxai_responses::lenient::JsonText(input.into()),
                status: Some(status.into()),
                ..CustomToolCall::default()
            }),
            ToolKind::Native => native::item(&self.name, id, &self.id, input, status)
                .unwrap_or_else(|| self.function(id, input, status)),
            ToolKind::Function => self.function(id, input, status),
        }
    }

    fn function<'c>(&'c self, id: &'c str, input: &'c str, status: &'static str) -> Item<'c> {
        Item::FunctionCall(FunctionCall {
            id: Some(id.into()),
            call_id: Some(self.id.as_str().into()),
            name: self.name.as_str().into(),
            namespace: self.namespace.as_deref().map(Str::from),
            arguments: proxai_responses::lenient::JsonText(input.into()),
            status: Some(status.into()),
            ..FunctionCall::default()
        })
    }
}

impl Piece {
    /// The logprobs as a JSON array; `[]` when there are none, since some events demand it.
    pub(super) fn logprobs_array(&self) -> String {
        format!("[{}]", self.logprobs)
    }

    /// The sources that can be written here.
    pub(super) fn annotations(&self) -> Vec<Annotation<'_>> {
        let characters = self.text.chars().count() as u64;
        self.citations
            .iter()
            .filter_map(|cited| content::annotation(cited, characters))
            .collect()
    }

    /// The finished content part; `logprobs` is [`Self::logprobs_array`], kept by the caller.
    pub(super) fn part<'p>(&'p self, logprobs: &'p str) -> ContentPart<'p> {
        if self.refusal {
            return ContentPart::Refusal(Refusal {
                refusal: self.text.as_str().into(),
                ..Refusal::default()
            });
        }
        ContentPart::OutputText(OutputText {
            text: self.text.as_str().into(),
            annotations: self.annotations(),
            logprobs: parsed(logprobs),
            ..OutputText::default()
        })
    }
}

/// A reasoning item; the thought is always told as a summary, the form every client shows.
pub(super) fn thought_item<'d>(
    id: &'d str,
    text: &'d str,
    sealed: Option<&'d str>,
    status: Option<&'static str>,
) -> Item<'d> {
    let summary = if text.is_empty() {
        Vec::new()
    } else {
        vec![summary_part(text)]
    };
    Item::Reasoning(Reasoning {
        id: Some(id.into()),
        summary,
        encrypted_content: sealed.map(Str::from),
        status: status.map(Str::from),
        ..Reasoning::default()
    })
}

/// A part of a summary.
pub(super) fn summary_part(text: &str) -> ContentPart<'_> {
    ContentPart::SummaryText(ReasoningText {
        text: text.into(),
        ..ReasoningText::default()
    })
}

/// A message of the model.
pub(super) fn message_item<'d>(
    id: &'d str,
    parts: Vec<ContentPart<'d>>,
    status: &'static str,
) -> Item<'d> {
    Item::Message(Message {
        id: Some(id.into()),
        status: Some(status.into()),
        role: Some("assistant".into()),
        content: Some(proxai_json::Text::Parts(parts)),
        ..Message::default()
    })
}
