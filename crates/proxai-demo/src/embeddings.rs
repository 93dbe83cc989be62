//! Small vectors that are made of the words of a text.
//!
//! Equal texts get equal vectors and texts that share words are near each other, which is enough
//! to try a search. They mean nothing beyond that.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use proxai_ir::{Failure, FailureKind};
use proxai_types::Protocol;
use serde_json::{Value, json};

use crate::DemoAnswer;
use crate::model::{self, Behaviour};

/// How many numbers a vector has if the request does not say.
const DIMENSIONS: usize = 16;
/// Most numbers of a vector.
const MAX_DIMENSIONS: u64 = 4096;
/// Most texts of one request.
const MAX_INPUTS: usize = 2048;

/// Answers an embeddings request.
pub fn embeddings(body: &[u8], id: &str) -> DemoAnswer {
    match embed(body) {
        Ok(body) => DemoAnswer {
            status: 200,
            content_type: "application/json",
            chunks: vec![Bytes::from(body.to_string())],
            pause: Duration::ZERO,
        },
        Err(failure) => DemoAnswer::failure(Protocol::Chat, &failure, id),
    }
}

fn embed(body: &[u8]) -> Result<Value, Failure> {
    let invalid = |message: String, param: &str| {
        Failure::new(FailureKind::InvalidRequest, message).with_param(param)
    };
    let request: Value = serde_json::from_slice(body).map_err(|error| {
        Failure::new(
            FailureKind::InvalidRequest,
            format!("the request body is not valid: {error}"),
        )
    })?;
    let model = request["model"].as_str().unwrap_or("demo");
    if let Behaviour::Fail(status) = Behaviour::of(model) {
        return Err(model::failure(status, model));
    }
    let dimensions = match &request["dimensions"] {
        Value::Null => DIMENSIONS,
        value => value
            .as_u64()
            .filter(|count| (1..=MAX_DIMENSIONS).contains(count))
            .and_then(|count| usize::try_from(count).ok())
            .ok_or_else(|| {
                invalid(
                    format!("dimensions must be 1 to {MAX_DIMENSIONS}"),
                    "dimensions",
                )
            })?,
    };
    let inputs = inputs(&request["input"]).ok_or_else(|| {
        invalid(
            "input must be a text, tokens, or a list of either".to_owned(),
            "input",
        )
    })?;
    if inputs.len() > MAX_INPUTS {
        return Err(invalid(
            format!("input has more than {MAX_INPUTS} texts"),
            "input",
        ));
    }
    let base64 = request["encoding_format"] == "base64";
    let data: Vec<Value> = inputs
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let vector = vector(text, dimensions);
            let embedding = if base64 {
                let bytes: Vec<u8> = vector
                    .iter()
                    .flat_map(|number| number.to_le_bytes())
                    .collect();
                json!(STANDARD.encode(bytes))
            } else {
                json!(vector)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let tokens: usize = inputs.iter().map(|text| text.len().div_ceil(4)).sum();
    Ok(json!({
        "object": "list",
        "data": data,
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens}
    }))
}

/// Texts; tokens are taken for words.
fn inputs(input: &Value) -> Option<Vec<String>> {
    let tokens = |list: &[Value]| {
        let words: Option<Vec<String>> = list
            .iter()
            .map(|token| Some(token.as_u64()?.to_string()))
            .collect();
        words.map(|words| words.join(" "))
    };
    match input {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Array(list) if list.is_empty() => None,
        Value::Array(list) if list[0].is_u64() => tokens(list).map(|text| vec![text]),
        Value::Array(list) => list
            .iter()
            .map(|one| match one {
                Value::String(text) => Some(text.clone()),
                Value::Array(list) => tokens(list),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

/// The sum of its words' vectors, of length one.
fn vector(text: &str, dimensions: usize) -> Vec<f32> {
    let text = text.to_lowercase();
    let mut words: Vec<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
    words.retain(|word| !word.is_empty());
    if words.is_empty() {
        words.push("");
    }
    let mut vector = vec![0.0_f32; dimensions];
    for word in words {
        let mut state = hash(word);
        for number in &mut vector {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let high = u16::try_from(state >> 48).unwrap_or_default();
            *number += f32::from(high) / f32::from(u16::MAX) - 0.5;
        }
    }
    let length = vector
        .iter()
        .map(|number| number * number)
        .sum::<f32>()
        .sqrt();
    if length > 0.0 {
        for number in &mut vector {
            *number /= length;
        }
    }
    vector
}

/// FNV-1a: the same on every machine and in every build.
fn hash(word: &str) -> u64 {
    word.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(body: &Value) -> (u16, Value) {
        let answer = embeddings(body.to_string().as_bytes(), "1");
        let body = serde_json::from_slice(&answer.chunks.concat()).unwrap();
        (answer.status, body)
    }

    fn nearness(one: &str, other: &str) -> f32 {
        let (one, other) = (vector(one, 64), vector(other, 64));
        one.iter().zip(&other).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn texts_that_share_words_are_near_and_all_have_length_one() {
        assert!((nearness("a red boat", "A red boat!") - 1.0).abs() < 1e-4);
        assert!(nearness("a red boat", "the red boat") > nearness("a red boat", "tax law reform"));
        assert!((nearness("", "") - 1.0).abs() < 1e-4);
    }

    #[test]
    fn every_form_of_input_is_answered_in_order() {
        for (input, count) in [
            (json!("one"), 1),
            (json!(["one", "two"]), 2),
            (json!([1, 2, 3]), 1),
            (json!([[1, 2], [3]]), 2),
        ] {
            let (status, body) = ask(&json!({"model": "demo", "input": input}));
            assert_eq!(status, 200, "{body}");
            assert_eq!(body["data"].as_array().unwrap().len(), count);
            assert_eq!(body["data"][count - 1]["index"], count - 1);
            assert_eq!(
                body["data"][0]["embedding"].as_array().unwrap().len(),
                DIMENSIONS
            );
        }
    }

    #[test]
    fn base64_holds_the_same_numbers() {
        let (_, plain) = ask(&json!({"input": "sea", "dimensions": 4}));
        let (_, packed) =
            ask(&json!({"input": "sea", "dimensions": 4, "encoding_format": "base64"}));
        let bytes = STANDARD
            .decode(packed["data"][0]["embedding"].as_str().unwrap())
            .unwrap();
        let numbers: Vec<Value> = bytes
            .chunks_exact(4)
            .map(|four| json!(f32::from_le_bytes(four.try_into().unwrap())))
            .collect();
        assert_eq!(plain["data"][0]["embedding"], json!(numbers));
    }

    #[test]
    fn a_wrong_request_names_its_parameter() {
        for (body, param) in [
            (json!({"input": {}}), "input"),
            (json!({"input": []}), "input"),
            (json!({"input": "a", "dimensions": 0}), "dimensions"),
        ] {
            let (status, answer) = ask(&body);
            assert_eq!((status, &answer["error"]["param"]), (400, &json!(param)));
        }
        assert_eq!(
            ask(&json!({"input": "a", "model": "demo/error-429"})).0,
            429
        );
    }
}
