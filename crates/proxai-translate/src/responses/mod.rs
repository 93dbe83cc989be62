//! OpenAI Responses.
//!
//! A conversation is a list of items, and so is an answer; the hub's parts are nearly these. What
//! differs: reasoning and calls are items beside messages, texts that follow each other are parts
//! of one message, and a response object repeats most of its request. Reference:
//! <https://platform.openai.com/docs/api-reference/responses>, checked 2026-11-21.
//!
//! Requests are read by `decode_request` (with `decode_input` and `decode_tools`) and written by
//! `encode_request` (with `encode_input`); answers are read by `decode_reply` and
//! `decode_stream` and written by `encode_reply`, which leaves the work to `compose`.

mod compose;
mod content;
mod decode_input;
mod decode_reply;
mod decode_request;
mod decode_stream;
mod decode_tools;
mod draft;
mod encode_input;
mod encode_reply;
mod encode_request;
mod failure;
mod head;
mod items;
mod native;
mod progress;
mod raw;
mod search;
mod wire_out;

use std::sync::Arc;

use proxai_ir::{Failure, Losses, Request, Response};
use proxai_types::Protocol;

use crate::adapter::{Adapter, ReplyError, RequestError, StreamDecoder, StreamEncoder};
use crate::context::{ReplyContext, Target};

/// The adapter.
#[derive(Debug)]
pub struct Responses;

impl Adapter for Responses {
    fn protocol(&self) -> Protocol {
        Protocol::Responses
    }

    fn decode_request<'a>(
        &self,
        body: &'a [u8],
        losses: &mut Losses,
    ) -> Result<Request<'a>, RequestError> {
        decode_request::decode(body, losses)
    }

    fn encode_request(
        &self,
        request: &Request<'_>,
        target: &Target<'_>,
        losses: &mut Losses,
        out: &mut Vec<u8>,
    ) -> Result<(), RequestError> {
        encode_request::encode(request, target, losses, out)
    }

    fn decode_response<'a>(&self, body: &'a [u8]) -> Result<Response<'a>, ReplyError> {
        decode_reply::decode(body)
    }

    fn encode_response(
        &self,
        response: &Response<'_>,
        context: &ReplyContext,
        losses: &mut Losses,
        out: &mut Vec<u8>,
    ) {
        encode_reply::encode(response, context, losses, out);
    }

    fn decode_failure(&self, status: u16, body: &[u8]) -> Failure {
        failure::decode(status, body)
    }

    fn encode_failure(&self, failure: &Failure, _request_id: &str, out: &mut Vec<u8>) {
        failure::encode(failure, out);
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        Box::new(decode_stream::Decoder::default())
    }

    fn stream_encoder(&self, context: Arc<ReplyContext>) -> Box<dyn StreamEncoder> {
        Box::new(encode_reply::Encoder::new(context))
    }
}
