//! Reads the messages of a client's request: one turn per message.
//!
//! Surprises: clients send whole answers back, with members that mean nothing in a request; the
//! old `function` role joins a result to its call by name only, so both get the same made-up id.

use proxai_chat as wire;
use proxai_ir::{
    At, CacheMark, Content, Losses, Media, MediaKind, Part, Reasoning, Role, TextPart, ToolCall,
    ToolKind, ToolResult, Turn,
};
use proxai_json::{Str, StringOr, Text};

use super::reasoning::{from_history, lone_seal, native};
use super::request_decode::{asks_nothing, cache_mark, report_extra};
use super::response_decode::thinking_text;
use super::{citations, media};
use crate::seal::{self, Opened};

/// Reads the messages.
pub(super) fn turns<'a>(messages: Vec<wire::Message<'a>>, losses: &mut Losses) -> Vec<Turn<'a>> {
    let mut reader = Reader {
        losses,
        custom: Vec::new(),
        legacy: 0,
    };
    messages
        .into_iter()
        .enumerate()
        .map(|(index, message)| reader.turn(At::item("messages", index), message))
        .collect()
}

struct Reader<'l> {
    losses: &'l mut Losses,
    /// Ids of calls of custom tools, so that their results are known as such.
    custom: Vec<String>,
    /// How many calls of the old form were read.
    legacy: usize,
}

impl Reader<'_> {
    fn turn<'a>(&mut self, at: At, mut message: wire::Message<'a>) -> Turn<'a> {
        // Vendors' flags of a message that are off ask for nothing either.
        message.extra.0.retain(|(_, value)| value.get() != "false");
        report_extra(&at.to_string(), &message.extra, self.losses);
        let role = match &message.role {
            wire::Role::System => Role::System,
            wire::Role::Developer => Role::Developer,
            wire::Role::User => Role::User,
            wire::Role::Assistant => Role::Assistant,
            wire::Role::Tool | wire::Role::Function => Role::Tool,
            wire::Role::Other(role) if role.is_empty() => {
                let why = "nobody is said to speak; taken for `user`";
                self.losses.defaulted(at.member("role"), why);
                Role::User
            }
            other => {
                let why = format!("the role `{}` is unknown; taken for `user`", other.as_str());
                self.losses.approximated(at.member("role"), why);
                Role::User
            }
        };
        let mut turn = Turn::new(at, role, Vec::new());
        match role {
            Role::Tool => turn.parts.push(self.result(at, message)),
            Role::Assistant => {
                turn.name = message.name.take();
                self.assistant(at, message, &mut turn.parts);
            }
            _ => {
                turn.name = message.name.take();
                self.content(at, message.content.value(), &mut turn.parts);
            }
        }
        turn
    }

    fn result<'a>(&mut self, at: At, message: wire::Message<'a>) -> Part<'a> {
        let call_id = match message.tool_call_id {
            Some(id) => id,
            None => legacy_id(self.legacy.saturating_sub(1)),
        };
        let kind = if self.custom.iter().any(|id| *id == call_id.as_str()) {
            ToolKind::Custom
        } else {
            ToolKind::Function
        };
        let mut parts = Vec::new();
        self.content(at, message.content.value(), &mut parts);
        let result = ToolResult {
            call_id,
            kind,
            parts,
            is_error: false,
        };
        Part::new(at, Content::ToolResult(result))
    }

    fn assistant<'a>(&mut self, at: At, message: wire::Message<'a>, parts: &mut Vec<Part<'a>>) {
        let [text_at, other_at, details_at] =
            ["reasoning_content", "reasoning", "reasoning_details"].map(|member| at.member(member));
        let said = |text: &Str<'_>| !text.is_empty();
        let (text, text_at) = match message.reasoning_content.filter(said) {
            Some(text) => (Some(text), text_at),
            None => match message.reasoning.filter(said) {
                Some(text) => (Some(text), other_at),
                None => (None, details_at),
            },
        };
        let places = [text_at, details_at];
        for reasoning in from_history(text, message.reasoning_details, places, self.losses) {
            parts.push(Part::new(text_at, Content::Reasoning(reasoning)));
        }
        if let Some(extra) = message.extra_content {
            let at = at.member("extra_content");
            parts.push(Part::new(
                at,
                Content::Reasoning(lone_seal(extra.into_text())),
            ));
        }
        self.content(at, message.content.value(), parts);
        if let Some(annotations) = message.annotations.filter(|value| !asks_nothing(value)) {
            self.cite(at, annotations, parts);
        }
        if let Some(refusal) = message.refusal.filter(|text| !text.is_empty()) {
            parts.push(Part::new(at.member("refusal"), Content::Refusal(refusal)));
        }
        if message.audio.is_some_and(|value| !asks_nothing(value)) {
            self.losses.dropped(
                at.member("audio"),
                "earlier audio answers are known only to their provider",
            );
        }
        for (index, call) in message
            .tool_calls
            .unwrap_or_default()
            .into_iter()
            .enumerate()
        {
            self.call(at.element("tool_calls", index), call, parts);
        }
        if let Some(call) = message.function_call
            && !call.name.is_empty()
        {
            let id = legacy_id(self.legacy);
            self.legacy += 1;
            let call = ToolCall {
                id,
                name: call.name,
                input: call.arguments.0,
                ..ToolCall::default()
            };
            parts.push(Part::new(
                at.member("function_call"),
                Content::ToolCall(call),
            ));
        }
    }

    fn cite<'a>(&mut self, at: At, annotations: &'a proxai_json::RawValue, parts: &mut [Part<'a>]) {
        let read: Vec<wire::Annotation<'a>> =
            serde_json::from_str(annotations.get()).unwrap_or_default();
        let whole = read.len();
        let found = citations::from_annotations(read);
        let lost = found.len() < whole;
        let text = parts.iter_mut().find_map(|part| match &mut part.content {
            Content::Text(text) => Some(text),
            _ => None,
        });
        match text {
            Some(text) if !lost => text.citations = found,
            _ => self.losses.dropped(
                at.member("annotations"),
                "only addresses cited by a text have a place",
            ),
        }
    }

    fn call<'a>(&mut self, at: At, call: wire::ToolCall<'a>, parts: &mut Vec<Part<'a>>) {
        let (call, extra) = match call {
            wire::ToolCall::Function(call) => {
                report_extra(&at.to_string(), &call.extra, self.losses);
                let body = ToolCall {
                    id: call.id.unwrap_or_default(),
                    name: call.function.name,
                    input: call.function.arguments.0,
                    ..ToolCall::default()
                };
                (body, call.extra_content)
            }
            wire::ToolCall::Custom(call) => {
                report_extra(&at.to_string(), &call.extra, self.losses);
                let id = call.id.unwrap_or_default();
                self.custom.push(id.as_str().to_owned());
                let body = ToolCall {
                    id,
                    name: call.custom.name,
                    kind: ToolKind::Custom,
                    input: call.custom.input,
                    ..ToolCall::default()
                };
                (body, call.extra_content)
            }
            other => {
                let why = format!("calls of the kind `{}` are unknown", other.kind());
                return self.losses.dropped(at, why);
            }
        };
        let mut part = Part::new(at, Content::ToolCall(call));
        if let (Content::ToolCall(call), Some(extra)) = (&mut part.content, extra) {
            call.sealed = self.call_seal(at, extra);
        }
        parts.push(part);
    }

    /// The seal of a call: ours with its origin, or the vendor's own.
    fn call_seal<'a>(&mut self, at: At, extra: wire::Raw<'a>) -> Option<proxai_ir::Sealed<'a>> {
        let text = extra.into_text();
        let ours = serde_json::from_str::<wire::CallExtra<'_>>(&text)
            .ok()
            .and_then(|extra| extra.proxai);
        let Some(ours) = ours else {
            return (text.as_str() != "null").then(|| native(text));
        };
        match seal::open(&ours.seal) {
            Opened::Sealed { sealed, .. } => Some(sealed),
            Opened::Native | Opened::Broken => {
                self.losses
                    .dropped(at, "the seal of the call was changed on the way");
                None
            }
        }
    }

    fn content<'a>(
        &mut self,
        at: At,
        content: Option<Text<'a, wire::ContentPart<'a>>>,
        parts: &mut Vec<Part<'a>>,
    ) {
        match content {
            None => {}
            Some(Text::String(text)) => parts.push(Part::text(at.member("content"), text)),
            Some(Text::Parts(list)) => {
                for (index, part) in list.into_iter().enumerate() {
                    let at = at.element("content", index);
                    if let Some(part) = self.part(at, part) {
                        parts.push(part);
                    }
                }
            }
        }
    }

    fn part<'a>(&mut self, at: At, part: wire::ContentPart<'a>) -> Option<Part<'a>> {
        let place = || at.to_string();
        let (content, cache) = match part {
            wire::ContentPart::Text(part) => {
                report_extra(&place(), &part.extra, self.losses);
                let text = TextPart {
                    text: part.text,
                    ..TextPart::default()
                };
                let cache = mark(part.cache_control, part.prompt_cache_breakpoint);
                (Content::Text(text), cache)
            }
            wire::ContentPart::ImageUrl(part) => {
                report_extra(&place(), &part.extra, self.losses);
                let cache = mark(part.cache_control, part.prompt_cache_breakpoint);
                let (url, detail) = match part.image_url {
                    StringOr::String(url) => (url, None),
                    StringOr::Value(image) => (image.url, image.detail),
                };
                if url.is_empty() {
                    self.losses.dropped(at, "the image has no address");
                    return None;
                }
                let image = Media {
                    detail,
                    ..Media::at(MediaKind::Image, url)
                };
                (Content::Media(image), cache)
            }
            wire::ContentPart::InputAudio(part) => {
                report_extra(&place(), &part.extra, self.losses);
                let cache = mark(part.cache_control, part.prompt_cache_breakpoint);
                (Content::Media(media::from_audio(part.input_audio)), cache)
            }
            wire::ContentPart::File(part) => {
                report_extra(&place(), &part.extra, self.losses);
                let cache = mark(part.cache_control, part.prompt_cache_breakpoint);
                let Some(file) = media::from_file(part.file) else {
                    self.losses
                        .dropped(at, "the file has neither data nor an id");
                    return None;
                };
                (Content::Media(file), cache)
            }
            wire::ContentPart::Refusal(part) => (Content::Refusal(part.refusal), None),
            wire::ContentPart::Thinking(part) => {
                let reasoning = Reasoning {
                    text: thinking_text(part.thinking),
                    ..Reasoning::default()
                };
                (Content::Reasoning(reasoning), None)
            }
            wire::ContentPart::VideoUrl(part) => {
                let url = media::link(part.video_url);
                (Content::Media(Media::at(MediaKind::Video, url)), None)
            }
            wire::ContentPart::DocumentUrl(part) => {
                let url = media::link(part.document_url);
                let document = Media {
                    name: part.document_name,
                    ..Media::at(MediaKind::Document, url)
                };
                (Content::Media(document), None)
            }
            other => {
                let why = format!("parts of the kind `{}` are unknown", other.kind());
                self.losses.dropped(at, why);
                return None;
            }
        };
        Some(Part { at, content, cache })
    }
}

fn legacy_id(index: usize) -> Str<'static> {
    format!("call_function_{index}").into()
}

fn mark<'a>(
    control: Option<wire::CacheControl<'a>>,
    breakpoint: Option<wire::CacheControl<'a>>,
) -> Option<CacheMark<'a>> {
    let control = control.map(|control| cache_mark("cache_control", control));
    control.or_else(|| Some(cache_mark("prompt_cache_breakpoint", breakpoint?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(messages: &str) -> (Vec<Turn<'_>>, Losses) {
        let messages: Vec<wire::Message<'_>> = proxai_json::from_str(messages).unwrap();
        let mut losses = Losses::new();
        let turns = turns(messages, &mut losses);
        (turns, losses)
    }

    #[test]
    fn each_message_is_a_turn_in_its_place() {
        let (turns, losses) = read(
            r#"[{"role":"system","content":"be brief"},{"role":"developer","content":"x"},
                {"role":"user","content":"hi","name":"ann"},
                {"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","index":0,"function":{"name":"f","arguments":"{}"}}]},
                {"role":"tool","tool_call_id":"c","content":[{"type":"text","text":"ok"}]},
                {"role":"system","content":"later"}]"#,
        );
        let roles: Vec<Role> = turns.iter().map(|turn| turn.role).collect();
        assert_eq!(
            roles,
            [
                Role::System,
                Role::Developer,
                Role::User,
                Role::Assistant,
                Role::Tool,
                Role::System
            ]
        );
        assert_eq!(turns[2].name.as_deref(), Some("ann"));
        assert!(losses.is_empty(), "{losses:?}");
        let Content::ToolResult(result) = &turns[4].parts[0].content else {
            panic!()
        };
        assert_eq!(result.call_id, "c");
    }

    #[test]
    fn an_answer_sent_back_whole_loses_nothing_that_means_something() {
        let (turns, losses) = read(
            r#"[{"role":"assistant","content":"Hi","refusal":null,"audio":null,"annotations":[],
                "function_call":null,"tool_calls":null,"reasoning":"hm","extra":null}]"#,
        );
        assert!(losses.is_empty(), "{losses:?}");
        assert!(matches!(&turns[0].parts[0].content, Content::Reasoning(r) if r.text == "hm"));
        assert_eq!(turns[0].parts.len(), 2);
    }

    #[test]
    fn results_of_the_old_form_meet_their_calls() {
        let (turns, _) = read(
            r#"[{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},
                {"role":"function","name":"f","content":"1"},
                {"role":"assistant","function_call":{"name":"f","arguments":"{}"}},
                {"role":"function","name":"f","content":"2"}]"#,
        );
        for pair in turns.chunks(2) {
            let Content::ToolCall(call) = &pair[0].parts[0].content else {
                panic!()
            };
            let Content::ToolResult(result) = &pair[1].parts[0].content else {
                panic!()
            };
            assert_eq!(call.id, result.call_id);
        }
        let id = |turn: &Turn<'_>| match &turn.parts[0].content {
            Content::ToolCall(call) => call.id.to_string(),
            _ => String::new(),
        };
        assert_ne!(id(&turns[0]), id(&turns[2]));
    }

    #[test]
    fn media_of_every_kind_is_read() {
        let (turns, losses) = read(
            r#"[{"role":"user","content":[
                {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"},"cache_control":{"type":"ephemeral"}},
                {"type":"image_url","image_url":"https://a/b.png"},
                {"type":"input_audio","input_audio":{"data":"BBBB","format":"mp3"}},
                {"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,CCCC"}},
                {"type":"file","file":{"file_id":"file-1"}},
                {"type":"video_url","video_url":{"url":"https://v"}},
                {"type":"hologram","x":1}]}]"#,
        );
        let kinds: Vec<MediaKind> = turns[0]
            .parts
            .iter()
            .map(|part| match &part.content {
                Content::Media(media) => media.kind,
                _ => panic!(),
            })
            .collect();
        assert_eq!(
            kinds,
            [
                MediaKind::Image,
                MediaKind::Image,
                MediaKind::Audio,
                MediaKind::Document,
                MediaKind::Document,
                MediaKind::Video
            ]
        );
        assert!(turns[0].parts[0].cache.is_some());
        let paths: Vec<_> = losses.iter().map(|loss| loss.path.as_str()).collect();
        assert_eq!(paths, ["messages[0].content[6]"]);
    }

    #[test]
    fn the_seal_of_a_call_comes_back_with_its_origin() {
        let sealed = proxai_ir::Sealed {
            origin: proxai_types::Protocol::Messages,
            issuer: None,
            data: "sig".into(),
        };
        let ours = super::super::response_encode::sealed_call(&sealed, "up").unwrap();
        let body = format!(
            r#"[{{"role":"assistant","tool_calls":[
                {{"id":"a","function":{{"name":"f","arguments":"{{}}"}},"extra_content":{}}},
                {{"id":"b","function":{{"name":"f","arguments":"{{}}"}},"extra_content":{{"vendor":1}}}},
                {{"id":"c","function":{{"name":"f","arguments":"{{}}"}},"extra_content":{{"proxai":{{"seal":"proxai1.x"}}}}}}]}}]"#,
            ours.get()
        );
        let (turns, losses) = read(&body);
        let seal = |index: usize| match &turns[0].parts[index].content {
            Content::ToolCall(call) => call.sealed.clone(),
            _ => panic!(),
        };
        assert_eq!(seal(0).unwrap().issuer.as_deref(), Some("up"));
        assert_eq!(seal(1).unwrap().data, r#"{"vendor":1}"#);
        assert_eq!(seal(2), None);
        assert_eq!(losses.iter().count(), 1);
    }
}
