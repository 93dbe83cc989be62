//! The conversation as a list of messages that keep their bytes until a quirk touches them.

use std::borrow::Cow;

use memchr::memmem;
use proxai_json::{Container, Doc, Edit};
use proxai_types::Protocol;

use super::{Pass, State, markers, quoted, unsigned};
use crate::quirks::{ContentForm, DeveloperRole, Quirks, ReasoningEcho, SystemRole, ToolIdRule};

/// Whether any quirk can be about messages, whatever the body holds.
pub(super) fn possible(quirks: &Quirks) -> bool {
    quirks.system() != SystemRole::Keep
        || quirks.system_turns == Some(false)
        || quirks.developer() != DeveloperRole::Keep
        || quirks.alternate_roles()
        || !quirks.user_after_tool()
        || !quirks.message_names()
        || quirks.prefill_member().is_some()
        || quirks.needs_user_message()
        || !quirks.empty_content()
        || quirks.content() != ContentForm::Any
        || quirks.vision_markers()
        || quirks.tool_id() != ToolIdRule::Any
        || quirks.reasoning.echo() != ReasoningEcho::Keep
        || quirks.reasoning.echo_field.is_some()
        || !quirks.reasoning.unsigned_accepted()
        || quirks.tool_name().is_some()
        || quirks.json_modes.is_some()
}

/// Whether reading the messages is worth while: a quirk is about them, and what it is about
/// occurs in the body at all. Most requests of a large history end here, at the cost of a search.
pub(super) fn concern(quirks: &Quirks, state: &State, body: &[u8]) -> bool {
    let any = |words: &[&str]| {
        words
            .iter()
            .any(|word| memmem::find(body, word.as_bytes()).is_some())
    };
    !state.names.is_empty()
        || state.instruction.is_some()
        || quirks.system() != SystemRole::Keep
        || quirks.alternate_roles()
        || quirks.needs_user_message()
        || !quirks.empty_content()
        || quirks.content() != ContentForm::Any
        || (!quirks.reasoning.unsigned_accepted() && unsigned::occurs(body))
        || (quirks.system_turns == Some(false) && any(&["\"system\""]))
        || (quirks.developer() != DeveloperRole::Keep && any(&["developer"]))
        || (quirks.vision_markers() && any(&[markers::OPEN]))
        || (quirks.tool_id() != ToolIdRule::Any && any(&["tool_call", "call_id", "tool_use"]))
        || (!quirks.user_after_tool() && any(&["\"tool\""]))
        || (!quirks.message_names() && any(&["\"name\""]))
        || (quirks.prefill_member().is_some() && any(&["assistant"]))
        || match quirks.reasoning.echo() {
            ReasoningEcho::Keep if quirks.reasoning.echo_field.is_none() => false,
            ReasoningEcho::Keep | ReasoningEcho::Given | ReasoningEcho::None => {
                any(&["reasoning", "thinking"])
            }
            ReasoningEcho::ToolTurns => any(&["tool_calls", "reasoning", "thinking"]),
            ReasoningEcho::Always => any(&["assistant"]),
        }
}

/// One message, or input item of Responses.
pub(super) struct Message<'a> {
    bytes: Cow<'a, [u8]>,
    /// The members of `bytes`; `None` if it is not an object.
    root: Option<Container>,
    /// Empty where there is none: Responses items such as `function_call`.
    pub(super) role: String,
    /// Its place in the request; `None` if a quirk made it.
    pub(super) origin: Option<usize>,
}

/// The conversation.
pub(super) struct Messages<'a> {
    pub(super) protocol: Protocol,
    pub(super) key: &'static str,
    container: Container,
    pub(super) items: Vec<Message<'a>>,
}

impl<'a> Messages<'a> {
    /// The messages of a request; `None` if there is no array of them.
    pub(super) fn read<'d: 'a>(pass: &Pass<'d, '_>) -> Option<Self> {
        let key = match pass.protocol {
            Protocol::Chat | Protocol::Messages => "messages",
            Protocol::Responses => "input",
        };
        let body: &'d [u8] = pass.doc.body;
        let container = pass.doc.child(key)?;
        if container.span.kind(body) != b'[' {
            return None;
        }
        let items = container
            .items
            .iter()
            .enumerate()
            .map(|(index, item)| Message::new(Cow::Borrowed(item.value.of(body)), Some(index)))
            .collect();
        Some(Self {
            protocol: pass.protocol,
            key,
            container,
            items,
        })
    }

    /// Puts a system message behind those at the front.
    pub(super) fn insert_system(&mut self, text: &str) {
        self.insert_behind_system("system", text);
    }

    /// Puts a message behind the system messages at the front.
    pub(super) fn insert_behind_system(&mut self, role: &str, text: &str) {
        let at = self
            .items
            .iter()
            .take_while(|message| message.is_system())
            .count();
        self.items.insert(at, Message::text(role, text));
    }

    /// Splices what changed. Where messages came or went the array is joined anew; its messages
    /// still keep their bytes.
    pub(super) fn write(self, edit: &mut Edit<'_>) {
        let kept = self.items.len() == self.container.items.len()
            && self
                .items
                .iter()
                .enumerate()
                .all(|(index, message)| message.origin == Some(index));
        if kept {
            for (message, item) in self.items.into_iter().zip(&self.container.items) {
                if let Cow::Owned(bytes) = message.bytes {
                    edit.replace(item.value, bytes);
                }
            }
            return;
        }
        let mut joined = vec![b'['];
        for (index, message) in self.items.iter().enumerate() {
            if index > 0 {
                joined.push(b',');
            }
            joined.extend_from_slice(&message.bytes);
        }
        joined.push(b']');
        edit.replace(self.container.span, joined);
    }
}

impl<'a> Message<'a> {
    fn new(bytes: Cow<'a, [u8]>, origin: Option<usize>) -> Self {
        let mut message = Self {
            bytes,
            root: None,
            role: String::new(),
            origin,
        };
        message.root = Doc::scan(&message.bytes).ok().map(|doc| doc.root);
        message.role = message
            .doc()
            .and_then(|doc| doc.str("role").map(Cow::into_owned))
            .unwrap_or_default();
        message
    }

    /// A message with one text.
    pub(super) fn text(role: &str, text: &str) -> Self {
        let mut bytes = br#"{"role":"#.to_vec();
        bytes.extend(quoted(role));
        bytes.extend_from_slice(br#","content":"#);
        bytes.extend(quoted(text));
        bytes.push(b'}');
        Self::new(Cow::Owned(bytes), None)
    }

    pub(super) fn is_system(&self) -> bool {
        matches!(self.role.as_str(), "system" | "developer")
    }

    /// Whether an assistant message calls tools.
    pub(super) fn calls_tools(&self) -> bool {
        self.doc()
            .and_then(|doc| doc.child("tool_calls"))
            .is_some_and(|calls| !calls.items.is_empty())
    }

    /// The message as a document; `None` if it is not an object.
    pub(super) fn doc(&self) -> Option<Doc<'_>> {
        let root = self.root.clone()?;
        Some(Doc {
            body: &self.bytes,
            root,
        })
    }

    /// All text of the content, parts joined by line breaks; `None` if there is other content.
    pub(super) fn plain_text(&self) -> Option<String> {
        let doc = self.doc()?;
        let Some(span) = doc.get("content") else {
            return Some(String::new());
        };
        match span.kind(doc.body) {
            b'"' => span.string(doc.body).map(Cow::into_owned),
            b'n' => Some(String::new()),
            b'[' => {
                let parts = Container::scan(doc.body, span).ok()?;
                let texts: Option<Vec<String>> = parts
                    .items
                    .iter()
                    .map(|item| {
                        let part = Container::scan(doc.body, item.value).ok()?;
                        let kind = part.value(doc.body, "type")?.string(doc.body)?;
                        matches!(&*kind, "text" | "input_text" | "output_text").then_some(())?;
                        part.value(doc.body, "text")?
                            .string(doc.body)
                            .map(Cow::into_owned)
                    })
                    .collect();
                texts.map(|texts| texts.join("\n"))
            }
            _ => None,
        }
    }

    /// Edits the message; tells whether anything changed.
    pub(super) fn edit(&mut self, apply: impl FnOnce(&Doc<'_>, &mut Edit<'_>)) -> bool {
        let edited = {
            let Some(doc) = self.doc() else { return false };
            let mut edit = Edit::new(&self.bytes);
            apply(&doc, &mut edit);
            if edit.is_empty() {
                None
            } else {
                edit.finish().ok()
            }
        };
        let Some(bytes) = edited else { return false };
        *self = Self::new(Cow::Owned(bytes), self.origin);
        true
    }

    /// Replaces the content.
    pub(super) fn set_content(&mut self, json: &[u8]) {
        self.edit(|doc, edit| edit.set(&doc.root, "content", json));
    }
}
