//! Blocks of Messages: `signature` of a thought, `data` of a redacted one.
//!
//! A model that thinks by a budget refuses to go on with a turn of tools that does not begin with
//! a thought (case 65). Where the cut leaves such a turn, `thinking` goes too, for this request.

use proxai_ir::At;
use proxai_json::{Container, Doc, Item};

use super::{Cut, Found, quoted};
use crate::features::Feature;
use crate::seal;

/// Why thinking is off for the rest of a turn.
const UNTHINKING: &str =
    "the turn that called the tools holds no thought of this provider, so thinking cannot go on";

/// A message that loses blocks.
struct Message {
    index: usize,
    content: Container,
    gone: Vec<bool>,
}

pub(super) fn walk(doc: &Doc<'_>, cut: &mut Cut<'_, '_>) {
    let Some(messages) = cut.list(&doc.root, "messages") else {
        return;
    };
    let mut changed = Vec::new();
    for (index, item) in messages.items.iter().enumerate() {
        if !seal::stands_in(item.value.of(cut.body)) {
            continue;
        }
        let Some(content) = content(item, cut) else {
            continue;
        };
        let gone = content
            .items
            .iter()
            .enumerate()
            .map(|(at, block)| thought(&content, block, cut, place(index, at)))
            .collect();
        changed.push(Message {
            index,
            content,
            gone,
        });
    }
    forget_searches(&messages, cut, &mut changed);
    let mut loses_thought = None;
    for message in &changed {
        if !message.gone.contains(&true) {
            continue;
        }
        loses_thought = Some(message);
        if message.gone.iter().all(|gone| *gone) {
            cut.edit.remove_at(&messages, message.index);
            continue;
        }
        for (at, _) in message.gone.iter().enumerate().filter(|(_, gone)| **gone) {
            cut.edit.remove_at(&message.content, at);
        }
    }
    if loses_thought.is_some_and(|message| cannot_think_on(doc, &messages, message, cut)) {
        cut.edit.remove(&doc.root, "thinking");
        cut.lose(At::root("thinking"), UNTHINKING);
    }
}

fn place(message: usize, block: usize) -> At {
    At::item("messages", message).element("content", block)
}

fn content(message: &Item, cut: &Cut<'_, '_>) -> Option<Container> {
    cut.list(&cut.object(message.value)?, "content")
}

/// Whether a block has to go; a seal of this upstream is opened in its place.
fn thought(content: &Container, block: &Item, cut: &mut Cut<'_, '_>, at: At) -> bool {
    if !seal::stands_in(block.value.of(cut.body)) {
        return false;
    }
    let Some(block) = cut.object(block.value) else {
        return false;
    };
    let member = if cut.says(&block, "type", "thinking") {
        "signature"
    } else if cut.says(&block, "type", "redacted_thinking") {
        "data"
    } else {
        return false;
    };
    match cut.look(block.value(cut.body, member)) {
        Found::Native => false,
        Found::Home { data, .. } => {
            let data = seal::withheld_of(&data).unwrap_or(&data);
            cut.edit.set(&block, member, &quoted(data));
            false
        }
        Found::Away(away) => {
            let why = away.why(cut.protocol, |id| calls(content, cut, id));
            cut.lose(at, why);
            true
        }
    }
}

/// Whether one of the blocks calls a tool by this id.
fn calls(content: &Container, cut: &Cut<'_, '_>, id: &str) -> bool {
    content.items.iter().any(|block| {
        let block = cut.object(block.value);
        block
            .is_some_and(|block| cut.says(&block, "type", "tool_use") && cut.says(&block, "id", id))
    })
}

/// Takes out what showed the client the searches whose seals are cut.
fn forget_searches(messages: &Container, cut: &mut Cut<'_, '_>, changed: &mut Vec<Message>) {
    if cut.searches.is_empty() {
        return;
    }
    for (index, item) in messages.items.iter().enumerate() {
        if !cut.tells_of_search(item.value) {
            continue;
        }
        let known = changed.iter().position(|message| message.index == index);
        let at = match (known, content(item, cut)) {
            (Some(at), _) => at,
            (None, Some(content)) => {
                changed.push(Message {
                    index,
                    gone: vec![false; content.items.len()],
                    content,
                });
                changed.len() - 1
            }
            (None, None) => continue,
        };
        let message = &mut changed[at];
        for (block, item) in message.content.items.iter().enumerate() {
            if !message.gone[block] && shows_search(item, cut) {
                message.gone[block] = true;
                let why = Feature::SearchHistory.note(cut.protocol);
                cut.lose(place(index, block), why);
            }
        }
    }
    changed.sort_by_key(|message| message.index);
}

fn shows_search(block: &Item, cut: &Cut<'_, '_>) -> bool {
    let Some(block) = cut.object(block.value) else {
        return false;
    };
    let member = match cut.string(&block, "type").as_deref() {
        Some("server_tool_use") => "id",
        Some("web_search_tool_result") => "tool_use_id",
        _ => return false,
    };
    cut.string(&block, member)
        .is_some_and(|id| cut.searches.contains(&*id))
}

/// Whether the conversation stands within a turn of tools that does not begin with a thought any
/// more, and thinking is asked for by a budget.
fn cannot_think_on(
    doc: &Doc<'_>,
    messages: &Container,
    loser: &Message,
    cut: &Cut<'_, '_>,
) -> bool {
    let by_budget = doc
        .child("thinking")
        .is_some_and(|thinking| cut.says(&thinking, "type", "enabled"));
    if !by_budget || loser.index + 2 != messages.items.len() {
        return false;
    }
    let is = |block: &Item, kinds: &[&str]| {
        let block = cut.object(block.value);
        let kind = block.and_then(|block| Some(cut.string(&block, "type")?.into_owned()));
        kind.is_some_and(|kind| kinds.contains(&kind.as_str()))
    };
    let last = messages.items.last().and_then(|item| content(item, cut));
    let gives_results = last.is_some_and(|last| {
        let mut blocks = last.items.iter();
        blocks.any(|block| is(block, &["tool_result"]))
    });
    let left = loser.content.items.iter().zip(&loser.gone);
    let left: Vec<&Item> = left
        .filter_map(|(block, gone)| (!gone).then_some(block))
        .collect();
    gives_results
        && left.iter().any(|block| is(block, &["tool_use"]))
        && !is(left[0], &["thinking", "redacted_thinking"])
}
