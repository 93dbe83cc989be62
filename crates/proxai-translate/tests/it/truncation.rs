//! A stream that is cut anywhere never looks complete, and never panics (S1, S3).

use bytes::Bytes;
use proxai_testkit::fixtures::{Kind, cases};
use proxai_translate::fuzzing::order;
use proxai_types::Protocol;

use crate::{drive, for_each_case, view};

/// Whether the upstream had said that its answer is complete.
fn complete(upstream: Protocol, told: &[u8]) -> bool {
    view::frames(told).iter().any(|frame| {
        let data = String::from_utf8_lossy(frame.data()).replace(' ', "");
        let valid = serde_json::from_slice::<serde_json::Value>(frame.data()).is_ok();
        match upstream {
            Protocol::Chat => frame.is_done() || data.contains("\"finish_reason\":\"") && valid,
            Protocol::Responses => {
                valid
                    && ["completed", "incomplete"]
                        .iter()
                        .any(|end| data.starts_with(&format!("{{\"type\":\"response.{end}\"")))
            }
            // Everything is known once the stop reason is; `message_stop` adds nothing.
            Protocol::Messages => data.contains("\"stop_reason\":\"") && valid,
        }
    })
}

#[test]
fn a_cut_at_any_frame_is_an_error_or_a_complete_answer_and_never_both() {
    for_each_case(&cases(Kind::Stream), |case, found| {
        let sent = case.upstream();
        let mut told = Vec::new();
        for frame in view::frames(&sent.body) {
            let complete = complete(sent.protocol, &told);
            for client in Protocol::ALL {
                let streamed = drive::stream_body(client, drive::reply(case, client), &told);
                let at = told.len();
                if streamed.refused.is_some() {
                    if complete {
                        found.push(format!("{client} at {at}: refused though complete"));
                    }
                    continue;
                }
                let seen = view::of_stream(client, &streamed.body);
                let ends = (seen.completions, seen.error.is_some());
                if !matches!(ends, (1, false) | (0, true)) {
                    found.push(format!("{client} at {at}: {ends:?}"));
                }
                if seen.completions == 1 && !complete {
                    found.push(format!("{client} at {at}: looks complete"));
                }
                let breaches = order::breaches(client, &streamed.body);
                found.extend(breaches.iter().map(|b| format!("{client} at {at}: {b}")));
            }
            told.extend_from_slice(frame.raw());
        }
    });
}

#[test]
fn a_cut_at_any_byte_keeps_the_grammar() {
    for_each_case(&cases(Kind::Stream), |case, found| {
        let sent = case.upstream();
        // A prime step keeps long bodies affordable and still meets every kind of place.
        let step = if sent.body.len() > 1024 { 11 } else { 1 };
        for end in (0..sent.body.len()).step_by(step) {
            let (folded, problems) = drive::fold(sent.protocol, &sent.body[..end]);
            found.extend(problems.iter().map(|p| format!("at {end}: {p}")));
            if folded.is_ok() && !complete(sent.protocol, &sent.body[..end]) {
                found.push(format!("at {end}: looks complete"));
            }
        }
    });
}

#[test]
fn damaged_streams_keep_the_grammar() {
    for_each_case(&cases(Kind::Stream), |case, found| {
        let sent = case.upstream();
        let corpus = [sent.body.clone()];
        let mut random = proxai_testkit::mutate::Rng::new(7);
        for _ in 0..20 {
            let body = proxai_testkit::mutate::mutate(&sent.body, &corpus, &mut random);
            let (_, problems) = drive::fold(sent.protocol, &body);
            found.extend(problems);
            for client in Protocol::ALL {
                let reply = drive::reply(case, client);
                let streamed = drive::stream(client, reply, &[Bytes::from(body.clone())]);
                if streamed.refused.is_none() {
                    let breaches = order::breaches(client, &streamed.body);
                    found.extend(breaches.iter().map(|b| format!("{client}: {b}")));
                }
            }
        }
        found.dedup();
        found.truncate(3);
    });
}
