//! The conversation of a request, read.
//!
//! Every item is a turn of its own; encoders merge neighbours as their target needs. What has a
//! meaning only while its provider remembers it (references, compactions) is reported here, since
//! the hub has no place for it.

use proxai_ir::{At, Content, Losses, Part, Role, Tool, ToolKind, ToolResult, Turn};
use proxai_json::{RawValue, Str, Text};
use proxai_responses::{self as wire, ContentPart, Item};

use super::content::{self, report_extra};
use super::{decode_tools, items, search};
use crate::seal::{self, Opened};

/// Reads `input`; tools that stand among the items go to `tools`.
pub(super) fn read<'a>(
    input: Text<'a, Item<'a>>,
    turns: &mut Vec<Turn<'a>>,
    tools: &mut Vec<Tool<'a>>,
    losses: &mut Losses,
) {
    match input {
        Text::String(text) => {
            let at = At::root("input");
            turns.push(Turn::new(at, Role::User, vec![Part::text(at, text)]));
        }
        Text::Parts(list) => {
            let mut reader = Reader {
                turns,
                tools,
                losses,
            };
            for (index, item) in list.into_iter().enumerate() {
                reader.item(At::item("input", index), item);
            }
        }
    }
}

struct Reader<'r, 'a> {
    turns: &'r mut Vec<Turn<'a>>,
    tools: &'r mut Vec<Tool<'a>>,
    losses: &'r mut Losses,
}

impl<'a> Reader<'_, 'a> {
    fn push(&mut self, at: At, role: Role, content: Content<'a>) {
        self.turns
            .push(Turn::new(at, role, vec![Part::new(at, content)]));
    }

    fn item(&mut self, at: At, item: Item<'a>) {
        match item {
            Item::Message(message) => self.message(at, message),
            Item::Reasoning(item) => self.reasoning(at, item),
            Item::FunctionCallOutput(output) => self.result(at, output, ToolKind::Function),
            Item::CustomToolCallOutput(output) => self.result(at, output, ToolKind::Custom),
            Item::LocalShellCallOutput(output) | Item::ApplyPatchCallOutput(output) => {
                self.result(at, output, ToolKind::Native);
            }
            Item::ShellCallOutput(output) => {
                let output = wire::ToolOutput {
                    id: output.id,
                    call_id: output.call_id,
                    output: output.output,
                    status: output.status,
                    extra: output.extra,
                };
                self.result(at, output, ToolKind::Native);
            }
            Item::AdditionalTools(item) => {
                let place = |index| at.element("tools", index);
                decode_tools::read_all(item.tools, place, self.tools, self.losses);
            }
            Item::ToolSearchOutput(item) => self.search_output(at, item),
            Item::ToolSearchCall(call) if call.execution.as_deref() != Some("client") => {
                self.losses
                    .approximated(at, "the tools it looked for are offered from the start");
            }
            Item::ItemReference(_) => self.losses.dropped(
                at,
                "the item is known only to the provider that stored it: send the item itself",
            ),
            Item::Compaction(_) | Item::CompactionTrigger(_) => self.losses.dropped(
                at,
                "only the provider that compacted the conversation can read it",
            ),
            Item::ConfigurationUpdate(_) => self
                .losses
                .dropped(at, "settings cannot change within a conversation elsewhere"),
            Item::Unknown(item) => self.losses.dropped(
                at,
                format!("items of the kind `{}` are not known", item.kind),
            ),
            Item::WebSearchCall(call) => {
                let search = search::read(call);
                self.push(at, Role::Assistant, Content::WebSearch(search));
            }
            item => match items::call(item) {
                Ok(call) => self.push(at, Role::Assistant, Content::ToolCall(call)),
                Err(item) => self.push(at, Role::Assistant, items::opaque(&item)),
            },
        }
    }

    /// What a search found is offered from the start; a search that the client made also has a
    /// result, which says what may be called now.
    fn search_output(&mut self, at: At, item: wire::AdditionalTools<'a>) {
        let found = self.tools.len();
        let by_client = item.execution.as_deref() == Some("client");
        let place = |index| at.element("tools", index);
        decode_tools::read_all(item.tools, place, self.tools, self.losses);
        if !by_client {
            return self
                .losses
                .approximated(at, "the tools it found are offered from the start");
        }
        let names: Vec<String> = self.tools[found..]
            .iter()
            .map(|tool| match &tool.namespace {
                Some(namespace) => format!("{namespace}__{}", tool.name),
                None => tool.name.as_str().to_owned(),
            })
            .collect();
        let text = if names.is_empty() {
            "No tools were found.".to_owned()
        } else {
            format!("Tools that may be called now: {}", names.join(", "))
        };
        let result = ToolResult {
            call_id: items::call_id(item.call_id, item.id.as_ref()),
            kind: ToolKind::Native,
            parts: vec![Part::text(at.member("tools"), text)],
            is_error: false,
        };
        self.push(at, Role::Tool, Content::ToolResult(result));
    }

    fn message(&mut self, at: At, message: wire::Message<'a>) {
        let Some(content) = message.content else {
            if message.role.is_none() && message.id.is_some() {
                return self.item(at, Item::ItemReference(wire::OpenItem::default()));
            }
            return self.losses.dropped(at, "the message has no content");
        };
        report_extra(at, &message.extra, self.losses);
        if message.phase.is_some() {
            self.losses.dropped(
                at.member("phase"),
                "only Responses tells commentary from answer",
            );
        }
        let role = match message.role.as_deref() {
            Some("system") => Role::System,
            Some("developer") => Role::Developer,
            Some("assistant") => Role::Assistant,
            Some("user") | None => Role::User,
            Some(other) => {
                self.losses
                    .approximated(at.member("role"), format!("`{other}` is sent as user"));
                Role::User
            }
        };
        let parts = content::read_all(at, "content", content, self.losses);
        self.turns.push(Turn::new(at, role, parts));
    }

    fn reasoning(&mut self, at: At, item: wire::Reasoning<'a>) {
        report_extra(at, &item.extra, self.losses);
        let mut reasoning = items::reasoning(item);
        let opened = reasoning
            .sealed
            .as_ref()
            .map(|sealed| seal::open(&sealed.data));
        match opened {
            Some(Opened::Sealed { sealed, id }) => {
                reasoning.sealed = Some(sealed);
                reasoning.id = id.map(Str::from);
            }
            Some(Opened::Broken) => {
                return self.losses.dropped(
                    at.member("encrypted_content"),
                    "it was changed on the way and can no longer be opened",
                );
            }
            Some(Opened::Native) | None => {}
        }
        self.push(at, Role::Assistant, Content::Reasoning(reasoning));
    }

    fn result(&mut self, at: At, output: wire::ToolOutput<'a>, kind: ToolKind) {
        let is_error = kind == ToolKind::Native && output.status.as_deref() == Some("failed");
        let parts = match output.output {
            Some(raw) => self.output_parts(at, raw),
            None => Vec::new(),
        };
        let result = ToolResult {
            call_id: items::call_id(output.call_id, output.id.as_ref()),
            kind,
            parts,
            is_error,
        };
        self.push(at, Role::Tool, Content::ToolResult(result));
    }

    /// The output of a tool is a text, a list of content parts, or something only the tool knows.
    fn output_parts(&mut self, at: At, raw: &'a RawValue) -> Vec<Part<'a>> {
        let is_list = raw.get().starts_with('[');
        if is_list && let Ok(parts) = serde_json::from_str::<Vec<ContentPart<'a>>>(raw.get()) {
            let known = |part: &ContentPart<'_>| !matches!(part, ContentPart::Unknown(_));
            if parts.iter().all(known) {
                return content::read_all(at, "output", Text::Parts(parts), self.losses);
            }
        }
        vec![Part::text(at.member("output"), items::output_text(raw))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_input<'a>(body: &'a str, losses: &mut Losses) -> Vec<Turn<'a>> {
        let (mut turns, mut tools) = (Vec::new(), Vec::new());
        read(
            proxai_json::from_str(body).unwrap(),
            &mut turns,
            &mut tools,
            losses,
        );
        turns
    }

    fn roles(body: &str) -> Vec<Role> {
        read_input(body, &mut Losses::new())
            .iter()
            .map(|turn| turn.role)
            .collect()
    }

    #[test]
    fn every_item_is_a_turn_in_its_place() {
        assert_eq!(roles(r#""hi""#), [Role::User]);
        assert_eq!(
            roles(
                r#"[{"role":"developer","content":"d"},{"role":"user","content":[{"type":"input_text","text":"u"}]},
                    {"type":"reasoning","summary":[]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
                    {"type":"function_call_output","call_id":"c","output":"o"},{"type":"web_search_call","id":"ws"},
                    {"type":"message","role":"assistant","content":[{"type":"output_text","text":"a","annotations":[]}]}]"#
            ),
            [
                Role::Developer,
                Role::User,
                Role::Assistant,
                Role::Assistant,
                Role::Tool,
                Role::Assistant,
                Role::Assistant,
            ]
        );
    }

    #[test]
    fn outputs_keep_their_images_and_unknown_shapes_become_text() {
        let mut losses = Losses::new();
        let turns = read_input(
            r#"[{"type":"function_call_output","call_id":"a","output":[{"type":"input_text","text":"t"},{"type":"input_image","image_url":"data:image/png;base64,QQ=="}]},
                {"type":"shell_call_output","call_id":"b","output":[{"stdout":"x","stderr":"","outcome":{"type":"exit","exit_code":0}}]},
                {"type":"apply_patch_call_output","call_id":"c","status":"failed","output":"no such file"},
                {"type":"function_call_output","call_id":"d","output":{"k":1}}]"#,
            &mut losses,
        );
        let results: Vec<(usize, bool, String)> = turns
            .iter()
            .map(|turn| {
                let Content::ToolResult(result) = &turn.parts[0].content else {
                    panic!()
                };
                let text = match &result.parts[0].content {
                    Content::Text(text) => text.text.as_str().to_owned(),
                    _ => String::new(),
                };
                (result.parts.len(), result.is_error, text)
            })
            .collect();
        assert_eq!(results[0], (2, false, "t".into()));
        assert!(results[1].2.contains("stdout"));
        assert_eq!(results[2], (1, true, "no such file".into()));
        assert_eq!(results[3].2, r#"{"k":1}"#);
        assert!(losses.is_empty(), "{losses:?}");
    }

    #[test]
    fn a_search_of_the_client_is_a_call_with_a_result_and_its_finds_are_tools() {
        let (mut turns, mut tools, mut losses) = (Vec::new(), Vec::new(), Losses::new());
        let body = r#"[{"type":"tool_search_call","call_id":"c","execution":"client","arguments":{"query":"q"}},
            {"type":"tool_search_output","call_id":"c","execution":"client","tools":[{"type":"namespace","name":"n","tools":[{"type":"function","name":"f"}]}]},
            {"type":"tool_search_call","execution":"server","arguments":{}}]"#;
        read(
            proxai_json::from_str(body).unwrap(),
            &mut turns,
            &mut tools,
            &mut losses,
        );
        let Content::ToolCall(call) = &turns[0].parts[0].content else {
            panic!()
        };
        assert_eq!(
            (call.name.as_str(), call.input.as_str()),
            ("tool_search", r#"{"query":"q"}"#)
        );
        let Content::ToolResult(result) = &turns[1].parts[0].content else {
            panic!()
        };
        assert_eq!(result.call_id, call.id);
        assert!(
            matches!(&result.parts[0].content, Content::Text(text) if text.text.ends_with(": n__f"))
        );
        assert_eq!((turns.len(), tools.len(), losses.iter().count()), (2, 1, 1));
    }

    #[test]
    fn what_only_its_provider_remembers_is_reported() {
        let mut losses = Losses::new();
        let turns = read_input(
            r#"[{"id":"msg_1"},{"type":"item_reference","id":"x"},{"type":"compaction","encrypted_content":"e"},{"type":"telepathy"}]"#,
            &mut losses,
        );
        assert!(turns.is_empty());
        let paths: Vec<&str> = losses.iter().map(|loss| loss.path.as_str()).collect();
        assert_eq!(paths, ["input[0]", "input[1]", "input[2]", "input[3]"]);
    }

    #[test]
    fn a_seal_of_another_protocol_is_opened_and_a_damaged_one_is_dropped() {
        let sealed = proxai_ir::Sealed {
            origin: proxai_types::Protocol::Messages,
            issuer: None,
            data: "sig".into(),
        };
        let wrapped = seal::wrap(&sealed, "up", Some("call_1"));
        let body = |text: &str| {
            format!(
                r#"[{{"type":"reasoning","id":"rs_9","summary":[],"encrypted_content":"{text}"}}]"#
            )
        };
        let (good, bad) = (body(&wrapped), body(&wrapped[..wrapped.len() - 1]));
        let mut losses = Losses::new();
        let turns = read_input(&good, &mut losses);
        let Content::Reasoning(reasoning) = &turns[0].parts[0].content else {
            panic!()
        };
        assert_eq!(reasoning.id.as_deref(), Some("call_1"));
        assert_eq!(reasoning.sealed.as_ref().unwrap().data, "sig");
        assert!(losses.is_empty());
        assert!(read_input(&bad, &mut losses).is_empty());
        assert_eq!(
            losses.iter().next().unwrap().path,
            "input[0].encrypted_content"
        );
    }
}
