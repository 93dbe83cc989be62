//! Small raw JSON values.

use std::borrow::Cow;

use proxai_json::RawValue;

/// A constant as raw JSON.
pub(super) fn constant(text: &'static str) -> &'static RawValue {
    serde_json::from_str(text).expect("the constant is JSON")
}

/// A text that was JSON when it was read.
pub(super) fn parsed(text: &str) -> Option<&RawValue> {
    serde_json::from_str(text).ok()
}

/// JSON without line ends, which would end a frame of a stream in the middle.
///
/// JSON strings hold no bare line ends, so those in raw JSON are space between values.
pub(super) fn one_line(json: &str) -> Cow<'_, str> {
    if json.contains(['\n', '\r']) {
        Cow::Owned(json.replace(['\n', '\r'], " "))
    } else {
        Cow::Borrowed(json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_ends_between_values_become_spaces_and_escaped_ones_stay() {
        assert_eq!(one_line("{\r\n \"a\": \"x\\ny\"}"), "{   \"a\": \"x\\ny\"}");
        assert!(matches!(one_line("{}"), Cow::Borrowed("{}")));
    }
}
