//! Chat Completions, both ways.
//!
//! Follows the [API reference](https://platform.openai.com/docs/api-reference/chat), checked
//! 2026-11-21. Each direction of each thing is a file of its own: `*_decode` reads wire into hub,
//! `*_encode` writes hub as wire. What both directions share (reasoning, usage, finish reasons,
//! citations, media, errors) has a file that does both, so that they cannot drift apart.
//!
//! Refuses: several answers in one request. Everything else that has no form is reported (T4).

mod calls;
mod citations;
mod failure;
mod finish;
mod media;
mod message_decode;
mod message_encode;
mod reasoning;
mod request_decode;
mod request_encode;
mod response_decode;
mod response_encode;
mod search;
mod stream_decode;
mod stream_encode;
mod thoughts;
mod tool_decode;
mod usage;

use std::sync::Arc;

use proxai_ir::{Failure, Losses, Request, Response};
use proxai_types::Protocol;

use crate::adapter::{Adapter, ReplyError, RequestError, StreamDecoder, StreamEncoder};
use crate::context::{ReplyContext, Target};
use crate::reasoning::ReasoningFields;

/// The adapter.
#[derive(Debug)]
pub struct Chat;

impl Adapter for Chat {
    fn protocol(&self) -> Protocol {
        Protocol::Chat
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
        self.decode_response_with(body, ReasoningFields::default())
    }

    fn decode_response_with<'a>(
        &self,
        body: &'a [u8],
        fields: ReasoningFields,
    ) -> Result<Response<'a>, ReplyError> {
        response_decode::decode(body, fields)
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

    fn encode_failure(&self, failure: &Failure, _request_id: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(&proxai_json::to_vec(&failure::envelope(failure)));
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        self.stream_decoder_with(ReasoningFields::default())
    }

    fn stream_decoder_with(&self, fields: ReasoningFields) -> Box<dyn StreamDecoder> {
        Box::new(stream_decode::ChatStream::new(fields))
    }

    fn stream_encoder(&self, context: Arc<ReplyContext>) -> Box<dyn StreamEncoder> {
        Box::new(stream_encode::ChatStream::new(context))
    }
}
