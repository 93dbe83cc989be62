//! The items of a Responses stream: `added`, part added, deltas, done, part done, item done.

use std::collections::BTreeMap;

use serde_json::Value;

/// A piece of an item that has its own deltas.
#[derive(Default)]
struct Piece {
    text: String,
    /// `.done` of the text has come.
    told: bool,
    closed: bool,
}

/// Items by their output index.
#[derive(Default)]
pub(super) struct Items {
    added: BTreeMap<u64, Value>,
    pub(super) done: BTreeMap<u64, Value>,
    /// By output index, kind of part (empty for the item itself) and index of the part.
    pieces: BTreeMap<(u64, &'static str, u64), Piece>,
}

/// The member of an event that holds the whole text, and the kind of part it belongs to.
fn family(kind: &str) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        "response.output_text" | "response.reasoning_text" => ("text", "content"),
        "response.refusal" => ("refusal", "content"),
        "response.reasoning_summary_text" => ("text", "summary"),
        "response.function_call_arguments" => ("arguments", ""),
        "response.custom_tool_call_input" => ("input", ""),
        _ => return None,
    })
}

impl Items {
    pub(super) fn all_done(&self) -> bool {
        self.added.len() == self.done.len()
    }

    /// What is wrong with the next event.
    pub(super) fn step(&mut self, kind: &str, value: &Value) -> Option<&'static str> {
        let Some(index) = value["output_index"].as_u64() else {
            return Some("no output_index");
        };
        match kind {
            "response.output_item.added" => {
                let dense = index == self.added.len() as u64;
                self.added.insert(index, value["item"].clone());
                return (!dense).then_some("output indices are dense");
            }
            "response.output_item.done" => return self.item_done(index, &value["item"]),
            _ => {}
        }
        let Some(item) = self.added.get(&index) else {
            return Some("its item was not added");
        };
        if self.done.contains_key(&index) {
            return Some("its item is done");
        }
        if value["item_id"] != item["id"] {
            return Some("item_id is not its item's");
        }
        match kind {
            "response.content_part.added" => self.part_added(index, "content", value),
            "response.content_part.done" => self.part_done(index, "content", value),
            "response.reasoning_summary_part.added" => self.part_added(index, "summary", value),
            "response.reasoning_summary_part.done" => self.part_done(index, "summary", value),
            "response.output_text.annotation.added" => None,
            "response.web_search_call.in_progress"
            | "response.web_search_call.searching"
            | "response.web_search_call.completed" => {
                (item["type"] != "web_search_call").then_some("the item is no search")
            }
            _ => self.text(index, kind, value),
        }
    }

    fn part_added(&mut self, item: u64, part: &'static str, value: &Value) -> Option<&'static str> {
        let Some(index) = part_index(part, value) else {
            return Some("no index of the part");
        };
        let dense = self
            .pieces
            .range((item, part, 0)..=(item, part, u64::MAX))
            .count() as u64
            == index;
        self.pieces.insert((item, part, index), Piece::default());
        (!dense).then_some("parts are dense")
    }

    fn part_done(&mut self, item: u64, part: &'static str, value: &Value) -> Option<&'static str> {
        let Some(piece) =
            part_index(part, value).and_then(|index| self.pieces.get_mut(&(item, part, index)))
        else {
            return Some("the part was not added");
        };
        let again = std::mem::replace(&mut piece.closed, true);
        let whole = ["text", "refusal"]
            .iter()
            .find_map(|member| value["part"][member].as_str());
        if again || !piece.told {
            return Some("a part is done twice or before its text");
        }
        (whole != Some(&piece.text)).then_some("the part is not its deltas")
    }

    fn text(&mut self, item: u64, kind: &str, value: &Value) -> Option<&'static str> {
        let (base, step) = kind.rsplit_once('.')?;
        let Some((member, part)) = family(base) else {
            return Some("an event that SDKs do not know");
        };
        let piece = if part.is_empty() {
            self.pieces.entry((item, part, 0)).or_default()
        } else {
            let index = part_index(part, value);
            match index.and_then(|index| self.pieces.get_mut(&(item, part, index))) {
                Some(piece) => piece,
                None => return Some("its part was not added"),
            }
        };
        if piece.told || piece.closed {
            return Some("its text was complete");
        }
        match step {
            "delta" => {
                let Some(more) = value["delta"].as_str() else {
                    return Some("no delta");
                };
                piece.text.push_str(more);
                None
            }
            "done" => {
                piece.told = true;
                (value[member].as_str() != Some(&piece.text)).then_some("done is not the deltas")
            }
            _ => Some("an event that SDKs do not know"),
        }
    }

    fn item_done(&mut self, index: u64, item: &Value) -> Option<&'static str> {
        let Some(added) = self.added.get(&index) else {
            return Some("an item is done that was not added");
        };
        let same = added["type"] == item["type"] && added["id"] == item["id"];
        let first = self.done.insert(index, item.clone()).is_none();
        if !same || !first {
            return Some("an item is done twice or as another");
        }
        let pieces = self
            .pieces
            .range((index, "", 0)..)
            .take_while(|((of, ..), _)| *of == index);
        for ((_, part, at), piece) in pieces {
            let at = usize::try_from(*at).unwrap_or(usize::MAX);
            let holder = if part.is_empty() {
                item
            } else {
                &item[*part][at]
            };
            let whole = ["text", "refusal", "arguments", "input"]
                .iter()
                .find_map(|member| holder[member].as_str());
            if !piece.told || whole != Some(&piece.text) {
                return Some("the item is not what was told of it");
            }
            if !part.is_empty() && !piece.closed {
                return Some("an item is done before its part");
            }
        }
        None
    }
}

fn part_index(part: &str, value: &Value) -> Option<u64> {
    let member = if part == "summary" {
        "summary_index"
    } else {
        "content_index"
    };
    value[member].as_u64()
}
