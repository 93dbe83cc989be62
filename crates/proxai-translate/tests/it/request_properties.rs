//! What holds for every request of `fixtures/`, whatever it asks.

use std::collections::BTreeMap;

use proxai_testkit::fixtures::{Case, Kind, Sent, cases};
use proxai_testkit::mutate;
use proxai_translate::fuzzing::{is_prefix, resolve};
use proxai_translate::ir::{LossKind, Losses};
use proxai_translate::{Abilities, Target, adapter};
use proxai_types::Protocol;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::{drive, for_each_case};

/// Requests of every kind of case that has one.
fn with_requests() -> Vec<Case> {
    Kind::ALL
        .into_iter()
        .flat_map(cases)
        .filter(|case| case.request.is_some())
        .collect()
}

#[test]
fn losses_name_what_the_client_sent() {
    for_each_case(&with_requests(), |case, found| {
        let sent = case.request();
        let body: Value = serde_json::from_slice(&sent.body).expect("a fixture is JSON");
        for upstream in Protocol::ALL {
            let Ok(prepared) = drive::request(sent, upstream, &drive::target(case)) else {
                continue;
            };
            for loss in &prepared.losses {
                if loss.kind != LossKind::Defaulted && resolve(&body, &loss.path).is_none() {
                    found.push(format!("to {upstream}: {loss}"));
                }
            }
        }
    });
}

#[test]
fn the_same_request_gives_the_same_bytes() {
    for_each_case(&with_requests(), |case, found| {
        for upstream in Protocol::ALL {
            let body = || {
                let prepared = drive::request(case.request(), upstream, &drive::target(case));
                prepared
                    .map(|prepared| prepared.body)
                    .map_err(|error| error.to_string())
            };
            if body() != body() {
                found.push(format!("to {upstream}"));
            }
        }
    });
}

/// A request of its own protocol, read and written again, loses nothing more the second time.
#[test]
fn writing_what_was_written_changes_nothing() {
    let mut target = Target::new(drive::UPSTREAM_MODEL, drive::ISSUER);
    target.abilities = Abilities {
        custom_tools: true,
        max_completion_tokens: true,
        developer_role: true,
        reasoning_echo: true,
        system_turns: true,
        ..Abilities::default()
    };
    for_each_case(&with_requests(), |case, found| {
        let sent = case.request();
        let own = adapter(sent.protocol);
        let write = |body: &[u8]| {
            let mut losses = Losses::new();
            let request = own.decode_request(body, &mut losses)?;
            let mut out = Vec::new();
            own.encode_request(&request, &target, &mut losses, &mut out)?;
            Ok::<_, proxai_translate::RequestError>((out, format!("{:?}", request.turns)))
        };
        let Ok((once, _)) = write(&sent.body) else {
            return;
        };
        let (twice, turns) = write(&once).unwrap_or_else(|error| panic!("{error}"));
        if once != twice {
            let text = |body: &[u8]| String::from_utf8_lossy(body).into_owned();
            found.push(format!(
                "\n  once  {}\n  twice {}",
                text(&once),
                text(&twice)
            ));
        }
        let (_, again) = write(&twice).unwrap_or_else(|error| panic!("{error}"));
        if turns != again {
            found.push(format!("\n  {turns}\n  {again}"));
        }
    });
}

#[test]
fn a_cut_or_damaged_request_never_panics() {
    for_each_case(&with_requests(), |case, found| {
        let sent = case.request();
        let cut = sent.body.trim_ascii_end().len();
        for end in (0..cut).step_by(if cut > 2048 { 11 } else { 1 }) {
            let decoded =
                adapter(sent.protocol).decode_request(&sent.body[..end], &mut Losses::new());
            if decoded.is_ok() {
                found.push(format!("cut at {end} is taken for a request"));
            }
        }
        let mut random = mutate::Rng::new(11);
        for _ in 0..25 {
            let body = mutate::mutate(&sent.body, &[], &mut random);
            let damaged = Sent {
                body,
                ..sent.clone()
            };
            for upstream in Protocol::ALL {
                drop(drive::request(&damaged, upstream, &drive::target(case)));
            }
        }
    });
}

type Body<'b> = BTreeMap<&'b str, &'b RawValue>;

/// The conversation of a body, by where its protocol keeps it.
const fn conversation(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Chat | Protocol::Messages => "messages",
        Protocol::Responses => "input",
    }
}

/// Whether the model wrote this message or item.
fn by_the_model(item: &RawValue) -> bool {
    let item: Value = serde_json::from_str(item.get()).expect("a fixture is JSON");
    let kind = item["type"].as_str().unwrap_or("message");
    match kind {
        "message" => item["role"] == "assistant",
        "reasoning" => true,
        _ => kind.ends_with("_call"),
    }
}

/// The bodies a client would have sent before each answer of the model.
fn histories(sent: &Sent) -> Vec<Vec<u8>> {
    let body: Body<'_> = serde_json::from_slice(&sent.body).expect("a fixture is an object");
    let member = conversation(sent.protocol);
    let Some(Ok(items)) = body
        .get(member)
        .map(|list| serde_json::from_str::<Vec<&RawValue>>(list.get()))
    else {
        return Vec::new();
    };
    let ends =
        (1..items.len()).filter(|end| by_the_model(items[*end]) && !by_the_model(items[end - 1]));
    let mut bodies: Vec<Vec<u8>> = ends
        .map(|end| {
            let shorter = serde_json::value::to_raw_value(&items[..end]).expect("it was JSON");
            let mut body: BTreeMap<&str, &RawValue> = body.clone();
            body.insert(member, &shorter);
            serde_json::to_vec(&body).expect("it was JSON")
        })
        .collect();
    bodies.push(sent.body.clone());
    bodies
}

/// T5: what was sent for a shorter history is the beginning of what is sent for a longer one.
#[test]
fn longer_histories_begin_with_the_bytes_of_shorter_ones() {
    let compared = std::cell::Cell::new(0);
    for_each_case(&with_requests(), |case, found| {
        let sent = case.request();
        for upstream in Protocol::ALL {
            let mut shorter: Option<Vec<u8>> = None;
            for body in histories(sent) {
                let history = Sent {
                    body,
                    ..sent.clone()
                };
                let Ok(prepared) = drive::request(&history, upstream, &drive::target(case)) else {
                    break;
                };
                if let Some(shorter) = &shorter {
                    compared.set(compared.get() + 1);
                    if let Err(difference) = is_prefix(upstream, shorter, &prepared.body) {
                        found.push(format!("to {upstream}, {difference}"));
                    }
                }
                shorter = Some(prepared.body);
            }
        }
    });
    assert!(compared.get() > 30, "only {} comparisons", compared.get());
}
