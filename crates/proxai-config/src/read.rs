//! From the merged tree to [`Options`], with every problem instead of the first.
//!
//! serde stops at the first error. So the key it names is reported and taken out of the tree, and
//! the rest is read again, until it passes. Each round takes a key away, hence it ends.

use figment::error::{Actual, Kind};
use figment::value::Value;
use serde::Deserialize;

use crate::layers::{Layers, find, find_mut};
use crate::options::Options;
use crate::place::KeyPath;
use crate::problem::Problem;
use crate::similar;

/// Reads all keys that can be read and reports the others.
pub(crate) fn read(layers: &Layers) -> (Options, Vec<Problem>) {
    let mut tree = layers.tree.clone();
    let mut problems = Vec::new();
    loop {
        let error = match Options::deserialize(&tree) {
            Ok(options) => return (options, problems),
            Err(error) => error,
        };
        let wants_text = matches!(error.kind, Kind::InvalidType(_, _));
        if wants_text && retry_as_text(&mut tree, layers, &error.path) {
            continue;
        }
        if !follows(&problems, &error) {
            problems.push(problem(layers, &error));
        }
        if !remove(&mut tree, &error.path) {
            return (Options::default(), problems);
        }
    }
}

/// A key that is missing beside one that was taken away: it is the misspelt one.
fn follows(problems: &[Problem], error: &figment::Error) -> bool {
    let inside = format!("{}.", error.path.join("."));
    matches!(error.kind, Kind::MissingField(_))
        && problems.iter().any(|known| known.key.starts_with(&inside))
}

/// `PROXAI_PROVIDERS__X__API_KEY=1234` reads as a number; text is what was meant.
fn retry_as_text(tree: &mut Value, layers: &Layers, path: &[String]) -> bool {
    let Some(text) = layers.text(path) else {
        return false;
    };
    match find_mut(tree, path) {
        Some(value) if value.as_str().is_none() => {
            *value = Value::String(value.tag(), text.to_owned());
            true
        }
        _ => false,
    }
}

fn problem(layers: &Layers, error: &figment::Error) -> Problem {
    let path: &[String] = &error.path;
    match &error.kind {
        Kind::UnknownField(field, known) => {
            let mut problem = layers.problem(path, format!("unknown key `{field}`"));
            problem.hint = Some(match similar::closest(field, known.iter().copied()) {
                Some(like) => format!("did you mean `{like}`?"),
                None => format!("known keys here: {}", known.join(", ")),
            });
            problem
        }
        Kind::MissingField(field) => layers.problem(path, format!("`{field}` is missing")),
        Kind::DuplicateField(field) => layers.problem(
            path,
            format!("`{field}` is there twice, under two of its names; keep one"),
        ),
        Kind::UnknownVariant(word, known) => {
            let mut problem = layers.problem(
                path,
                format!("unknown value `{word}`, use one of {}", known.join(", ")),
            );
            problem.hint = similar::closest(word, known.iter().copied())
                .map(|like| format!("did you mean `{like}`?"));
            problem
        }
        Kind::InvalidType(actual, wanted) | Kind::InvalidValue(actual, wanted) => {
            let message = format!("expected {}, found {}", plain(wanted), shape(actual));
            layers.problem(path, message)
        }
        Kind::Message(message) if message.contains("untagged enum") => {
            layers.problem(path, "has a form that is not understood here".to_owned())
        }
        // The words of `std::net`.
        Kind::Message(message) if message == "invalid IP address syntax" => layers.problem(
            path,
            "expected an IP address such as 127.0.0.1, found something else".to_owned(),
        ),
        Kind::Message(message) => layers.problem(path, message.clone()),
        kind => layers.problem(path, kind.to_string()),
    }
}

/// What Rust calls a type, as people call it.
fn plain(wanted: &str) -> &str {
    match wanted {
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, not negative",
        "i64" => "a whole number",
        "a boolean" | "bool" => "true or false",
        "a sequence" => "a list",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

/// What was found, without its value: it may be a secret in the wrong place.
fn shape(actual: &Actual) -> &'static str {
    match actual {
        Actual::Bool(_) => "true or false",
        Actual::Signed(number) if *number < 0 => "a negative number",
        Actual::Unsigned(_) | Actual::Signed(_) => "a number",
        Actual::Float(_) => "a number with a point",
        Actual::Char(_) | Actual::Str(_) | Actual::Bytes(_) => "text",
        Actual::Seq => "a list",
        Actual::Map => "a table",
        _ => "something else",
    }
}

/// Takes a key out of the tree. An element of an array goes with the whole array: taking it alone
/// would shift the others away from their lines.
fn remove(tree: &mut Value, path: &[String]) -> bool {
    let mut path: KeyPath = path.to_vec();
    while let Some(last) = path.pop() {
        match find(tree, &path) {
            Some(Value::Dict(_, dict)) if dict.contains_key(&last) => {
                if let Some(Value::Dict(_, dict)) = find_mut(tree, &path) {
                    dict.remove(&last);
                }
                return true;
            }
            _ => {}
        }
    }
    false
}
