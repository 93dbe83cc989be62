//! Members whose type drifts between vendors.
//!
//! Each type here reads every spelling that was seen on the wire and writes the one of the vendor
//! reference. None of them guesses: what is not such a spelling stays as the raw JSON text.

use proxai_json::{Member, RawValue, Str};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};

/// A string that some vendors send as a number, an object or another bare value: error codes,
/// tool arguments. What is not a string is kept as its JSON text. Written as a string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JsonText<'a>(pub Str<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for JsonText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        if raw.get().starts_with('"') {
            let text = serde_json::from_str(raw.get()).map_err(D::Error::custom)?;
            return Ok(Self(text));
        }
        Ok(Self(Str::borrowed(raw.get())))
    }
}

impl Serialize for JsonText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl Member for JsonText<'_> {}

/// A time in whole seconds since 1970, which some vendors send with a fraction or as text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seconds(pub u64);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = JsonText::deserialize(deserializer)?.0;
        let whole = text.split('.').next().unwrap_or_default();
        Ok(Self(whole.parse().unwrap_or_default()))
    }
}

impl Serialize for Seconds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

impl Member for Seconds {}

/// A member of a request that an answer repeats: read as a value, with the text it was read from.
///
/// Costs a second look at the member, which is cheaper than a second look at the whole body.
#[derive(Clone, Debug, Default)]
pub struct Kept<'a, T> {
    /// As it stood in the body; `None` for a value that was not read.
    pub raw: Option<&'a RawValue>,
    /// What it says.
    pub value: T,
}

impl<T> Kept<'_, T> {
    /// A value to be written.
    pub const fn of(value: T) -> Self {
        Self { raw: None, value }
    }
}

impl<'de: 'a, 'a, T: Deserialize<'de>> Deserialize<'de> for Kept<'a, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?;
        let value = proxai_json::from_str(raw.get()).map_err(|error| {
            let place = if error.path.is_empty() { "" } else { " in " };
            D::Error::custom(format_args!("{}{place}{}", error.message, error.path))
        })?;
        Ok(Self {
            raw: Some(raw),
            value,
        })
    }
}

impl<T: Serialize> Serialize for Kept<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T> Member for Kept<'_, T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_may_be_a_string_a_number_or_an_object() {
        for (body, text) in [
            (r#""a\nb""#, "a\nb"),
            ("429", "429"),
            (r#"{"x":1}"#, r#"{"x":1}"#),
        ] {
            let read: JsonText<'_> = proxai_json::from_str(body).unwrap();
            assert_eq!(read.0, text);
        }
        assert_eq!(proxai_json::to_string(&JsonText("4".into())), r#""4""#);
    }

    #[test]
    fn times_lose_their_fraction() {
        for body in ["1700000000", "1700000000.5", r#""1700000000""#] {
            let read: Seconds = proxai_json::from_str(body).unwrap();
            assert_eq!(proxai_json::to_string(&read), "1700000000");
        }
    }

    #[test]
    fn a_kept_member_has_its_own_spelling_and_says_what_is_wrong_with_it() {
        let kept: Kept<'_, f64> = proxai_json::from_str("1.50").unwrap();
        assert_eq!(
            (kept.raw.unwrap().get(), kept.value.to_string()),
            ("1.50", "1.5".into())
        );
        let error = proxai_json::from_str::<Kept<'_, Vec<u64>>>(r#"[1,"x"]"#).unwrap_err();
        assert!(error.message.contains("[1]"), "{error}");
    }
}
