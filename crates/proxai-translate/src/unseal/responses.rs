//! Items of Responses: `encrypted_content`.

use proxai_ir::At;
use proxai_json::{Container, Doc};

use super::{Cut, Found, quoted};
use crate::features::Feature;
use crate::seal;

pub(super) fn walk(doc: &Doc<'_>, cut: &mut Cut<'_, '_>) {
    let Some(input) = cut.list(&doc.root, "input") else {
        return;
    };
    let mut away = Vec::new();
    for (index, item) in input.items.iter().enumerate() {
        if !seal::stands_in(item.value.of(cut.body)) {
            continue;
        }
        let Some(item) = cut.object(item.value) else {
            continue;
        };
        match cut.look(item.value(cut.body, "encrypted_content")) {
            Found::Native => {}
            Found::Home { data, id } => {
                cut.edit.set(&item, "encrypted_content", &quoted(&data));
                // The upstream checks the value against the id that it gave itself.
                if let Some(id) = id {
                    cut.edit.set(&item, "id", &quoted(&id));
                } else {
                    cut.edit.remove(&item, "id");
                }
            }
            Found::Away(why) => away.push((index, why)),
        }
    }
    for (index, away) in away {
        let why = away.why(cut.protocol, |id| calls(&input, cut, id));
        cut.edit.remove_at(&input, index);
        cut.lose(At::item("input", index), why);
    }
    forget_searches(&input, cut);
}

/// Whether one of the items calls a tool by this id.
fn calls(input: &Container, cut: &Cut<'_, '_>, id: &str) -> bool {
    input.items.iter().any(|item| {
        let item = cut.object(item.value);
        item.is_some_and(|item| cut.says(&item, "call_id", id))
    })
}

fn forget_searches(input: &Container, cut: &mut Cut<'_, '_>) {
    if cut.searches.is_empty() {
        return;
    }
    for (index, item) in input.items.iter().enumerate() {
        // What holds a seal itself was seen to above.
        if !cut.tells_of_search(item.value) || seal::stands_in(item.value.of(cut.body)) {
            continue;
        }
        let Some(item) = cut.object(item.value) else {
            continue;
        };
        let known = |id: std::borrow::Cow<'_, str>| cut.searches.contains(&*id);
        if cut.says(&item, "type", "web_search_call") && cut.string(&item, "id").is_some_and(known)
        {
            cut.edit.remove_at(input, index);
            let why = Feature::SearchHistory.note(cut.protocol);
            cut.lose(At::item("input", index), why);
        }
    }
}
