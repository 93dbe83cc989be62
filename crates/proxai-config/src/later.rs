//! Keys that are understood and have no effect yet, as a table.
//!
//! A feature that arrives takes its line away here. Startup warns about each key that is set.

use figment::value::Value;

/// `*` stands for one level. A key that is set to `false` asks for nothing.
const LATER: [&str; 7] = [
    "capture.inbound_request_enabled",
    "capture.provider_request_enabled",
    "capture.upstream_response_enabled",
    "capture.outbound_response_enabled",
    "capture.dir",
    "routing.routes.*.balance",
    "routing.routes.*.hash_on",
];

/// Each key that is set and has no effect.
pub(crate) fn unimplemented(tree: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for pattern in LATER {
        let levels: Vec<&str> = pattern.split('.').collect();
        search(tree, &levels, &mut Vec::new(), &mut |key| {
            found.push(key.to_owned());
        });
    }
    found
}

fn search(value: &Value, levels: &[&str], path: &mut Vec<String>, found: &mut dyn FnMut(&str)) {
    let Some((level, rest)) = levels.split_first() else {
        if asks_for_something(value, path) {
            found(&path.join("."));
        }
        return;
    };
    let mut step = |key: String, value: &Value| {
        path.push(key);
        search(value, rest, path, found);
        path.pop();
    };
    match value {
        Value::Array(_, items) if *level == "*" => {
            for (index, item) in items.iter().enumerate() {
                step(index.to_string(), item);
            }
        }
        Value::Dict(_, dict) => {
            if let Some(inner) = dict.get(*level) {
                step((*level).to_owned(), inner);
            }
        }
        _ => {}
    }
}

fn asks_for_something(value: &Value, path: &[String]) -> bool {
    match value {
        Value::Bool(_, on) => *on,
        // The one way of sharing that there is.
        Value::String(_, word) if path.last().is_some_and(|key| key == "balance") => {
            word != "weighted"
        }
        _ => true,
    }
}
