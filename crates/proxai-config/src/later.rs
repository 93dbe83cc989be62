//! Keys that are understood and have no effect yet, as a table.
//!
//! A feature that arrives takes its line away here. Startup warns about each key that is set.

use figment::value::Value;

/// `*` stands for one level. A key that is set to `false` or to an empty list asks for nothing.
const LATER: [(&str, &str); 11] = [
    ("capture.inbound_request_enabled", CAPTURE),
    ("capture.provider_request_enabled", CAPTURE),
    ("capture.upstream_response_enabled", CAPTURE),
    ("capture.outbound_response_enabled", CAPTURE),
    ("capture.dir", CAPTURE),
    ("routing.routes.*.balance", BALANCE),
    ("routing.routes.*.hash_on", BALANCE),
    ("routing.routes.*.fallback_strategy", FALLBACK),
    ("routing.routes.*.fallback_http_statuses", FALLBACK),
    ("routing.routes.*.targets", FALLBACK),
    ("routing.routes.*.instances", FALLBACK),
];

const CAPTURE: &str = "captures are not recorded yet";
const BALANCE: &str = "targets of one priority share by weight only";
const FALLBACK: &str =
    "only the first target is tried; a failure does not lead to the next one yet";

/// Each key that is set and has no effect, with the reason.
pub(crate) fn unimplemented(tree: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (pattern, why) in LATER {
        let levels: Vec<&str> = pattern.split('.').collect();
        search(tree, &levels, &mut Vec::new(), &mut |key| {
            found.push(format!("{key}: {why}"));
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
    let key = path.last().map_or("", String::as_str);
    match value {
        Value::Bool(_, on) => *on,
        // One target has nothing to fall back to.
        Value::Array(_, items) if key == "targets" || key == "instances" => items.len() > 1,
        Value::Array(_, items) => !items.is_empty(),
        Value::String(_, word) if key == "balance" => word != "weighted",
        _ => true,
    }
}
