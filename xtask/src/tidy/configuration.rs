//! Every key of the configuration is on the page that people read.
//!
//! The keys come from the schema, which is generated from the types, so a new one cannot be
//! forgotten. Whether the page is right about a key only a reader can tell.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Finding, TextFile};

const PAGE: &str = "docs/configuration.md";
const SCHEMA: &str = "config/proxai.schema.json";

/// The keys in the schema.
pub(super) fn keys(files: &[TextFile]) -> Result<BTreeSet<String>> {
    let text = text(files, SCHEMA).with_context(|| format!("{SCHEMA} is missing"))?;
    let schema: Value =
        serde_json::from_str(text).with_context(|| format!("{SCHEMA} is no JSON"))?;
    let mut keys = BTreeSet::new();
    collect(&schema, &mut keys);
    Ok(keys)
}

pub(super) fn check(keys: &BTreeSet<String>, files: &[TextFile]) -> Vec<Finding> {
    let Some(page) = text(files, PAGE) else {
        return vec![Finding::new(PAGE, "is missing")];
    };
    // A key may be the last part of a path, or the head of a section.
    let words: BTreeSet<&str> = page
        .split('`')
        .skip(1)
        .step_by(2)
        .flat_map(|code| code.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-'))
        .collect();
    keys.iter()
        .filter(|key| !words.contains(key.as_str()))
        .map(|key| Finding::new(PAGE, format!("does not say what `{key}` means")))
        .collect()
}

fn text<'f>(files: &'f [TextFile], path: &str) -> Option<&'f str> {
    files
        .iter()
        .find(|file| file.path == path)
        .map(|file| file.text.as_str())
}

/// Every member of any `properties`, at any depth.
fn collect(schema: &Value, keys: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Object(properties)) = members.get("properties") {
                keys.extend(properties.keys().cloned());
            }
            for member in members.values() {
                collect(member, keys);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(item, keys);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::test_support::{file, places};
    use super::*;

    const MADE_UP: &str = r##"{"properties": {"server": {"$ref": "#/$defs/S"}},
        "$defs": {"S": {"properties": {"port": {"type": "integer"}}}}}"##;

    fn found(page: &str) -> Result<Vec<Finding>> {
        let files = [file(SCHEMA, MADE_UP), file(PAGE, page)];
        Ok(check(&keys(&files)?, &files))
    }

    #[test]
    fn a_key_that_the_page_leaves_out_is_found() -> Result<()> {
        assert_eq!(found("`server.port` is a port")?, []);
        assert_eq!(found("## `[server]`\n| `port` | a port |")?, []);
        let missing = found("## `[server]`\nthe port, or `ports`")?;
        assert_eq!(missing.len(), 1);
        assert!(missing[0].problem.contains("`port`"), "{missing:?}");
        Ok(())
    }

    #[test]
    fn a_missing_page_is_found_and_a_missing_schema_is_an_error() -> Result<()> {
        let schema = [file(SCHEMA, MADE_UP)];
        assert_eq!(places(&check(&keys(&schema)?, &schema)), [PAGE]);
        assert!(keys(&[]).is_err());
        Ok(())
    }
}
