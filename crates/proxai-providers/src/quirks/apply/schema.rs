//! JSON schema keywords that the endpoint refuses.
//!
//! A keyword is only one where a schema stands: a property *called* `$schema` or `title` is the
//! client's own and stays.

use proxai_json::{Container, Edit, Span};

/// How deep schemas are searched; deeper ones are left for the upstream to judge.
const MAX_DEPTH: usize = 64;

/// Members whose own members are names with a schema each.
const NAMED: [&[u8]; 5] = [
    b"properties",
    b"patternProperties",
    b"$defs",
    b"definitions",
    b"dependentSchemas",
];

/// Members that are data and hold no schema.
const DATA: [&[u8]; 4] = [b"enum", b"const", b"default", b"examples"];

/// Takes keywords out of a schema; tells whether there were any.
pub(super) fn strip(body: &[u8], schema: Span, keywords: &[String], edit: &mut Edit<'_>) -> bool {
    walk(body, schema, keywords, edit, 0)
}

fn walk(body: &[u8], at: Span, keywords: &[String], edit: &mut Edit<'_>, depth: usize) -> bool {
    if !matches!(at.kind(body), b'{' | b'[') || depth > MAX_DEPTH {
        return false;
    }
    let Ok(container) = Container::scan(body, at) else {
        return false;
    };
    let mut found = false;
    for (index, item) in container.items.iter().enumerate() {
        let key = item
            .key
            .map(|key| key.of(body))
            .and_then(|key| key.strip_prefix(b"\"")?.strip_suffix(b"\""));
        match key {
            Some(key) if keywords.iter().any(|keyword| keyword.as_bytes() == key) => {
                edit.remove_at(&container, index);
                found = true;
            }
            Some(key) if DATA.contains(&key) => {}
            Some(key) if NAMED.contains(&key) => {
                let named = Container::scan(body, item.value)
                    .map(|named| named.items)
                    .unwrap_or_default();
                for schema in named.iter().filter(|schema| schema.key.is_some()) {
                    found |= walk(body, schema.value, keywords, edit, depth + 1);
                }
            }
            _ => found |= walk(body, item.value, keywords, edit, depth + 1),
        }
    }
    found
}
