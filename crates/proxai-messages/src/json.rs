//! JSON that a type carries without reading it: borrowed from a body, or made by us.

use std::borrow::Cow;

use proxai_json::{Member, RawValue};
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

proxai_json::wire! {
    /// Any object, with its members unread.
    pub struct Object<'a> {
        ..members
    }
}

/// Raw JSON, such as the input of a tool call. Number spelling and key order survive.
#[derive(Clone, Debug)]
pub struct Json<'a>(pub Cow<'a, RawValue>);

impl<'a> Json<'a> {
    /// The JSON in `text`, borrowed, or `None` if it is not JSON.
    pub fn parse(text: &'a str) -> Option<Self> {
        serde_json::from_str::<&RawValue>(text)
            .ok()
            .map(|raw| Self(Cow::Borrowed(raw)))
    }

    /// The JSON in `text`, or `None` if it is not JSON.
    pub fn from_string(text: String) -> Option<Self> {
        RawValue::from_string(text)
            .ok()
            .map(|raw| Self(Cow::Owned(raw)))
    }

    /// The text, without surrounding space.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// The JSON as long as the body lives, unless it was made by us.
    pub fn borrowed(self) -> Option<&'a RawValue> {
        match self.0 {
            Cow::Borrowed(raw) => Some(raw),
            Cow::Owned(_) => None,
        }
    }

    /// The text as long as the body lives, or a copy of it.
    pub fn into_text(self) -> Cow<'a, str> {
        match self.0 {
            Cow::Borrowed(raw) => Cow::Borrowed(raw.get()),
            Cow::Owned(raw) => Cow::Owned(Box::<str>::from(raw).into_string()),
        }
    }
}

impl Member for Json<'_> {}

impl<'de: 'a, 'a> Deserialize<'de> for Json<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <&'de RawValue>::deserialize(deserializer).map(|raw| Self(Cow::Borrowed(raw)))
    }
}

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_key_order_survive() {
        let text = r#"{"b":1e400,"a":123456789012345678901234567890}"#;
        let json = Json::parse(text).unwrap();
        assert_eq!(proxai_json::to_string(&json), text);
        assert!(matches!(json.into_text(), Cow::Borrowed(_)));
        assert!(Json::parse("{").is_none());
    }
}
