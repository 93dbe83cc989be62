//! Small raw JSON values.

use proxai_json::RawValue;

/// A constant as raw JSON.
pub(super) fn constant(text: &'static str) -> &'static RawValue {
    serde_json::from_str(text).expect("the constant is JSON")
}

/// A text that was JSON when it was read.
pub(super) fn parsed(text: &str) -> Option<&RawValue> {
    serde_json::from_str(text).ok()
}
