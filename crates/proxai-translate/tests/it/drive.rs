//! Runs the translator on a case with a fixed clock, id and model.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use proxai_sse::Decoder;
use proxai_testkit::fixtures::{Case, Sent};
use proxai_translate::ir::{Accumulator, Checked, Event, Failure, Losses, Response, Sink};
use proxai_translate::{
    Prepared, ReplyContext, ReplyError, RequestError, RequestInfo, StreamTranslator, Target,
    Translated, adapter, translate_request, translate_response,
};
use proxai_types::Protocol;

/// The model, as the client names it where the case has no request.
pub(crate) const ALIAS: &str = "house-model";
/// The model, as the upstream names it.
pub(crate) const UPSTREAM_MODEL: &str = "upstream-model";
/// The provider.
pub(crate) const ISSUER: &str = "here";
const ID: &str = "0a1b2c";
const CREATED: u64 = 1_760_000_000;

/// The upstream of a case that lists `abilities`.
pub(crate) fn target(case: &Case) -> Target<'static> {
    able(&case.about.abilities)
}

/// An upstream with `abilities` beside the usual ones.
pub(crate) fn able(names: &[String]) -> Target<'static> {
    let mut target = Target::new(UPSTREAM_MODEL, ISSUER);
    let abilities = &mut target.abilities;
    for name in names {
        match name.as_str() {
            "custom_tools" => abilities.custom_tools = true,
            "max_completion_tokens" => abilities.max_completion_tokens = true,
            "developer_role" => abilities.developer_role = true,
            "reasoning_echo" => abilities.reasoning_echo = true,
            "web_search" => abilities.web_search = true,
            "system_turns" => abilities.system_turns = true,
            "no_adaptive_thinking" => abilities.adaptive_thinking = false,
            "no_output_format" => abilities.output_format = false,
            other => panic!("no ability is called {other}"),
        }
    }
    target
}

/// The body for an upstream of `protocol`.
pub(crate) fn request(
    sent: &Sent,
    upstream: Protocol,
    target: &Target<'_>,
) -> Result<Prepared, RequestError> {
    let info = RequestInfo {
        id: ID,
        created: CREATED,
        model: ALIAS,
    };
    translate_request(sent.protocol, upstream, &sent.body, target, &info)
}

/// What an answer for `client` is written with: what its own request says, if the case has one.
pub(crate) fn reply(case: &Case, client: Protocol) -> Arc<ReplyContext> {
    let upstream = case.upstream().protocol;
    match &case.request {
        Some(sent) if sent.protocol == client => {
            request(sent, upstream, &target(case))
                .unwrap_or_else(|error| panic!("{case}: {error}"))
                .reply
        }
        _ => {
            let mut reply = ReplyContext::new(ALIAS, ISSUER, upstream, ID, CREATED);
            reply.reasoning.wanted_back =
                upstream == Protocol::Chat && target(case).abilities.reasoning_echo;
            Arc::new(reply)
        }
    }
}

/// The whole answer for `client`.
pub(crate) fn answer(case: &Case, client: Protocol) -> Result<Translated, ReplyError> {
    translate_response(client, &reply(case, client), &case.upstream().body)
}

/// What a client got of a stream.
pub(crate) struct Streamed {
    pub(crate) body: Vec<u8>,
    pub(crate) losses: Losses,
    /// The error that came before anything was written.
    pub(crate) refused: Option<Failure>,
}

/// Streams `chunks` to `client`.
pub(crate) fn stream(client: Protocol, reply: Arc<ReplyContext>, chunks: &[Bytes]) -> Streamed {
    let mut decoder = Decoder::new();
    let mut translator = StreamTranslator::new(client, reply);
    let mut out = BytesMut::new();
    for chunk in chunks {
        decoder.push(chunk.clone());
        while let Some(frame) = decoder.next_frame().expect("within the limit") {
            translator.push(&frame, &mut out);
        }
    }
    while let Some(frame) = decoder.finish().expect("within the limit") {
        translator.push(&frame, &mut out);
    }
    translator.end(&mut out);
    assert!(translator.ended(), "neither an end nor an error");
    Streamed {
        body: out.to_vec(),
        losses: translator.take_losses(),
        refused: translator.failure_before_start().cloned(),
    }
}

/// Streams a body in one piece.
pub(crate) fn stream_body(client: Protocol, reply: Arc<ReplyContext>, body: &[u8]) -> Streamed {
    stream(client, reply, &[Bytes::copy_from_slice(body)])
}

/// Feeds the events of a stream to `sink`.
pub(crate) fn decode(upstream: Protocol, chunks: &[Bytes], sink: &mut dyn Sink) {
    let mut decoder = Decoder::new();
    let mut adapter = adapter(upstream).stream_decoder();
    for chunk in chunks {
        decoder.push(chunk.clone());
        while let Some(frame) = decoder.next_frame().expect("within the limit") {
            adapter.frame(&frame, sink);
        }
    }
    while let Some(frame) = decoder.finish().expect("within the limit") {
        adapter.frame(&frame, sink);
    }
    adapter.end(sink);
}

/// The events of a stream, one per line.
pub(crate) fn events(upstream: Protocol, chunks: &[Bytes]) -> String {
    let mut lines = Vec::new();
    decode(upstream, chunks, &mut |event: Event<'_>| {
        lines.push(format!("{event:?}"));
    });
    lines.join("\n")
}

/// Folds a stream, with the breaches of the grammar.
pub(crate) fn fold(
    upstream: Protocol,
    body: &[u8],
) -> (Result<Response<'static>, Failure>, Vec<String>) {
    let mut checked = Checked::new(Accumulator::new());
    decode(upstream, &[Bytes::copy_from_slice(body)], &mut checked);
    let (accumulator, violations) = checked.into_parts();
    let problems = violations.iter().map(ToString::to_string).collect();
    (accumulator.into_response(), problems)
}

/// The losses, one per line, each with what it concerns.
pub(crate) fn lines<'l>(whom: &'l str, losses: &'l Losses) -> impl Iterator<Item = String> + 'l {
    losses.iter().map(move |loss| format!("{whom}: {loss}"))
}
