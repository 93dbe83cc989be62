//! A whole answer for a client of this protocol: the same blocks as in a stream, collected.

use proxai_ir::{Event, Losses, Response};
use proxai_json::{Nullable, Str, Text};
use proxai_messages as wire;
use proxai_messages::{Answer, ContentBlock, Delta};

use super::slot::Blocks;
use super::writer::Writer;
use super::{stop, usage};
use crate::context::ReplyContext;
use crate::ids;

/// Writes an answer.
pub(super) fn encode(
    response: &Response<'_>,
    context: &ReplyContext,
    losses: &mut Losses,
    out: &mut Vec<u8>,
) {
    let mut writer = Writer::new(context);
    writer.whole();
    let id = ids::answer("msg_", &response.id, &context.id);
    writer.answer(id.clone());
    let mut collected = Collected::default();
    response.replay(&mut |event: Event<'_>| writer.event(event, &mut collected));
    writer.finish(&mut collected);
    let end = stop::encode(&response.finish, writer.calls(), writer.refused());
    let counts = response.usage.unwrap_or_default();
    let mut counts = usage::encode(&counts, context.estimated_input);
    counts.service_tier = response.service_tier.as_ref().map(service_tier);
    let answer = Answer {
        id: id.into(),
        kind: Some(Str::borrowed("message")),
        role: Some(Str::borrowed("assistant")),
        model: Str::from(&*context.model),
        content: Some(Text::Parts(collected.blocks)),
        stop_reason: end.stop_reason,
        stop_sequence: end.stop_sequence,
        stop_details: end.stop_details,
        usage: Some(counts),
        ..Answer::default()
    };
    losses.extend(std::mem::take(&mut writer.losses));
    out.extend_from_slice(&proxai_json::to_vec(&answer));
}

/// The hub's `default` tier is `standard` here.
pub(super) fn service_tier<'a>(tier: &'a Str<'_>) -> Str<'a> {
    match tier.as_str() {
        "default" => Str::borrowed("standard"),
        _ => tier.reborrow(),
    }
}

/// Blocks with their deltas applied.
#[derive(Default)]
struct Collected {
    blocks: Vec<ContentBlock<'static>>,
    input: String,
}

impl Blocks for Collected {
    fn start(&mut self, _index: u64, block: ContentBlock<'_>) {
        self.input.clear();
        self.blocks.push(match block {
            ContentBlock::ToolUse(call) => ContentBlock::ToolUse(wire::ToolUseBlock {
                id: call.id.into_static(),
                name: call.name.into_static(),
                ..wire::ToolUseBlock::default()
            }),
            ContentBlock::ServerToolUse(call) => {
                ContentBlock::ServerToolUse(wire::ServerToolUseBlock {
                    id: call.id.into_static(),
                    name: call.name.into_static(),
                    ..wire::ServerToolUseBlock::default()
                })
            }
            ContentBlock::WebSearchResult(result) => {
                let content = result.content.map(|json| json.get().to_owned());
                ContentBlock::WebSearchResult(wire::HostedResultBlock {
                    tool_use_id: result.tool_use_id.into_static(),
                    content: content.and_then(wire::Json::from_string),
                    ..wire::HostedResultBlock::default()
                })
            }
            ContentBlock::Thinking(_) => ContentBlock::Thinking(wire::ThinkingBlock::default()),
            ContentBlock::RedactedThinking(block) => {
                ContentBlock::RedactedThinking(wire::RedactedThinkingBlock {
                    data: block.data.into_static(),
                    ..wire::RedactedThinkingBlock::default()
                })
            }
            // The writer begins no other kind.
            _ => ContentBlock::Text(wire::TextBlock::default()),
        });
    }

    fn delta(&mut self, _index: u64, delta: Delta<'_>) {
        match (self.blocks.last_mut(), delta) {
            (Some(ContentBlock::Text(block)), Delta::Text(delta)) => {
                block.text.0.to_mut().push_str(&delta.text);
            }
            (Some(ContentBlock::Text(block)), Delta::Citations(delta)) => {
                if let Some(wire::Citation::Web(web)) = delta.citation {
                    let citation = wire::Citation::Web(wire::WebCitation {
                        cited_text: web.cited_text.into_static(),
                        url: web.url.into_static(),
                        title: Nullable::or_null(web.title.value().map(Str::into_static)),
                        encrypted_index: web.encrypted_index.into_static(),
                    });
                    block.citations.get_or_insert_default().push(citation);
                }
            }
            (Some(ContentBlock::Thinking(block)), Delta::Thinking(delta)) => {
                block.thinking.0.to_mut().push_str(&delta.thinking);
            }
            (Some(ContentBlock::Thinking(block)), Delta::Signature(delta)) => {
                block.signature = delta.signature.into_static();
            }
            (
                Some(ContentBlock::ToolUse(_) | ContentBlock::ServerToolUse(_)),
                Delta::InputJson(delta),
            ) => {
                self.input.push_str(&delta.partial_json);
            }
            _ => {}
        }
    }

    fn stop(&mut self, _index: u64) {
        let input = match self.blocks.last_mut() {
            Some(ContentBlock::ToolUse(call)) => Some(&mut call.input),
            Some(ContentBlock::ServerToolUse(call)) => Some(&mut call.input),
            _ => None,
        };
        if let Some(input) = input {
            let text = std::mem::take(&mut self.input);
            *input = wire::Json::from_string(text);
        }
    }
}
