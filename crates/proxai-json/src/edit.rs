//! Splices members of a body and leaves every other byte as it was (T1).

use std::fmt;

use crate::Span;
use crate::scan::Container;

/// Two edits that touch the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EditError {
    /// Where the second one begins.
    pub offset: usize,
}

impl fmt::Display for EditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "two edits overlap at byte {}", self.offset)
    }
}

impl std::error::Error for EditError {}

/// A set of changes to one body.
///
/// ```
/// use proxai_json::{Doc, Edit};
/// let body = br#"{ "model": "a",  "n": 1.50, "x": [ ] }"#;
/// let doc = Doc::scan(body).unwrap();
/// let mut edit = Edit::new(body);
/// edit.set(&doc.root, "model", b"\"b\"");
/// edit.remove(&doc.root, "x");
/// edit.set(&doc.root, "y", b"true");
/// assert_eq!(edit.finish().unwrap(), br#"{ "model": "b",  "n": 1.50,"y":true }"#);
/// ```
#[derive(Debug)]
pub struct Edit<'a> {
    body: &'a [u8],
    splices: Vec<(Span, Vec<u8>)>,
    containers: Vec<ContainerEdit>,
}

#[derive(Debug)]
struct ContainerEdit {
    container: Container,
    removed: Vec<bool>,
    appended: Vec<u8>,
}

impl<'a> Edit<'a> {
    /// No changes yet.
    pub const fn new(body: &'a [u8]) -> Self {
        Self {
            body,
            splices: Vec::new(),
            containers: Vec::new(),
        }
    }

    /// Whether nothing was changed, so that the body itself can be used.
    pub fn is_empty(&self) -> bool {
        self.splices.is_empty() && self.containers.is_empty()
    }

    /// Replaces the bytes of `span`.
    pub fn replace(&mut self, span: Span, bytes: impl Into<Vec<u8>>) {
        self.splices.push((span, bytes.into()));
    }

    /// Gives member `key` of `object` the value `json`, adding it at the end if it is missing.
    pub fn set(&mut self, object: &Container, key: &str, json: &[u8]) {
        if let Some(span) = object.value(self.body, key) {
            self.replace(span, json);
        } else {
            let mut member = serde_json::to_vec(key).expect("a string serialises");
            member.push(b':');
            member.extend_from_slice(json);
            self.push(object, &member);
        }
    }

    /// Gives member `key` a new name, if it is there.
    pub fn rename(&mut self, object: &Container, key: &str, name: &str) -> bool {
        let Some(span) = object.get(self.body, key).and_then(|item| item.key) else {
            return false;
        };
        self.replace(span, serde_json::to_vec(name).expect("a string serialises"));
        true
    }

    /// Adds an element at the end of `array`, or a whole `"key":value` at the end of an object.
    pub fn push(&mut self, container: &Container, json: &[u8]) {
        let edit = self.container(container);
        if !edit.appended.is_empty() {
            edit.appended.push(b',');
        }
        edit.appended.extend_from_slice(json);
    }

    /// Removes every member called `key`; tells whether there was one.
    pub fn remove(&mut self, object: &Container, key: &str) -> bool {
        let body = self.body;
        let found: Vec<usize> = (0..object.items.len())
            .filter(|&index| object.items[index].is(body, key))
            .collect();
        for &index in &found {
            self.remove_at(object, index);
        }
        !found.is_empty()
    }

    /// Removes the item at `index`.
    pub fn remove_at(&mut self, container: &Container, index: usize) {
        self.container(container).removed[index] = true;
    }

    fn container(&mut self, container: &Container) -> &mut ContainerEdit {
        let at = self
            .containers
            .iter()
            .position(|edit| edit.container.span == container.span);
        let at = at.unwrap_or_else(|| {
            self.containers.push(ContainerEdit {
                container: container.clone(),
                removed: vec![false; container.items.len()],
                appended: Vec::new(),
            });
            self.containers.len() - 1
        });
        &mut self.containers[at]
    }

    /// The edited body. Copies everything between the changes as it was.
    pub fn finish(mut self) -> Result<Vec<u8>, EditError> {
        for edit in std::mem::take(&mut self.containers) {
            self.splices.extend(edit.splices());
        }
        self.splices.sort_by_key(|(span, _)| (span.start, span.end));
        let grown: usize = self.splices.iter().map(|(_, bytes)| bytes.len()).sum();
        let mut out = Vec::with_capacity(self.body.len() + grown);
        let mut copied = 0;
        for (span, bytes) in &self.splices {
            if span.start < copied {
                return Err(EditError { offset: span.start });
            }
            out.extend_from_slice(&self.body[copied..span.start]);
            out.extend_from_slice(bytes);
            copied = span.end;
        }
        out.extend_from_slice(&self.body[copied..]);
        Ok(out)
    }
}

impl ContainerEdit {
    /// Turns removals and additions into splices that keep the commas right.
    fn splices(self) -> Vec<(Span, Vec<u8>)> {
        let items = &self.container.items;
        let mut splices = Vec::new();
        let first_kept = self.removed.iter().position(|removed| !removed);
        match (first_kept, items.first(), items.last()) {
            (Some(kept), Some(first), _) => {
                if kept > 0 {
                    let span = Span {
                        start: first.start(),
                        end: items[kept].start(),
                    };
                    splices.push((span, Vec::new()));
                }
                for at in kept + 1..items.len() {
                    if self.removed[at] {
                        let span = Span {
                            start: items[at - 1].value.end,
                            end: items[at].value.end,
                        };
                        splices.push((span, Vec::new()));
                    }
                }
            }
            (None, Some(first), Some(last)) => {
                let span = Span {
                    start: first.start(),
                    end: last.value.end,
                };
                splices.push((span, Vec::new()));
            }
            _ => {}
        }
        if !self.appended.is_empty() {
            let at = items
                .last()
                .map_or(self.container.span.start + 1, |last| last.value.end);
            let mut bytes = Vec::with_capacity(self.appended.len() + 1);
            if first_kept.is_some() {
                bytes.push(b',');
            }
            bytes.extend_from_slice(&self.appended);
            splices.push((Span { start: at, end: at }, bytes));
        }
        splices
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Doc;

    fn without(body: &str, keys: &[&str], added: Option<&str>) -> String {
        let doc = Doc::scan(body.as_bytes()).unwrap();
        let mut edit = Edit::new(body.as_bytes());
        for key in keys {
            assert!(edit.remove(&doc.root, key));
        }
        if let Some(key) = added {
            edit.set(&doc.root, key, b"0");
        }
        String::from_utf8(edit.finish().unwrap()).unwrap()
    }

    #[test]
    fn any_set_of_members_can_be_removed_and_the_rest_stays_json() {
        let keys = ["a", "b", "c"];
        let body = r#"{ "a": 1 , "b" :[2], "c":"3" }"#;
        for mask in 0..8_u8 {
            let gone: Vec<&str> = (0..3)
                .filter(|bit| mask & (1 << bit) != 0)
                .map(|bit| keys[bit])
                .collect();
            for added in [None, Some("d")] {
                let out = without(body, &gone, added);
                let doc = Doc::scan(out.as_bytes()).unwrap_or_else(|e| panic!("{out}: {e}"));
                let left = keys.iter().filter(|key| doc.get(key).is_some()).count();
                assert_eq!(left, 3 - gone.len(), "{out}");
                assert_eq!(doc.get("d").is_some(), added.is_some(), "{out}");
            }
        }
    }

    #[test]
    fn an_empty_object_takes_members() {
        assert_eq!(without("{}", &[], Some("d")), r#"{"d":0}"#);
        assert_eq!(without("{ }", &[], Some("d")), r#"{"d":0 }"#);
    }

    #[test]
    fn overlapping_edits_are_refused() {
        let body = br#"{"a":{"b":1}}"#;
        let doc = Doc::scan(body).unwrap();
        let inner = doc.child("a").unwrap();
        let mut edit = Edit::new(body);
        edit.set(&doc.root, "a", b"2");
        edit.set(&inner, "b", b"3");
        assert!(edit.finish().is_err());
    }

    #[test]
    fn edits_at_two_depths_combine() {
        let body = br#"{"a":{"b":1,"c":2},"d":[3,4]}"#;
        let doc = Doc::scan(body).unwrap();
        let mut edit = Edit::new(body);
        edit.remove(&doc.child("a").unwrap(), "b");
        let array = doc.child("d").unwrap();
        edit.remove_at(&array, 0);
        edit.push(&array, b"5");
        edit.rename(&doc.root, "d", "e");
        assert_eq!(edit.finish().unwrap(), br#"{"a":{"c":2},"e":[4,5]}"#);
    }
}
