//! Every result has its call, every call its result (case 40).
//!
//! Clients that shorten a history cut through pairs, and every vendor answers 400 to what is
//! left. A result whose call is gone becomes text of the user, in place; a call that nobody
//! answered gets a result that says so. Both are reported. Within one protocol nothing of this
//! happens: the client's bytes go out as they are.

use std::collections::HashSet;

use proxai_ir::{At, Content, Losses, Part, Request, Role, ToolResult, Turn};
use proxai_json::Str;

/// What a call that nobody answered is told.
pub(crate) const NO_RESULT: &str = "No result was recorded for this call.";

/// What stands before a result whose call is gone.
pub(crate) fn orphan_heading(id: &str) -> String {
    format!("Result of tool call {id}:")
}

/// Repairs the pairs of `request`.
pub(super) fn pair(request: &mut Request<'_>, losses: &mut Losses) {
    let Some(answered) = answered(request) else {
        return;
    };
    let mut known = HashSet::new();
    for mut turn in std::mem::take(&mut request.turns) {
        let orphans = take_orphans(&mut turn, &known, losses);
        let mut missing = Vec::new();
        // A call that somebody else than the model makes is sent by no encoder.
        let calling = turn.role == Role::Assistant;
        for part in turn.parts.iter().filter(|_| calling) {
            if let Content::ToolCall(call) = &part.content {
                known.insert(call.id.as_str().to_owned());
            }
            missing.extend(missing_result(part, &answered, losses));
        }
        let at = turn.at;
        if !turn.parts.is_empty() || orphans.is_empty() {
            request.turns.push(turn);
        }
        for (role, parts) in [(Role::User, orphans), (Role::Tool, missing)] {
            if !parts.is_empty() {
                request.turns.push(Turn::new(at, role, parts));
            }
        }
    }
}

/// The calls that have a result behind them; `None` if nothing is to be repaired.
fn answered(request: &Request<'_>) -> Option<HashSet<String>> {
    let (mut called, mut answered) = (HashSet::new(), HashSet::new());
    let mut stray = false;
    for turn in &request.turns {
        for part in &turn.parts {
            match &part.content {
                Content::ToolCall(call) if turn.role == Role::Assistant => {
                    called.insert(call.id.as_str());
                }
                Content::ToolResult(result) if called.contains(result.call_id.as_str()) => {
                    answered.insert(result.call_id.as_str());
                }
                Content::ToolResult(_) => stray = true,
                _ => {}
            }
        }
    }
    (stray || called != answered).then(|| answered.into_iter().map(str::to_owned).collect())
}

/// Takes the results without a call out of a turn, as text that the user can say.
fn take_orphans<'a>(
    turn: &mut Turn<'a>,
    known: &HashSet<String>,
    losses: &mut Losses,
) -> Vec<Part<'a>> {
    let mut said = Vec::new();
    turn.parts.retain_mut(|part| match &part.content {
        Content::ToolResult(result) if !known.contains(result.call_id.as_str()) => {
            said.extend(as_text(part, losses));
            false
        }
        _ => true,
    });
    said
}

/// An orphan as parts that a user can say.
fn as_text<'a>(part: &mut Part<'a>, losses: &mut Losses) -> Vec<Part<'a>> {
    let at = part.at;
    let Content::ToolResult(result) = &mut part.content else {
        return Vec::new();
    };
    losses.approximated(
        at,
        format!(
            "no call `{}` stands before it; its result is sent as text",
            result.call_id
        ),
    );
    let mut parts = vec![Part::text(at, orphan_heading(&result.call_id))];
    parts.append(&mut result.parts);
    parts
}

fn missing_result<'a>(
    part: &Part<'a>,
    answered: &HashSet<String>,
    losses: &mut Losses,
) -> Option<Part<'a>> {
    let Content::ToolCall(call) = &part.content else {
        return None;
    };
    if answered.contains(call.id.as_str()) {
        return None;
    }
    losses.defaulted(
        part.at,
        format!("no result for call `{}`; one was added", call.id),
    );
    let result = ToolResult {
        call_id: call.id.clone(),
        kind: call.kind,
        parts: vec![Part::text(At::default(), Str::borrowed(NO_RESULT))],
        is_error: false,
    };
    Some(Part::new(part.at, Content::ToolResult(result)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxai_ir::ToolCall;
    use proxai_types::Protocol;

    fn call(id: &'static str) -> Part<'static> {
        let call = ToolCall {
            id: id.into(),
            name: "f".into(),
            ..ToolCall::default()
        };
        Part::new(At::root("messages"), Content::ToolCall(call))
    }

    fn result(id: &'static str) -> Part<'static> {
        let parts = vec![Part::text(At::default(), "r")];
        let result = ToolResult {
            call_id: id.into(),
            parts,
            ..ToolResult::default()
        };
        Part::new(At::root("messages"), Content::ToolResult(result))
    }

    fn paired(turns: Vec<(Role, Vec<Part<'static>>)>) -> (Vec<(Role, usize)>, usize) {
        let mut request = Request::new(Protocol::Chat, "m");
        request.turns = turns
            .into_iter()
            .map(|(role, parts)| Turn::new(At::root("messages"), role, parts))
            .collect();
        let mut losses = Losses::new();
        pair(&mut request, &mut losses);
        let turns = request
            .turns
            .iter()
            .map(|turn| (turn.role, turn.parts.len()))
            .collect();
        (turns, losses.iter().count())
    }

    #[test]
    fn whole_pairs_are_left_alone() {
        let turns = vec![
            (Role::Assistant, vec![call("a"), call("b")]),
            (Role::Tool, vec![result("b"), result("a")]),
        ];
        assert_eq!(
            paired(turns),
            (vec![(Role::Assistant, 2), (Role::Tool, 2)], 0)
        );
    }

    #[test]
    fn a_result_without_a_call_becomes_text() {
        assert_eq!(
            paired(vec![(Role::Tool, vec![result("a")])]),
            (vec![(Role::User, 2)], 1)
        );
        let turns = vec![
            (Role::Assistant, vec![call("b")]),
            (Role::Tool, vec![result("a"), result("b")]),
        ];
        let repaired = vec![(Role::Assistant, 1), (Role::Tool, 1), (Role::User, 2)];
        assert_eq!(paired(turns), (repaired, 1));
    }

    #[test]
    fn a_result_before_its_call_is_no_result_of_it() {
        let turns = vec![
            (Role::Tool, vec![result("a")]),
            (Role::Assistant, vec![call("a")]),
        ];
        let repaired = vec![(Role::User, 2), (Role::Assistant, 1), (Role::Tool, 1)];
        assert_eq!(paired(turns), (repaired, 2));
    }

    #[test]
    fn a_call_that_the_model_did_not_make_has_no_result() {
        let turns = vec![
            (Role::User, vec![call("a")]),
            (Role::Tool, vec![result("a")]),
        ];
        assert_eq!(paired(turns), (vec![(Role::User, 1), (Role::User, 2)], 1));
    }

    #[test]
    fn a_call_without_a_result_gets_one_behind_its_turn() {
        let turns = vec![
            (Role::Assistant, vec![call("a"), call("b")]),
            (Role::Tool, vec![result("a")]),
            (Role::User, vec![Part::text(At::default(), "go on")]),
        ];
        let (turns, losses) = paired(turns);
        assert_eq!(
            turns,
            [
                (Role::Assistant, 2),
                (Role::Tool, 1),
                (Role::Tool, 1),
                (Role::User, 1)
            ]
        );
        assert_eq!(losses, 1);
    }
}
