//! JSON and stream never disagree, in any direction (T2).

use bytes::BytesMut;
use proxai_testkit::fixtures::{Case, Kind, cases};
use proxai_testkit::mutate;
use proxai_translate::fuzzing::order;
use proxai_translate::ir::{At, Content, Part, Reasoning, Response, TextPart};
use proxai_translate::{ReplyContext, adapter, fold_stream, replay_as_stream, translate_response};
use proxai_types::Protocol;
use serde_json::Value;

use crate::view::View;
use crate::{drive, for_each_case, view};

/// Whether a case's stream or answer is an answer at all.
fn answers(kind: Kind) -> Vec<Case> {
    let mut cases = cases(kind);
    cases.retain(|case| {
        let sent = case.upstream();
        match kind {
            Kind::Stream => drive::fold(sent.protocol, &sent.body).0.is_ok(),
            _ => adapter(sent.protocol).decode_response(&sent.body).is_ok(),
        }
    });
    cases
}

/// What must agree: everything but what only one of the two forms has.
fn comparable(client: Protocol, mut response: Response<'_>) -> String {
    response.created = None;
    for part in &mut response.parts {
        part.at = At::default();
        if let (Protocol::Messages, Content::ToolCall(call)) = (client, &mut part.content) {
            // A Messages stream is read as it comes, so what `_raw` holds is not taken out of it.
            let input = serde_json::from_str::<Value>(&call.input).unwrap_or_default();
            if let Some(raw) = input["_raw"].as_str() {
                call.input = raw.to_owned().into();
            }
        }
        if let Content::Text(text) = &mut part.content {
            // A Messages stream does not say where the cited text begins and ends.
            for citation in &mut text.citations {
                (citation.start, citation.end) = (None, None);
            }
            let logprobs = text.logprobs.as_deref().map(view::compact);
            text.logprobs = logprobs.map(Into::into);
        }
    }
    if client == Protocol::Chat {
        join_texts(&mut response);
    }
    format!("{response:#?}")
}

/// A Chat message has one text and one thought, so its JSON does not know what stood between.
fn join_texts(response: &mut Response<'_>) {
    let (mut text, mut thought) = (TextPart::default(), Reasoning::default());
    let (mut seals, mut rest) = (Vec::new(), Vec::new());
    for part in std::mem::take(&mut response.parts) {
        match part.content {
            Content::Text(more) => {
                text.text.0.to_mut().push_str(&more.text);
                text.citations.extend(more.citations);
                text.logprobs = text.logprobs.or(more.logprobs);
            }
            Content::Reasoning(more) => {
                thought.text.0.to_mut().push_str(&more.text);
                seals.push(more.sealed);
            }
            content => rest.push(Part::new(At::default(), content)),
        }
    }
    // Each thought has a list of details; in JSON they stand in one.
    let details: Vec<Value> = seals
        .into_iter()
        .flatten()
        .flat_map(|sealed| serde_json::from_str::<Vec<Value>>(&sealed.data).expect("a list"))
        .collect();
    thought.id = Some(format!("{details:?}").into());
    let part = |content| Part::new(At::default(), content);
    response.parts = vec![part(Content::Reasoning(thought)), part(Content::Text(text))];
    // Nor does it know whether a refusal came before or behind the calls.
    rest.sort_by_key(|part| !matches!(part.content, Content::Refusal(_)));
    response.parts.extend(rest);
}

/// A client that reads our JSON and one that reads our stream understand the same.
fn agree(client: Protocol, json: &[u8], stream: &[u8]) -> Result<(), String> {
    let differ = |what: &str, one: &str, other: &str| {
        let changed = one
            .lines()
            .zip(other.lines())
            .find(|(one, other)| one != other);
        Err(format!(
            "{client}: {what}: JSON and stream differ: {changed:?}"
        ))
    };
    let from_json = adapter(client)
        .decode_response(json)
        .map_err(|error| format!("{client}: our own JSON: {error}"))?;
    let (from_stream, problems) = drive::fold(client, stream);
    if !problems.is_empty() {
        return Err(format!("{client}: {problems:?}"));
    }
    let from_stream = from_stream.map_err(|error| format!("{client}: our own stream: {error}"))?;
    let (one, other) = (
        comparable(client, from_json),
        comparable(client, from_stream),
    );
    if one != other {
        return differ("read again", &one, &other);
    }
    let (one, other): (View, View) = (view::of_json(client, json), view::of_stream(client, stream));
    if one != other {
        return differ("as a client", &format!("{one:#?}"), &format!("{other:#?}"));
    }
    Ok(())
}

#[test]
fn a_stream_and_its_fold_tell_each_client_the_same() {
    let cases = answers(Kind::Stream);
    assert!(
        cases.len() >= 20,
        "only {} streams are answers",
        cases.len()
    );
    for_each_case(&cases, |case, found| {
        let sent = case.upstream();
        let can_stream =
            |client: &Protocol| !case.about.expect.cannot_stream.contains_key(client.name());
        for client in Protocol::ALL.into_iter().filter(can_stream) {
            let reply = drive::reply(case, client);
            let folded = fold_stream(client, &reply, sent.body.clone().into())
                .unwrap_or_else(|error| panic!("{error}"));
            let mut told = ReplyContext::clone(&reply);
            // The JSON form always has usage.
            told.include_usage = true;
            let streamed = drive::stream_body(client, told.into(), &sent.body);
            found.extend(agree(client, &folded.body, &streamed.body).err());
        }
    });
}

#[test]
fn a_whole_answer_and_its_replay_tell_each_client_the_same() {
    for_each_case(&answers(Kind::Unary), |case, found| {
        let sent = case.upstream();
        for client in Protocol::ALL {
            let reply = drive::reply(case, client);
            let json = translate_response(client, &reply, &sent.body)
                .unwrap_or_else(|error| panic!("{error}"));
            let mut told = ReplyContext::clone(&reply);
            told.include_usage = true;
            let mut stream = BytesMut::new();
            replay_as_stream(client, told.into(), &sent.body, &mut stream)
                .unwrap_or_else(|error| panic!("{error}"));
            found.extend(agree(client, &json.body, &stream).err());
            let breaches = order::breaches(client, &stream);
            found.extend(breaches.iter().map(|breach| format!("{client}: {breach}")));
        }
    });
}

#[test]
fn a_cut_or_damaged_answer_never_panics_and_a_cut_one_is_never_an_answer() {
    for_each_case(&cases(Kind::Unary), |case, found| {
        let sent = case.upstream();
        let own = adapter(sent.protocol);
        let length = sent.body.trim_ascii_end().len();
        for end in (0..length).step_by(if length > 2048 { 11 } else { 1 }) {
            if own.decode_response(&sent.body[..end]).is_ok() {
                found.push(format!("cut at {end} is taken for an answer"));
            }
        }
        let mut random = mutate::Rng::new(5);
        for _ in 0..25 {
            let body = mutate::mutate(&sent.body, &[], &mut random);
            for client in Protocol::ALL {
                drop(translate_response(
                    client,
                    &drive::reply(case, client),
                    &body,
                ));
            }
        }
    });
}

#[test]
fn any_error_body_becomes_an_error_of_each_dialect() {
    for_each_case(&cases(Kind::Error), |case, found| {
        let sent = case.upstream();
        let status = case.about.status.expect("checked when it was loaded");
        for end in 0..=sent.body.len() {
            let failure = adapter(sent.protocol).decode_failure(status, &sent.body[..end]);
            if failure.http_status() != status && status >= 400 {
                found.push(format!("cut at {end}: {}", failure.http_status()));
            }
            for client in Protocol::ALL {
                let body = proxai_translate::encode_failure(client, &failure, "req_1");
                if view::of_error(client, &body).message.is_empty() {
                    found.push(format!("cut at {end}: {client} gets no message"));
                }
            }
        }
        found.truncate(3);
    });
}
