//! Every shape of P9, and what holds for all of them.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use proptest::prelude::*;
use proptest::sample::select;
use proxai_providers::embeddings::{
    EmbeddingError, EmbeddingRequestFacts, EncodingFormat, conform,
};
use serde_json::{Value, json};

fn facts(inputs: usize) -> EmbeddingRequestFacts {
    EmbeddingRequestFacts {
        model: "house".to_owned(),
        inputs: Some(inputs),
        estimated_tokens: 5,
        ..EmbeddingRequestFacts::default()
    }
}

/// What becomes of a body, which is then left alone.
#[track_caller]
fn conformed(body: &str, facts: &EmbeddingRequestFacts) -> String {
    let once = conform(body.as_bytes(), facts).unwrap_or_else(|error| panic!("{body}: {error}"));
    let again = conform(&once, facts).unwrap();
    assert!(matches!(again, Cow::Borrowed(_)), "changed again: {body}");
    String::from_utf8(once.into_owned()).unwrap()
}

const ONE: &str = r#"[{"object":"embedding","index":0,"embedding":[0.10,-2e-3]}]"#;
const TWO: &str = r#"[{"object":"embedding","index":0,"embedding":[0.10,-2e-3]},{"object":"embedding","index":1,"embedding":[3,4.0]}]"#;
const REST: &str =
    r#""object":"list","model":"house","usage":{"prompt_tokens":5,"total_tokens":5}"#;

#[track_caller]
fn check_object(body: &str, data: &str) {
    let inputs = if data == ONE { 1 } else { 2 };
    let expected = format!(r#"{{"data":{data},{REST}}}"#);
    assert_eq!(conformed(body, &facts(inputs)), expected);
}

#[track_caller]
fn check_bare(body: &str, data: &str) {
    let inputs = if data == ONE { 1 } else { 2 };
    let expected = format!(
        r#"{{"object":"list","data":{data},"model":"house","usage":{{"prompt_tokens":5,"total_tokens":5}}}}"#
    );
    assert_eq!(conformed(body, &facts(inputs)), expected);
}

#[test]
fn a_conformant_body_is_untouched() {
    for body in [
        r#" { "object" : "list", "x":[1.0], "data":[ {"object":"embedding","index":0,"embedding":[ 1.50, 2E+1 ],"y":null} ], "model":"e", "usage":{"prompt_tokens":1,"total_tokens":1,"z":{}} } "#,
        r#"{"object":"list","data":[],"model":"e","usage":{"prompt_tokens":0,"total_tokens":0}}"#,
        "\u{feff}{\"object\":\"list\",\"data\":[],\"model\":\"e\",\"usage\":{\"prompt_tokens\":0,\"total_tokens\":0}}",
    ] {
        let out = conform(body.as_bytes(), &facts(1)).unwrap();
        assert!(matches!(out, Cow::Borrowed(_)), "{body}");
        assert_eq!(&*out, body.as_bytes());
    }
}

#[test]
fn flat_data_is_one_embedding() {
    check_object(r#"{"data":[0.10,-2e-3]}"#, ONE);
}

#[test]
fn lists_in_data_are_embeddings() {
    check_object(r#"{"data":[[0.10,-2e-3],[3,4.0]]}"#, TWO);
    check_object(r#"{"data":[[0.10,-2e-3]]}"#, ONE);
}

#[test]
fn a_top_level_embedding_is_one() {
    check_object(r#"{"embedding":[0.10,-2e-3]}"#, ONE);
    check_object(r#"{"embedding":[[0.10,-2e-3]]}"#, ONE);
    check_object(r#"{"data":{"embedding":[0.10,-2e-3]}}"#, ONE);
}

#[test]
fn top_level_embeddings_are_embeddings() {
    check_object(r#"{"embeddings":[[0.10,-2e-3],[3,4.0]]}"#, TWO);
    check_object(
        r#"{"embeddings":[{"embedding":[0.10,-2e-3]},{"embedding":[3,4.0]}]}"#,
        &TWO.replace(r#""object":"embedding","index":0,"#, "")
            .replace(r#""object":"embedding","index":1,"#, "")
            .replace("]},", r#"],"object":"embedding","index":0},"#)
            .replace("]}]", r#"],"object":"embedding","index":1}]"#),
    );
    let null = conformed(r#"{"data":null,"embeddings":[[1]]}"#, &facts(1));
    let value: Value = serde_json::from_str(&null).unwrap();
    assert_eq!(value["data"][0]["embedding"], json!([1]));
}

#[test]
fn bare_lists_are_wrapped() {
    check_bare(" [0.10,-2e-3] ", ONE);
    check_bare("[[0.10,-2e-3],[3,4.0]]", TWO);
    check_bare(ONE, ONE);
    check_bare(TWO, TWO);
}

#[test]
fn nested_lists_of_one_are_unwrapped() {
    check_bare("[[[0.10,-2e-3]]]", ONE);
    check_bare(
        r#"[{"object":"embedding","index":0,"embedding":[[0.10,-2e-3]]}]"#,
        ONE,
    );
    check_object(
        r#"{"data":[{"object":"embedding","index":0,"embedding":[[0.10,-2e-3]]}]}"#,
        ONE,
    );
}

#[test]
fn missing_object_index_model_and_usage_are_added_and_all_else_stays() {
    let body = r#"{ "id":"z", "data":[ {"embedding":[1.0],"extra":1e0}, {"embedding":[2],"index":null} ],"model":null }"#;
    assert_eq!(
        conformed(body, &facts(2)),
        r#"{ "id":"z", "data":[ {"embedding":[1.0],"extra":1e0,"object":"embedding","index":0}, {"embedding":[2],"index":1,"object":"embedding"} ],"model":"house","object":"list","usage":{"prompt_tokens":5,"total_tokens":5} }"#
    );
    let order = r#"{"object":"list","model":"e","data":[{"index":1,"embedding":[1]},{"index":0,"embedding":[2]}],"usage":{"total_tokens":9}}"#;
    assert_eq!(
        conformed(order, &facts(2)),
        r#"{"object":"list","model":"e","data":[{"index":1,"embedding":[1],"object":"embedding"},{"index":0,"embedding":[2],"object":"embedding"}],"usage":{"total_tokens":9,"prompt_tokens":9}}"#
    );
}

#[test]
fn counts_of_a_native_answer_become_usage() {
    let body = r#"{"model":"e","embeddings":[[1]],"total_duration":12,"prompt_eval_count":8}"#;
    assert_eq!(
        conformed(body, &facts(1)),
        r#"{"model":"e","data":[{"object":"embedding","index":0,"embedding":[1]}],"total_duration":12,"prompt_eval_count":8,"object":"list","usage":{"prompt_tokens":8,"total_tokens":8}}"#
    );
}

#[test]
fn base64_is_kept_or_converted_to_match_the_request() {
    let floats = [0.1_f32, -2.5];
    let bytes: Vec<u8> = floats
        .iter()
        .flat_map(|float| float.to_le_bytes())
        .collect();
    let whole = |embedding: &str| {
        format!(
            r#"{{"object":"list","data":[{{"object":"embedding","index":0,"embedding":{embedding}}}],"model":"e","usage":{{"prompt_tokens":1,"total_tokens":1}}}}"#
        )
    };
    let numbers = whole("[0.1,-2.5]");
    let padded = whole(&format!("{:?}", STANDARD.encode(&bytes)));
    let bare = whole(&format!("{:?}", STANDARD_NO_PAD.encode(&bytes)));
    let want = |encoding_format| EmbeddingRequestFacts {
        encoding_format,
        ..facts(1)
    };
    for (body, format, expected) in [
        (&numbers, EncodingFormat::Float, &numbers),
        (&padded, EncodingFormat::Float, &numbers),
        (&bare, EncodingFormat::Float, &numbers),
        (&numbers, EncodingFormat::Base64, &padded),
        (&padded, EncodingFormat::Base64, &padded),
        (&bare, EncodingFormat::Base64, &bare),
        (&numbers, EncodingFormat::Other, &numbers),
        (&padded, EncodingFormat::Other, &padded),
    ] {
        assert_eq!(&conformed(body, &want(format)), expected, "{format:?}");
    }
    let flat = conformed("[0.1,-2.5]", &want(EncodingFormat::Base64));
    assert!(flat.contains(&STANDARD.encode(&bytes)), "{flat}");
    for embedding in ["\"not base64!\"", "\"AAA=\"", "\"AADAfw==\""] {
        let body = whole(embedding);
        let error = conform(body.as_bytes(), &want(EncodingFormat::Float));
        assert!(
            matches!(error, Err(EmbeddingError::NotAVector { .. })),
            "{embedding}"
        );
    }
}

#[test]
fn vectors_that_do_not_match_the_inputs_are_an_error() {
    for (body, inputs, found) in [
        ("[[1],[2],[3]]", 2, 3),
        (r#"{"data":[1,2]}"#, 2, 1),
        (r#"{"data":[{"embedding":[[1],[2],[3]]}]}"#, 1, 3),
        (r#"{"embeddings":[[]]}"#, 1, 0),
    ] {
        assert_eq!(
            conform(body.as_bytes(), &facts(inputs)),
            Err(EmbeddingError::Count {
                expected: inputs,
                found
            }),
            "{body}"
        );
    }
}

#[test]
fn what_holds_no_vectors_is_an_error() {
    for body in [
        "",
        "{}",
        "7",
        "[1]x",
        "[1",
        r#"{"error":{"message":"no"}}"#,
        r#"{"data":null}"#,
        r#"{"data":true}"#,
        r#"{"data":[{"embedding":[1,null]}]}"#,
        r#"{"data":[{"text":"a"}]}"#,
        r#"{"data":[1,[2]]}"#,
    ] {
        assert!(conform(body.as_bytes(), &facts(1)).is_err(), "{body}");
    }
    let deep = format!("{}1{}", "[".repeat(20), "]".repeat(20));
    assert!(conform(deep.as_bytes(), &facts(1)).is_err());
}

#[test]
fn a_request_tells_format_model_inputs_and_size() {
    for (input, inputs, estimated_tokens) in [
        (r#""seven b""#, Some(1), 2),
        (r#"["one","two x"]"#, Some(2), 3),
        ("[1,2,3]", Some(1), 3),
        ("[[1,2,3],[4]]", Some(2), 4),
        ("[]", Some(0), 0),
        ("{}", None, 0),
    ] {
        let body = format!(r#"{{"input":{input},"model":"a\"b","encoding_format":"base64"}}"#);
        let facts = EmbeddingRequestFacts::read(body.as_bytes());
        let expected = EmbeddingRequestFacts {
            encoding_format: EncodingFormat::Base64,
            model: "a\"b".to_owned(),
            inputs,
            estimated_tokens,
        };
        assert_eq!(facts, expected, "{input}");
    }
    let read = |body: &str| EmbeddingRequestFacts::read(body.as_bytes());
    assert_eq!(read("{}").encoding_format, EncodingFormat::Float);
    assert_eq!(
        read(r#"{"encoding_format":"int8"}"#).encoding_format,
        EncodingFormat::Other
    );
    assert_eq!(read("no"), EmbeddingRequestFacts::default());
}

/// A number in one of the spellings that JSON has for it.
fn number() -> impl Strategy<Value = String> {
    (any::<i16>(), 0_u8..4).prop_map(|(value, spelling)| match spelling {
        0 => format!("{value}"),
        1 => format!("{value}.50"),
        2 => format!("{value}e-3"),
        _ => format!("{value}.0E+01"),
    })
}

fn vectors() -> impl Strategy<Value = Vec<String>> {
    let vector = prop::collection::vec(number(), 1..5)
        .prop_map(|numbers| format!("[{}]", numbers.join(" ,")));
    prop::collection::vec(vector, 1..4)
}

/// The shapes that can hold any number of vectors.
const SHAPES: [fn(&[String]) -> String; 6] = [
    |vectors| format!("[{}]", vectors.join(",")),
    |vectors| format!(r#"{{"data":[{}]}}"#, vectors.join(",")),
    |vectors| format!(r#"{{"embeddings": [ {} ] }}"#, vectors.join(" , ")),
    |vectors| format!(r#"{{"embedding":[{}]}}"#, vectors.join(",")),
    |vectors| {
        let items = vectors
            .iter()
            .map(|vector| format!(r#"{{"embedding":{vector}}}"#));
        format!(r#"{{"data":[{}]}}"#, items.collect::<Vec<_>>().join(","))
    },
    |vectors| {
        let items = vectors
            .iter()
            .map(|vector| format!(r#"{{"embedding":[{vector}]}}"#));
        format!("[{}]", items.collect::<Vec<_>>().join(","))
    },
];

proptest! {
    #[test]
    fn every_shape_of_the_same_vectors_becomes_the_same_answer(vectors in vectors()) {
        let mut seen: Vec<Value> = Vec::new();
        for shape in SHAPES {
            let out = conformed(&shape(&vectors), &facts(vectors.len()));
            for vector in &vectors {
                prop_assert!(out.contains(vector.as_str()), "{out} has not {vector}");
            }
            seen.push(serde_json::from_str(&out).unwrap());
        }
        for other in &seen[1..] {
            prop_assert_eq!(other, &seen[0]);
        }
    }

    #[test]
    fn floats_survive_base64_and_back(
        floats in prop::collection::vec(any::<f32>().prop_filter("finite", |f| f.is_finite()), 1..9),
    ) {
        let bytes: Vec<u8> = floats.iter().flat_map(|float| float.to_le_bytes()).collect();
        let text = format!(r#"{{"embedding":"{}"}}"#, STANDARD.encode(&bytes));
        let numbers = conformed(&text, &facts(1));
        let want = EmbeddingRequestFacts { encoding_format: EncodingFormat::Base64, ..facts(1) };
        let back: Value = serde_json::from_str(&conformed(&numbers, &want)).unwrap();
        let embedding = back["data"][0]["embedding"].as_str().unwrap();
        prop_assert_eq!(STANDARD.decode(embedding).unwrap(), bytes);
    }

    #[test]
    fn no_body_makes_it_panic_and_json_stays_json(
        pieces in prop::collection::vec(select(vec![
            "{", "}", "[", "]", ",", ":", "1", "-2.5", "null", "true", "\"AAAA\"", "\"data\"",
            "\"embedding\"", "\"embeddings\"", "\"index\"", "\"usage\"", "\"object\"", " ",
        ]), 0..24),
        inputs in 0_usize..3,
    ) {
        let body = pieces.concat();
        let is_json = |body: &[u8]| serde_json::from_slice::<Value>(body).is_ok();
        if let Ok(out) = conform(body.as_bytes(), &facts(inputs)) {
            prop_assert!(is_json(&out) || !is_json(body.as_bytes()), "{}", String::from_utf8_lossy(&out));
        }
        EmbeddingRequestFacts::read(body.as_bytes());
    }
}
