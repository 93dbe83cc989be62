//! Makes a value that fits a JSON schema.
//!
//! Not a solver: it reads what schemas of tools and answers really use, and for anything else
//! gives a value of the right type. Text comes from what the user said where the schema leaves it
//! free, so that asking for the weather in Oslo calls the tool with Oslo.

use serde_json::{Map, Value, json};

/// How deep a schema is followed; recursive ones have no end.
const MAX_DEPTH: usize = 12;
/// Most items that are made for an array, whatever `minItems` says.
const MAX_ITEMS: u64 = 16;
/// Most characters that are made for a text, whatever `minLength` says.
const MAX_TEXT: usize = 256;

/// Makes values for one schema.
pub(crate) struct Sampler<'s> {
    root: &'s Value,
    /// Names and quotations of the user's text, taken in turn.
    hints: std::vec::IntoIter<String>,
}

impl<'s> Sampler<'s> {
    pub(crate) fn new(root: &'s Value, text: &str) -> Self {
        Self {
            root,
            hints: hints(text).into_iter(),
        }
    }

    /// A value for the whole schema.
    pub(crate) fn sample(&mut self) -> Value {
        self.value(self.root, "value", 0)
    }

    fn value(&mut self, schema: &Value, name: &str, depth: usize) -> Value {
        if depth > MAX_DEPTH {
            return Value::Null;
        }
        let deeper = depth + 1;
        if let Some(target) = schema["$ref"]
            .as_str()
            .and_then(|path| self.referenced(path))
        {
            return self.value(target, name, deeper);
        }
        for fixed in ["const", "default"] {
            if let Some(value) = schema.get(fixed) {
                return value.clone();
            }
        }
        for list in ["enum", "examples"] {
            if let Some(value) = schema[list].as_array().and_then(|values| values.first()) {
                return value.clone();
            }
        }
        for choice in ["anyOf", "oneOf"] {
            let options = schema[choice].as_array().map_or(&[][..], Vec::as_slice);
            let option = options.iter().find(|option| option["type"] != "null");
            if let Some(option) = option.or(options.first()) {
                return self.value(option, name, deeper);
            }
        }
        if let Some(all) = schema["allOf"].as_array() {
            let mut merged = schema.clone();
            if let Some(members) = merged.as_object_mut() {
                members.remove("allOf");
            }
            for part in all {
                merge(&mut merged, part);
            }
            return self.value(&merged, name, deeper);
        }
        match kind(schema) {
            "object" => self.object(schema, deeper),
            "array" => self.array(schema, name, deeper),
            "integer" => json!(number(schema).ceil())
                .as_f64()
                .map_or(json!(1), whole),
            "number" => json!(number(schema)),
            "boolean" => json!(true),
            "null" => Value::Null,
            _ => json!(self.text(schema, name)),
        }
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let required = schema["required"].as_array();
        let mut object = Map::new();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let wanted = required.is_none_or(|names| names.iter().any(|n| n == name.as_str()));
            if wanted {
                object.insert(name.clone(), self.value(property, name, depth));
            }
        }
        Value::Object(object)
    }

    fn array(&mut self, schema: &Value, name: &str, depth: usize) -> Value {
        let count = schema["minItems"].as_u64().unwrap_or(1).clamp(0, MAX_ITEMS);
        let count = count.max(u64::from(schema["maxItems"] != 0));
        let empty = json!({});
        let items = schema.get("items").unwrap_or(&empty);
        (0..count).map(|_| self.value(items, name, depth)).collect()
    }

    fn text(&mut self, schema: &Value, name: &str) -> String {
        match schema["format"].as_str() {
            Some("date-time") => return "2026-01-31T12:00:00Z".to_owned(),
            Some("date") => return "2026-01-31".to_owned(),
            Some("time") => return "12:00:00Z".to_owned(),
            Some("email") => return "someone@example.com".to_owned(),
            Some("uri" | "url") => return "https://example.com/".to_owned(),
            Some("uuid") => return "00000000-0000-4000-8000-000000000000".to_owned(),
            _ => {}
        }
        let mut text = self
            .hints
            .next()
            .unwrap_or_else(|| format!("example {}", name.replace('_', " ")));
        let length = |member: &str| {
            let limit = schema[member].as_u64();
            limit.map(|limit| usize::try_from(limit).unwrap_or(MAX_TEXT))
        };
        let least = length("minLength").unwrap_or(0).min(MAX_TEXT);
        while text.chars().count() < least {
            text.push('.');
        }
        if let Some(most) = length("maxLength") {
            text = text.chars().take(most).collect();
        }
        text
    }

    fn referenced(&self, path: &str) -> Option<&'s Value> {
        self.root.pointer(path.strip_prefix('#')?)
    }
}

fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(Value::as_str)
            .find(|kind| *kind != "null")
            .unwrap_or("null"),
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "string",
    }
}

/// A number that keeps the bounds, 1 where there are none.
fn number(schema: &Value) -> f64 {
    let bound = |member: &str| schema[member].as_f64();
    let low = bound("minimum").or_else(|| bound("exclusiveMinimum").map(|low| low + 1.0));
    let high = bound("maximum").or_else(|| bound("exclusiveMaximum").map(|high| high - 1.0));
    let number = low.map_or(1.0, |low| low.max(1.0));
    high.map_or(number, |high| number.min(high))
}

/// A whole number without a decimal point.
fn whole(number: f64) -> Value {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a bound beyond 64 bits is cut to the nearest number there is"
    )]
    let whole = number as i64;
    json!(whole)
}

/// Adds the members of `part` to `schema`; objects are merged, everything else is replaced.
fn merge(schema: &mut Value, part: &Value) {
    match (schema, part) {
        (Value::Object(schema), Value::Object(part)) => {
            for (name, value) in part {
                merge(schema.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (Value::Array(schema), Value::Array(part)) => schema.extend(part.iter().cloned()),
        (schema, part) => *schema = part.clone(),
    }
}

/// What is quoted, then words in capitals that do not begin a sentence, then numbers.
fn hints(text: &str) -> Vec<String> {
    let mut hints: Vec<String> = text
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|quoted| !quoted.is_empty())
        .map(str::to_owned)
        .collect();
    let mut begins = true;
    for word in text.split_whitespace() {
        let bare = word.trim_matches(|character: char| !character.is_alphanumeric());
        let name = bare.chars().next().is_some_and(char::is_uppercase) && bare.len() > 1;
        if name && !begins && !hints.iter().any(|hint| hint.contains(bare)) {
            hints.push(bare.to_owned());
        }
        begins = word.ends_with(['.', '!', '?', ':']);
    }
    hints
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(schema: &Value, text: &str) -> Value {
        Sampler::new(schema, text).sample()
    }

    #[test]
    fn required_members_get_what_the_user_named() {
        let schema = json!({
            "type": "object",
            "properties": {
                "city": {"type": "string"},
                "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
                "days": {"type": "integer", "minimum": 2, "maximum": 9},
                "note": {"type": "string"}
            },
            "required": ["city", "unit", "days"]
        });
        assert_eq!(
            sample(&schema, "What is the weather in Oslo? Thanks"),
            json!({"city": "Oslo", "unit": "celsius", "days": 2})
        );
    }

    #[test]
    fn references_choices_and_lists_are_followed() {
        let schema = json!({
            "$defs": {"step": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}},
            "type": "object",
            "properties": {
                "steps": {"type": "array", "minItems": 2, "items": {"$ref": "#/$defs/step"}},
                "size": {"anyOf": [{"type": "null"}, {"type": "number", "maximum": 0.5}]},
                "when": {"type": ["null", "string"], "format": "date"},
                "both": {"allOf": [{"type": "object", "properties": {"a": {"const": 1}}}, {"properties": {"b": {"default": []}}}]}
            }
        });
        assert_eq!(
            sample(&schema, "no names"),
            json!({
                "steps": [{"text": "example text"}, {"text": "example text"}],
                "size": 0.5,
                "when": "2026-01-31",
                "both": {"a": 1, "b": []}
            })
        );
    }

    #[test]
    fn a_schema_without_end_ends() {
        let schema = json!({"type": "object", "properties": {"next": {"$ref": "#"}}});
        assert!(sample(&schema, "").is_object());
        let endless = json!({"$ref": "#"});
        assert_eq!(sample(&endless, ""), Value::Null);
    }

    #[test]
    fn quotations_come_before_names_and_lengths_are_kept() {
        assert_eq!(
            hints("Find \"red boat\" near Moss. Then"),
            ["red boat", "Moss"]
        );
        let short = json!({"type": "string", "maxLength": 3});
        assert_eq!(sample(&short, "about Bergen"), json!("Ber"));
        let long = json!({"type": "string", "minLength": 5});
        assert_eq!(sample(&long, "in Rø"), json!("Rø..."));
    }
}
