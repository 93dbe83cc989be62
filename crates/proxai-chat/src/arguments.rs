//! The arguments of a call, as text.

use proxai_json::{Member, RawValue, Str};
use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};

/// JSON text in a string. Some vendors write the object itself; it reads as its text, and is
/// always written as a string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments<'a>(pub Str<'a>);

impl Member for Arguments<'_> {}

impl<'a> From<Str<'a>> for Arguments<'a> {
    fn from(text: Str<'a>) -> Self {
        Self(text)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Arguments<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = <&'de RawValue>::deserialize(deserializer)?.get();
        if value.starts_with('"') {
            serde_json::from_str(value)
                .map(Self)
                .map_err(D::Error::custom)
        } else {
            Ok(Self(Str::borrowed(value)))
        }
    }
}

impl Serialize for Arguments<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_reads_as_its_text() {
        for (wire, text) in [
            (r#""{\"x\":1}""#, r#"{"x":1}"#),
            (r#"{"x": 1}"#, r#"{"x": 1}"#),
            (r#""""#, ""),
            ("[1]", "[1]"),
        ] {
            let arguments: Arguments<'_> = proxai_json::from_str(wire).unwrap();
            assert_eq!(arguments.0, text, "{wire}");
        }
    }

    #[test]
    fn text_is_written_as_a_string() {
        let arguments = Arguments(Str::borrowed("{\"x\":1}"));
        assert_eq!(proxai_json::to_string(&arguments), r#""{\"x\":1}""#);
    }
}
