//! Messages: requests in and out, answers in and out, errors, streams in and out.
//!
//! Reference: <https://docs.anthropic.com/en/api/messages>, checked 2026-11-21. The wire types are
//! those of `proxai-messages`; nothing here knows another protocol. Streams and JSON answers for
//! clients come from one state machine (`writer`), so they cannot disagree (T2).

mod blocks;
mod encode_options;
mod encode_tools;
mod encode_turns;
mod failure;
mod format;
mod input;
mod media;
mod request_decode;
mod request_encode;
mod request_tools;
mod response_decode;
mod response_encode;
mod search;
mod searches;
mod slot;
mod stop;
mod stream_decode;
mod stream_encode;
#[cfg(test)]
mod tests;
mod transcript;
mod usage;
mod writer;

use std::sync::Arc;

use proxai_ir::{Failure, Losses, Request, Response};
use proxai_types::Protocol;

use crate::adapter::{Adapter, ReplyError, RequestError, StreamDecoder, StreamEncoder};
use crate::context::{ReplyContext, Target};

/// The adapter.
#[derive(Debug)]
pub struct Messages;

impl Adapter for Messages {
    fn protocol(&self) -> Protocol {
        Protocol::Messages
    }

    fn decode_request<'a>(
        &self,
        body: &'a [u8],
        losses: &mut Losses,
    ) -> Result<Request<'a>, RequestError> {
        request_decode::decode(body, losses)
    }

    fn encode_request(
        &self,
        request: &Request<'_>,
        target: &Target<'_>,
        losses: &mut Losses,
        out: &mut Vec<u8>,
    ) -> Result<(), RequestError> {
        request_encode::encode(request, target, losses, out)
    }

    fn decode_response<'a>(&self, body: &'a [u8]) -> Result<Response<'a>, ReplyError> {
        response_decode::decode(body)
    }

    fn encode_response(
        &self,
        response: &Response<'_>,
        context: &ReplyContext,
        losses: &mut Losses,
        out: &mut Vec<u8>,
    ) {
        response_encode::encode(response, context, losses, out);
    }

    fn decode_failure(&self, status: u16, body: &[u8]) -> Failure {
        failure::decode(status, body)
    }

    fn encode_failure(&self, failure: &Failure, request_id: &str, out: &mut Vec<u8>) {
        failure::encode(failure, request_id, out);
    }

    fn may_pause(&self, request: &[u8]) -> bool {
        transcript::may_pause(request)
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(stream_decode::Decoder::default())
    }

    fn stream_encoder(&self, context: Arc<ReplyContext>) -> Box<dyn StreamEncoder> {
        Box::new(stream_encode::Encoder::new(context))
    }
}
