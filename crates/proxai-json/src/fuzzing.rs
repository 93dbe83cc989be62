//! Edits in place against a parser that builds everything, for the fuzz target and the tests; no
//! part of the API.

use serde_json::Value;

use crate::{Doc, Edit};

/// Sets, removes and renames top-level members of any body. Panics where the result is not what
/// the same changes to a parsed body give (T1).
pub fn fuzz_edit(body: &[u8]) {
    let scanned = Doc::scan(body);
    let Ok(Value::Object(mut members)) = serde_json::from_slice::<Value>(body) else {
        return;
    };
    let doc = scanned.expect("a parser reads it as an object");
    for name in members.keys() {
        assert!(doc.get(name).is_some(), "{name:?} is not found");
    }
    let same = Edit::new(body).finish().expect("nothing overlaps");
    assert_eq!(same, body, "no edit changes a byte");

    // Which of several equal names an edit means is for its caller to find out.
    if members.keys().any(|name| doc.root.count(body, name) > 1) {
        return;
    }
    let mut edit = Edit::new(body);
    edit.set(&doc.root, "model", b"[\"changed\"]");
    members.insert("model".to_owned(), serde_json::json!(["changed"]));
    let others = ["model", "proxai new name"];
    let mut rest = doc.root.items.iter().filter_map(|item| {
        let name = item.key?.string(body)?.into_owned();
        (!others.contains(&name.as_str())).then_some(name)
    });
    if let Some(name) = rest.next() {
        assert!(edit.remove(&doc.root, &name));
        members.remove(&name);
    }
    if let Some(name) = rest.next()
        && !members.contains_key("proxai new name")
    {
        assert!(edit.rename(&doc.root, &name, "proxai new name"));
        let value = members.remove(&name).expect("it was found");
        members.insert("proxai new name".to_owned(), value);
    }
    let edited = edit.finish().expect("they touch different members");
    let read: Value = serde_json::from_slice(&edited).expect("an edited body is JSON");
    assert_eq!(read, Value::Object(members));
}
