//! How text is marked whose role a target has no place for.
//!
//! The mark is the same wherever it is written, by a translator or by a quirk, so that a request
//! that goes one way today and the other tomorrow keeps its bytes (T5).

/// A system message for a place where only a user may speak: the model is told who says it.
pub fn as_system_text(text: &str) -> String {
    format!("<system>\n{text}\n</system>")
}
