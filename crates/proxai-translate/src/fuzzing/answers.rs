//! What must hold for every answer: whole, streamed, or an error.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use proxai_ir::{
    Accumulator, Checked, Content, Event, Failure, PartKind, Response, StopReason, ToolCall,
    ToolKind,
};
use proxai_sse::Decoder;
use proxai_types::Protocol;
use serde_json::Value;

use super::order::{breaches, frames};
use super::reply;
use crate::adapter::{ReplyError, adapter};
use crate::ids;
use crate::pipeline::{
    StreamTranslator, encode_failure, fold_stream, replay_as_stream, translate_response,
};

/// Checks one whole answer for one client.
///
/// The client's own adapter reads it, and its replay as a stream keeps the order of the protocol
/// and says the same (T2).
pub fn check_response(client: Protocol, upstream: Protocol, body: &[u8]) {
    let context = Arc::new(reply(upstream));
    let translated = match translate_response(client, &context, body) {
        Ok(translated) => translated,
        Err(error) => {
            assert!(!error.to_string().is_empty(), "an error says something");
            return;
        }
    };
    let mut stream = BytesMut::new();
    replay_as_stream(client, context, body, &mut stream).expect("it was read above");
    // What no item needs to be read for passes as it came: numbers beyond all bounds, halves of
    // characters, arrays without end. The reader of these rules takes none of them.
    if serde_json::from_slice::<Value>(body).is_err() {
        return;
    }
    assert_eq!(
        breaches(client, &stream),
        Vec::<String>::new(),
        "{client} from {upstream}"
    );
    let response = adapter(upstream).decode_response(body);
    let response = response.expect("it was read above");
    // Some readers rightly refuse a call of nobody knows what.
    let nameless = response
        .parts
        .iter()
        .any(|part| matches!(&part.content, Content::ToolCall(call) if call.name.is_empty()));
    if !nameless {
        agree(client, upstream, &translated.body, &stream, false);
        faithful(client, upstream, &response, &translated.body);
    }
}

/// Checks one stream for one client; `seed` picks the places where it is cut.
///
/// The decoder keeps the grammar, the client gets its protocol's order with exactly one end (S1,
/// S7), the same bytes however the upstream's were cut (S2), and what it would have got as JSON
/// (T2).
pub fn check_stream(client: Protocol, upstream: Protocol, body: &[u8], seed: usize) {
    let (mut open, mut interleaved, mut nameless) = (0, false, false);
    let mut checked = Checked::new(|event: Event<'_>| match event {
        Event::Open { kind, .. } => {
            open += 1;
            interleaved |= open > 1;
            // Some readers rightly refuse a call of nobody knows what.
            nameless |= matches!(&kind, PartKind::ToolCall { name, .. } if name.is_empty());
        }
        Event::Close { .. } => open -= 1,
        _ => {}
    });
    let mut decoder = adapter(upstream).stream_decoder();
    for frame in frames(body) {
        decoder.frame(&frame, &mut checked);
    }
    decoder.end(&mut checked);
    let (_, violations) = checked.into_parts();
    assert_eq!(violations, [], "{upstream} breaks the grammar");

    let whole = Bytes::copy_from_slice(body);
    let (told, refused) = stream(client, upstream, std::slice::from_ref(&whole));
    let cut = stream(client, upstream, &cuts(&whole, seed));
    assert_eq!(
        (&told, &refused),
        (&cut.0, &cut.1),
        "{client} from {upstream}"
    );
    let folded = fold_stream(client, &reply(upstream), whole);
    if refused.is_some() {
        assert!(told.is_empty(), "bytes before a refusal");
        assert!(folded.is_err(), "refused as a stream, but not as JSON");
        return;
    }
    assert_eq!(
        breaches(client, &told),
        Vec::<String>::new(),
        "{client} from {upstream}"
    );
    match folded {
        Ok(_) if nameless => {}
        // What a stream has passed on cannot be taken back, so a call whose input is no object
        // ends it with an error; JSON keeps such an input as text (case 30).
        Ok(folded) if client == Protocol::Messages && failed(&told) => {
            let folded = String::from_utf8_lossy(&folded.body).into_owned();
            let kept = folded.contains("\"_raw\":");
            assert!(kept, "failed as a stream for no reason: {folded}");
        }
        Ok(folded) => {
            agree(client, upstream, &folded.body, &told, interleaved);
            let mut accumulator = Accumulator::new();
            let mut decoder = adapter(upstream).stream_decoder();
            for frame in frames(body) {
                decoder.frame(&frame, &mut accumulator);
            }
            decoder.end(&mut accumulator);
            let source = accumulator.into_response().expect("it was folded");
            faithful(client, upstream, &source, &folded.body);
        }
        Err(ReplyError::Failure(_)) => {
            assert!(failed(&told), "failed as JSON, but not as a stream");
        }
        Err(error) => panic!("{client} from {upstream}: {error}"),
    }
}

/// Whether a stream ends with an error.
fn failed(stream: &[u8]) -> bool {
    let end = frames(stream)
        .into_iter()
        .rfind(|frame| !frame.is_done())
        .expect("a stream has an end");
    let end: Value = serde_json::from_slice(end.data()).unwrap_or_default();
    end["error"].is_object() || end["type"] == "error" || end["type"] == "response.failed"
}

/// Checks one error body for one client: it stays an error, with a message and its status (X1).
pub fn check_failure(client: Protocol, upstream: Protocol, status: u16, body: &[u8]) {
    let failure = adapter(upstream).decode_failure(status, body);
    if status >= 400 {
        assert_eq!(failure.http_status(), status);
    }
    let written = encode_failure(client, &failure, "req_1");
    let value: Value = serde_json::from_slice(&written).expect("an error body is JSON");
    let message = value["error"]["message"].as_str().unwrap_or_default();
    assert!(!message.is_empty(), "an error without a message: {value}");
    let typed = client != Protocol::Messages || value["type"] == "error";
    assert!(typed, "not the dialect's shape: {value}");
}

/// A stream grows by what its frames need around a delta and by telling the whole at the end, never
/// with the square of its length.
const MAX_GROWTH: usize = 48;

/// What a stream of no length may cost.
const MAX_FRAME_COST: usize = 16 << 10;

/// A body in pieces of a few bytes, or of a few hundred.
fn cuts(whole: &Bytes, seed: usize) -> Vec<Bytes> {
    let (mut rest, mut pieces) = (whole.clone(), Vec::new());
    let mut step = seed;
    while !rest.is_empty() {
        step = step.wrapping_mul(31).wrapping_add(7) % 211;
        pieces.push(rest.split_to((1 + step).min(rest.len())));
    }
    pieces
}

/// What a client gets, and the error that came before anything was written.
fn stream(client: Protocol, upstream: Protocol, chunks: &[Bytes]) -> (Vec<u8>, Option<Failure>) {
    let mut decoder = Decoder::new();
    let mut translator = StreamTranslator::new(client, Arc::new(reply(upstream)));
    let mut out = BytesMut::new();
    for chunk in chunks {
        decoder.push(chunk.clone());
        while let Ok(Some(frame)) = decoder.next_frame() {
            translator.push(&frame, &mut out);
        }
    }
    while let Ok(Some(frame)) = decoder.finish() {
        translator.push(&frame, &mut out);
    }
    translator.end(&mut out);
    assert!(translator.ended(), "neither an end nor an error");
    let length = out.len();
    translator.keepalive(&mut out);
    translator.end(&mut out);
    assert_eq!(length, out.len(), "something follows the end");
    let sent: usize = chunks.iter().map(Bytes::len).sum();
    assert!(
        out.len() <= sent * MAX_GROWTH + MAX_FRAME_COST,
        "{sent} bytes became {}",
        out.len()
    );
    let refused = translator.failure_before_start().cloned();
    (out.to_vec(), refused)
}

/// What a client reads in an answer, without what only one of JSON and stream can say.
#[derive(Debug, Default, PartialEq)]
struct Reading {
    id: String,
    text: String,
    /// Beside the text in Chat, where the two have no order.
    refusal: String,
    thought: String,
    seals: usize,
    /// Id and name.
    calls: Vec<[String; 2]>,
    /// Inputs by call; `None` for one that only a stream can carry bare.
    inputs: Vec<Option<String>>,
    reason: StopReason,
    counts: Option<[Option<u64>; 2]>,
}

impl Reading {
    fn of(response: &Response<'_>) -> Self {
        let usage = response.usage;
        let mut reading = Self {
            id: response.id.as_str().to_owned(),
            reason: response.finish.reason,
            counts: usage.map(|usage| [usage.input, usage.output]),
            ..Self::default()
        };
        for part in &response.parts {
            match &part.content {
                Content::Text(text) => reading.text.push_str(&text.text),
                Content::Refusal(text) => reading.refusal.push_str(text),
                Content::Reasoning(thought) => {
                    reading.thought.push_str(&thought.text);
                    reading.seals += usize::from(thought.sealed.is_some());
                }
                Content::ToolCall(call) => {
                    reading.inputs.push(match call.kind {
                        ToolKind::Custom => Some(call.input.as_str().to_owned()),
                        _ => object(&call.input),
                    });
                    let [id, name] = [&call.id, &call.name].map(|text| text.as_str().to_owned());
                    reading.calls.push([id, name]);
                }
                _ => {}
            }
        }
        reading
    }
}

/// A JSON object without spaces; nothing else reads the same in JSON and stream.
fn object(input: &str) -> Option<String> {
    let value: Value = serde_json::from_str(input).ok()?;
    (value.is_object() && value.get("_raw").is_none()).then(|| value.to_string())
}

/// A client that reads the JSON and one that reads the stream understand the same.
fn agree(client: Protocol, upstream: Protocol, json: &[u8], stream: &[u8], interleaved: bool) {
    let from_json = adapter(client)
        .decode_response(json)
        .unwrap_or_else(|error| panic!("{client} from {upstream}: our own JSON: {error}"));
    let mut accumulator = Accumulator::new();
    let mut decoder = adapter(client).stream_decoder();
    for frame in frames(stream) {
        decoder.frame(&frame, &mut accumulator);
    }
    decoder.end(&mut accumulator);
    let from_stream = accumulator
        .into_response()
        .unwrap_or_else(|error| panic!("{client} from {upstream}: our own stream: {error}"));
    let (mut json, mut stream) = (Reading::of(&from_json), Reading::of(&from_stream));
    if client == Protocol::Chat {
        // A Chat message has one list of details, its stream one per thought.
        (json.seals, stream.seals) = (json.seals.min(1), stream.seals.min(1));
    }
    for (one, other) in json.inputs.iter_mut().zip(&mut stream.inputs) {
        if one.is_none() || other.is_none() {
            (*one, *other) = (None, None);
        }
    }
    if interleaved {
        // Parts that are told at the same time stand in the order of what came first in a stream,
        // of their beginnings in JSON.
        for text in [
            &mut json.text,
            &mut json.thought,
            &mut stream.text,
            &mut stream.thought,
        ] {
            let mut letters: Vec<char> = text.chars().collect();
            letters.sort_unstable();
            *text = letters.into_iter().collect();
        }
    }
    assert_eq!(json, stream, "{client} from {upstream}: JSON and stream");
}

/// Whether an upstream's id has the form of those that are made here, which nobody guards against.
fn looks_made(id: &str) -> bool {
    let numbered = id.rsplit_once('_');
    id.starts_with("call_") && numbered.is_some_and(|(_, nth)| nth.parse::<usize>().is_ok())
}

/// What the upstream said is what the client reads: every text, and every call with its own name,
/// id and arguments.
fn faithful(client: Protocol, upstream: Protocol, source: &Response<'_>, json: &[u8]) {
    let told = adapter(client)
        .decode_response(json)
        .unwrap_or_else(|error| panic!("{client} from {upstream}: our own JSON: {error}"));
    let (before, after) = (calls(source), calls(&told));
    assert_eq!(before.len(), after.len(), "{client} from {upstream}: calls");
    for (asked, told) in before.iter().zip(&after) {
        if asked.kind != ToolKind::Function || told.kind != ToolKind::Function {
            continue;
        }
        assert_eq!(asked.name, told.name, "{client} from {upstream}");
        // A call without an id, or with that of a call before it, gets its own.
        let kept = asked.id.is_empty() || ids::call(&asked.id) == ids::call(&told.id);
        assert!(
            kept,
            "{client} from {upstream}: {} is {}",
            asked.id, told.id
        );
        let own = !told.id.is_empty() || before.iter().any(|call| looks_made(&call.id));
        assert!(own, "{client} from {upstream}: two calls have one id");
        if let Some(input) = object(&asked.input) {
            let same = object(&told.input) == Some(input);
            assert!(same, "{client} from {upstream}: {}", told.input);
        }
    }
    let whole = Reading::of(&told).text;
    for part in &source.parts {
        if let Content::Text(text) = &part.content {
            let there = whole.contains(text.text.trim());
            assert!(there, "{client} from {upstream}: {:?} is lost", text.text);
        }
    }
}

fn calls<'r>(response: &'r Response<'_>) -> Vec<&'r ToolCall<'r>> {
    let parts = response.parts.iter();
    parts
        .filter_map(|part| match &part.content {
            Content::ToolCall(call) => Some(call),
            _ => None,
        })
        .collect()
}
