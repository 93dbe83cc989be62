//! The conversation for an upstream of this protocol.
//!
//! Messages wants turns of user and assistant in alternation, beginning and ending with the user,
//! every call followed by its result at the head of the next message. What a client of another
//! protocol sends has whole pairs when it comes here; it is merged and completed at its ends, and
//! each addition is reported. Everything is decided by what stands before it, so that a longer history begins with
//! the bytes of the shorter one (T5): contents are always arrays, nothing is moved to the front.

use proxai_ir::{
    At, CacheMark, Content, Losses, Part, Reasoning, Request, Role, Sealed, ToolCall, ToolKind,
    ToolResult, Turn,
};
use proxai_json::{Str, Text};
use proxai_messages as wire;
use proxai_messages::{CacheControl, ContentBlock};
use proxai_types::{Protocol, as_system_text};

use super::input::{Input, wrapped};
use super::{media, search};
use crate::adapter::RequestError;
use crate::context::Target;
use crate::features::{Feature, lose_at};
use crate::{ids, seal};

/// What stands for a user who has not spoken.
const STUB: &str = "Begin.";
/// What stands behind an assistant who spoke last: continuing its words is not offered by every
/// model of this protocol (case 79).
const CONTINUE: &str = "Continue.";

/// System prompt and messages.
#[derive(Debug)]
pub(super) struct Conversation<'r> {
    pub(super) system: Vec<ContentBlock<'r>>,
    pub(super) messages: Vec<wire::Message<'r>>,
    /// The last message gives results to an assistant that did not think first: models that think
    /// by a budget refuse to begin now (case 65).
    pub(super) unthinking_tool_loop: bool,
}

/// One message in the making.
#[derive(Debug)]
struct Draft<'r> {
    role: Role,
    results: Vec<wire::ToolResultBlock<'r>>,
    blocks: Vec<(At, ContentBlock<'r>)>,
}

impl<'r> Draft<'r> {
    const fn new(role: Role) -> Self {
        Self {
            role,
            results: Vec::new(),
            blocks: Vec::new(),
        }
    }

    fn into_message(self) -> wire::Message<'r> {
        let role = match self.role {
            Role::Assistant => wire::Role::Assistant,
            Role::System | Role::Developer => wire::Role::System,
            Role::User | Role::Tool => wire::Role::User,
        };
        let results = self.results.into_iter();
        let results = results.map(ContentBlock::ToolResult);
        let blocks = self.blocks.into_iter().map(|(_, block)| block);
        wire::Message {
            role: Some(role),
            content: Some(Text::Parts(results.chain(blocks).collect())),
            ..wire::Message::default()
        }
    }
}

/// Writes the conversation.
pub(super) fn encode<'r>(
    request: &'r Request<'_>,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Result<Conversation<'r>, RequestError> {
    let leading = request
        .turns
        .iter()
        .take_while(|turn| is_system(turn.role) || turn.parts.is_empty())
        .count();
    let (head, turns) = request.turns.split_at(leading);
    let mut encoder = Encoder {
        target,
        origin: request.origin,
        losses,
        drafts: Vec::with_capacity(turns.len() + 1),
    };
    let mut system = Vec::new();
    for turn in head {
        system.extend(encoder.system_blocks(turn));
    }
    for (index, turn) in turns.iter().enumerate() {
        encoder.turn(turn, &turns[index + 1..])?;
    }
    encoder.place_system_turns();
    encoder.complete_ends(request.turns.last().filter(|turn| is_prefill(turn)));
    let unthinking_tool_loop = unthinking(&encoder.drafts);
    let drafts = encoder.drafts;
    Ok(Conversation {
        system,
        messages: drafts.into_iter().map(Draft::into_message).collect(),
        unthinking_tool_loop,
    })
}

/// Whether a text would be refused as empty (case 80).
pub(super) fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// What this protocol keeps a prefix for at the longest.
pub(super) const LONGEST_CACHE: &str = "1h";

/// How long a prefix is kept: other protocols name lifetimes that this one refuses. They mean a
/// least one (<https://platform.openai.com/docs/guides/prompt-caching>, checked 2026-11-21), so the
/// next longer is sent.
fn lifetime<'r>(ttl: &'r Str<'_>) -> Str<'r> {
    match ttl.as_str() {
        "5m" => ttl.reborrow(),
        _ => Str::borrowed(LONGEST_CACHE),
    }
}

/// A cache mark on the wire.
pub(super) fn cache_control<'r>(mark: &'r CacheMark<'_>) -> CacheControl<'r> {
    CacheControl {
        kind: Some(Str::borrowed("ephemeral")),
        ttl: mark.ttl.as_ref().map(lifetime),
        ..CacheControl::default()
    }
}

const fn is_system(role: Role) -> bool {
    matches!(role, Role::System | Role::Developer)
}

/// Whether the answer is to go on where this last turn ends (case 79).
fn is_prefill(turn: &Turn<'_>) -> bool {
    let holds = |test: fn(&Content<'_>) -> bool| turn.parts.iter().any(|part| test(&part.content));
    turn.role == Role::Assistant
        && holds(|content| matches!(content, Content::Text(_)))
        && !holds(|content| matches!(content, Content::ToolCall(_)))
}

fn unthinking(drafts: &[Draft<'_>]) -> bool {
    let [.., assistant, user] = drafts else {
        return false;
    };
    let thinks = matches!(
        assistant.blocks.first(),
        Some((
            _,
            ContentBlock::Thinking(_) | ContentBlock::RedactedThinking(_)
        ))
    );
    !user.results.is_empty() && !thinks
}

fn text_block<'r>(text: Str<'r>, cache: Option<&'r CacheMark<'_>>) -> ContentBlock<'r> {
    ContentBlock::Text(wire::TextBlock {
        text,
        cache_control: cache.map(cache_control),
        ..wire::TextBlock::default()
    })
}

struct Encoder<'t, 'l, 'r> {
    target: &'t Target<'t>,
    origin: Protocol,
    losses: &'l mut Losses,
    drafts: Vec<Draft<'r>>,
}

impl<'r> Encoder<'_, '_, 'r> {
    fn turn(&mut self, turn: &'r Turn<'_>, rest: &'r [Turn<'_>]) -> Result<(), RequestError> {
        if turn.name.is_some() {
            let at = turn.at.member("name");
            lose_at(Feature::SpeakerName, at, Protocol::Messages, self.losses);
        }
        match turn.role {
            Role::System | Role::Developer => self.system_turn(turn, rest),
            Role::User | Role::Tool => self.user(turn)?,
            Role::Assistant => self.assistant(turn)?,
        }
        Ok(())
    }

    /// The draft that takes the next block of that role.
    fn draft(&mut self, role: Role) -> &mut Draft<'r> {
        if self.drafts.last().is_none_or(|draft| draft.role != role) {
            self.drafts.push(Draft::new(role));
        }
        let last = self.drafts.len() - 1;
        &mut self.drafts[last]
    }

    fn system_blocks(&mut self, turn: &'r Turn<'_>) -> Vec<ContentBlock<'r>> {
        let mut blocks = Vec::with_capacity(turn.parts.len());
        for part in &turn.parts {
            match &part.content {
                Content::Text(text) => {
                    if let Some(text) = self.text(part, &text.text) {
                        blocks.push(text_block(text, part.cache.as_ref()));
                    }
                }
                _ => self
                    .losses
                    .dropped(part.at, "a system prompt holds text only"),
            }
        }
        blocks
    }

    /// A system turn behind the first other one stays where it is (case 74): as a turn of its own
    /// where the model has such and the rules of placement allow it (case 75), else as marked text
    /// of the user. It is never moved to the front, which would change what stands before it.
    fn system_turn(&mut self, turn: &'r Turn<'_>, rest: &[Turn<'_>]) {
        let follower = rest.iter().find(|next| !is_system(next.role));
        let fits = follower.is_none_or(|next| next.role == Role::Assistant)
            && self
                .drafts
                .last()
                .is_some_and(|draft| matches!(draft.role, Role::User | Role::System));
        if self.target.abilities.system_turns && fits {
            let blocks = self.system_blocks(turn);
            if !blocks.is_empty() {
                let blocks = blocks.into_iter().map(|block| (turn.at, block));
                self.draft(Role::System).blocks.extend(blocks);
            }
            return;
        }
        for block in self.system_blocks(turn) {
            let ContentBlock::Text(block) = block else {
                continue;
            };
            lose_at(
                Feature::SystemTurn,
                turn.at,
                Protocol::Messages,
                self.losses,
            );
            let text = as_system_text(&block.text);
            let block = wire::TextBlock {
                text: text.into(),
                ..block
            };
            self.draft(Role::User)
                .blocks
                .push((turn.at, ContentBlock::Text(block)));
        }
    }

    /// Text that may be sent; blank text is refused by the API.
    fn text(&mut self, part: &Part<'_>, text: &'r Str<'_>) -> Option<Str<'r>> {
        if is_blank(text) {
            if !text.is_empty() || part.cache.is_some() {
                self.losses.dropped(part.at, "Messages refuses blank text");
            }
            return None;
        }
        Some(text.reborrow())
    }

    fn user(&mut self, turn: &'r Turn<'_>) -> Result<(), RequestError> {
        for part in &turn.parts {
            match &part.content {
                Content::ToolResult(result) => {
                    let result = self.result(part, result)?;
                    self.draft(Role::User).results.push(result);
                }
                content => {
                    if let Some(block) = self.shown(part, content)? {
                        self.draft(Role::User).blocks.push((part.at, block));
                    }
                }
            }
        }
        Ok(())
    }

    /// A part that users and tool results may have.
    fn shown(
        &mut self,
        part: &'r Part<'_>,
        content: &'r Content<'_>,
    ) -> Result<Option<ContentBlock<'r>>, RequestError> {
        Ok(match content {
            Content::Text(text) => {
                if !text.citations.is_empty() {
                    let path = Feature::CitationHistory.within(part.at, self.origin);
                    let target = Protocol::Messages;
                    lose_at(Feature::CitationHistory, path, target, self.losses);
                }
                self.text(part, &text.text)
                    .map(|text| text_block(text, part.cache.as_ref()))
            }
            Content::Refusal(text) => {
                lose_at(Feature::Refusal, part.at, Protocol::Messages, self.losses);
                self.text(part, text)
                    .map(|text| text_block(text, part.cache.as_ref()))
            }
            Content::Media(media) => Some(media::encode(part, media, self.origin, self.losses)?),
            Content::Opaque(_) => {
                lose_at(
                    Feature::OpaquePart,
                    part.at,
                    Protocol::Messages,
                    self.losses,
                );
                None
            }
            _ => {
                self.losses
                    .dropped(part.at, "it does not belong to this role");
                None
            }
        })
    }

    fn result(
        &mut self,
        part: &'r Part<'_>,
        result: &'r ToolResult<'_>,
    ) -> Result<wire::ToolResultBlock<'r>, RequestError> {
        let mut blocks = Vec::with_capacity(result.parts.len());
        for inner in &result.parts {
            blocks.extend(self.shown(inner, &inner.content)?);
        }
        Ok(wire::ToolResultBlock {
            tool_use_id: Str(ids::call(&result.call_id)),
            content: (!blocks.is_empty()).then_some(Text::Parts(blocks)),
            is_error: result.is_error.then_some(true),
            cache_control: part.cache.as_ref().map(cache_control),
            ..wire::ToolResultBlock::default()
        })
    }

    fn assistant(&mut self, turn: &'r Turn<'_>) -> Result<(), RequestError> {
        for part in &turn.parts {
            if let Some(blocks) = self.coming_home(part) {
                let blocks = blocks.into_iter().map(|block| (part.at, block));
                self.draft(Role::Assistant).blocks.extend(blocks);
                continue;
            }
            let block = match &part.content {
                Content::WebSearch(_) => {
                    lose_at(
                        Feature::SearchHistory,
                        part.at,
                        Protocol::Messages,
                        self.losses,
                    );
                    None
                }
                Content::Reasoning(thought) => self.thought(part.at, thought),
                Content::ToolCall(call) => Some(self.call(part, call)),
                Content::Media(_) => {
                    self.losses.dropped(
                        part.at,
                        "what the assistant drew or said cannot be sent back to Messages",
                    );
                    None
                }
                content => self.shown(part, content)?,
            };
            if let Some(block) = block {
                self.draft(Role::Assistant).blocks.push((part.at, block));
            }
        }
        Ok(())
    }

    /// What the provider itself did in an earlier turn, in its own blocks.
    fn coming_home(&self, part: &'r Part<'_>) -> Option<Vec<ContentBlock<'r>>> {
        let sealed = match &part.content {
            Content::WebSearch(search) => search.sealed.as_ref(),
            Content::Reasoning(thought) => thought.sealed.as_ref(),
            _ => None,
        };
        let own =
            |sealed: &&Sealed<'_>| seal::belongs_to(sealed, Protocol::Messages, self.target.issuer);
        search::blocks_of(sealed.filter(own)?)
    }

    /// A thought goes back to its issuer, with its seal; without one it would be refused (case 59).
    fn thought(&mut self, at: At, thought: &'r Reasoning<'_>) -> Option<ContentBlock<'r>> {
        let sealed = thought
            .sealed
            .as_ref()
            .filter(|sealed| seal::belongs_to(sealed, Protocol::Messages, self.target.issuer));
        let Some(sealed) = sealed else {
            let item = thought.sealed.as_ref().and_then(seal::item_of);
            let feature = if item.is_some() {
                Feature::SearchHistory
            } else {
                Feature::ReasoningHistory
            };
            lose_at(feature, at, Protocol::Messages, self.losses);
            return None;
        };
        // A client may have shown or lost the text: which block it was is known to the seal alone.
        Some(if let Some(data) = seal::withheld_of(&sealed.data) {
            ContentBlock::RedactedThinking(wire::RedactedThinkingBlock {
                data: data.into(),
                ..wire::RedactedThinkingBlock::default()
            })
        } else {
            ContentBlock::Thinking(wire::ThinkingBlock {
                thinking: thought.text.reborrow(),
                signature: sealed.data.reborrow(),
                ..wire::ThinkingBlock::default()
            })
        })
    }

    fn call(&mut self, part: &'r Part<'_>, call: &'r ToolCall<'_>) -> ContentBlock<'r> {
        if call.sealed.is_some() {
            let path = Feature::CallSeal.within(part.at, self.origin);
            lose_at(Feature::CallSeal, path, Protocol::Messages, self.losses);
        }
        let json = match call.kind {
            ToolKind::Custom => wire::Json::from_string(wrapped("input", &call.input)),
            _ if call.input.trim_start().starts_with('{') => wire::Json::parse(&call.input),
            _ => None,
        };
        let json = json.or_else(|| {
            let mut input = Input::whole(false);
            input.push(&call.input);
            let text = input.finish().piece.unwrap_or_default();
            if text != "{}" {
                self.losses.approximated(
                    part.at,
                    "the input is no JSON object; it is sent as text under `_raw`",
                );
            }
            wire::Json::from_string(text)
        });
        ContentBlock::ToolUse(wire::ToolUseBlock {
            id: Str(ids::call(&call.id)),
            name: call.name.reborrow(),
            input: json,
            cache_control: part.cache.as_ref().map(cache_control),
            ..wire::ToolUseBlock::default()
        })
    }

    /// A system turn whose follower came to nothing (its reasoning belongs to somebody else, say)
    /// does not stand before the model's turn, and becomes marked text after all.
    fn place_system_turns(&mut self) {
        for at in (0..self.drafts.len()).rev() {
            let next = self.drafts.get(at + 1).map(|next| next.role);
            let fits = next.is_none_or(|next| matches!(next, Role::Assistant | Role::System));
            if self.drafts[at].role != Role::System || fits {
                continue;
            }
            let mut next = self.drafts.remove(at + 1);
            let draft = &mut self.drafts[at];
            draft.role = Role::User;
            for (place, block) in &mut draft.blocks {
                let ContentBlock::Text(text) = block else {
                    continue;
                };
                text.text = as_system_text(&text.text).into();
                lose_at(Feature::SystemTurn, *place, Protocol::Messages, self.losses);
            }
            draft.results.append(&mut next.results);
            draft.blocks.append(&mut next.blocks);
            if at > 0 && self.drafts[at - 1].role == Role::User {
                let mut draft = self.drafts.remove(at);
                let before = &mut self.drafts[at - 1];
                before.results.append(&mut draft.results);
                before.blocks.append(&mut draft.blocks);
            }
        }
    }

    fn complete_ends(&mut self, prefill: Option<&Turn<'_>>) {
        if self
            .drafts
            .first()
            .is_none_or(|first| first.role != Role::User)
        {
            let at = self
                .drafts
                .first()
                .and_then(|first| first.blocks.first())
                .map_or_else(At::default, |(at, _)| *at);
            self.losses.defaulted(
                place(at),
                "Messages begins with the user; a short turn was added",
            );
            let mut draft = Draft::new(Role::User);
            draft
                .blocks
                .push((at, text_block(Str::borrowed(STUB), None)));
            self.drafts.insert(0, draft);
        }
        if let Some(last) = self
            .drafts
            .last()
            .filter(|last| last.role == Role::Assistant)
        {
            let at = last.blocks.first().map_or_else(At::default, |(at, _)| *at);
            match prefill {
                Some(turn) => lose_at(Feature::Prefill, turn.at, Protocol::Messages, self.losses),
                None => self.losses.defaulted(
                    place(at),
                    "Messages ends with the user; a turn that asks to continue was added",
                ),
            }
            let mut draft = Draft::new(Role::User);
            draft
                .blocks
                .push((at, text_block(Str::borrowed(CONTINUE), None)));
            self.drafts.push(draft);
        }
    }
}

/// The conversation as a whole, where no turn can be named.
fn place(at: At) -> At {
    if at.list.is_empty() {
        At::root("messages")
    } else {
        at
    }
}
