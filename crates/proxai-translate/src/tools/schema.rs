//! What upstreams demand of a function's schema (cases 53 and 54).
//!
//! Nothing is ever taken out of a schema: a member that is missing is written before the client's
//! own bytes, which stay as they are (T5). Only a demand to bind the sampler can be withdrawn,
//! never made.

use std::borrow::Cow;

use proxai_json::RawValue;
use serde_json::Value;

/// How deep a schema is looked into; a deeper one is taken not to fit.
const MAX_DEPTH: usize = 64;

proxai_json::wire! {
    /// The two members that matter.
    pub struct Outline<'a> {
        /// What the schema describes.
        pub kind: Option<&'a RawValue> = "type",
        /// What it lists.
        pub properties: Option<&'a RawValue> = "properties",
    }
}

/// The schema as an object that says so and lists its properties. What is no object is left to
/// whoever reads it.
pub(crate) fn completed(schema: &str) -> Cow<'_, str> {
    let whole = || Cow::Borrowed(schema);
    let Ok(outline) = serde_json::from_str::<Outline<'_>>(schema) else {
        return whole();
    };
    let Some(rest) = schema.trim_start().strip_prefix('{') else {
        return whole();
    };
    let missing = match (outline.kind, outline.properties) {
        (Some(_), Some(_)) => return whole(),
        (None, Some(_)) => r#""type":"object""#,
        (Some(_), None) => r#""properties":{}"#,
        (None, None) => r#""type":"object","properties":{}"#,
    };
    let comma = if rest.trim_start().starts_with('}') {
        ""
    } else {
        ","
    };
    Cow::Owned(format!("{{{missing}{comma}{rest}"))
}

/// Whether the schema can bind the sampler everywhere: each object in it forbids other members and
/// requires all that it lists, as OpenAI demands of strict functions (checked 2026-11-21).
pub(super) fn binds(schema: Option<&RawValue>) -> bool {
    // A function without parameters is written without `additionalProperties`.
    let text = schema.map_or("", RawValue::get);
    serde_json::from_str(text).is_ok_and(|schema: Value| is_closed(&schema, 0))
}

fn is_closed(schema: &Value, depth: usize) -> bool {
    if depth > MAX_DEPTH {
        return false;
    }
    let Value::Object(members) = schema else {
        return true;
    };
    let properties = members.get("properties").and_then(Value::as_object);
    let is_object = match members.get("type") {
        Some(Value::String(kind)) => kind == "object",
        Some(Value::Array(kinds)) => kinds.iter().any(|kind| kind == "object"),
        _ => depth == 0 && !members.contains_key("$ref"),
    };
    if is_object || properties.is_some() {
        let required = members.get("required").and_then(Value::as_array);
        let mut names = properties.into_iter().flat_map(serde_json::Map::keys);
        let all = names.all(|name| required.is_some_and(|list| list.iter().any(|r| r == name)));
        if !all || members.get("additionalProperties") != Some(&Value::Bool(false)) {
            return false;
        }
    }
    let by_name = ["properties", "$defs", "definitions"];
    let inner = by_name
        .iter()
        .filter_map(|member| members.get(*member)?.as_object())
        .flat_map(serde_json::Map::values)
        .chain(members.get("items"))
        .chain(
            ["anyOf", "oneOf", "allOf"]
                .iter()
                .filter_map(|member| members.get(*member)?.as_array())
                .flatten(),
        );
    inner.into_iter().all(|schema| is_closed(schema, depth + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_written_and_the_rest_stays_byte_for_byte() {
        for (given, sent) in [
            ("{}", r#"{"type":"object","properties":{}}"#),
            (" { } ", r#"{"type":"object","properties":{} } "#),
            (
                r#"{"type": "object"}"#,
                r#"{"properties":{},"type": "object"}"#,
            ),
            (
                r#"{ "properties":{"a":{"default":1.0}}}"#,
                r#"{"type":"object", "properties":{"a":{"default":1.0}}}"#,
            ),
            (
                r#"{"type":"object","properties":{}}"#,
                r#"{"type":"object","properties":{}}"#,
            ),
            ("true", "true"),
        ] {
            assert_eq!(completed(given), sent, "{given}");
        }
    }

    #[test]
    fn a_schema_binds_where_every_object_is_closed_and_requires_all() {
        let closed = |inner: &str| {
            format!(
                r#"{{"type":"object","properties":{{"a":{inner}}},"required":["a"],"additionalProperties":false}}"#
            )
        };
        let fits = |text: &str| binds(Some(serde_json::from_str(text).unwrap()));
        let flat = closed(r#"{"type":["string","null"]}"#);
        assert!(fits(&flat) && fits(&closed(&flat)));
        assert!(fits(&closed(&format!(
            r#"{{"anyOf":[{flat},{{"type":"null"}}]}}"#
        ))));
        for open in [
            r#"{"type":"object","properties":{}}"#.to_owned(),
            r#"{"type":"object","properties":{"a":{}},"additionalProperties":false}"#.to_owned(),
            r#"{"properties":{},"additionalProperties":true}"#.to_owned(),
            closed(r#"{"type":"object"}"#),
            closed(r#"{"type":"array","items":{"type":["object","null"]}}"#),
            closed(r#"{"anyOf":[{"type":"object","properties":{}}]}"#),
            flat.replace(
                r#""required""#,
                r#""$defs":{"d":{"type":"object"}},"required""#,
            ),
        ] {
            assert!(!fits(&open), "{open}");
        }
        assert!(!binds(None));
    }
}
