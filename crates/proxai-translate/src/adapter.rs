//! What every protocol module provides.
//!
//! An adapter is stateless and `'static`; what a call needs to know comes in a context. Decoders
//! report what the hub has no place for, encoders what their protocol has no form for: both push
//! into the same [`Losses`].

use std::fmt;
use std::sync::Arc;

use bytes::BytesMut;
use proxai_ir::{Event, Failure, Losses, Request, Response, Sink};
use proxai_json::JsonError;
use proxai_sse::Frame;
use proxai_types::Protocol;

use crate::context::{ReplyContext, Target};
use crate::reasoning::ReasoningFields;
use crate::{chat, messages, responses};

/// A request that cannot be sent: the client's mistake, or something the target cannot do (T4).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The body is not JSON, or a member has the wrong type.
    #[error("the request body is not valid: {0}")]
    Json(#[from] JsonError),
    /// A member is missing, contradictory or out of range.
    #[error("{message}")]
    Invalid {
        /// Its path in the client's body.
        path: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// The target has no way to do what is asked, and doing something else would mislead.
    #[error("{message}")]
    Unsupported {
        /// Its path in the client's body.
        path: String,
        /// What cannot be done, and where it can.
        message: String,
    },
}

impl RequestError {
    /// A member is missing, contradictory or out of range.
    pub fn invalid(path: impl fmt::Display, message: impl Into<String>) -> Self {
        Self::Invalid {
            path: path.to_string(),
            message: message.into(),
        }
    }

    /// The target cannot do what is asked.
    pub fn unsupported(path: impl fmt::Display, message: impl Into<String>) -> Self {
        Self::Unsupported {
            path: path.to_string(),
            message: message.into(),
        }
    }

    /// The path of what is wrong, if it is known.
    pub fn path(&self) -> Option<&str> {
        let path = match self {
            Self::Json(error) => error.path.as_str(),
            Self::Invalid { path, .. } | Self::Unsupported { path, .. } => path,
        };
        (!path.is_empty()).then_some(path)
    }
}

/// An upstream body that is not an answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// The body is not JSON, or not of the protocol's shape.
    #[error("the upstream's answer could not be read: {0}")]
    Json(#[from] JsonError),
    /// The body is an error object although the status said success (X4).
    #[error("{0}")]
    Failure(Failure),
}

/// One protocol.
pub trait Adapter: fmt::Debug + Send + Sync + 'static {
    /// Which one.
    fn protocol(&self) -> Protocol;

    /// Reads a client's request. Members that the hub has no place for go to `losses`.
    fn decode_request<'a>(
        &self,
        body: &'a [u8],
        losses: &mut Losses,
    ) -> Result<Request<'a>, RequestError>;

    /// Writes a request for an upstream of this protocol, with `target.model` as its model.
    fn encode_request(
        &self,
        request: &Request<'_>,
        target: &Target<'_>,
        losses: &mut Losses,
        out: &mut Vec<u8>,
    ) -> Result<(), RequestError>;

    /// Reads an upstream's whole answer.
    fn decode_response<'a>(&self, body: &'a [u8]) -> Result<Response<'a>, ReplyError>;

    /// The same, with reasoning looked for where the upstream is known to put it.
    fn decode_response_with<'a>(
        &self,
        body: &'a [u8],
        fields: ReasoningFields,
    ) -> Result<Response<'a>, ReplyError> {
        let _ = fields;
        self.decode_response(body)
    }

    /// Writes a whole answer for a client of this protocol.
    fn encode_response(
        &self,
        response: &Response<'_>,
        context: &ReplyContext,
        losses: &mut Losses,
        out: &mut Vec<u8>,
    );

    /// Reads an upstream's error body. Never fails: a body of another shape becomes the message.
    fn decode_failure(&self, status: u16, body: &[u8]) -> Failure;

    /// Writes an error body for a client of this protocol (X1).
    fn encode_failure(&self, failure: &Failure, request_id: &str, out: &mut Vec<u8>);

    /// Whether the upstream may pause the turn that this request asks for, so that it has to be
    /// sent again to be completed (case 104).
    fn may_pause(&self, request: &[u8]) -> bool {
        let _ = request;
        false
    }

    /// A reader for one upstream stream.
    fn stream_decoder(&self) -> Box<dyn StreamDecoder>;

    /// The same, with reasoning looked for where the upstream is known to put it.
    fn stream_decoder_with(&self, fields: ReasoningFields) -> Box<dyn StreamDecoder> {
        let _ = fields;
        self.stream_decoder()
    }

    /// A writer for one client stream.
    fn stream_encoder(&self, context: Arc<ReplyContext>) -> Box<dyn StreamEncoder>;
}

/// Reads one upstream stream into hub events that keep the grammar of [`Event`].
pub trait StreamDecoder: Send {
    /// The next frame. A frame that cannot be read becomes [`Event::Failure`]; frames after the
    /// end are ignored.
    fn frame(&mut self, frame: &Frame, sink: &mut dyn Sink);

    /// The body ended: what is still owed, or `Failure` if the stream was cut short (S3).
    fn end(&mut self, sink: &mut dyn Sink);

    /// A whole answer in the place of a stream. Only where turns are paused.
    fn whole(&mut self, body: &[u8], sink: &mut dyn Sink) {
        let _ = (body, sink);
    }

    /// Remembers what is read from now on, so that a paused turn can be continued.
    fn remember(&mut self) {}

    /// The request that continues the turn which was just paused: `request` with what was said in
    /// it so far. `None` if the turn was not paused, or cannot be continued.
    fn continuation(&mut self, request: &[u8]) -> Option<Vec<u8>> {
        let _ = request;
        None
    }

    /// The paused turn is not continued: ends what was kept open for that. `Finish` is the
    /// caller's to tell.
    fn settle(&mut self, sink: &mut dyn Sink) {
        let _ = sink;
    }

    /// Reads on with the answer to the [`continuation`](Self::continuation), as more of the same
    /// answer: no second `Start`, parts numbered on, costs added up.
    fn resume(&mut self) {}
}

/// Writes hub events as one client stream.
pub trait StreamEncoder: Send {
    /// The next event; becomes any number of frames. After `Finish` or `Failure` the terminal
    /// frames of the protocol have been written (S1): open items are closed first.
    fn event(&mut self, event: Event<'_>, out: &mut BytesMut);

    /// The events that come are those of an answer that is there as a whole, so that nothing has
    /// to be passed on before its end is known.
    fn whole(&mut self) {}

    /// The error with which it ended the stream by itself: what came cannot be told to this
    /// client, although the upstream holds it to be well.
    fn failure(&self) -> Option<&Failure> {
        None
    }

    /// What was lost on the way, once the stream has ended.
    fn take_losses(&mut self) -> Losses;
}

/// The adapter of a protocol.
pub fn adapter(protocol: Protocol) -> &'static dyn Adapter {
    match protocol {
        Protocol::Chat => &chat::Chat,
        Protocol::Responses => &responses::Responses,
        Protocol::Messages => &messages::Messages,
    }
}
