//! Every result has its call, every call its result (case 40).
//!
//! Clients that shorten a history cut through pairs, and every vendor answers 400 to what is
//! left. Encoders may rely on what comes out of here. A result whose call is gone becomes text of the user, in place; a call that nobody
//! answered gets a result that says so. Both are reported. Within one protocol nothing of this
//! happens: the client's bytes go out as they are.

use proxai_ir::{At, Content, Losses, Part, Request, Role, ToolResult, Turn};
use proxai_json::Str;

/// What a call that nobody answered is told.
pub(crate) const NO_RESULT: &str = "No result was recorded for this call.";

/// What stands before a result whose call is gone.
pub(crate) fn orphan_heading(id: &str) -> String {
    format!("Result of tool call {id}:")
}

/// A call that waits for its result.
struct Waiting<'a> {
    id: String,
    /// The result that is added if none comes.
    missing: Part<'a>,
}

/// Repairs the pairs of `request`.
///
/// The results of a call stand behind it before the model speaks again: what comes later answers
/// nobody, since Chat and Messages take it nowhere else. A history that grows past a call without
/// a result therefore keeps the result that was added for it (T5).
pub(super) fn pair(request: &mut Request<'_>, losses: &mut Losses) {
    if is_whole(&request.turns) {
        return;
    }
    let mut paired: Vec<Turn<'_>> = Vec::with_capacity(request.turns.len() + 2);
    let mut waiting = Vec::new();
    // Behind the last turn of the model, and whether somebody else has spoken since.
    let (mut behind, mut answering) = (0, false);
    for mut turn in std::mem::take(&mut request.turns) {
        let model = turn.role == Role::Assistant;
        if model && answering {
            answer_missing(&mut paired, behind, &mut waiting, losses);
        }
        answering = !model;
        let orphans = take_orphans(&mut turn, &mut waiting, losses);
        let at = turn.at;
        if model {
            waiting.extend(turn.parts.iter().filter_map(expected));
        }
        if !turn.parts.is_empty() || orphans.is_empty() {
            paired.push(turn);
        }
        if model {
            behind = paired.len();
        }
        if !orphans.is_empty() {
            paired.push(Turn::new(at, Role::User, orphans));
        }
    }
    answer_missing(&mut paired, behind, &mut waiting, losses);
    request.turns = paired;
}

/// Whether nothing is to be repaired.
fn is_whole(turns: &[Turn<'_>]) -> bool {
    let mut waiting: Vec<&str> = Vec::new();
    let mut answering = false;
    for turn in turns {
        let model = turn.role == Role::Assistant;
        if model && answering && !waiting.is_empty() {
            return false;
        }
        answering = !model;
        for part in &turn.parts {
            match &part.content {
                Content::ToolCall(call) if model => waiting.push(&call.id),
                Content::ToolResult(result) => {
                    let answered = waiting.iter().position(|id| *id == result.call_id.as_str());
                    match answered {
                        Some(at) if !model => drop(waiting.remove(at)),
                        _ => return false,
                    }
                }
                _ => {}
            }
        }
    }
    waiting.is_empty()
}

/// Takes the results that answer nobody out of a turn, as text that the user can say.
fn take_orphans<'a>(
    turn: &mut Turn<'a>,
    waiting: &mut Vec<Waiting<'a>>,
    losses: &mut Losses,
) -> Vec<Part<'a>> {
    let model = turn.role == Role::Assistant;
    let mut said = Vec::new();
    turn.parts.retain_mut(|part| {
        let Content::ToolResult(result) = &part.content else {
            return true;
        };
        let answered = waiting
            .iter()
            .position(|call| call.id == result.call_id.as_str());
        match answered {
            Some(at) if !model => drop(waiting.remove(at)),
            _ => {
                said.extend(as_text(part, losses));
                return false;
            }
        }
        true
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

/// What a call waits for. A call that somebody else than the model makes is sent by no encoder.
fn expected<'a>(part: &Part<'a>) -> Option<Waiting<'a>> {
    let Content::ToolCall(call) = &part.content else {
        return None;
    };
    let result = ToolResult {
        call_id: call.id.clone(),
        kind: call.kind,
        parts: vec![Part::text(At::default(), Str::borrowed(NO_RESULT))],
        is_error: false,
    };
    Some(Waiting {
        id: call.id.as_str().to_owned(),
        missing: Part::new(part.at, Content::ToolResult(result)),
    })
}

/// Puts a result for each call that still waits behind the model's last turn.
fn answer_missing<'a>(
    turns: &mut Vec<Turn<'a>>,
    behind: usize,
    waiting: &mut Vec<Waiting<'a>>,
    losses: &mut Losses,
) {
    let missing: Vec<Part<'a>> = waiting
        .drain(..)
        .map(|call| {
            let why = format!("no result for call `{}`; one was added", call.id);
            losses.defaulted(call.missing.at, why);
            call.missing
        })
        .collect();
    if let Some(at) = missing.first().map(|part| part.at) {
        turns.insert(behind, Turn::new(at, Role::Tool, missing));
    }
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
    fn a_result_that_comes_when_the_model_has_spoken_again_is_text() {
        let turns = |more: bool| {
            let mut turns = vec![
                (Role::Assistant, vec![call("a")]),
                (Role::User, vec![Part::text(At::default(), "wait")]),
                (Role::Assistant, vec![Part::text(At::default(), "I do")]),
            ];
            turns.extend(more.then(|| (Role::Tool, vec![result("a")])));
            turns
        };
        let (short, long) = (paired(turns(false)), paired(turns(true)));
        assert_eq!(
            short.0,
            [
                (Role::Assistant, 1),
                (Role::Tool, 1),
                (Role::User, 1),
                (Role::Assistant, 1)
            ]
        );
        assert_eq!(long.0[..4], short.0);
        assert_eq!((long.0[4], long.1), ((Role::User, 2), 2));
    }

    #[test]
    fn an_id_that_is_used_again_is_another_call() {
        let turns = vec![
            (Role::Assistant, vec![call("a")]),
            (Role::Tool, vec![result("a")]),
            (Role::Assistant, vec![call("a")]),
        ];
        let repaired = vec![
            (Role::Assistant, 1),
            (Role::Tool, 1),
            (Role::Assistant, 1),
            (Role::Tool, 1),
        ];
        assert_eq!(paired(turns), (repaired, 1));
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
