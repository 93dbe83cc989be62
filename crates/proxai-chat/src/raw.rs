//! JSON that is kept as text, borrowed from a body or made for one.

use std::borrow::Cow;

use proxai_json::{Member, RawValue, Str};
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

/// A JSON value as text. Unlike `&RawValue` it can also own a value that was just written.
#[derive(Clone, Debug)]
pub struct Raw<'a>(Cow<'a, RawValue>);

impl<'a> Raw<'a> {
    /// The text of the value.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// The text, for as long as the body lives.
    pub fn into_text(self) -> Str<'a> {
        match self.0 {
            Cow::Borrowed(value) => Str::borrowed(value.get()),
            Cow::Owned(value) => Str::from(String::from(Box::<str>::from(value))),
        }
    }

    /// The value as it lies in the body; `None` for one that was made.
    pub fn into_borrowed(self) -> Option<&'a RawValue> {
        match self.0 {
            Cow::Borrowed(value) => Some(value),
            Cow::Owned(_) => None,
        }
    }

    /// Takes a text that was made elsewhere; `None` if it is not JSON.
    pub fn from_text(text: String) -> Option<Self> {
        RawValue::from_string(text)
            .ok()
            .map(|value| Self(Cow::Owned(value)))
    }

    /// Views a text without copying it; `None` if it is not JSON.
    pub fn view(text: &'a str) -> Option<Self> {
        serde_json::from_str::<&'a RawValue>(text)
            .ok()
            .map(|value| Self(Cow::Borrowed(value)))
    }
}

impl<'a> From<&'a RawValue> for Raw<'a> {
    fn from(value: &'a RawValue) -> Self {
        Self(Cow::Borrowed(value))
    }
}

impl Member for Raw<'_> {}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de RawValue>::deserialize(deserializer).map(|value| Self(Cow::Borrowed(value)))
    }
}

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_not_json_is_refused() {
        assert!(Raw::from_text("{".to_owned()).is_none());
        assert!(Raw::view("[1,]").is_none());
        let made = Raw::from_text("{\"a\": 1}".to_owned()).unwrap();
        assert_eq!(proxai_json::to_string(&made), "{\"a\": 1}");
    }
}
