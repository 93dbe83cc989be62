//! Items, read into hub parts.
//!
//! Requests replay the items of answers, so one reader serves histories and answers. What a tool
//! of the provider did becomes an opaque part: shown to no client as a call of its own (52).

use proxai_ir::{At, Content, Opaque, Part, Reasoning, Sealed, ToolCall, ToolKind};
use proxai_json::{Str, Text};
use proxai_responses::lenient::JsonText;
use proxai_responses::{self as wire, ContentPart, Item};
use proxai_types::Protocol;

use super::{content, native, search};

/// The call that an item is, if the client is to run it; else the item itself.
#[expect(
    clippy::result_large_err,
    reason = "the item that is no call is read on at once, on the same stack"
)]
pub(super) fn call(item: Item<'_>) -> Result<ToolCall<'_>, Item<'_>> {
    Ok(match item {
        Item::FunctionCall(call) => ToolCall {
            id: call_id(call.call_id, call.id.as_ref()),
            item_id: call.id,
            name: call.name,
            namespace: call.namespace,
            kind: ToolKind::Function,
            input: call.arguments.0,
            sealed: None,
        },
        Item::CustomToolCall(call) => ToolCall {
            id: call_id(call.call_id, call.id.as_ref()),
            item_id: call.id,
            name: call.name,
            namespace: call.namespace,
            kind: ToolKind::Custom,
            input: call.input.0,
            sealed: None,
        },
        Item::LocalShellCall(call) => native_call(
            "local_shell",
            call.call_id,
            call.id,
            native::local_shell_input(call.action),
        ),
        Item::ShellCall(call) if !runs_at_provider(&call) => native_call(
            "shell",
            call.call_id,
            call.id,
            proxai_json::to_string(&call.action),
        ),
        Item::ApplyPatchCall(call) => native_call(
            "apply_patch",
            call.call_id,
            call.id,
            proxai_json::to_string(&call.operation),
        ),
        Item::ToolSearchCall(call) if call.execution.as_deref() == Some("client") => native_call(
            native::TOOL_SEARCH,
            call.call_id,
            call.id,
            call.arguments
                .map(|arguments| arguments.get().to_owned())
                .unwrap_or_default(),
        ),
        other => return Err(other),
    })
}

fn runs_at_provider(call: &wire::ShellCall<'_>) -> bool {
    call.environment
        .as_ref()
        .is_some_and(|environment| environment.kind != "local")
}

fn native_call<'a>(
    kind: &'static str,
    call: Option<Str<'a>>,
    id: Option<Str<'a>>,
    input: String,
) -> ToolCall<'a> {
    ToolCall {
        id: call_id(call, id.as_ref()),
        item_id: id,
        name: kind.into(),
        namespace: None,
        kind: ToolKind::Native,
        input: input.into(),
        sealed: None,
    }
}

/// What joins a call with its result; vendors that leave it out mean the item's own id.
pub(super) fn call_id<'a>(call_id: Option<Str<'a>>, id: Option<&Str<'a>>) -> Str<'a> {
    call_id
        .filter(|id| !id.is_empty())
        .or_else(|| id.cloned())
        .unwrap_or_default()
}

/// Reasoning with its seal as it came, not looked into.
pub(super) fn reasoning(item: wire::Reasoning<'_>) -> Reasoning<'_> {
    let content = item.content.unwrap_or_default();
    let summary = content.is_empty();
    let text = joined(item.summary.into_iter().chain(content));
    let sealed = item
        .encrypted_content
        .filter(|data| !data.is_empty())
        .map(|data| Sealed {
            origin: Protocol::Responses,
            issuer: None,
            data,
        });
    Reasoning {
        id: item.id.filter(|id| !id.is_empty()),
        redacted: text.is_empty() && sealed.is_some(),
        summary: summary && !text.is_empty(),
        text,
        sealed,
    }
}

/// Paragraphs with a blank line between them.
fn joined<'a>(parts: impl Iterator<Item = ContentPart<'a>>) -> Str<'a> {
    let mut whole = Str::default();
    for part in parts {
        let text = match part {
            ContentPart::ReasoningText(part) | ContentPart::SummaryText(part) => part.text,
            ContentPart::InputText(part) | ContentPart::Text(part) => part.text,
            ContentPart::OutputText(part) => part.text,
            _ => continue,
        };
        if whole.is_empty() {
            whole = text;
        } else if !text.is_empty() {
            let whole = whole.0.to_mut();
            whole.push_str(PARAGRAPH);
            whole.push_str(&text);
        }
    }
    whole
}

/// What stands between two parts of a summary.
pub(super) const PARAGRAPH: &str = "\n\n";

/// An item that no other protocol has a form for; `None` for what is no item of an answer's
/// content at all.
pub(super) fn opaque(item: &Item<'_>) -> Content<'static> {
    let hosted = !matches!(
        item,
        Item::Compaction(_) | Item::AdditionalTools(_) | Item::Unknown(_)
    );
    Content::Opaque(Opaque {
        kind: Str::from(item.kind().to_owned()),
        hosted,
    })
}

/// The id of an item.
pub(super) fn id<'i>(item: &'i Item<'_>) -> Option<&'i str> {
    let id = match item {
        Item::Message(item) => &item.id,
        Item::Reasoning(item) => &item.id,
        Item::FunctionCall(item) => &item.id,
        Item::CustomToolCall(item) => &item.id,
        Item::LocalShellCall(item) => &item.id,
        Item::ShellCall(item) => &item.id,
        Item::ApplyPatchCall(item) => &item.id,
        _ => return None,
    };
    id.as_deref()
}

/// Reads an item of an answer to the end of `parts`.
pub(super) fn read_output<'a>(item: Item<'a>, parts: &mut Vec<Part<'a>>) {
    let at = At::default();
    match item {
        Item::Message(message) => match message.content.unwrap_or_default() {
            Text::String(text) => parts.push(Part::text(at, text)),
            Text::Parts(list) => {
                parts.extend(
                    list.into_iter()
                        .filter_map(message_part)
                        .map(|content| Part::new(at, content)),
                );
            }
        },
        Item::Reasoning(item) => {
            let reasoning = reasoning(item);
            // Withheld without a seal, it is of no use to anybody.
            if !reasoning.text.is_empty() || reasoning.sealed.is_some() {
                parts.push(Part::new(at, Content::Reasoning(reasoning)));
            }
        }
        Item::WebSearchCall(call) => {
            parts.push(Part::new(at, Content::WebSearch(search::read(call))));
        }
        item => match call(item) {
            Ok(call) => parts.push(Part::new(at, Content::ToolCall(call))),
            Err(item) => parts.push(Part::new(at, opaque(&item))),
        },
    }
}

/// A part of a message of an answer.
pub(super) fn message_part(part: ContentPart<'_>) -> Option<Content<'_>> {
    Some(match part {
        ContentPart::OutputText(part) => Content::Text(content::output_text(part)),
        ContentPart::Text(part) | ContentPart::InputText(part) => {
            Content::Text(proxai_ir::TextPart {
                text: part.text,
                ..proxai_ir::TextPart::default()
            })
        }
        ContentPart::Refusal(part) => Content::Refusal(part.refusal),
        _ => return None,
    })
}

/// A tool's output as text, when it is a string or something that only a tool understands.
pub(super) fn output_text(raw: &proxai_json::RawValue) -> Str<'_> {
    serde_json::from_str::<JsonText<'_>>(raw.get())
        .map(|text| text.0)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(body: &str) -> Vec<Part<'_>> {
        let mut parts = Vec::new();
        read_output(proxai_json::from_str(body).unwrap(), &mut parts);
        parts
    }

    #[test]
    fn summary_and_reasoning_text_are_joined_as_paragraphs() {
        let parts = parts(
            r#"{"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"a"},{"type":"summary_text","text":"b"}],"content":[{"type":"reasoning_text","text":"c"}],"encrypted_content":"E"}"#,
        );
        let Content::Reasoning(reasoning) = &parts[0].content else {
            panic!()
        };
        assert_eq!(reasoning.text, "a\n\nb\n\nc");
        assert!(!reasoning.summary && !reasoning.redacted);
        assert_eq!(reasoning.sealed.as_ref().unwrap().data, "E");
    }

    #[test]
    fn withheld_reasoning_has_only_its_seal() {
        let parts =
            parts(r#"{"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"E"}"#);
        let Content::Reasoning(reasoning) = &parts[0].content else {
            panic!()
        };
        assert!(reasoning.redacted && !reasoning.summary);
    }

    #[test]
    fn a_shell_of_the_provider_is_not_a_call_of_the_client() {
        let body = |environment: &str| {
            format!(
                r#"{{"type":"shell_call","id":"sh","call_id":"c","action":{{"commands":["ls"]}},"environment":{{"type":"{environment}"}}}}"#
            )
        };
        let (local, hosted) = (body("local"), body("container_reference"));
        assert!(
            matches!(&parts(&local)[0].content, Content::ToolCall(call) if call.input == r#"{"commands":["ls"]}"#)
        );
        assert!(matches!(&parts(&hosted)[0].content, Content::Opaque(opaque) if opaque.hosted));
    }

    #[test]
    fn arguments_may_be_an_object_and_a_missing_call_id_is_the_item_id() {
        let parts = parts(r#"{"type":"function_call","id":"fc_1","name":"f","arguments":{"a":1}}"#);
        let Content::ToolCall(call) = &parts[0].content else {
            panic!()
        };
        assert_eq!(
            (call.id.as_str(), call.input.as_str()),
            ("fc_1", r#"{"a":1}"#)
        );
    }
}
