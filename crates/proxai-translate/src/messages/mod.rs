//! Messages adapter.

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
        _body: &'a [u8],
        _losses: &mut Losses,
    ) -> Result<Request<'a>, RequestError> {
        unimplemented!()
    }

    fn encode_request(
        &self,
        _request: &Request<'_>,
        _target: &Target<'_>,
        _losses: &mut Losses,
        _out: &mut Vec<u8>,
    ) -> Result<(), RequestError> {
        unimplemented!()
    }

    fn decode_response<'a>(&self, _body: &'a [u8]) -> Result<Response<'a>, ReplyError> {
        unimplemented!()
    }

    fn encode_response(
        &self,
        _response: &Response<'_>,
        _context: &ReplyContext,
        _losses: &mut Losses,
        _out: &mut Vec<u8>,
    ) {
        unimplemented!()
    }

    fn decode_failure(&self, _status: u16, _body: &[u8]) -> Failure {
        unimplemented!()
    }

    fn encode_failure(&self, _failure: &Failure, _request_id: &str, _out: &mut Vec<u8>) {
        unimplemented!()
    }

    fn stream_decoder(&self) -> Box<dyn StreamDecoder> {
        unimplemented!()
    }

    fn stream_encoder(&self, _context: Arc<ReplyContext>) -> Box<dyn StreamEncoder> {
        unimplemented!()
    }
}
