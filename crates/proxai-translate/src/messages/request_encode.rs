//! A request for an upstream of this protocol.

use proxai_ir::{Losses, Request};
use proxai_json::{Str, Text};
use proxai_messages as wire;
use proxai_messages::ContentBlock;

use super::encode_options::{self, Constraints, path};
use super::{encode_tools, encode_turns};
use crate::adapter::RequestError;
use crate::context::Target;

/// Writes a request.
pub(super) fn encode(
    request: &Request<'_>,
    target: &Target<'_>,
    losses: &mut Losses,
    out: &mut Vec<u8>,
) -> Result<(), RequestError> {
    if request.sampling.n.is_some_and(|n| n > 1) {
        return Err(RequestError::unsupported(
            path(request, "n"),
            "Messages upstreams give one answer per request; send the request several times",
        ));
    }
    if request.previous_response.is_some() {
        return Err(RequestError::unsupported(
            path(request, "previous_response_id"),
            "Messages upstreams keep no answers; send the whole conversation",
        ));
    }
    let conversation = encode_turns::encode(request, target, losses)?;
    let mut wire = wire::Request {
        model: Some(Str::from(target.model)),
        stream: request.stream.then_some(true),
        ..wire::Request::default()
    };
    let forced_tool = encode_tools::encode(request, &mut wire, losses);
    let constraints = Constraints {
        forced_tool,
        unthinking_tool_loop: conversation.unthinking_tool_loop,
    };
    let instruction = encode_options::encode(request, target, constraints, &mut wire, losses);
    wire.system = system(conversation.system, instruction);
    wire.messages = Some(conversation.messages);
    out.extend_from_slice(&proxai_json::to_vec(&wire));
    Ok(())
}

/// One plain text is a string, everything else an array of blocks.
fn system<'r>(
    mut blocks: Vec<ContentBlock<'r>>,
    instruction: Option<String>,
) -> Option<Text<'r, ContentBlock<'r>>> {
    blocks.extend(instruction.map(|text| {
        ContentBlock::Text(wire::TextBlock {
            text: text.into(),
            ..wire::TextBlock::default()
        })
    }));
    match blocks.as_mut_slice() {
        [] => None,
        [ContentBlock::Text(only)] if only.cache_control.is_none() => {
            Some(Text::String(std::mem::take(&mut only.text)))
        }
        _ => Some(Text::Parts(blocks)),
    }
}
