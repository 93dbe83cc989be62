//! Messages of Chat: blocks of `reasoning_details`, and `extra_content` of calls.
//!
//! The text of a thought stands in a member of its own and is the client's, so it stays: whether
//! this upstream wants it is for its row to say.

use proxai_ir::At;
use proxai_json::{Container, Doc, RawValue};

use super::{Away, CHANGED, Cut, Found};
use crate::features::Feature;
use crate::seal;

/// What a message without words, thoughts and calls may still have.
const SAYS: [&str; 10] = [
    "content",
    "refusal",
    "audio",
    "tool_calls",
    "function_call",
    "reasoning_content",
    "reasoning",
    "reasoning_text",
    "thinking",
    "extra_content",
];

pub(super) fn walk(doc: &Doc<'_>, cut: &mut Cut<'_, '_>) {
    let Some(messages) = cut.list(&doc.root, "messages") else {
        return;
    };
    for (index, item) in messages.items.iter().enumerate() {
        if !seal::stands_in(item.value.of(cut.body)) {
            continue;
        }
        let Some(message) = cut.object(item.value) else {
            continue;
        };
        let at = At::item("messages", index);
        let blocks = Blocks::read(&message, at, cut);
        if blocks.all_gone && blocks.extras.is_empty() && says_nothing(&message, cut) {
            cut.edit.remove_at(&messages, index);
            continue;
        }
        blocks.apply(&message, cut);
        calls(&message, at, cut);
    }
}

/// What becomes of the `reasoning_details` of a message.
#[derive(Default)]
struct Blocks {
    list: Option<Container>,
    gone: Vec<usize>,
    all_gone: bool,
    /// Blocks that become those of the upstream.
    restored: Vec<(usize, String)>,
    /// Values of the upstream's that stand elsewhere: of the call of this id, or of the message.
    extras: Vec<(Option<String>, String)>,
}

impl Blocks {
    fn read(message: &Container, at: At, cut: &mut Cut<'_, '_>) -> Self {
        let mut blocks = Self::default();
        let Some(list) = cut.list(message, "reasoning_details") else {
            return blocks;
        };
        for (index, item) in list.items.iter().enumerate() {
            let Some(block) = cut.object(item.value) else {
                continue;
            };
            match cut.look(block.value(cut.body, "data")) {
                Found::Native => {}
                Found::Home { data, id } => {
                    if !blocks.home(index, data, id) {
                        cut.lose(at.element("reasoning_details", index), CHANGED);
                    }
                }
                Found::Away(away) => {
                    let why = away.why(cut.protocol, |_| false);
                    cut.lose(at.element("reasoning_details", index), why);
                    blocks.gone.push(index);
                }
            }
        }
        blocks.all_gone = !list.items.is_empty() && blocks.gone.len() == list.items.len();
        blocks.list = Some(list);
        blocks
    }

    /// Takes back a value of the upstream; whether it can be one.
    fn home(&mut self, index: usize, data: String, id: Option<String>) -> bool {
        // An echo says only that there was a thought, whose text the client has.
        let is_echo = data.starts_with(char::is_control);
        if let Ok(blocks) = serde_json::from_str::<Vec<&RawValue>>(&data)
            && !blocks.is_empty()
        {
            let blocks: Vec<&str> = blocks.iter().map(|block| block.get()).collect();
            self.restored.push((index, blocks.join(",")));
            return true;
        }
        self.gone.push(index);
        let is_extra = is_object(&data);
        if is_extra {
            self.extras.push((id, data));
        }
        is_extra || is_echo
    }

    fn apply(self, message: &Container, cut: &mut Cut<'_, '_>) {
        if let Some(list) = &self.list {
            if self.all_gone {
                cut.edit.remove(message, "reasoning_details");
            } else {
                for index in self.gone {
                    cut.edit.remove_at(list, index);
                }
                for (index, blocks) in self.restored {
                    cut.edit.replace(list.items[index].value, blocks);
                }
            }
        }
        for (id, extra) in self.extras {
            let call = id.and_then(|id| call_of(message, &id, cut));
            let holder = call.as_ref().unwrap_or(message);
            if holder.get(cut.body, "extra_content").is_none() {
                cut.edit.set(holder, "extra_content", extra.as_bytes());
            }
        }
    }
}

/// The call of a message by its id.
fn call_of(message: &Container, id: &str, cut: &Cut<'_, '_>) -> Option<Container> {
    let calls = cut.list(message, "tool_calls")?;
    let mut calls = calls.items.iter().filter_map(|call| cut.object(call.value));
    calls.find(|call| cut.says(call, "id", id))
}

fn calls(message: &Container, at: At, cut: &mut Cut<'_, '_>) {
    let Some(calls) = cut.list(message, "tool_calls") else {
        return;
    };
    for (index, call) in calls.items.iter().enumerate() {
        let Some(call) = cut.object(call.value) else {
            continue;
        };
        let Some(extra) = call.child(cut.body, "extra_content") else {
            continue;
        };
        let Some(ours) = extra.child(cut.body, "proxai") else {
            continue;
        };
        let why = match cut.look(ours.value(cut.body, "seal")) {
            Found::Native => continue,
            Found::Home { data, .. } if is_object(&data) => {
                cut.edit.set(&call, "extra_content", data.as_bytes());
                continue;
            }
            Found::Away(Away::Other(_)) => Feature::CallSeal.note(cut.protocol),
            Found::Away(away) => away.why(cut.protocol, |_| true),
            Found::Home { .. } => CHANGED,
        };
        if extra.items.len() == 1 {
            cut.edit.remove(&call, "extra_content");
        } else {
            cut.edit.remove(&extra, "proxai");
        }
        cut.losses.dropped(
            format_args!("{}.extra_content", at.element("tool_calls", index)),
            why,
        );
    }
}

fn is_object(json: &str) -> bool {
    json.trim_start().starts_with('{') && serde_json::from_str::<&RawValue>(json).is_ok()
}

/// Whether nothing is left of a message but its role.
fn says_nothing(message: &Container, cut: &Cut<'_, '_>) -> bool {
    SAYS.iter().all(|member| {
        let value = message.value(cut.body, member);
        value.is_none_or(|value| {
            let text = value.of(cut.body);
            let inner = text.get(1..text.len() - 1).unwrap_or_default();
            matches!(text, b"null" | b"\"\"")
                || text.starts_with(b"[") && inner.trim_ascii().is_empty()
        })
    })
}
