//! Puts the quirks into effect on a request in the upstream's protocol.
//!
//! Runs after a translator, or on the client's own bytes where nothing is translated, so a
//! provider gets the same request either way. Only the members that a quirk is about change;
//! every other byte stays (T1). A body that no quirk touches is borrowed.
//!
//! What a quirk takes away is returned as a [`Change`], never swallowed (T4). Every change is a
//! function of the request alone, so a longer history keeps the bytes of the shorter one (T5),
//! with two exceptions that vendors force: merging `system` moves a late system message up, and the
//! beginning of an answer carries a mark until the answer is there.
//!
//! Not here: quirks that only a translator can honour (`custom_tools`, `reasoning.fields`), and
//! those of the connection (`user_agent`, `stream`, `responses_fallback`).

mod content;
mod formats;
mod history;
mod ids;
mod list;
mod markers;
mod names;
mod parameters;
mod roles;
mod schema;
mod thinking;
mod tools;
mod unsigned;

use std::borrow::Cow;

use proxai_json::{Doc, Edit, EditError, ScanError};
use proxai_types::Protocol;

use super::Quirks;
use list::Messages;

pub use names::ToolNames;
pub use tools::refuses_custom_tools;

/// What happened to a part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// Written differently, with the same meaning.
    Rewritten,
    /// The upstream gets something near to what was asked.
    Approximated,
    /// The upstream does not get it.
    Dropped,
}

/// One thing that a quirk changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where in the upstream's request.
    pub path: String,
    /// What happened to it.
    pub kind: ChangeKind,
    /// The quirk's name in the configuration.
    pub quirk: &'static str,
}

/// A request as its provider wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited<'a> {
    /// The body; borrowed if nothing changed.
    pub body: Cow<'a, [u8]>,
    /// What changed.
    pub changes: Vec<Change>,
    /// Tools that were renamed, to be restored in the answer.
    pub names: ToolNames,
}

/// A request that quirks cannot be applied to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuirkError {
    /// The body is not a JSON object.
    #[error("the request body is not JSON: {0}")]
    Scan(ScanError),
    /// Two quirks wanted the same bytes: a defect here.
    #[error("two quirks change the same bytes: {0}")]
    Edit(EditError),
}

/// What the steps hand on to each other.
#[derive(Default)]
struct State {
    changes: Vec<Change>,
    names: ToolNames,
    /// A text that the messages must carry.
    instruction: Option<String>,
}

/// One family of quirks at work.
type Step = fn(&mut Pass<'_, '_>, &Quirks);

/// What a quirk function sees and writes to.
struct Pass<'d, 'e> {
    protocol: Protocol,
    doc: &'d Doc<'d>,
    edit: &'e mut Edit<'d>,
    state: &'e mut State,
}

impl Pass<'_, '_> {
    fn note(&mut self, quirk: &'static str, kind: ChangeKind, path: impl Into<String>) {
        self.state.changes.push(Change {
            path: path.into(),
            kind,
            quirk,
        });
    }

    /// Takes a top-level member away, if it is there.
    fn remove(&mut self, quirk: &'static str, kind: ChangeKind, key: &str) -> bool {
        let removed = self.edit.remove(&self.doc.root, key);
        if removed {
            self.note(quirk, kind, key);
        }
        removed
    }
}

/// Applies every quirk that concerns a request body in `protocol`.
///
/// ```
/// use proxai_providers::quirks::{Quirks, request_edits};
/// use proxai_types::Protocol;
///
/// let quirks: Quirks = toml::from_str("stream_options = false").unwrap();
/// let body = br#"{"model": "m", "stream_options": {"include_usage": true}, "n": 1.0}"#;
/// let edited = request_edits(&quirks, Protocol::Chat, body).unwrap();
/// assert_eq!(&*edited.body, br#"{"model": "m", "n": 1.0}"#);
/// assert_eq!(edited.changes[0].path, "stream_options");
/// ```
pub fn request_edits<'a>(
    quirks: &Quirks,
    protocol: Protocol,
    body: &'a [u8],
) -> Result<Edited<'a>, QuirkError> {
    let mut state = State::default();
    let mut body = Cow::Borrowed(body);
    let steps: [Step; 3] = [parameters::apply, tools::apply, messages];
    let concerned = [
        parameters::concern(quirks),
        tools::concern(quirks),
        list::possible(quirks),
    ];
    let mut steps = steps
        .into_iter()
        .zip(concerned)
        .filter_map(|(step, is)| is.then_some(step))
        .peekable();
    // A step that changes nothing leaves the scan of the body good for the next one.
    while steps.peek().is_some() {
        let mut edited = None;
        let doc = Doc::scan(&body).map_err(QuirkError::Scan)?;
        for step in steps.by_ref() {
            let mut edit = Edit::new(&body);
            step(
                &mut Pass {
                    protocol,
                    doc: &doc,
                    edit: &mut edit,
                    state: &mut state,
                },
                quirks,
            );
            if !edit.is_empty() {
                edited = Some(edit.finish().map_err(QuirkError::Edit)?);
                break;
            }
        }
        if let Some(edited) = edited {
            body = Cow::Owned(edited);
        }
    }
    Ok(Edited {
        body,
        changes: state.changes,
        names: state.names,
    })
}

/// Quirks about the conversation, in the order in which they depend on each other.
fn messages(pass: &mut Pass<'_, '_>, quirks: &Quirks) {
    if !list::concern(quirks, pass.state, pass.doc.body) {
        return;
    }
    let Some(mut messages) = Messages::read(pass) else {
        return;
    };
    let State {
        changes,
        names,
        instruction,
    } = &mut *pass.state;
    roles::developer(quirks, &mut messages, changes);
    if let Some(text) = instruction {
        messages.insert_system(text);
    }
    roles::merge_system(quirks, &mut messages, changes);
    roles::mark_system(quirks, &mut messages, changes);
    content::markers(quirks, &mut messages, changes);
    unsigned::remove(quirks, &mut messages, changes);
    content::drop_empty(quirks, &mut messages, changes);
    content::form(quirks, &mut messages, changes);
    roles::alternate(quirks, &mut messages, changes);
    history::user_after_tool(quirks, &mut messages, changes);
    history::names(quirks, &mut messages, changes);
    roles::need_user(quirks, &mut messages, changes);
    ids::rewrite(quirks, &mut messages, changes);
    names.rewrite(&mut messages);
    content::echo_reasoning(quirks, &mut messages, changes);
    history::prefill(quirks, &mut messages, changes);
    messages.write(pass.edit);
}

/// A string as JSON.
fn quoted(text: &str) -> Vec<u8> {
    serde_json::to_vec(text).expect("a string is always JSON")
}

#[cfg(test)]
pub(super) mod testing {
    //! `before`, quirks and `after` in one line.

    use super::*;

    pub(crate) fn edited(quirks: &str, protocol: Protocol, before: &str) -> Edited<'static> {
        let quirks: Quirks = toml::from_str(quirks).unwrap();
        let edited = request_edits(&quirks, protocol, before.as_bytes()).unwrap();
        let again = request_edits(&quirks, protocol, &edited.body).unwrap();
        assert_eq!(
            text(&again),
            text(&edited),
            "applying twice changes nothing more"
        );
        Edited {
            body: Cow::Owned(edited.body.into_owned()),
            ..edited
        }
    }

    pub(crate) fn text(edited: &Edited<'_>) -> String {
        let text = String::from_utf8(edited.body.to_vec()).unwrap();
        assert!(
            serde_json::from_str::<serde_json::Value>(&text).is_ok(),
            "not JSON: {text}"
        );
        text
    }

    #[track_caller]
    pub(crate) fn check(quirks: &str, protocol: Protocol, before: &str, after: &str) {
        assert_eq!(text(&edited(quirks, protocol, before)), after);
    }

    #[test]
    fn a_body_that_no_quirk_touches_is_borrowed() {
        let quirks: Quirks = toml::from_str(
            "stream_options = false\ndeveloper = 'as_system'\nempty_content = false\ntool_id = 'alphanumeric9'\ntool_name = { charset = 'word_dash' }",
        )
        .unwrap();
        let body =
            br#" { "model" : "m", "messages":[ {"role":"user","content":"hi"} ] , "seed":1e2 } "#;
        let edited = request_edits(&quirks, Protocol::Chat, body).unwrap();
        assert!(matches!(edited.body, Cow::Borrowed(_)) && edited.changes.is_empty());
    }

    #[test]
    fn a_body_that_is_no_object_is_an_error() {
        let quirks: Quirks = toml::from_str("stream_options = false").unwrap();
        for body in ["", "[]", "{", "{}x", "\"x\""] {
            assert!(
                request_edits(&quirks, Protocol::Chat, body.as_bytes()).is_err(),
                "{body}"
            );
        }
    }

    #[test]
    fn strange_shapes_are_left_for_the_upstream_to_judge() {
        let all = "system = 'merge_into_user'\ndeveloper = 'as_system'\nalternate_roles = true\nempty_content = false\ncontent = 'string'\nvision_markers = true\nmax_tokens_field = 'max_tokens'\nmin_output_tokens = 16\ntemperature = { max = 1.0 }\nmax_stop_sequences = 1\ntool_name = { charset = 'word', max_length = 20 }\ntool_id = 'alphanumeric9'\ntool_choice = { accepted = ['auto'], named = false }\nstrip_schema_keywords = ['$schema']\njson_modes = ['json_object']\nreasoning = { echo = 'none' }";
        for before in [
            r#"{"messages":null,"tools":null,"tool_choice":null,"temperature":null,"stop":null,"max_tokens":null}"#,
            r#"{"messages":"x","tools":{},"tool_choice":7,"temperature":"hot","stop":{},"response_format":"json"}"#,
            r#"{"messages":[null,1,"x",[]],"tools":[null,{"function":3}]}"#,
        ] {
            for protocol in Protocol::ALL {
                check(all, protocol, before, before);
            }
        }
    }
}
