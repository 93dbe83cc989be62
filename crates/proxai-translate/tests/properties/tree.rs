//! Damage that leaves JSON valid: members go, come twice as elements, change places and kinds.
//!
//! Damage to bytes rarely gets past the parser; this is what gets past it.

use proxai_testkit::mutate::Rng;
use serde_json::{Value, json};

/// A body with one to four values changed; `None` if it is not JSON. Values come from `donor`.
pub(crate) fn damage(body: &[u8], donor: &[u8], rng: &mut Rng) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(body).ok()?;
    let donor = serde_json::from_slice(donor).unwrap_or(Value::Null);
    for _ in 0..=rng.below(4) {
        step(&mut value, &donor, rng);
    }
    serde_json::to_vec(&value).ok()
}

/// A stream with frames damaged, left out, repeated or moved, or cut off.
pub(crate) fn damage_stream(body: &[u8], donor: &[u8], rng: &mut Rng) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?;
    let mut frames: Vec<String> = text.split("\n\n").map(str::to_owned).collect();
    let donors: Vec<&str> = std::str::from_utf8(donor).ok()?.split("\n\n").collect();
    for _ in 0..=rng.below(3) {
        let (at, other) = (rng.below(frames.len()), rng.below(frames.len()));
        match rng.below(8) {
            0 => drop(frames.remove(at)),
            1 => frames.insert(other, frames[at].clone()),
            2 => frames.swap(at, other),
            3 => frames.truncate(at.max(1)),
            4 => frames.insert(at, (*rng.choose(&donors)?).to_owned()),
            _ => {
                let (head, data) = frames[at].split_once("data:")?;
                let mut value: Value = serde_json::from_str(data).ok()?;
                let donor = rng.choose(&donors)?.split_once("data:");
                let donor = donor.and_then(|(_, data)| serde_json::from_str(data).ok());
                step(&mut value, &donor.unwrap_or(Value::Null), rng);
                frames[at] = format!("{head}data: {value}");
            }
        }
        if frames.is_empty() {
            break;
        }
    }
    Some(frames.join("\n\n").into_bytes())
}

fn step(value: &mut Value, donor: &Value, rng: &mut Rng) {
    match value {
        Value::Object(members) if !members.is_empty() && rng.below(8) > 0 => {
            let index = rng.below(members.len());
            let key = members.keys().nth(index).cloned().unwrap_or_default();
            match rng.below(12) {
                0 => drop(members.remove(&key)),
                1 => drop(members.insert(key, Value::Null)),
                2 => {
                    let moved = members.remove(&key).unwrap_or_default();
                    members.insert(odd_text(rng), moved);
                }
                3 => {
                    if let Some(other) = node(donor, rng).as_object() {
                        members.extend(other.clone());
                    }
                }
                _ => step(&mut members[key.as_str()], donor, rng),
            }
        }
        Value::Array(list) if !list.is_empty() && rng.below(8) > 0 => {
            let (at, other) = (rng.below(list.len()), rng.below(list.len()));
            match rng.below(10) {
                0 => drop(list.remove(at)),
                1 => list.insert(other, list[at].clone()),
                2 => list.swap(at, other),
                3 => list.insert(at, node(donor, rng).clone()),
                _ => step(&mut list[at], donor, rng),
            }
        }
        _ => {
            *value = match rng.below(8) {
                0 => Value::Null,
                1 => json!([value.clone()]),
                2 => [
                    json!(-1),
                    json!(0),
                    json!(1.5),
                    json!(1e300),
                    json!(u64::MAX),
                ][rng.below(5)]
                .clone(),
                3 => json!(rng.below(2) == 0),
                4 => json!({}),
                5 => json!([]),
                6 => Value::from(odd_text(rng)),
                _ => node(donor, rng).clone(),
            };
        }
    }
}

/// A random part of a value.
fn node<'v>(value: &'v Value, rng: &mut Rng) -> &'v Value {
    let mut at = value;
    loop {
        let next = match at {
            Value::Object(members) => members.values().nth(rng.below(members.len() + 1)),
            Value::Array(list) => list.get(rng.below(list.len() + 1)),
            _ => None,
        };
        match next {
            Some(next) if rng.below(6) > 0 => at = next,
            _ => return at,
        }
    }
}

fn odd_text(rng: &mut Rng) -> String {
    let texts = [
        "",
        " ",
        "\n\n",
        "text",
        "tool",
        "\"",
        "\\u0000\u{0}",
        "\u{1f600}é\u{2028}",
        "functions.Bash:0",
        "{\"a\":1}",
        "[DONE]",
        "data: x\n\ndata: y",
        "proxai1.messages.x.y.z",
        "function_call",
        "tool_result",
        "thinking",
        "reasoning",
    ];
    if rng.below(12) == 0 {
        return "x".repeat(300);
    }
    texts[rng.below(texts.len())].to_owned()
}
