//! Members that a wire type does not name, kept in order as raw text.

use serde_json::value::RawValue;

use crate::Str;

/// Unknown members: never re-parsed, re-emitted verbatim after the known ones.
#[derive(Clone, Debug, Default)]
pub struct Extra<'a>(pub Vec<(Str<'a>, &'a RawValue)>);

impl<'a> Extra<'a> {
    /// No members.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The raw text of the member called `name`; the last one wins, as in `JSON.parse`.
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| *value)
    }

    /// Takes the member called `name` out, so that what stays is what nobody read.
    pub fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        let at = self.0.iter().rposition(|(key, _)| key == name)?;
        Some(self.0.remove(at).1)
    }

    /// Adds a member at the end.
    pub fn push(&mut self, name: impl Into<Str<'a>>, value: &'a RawValue) {
        self.0.push((name.into(), value));
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The members in wire order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(key, value)| (key.as_str(), *value))
    }
}

impl PartialEq for Extra<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter()
            .map(|(k, v)| (k, v.get()))
            .eq(other.iter().map(|(k, v)| (k, v.get())))
    }
}
