//! Tool names that the endpoint accepts, and the way back.
//!
//! A name that is accepted is never touched. Any other keeps what it can of itself and gets a
//! hash of the whole, so two names cannot meet and the same name is the same in every turn.
//! Answers are restored by exact name; the hash makes it impossible to mistake one for another.

use std::borrow::Cow;
use std::collections::BTreeMap;

use proxai_json::{Container, Doc, Edit, Span};
use proxai_types::Protocol;

use super::list::Messages;
use super::{QuirkError, quoted};
use crate::quirks::NameRule;

/// Characters of the hash, in base 36.
const HASH_LENGTH: usize = 8;

/// How deep an answer is searched for names; the deepest is `response.output[].name`.
const MAX_DEPTH: usize = 8;

/// Tools that were renamed for an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolNames {
    /// Original to sent.
    sent: BTreeMap<String, String>,
}

impl ToolNames {
    /// Whether every tool kept its name.
    pub fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    /// The client's name for a tool that an answer calls; `None` if it was not renamed.
    pub fn original(&self, sent: &str) -> Option<&str> {
        self.sent
            .iter()
            .find(|(_, name)| *name == sent)
            .map(|(original, _)| original.as_str())
    }

    /// Original and sent name of every renamed tool.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.sent
            .iter()
            .map(|(original, sent)| (original.as_str(), sent.as_str()))
    }

    /// Restores the client's names in an answer or in the data of one stream event. Borrowed if
    /// there is nothing to restore. Arguments are not looked into.
    pub fn restore<'a>(&self, body: &'a [u8]) -> Result<Cow<'a, [u8]>, QuirkError> {
        if !self
            .sent
            .values()
            .any(|name| contains(body, name.as_bytes()))
        {
            return Ok(Cow::Borrowed(body));
        }
        let doc = Doc::scan(body).map_err(QuirkError::Scan)?;
        let mut edit = Edit::new(body);
        self.restore_in(body, &doc.root, &mut edit, 0);
        if edit.is_empty() {
            return Ok(Cow::Borrowed(body));
        }
        edit.finish().map(Cow::Owned).map_err(QuirkError::Edit)
    }

    fn restore_in(&self, body: &[u8], container: &Container, edit: &mut Edit<'_>, depth: usize) {
        for item in &container.items {
            let key = item.key.map(|key| key.of(body));
            match item.value.kind(body) {
                b'"' if key == Some(b"\"name\"") => {
                    let original = item
                        .value
                        .string(body)
                        .and_then(|name| self.original(&name).map(quoted));
                    if let Some(original) = original {
                        edit.replace(item.value, original);
                    }
                }
                b'{' | b'[' if key != Some(b"\"input\"") && depth < MAX_DEPTH => {
                    if let Ok(inner) = Container::scan(body, item.value) {
                        self.restore_in(body, &inner, edit, depth + 1);
                    }
                }
                _ => {}
            }
        }
    }

    /// Renames a tool if the rule demands it; tells whether it did.
    pub(super) fn rename(
        &mut self,
        rule: &NameRule,
        doc: &Doc<'_>,
        edit: &mut Edit<'_>,
        span: Span,
    ) -> bool {
        let Some(name) = span.string(doc.body).filter(|name| !rule.accepts(name)) else {
            return false;
        };
        let sent = legal(rule, &name);
        edit.replace(span, quoted(&sent));
        self.sent.insert(name.into_owned(), sent);
        true
    }

    /// Renames calls in the history.
    pub(super) fn rewrite(&self, messages: &mut Messages<'_>) {
        if self.is_empty() {
            return;
        }
        let protocol = messages.protocol;
        for message in &mut messages.items {
            message.edit(|doc, edit| {
                for span in spans(protocol, doc) {
                    if let Some(sent) = span.string(doc.body).and_then(|name| self.sent.get(&*name))
                    {
                        edit.replace(span, quoted(sent));
                    }
                }
            });
        }
    }
}

/// Where a message names tools.
fn spans(protocol: Protocol, doc: &Doc<'_>) -> Vec<Span> {
    let body = doc.body;
    let items = |key: &str| doc.child(key).map(|list| list.items).unwrap_or_default();
    match protocol {
        Protocol::Chat => items("tool_calls")
            .iter()
            .filter_map(|call| {
                Container::scan(body, call.value)
                    .ok()?
                    .child(body, "function")?
                    .value(body, "name")
            })
            .chain(
                doc.get("name")
                    .filter(|_| doc.str("role").is_some_and(|role| role == "tool")),
            )
            .collect(),
        Protocol::Responses => doc.get("name").into_iter().collect(),
        Protocol::Messages => items("content")
            .iter()
            .filter_map(|block| {
                let block = Container::scan(body, block.value).ok()?;
                (block.value(body, "type")?.of(body) == b"\"tool_use\"").then_some(())?;
                block.value(body, "name")
            })
            .collect(),
    }
}

/// A legal name for an illegal one.
fn legal(rule: &NameRule, name: &str) -> String {
    let mut digits = String::with_capacity(HASH_LENGTH);
    let mut rest = hash(name);
    for _ in 0..HASH_LENGTH {
        let digit = u32::try_from(rest % 36).expect("below 36");
        digits.push(char::from_digit(digit, 36).expect("below 36"));
        rest /= 36;
    }
    let room = rule
        .max_length
        .unwrap_or(usize::MAX)
        .saturating_sub(HASH_LENGTH + 1);
    let kept: String = name
        .chars()
        .map(|c| if rule.charset.holds(c) { c } else { '_' })
        .skip_while(|c| rule.starts_with_letter && !c.is_ascii_alphabetic() && *c != '_')
        .take(room)
        .collect();
    if kept.is_empty() {
        format!("t{digits}")
    } else {
        format!("{kept}_{digits}")
    }
}

/// FNV-1a with a final mix: short, and the same on every machine and in every version.
pub(super) fn hash(text: &str) -> u64 {
    let mut hash = text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^ (hash >> 33)
}

fn contains(body: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(body, wanted).is_some()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{edited, text};
    use super::*;
    use crate::quirks::Charset;

    const RULE: &str = "tool_name = { charset = 'word_dash', max_length = 24 }";

    #[test]
    fn a_name_is_renamed_everywhere_and_restored() {
        let body = r#"{"messages":[{"role":"assistant","tool_calls":[{"id":"1","function":{"name":"mcp.git/status","arguments":"{}"}}]},{"role":"tool","tool_call_id":"1","name":"mcp.git/status","content":"x"}],"tools":[{"type":"function","function":{"name":"mcp.git/status"}},{"type":"function","function":{"name":"plain"}}],"tool_choice":{"type":"function","function":{"name":"mcp.git/status"}}}"#;
        let out = edited(RULE, Protocol::Chat, body);
        let sent = out.names.iter().next().unwrap().1.to_owned();
        assert!(
            sent.len() <= 24 && sent.starts_with("mcp_git_status"),
            "{sent}"
        );
        assert_eq!(text(&out), body.replace("mcp.git/status", &sent));
        let answer = format!(
            r#"{{"choices":[{{"message":{{"tool_calls":[{{"function":{{"name":"{sent}","arguments":"{{\"name\":\"{sent}\"}}"}}}}]}}}}]}}"#
        );
        let restored = out.names.restore(answer.as_bytes()).unwrap().into_owned();
        let expected = answer.replacen(&sent, "mcp.git/status", 1);
        assert_eq!(String::from_utf8(restored).unwrap(), expected);
    }

    #[test]
    fn the_other_protocols_name_tools_in_their_own_places() {
        let responses = r#"{"input":[{"type":"function_call","name":"a.b","call_id":"1"}],"tools":[{"type":"function","name":"a.b"}],"tool_choice":{"type":"function","name":"a.b"}}"#;
        let out = edited(RULE, Protocol::Responses, responses);
        let sent = out.names.iter().next().unwrap().1.to_owned();
        assert_eq!(text(&out), responses.replace("a.b", &sent));
        let messages = r#"{"messages":[{"role":"assistant","content":[{"type":"tool_use","name":"a.b","input":{"name":"a.b!"}}]}],"tools":[{"name":"a.b"}],"tool_choice":{"type":"tool","name":"a.b"}}"#;
        let out = edited(RULE, Protocol::Messages, messages);
        assert_eq!(
            text(&out),
            messages.replace(r#""a.b""#, &format!("\"{sent}\""))
        );
        let event = format!(
            r#"{{"type":"content_block_start","content_block":{{"type":"tool_use","name":"{sent}","input":{{"name":"{sent}"}}}}}}"#
        );
        let restored = out.names.restore(event.as_bytes()).unwrap().into_owned();
        assert_eq!(
            String::from_utf8(restored).unwrap(),
            event.replacen(&sent, "a.b", 1)
        );
    }

    #[test]
    fn names_that_look_alike_stay_different_and_legal() {
        let rule = NameRule {
            charset: Charset::Word,
            max_length: Some(12),
            starts_with_letter: true,
        };
        let names = [
            "a.b",
            "a-b",
            "a b",
            "1.x",
            "äöü",
            "a-very-long-name-indeed",
            "a-very-long-name-inside",
            "",
        ];
        let sent: std::collections::HashSet<String> =
            names.iter().map(|name| legal(&rule, name)).collect();
        assert_eq!(sent.len(), names.len());
        assert!(sent.iter().all(|name| rule.accepts(name)), "{sent:?}");
    }

    #[test]
    fn an_answer_without_renamed_tools_is_borrowed() {
        let out = edited(
            RULE,
            Protocol::Chat,
            r#"{"messages":[],"tools":[{"function":{"name":"a.b"}}]}"#,
        );
        let answer = br#"{"choices":[]}"#;
        assert!(matches!(out.names.restore(answer), Ok(Cow::Borrowed(_))));
        assert!(
            matches!(out.names.restore(b"[DONE]"), Ok(Cow::Borrowed(_))),
            "what is no JSON passes"
        );
    }
}
