//! Writes the conversation as messages.
//!
//! The protocol wants each result right behind the message with its call, and one message for all
//! that the assistant did in between. So neighbouring assistant turns are joined, a result whose
//! call stands further up is put behind it, and pictures in results, which tool messages cannot
//! hold, follow in a user message behind the whole run of results.
//!
//! Everything is a function of the turns so far: no turn changes what was written for the turns
//! before it, except the run of messages it is joined with (T5).

use proxai_chat as wire;
use proxai_ir::{
    Content, Losses, Media, MediaKind, MediaSource, Part, Reasoning, Request, Role, Sealed,
    ToolCall, ToolKind, ToolResult, Turn,
};
use proxai_json::{Nullable, Str, Text};
use proxai_types::Protocol;

use super::media::{self, Obstacle};
use super::reasoning;
use super::thoughts::{self, Seal};
use crate::adapter::RequestError;
use crate::context::Target;
use crate::features::{Feature, lose_at, lose_mark, refused};
use crate::{ids, seal};

/// What the text of a failed result begins with; the protocol has no field for it.
const ERROR_MARK: &str = "[tool error] ";

/// What a result says whose pictures stand in the next message.
const SEE_NEXT: &str = "[the content is in the next message]";

/// Writes the messages.
pub(super) fn messages<'r>(
    request: &'r Request<'_>,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<Vec<wire::Message<'r>>, RequestError> {
    let mut writer = Writer {
        target,
        origin: request.origin,
        losses,
        messages: Vec::with_capacity(request.turns.len()),
        attached: Vec::new(),
    };
    for turn in &request.turns {
        match turn.role {
            Role::Tool => writer.results(turn)?,
            Role::Assistant => writer.assistant(turn),
            Role::System | Role::Developer | Role::User => writer.spoken(turn)?,
        }
    }
    writer.flush_attached();
    if let Some(turn) = request.turns.last().filter(|turn| is_prefill(turn)) {
        lose_at(Feature::Prefill, turn.at, Protocol::Chat, writer.losses);
    }
    Ok(writer.messages)
}

/// Whether the answer is to go on where this last turn ends.
fn is_prefill(turn: &Turn<'_>) -> bool {
    let holds = |test: fn(&Content<'_>) -> bool| turn.parts.iter().any(|part| test(&part.content));
    turn.role == Role::Assistant
        && holds(|content| matches!(content, Content::Text(_)))
        && !holds(|content| matches!(content, Content::ToolCall(_)))
}

struct Writer<'r, 'w> {
    target: &'w Target<'w>,
    origin: Protocol,
    losses: &'w mut Losses,
    messages: Vec<wire::Message<'r>>,
    /// Parts of results that go into a user message behind the run of results.
    attached: Vec<wire::ContentPart<'r>>,
}

impl<'r> Writer<'r, '_> {
    fn flush_attached(&mut self) {
        if !self.attached.is_empty() {
            let parts = std::mem::take(&mut self.attached);
            self.messages.push(wire::Message {
                role: wire::Role::User,
                content: Nullable::Value(Text::Parts(parts)),
                ..wire::Message::default()
            });
        }
    }

    fn cache_mark(&mut self, part: &Part<'_>) {
        lose_mark(part.cache.as_ref(), part.at, Protocol::Chat, self.losses);
    }

    fn spoken(&mut self, turn: &'r Turn<'_>) -> Result<(), RequestError> {
        self.flush_attached();
        let mut parts = Vec::with_capacity(turn.parts.len());
        for part in &turn.parts {
            self.spoken_part(part, &mut parts)?;
        }
        if parts.is_empty() {
            return Ok(());
        }
        let role = match turn.role {
            Role::Developer if self.target.abilities.developer_role => wire::Role::Developer,
            Role::User => wire::Role::User,
            _ => wire::Role::System,
        };
        let joined = turn.role != Role::User;
        self.messages.push(wire::Message {
            role,
            content: Nullable::Value(content(parts, joined)),
            name: turn.name.as_ref().map(Str::reborrow),
            ..wire::Message::default()
        });
        Ok(())
    }

    fn spoken_part(
        &mut self,
        part: &'r Part<'_>,
        parts: &mut Vec<wire::ContentPart<'r>>,
    ) -> Result<(), RequestError> {
        self.cache_mark(part);
        match &part.content {
            Content::Text(text) => parts.push(text_part(text.text.reborrow())),
            Content::Refusal(text) => {
                self.lose(Feature::Refusal, part);
                parts.push(text_part(text.reborrow()));
            }
            Content::Media(media) => self.media(part, media, parts)?,
            _ => self.opaque(part),
        }
        Ok(())
    }

    fn lose(&mut self, feature: Feature, part: &Part<'_>) {
        lose_at(feature, part.at, Protocol::Chat, self.losses);
    }

    /// The same for a member of the part.
    fn lose_within(&mut self, feature: Feature, part: &Part<'_>) {
        let path = feature.within(part.at, self.origin);
        lose_at(feature, path, Protocol::Chat, self.losses);
    }

    fn opaque(&mut self, part: &Part<'_>) {
        let search = matches!(part.content, Content::WebSearch(_));
        self.lose(
            if search {
                Feature::SearchHistory
            } else {
                Feature::OpaquePart
            },
            part,
        );
    }

    fn media(
        &mut self,
        part: &Part<'_>,
        media: &'r Media<'_>,
        parts: &mut Vec<wire::ContentPart<'r>>,
    ) -> Result<(), RequestError> {
        let inlined = matches!(media.source, MediaSource::Text(_) | MediaSource::Parts(_));
        for (feature, said) in [
            (Feature::DocumentTitle, inlined && media.name.is_some()),
            (Feature::DocumentContext, media.context.is_some()),
            (Feature::Citations, media.citations),
        ] {
            if said {
                self.lose_within(feature, part);
            }
        }
        match &media.source {
            MediaSource::Text(text) => parts.push(text_part(text.reborrow())),
            MediaSource::Parts(inner) => {
                for part in inner {
                    self.spoken_part(part, parts)?;
                }
            }
            // A file id goes back to where the client got it from, if the client speaks of files
            // in this very protocol.
            MediaSource::File(id)
                if self.origin == Protocol::Chat && media.kind == MediaKind::Document =>
            {
                let file = wire::FileSource {
                    file_id: Some(id.reborrow()),
                    ..wire::FileSource::default()
                };
                parts.push(wire::ContentPart::File(wire::FilePart {
                    file,
                    ..wire::FilePart::default()
                }));
            }
            source => {
                if media.kind == MediaKind::Document && matches!(source, MediaSource::Url(_)) {
                    self.lose_within(Feature::DocumentAddress, part);
                }
                match media::to_part(media) {
                    Ok(written) => parts.push(written),
                    Err(obstacle) => return Err(self.obstructed(part, obstacle)),
                }
            }
        }
        Ok(())
    }

    fn obstructed(&self, part: &Part<'_>, obstacle: Obstacle) -> RequestError {
        match obstacle {
            Obstacle::ForeignFile => {
                let path = Feature::UploadedFile.within(part.at, self.origin);
                refused(Feature::UploadedFile, path, Protocol::Chat)
            }
            Obstacle::AudioByAddress => RequestError::unsupported(
                part.at,
                "Chat takes audio only as data: send its content",
            ),
        }
    }

    fn assistant(&mut self, turn: &'r Turn<'_>) {
        self.flush_attached();
        let mut said = Said::default();
        for part in &turn.parts {
            self.cache_mark(part);
            match &part.content {
                Content::Text(text) => {
                    if !text.citations.is_empty() {
                        self.lose_within(Feature::CitationHistory, part);
                    }
                    said.text(&text.text);
                }
                Content::Refusal(text) => {
                    self.lose(Feature::Refusal, part);
                    said.text(text);
                }
                Content::Reasoning(thought) => self.thought(part, thought, &mut said),
                Content::ToolCall(call) => {
                    let seal = self.call_seal(part, call.sealed.as_ref());
                    said.calls.push(written_call(call, seal));
                }
                _ => self.opaque(part),
            }
        }
        let behind_assistant = self
            .messages
            .last()
            .is_some_and(|message| message.role == wire::Role::Assistant);
        if behind_assistant && let Some(message) = self.messages.last_mut() {
            said.add_to(message);
        } else if !said.is_empty() {
            let mut message = wire::Message {
                role: wire::Role::Assistant,
                content: Nullable::Null,
                name: turn.name.as_ref().map(Str::reborrow),
                ..wire::Message::default()
            };
            said.add_to(&mut message);
            self.messages.push(message);
        }
    }

    /// The signature of a call, if it may be sent to this upstream (T6).
    fn call_seal(
        &mut self,
        part: &Part<'_>,
        sealed: Option<&'r Sealed<'_>>,
    ) -> Option<wire::Raw<'r>> {
        let sealed = sealed?;
        if !seal::belongs_to(sealed, Protocol::Chat, self.target.issuer) {
            self.lose_within(Feature::CallSeal, part);
            return None;
        }
        wire::Raw::view(&sealed.data)
    }

    fn thought(&mut self, part: &Part<'_>, thought: &'r Reasoning<'_>, said: &mut Said<'r>) {
        let sent = thoughts::sendable(part.at, thought, self.target, self.losses);
        said.thought.push_str(sent.text);
        match sent.seal {
            Some(Seal::Details(array)) => reasoning::join_arrays(&mut said.details, array),
            Some(Seal::Extra(extra)) => said.extras.push((thought.id.as_deref(), extra)),
            None => {}
        }
    }

    fn results(&mut self, turn: &'r Turn<'_>) -> Result<(), RequestError> {
        for part in &turn.parts {
            self.cache_mark(part);
            match &part.content {
                Content::ToolResult(result) => self.result(part, result)?,
                _ => self.opaque(part),
            }
        }
        Ok(())
    }

    fn result(&mut self, part: &Part<'_>, result: &'r ToolResult<'_>) -> Result<(), RequestError> {
        let mut text = String::new();
        let mut attached = Vec::new();
        for inner in &result.parts {
            let mut parts = Vec::new();
            self.spoken_part(inner, &mut parts)?;
            for part in parts {
                match part {
                    wire::ContentPart::Text(more) => {
                        if !text.is_empty() {
                            text.push('\n');
                        }
                        text.push_str(&more.text);
                    }
                    other => {
                        lose_at(
                            Feature::ToolResultMedia,
                            inner.at,
                            Protocol::Chat,
                            self.losses,
                        );
                        attached.push(other);
                    }
                }
            }
        }
        if result.is_error {
            self.lose_within(Feature::ToolResultError, part);
            text.insert_str(0, ERROR_MARK);
        }
        let id = ids::original(&result.call_id);
        if !attached.is_empty() {
            if text.is_empty() {
                text.push_str(SEE_NEXT);
            }
            let label = format!("Content of the tool result {id}:");
            self.attached.push(text_part(label.into()));
            self.attached.append(&mut attached);
        }
        let message = wire::Message {
            role: wire::Role::Tool,
            content: Nullable::Value(Text::String(text.into())),
            tool_call_id: Some(Str::from(id)),
            ..wire::Message::default()
        };
        self.place(part, message);
        Ok(())
    }

    /// Puts a result behind its call and the results that stand there already. A result whose
    /// call is not in the history stays where it is: some upstreams take it, and those that do
    /// not name it in their error.
    fn place(&mut self, part: &Part<'_>, message: wire::Message<'r>) {
        let id = message.tool_call_id.as_deref().unwrap_or_default();
        let called = |message: &wire::Message<'_>| {
            let calls = message.tool_calls.iter().flatten();
            calls.map(call_id).any(|call| call == id)
        };
        let end = self.messages.len();
        let behind = self.messages.iter().rposition(called).map_or(end, |at| {
            let results = self.messages[at + 1..]
                .iter()
                .take_while(|message| message.role == wire::Role::Tool);
            at + 1 + results.count()
        });
        if behind < end {
            self.losses.approximated(
                part.at,
                "moved to its call, ahead of the messages in between",
            );
        }
        self.messages.insert(behind, message);
    }
}

fn call_id<'c>(call: &'c wire::ToolCall<'_>) -> &'c str {
    match call {
        wire::ToolCall::Function(call) => call.id.as_deref().unwrap_or_default(),
        wire::ToolCall::Custom(call) => call.id.as_deref().unwrap_or_default(),
        _ => "",
    }
}

fn text_part(text: Str<'_>) -> wire::ContentPart<'_> {
    wire::ContentPart::Text(wire::TextContent {
        text,
        ..wire::TextContent::default()
    })
}

/// A string where there is only one text, or where texts are to be `joined`; else parts.
fn content(mut parts: Vec<wire::ContentPart<'_>>, joined: bool) -> Text<'_, wire::ContentPart<'_>> {
    let all_text = parts
        .iter()
        .all(|part| matches!(part, wire::ContentPart::Text(_)));
    if !all_text || (parts.len() > 1 && !joined) {
        return Text::Parts(parts);
    }
    if parts.len() == 1
        && let Some(wire::ContentPart::Text(part)) = parts.pop()
    {
        return Text::String(part.text);
    }
    let texts: Vec<&str> = parts
        .iter()
        .map(|part| match part {
            wire::ContentPart::Text(part) => part.text.as_str(),
            _ => "",
        })
        .collect();
    Text::String(texts.join("\n\n").into())
}

fn written_call<'r>(call: &'r ToolCall<'_>, seal: Option<wire::Raw<'r>>) -> wire::ToolCall<'r> {
    let id = Some(Str::from(ids::original(&call.id)));
    match call.kind {
        ToolKind::Custom => wire::ToolCall::Custom(wire::CustomCall {
            id,
            custom: wire::CustomCallBody {
                name: call.name.reborrow(),
                input: call.input.reborrow(),
                ..wire::CustomCallBody::default()
            },
            extra_content: seal,
            ..wire::CustomCall::default()
        }),
        ToolKind::Function | ToolKind::Native => wire::ToolCall::Function(wire::FunctionCall {
            id,
            function: wire::FunctionCallBody {
                name: call.name.reborrow(),
                arguments: Str::borrowed(super::response_encode::or_empty_object(&call.input))
                    .into(),
                ..wire::FunctionCallBody::default()
            },
            extra_content: seal,
            ..wire::FunctionCall::default()
        }),
    }
}

/// What an assistant turn adds to its message.
#[derive(Default)]
struct Said<'r> {
    text: Option<String>,
    thought: String,
    /// A JSON array, or empty.
    details: String,
    /// Signatures of calls, by the call's id, or of the whole message.
    extras: Vec<(Option<&'r str>, wire::Raw<'r>)>,
    calls: Vec<wire::ToolCall<'r>>,
}

impl<'r> Said<'r> {
    fn text(&mut self, text: &str) {
        self.text.get_or_insert_default().push_str(text);
    }

    fn is_empty(&self) -> bool {
        self.text.is_none()
            && self.thought.is_empty()
            && self.details.is_empty()
            && self.extras.is_empty()
            && self.calls.is_empty()
    }

    fn add_to(self, message: &mut wire::Message<'r>) {
        if let Some(more) = self.text {
            let text = match message.content.as_ref() {
                Some(Text::String(have)) if have.is_empty() => more,
                Some(Text::String(have)) => format!("{have}\n\n{more}"),
                _ => more,
            };
            message.content = Nullable::Value(Text::String(text.into()));
        }
        if !self.thought.is_empty() {
            let thought = message.reasoning_content.get_or_insert_default();
            thought.0.to_mut().push_str(&self.thought);
        }
        if !self.details.is_empty() {
            let mut joined = message
                .reasoning_details
                .take()
                .map(|details| details.get().to_owned())
                .unwrap_or_default();
            reasoning::join_arrays(&mut joined, &self.details);
            message.reasoning_details = wire::Raw::from_text(joined);
        }
        if !self.calls.is_empty() {
            message
                .tool_calls
                .get_or_insert_default()
                .extend(self.calls);
        }
        for (id, extra) in self.extras {
            let call = message
                .tool_calls
                .iter_mut()
                .flatten()
                .find(|call| id.is_some_and(|id| call_id(call) == &*ids::original(id)));
            match call {
                Some(wire::ToolCall::Function(call)) => call.extra_content = Some(extra),
                Some(wire::ToolCall::Custom(call)) => call.extra_content = Some(extra),
                _ => message.extra_content = Some(extra),
            }
        }
    }
}

#[cfg(test)]
#[path = "message_encode_tests.rs"]
mod tests;
