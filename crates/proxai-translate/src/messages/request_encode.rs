//! A request for an upstream of this protocol.

use proxai_ir::{Losses, Request};
use proxai_json::{Str, Text};
use proxai_messages as wire;
use proxai_messages::ContentBlock;
use proxai_types::Protocol;

use super::encode_options::{self, Constraints};
use super::{encode_tools, encode_turns};
use crate::adapter::RequestError;
use crate::context::Target;
use crate::features::{Feature, refused};

/// Writes a request.
pub(super) fn encode(
    request: &Request<'_>,
    target: &Target<'_>,
    losses: &mut Losses,
    out: &mut Vec<u8>,
) -> Result<(), RequestError> {
    for (feature, asked) in [
        (
            Feature::SeveralAnswers,
            request.sampling.n.is_some_and(|n| n > 1),
        ),
        (
            Feature::PreviousResponse,
            request.previous_response.is_some(),
        ),
    ] {
        if asked {
            let path = feature.path(request.origin);
            return Err(refused(feature, path, Protocol::Messages));
        }
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
fn system(
    mut blocks: Vec<ContentBlock<'_>>,
    instruction: Option<String>,
) -> Option<Text<'_, ContentBlock<'_>>> {
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
