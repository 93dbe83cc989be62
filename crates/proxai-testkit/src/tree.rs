//! Damage that leaves JSON valid: members go, come twice as elements, change places and kinds.
//!
//! Damage to bytes rarely gets past the parser; this is what gets past it. Numbers and spellings
//! that `serde_json` does not keep are left to [`crate::mutate`].

use serde_json::{Value, json};

use crate::mutate::Rng;

/// Where new values come from.
#[derive(Clone, Copy, Debug)]
pub struct Source<'s> {
    /// Another input; parts of it are taken over.
    pub donor: &'s [u8],
    /// Names of members and kinds that the parsers know; may be empty.
    pub words: &'s [String],
}

struct Values<'s> {
    donor: Value,
    words: &'s [String],
}

/// A body with one to four values changed; `None` if it is not JSON.
pub fn damage(body: &[u8], source: Source<'_>, rng: &mut Rng) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(body).ok()?;
    let values = Values {
        donor: serde_json::from_slice(source.donor).unwrap_or(Value::Null),
        words: source.words,
    };
    for _ in 0..=rng.below(4) {
        step(&mut value, &values, rng);
    }
    serde_json::to_vec(&value).ok()
}

/// A stream with frames damaged, left out, repeated or moved, or cut off.
pub fn damage_stream(body: &[u8], source: Source<'_>, rng: &mut Rng) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(body).ok()?;
    let mut frames: Vec<String> = text.split("\n\n").map(str::to_owned).collect();
    let donors: Vec<&str> = std::str::from_utf8(source.donor)
        .ok()?
        .split("\n\n")
        .collect();
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
                let values = Values {
                    donor: donor.unwrap_or(Value::Null),
                    words: source.words,
                };
                step(&mut value, &values, rng);
                frames[at] = format!("{head}data: {value}");
            }
        }
        if frames.is_empty() {
            break;
        }
    }
    Some(frames.join("\n\n").into_bytes())
}

fn step(value: &mut Value, values: &Values<'_>, rng: &mut Rng) {
    match value {
        Value::Object(members) if !members.is_empty() && rng.below(8) > 0 => {
            let index = rng.below(members.len());
            let key = members.keys().nth(index).cloned().unwrap_or_default();
            match rng.below(13) {
                0 => drop(members.remove(&key)),
                1 => drop(members.insert(key, Value::Null)),
                2 => {
                    let moved = members.remove(&key).unwrap_or_default();
                    members.insert(word(values.words, rng), moved);
                }
                3 => {
                    if let Some(other) = node(&values.donor, rng).as_object() {
                        members.extend(other.clone());
                    }
                }
                4 => {
                    let value = node(&values.donor, rng).clone();
                    members.insert(word(values.words, rng), value);
                }
                _ => step(&mut members[key.as_str()], values, rng),
            }
        }
        Value::Array(list) if !list.is_empty() && rng.below(8) > 0 => {
            let (at, other) = (rng.below(list.len()), rng.below(list.len()));
            match rng.below(10) {
                0 => drop(list.remove(at)),
                1 => list.insert(other, list[at].clone()),
                2 => list.swap(at, other),
                3 => list.insert(at, node(&values.donor, rng).clone()),
                _ => step(&mut list[at], values, rng),
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
                6 => Value::from(word(values.words, rng)),
                _ => node(&values.donor, rng).clone(),
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

/// A known name, or an odd one.
fn word(words: &[String], rng: &mut Rng) -> String {
    match rng.choose(words) {
        Some(word) if rng.below(4) > 0 => word.clone(),
        _ => odd_text(rng),
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

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 2] = ["known_member", "known_kind"];

    #[test]
    fn damaged_bodies_stay_json_and_take_from_donor_and_words() {
        let words = WORDS.map(str::to_owned);
        let source = Source {
            donor: br#"{"from":["the donor"]}"#,
            words: &words,
        };
        let mut rng = Rng::new(3);
        let body = br#"{"a":{"b":[1,2,{"c":"d"}]},"e":true}"#;
        let mutants: Vec<String> = (0..500)
            .filter_map(|_| String::from_utf8(damage(body, source, &mut rng)?).ok())
            .collect();
        assert_eq!(mutants.len(), 500);
        for mutant in &mutants {
            assert!(serde_json::from_str::<Value>(mutant).is_ok(), "{mutant}");
        }
        for told in ["the donor", "known_member", "known_kind", "null"] {
            assert!(mutants.iter().any(|mutant| mutant.contains(told)), "{told}");
        }
    }

    #[test]
    fn damaged_streams_lose_repeat_and_change_frames() {
        let stream = b"data: {\"a\":1}\n\nevent: x\ndata: {\"b\":[2]}\n\ndata: {\"c\":3}\n\n";
        let source = Source {
            donor: b"data: {\"from\":\"donor\"}\n\n",
            words: &[],
        };
        let mut rng = Rng::new(5);
        let mutants: Vec<String> = (0..500)
            .filter_map(|_| String::from_utf8(damage_stream(stream, source, &mut rng)?).ok())
            .collect();
        let count = |mutant: &String, what: &str| mutant.matches(what).count();
        assert!(mutants.iter().any(|mutant| count(mutant, "\"a\"") == 2));
        assert!(mutants.iter().any(|mutant| count(mutant, "\"c\"") == 0));
        assert!(mutants.iter().any(|mutant| count(mutant, "donor") > 0));
    }
}
