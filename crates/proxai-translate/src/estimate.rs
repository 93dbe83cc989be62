//! A guess at the size of a prompt.
//!
//! Used where a number is needed before the upstream gives one: the first frame of a Messages
//! stream states the prompt's tokens, which a Chat upstream tells last (102). It is corrected at
//! the end of the stream. It is never used where a count was asked for: that is
//! [`count_tokens`](crate::count_tokens).
//!
//! By bytes and not by tokens, since every translated request pays for it and few need it. An
//! upstream that never says what a prompt cost leaves this guess as the input count, marked as
//! estimated (T10).

use proxai_ir::{Content, MediaSource, Part, Request, ToolDefinition};

/// English text has about four bytes to a token.
const BYTES_PER_TOKEN: u64 = 4;
/// What role markers cost per turn.
const TOKENS_PER_TURN: u64 = 4;
/// What an image costs at ordinary resolution.
const TOKENS_PER_MEDIA: u64 = 800;

/// Roughly how many tokens the prompt has.
pub fn prompt_tokens(request: &Request<'_>) -> u64 {
    let turns: u64 = request
        .turns
        .iter()
        .map(|turn| TOKENS_PER_TURN + parts(&turn.parts))
        .sum();
    let tools: u64 = request
        .tools
        .iter()
        .map(|tool| {
            let schema = match &tool.definition {
                ToolDefinition::Function { parameters, .. } => {
                    parameters.map_or(0, |schema| schema.get().len())
                }
                ToolDefinition::Custom { grammar } => grammar
                    .as_ref()
                    .map_or(0, |grammar| grammar.definition.len()),
                ToolDefinition::Native { parameters, .. } => parameters.len(),
                ToolDefinition::WebSearch(_) | ToolDefinition::Hosted { .. } => 0,
            };
            text(tool.name.len() + tool.description.as_deref().map_or(0, str::len) + schema)
        })
        .sum();
    turns + tools
}

fn text(bytes: usize) -> u64 {
    (bytes as u64).div_ceil(BYTES_PER_TOKEN)
}

fn parts(list: &[Part<'_>]) -> u64 {
    list.iter()
        .map(|part| match &part.content {
            Content::Text(value) => text(value.text.len()),
            Content::Refusal(value) => text(value.len()),
            Content::Reasoning(value) => text(value.text.len()),
            Content::ToolCall(call) => text(call.name.len() + call.input.len()),
            Content::ToolResult(result) => parts(&result.parts),
            Content::Media(media) => match &media.source {
                MediaSource::Text(value) => text(value.len()),
                MediaSource::Parts(inner) => parts(inner),
                _ => TOKENS_PER_MEDIA,
            },
            _ => 0,
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxai_ir::{At, Role, Turn};
    use proxai_types::Protocol;

    #[test]
    fn a_longer_prompt_has_more_tokens_and_no_prompt_has_none() {
        let mut request = Request::new(Protocol::Chat, "m");
        assert_eq!(prompt_tokens(&request), 0);
        let at = At::root("messages");
        request.turns.push(Turn::new(
            at,
            Role::User,
            vec![Part::text(at, "x".repeat(40))],
        ));
        assert_eq!(prompt_tokens(&request), 14);
    }
}
