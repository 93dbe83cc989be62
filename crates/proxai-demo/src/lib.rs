//! The demo provider: real answers of all three protocols without any key (K4).
//!
//! It is an upstream like any other, only that nothing is sent: the request is read and the answer
//! written by the same adapters that translate, so what a newcomer sees first is what every
//! upstream's answer goes through. It knows nothing and says so: it echoes, calls the tool that
//! the text names, thinks when asked to, fills a JSON schema, and gives a tool's result back.
//!
//! The same request always gets the same answer; id and time are arguments. Some models fail on
//! request, to try fallbacks and error handling: see [`models()`].
//!
//! ```
//! use proxai_types::Protocol;
//!
//! let body = br#"{"model":"demo","messages":[{"role":"user","content":"Ahoy"}]}"#;
//! let answer = proxai_demo::answer(Protocol::Chat, body, "1", 1_760_000_000);
//! assert_eq!((answer.status, answer.content_type), (200, "application/json"));
//! assert!(String::from_utf8(answer.chunks.concat()).unwrap().contains("Ahoy"));
//! ```

mod embeddings;
mod model;
mod reply;
mod sample;
mod telling;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use proxai_ir::{Failure, FailureKind, Losses, Request, Response};
use proxai_translate::{ReplyContext, RequestError, adapter, encode_failure, estimate};
use proxai_types::Protocol;

use crate::model::Behaviour;

pub use embeddings::embeddings;

/// The provider, as seals and messages name it.
const NAME: &str = "demo";

/// What an HTTP response of the demo provider consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The media type of the body.
    pub content_type: &'static str,
    /// The body; a stream has a chunk for each of its steps.
    pub chunks: Vec<Bytes>,
    /// How long to wait before each chunk but the first, so that a stream looks like one.
    pub pause: Duration,
}

impl DemoAnswer {
    fn json(status: u16, body: Vec<u8>) -> Self {
        Self {
            status,
            content_type: "application/json",
            chunks: vec![Bytes::from(body)],
            pause: Duration::ZERO,
        }
    }

    fn failure(dialect: Protocol, failure: &Failure, id: &str) -> Self {
        let body = encode_failure(dialect, failure, id);
        Self::json(failure.http_status(), body)
    }
}

/// The models to list. Any other name is answered too, as `demo` is.
///
/// `slow` takes its time, `cut` breaks off in the middle, and `error-` with an HTTP status fails
/// with that status.
pub const fn models() -> &'static [&'static str] {
    &[
        "demo",
        "demo-1",
        "echo",
        "slow",
        "cut",
        "error-429",
        "error-500",
    ]
}

/// Answers a request of `protocol`. `id` is the random part of the answer's id, `created` the
/// time in seconds since 1970.
pub fn answer(protocol: Protocol, body: &[u8], id: &str, created: u64) -> DemoAnswer {
    // What an upstream cannot use it ignores; there is nobody to report it to.
    let mut losses = Losses::new();
    let request = match adapter(protocol).decode_request(body, &mut losses) {
        Ok(request) => request,
        Err(error) => return DemoAnswer::failure(protocol, &refusal(&error), id),
    };
    let behaviour = Behaviour::of(&request.model);
    if let Behaviour::Fail(status) = behaviour {
        let failure = model::failure(status, &request.model);
        return DemoAnswer::failure(protocol, &failure, id);
    }
    let response = reply::to(&request, protocol, id, created);
    let context = context(&request, &response, protocol, id, created);
    let mut answer = if request.stream {
        telling::stream(protocol, context, &response)
    } else {
        let mut out = Vec::new();
        adapter(protocol).encode_response(&response, &context, &mut losses, &mut out);
        DemoAnswer::json(200, out)
    };
    behaviour.apply(&mut answer);
    answer
}

fn refusal(error: &RequestError) -> Failure {
    let failure = Failure::new(FailureKind::InvalidRequest, error.to_string());
    match error.path() {
        Some(path) => failure.with_param(path),
        None => failure,
    }
}

fn context(
    request: &Request<'_>,
    response: &Response<'_>,
    protocol: Protocol,
    id: &str,
    created: u64,
) -> Arc<ReplyContext> {
    let mut context = ReplyContext::new(&request.model, NAME, protocol, id, created);
    context.include_usage = request.include_usage.unwrap_or(true);
    context.estimated_input = response
        .usage
        .and_then(|usage| usage.input)
        .unwrap_or_else(|| estimate::prompt_tokens(request));
    context.echo = request
        .echo
        .iter()
        .map(|(name, value)| (name.into(), value.get().into()))
        .collect();
    Arc::new(context)
}
