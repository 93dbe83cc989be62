//! What holds for every stream of `fixtures/`, whatever it tells.

use bytes::Bytes;
use proxai_sse::{Decoder, Frame};
use proxai_testkit::fixtures::{Kind, cases};
use proxai_testkit::splits;
use proxai_translate::fuzzing::order;
use proxai_translate::ir::{Content, ToolCall, ToolKind};
use proxai_types::Protocol;
use serde_json::Value;

use crate::{drive, for_each_case, view};

/// All that a stream decoder sees of a stream.
fn seen_by_decoder(chunks: &[Bytes]) -> Vec<(Bytes, Option<String>, Bytes, bool)> {
    let mut decoder = Decoder::new();
    let mut seen = Vec::new();
    let mut note = |frame: Frame| {
        seen.push((
            frame.raw().clone(),
            frame.event().map(str::to_owned),
            frame.data_bytes().clone(),
            frame.well_formed(),
        ));
    };
    for chunk in chunks {
        decoder.push(chunk.clone());
        while let Some(frame) = decoder.next_frame().expect("within the limit") {
            note(frame);
        }
    }
    while let Some(frame) = decoder.finish().expect("within the limit") {
        note(frame);
    }
    seen
}

/// A stream decoder knows nothing but its frames, so equal frames are equal output. The whole way,
/// cut at every byte, is the next test.
#[test]
fn every_split_gives_the_same_frames() {
    for_each_case(&cases(Kind::Stream), |case, found| {
        let whole = seen_by_decoder(&[Bytes::copy_from_slice(&case.upstream().body)]);
        splits::every_split(&case.upstream().body, |chunks| {
            if found.is_empty() && seen_by_decoder(chunks) != whole {
                found.push(format!("cut after {} bytes", chunks[0].len()));
            }
        });
    });
}

#[test]
fn single_bytes_give_each_client_the_same_bytes() {
    for_each_case(&cases(Kind::Stream), |case, found| {
        let body = Bytes::copy_from_slice(&case.upstream().body);
        for client in Protocol::ALL {
            let reply = drive::reply(case, client);
            let whole = drive::stream(client, reply.clone(), std::slice::from_ref(&body)).body;
            if drive::stream(client, reply, &splits::single_bytes(&body)).body != whole {
                found.push(format!("{client} differs"));
            }
        }
    });
}

#[test]
fn line_ends_make_no_difference() {
    for_each_case(&cases(Kind::Stream), |case, found| {
        let sent = case.upstream();
        if sent.body.contains(&b'\r') {
            return;
        }
        let whole = drive::events(sent.protocol, &[Bytes::copy_from_slice(&sent.body)]);
        for (name, body) in splits::line_ending_variants(&sent.body) {
            for chunks in [
                vec![Bytes::from(body.clone())],
                splits::single_bytes(&body.into()),
            ] {
                if drive::events(sent.protocol, &chunks) != whole {
                    found.push(name.to_owned());
                }
            }
        }
    });
}

#[test]
fn the_frames_hold_every_byte() {
    for_each_case(&cases(Kind::Stream), |case, found| {
        let mut decoder = Decoder::new();
        let mut raw = Vec::new();
        for chunk in splits::single_bytes(&Bytes::copy_from_slice(&case.upstream().body)) {
            decoder.push(chunk);
            while let Some(frame) = decoder.next_frame().expect("within the limit") {
                raw.extend_from_slice(frame.raw());
            }
        }
        while let Some(frame) = decoder.finish().expect("within the limit") {
            raw.extend_from_slice(frame.raw());
        }
        raw.extend_from_slice(&decoder.take_blank_lines());
        if raw != case.upstream().body {
            found.push("the bytes are not the upstream's".to_owned());
        }
    });
}

#[test]
fn every_decoder_keeps_the_grammar() {
    for_each_case(&cases(Kind::Stream), |case, found| {
        let sent = case.upstream();
        found.extend(drive::fold(sent.protocol, &sent.body).1);
    });
}

#[test]
fn every_client_gets_its_protocols_order() {
    for_each_case(&cases(Kind::Stream), |case, found| {
        for client in Protocol::ALL {
            let streamed =
                drive::stream_body(client, drive::reply(case, client), &case.upstream().body);
            if streamed.refused.is_none() {
                let breaches = order::breaches(client, &streamed.body);
                found.extend(breaches.iter().map(|breach| format!("{client}: {breach}")));
            }
        }
    });
}

#[test]
fn the_end_is_told_exactly_once() {
    for_each_case(&cases(Kind::Stream), |case, found| {
        for client in Protocol::ALL {
            let streamed =
                drive::stream_body(client, drive::reply(case, client), &case.upstream().body);
            if streamed.refused.is_some() {
                if !streamed.body.is_empty() {
                    found.push(format!("{client}: bytes before a refusal"));
                }
                continue;
            }
            let seen = view::of_stream(client, &streamed.body);
            if seen.completions + usize::from(seen.error.is_some()) != 1 {
                found.push(format!("{client}: {seen:?}"));
            }
        }
    });
}

#[test]
fn all_clients_read_the_same() {
    for_each_case(&cases(Kind::Stream), |case, found| {
        let mut told = Vec::new();
        let mut failed = false;
        for client in Protocol::ALL {
            let mut reply = (*drive::reply(case, client)).clone();
            reply.include_usage = true;
            let streamed = drive::stream_body(client, reply.into(), &case.upstream().body);
            if streamed.refused.is_some() {
                return;
            }
            let seen = view::of_stream(client, &streamed.body);
            failed |= seen.error.is_some();
            let counts = seen.usage.map(|usage| (usage.input, usage.output));
            // Messages has no part for a refusal; it is text there.
            told.push((
                client,
                (
                    seen.text + &seen.refusal,
                    seen.reasoning,
                    counts,
                    seen.model,
                    seen.call_ids,
                ),
            ));
        }
        let (_, first) = &told[0];
        for (client, other) in &told[1..] {
            // After an error only the text so far must agree. Messages always has usage, and what
            // is estimated from a client's own request only that client has.
            let counted = first.2.is_none() || first.2 == other.2 || case.request.is_some();
            let same = (&first.0, &first.1) == (&other.0, &other.1)
                && (failed || counted && (&first.3, &first.4) == (&other.3, &other.4));
            if !same {
                found.push(format!("chat {first:?}\n  {client} {other:?}"));
            }
        }
    });
}

/// Whether the model itself wrote arguments that are not JSON, or free text.
fn not_json(call: &ToolCall<'_>) -> bool {
    let json = call.input.is_empty() || serde_json::from_str::<Value>(&call.input).is_ok();
    call.kind == ToolKind::Custom || !json
}

#[test]
fn assembled_tool_arguments_are_json() {
    let checked = std::cell::Cell::new(0);
    for_each_case(&cases(Kind::Stream), |case, found| {
        let sent = case.upstream();
        let (Ok(response), _) = drive::fold(sent.protocol, &sent.body) else {
            return;
        };
        let calls: Vec<&ToolCall<'_>> = response
            .parts
            .iter()
            .filter_map(|part| match &part.content {
                Content::ToolCall(call) => Some(call),
                _ => None,
            })
            .collect();
        // Where the case has a request, its tools decide what is JSON.
        let plain = case.request.is_none() && !calls.iter().any(|call| not_json(call));
        if calls.is_empty() || !plain {
            return;
        }
        for client in Protocol::ALL {
            let streamed = drive::stream_body(client, drive::reply(case, client), &sent.body);
            let seen = view::of_stream(client, &streamed.body);
            if seen.tools.len() != calls.len() {
                found.push(format!("{client}: {:?}", seen.tools));
            }
            for (name, input) in seen.tools {
                checked.set(checked.get() + 1);
                if serde_json::from_str::<Value>(&input).is_err() {
                    found.push(format!("{client}: {name} gets {input:?}"));
                }
            }
        }
    });
    assert!(checked.get() >= 30, "only {} calls", checked.get());
}
