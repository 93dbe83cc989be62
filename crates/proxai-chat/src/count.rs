//! Token counts, which a few vendors write as floats and one as text.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use serde::ser::{Serialize, Serializer};

/// A count that reads any JSON number; negative ones are zero, fractions are cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count(pub u64);

impl proxai_json::Member for Count {}

impl From<u64> for Count {
    fn from(value: u64) -> Self {
        Self(value)
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountVisitor;
        impl Visitor<'_> for CountVisitor {
            type Value = Count;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a count")
            }
            fn visit_u64<E>(self, value: u64) -> Result<Count, E> {
                Ok(Count(value))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Count, E> {
                Ok(Count(u64::try_from(value).unwrap_or(0)))
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a float cast saturates, which is what a nonsense count deserves"
            )]
            fn visit_f64<E>(self, value: f64) -> Result<Count, E> {
                Ok(Count(value as u64))
            }
            fn visit_str<E: Error>(self, value: &str) -> Result<Count, E> {
                value.trim().parse().map(Count).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(CountVisitor)
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_count_is_read() {
        for (text, expected) in [
            ("7", 7),
            ("7.0", 7),
            ("1.9e3", 1900),
            ("-1", 0),
            ("\"12\"", 12),
        ] {
            let Count(count) = proxai_json::from_str(text).unwrap();
            assert_eq!(count, expected, "{text}");
        }
        assert!(proxai_json::from_str::<Count>("\"many\"").is_err());
        assert!(proxai_json::from_str::<Count>("{}").is_err());
    }
}
