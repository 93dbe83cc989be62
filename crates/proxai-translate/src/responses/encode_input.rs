//! The conversation of a request, written as items.
//!
//! Deterministic and append-only (T5): an item depends on its own turn only, except that the
//! system turns at the very beginning become `instructions`. Calls carry no item id: ids that
//! begin with `fc_` are the provider's, and the client's call id is no such id (44).

#[cfg(test)]
mod tests;

use std::collections::HashSet;

use proxai_ir::{
    Content, Losses, Part, Reasoning, Request, Role, Sealed, ToolCall, ToolKind, ToolResult, Turn,
};
use proxai_json::{RawValue, Str, Text};
use proxai_responses::lenient::JsonText;
use proxai_responses::{
    self as wire, ContentPart, CustomToolCall, FunctionCall, Item, Message, ToolOutput,
};
use proxai_types::Protocol;

use super::draft::summary_part;
use super::{content, search};
use crate::adapter::RequestError;
use crate::context::Target;
use crate::features::{Feature, lose_at, lose_mark};
use crate::{ids, seal};

/// What the output of a failed tool begins with, since there is no field for it (36).
const ERROR_MARK: &str = "[tool error] ";

/// Instructions and input of a request.
pub(super) struct Conversation<'r> {
    pub(super) instructions: Option<String>,
    pub(super) items: Vec<Item<'r>>,
    /// Outputs of tools that are lists, by the index of their item; they are written as raw JSON.
    pub(super) lists: Vec<(usize, Box<RawValue>)>,
    /// Sealed reasoning is among the items.
    pub(super) sealed: bool,
}

/// Writes the turns of a request.
pub(super) fn write<'r>(
    request: &'r Request<'_>,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<Conversation<'r>, RequestError> {
    let mut writer = Writer {
        target,
        origin: request.origin,
        losses,
        custom: custom_calls(request),
        message: Vec::new(),
        items: Vec::new(),
        lists: Vec::new(),
        sealed: false,
    };
    let (instructions, rest) = writer.instructions(&request.turns)?;
    for turn in rest {
        writer.turn(turn)?;
    }
    if let Some(last) = rest.last()
        && last.role == Role::Assistant
        && last.parts.iter().all(is_text)
    {
        lose_at(
            Feature::Prefill,
            last.at,
            Protocol::Responses,
            writer.losses,
        );
    }
    Ok(Conversation {
        instructions,
        items: writer.items,
        lists: writer.lists,
        sealed: writer.sealed,
    })
}

fn is_text(part: &Part<'_>) -> bool {
    matches!(part.content, Content::Text(_))
}

/// Ids of the calls that take free text: their results have a form of their own, but results of
/// most protocols do not tell what they are results of.
fn custom_calls<'r>(request: &'r Request<'_>) -> HashSet<&'r str> {
    request
        .turns
        .iter()
        .flat_map(|turn| &turn.parts)
        .filter_map(|part| match &part.content {
            Content::ToolCall(call) if call.kind == ToolKind::Custom => Some(call.id.as_str()),
            _ => None,
        })
        .collect()
}

struct Writer<'w, 'r> {
    target: &'w Target<'w>,
    origin: Protocol,
    losses: &'w mut Losses,
    custom: HashSet<&'r str>,
    /// Parts of the message that is being collected.
    message: Vec<ContentPart<'r>>,
    items: Vec<Item<'r>>,
    lists: Vec<(usize, Box<RawValue>)>,
    sealed: bool,
}

impl<'r> Writer<'_, 'r> {
    fn lose(&mut self, feature: Feature, part: &Part<'_>) {
        lose_at(feature, part.at, Protocol::Responses, self.losses);
    }

    /// The system turns at the beginning, as far as what can be written of them is text, and the
    /// turns behind them. A turn of nothing is no beginning.
    fn instructions(
        &mut self,
        turns: &'r [Turn<'_>],
    ) -> Result<(Option<String>, &'r [Turn<'r>]), RequestError> {
        let mut instructions = String::new();
        let mut rest = turns;
        while let Some((turn, later)) = rest.split_first()
            && (turn.role == Role::System || turn.parts.is_empty())
        {
            let items = self.items.len();
            self.collect(turn)?;
            rest = later;
            let text = |part: &ContentPart<'_>| matches!(part, ContentPart::InputText(_));
            if self.items.len() > items || !self.message.iter().all(text) {
                self.end_message(turn.role);
                break;
            }
            for part in self.message.drain(..) {
                if let ContentPart::InputText(part) = part
                    && !part.text.is_empty()
                {
                    if !instructions.is_empty() {
                        instructions.push_str("\n\n");
                    }
                    instructions.push_str(&part.text);
                }
            }
        }
        Ok(((!instructions.is_empty()).then_some(instructions), rest))
    }

    fn cache_mark(&mut self, part: &Part<'_>) {
        let target = Protocol::Responses;
        lose_mark(part.cache.as_ref(), part.at, target, self.losses);
    }

    fn turn(&mut self, turn: &'r Turn<'_>) -> Result<(), RequestError> {
        self.collect(turn)?;
        self.end_message(turn.role);
        Ok(())
    }

    /// Writes a turn, except that the message at its end is not ended.
    fn collect(&mut self, turn: &'r Turn<'_>) -> Result<(), RequestError> {
        if turn.name.is_some() {
            let path = turn.at.member("name");
            lose_at(Feature::SpeakerName, path, Protocol::Responses, self.losses);
        }
        for part in &turn.parts {
            self.cache_mark(part);
            if let Some(item) = self.coming_home(part) {
                self.end_message(turn.role);
                self.items.push(item);
                continue;
            }
            match &part.content {
                Content::WebSearch(_) => self.lose(Feature::SearchHistory, part),
                Content::Reasoning(reasoning) => {
                    self.end_message(turn.role);
                    self.reasoning(part, reasoning);
                }
                Content::ToolCall(call) => {
                    self.end_message(turn.role);
                    if call.sealed.is_some() {
                        let path = Feature::CallSeal.within(part.at, self.origin);
                        lose_at(Feature::CallSeal, path, Protocol::Responses, self.losses);
                    }
                    self.items.push(write_call(call));
                }
                Content::ToolResult(result) => {
                    self.end_message(turn.role);
                    self.result(part, result)?;
                }
                Content::Text(text) if turn.role == Role::Assistant => {
                    if text.citations.iter().any(|cited| cited.url.is_empty()) {
                        let feature = Feature::CitationHistory;
                        let why = feature.note(Protocol::Responses);
                        self.losses
                            .dropped(feature.within(part.at, self.origin), why);
                    }
                    if !text.text.is_empty() {
                        self.message.push(content::write_output_text(text));
                    }
                }
                Content::Refusal(text) if turn.role == Role::Assistant => {
                    self.message.push(ContentPart::Refusal(wire::Refusal {
                        refusal: text.reborrow(),
                        ..wire::Refusal::default()
                    }));
                }
                // Media of an assistant have no form here.
                Content::Media(_) if turn.role == Role::Assistant => {
                    self.lose(Feature::OpaquePart, part);
                }
                _ => content::write(part, self.origin, self.losses, &mut self.message)?,
            }
        }
        Ok(())
    }

    /// What the provider itself did in an earlier turn, in its own form.
    fn coming_home(&self, part: &'r Part<'_>) -> Option<Item<'r>> {
        let sealed = match &part.content {
            Content::WebSearch(search) => search.sealed.as_ref(),
            Content::Reasoning(reasoning) => reasoning.sealed.as_ref(),
            _ => None,
        };
        let own = |sealed: &&Sealed<'_>| {
            seal::belongs_to(sealed, Protocol::Responses, self.target.issuer)
        };
        search::item_of(sealed.filter(own)?)
    }

    /// Writes the collected parts as a message. A message that is one text is written as a string:
    /// every vendor takes that, while some take lists from users only.
    fn end_message(&mut self, role: Role) {
        let mut parts = std::mem::take(&mut self.message);
        let content = match parts.as_mut_slice() {
            [] => return,
            // As at the beginning: an instruction without a word is none.
            [ContentPart::InputText(text)]
                if text.text.is_empty() && matches!(role, Role::System | Role::Developer) =>
            {
                return;
            }
            [ContentPart::InputText(text)] => Text::String(std::mem::take(&mut text.text)),
            [ContentPart::OutputText(text)] if text.annotations.is_empty() => {
                Text::String(std::mem::take(&mut text.text))
            }
            _ => Text::Parts(parts),
        };
        let role = match role {
            Role::System => "system",
            Role::Developer => "developer",
            Role::Assistant => "assistant",
            Role::User | Role::Tool => "user",
        };
        self.items.push(Item::Message(Message {
            role: Some(role.into()),
            content: Some(content),
            ..Message::default()
        }));
    }

    /// Reasoning goes back to the provider that sealed it, and to nobody else (T6).
    fn reasoning(&mut self, part: &Part<'_>, reasoning: &'r Reasoning<'_>) {
        let sealed = reasoning
            .sealed
            .as_ref()
            .filter(|sealed| seal::belongs_to(sealed, Protocol::Responses, self.target.issuer));
        let Some(sealed) = sealed else {
            let item = reasoning.sealed.as_ref().and_then(seal::item_of);
            return self.lose(
                if item.is_some() {
                    Feature::SearchHistory
                } else {
                    Feature::ReasoningHistory
                },
                part,
            );
        };
        self.sealed = true;
        let mut item = wire::Reasoning {
            id: reasoning.id.as_ref().map(Str::reborrow),
            encrypted_content: Some(sealed.data.reborrow()),
            ..wire::Reasoning::default()
        };
        if !reasoning.text.is_empty() {
            // Who seals the thought shows a summary of it; another protocol has one kind of text.
            item.summary = vec![summary_part(&reasoning.text)];
        }
        self.items.push(Item::Reasoning(item));
    }

    fn result(&mut self, part: &Part<'_>, result: &'r ToolResult<'_>) -> Result<(), RequestError> {
        let mut parts = Vec::new();
        if result.is_error {
            let feature = Feature::ToolResultError;
            let path = feature.within(part.at, self.origin);
            lose_at(feature, path, Protocol::Responses, self.losses);
        }
        for part in &result.parts {
            self.cache_mark(part);
            content::write(part, self.origin, self.losses, &mut parts)?;
        }
        if result.is_error {
            mark_error(&mut parts);
        }
        let output = match parts.as_slice() {
            [] => raw(""),
            [ContentPart::InputText(text)] => raw(&*text.text),
            parts => raw(parts),
        };
        self.lists.push((self.items.len(), output));
        let item = ToolOutput {
            call_id: Some(ids::call(&result.call_id).into()),
            ..ToolOutput::default()
        };
        let is_custom =
            result.kind == ToolKind::Custom || self.custom.contains(result.call_id.as_str());
        self.items.push(if is_custom {
            Item::CustomToolCallOutput(item)
        } else {
            Item::FunctionCallOutput(item)
        });
        Ok(())
    }
}

fn raw<T: serde::Serialize + ?Sized>(value: &T) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("wire types serialise")
}

fn mark_error(parts: &mut Vec<ContentPart<'_>>) {
    if let Some(ContentPart::InputText(text)) = parts.first_mut() {
        text.text = Str::from(format!("{ERROR_MARK}{}", text.text));
    } else {
        let text = Str::from(ERROR_MARK.trim_end());
        let mark = wire::InputText {
            text,
            ..wire::InputText::default()
        };
        parts.insert(0, ContentPart::InputText(mark));
    }
}

fn write_call<'r>(call: &'r ToolCall<'_>) -> Item<'r> {
    let call_id = Some(Str::from(ids::call(&call.id)));
    let namespace = call.namespace.as_ref().map(Str::reborrow);
    if call.kind == ToolKind::Custom {
        return Item::CustomToolCall(CustomToolCall {
            call_id,
            name: call.name.reborrow(),
            namespace,
            input: JsonText(call.input.reborrow()),
            ..CustomToolCall::default()
        });
    }
    let arguments = if call.input.trim().is_empty() {
        Str::borrowed("{}")
    } else {
        call.input.reborrow()
    };
    Item::FunctionCall(FunctionCall {
        call_id,
        name: call.name.reborrow(),
        namespace,
        arguments: JsonText(arguments),
        ..FunctionCall::default()
    })
}
