//! The values that quirks take.
//!
//! Names that only data knows (fields, effort levels, schema keywords) are strings; everything a
//! function must act on is a closed enum, so that a misspelt value fails when it is loaded.

use serde::{Deserialize, Serialize};

use super::Renames;

/// Which of JSON and stream an endpoint can answer with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum StreamSupport {
    /// Both, as the request asks.
    #[default]
    Both,
    /// Never a stream: the answer is replayed as one.
    Never,
    /// Always a stream: it is folded into JSON.
    Always,
}

/// What happens to `system` messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SystemRole {
    /// They are sent as they are.
    #[default]
    Keep,
    /// Their texts are joined by blank lines and put before the first user message's text.
    MergeIntoUser,
}

/// What happens to `developer` messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeveloperRole {
    /// They are sent as they are.
    #[default]
    Keep,
    /// They are sent with the role `system`.
    AsSystem,
}

/// The form of message content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ContentForm {
    /// A string or a list of parts.
    #[default]
    Any,
    /// Lists that hold only text become one string; lists with other parts stay.
    String,
    /// Strings become a list with one text part.
    Parts,
}

/// The name of the output limit in Chat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MaxTokensField {
    /// The name that the client or the translator wrote.
    #[default]
    Keep,
    /// `max_tokens`, which nearly every server knows.
    MaxTokens,
    /// `max_completion_tokens`, which OpenAI's reasoning models insist on.
    MaxCompletionTokens,
}

/// The temperatures an endpoint accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Temperature {
    /// The lowest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    /// The highest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// The only one; it replaces whatever was sent, and nothing is added where nothing was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixed: Option<f64>,
    /// The parameter is refused altogether and left out.
    #[serde(default, skip_serializing_if = "is_false")]
    pub refused: bool,
}

impl Temperature {
    /// No restriction.
    pub const ANY: Self = Self {
        min: None,
        max: None,
        fixed: None,
        refused: false,
    };

    /// The accepted value nearest to a requested one; `None` if the request may stay as it is.
    pub fn nearest(&self, requested: f64) -> Option<f64> {
        let wanted = self.fixed.unwrap_or_else(|| {
            let raised = self.min.map_or(requested, |min| requested.max(min));
            self.max.map_or(raised, |max| raised.min(max))
        });
        ((wanted - requested).abs() > f64::EPSILON).then_some(wanted)
    }
}

/// The characters a name may hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Charset {
    /// Any text.
    #[default]
    Any,
    /// `[a-zA-Z0-9_-]`.
    WordDash,
    /// `[a-zA-Z0-9_]`.
    Word,
    /// `[a-zA-Z0-9_.-]`.
    WordDashDot,
}

impl Charset {
    /// Whether a character is in it.
    pub fn holds(self, c: char) -> bool {
        match self {
            Self::Any => true,
            Self::WordDash => c.is_ascii_alphanumeric() || c == '_' || c == '-',
            Self::Word => c.is_ascii_alphanumeric() || c == '_',
            Self::WordDashDot => c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'),
        }
    }
}

/// The tool names an endpoint accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NameRule {
    /// The characters.
    #[serde(default)]
    pub charset: Charset,
    /// The longest accepted name, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<usize>,
    /// Whether the first character must be a letter or an underscore.
    #[serde(default, skip_serializing_if = "is_false")]
    pub starts_with_letter: bool,
}

impl NameRule {
    /// Whether a name may be sent as it is.
    pub fn accepts(&self, name: &str) -> bool {
        let first_fits = !self.starts_with_letter
            || name
                .chars()
                .next()
                .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
        first_fits
            && !name.is_empty()
            && name.chars().all(|c| self.charset.holds(c))
            && self
                .max_length
                .is_none_or(|max| name.chars().count() <= max)
    }
}

/// The tool call ids an endpoint accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum ToolIdRule {
    /// Any text.
    #[default]
    #[serde(rename = "any")]
    Any,
    /// Exactly nine of `[a-zA-Z0-9]`.
    #[serde(rename = "alphanumeric9")]
    Alphanumeric9,
    /// Any number of `[a-zA-Z0-9_-]`, at least one.
    #[serde(rename = "word_dash")]
    WordDash,
    /// At most 64 characters of any kind.
    #[serde(rename = "max64")]
    Max64,
}

impl ToolIdRule {
    /// Whether an id may be sent as it is.
    pub fn accepts(self, id: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Alphanumeric9 => id.len() == 9 && id.bytes().all(|b| b.is_ascii_alphanumeric()),
            Self::WordDash => !id.is_empty() && id.chars().all(|c| Charset::WordDash.holds(c)),
            Self::Max64 => !id.is_empty() && id.chars().count() <= 64,
        }
    }
}

/// The values of `tool_choice` an endpoint accepts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct ToolChoiceQuirks {
    /// Words that are accepted, in the endpoint's spelling; absent means every word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Vec<String>>,
    /// Canonical word to the endpoint's word, such as `required` to `any`.
    #[serde(skip_serializing_if = "Renames::is_empty")]
    pub rename: Renames,
    /// Whether one tool can be named; if not, the choice becomes the endpoint's `required`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named: Option<bool>,
}

/// A tool that a provider runs itself, and that a translator knows in every protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum HostedTool {
    /// A search of the web.
    WebSearch,
}

/// A kind of `response_format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum JsonMode {
    /// `{"type":"json_object"}`.
    JsonObject,
    /// `{"type":"json_schema",…}`.
    JsonSchema,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_false(value: &bool) -> bool {
    !*value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_temperature_moves_to_the_nearest_accepted_one() {
        let range = Temperature {
            min: Some(0.01),
            max: Some(1.0),
            ..Temperature::ANY
        };
        assert_eq!(range.nearest(0.0), Some(0.01));
        assert_eq!(range.nearest(1.6), Some(1.0));
        assert_eq!(range.nearest(0.7), None);
        let fixed = Temperature {
            fixed: Some(1.0),
            ..Temperature::ANY
        };
        assert_eq!((fixed.nearest(0.2), fixed.nearest(1.0)), (Some(1.0), None));
    }

    #[test]
    fn names_and_ids_are_judged_by_their_rule() {
        let rule = NameRule {
            charset: Charset::WordDash,
            max_length: Some(5),
            starts_with_letter: true,
        };
        for (name, accepted) in [
            ("a-b_1", true),
            ("a.b", false),
            ("abcdef", false),
            ("1ab", false),
            ("", false),
            ("_a", true),
        ] {
            assert_eq!(rule.accepts(name), accepted, "{name}");
        }
        assert!(ToolIdRule::Alphanumeric9.accepts("abcDEF123"));
        assert!(!ToolIdRule::Alphanumeric9.accepts("call_abc1"));
        assert!(ToolIdRule::WordDash.accepts("toolu_01-x") && !ToolIdRule::WordDash.accepts("a:b"));
    }
}
