//! Where in a file each key is.
//!
//! figment remembers which source a value came from but not its line; this index does. Keys of
//! the merged tree that came from the file have the same path here, since a higher layer replaces
//! arrays whole and never shifts them.

use std::collections::HashMap;

use toml_edit::{ImDocument, Item, TableLike, Value};

/// A key, from the root: table names, and positions in arrays as decimal numbers.
pub(crate) type KeyPath = Vec<String>;

/// The offset of every key of a file.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// Where each line begins.
    line_starts: Vec<usize>,
    offsets: HashMap<KeyPath, usize>,
}

impl Places {
    /// Indexes a parsed file.
    pub(crate) fn new(text: &str, document: &ImDocument<String>) -> Self {
        let mut places = Self {
            line_starts: line_starts(text),
            offsets: HashMap::new(),
        };
        places.table(&mut Vec::new(), document.as_table());
        places
    }

    /// The line of a key, from 1. A key that is not there has the line of the table it would be in.
    pub(crate) fn line(&self, path: &[String]) -> Option<usize> {
        self.offset(path)
            .map(|offset| line_of(&self.line_starts, offset))
    }

    /// The position of a key in the file, for putting keys in order.
    pub(crate) fn offset(&self, path: &[String]) -> Option<usize> {
        (1..=path.len())
            .rev()
            .find_map(|length| self.offsets.get(path.get(..length)?).copied())
    }

    fn table(&mut self, path: &mut KeyPath, table: &dyn TableLike) {
        for (name, item) in table.iter() {
            path.push(name.to_owned());
            let key = table.get_key_value(name).and_then(|(key, _)| key.span());
            if let Some(span) = key.or_else(|| item.span()) {
                self.offsets.insert(path.clone(), span.start);
            }
            self.item(path, item);
            path.pop();
        }
    }

    fn item(&mut self, path: &mut KeyPath, item: &Item) {
        if let Some(tables) = item.as_array_of_tables() {
            for (index, table) in tables.iter().enumerate() {
                path.push(index.to_string());
                if let Some(span) = table.span() {
                    self.offsets.insert(path.clone(), span.start);
                }
                self.table(path, table);
                path.pop();
            }
        } else if let Some(table) = item.as_table_like() {
            self.table(path, table);
        } else if let Some(Value::Array(array)) = item.as_value() {
            self.array(path, array);
        }
    }

    fn array(&mut self, path: &mut KeyPath, array: &toml_edit::Array) {
        for (index, value) in array.iter().enumerate() {
            path.push(index.to_string());
            if let Some(span) = value.span() {
                self.offsets.insert(path.clone(), span.start);
            }
            match value {
                Value::Array(inner) => self.array(path, inner),
                Value::InlineTable(inner) => self.table(path, inner),
                _ => {}
            }
            path.pop();
        }
    }
}

/// The line of an offset into a text, from 1.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    line_of(&line_starts(text), offset)
}

fn line_starts(text: &str) -> Vec<usize> {
    let after_breaks = text.match_indices('\n').map(|(index, _)| index + 1);
    std::iter::once(0).chain(after_breaks).collect()
}

fn line_of(line_starts: &[usize], offset: usize) -> usize {
    line_starts.partition_point(|start| *start <= offset)
}
