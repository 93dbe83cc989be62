//! Just enough of JSON Schema to hold a configuration against the shipped schema.
//!
//! A keyword that it does not know is a panic: a check that is passed over would be none.

use serde_json::{Map, Value};

/// What is wrong with a value, with the place of each.
pub(crate) fn problems(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, schema, value, "", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let schema = match schema {
        Value::Bool(true) => return,
        Value::Bool(false) => return found.push(format!("{at}: nothing may be here")),
        Value::Object(schema) => schema,
        other => panic!("{other} is no schema"),
    };
    for (keyword, rule) in schema {
        match keyword.as_str() {
            "$ref" => {
                let pointer = rule
                    .as_str()
                    .and_then(|path| path.strip_prefix('#'))
                    .unwrap();
                check(root, root.pointer(pointer).unwrap(), value, at, found);
            }
            "type" => {
                let kinds = rule
                    .as_array()
                    .cloned()
                    .unwrap_or_else(|| vec![rule.clone()]);
                if !kinds.iter().any(|kind| is(kind.as_str().unwrap(), value)) {
                    found.push(format!("{at}: {value} is not {rule}"));
                }
            }
            "const" if rule != value => found.push(format!("{at}: {value} is not {rule}")),
            "enum" if !rule.as_array().unwrap().contains(value) => {
                found.push(format!("{at}: {value} is none of {rule}"));
            }
            "anyOf" | "oneOf" => choice(root, keyword, rule, value, at, found),
            "required" => {
                for name in rule.as_array().unwrap() {
                    let name = name.as_str().unwrap();
                    if value
                        .as_object()
                        .is_some_and(|table| !table.contains_key(name))
                    {
                        found.push(format!("{at}: `{name}` is missing"));
                    }
                }
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    check(root, rule, item, &format!("{at}[{index}]"), found);
                }
            }
            "minimum" => {
                if value
                    .as_f64()
                    .is_some_and(|number| number < rule.as_f64().unwrap())
                {
                    found.push(format!("{at}: {value} is below {rule}"));
                }
            }
            "maximum" => {
                if value
                    .as_f64()
                    .is_some_and(|number| number > rule.as_f64().unwrap())
                {
                    found.push(format!("{at}: {value} is above {rule}"));
                }
            }
            "const"
            | "enum"
            | "properties"
            | "additionalProperties"
            | "$schema"
            | "$defs"
            | "title"
            | "description"
            | "default"
            | "format" => {}
            other => panic!("{at}: the keyword `{other}` is not checked here"),
        }
    }
    if let Some(table) = value.as_object() {
        properties(root, schema, table, at, found);
    }
}

fn properties(
    root: &Value,
    schema: &Map<String, Value>,
    table: &Map<String, Value>,
    at: &str,
    found: &mut Vec<String>,
) {
    let known = schema.get("properties").and_then(Value::as_object);
    for (key, value) in table {
        let place = format!("{at}.{key}");
        let described = known.and_then(|known| known.get(key));
        if let Some(rule) = described.or_else(|| schema.get("additionalProperties")) {
            check(root, rule, value, &place, found);
        }
    }
}

fn choice(
    root: &Value,
    keyword: &str,
    rule: &Value,
    value: &Value,
    at: &str,
    found: &mut Vec<String>,
) {
    let ways: Vec<Vec<String>> = rule
        .as_array()
        .unwrap()
        .iter()
        .map(|way| {
            let mut inside = Vec::new();
            check(root, way, value, at, &mut inside);
            inside
        })
        .collect();
    let fitting = ways.iter().filter(|inside| inside.is_empty()).count();
    if fitting == 0 {
        // The way that came furthest says best what is meant.
        let deepest = ways.into_iter().max_by_key(|inside| {
            let depth = |problem: &String| problem.split(": ").next().map_or(0, str::len);
            inside.iter().map(depth).max()
        });
        found.extend(deepest.unwrap_or_default());
    } else if keyword == "oneOf" && fitting > 1 {
        found.push(format!("{at}: {value} fits {fitting} ways"));
    }
}

fn is(kind: &str, value: &Value) -> bool {
    match kind {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        "null" => value.is_null(),
        other => panic!("`{other}` is no type"),
    }
}
