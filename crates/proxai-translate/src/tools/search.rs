//! The web search of the provider, before a request is written.
//!
//! A target that cannot search gets no such tool: a server that does not know it answers 400, or
//! silently nothing. The client reads of it in the losses, and the model is told by a note behind
//! the system prompt, so that it does not pretend to have searched (case 51). The note depends on
//! the tools only, so a longer history still begins with the bytes of the shorter one (T5).
//!
//! A search of an earlier turn that is on its way home stands there twice: as the client sees it,
//! and sealed. Only the sealed one can be sent, so the other is taken out.

use std::collections::HashSet;

use proxai_ir::{
    At, Content, Losses, Part, Request, Role, Tool, ToolChoice, ToolDefinition, Turn, WEB_SEARCH,
};
use proxai_json::Str;
use proxai_types::Protocol;

use crate::context::Abilities;
use crate::features::{Feature, lose_at};
use crate::seal;

/// What the model is told where it cannot search.
const NOTE: &str = "Web search is not available in this conversation. If an answer needs \
    information that has to be looked up on the web, say that it could not be looked up.";

const NO_SEARCH: &str = "this upstream cannot search the web: the model is told so";

/// Settles which search is offered and which of earlier ones is sent.
pub(super) fn settle(request: &mut Request<'_>, abilities: &Abilities, losses: &mut Losses) {
    name_choice(request);
    let removed = !abilities.web_search && remove(request, losses);
    if removed || request.tools.iter().any(is_special_search) {
        let at = At::root(Feature::WebSearch.path(request.origin));
        let leading = request
            .turns
            .iter()
            .take_while(|turn| matches!(turn.role, Role::System | Role::Developer))
            .count();
        let note = Turn::new(at, Role::System, vec![Part::text(at, Str::borrowed(NOTE))]);
        request.turns.insert(leading, note);
    }
    forget_shown(request);
}

/// Reports a setting of a search that `target` has no form for, where the client wrote it.
pub(crate) fn lose_setting(
    setting: Feature,
    origin: Protocol,
    tool: &Tool<'_>,
    target: Protocol,
    losses: &mut Losses,
) {
    let path = setting.path(origin);
    if path.contains("[]") {
        lose_at(setting, setting.within(tool.at, origin), target, losses);
    } else {
        lose_at(setting, path, target, losses);
    }
}

/// A choice that names the search like any other tool means it, unless a function has its name.
fn name_choice(request: &mut Request<'_>) {
    let Some(ToolChoice::Named { name, .. }) = &request.tool_choice else {
        return;
    };
    let mut named = request.tools.iter().filter(|tool| tool.name == *name);
    if named.all(is_search) && name == WEB_SEARCH && request.tools.iter().any(is_search) {
        request.tool_choice = Some(ToolChoice::Hosted(Str::borrowed(WEB_SEARCH)));
    }
}

fn is_search(tool: &Tool<'_>) -> bool {
    matches!(tool.definition, ToolDefinition::WebSearch(_))
}

/// A search that only its own provider can run.
fn is_special_search(tool: &Tool<'_>) -> bool {
    matches!(&tool.definition, ToolDefinition::Hosted { kind, .. } if kind.starts_with(WEB_SEARCH))
}

/// Takes the searches out; whether there was one.
fn remove(request: &mut Request<'_>, losses: &mut Losses) -> bool {
    let mut found = false;
    request.tools.retain(|tool| {
        if is_search(tool) {
            losses.dropped(tool.at, NO_SEARCH);
            found = true;
        }
        !is_search(tool)
    });
    if matches!(&request.tool_choice, Some(ToolChoice::Hosted(name)) if name == WEB_SEARCH) {
        losses.dropped(Feature::ToolChoice.path(request.origin), NO_SEARCH);
        request.tool_choice = None;
    }
    found
}

/// Takes out the searches whose sealed twin is there.
fn forget_shown(request: &mut Request<'_>) {
    let parts = request.turns.iter().flat_map(|turn| &turn.parts);
    let sealed: HashSet<String> = parts
        .filter_map(|part| match &part.content {
            Content::Reasoning(reasoning) => {
                reasoning.sealed.as_ref().and_then(seal::item_of)?;
                reasoning.id.as_deref().map(str::to_owned)
            }
            _ => None,
        })
        .collect();
    if sealed.is_empty() {
        return;
    }
    request.turns.retain_mut(|turn| {
        let before = turn.parts.len();
        turn.parts.retain(|part| match &part.content {
            Content::WebSearch(search) => !sealed.contains(search.id.as_str()),
            _ => true,
        });
        !turn.parts.is_empty() || before == 0
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxai_ir::{Reasoning, Sealed, ToolKind, WebSearch, WebSearchTool};

    fn request() -> Request<'static> {
        let mut request = Request::new(Protocol::Messages, "m");
        let at = At::item("tools", 0);
        request.tools.push(Tool {
            at,
            name: WEB_SEARCH.into(),
            namespace: None,
            description: None,
            definition: ToolDefinition::WebSearch(WebSearchTool::default()),
            cache: None,
            deferred: false,
        });
        request.tool_choice = Some(ToolChoice::Named {
            name: WEB_SEARCH.into(),
            namespace: None,
            kind: ToolKind::Function,
        });
        let at = At::root("system");
        let system = Turn::new(at, Role::System, vec![Part::text(at, "Be brief.")]);
        let user = Turn::new(at, Role::User, vec![Part::text(at, "Hi")]);
        request.turns = vec![system, user];
        request
    }

    #[test]
    fn a_search_that_the_target_has_is_meant_by_a_choice_of_its_name() {
        let (mut request, mut losses) = (request(), Losses::new());
        let abilities = Abilities {
            web_search: true,
            ..Abilities::default()
        };
        settle(&mut request, &abilities, &mut losses);
        assert_eq!(
            request.tool_choice,
            Some(ToolChoice::Hosted(WEB_SEARCH.into()))
        );
        assert_eq!((request.tools.len(), request.turns.len()), (1, 2));
        assert!(losses.is_empty());
    }

    #[test]
    fn a_target_without_search_gets_a_note_behind_the_system_prompt() {
        let (mut request, mut losses) = (request(), Losses::new());
        settle(&mut request, &Abilities::default(), &mut losses);
        assert!(request.tools.is_empty() && request.tool_choice.is_none());
        let roles: Vec<Role> = request.turns.iter().map(|turn| turn.role).collect();
        assert_eq!(roles, [Role::System, Role::System, Role::User]);
        let paths: Vec<&str> = losses.iter().map(|loss| loss.path.as_str()).collect();
        assert_eq!(paths, ["tools[0]", "tool_choice"]);
    }

    #[test]
    fn a_search_goes_home_once() {
        let (mut request, mut losses) = (request(), Losses::new());
        let at = At::item("messages", 1);
        let shown = |id: &'static str| {
            let id = id.into();
            let search = WebSearch {
                id,
                ..WebSearch::default()
            };
            Part::new(at, Content::WebSearch(search))
        };
        let sealed: Sealed<'static> = seal::item(Protocol::Responses, "{}").unwrap();
        let twin = Reasoning {
            id: Some("s1".into()),
            redacted: true,
            sealed: Some(sealed),
            ..Reasoning::default()
        };
        let twin = Part::new(at, Content::Reasoning(twin));
        let parts = vec![shown("s1"), twin, shown("s2")];
        request.turns.push(Turn::new(at, Role::Assistant, parts));
        settle(&mut request, &Abilities::default(), &mut losses);
        assert_eq!(request.turns.last().unwrap().parts.len(), 2);
    }
}
