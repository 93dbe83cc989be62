//! The cells of a row that make its provider differ, and the row without one of them.
//!
//! Works on the TOML of the file, so that a new field of the schema is a cell without anybody
//! adding it to a list. Where something is (base URLs, paths) is not a deviation and has tests of
//! its own.

use proxai_providers::Row;
use toml::{Table, Value};

/// Where a cell is.
type Path = Vec<Step>;

#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Item(usize),
}

/// A row that lacks one cell.
pub(super) struct Without {
    /// The cell, as people write it.
    pub(super) cell: String,
    pub(super) row: Row,
}

/// Members of a row, and of an endpoint, in which every leaf is a cell.
const ALL_OF: [&str; 5] = ["quirks", "http", "headers", "forward_headers", "local"];

/// Members of `auth` that say how a request is authenticated.
const AUTH: [&str; 5] = ["style", "header", "prefix", "param", "required"];

/// The row once for each of its cells, each time without that one.
pub(super) fn each_left_out(file: &str) -> Vec<Without> {
    let table = parse(file);
    let mut paths = Vec::new();
    cells(&table, &[], &mut paths);
    let listed = |key: &str| {
        table
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
    };
    for key in ["model", "url"] {
        for (index, item) in listed(key).enumerate() {
            let at = [Step::Key(key.to_owned()), Step::Item(index)];
            cells(item.as_table().unwrap(), &at, &mut paths);
        }
    }
    let endpoints = table.get("endpoint").and_then(Value::as_table);
    for (name, endpoint) in endpoints.into_iter().flatten() {
        let at = [Step::Key("endpoint".to_owned()), Step::Key(name.clone())];
        cells(endpoint.as_table().unwrap(), &at, &mut paths);
    }
    paths
        .into_iter()
        .map(|path| {
            let mut left = Value::Table(table.clone());
            remove(&mut left, &path);
            Without {
                cell: written(&path),
                row: row(&left),
            }
        })
        .collect()
}

/// The row as if its provider were like every other.
pub(super) fn without_any(file: &str) -> Row {
    let mut table = parse(file);
    plain(&mut table);
    table.remove("model");
    table.remove("url");
    let endpoints = table.get_mut("endpoint").and_then(Value::as_table_mut);
    for (_, endpoint) in endpoints.into_iter().flatten() {
        plain(endpoint.as_table_mut().unwrap());
    }
    row(&Value::Table(table))
}

fn parse(file: &str) -> Table {
    file.parse().unwrap()
}

fn row(table: &Value) -> Row {
    Row::from_toml(&toml::to_string(table).unwrap()).unwrap()
}

/// The cells of a row or an endpoint.
fn cells(table: &Table, at: &[Step], out: &mut Vec<Path>) {
    let below = |keys: &[&str]| {
        [
            at,
            &keys
                .iter()
                .map(|k| Step::Key((*k).to_owned()))
                .collect::<Vec<_>>(),
        ]
        .concat()
    };
    for key in ALL_OF {
        if let Some(value) = table.get(key) {
            leaves(value, below(&[key]), out);
        }
    }
    let Some(auth) = table.get("auth").and_then(Value::as_table) else {
        return;
    };
    for key in AUTH {
        if let Some(value) = auth.get(key) {
            leaves(value, below(&["auth", key]), out);
        }
    }
    let variables = auth.get("env").and_then(Value::as_array);
    for (index, variable) in variables.into_iter().flatten().enumerate() {
        if variable.is_table() {
            let mut path = below(&["auth", "env"]);
            path.push(Step::Item(index));
            path.push(Step::Key("style".to_owned()));
            out.push(path);
        }
    }
}

fn leaves(value: &Value, at: Path, out: &mut Vec<Path>) {
    match value {
        Value::Table(table) => {
            for (key, value) in table {
                leaves(value, [&*at, &[Step::Key(key.clone())]].concat(), out);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                leaves(item, [&*at, &[Step::Item(index)]].concat(), out);
            }
        }
        _ => out.push(at),
    }
}

fn remove(value: &mut Value, path: &[Step]) {
    match (path, value) {
        ([Step::Key(key)], Value::Table(table)) => {
            table.remove(key).unwrap();
        }
        ([Step::Item(index)], Value::Array(items)) => {
            items.remove(*index);
        }
        // A variable whose keys have no style of their own is just a name.
        ([Step::Item(index), Step::Key(style)], Value::Array(items)) if style == "style" => {
            items[*index] = items[*index]["name"].clone();
        }
        ([Step::Key(key), rest @ ..], Value::Table(table)) => {
            remove(&mut table[key.as_str()], rest);
        }
        ([Step::Item(index), rest @ ..], Value::Array(items)) => remove(&mut items[*index], rest),
        (path, value) => panic!("{path:?} is not in {value}"),
    }
}

fn plain(table: &mut Table) {
    for key in ALL_OF {
        table.remove(key);
    }
    let Some(auth) = table.get_mut("auth").and_then(Value::as_table_mut) else {
        return;
    };
    for key in AUTH {
        auth.remove(key);
    }
    let variables = auth.get_mut("env").and_then(Value::as_array_mut);
    for variable in variables.into_iter().flatten() {
        if let Some(name) = variable.get("name").cloned() {
            *variable = name;
        }
    }
}

fn written(path: &[Step]) -> String {
    let words: Vec<String> = path
        .iter()
        .map(|step| match step {
            Step::Key(key) => key.clone(),
            Step::Item(index) => index.to_string(),
        })
        .collect();
    words.join(".")
}
