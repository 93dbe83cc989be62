//! Items of a conversation that an upstream is told to look up and no longer has (case 62).
//!
//! Responses looks every item with an id up among what it has stored, and refuses the request
//! where nothing was stored, although the item stands there whole. Without its id it is taken for
//! what it says. Nothing is lost by that: the id named something that does not exist.
//!
//! Refuses to touch what is nothing but a reference, and thoughts that come without their sealed
//! form: those would be asked about something else than the client said.

use proxai_json::{Container, Doc, Edit, Span};

/// What stands around an id.
/// <https://platform.openai.com/docs/guides/reasoning#encrypted-reasoning-items> (seen 2026-11)
const BEFORE: &str = "Item with id '";
const AFTER: &str = "' not found";

/// Most items that one refusal is believed to name.
const MAX_ITEMS: usize = 64;

/// Ids of vendors have some fifty characters; a longer one is not theirs.
const MAX_ID: usize = 256;

/// The items that a refusal says are not there.
pub(crate) fn gone(status: u16, message: &str) -> Vec<Box<str>> {
    if status != 400 && status != 404 {
        return Vec::new();
    }
    let named = message.split(BEFORE).skip(1).filter_map(|rest| {
        let (id, _) = rest.split_once(AFTER)?;
        (!id.is_empty() && id.len() <= MAX_ID && !id.contains('\'')).then(|| id.into())
    });
    named.take(MAX_ITEMS).collect()
}

/// The request without the ids of these items; `None` if one of them cannot do without.
pub(crate) fn without_ids(body: &[u8], gone: &[Box<str>]) -> Option<Vec<u8>> {
    let doc = Doc::scan(body).ok()?;
    let input = doc.child("input")?;
    let mut edit = Edit::new(body);
    let mut found = vec![false; gone.len()];
    for item in &input.items {
        if item.value.kind(body) != b'{' {
            continue;
        }
        let item = Container::scan(body, item.value).ok()?;
        let Some(id) = item.value(body, "id").and_then(|id| id.string(body)) else {
            continue;
        };
        let Some(at) = gone.iter().position(|gone| **gone == *id) else {
            continue;
        };
        if !stands_alone(body, &item) {
            return None;
        }
        found[at] = true;
        edit.remove(&item, "id");
    }
    if edit.is_empty() || found.contains(&false) {
        return None;
    }
    edit.finish().ok()
}

/// Whether an item says all there is to it: a message, a call or its result, or what is sealed.
fn stands_alone(body: &[u8], item: &Container) -> bool {
    let text = |span: Span| span.string(body);
    let has = |key: &str| item.value(body, key).and_then(text).is_some();
    if has("encrypted_content") {
        return true;
    }
    match item.value(body, "type").and_then(text).as_deref() {
        Some("reasoning" | "item_reference") => false,
        Some("message") => true,
        Some(_) => has("call_id"),
        None => has("role"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_items_and_others_name_none() {
        let said = "Item with id 'rs_77' not found. Items are not persisted when `store` is set to false. Try again with `store` set to true, or remove this item from your input.";
        assert_eq!(gone(404, said), ["rs_77".into()]);
        assert_eq!(gone(400, said), ["rs_77".into()]);
        assert!(gone(500, said).is_empty());
        assert!(gone(422, said).is_empty());
        let two = "Item with id 'a' not found. Item with id 'b' not found.";
        assert_eq!(gone(400, two), ["a".into(), "b".into()]);
        for other in [
            "Previous response with id 'resp_1' not found.",
            "Item with id '' not found",
            "Item with id 'rs_77' is broken",
            "Item with id 'it' is not what 'x' not found",
            "",
        ] {
            assert!(gone(400, other).is_empty(), "{other}");
        }
        let long = format!("Item with id '{}' not found", "x".repeat(MAX_ID + 1));
        assert!(gone(400, &long).is_empty());
    }

    #[test]
    fn only_the_ids_of_named_items_go_and_every_other_byte_stays() {
        let body = |a: &str, b: &str, c: &str| {
            format!(
                "{{ \"input\":[ {{{a}\"type\":\"reasoning\", \"encrypted_content\":\"gA==\"}},\r\n {{\"role\":\"assistant\"{b}, \"content\":\"x\" }},{{\"type\":\"function_call\",\"call_id\":\"c\"{c}}},{{\"id\":\"other\",\"type\":\"message\"}}],\"id\":\"rs_1\"}}"
            )
        };
        let (a, b, c) = (
            "\"id\" : \"rs_1\", ",
            ",\"id\":\"msg_1\"",
            ",\"id\":\"fc_1\"",
        );
        for (gone, left) in [
            (&["rs_1"][..], body("", b, c)),
            (&["msg_1"], body(a, "", c)),
            (&["fc_1"], body(a, b, "")),
            (&["fc_1", "rs_1"], body("", b, "")),
        ] {
            let gone: Vec<Box<str>> = gone.iter().map(|id| (*id).into()).collect();
            let sent = without_ids(body(a, b, c).as_bytes(), &gone).unwrap();
            assert_eq!(String::from_utf8(sent).unwrap(), left);
        }
    }

    #[test]
    fn what_cannot_do_without_its_id_keeps_it() {
        for item in [
            r#"{"id":"x"}"#,
            r#"{"type":"item_reference","id":"x"}"#,
            r#"{"type":"reasoning","id":"x","summary":[]}"#,
            r#"{"type":"reasoning","id":"x","encrypted_content":null}"#,
            r#"{"type":"web_search_call","id":"x"}"#,
            r#"{"type":"message","id":"y"}"#,
            r#"{"type":"message","id":"x"},{"type":"item_reference","id":"x"}"#,
            "7",
        ] {
            let body = format!(r#"{{"input":[{item}]}}"#);
            assert_eq!(without_ids(body.as_bytes(), &["x".into()]), None, "{item}");
        }
        let body = br#"{"input":[{"type":"message","id":"x"}]}"#;
        assert_eq!(without_ids(body, &["x".into(), "z".into()]), None);
        assert_eq!(without_ids(br#"{"input":"x"}"#, &["x".into()]), None);
    }
}
