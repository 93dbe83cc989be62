//! What `case.toml` says must come of each case, checked without the adapters' own reading.

use std::collections::BTreeMap;

use proxai_testkit::fixtures::{Answer, Case, Facts, Kind, cases};
use proxai_translate::ir::Losses;
use proxai_translate::{ReplyError, decode_failure, encode_failure};
use proxai_types::Protocol;
use serde_json::Value;

use crate::view::{self, View};
use crate::{drive, for_each_case};

fn check_losses(
    found: &mut Vec<String>,
    expected: Option<&Vec<String>>,
    losses: &Losses,
    whom: &str,
) {
    let none = Vec::new();
    let expected = expected.unwrap_or(&none);
    for loss in losses {
        if !expected.iter().any(|prefix| loss.path.starts_with(prefix)) {
            found.push(format!("{whom}: not expected: {loss}"));
        }
    }
    for prefix in expected {
        if !losses.iter().any(|loss| loss.path.starts_with(prefix)) {
            found.push(format!("{whom}: no loss at {prefix}"));
        }
    }
}

pub(crate) fn check_facts(found: &mut Vec<String>, facts: Option<&Facts>, body: &[u8], whom: &str) {
    let body: Value = serde_json::from_slice(body).expect("what is sent is JSON");
    for (pointer, expected) in facts.into_iter().flatten() {
        let value = body.pointer(pointer);
        // A string that begins with `~` is a part of the text that must be there.
        let holds = match (
            expected.as_str().and_then(|text| text.strip_prefix('~')),
            value,
        ) {
            (Some(part), Some(value)) => value.as_str().is_some_and(|text| text.contains(part)),
            (None, Some(value)) => same(value, expected),
            (_, None) => false,
        };
        if !holds {
            found.push(format!("{whom}: {pointer} is {value:?}, not {expected}"));
        }
    }
}

/// Equal, with 1 and 1.0 alike.
fn same(value: &Value, expected: &Value) -> bool {
    match (value.as_f64(), expected.as_f64()) {
        (Some(value), Some(expected)) => (value - expected).abs() < 1e-9,
        _ => value == expected,
    }
}

#[test]
fn requests_become_what_their_cases_say() {
    let with_requests = Kind::ALL
        .into_iter()
        .flat_map(cases)
        .filter(|case| case.request.is_some());
    for_each_case(&with_requests.collect::<Vec<Case>>(), |case, found| {
        let sent = case.request();
        let expect = &case.about.expect;
        for upstream in Protocol::ALL {
            if upstream == sent.protocol {
                continue;
            }
            let whom = format!("to {upstream}");
            let refused = expect.refused.get(upstream.name());
            let prepared = match (
                drive::request(sent, upstream, &drive::target(case)),
                refused,
            ) {
                (Ok(prepared), None) => prepared,
                (Ok(_), Some(path)) => {
                    found.push(format!("{whom}: not refused at {path}"));
                    continue;
                }
                (Err(error), Some(path)) if error.path() == Some(path) => continue,
                (Err(error), _) => {
                    found.push(format!("{whom}: refused at {:?}: {error}", error.path()));
                    continue;
                }
            };
            check_losses(
                found,
                expect.losses.get(upstream.name()),
                &prepared.losses,
                &whom,
            );
            check_facts(
                found,
                expect.request.get(upstream.name()),
                &prepared.body,
                &whom,
            );
            let body: Value = serde_json::from_slice(&prepared.body).expect("it is JSON");
            for pointer in expect.absent.get(upstream.name()).into_iter().flatten() {
                if let Some(value) = body.pointer(pointer) {
                    found.push(format!("{whom}: {pointer} must not be there: {value}"));
                }
            }
        }
    });
}

fn check_answer(found: &mut Vec<String>, answer: &Answer, client: Protocol, seen: &View) {
    let mut need = |what: &str, holds: bool, seen: &dyn std::fmt::Debug| {
        if !holds {
            found.push(format!("{client}: {what} is {seen:?}"));
        }
    };
    // Messages has no part for a refusal: it is text there, or the details of the stop reason.
    let refusal = answer.refusal.as_deref().unwrap_or_default();
    let as_text = (client == Protocol::Messages && seen.refusal.is_empty() && !refusal.is_empty())
        .then(|| seen.text.strip_suffix(refusal))
        .flatten();
    let (seen_text, seen_refusal) = match as_text {
        Some(text) => (text, refusal),
        None => (seen.text.as_str(), seen.refusal.as_str()),
    };
    if let Some(text) = &answer.text {
        need("text", seen_text == text, &seen_text);
    }
    need("refusal", seen_refusal == refusal, &seen_refusal);
    if let Some(reasoning) = &answer.reasoning {
        need("reasoning", seen.reasoning == *reasoning, &seen.reasoning);
    }
    if let Some(tools) = &answer.tools {
        let expected: Vec<(String, String)> = tools
            .iter()
            .map(|tool| tool.split_once(' ').expect("a name, a space, the input"))
            .map(|(name, input)| (name.to_owned(), view::compact(input)))
            .collect();
        need("tools", seen.tools == expected, &seen.tools);
    }
    if let Some(searches) = &answer.searches
        && client != Protocol::Chat
    {
        need("searches", seen.searches == *searches, &seen.searches);
    }
    if let Some(cited) = &answer.cited {
        need("cited", seen.cited == *cited, &seen.cited);
    }
    if let Some(stop) = answer.stop.get(client.name()) {
        need("stop", seen.stop.as_ref() == Some(stop), &seen.stop);
    }
    let usage = seen.usage.unwrap_or_default();
    let mut count = |what: &str, expected: Option<u64>, seen: u64| {
        need(
            what,
            expected.is_none_or(|expected| expected == seen),
            &seen,
        );
    };
    count("input", answer.input, usage.input);
    count("output", answer.output, usage.output);
    count("cached", answer.cached, usage.cached);
    if client != Protocol::Messages {
        count("reasoning tokens", answer.reasoning_tokens, usage.reasoning);
    }
}

#[test]
fn streams_tell_what_their_cases_say() {
    for_each_case(&cases(Kind::Stream), |case, found| {
        let expect = &case.about.expect;
        if expect.answer.is_none() && expect.failure.is_none() {
            found.push("add [expect.answer] or [expect.failure]".to_owned());
        }
        for client in Protocol::ALL {
            let mut reply = (*drive::reply(case, client)).clone();
            reply.include_usage = true;
            let streamed = drive::stream_body(client, reply.into(), &case.upstream().body);
            if client != case.upstream().protocol {
                let expected = expect.reply_losses.get(client.name());
                check_losses(found, expected, &streamed.losses, client.name());
            }
            let error = match &streamed.refused {
                Some(failure) => Some(view::of_error(
                    client,
                    &encode_failure(client, failure, "req_1"),
                )),
                None => view::of_stream(client, &streamed.body).error,
            };
            if let Some(code) = expect.cannot_stream.get(client.name()) {
                if !error
                    .as_ref()
                    .is_some_and(|error| error.codes.contains(code))
                {
                    found.push(format!("{client}: {error:?}, not {code}"));
                }
                continue;
            }
            match (&expect.failure, error) {
                (None, None) => {}
                (None, Some(error)) => found.push(format!("{client}: {error:?}")),
                (Some(_), None) => found.push(format!("{client}: no error")),
                (Some(facts), Some(error)) => {
                    let message = facts.message.as_deref().unwrap_or_default();
                    let code = facts.code.get(client.name());
                    let coded = code.is_none_or(|code| error.codes.contains(code));
                    if !coded || !error.message.contains(message) {
                        found.push(format!("{client}: {error:?}"));
                    }
                }
            }
            if let (Some(answer), None) = (&expect.answer, &streamed.refused) {
                let seen = view::of_stream(client, &streamed.body);
                check_answer(found, answer, client, &seen);
            }
        }
    });
}

#[test]
fn answers_tell_what_their_cases_say() {
    for_each_case(&cases(Kind::Unary), |case, found| {
        let expect = &case.about.expect;
        for client in Protocol::ALL {
            let translated = match (drive::answer(case, client), &expect.failure) {
                (Ok(translated), None) => translated,
                (Err(ReplyError::Failure(failure)), Some(facts)) => {
                    let kind = format!("{:?}", failure.kind);
                    if facts
                        .kind
                        .as_ref()
                        .is_some_and(|expected| *expected != kind)
                    {
                        found.push(format!("{client}: {kind}"));
                    }
                    continue;
                }
                (Ok(_), Some(_)) => {
                    found.push(format!("{client}: taken for an answer"));
                    continue;
                }
                (Err(error), _) => {
                    found.push(format!("{client}: {error}"));
                    continue;
                }
            };
            if client != case.upstream().protocol {
                let expected = expect.reply_losses.get(client.name());
                check_losses(found, expected, &translated.losses, client.name());
                let facts = expect.client.get(client.name());
                check_facts(found, facts, &translated.body, client.name());
            }
            if let Some(answer) = &expect.answer {
                check_answer(
                    found,
                    answer,
                    client,
                    &view::of_json(client, &translated.body),
                );
            }
        }
    });
}

#[test]
fn errors_keep_what_their_cases_say() {
    for_each_case(&cases(Kind::Error), |case, found| {
        let sent = case.upstream();
        let status = case.about.status.expect("checked when it was loaded");
        let failure = decode_failure(sent.protocol, status, &sent.body);
        let facts = case.about.expect.failure.clone().unwrap_or_default();
        let kind = format!("{:?}", failure.kind);
        if facts.kind.as_ref().is_none_or(|expected| *expected != kind) {
            found.push(format!("kind is {kind}"));
        }
        if failure.http_status() != facts.status.unwrap_or(status) {
            found.push(format!("status is {}", failure.http_status()));
        }
        let message = facts.message.as_deref().unwrap_or_default();
        let codes: BTreeMap<_, _> = facts.code;
        for client in Protocol::ALL {
            let error = view::of_error(client, &encode_failure(client, &failure, "req_1"));
            let code = codes.get(client.name());
            let coded = code.is_none_or(|code| error.codes.contains(code));
            if !coded || !error.message.contains(message) {
                found.push(format!("{client}: {error:?}"));
            }
        }
    });
}
