//! What must hold for every request.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use proxai_ir::{Content, LossKind, Losses, Part, Request, Role, ToolKind, ToolResult};
use proxai_json::RawValue;
use proxai_types::Protocol;
use serde_json::Value;

use super::order::strings;
use crate::adapter::adapter;
use crate::context::Target;
use crate::ids;
use crate::pipeline::{Prepared, RequestInfo, translate_request};

/// Checks one request for one upstream; `None` if it was refused.
///
/// What is sent is JSON that the upstream's own adapter understands and writes again byte for byte
/// (Z1), losses name what the client sent and no text goes without one (T4), arguments stay JSON,
/// and calls meet their results (T7).
pub fn check_request(
    client: Protocol,
    upstream: Protocol,
    target: &Target<'_>,
    body: &[u8],
) -> Option<Prepared> {
    let info = RequestInfo {
        id: "0a1b2c",
        created: 1_760_000_000,
        model: "house-model",
    };
    let prepared = match translate_request(client, upstream, body, target, &info) {
        Ok(prepared) => prepared,
        Err(error) => {
            assert!(!error.to_string().is_empty(), "an error says something");
            return None;
        }
    };
    let sent = String::from_utf8(prepared.body.clone()).expect("a request is text");
    let again = translate_request(upstream, upstream, sent.as_bytes(), target, &info)
        .unwrap_or_else(|error| panic!("{client} to {upstream}: {error}: {sent}"));
    let twice = String::from_utf8_lossy(&again.body);
    assert_eq!(
        sent, twice,
        "{client} to {upstream}: written again it differs"
    );

    let mut ignored = Losses::new();
    let source = adapter(client)
        .decode_request(body, &mut ignored)
        .expect("it was translated");
    let result = adapter(upstream)
        .decode_request(sent.as_bytes(), &mut ignored)
        .expect("it was read above");
    calls_and_results(&source, &result, &prepared.losses);

    // Deeper than the parser's limit there is nothing that these rules are about.
    if let (Ok(asked), Ok(told)) = (serde_json::from_slice(body), serde_json::from_str(&sent)) {
        losses_name_what_was_sent(&asked, &prepared.losses);
        no_text_is_lost(client, &asked, &told, &prepared.losses);
        if upstream == Protocol::Messages {
            results_follow_their_calls(&told);
        }
    }
    Some(prepared)
}

/// A tool call or a result, without what it says.
#[derive(Default)]
struct Calls<'r> {
    calls: Vec<(&'r str, ToolKind, &'r str, String)>,
    results: Vec<&'r ToolResult<'r>>,
}

fn calls<'r>(request: &'r Request<'_>) -> Calls<'r> {
    let mut found = Calls::default();
    for part in request.turns.iter().flat_map(|turn| &turn.parts) {
        match &part.content {
            Content::ToolCall(call) => {
                let at = part.at.to_string();
                found.calls.push((&call.id, call.kind, &call.input, at));
            }
            Content::ToolResult(result) => found.results.push(result),
            _ => {}
        }
    }
    found
}

fn calls_and_results(source: &Request<'_>, result: &Request<'_>, losses: &Losses) {
    let (before, after) = (calls(source), calls(result));
    let parses = |input: &str| input.is_empty() || serde_json::from_str::<&RawValue>(input).is_ok();
    let mut sound: HashMap<String, bool> = HashMap::new();
    for (id, kind, input, _) in &before.calls {
        let fine = *kind == ToolKind::Custom || parses(input);
        *sound.entry(ids::call(id).into_owned()).or_insert(true) &= fine;
    }
    for (id, kind, input, _) in &after.calls {
        let was = sound.get(&*ids::call(id)).copied().unwrap_or(true);
        assert!(
            !was || *kind == ToolKind::Custom || parses(input),
            "the arguments of {id} were JSON and are {input}"
        );
    }
    // Some upstreams get an id as it was, others spelled out.
    let told: BTreeSet<Cow<'_, str>> = (after.calls.iter()).map(|(id, ..)| ids::call(id)).collect();
    for (id, _, _, at) in &before.calls {
        assert!(
            told.contains(&ids::call(id)) || reported(losses, at),
            "the call {id} at {at} is gone"
        );
    }
    let asked: BTreeSet<&str> = before.calls.iter().map(|(id, ..)| *id).collect();
    let known = |result: &&ToolResult<'_>| asked.contains(&*result.call_id);
    if before.results.iter().all(known) {
        for result in &after.results {
            let id = &*result.call_id;
            let named = told.contains(&ids::call(id));
            assert!(named, "a result of {id}, which nobody called");
        }
    }
    nothing_leaks(&before, &after, result);
}

/// Arguments and results stay with their own call.
fn nothing_leaks(before: &Calls<'_>, after: &Calls<'_>, sent: &Request<'_>) {
    let once = |list: &[&str]| {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for id in list {
            *counts.entry(ids::call(id).into_owned()).or_default() += 1;
        }
        move |id: &str| counts.get(&*ids::call(id)) == Some(&1)
    };
    let ids_of = |calls: &Calls<'_>| -> Vec<String> {
        calls
            .calls
            .iter()
            .map(|(id, ..)| (*id).to_owned())
            .collect()
    };
    let (asked, told) = (ids_of(before), ids_of(after));
    let asked_once = once(&asked.iter().map(String::as_str).collect::<Vec<_>>());
    let told_once = once(&told.iter().map(String::as_str).collect::<Vec<_>>());
    let object = |input: &str| {
        serde_json::from_str::<Value>(input)
            .ok()
            .filter(Value::is_object)
    };
    for (id, kind, input, _) in &before.calls {
        let same = after
            .calls
            .iter()
            .find(|(told, ..)| ids::call(told) == ids::call(id));
        if let (
            true,
            true,
            Some((_, ToolKind::Function, told, _)),
            ToolKind::Function,
            Some(input),
        ) = (asked_once(id), told_once(id), same, kind, object(input))
        {
            assert_eq!(object(told), Some(input), "the arguments of {id}");
        }
    }
    let results: Vec<&str> = before
        .results
        .iter()
        .map(|result| &*result.call_id)
        .collect();
    let result_once = once(&results);
    let users = sent.turns.iter().filter(|turn| turn.role == Role::User);
    let said = users.flat_map(|turn| texts_of(&turn.parts));
    for result in &before.results {
        let id = &*result.call_id;
        let mut there = after
            .results
            .iter()
            .filter(|told| ids::call(&told.call_id) == ids::call(id));
        if let (true, true, Some(told), None) =
            (asked_once(id), result_once(id), there.next(), there.next())
        {
            // A result that comes too late is told by the user.
            let told: String = texts_of(&told.parts)
                .chain(said.clone())
                .collect::<Vec<_>>()
                .join("\n");
            for text in texts_of(&result.parts) {
                assert!(
                    told.contains(text.trim()),
                    "{text:?}, a result of {id}, is {told:?}"
                );
            }
        }
    }
}

fn texts_of<'r>(parts: &'r [Part<'_>]) -> impl Iterator<Item = &'r str> + Clone {
    parts.iter().filter_map(|part| match &part.content {
        Content::Text(text) => Some(&*text.text),
        _ => None,
    })
}

/// Whether a loss concerns this place, what holds it or something in it.
fn reported(losses: &Losses, at: &str) -> bool {
    losses
        .iter()
        .any(|loss| at.starts_with(&loss.path) || loss.path.starts_with(at))
}

/// Follows a path such as `messages[2].content[1]`. A member's own name may hold dots and
/// brackets.
pub fn resolve<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    if path.is_empty() {
        return Some(value);
    }
    if let Some((index, rest)) = path
        .strip_prefix('[')
        .and_then(|path| path.split_once(']'))
        .and_then(|(index, rest)| Some((index.parse::<usize>().ok()?, rest)))
    {
        // One value may stand for a list with one element.
        let alone = (index == 0 && !value.is_array()).then_some(value);
        return resolve(value.get(index).or(alone)?, rest);
    }
    let members = value.as_object()?;
    let stripped = path.strip_prefix('.');
    std::iter::once(path).chain(stripped).find_map(|path| {
        members.iter().find_map(|(name, member)| {
            let rest = path.strip_prefix(name.as_str())?;
            (rest.is_empty() || rest.starts_with(['.', '[']))
                .then(|| resolve(member, rest))
                .flatten()
        })
    })
}

/// Whether an object inside a value has this member.
fn holds(value: &Value, member: &str) -> bool {
    match value {
        Value::Array(list) => list.iter().any(|item| holds(item, member)),
        Value::Object(members) => {
            members.contains_key(member) || members.values().any(|item| holds(item, member))
        }
        _ => false,
    }
}

fn losses_name_what_was_sent(body: &Value, losses: &Losses) {
    for loss in losses {
        // A place in a tool result is told as the result and the member.
        let nested = loss.path.rsplit_once('.').is_some_and(|(result, member)| {
            holds(resolve(body, result).unwrap_or(&Value::Null), member)
        });
        let found =
            loss.kind == LossKind::Defaulted || resolve(body, &loss.path).is_some() || nested;
        assert!(found, "nothing stands at {}: {loss}: {body}", loss.path);
    }
}

/// Every text of the conversation, with its path, by the public rules of the protocol.
fn texts(client: Protocol, body: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let list = match client {
        Protocol::Chat | Protocol::Messages => "messages",
        Protocol::Responses => "input",
    };
    for whole in ["instructions", "system"] {
        let ours = (client == Protocol::Responses) == (whole == "instructions");
        if ours && client != Protocol::Chat {
            content(whole.to_owned(), &body[whole], &mut found);
        }
    }
    if let Some(text) = body[list].as_str() {
        found.push((list.to_owned(), text.to_owned()));
    }
    for (index, item) in body[list].as_array().into_iter().flatten().enumerate() {
        let message = client != Protocol::Responses
            || matches!(item["type"].as_str(), None | Some("message"));
        let spoken = matches!(item["role"].as_str(), Some("user" | "assistant"));
        if message && spoken {
            let at = format!("{list}[{index}].content");
            content(at, &item["content"], &mut found);
        }
    }
    found
}

fn content(at: String, value: &Value, found: &mut Vec<(String, String)>) {
    if let Some(text) = value.as_str() {
        found.push((at, text.to_owned()));
        return;
    }
    for (index, part) in value.as_array().into_iter().flatten().enumerate() {
        let text = matches!(
            part["type"].as_str(),
            Some("text" | "input_text" | "output_text")
        );
        if let (true, Some(text)) = (text, part["text"].as_str()) {
            found.push((format!("{at}[{index}]"), text.to_owned()));
        }
    }
}

fn no_text_is_lost(client: Protocol, asked: &Value, told: &Value, losses: &Losses) {
    let mut strings_told = BTreeMap::new();
    strings(told, &mut strings_told);
    for (at, text) in texts(client, asked) {
        // No vendor takes a text of blanks alone, and Messages none that ends in them.
        let bare = text.trim();
        let there = bare.is_empty() || strings_told.keys().any(|told| told.contains(bare));
        assert!(
            there || reported(losses, &at),
            "the text at {at} is lost: {asked} became {told}"
        );
    }
}

/// Messages refuses a result that does not follow its call, and a call without one.
fn results_follow_their_calls(body: &Value) {
    let none = Vec::new();
    let messages = body["messages"].as_array().unwrap_or(&none);
    let ids = |message: Option<&Value>, kind: &str, member: &str| -> BTreeSet<String> {
        message
            .and_then(|message| message["content"].as_array())
            .into_iter()
            .flatten()
            .filter(|block| block["type"] == kind)
            .filter_map(|block| block[member].as_str().map(str::to_owned))
            .collect()
    };
    let mut called = BTreeSet::new();
    for (index, message) in messages.iter().enumerate() {
        let results = ids(Some(message), "tool_result", "tool_use_id");
        assert_eq!(results, called, "results of message {index}: {body}");
        called = ids(Some(message), "tool_use", "id");
    }
}

/// Whether what was sent for a shorter history is the beginning of what is sent for a longer one
/// (T5); else the member that differs.
pub fn is_prefix(upstream: Protocol, shorter: &[u8], longer: &[u8]) -> Result<(), String> {
    let (shorter, longer) = (
        prefix_parts(upstream, shorter),
        prefix_parts(upstream, longer),
    );
    for (member, items) in shorter {
        let rest = longer.get(member).map_or(&[][..], Vec::as_slice);
        if !rest.starts_with(&items) {
            return Err(format!(
                "{member}:\n  {}\n  {}",
                items.join("\n  "),
                rest.join("\n  ")
            ));
        }
    }
    Ok(())
}

type Members<'b> = BTreeMap<&'b str, &'b RawValue>;

/// Everything that a prompt cache looks at. Messages joins neighbours of one role, so there each
/// block counts for itself.
fn prefix_parts(upstream: Protocol, body: &[u8]) -> BTreeMap<&'static str, Vec<String>> {
    let body: Members<'_> = serde_json::from_slice(body).expect("a request is an object");
    let mut parts = BTreeMap::new();
    for member in ["system", "instructions", "tools", "messages", "input"] {
        let Some(value) = body.get(member) else {
            continue;
        };
        let items = match serde_json::from_str::<Vec<&RawValue>>(value.get()) {
            Ok(items) if upstream == Protocol::Messages && member == "messages" => {
                items.iter().flat_map(|item| blocks(item)).collect()
            }
            Ok(items) => items.iter().map(|item| item.get().to_owned()).collect(),
            Err(_) => vec![value.get().to_owned()],
        };
        parts.insert(member, items);
    }
    parts
}

/// The blocks of a Messages message, each with its role.
fn blocks(message: &RawValue) -> Vec<String> {
    let message: Members<'_> = serde_json::from_str(message.get()).expect("a message is an object");
    let (role, content) = (message["role"].get(), message["content"].get());
    match serde_json::from_str::<Vec<&RawValue>>(content) {
        Ok(blocks) => blocks
            .iter()
            .map(|block| format!("{role} {block}"))
            .collect(),
        Err(_) => vec![format!(r#"{role} {{"type":"text","text":{content}}}"#)],
    }
}
