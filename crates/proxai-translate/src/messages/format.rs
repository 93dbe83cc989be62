//! The form of the answer, both ways.
//!
//! Surprise: a schema has no name and no description beside it here, but others demand a name. Both
//! are put into the schema as its `title` and `description`, which bind nothing and which the
//! vendor's own library sends (its `transform_schema`, seen 2026-11-21). Where the schema has its
//! own, those stay and the others are reported; beside a `$ref` nothing may stand.

use std::borrow::Cow;

use proxai_ir::{Format, Losses, Request};
use proxai_json::{RawValue, Str};
use proxai_messages as wire;
use proxai_messages::Json;
use proxai_types::Protocol;

use super::blocks::unread;
use crate::context::Target;
use crate::features::{Feature, lose_at};

/// What a JSON answer is asked for with, where no schema can be given.
const JSON_OBJECT: &str =
    "Answer with a single JSON object and nothing else: no prose, no code fence.";

/// Most characters of a name that others take.
const LONGEST_NAME: usize = 64;

proxai_json::wire! {
    /// What of the root of a schema is looked at.
    pub struct Root<'a> {
        /// Its name.
        pub title: Option<&'a RawValue> = "title",
        /// What it is for.
        pub description: Option<&'a RawValue> = "description",
        /// The schema stands elsewhere.
        pub reference: Option<&'a RawValue> = "$ref",
    }
}

/// Writes the form into `wire`, or returns the instruction that asks for it.
pub(super) fn encode<'r>(
    request: &'r Request<'_>,
    target: &Target<'_>,
    wire: &mut wire::Request<'r>,
    losses: &mut Losses,
) -> Option<String> {
    match request.output.format.as_ref()? {
        Format::Text => None,
        Format::JsonSchema {
            name,
            description,
            schema: Some(schema),
            ..
        } => {
            let said = [
                (Feature::FormatName, "title", name),
                (Feature::FormatDescription, "description", description),
            ];
            let said = said.map(|(feature, member, text)| {
                (feature, member, text.as_deref().unwrap_or_default())
            });
            let schema = titled(schema, said, request.origin, losses);
            if !target.abilities.output_format {
                losses.approximated(
                    Feature::JsonSchema.path(request.origin),
                    "the schema is sent as an instruction",
                );
                return Some(format!(
                    "{JSON_OBJECT} It has to match this JSON schema:\n{}",
                    schema.get()
                ));
            }
            let format = wire::JsonSchemaFormat {
                schema: Some(Json(schema)),
                ..wire::JsonSchemaFormat::default()
            };
            wire.output_config.get_or_insert_default().format =
                Some(wire::OutputFormat::JsonSchema(format));
            None
        }
        format => {
            let said = match format {
                Format::JsonSchema { .. } => Feature::JsonSchema,
                _ => Feature::JsonObject,
            };
            let path = said.path(request.origin);
            lose_at(Feature::JsonObject, path, Protocol::Messages, losses);
            Some(JSON_OBJECT.to_owned())
        }
    }
}

/// The schema with the texts that it has no member of its own for.
fn titled<'s>(
    schema: &'s RawValue,
    said: [(Feature, &str, &str); 2],
    origin: Protocol,
    losses: &mut Losses,
) -> Cow<'s, RawValue> {
    let root = serde_json::from_str::<Root<'_>>(schema.get()).ok();
    let mut added = String::new();
    for (feature, member, text) in said {
        if text.is_empty() {
            continue;
        }
        let text = proxai_json::to_string(text);
        let own = root.as_ref().map(|root| match feature {
            Feature::FormatName => root.title,
            _ => root.description,
        });
        match (own, &root) {
            (
                Some(None),
                Some(Root {
                    reference: None, ..
                }),
            ) => {
                added.extend(["\"", member, "\":", &text, ","]);
            }
            (Some(Some(own)), _) if own.get() == text => {}
            _ => {
                let why = feature.note(Protocol::Messages);
                losses.dropped(feature.path(origin), why);
            }
        }
    }
    if added.is_empty() {
        return Cow::Borrowed(schema);
    }
    let rest = schema.get().trim_start().trim_start_matches('{');
    let rest = rest.trim_start();
    if rest.starts_with('}') {
        added.truncate(added.len() - 1);
    }
    let titled = RawValue::from_string(format!("{{{added}{rest}"));
    Cow::Owned(titled.expect("members in front of those of an object leave it one"))
}

/// Reads the form that a client asks for.
pub(super) fn decode<'a>(
    format: wire::OutputFormat<'a>,
    path: &str,
    losses: &mut Losses,
) -> Option<Format<'a>> {
    match format {
        wire::OutputFormat::JsonSchema(format) => {
            unread(path, &format.extra, losses);
            let schema = format.schema.and_then(Json::borrowed);
            Some(Format::JsonSchema {
                name: schema.and_then(name_of),
                description: None,
                schema,
                strict: None,
            })
        }
        other => {
            let why = format!("the kind `{}` is not known", other.kind());
            losses.dropped(path, why);
            None
        }
    }
}

/// The title of a schema as a name that others take; the title itself stays where it is.
fn name_of<'a>(schema: &'a RawValue) -> Option<Str<'a>> {
    let root: Root<'a> = serde_json::from_str(schema.get()).ok()?;
    let title: Str<'a> = serde_json::from_str(root.title?.get()).ok()?;
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !title.contains(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    if title.len() <= LONGEST_NAME && title.chars().all(legal) {
        return Some(title);
    }
    let name: String = title
        .chars()
        .take(LONGEST_NAME)
        .map(|c| if legal(c) { c } else { '_' })
        .collect();
    Some(name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(schema: &str, name: &str, description: &str) -> (String, Vec<String>) {
        let schema: &RawValue = serde_json::from_str(schema).unwrap();
        let mut losses = Losses::new();
        let said = [
            (Feature::FormatName, "title", name),
            (Feature::FormatDescription, "description", description),
        ];
        let schema = titled(schema, said, Protocol::Chat, &mut losses);
        let lost = losses.iter().map(|loss| loss.path.clone()).collect();
        (schema.get().to_owned(), lost)
    }

    const NAME: &str = "response_format.json_schema.name";
    const DESCRIPTION: &str = "response_format.json_schema.description";

    #[test]
    fn name_and_description_go_into_the_schema_where_it_has_none() {
        for (schema, told, lost) in [
            (
                "{}",
                r#"{"title":"sum","description":"A \"sum\"."}"#,
                vec![],
            ),
            (
                r#" { "type": "object", "const": 1.50}"#,
                r#"{"title":"sum","description":"A \"sum\".","type": "object", "const": 1.50}"#,
                vec![],
            ),
            (
                r#"{"description":"Own.","title":"sum"}"#,
                r#"{"description":"Own.","title":"sum"}"#,
                vec![DESCRIPTION],
            ),
            (
                r#"{"title":"Sum"}"#,
                r#"{"description":"A \"sum\".","title":"Sum"}"#,
                vec![NAME],
            ),
            (
                r##"{"$ref":"#/$defs/a"}"##,
                r##"{"$ref":"#/$defs/a"}"##,
                vec![NAME, DESCRIPTION],
            ),
            ("true", "true", vec![NAME, DESCRIPTION]),
        ] {
            let found = sent(schema, "sum", "A \"sum\".");
            assert_eq!(
                (found.0.as_str(), found.1),
                (told, lost.iter().map(ToString::to_string).collect())
            );
        }
        assert_eq!(
            sent("{\"type\":\"object\"}", "", ""),
            ("{\"type\":\"object\"}".to_owned(), vec![])
        );
    }

    #[test]
    fn a_title_becomes_a_name_that_others_take() {
        for (title, name) in [
            ("sum", Some("sum")),
            ("The sum, é!", Some("The_sum____")),
            ("…", None),
            ("", None),
        ] {
            let schema = format!("{{\"title\":\"{title}\"}}");
            let schema: &RawValue = serde_json::from_str(&schema).unwrap();
            assert_eq!(name_of(schema).as_deref(), name, "{title}");
        }
        let long = format!("{{\"title\":\"{}\"}}", "n".repeat(80));
        let schema: &RawValue = serde_json::from_str(&long).unwrap();
        assert_eq!(name_of(schema).unwrap().len(), LONGEST_NAME);
        let untitled: &RawValue = serde_json::from_str(r#"{"title":{"a":1}}"#).unwrap();
        assert!(name_of(untitled).is_none());
    }
}
