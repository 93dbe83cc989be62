//! Reads a whole answer.
//!
//! Only the first choice is translated: requests for several are refused before they are sent.
//! The order inside a message is fixed by the protocol, so parts come as reasoning, text, refusal,
//! calls; only an array of content parts has an order of its own.

use proxai_chat as wire;
use proxai_ir::{
    At, Content, Failure, FailureKind, Opaque, Part, Reasoning, Response, TextPart, ToolCall,
    ToolKind,
};
use proxai_json::{Str, Text};

use super::calls::nameless;
use super::reasoning::{Members, from_answer, lone_seal, native};
use super::{citations, failure, finish, usage};
use crate::adapter::ReplyError;
use crate::ids;
use crate::reasoning::ReasoningFields;

/// Reads the body of a successful reply.
pub(super) fn decode(body: &[u8], fields: ReasoningFields) -> Result<Response<'_>, ReplyError> {
    let answer: wire::Response<'_> = match proxai_json::from_slice(body) {
        Ok(answer) => answer,
        Err(error) => {
            return Err(match failure::in_success(body) {
                Some(failure) => ReplyError::Failure(failure),
                None => ReplyError::Json(error),
            });
        }
    };
    let suspicious = answer.choices.is_empty() || answer.extra.get("error").is_some();
    if suspicious && let Some(failure) = failure::in_success(body) {
        return Err(ReplyError::Failure(failure));
    }
    let Some(choice) = first(answer.choices) else {
        return Err(ReplyError::Failure(
            Failure::new(
                FailureKind::BadUpstream,
                "the upstream's answer has no choices",
            )
            .with_code("upstream_no_choices"),
        ));
    };
    if let Some(error) = choice.extra.get("error") {
        let body = format!("{{\"error\":{}}}", error.get());
        if let Some(failure) = failure::in_success(body.as_bytes()) {
            return Err(ReplyError::Failure(failure));
        }
    }
    let logprobs = choice
        .logprobs
        .value()
        .and_then(|logprobs| logprobs.content.value())
        .map(wire::Raw::into_text);
    let sources = citations::from_lists(answer.search_results, answer.citations);
    let mut parts = Parts::default();
    parts.message(choice.message, fields, sources, logprobs)?;
    ids::make_distinct(&mut parts.list);
    let finish = finish::decode(
        choice
            .finish_reason
            .value()
            .map(|reason| Str::from(reason.as_str().to_owned())),
        choice.stop_reason,
        parts.calls > 0,
    )
    .map_err(ReplyError::Failure)?;
    let beside = answer.x_groq.and_then(|groq| groq.usage);
    Ok(Response {
        id: answer.id,
        model: answer.model,
        created: answer.created.map(|wire::Count(created)| created),
        service_tier: answer.service_tier,
        parts: parts.list,
        finish,
        usage: answer
            .usage
            .or(beside)
            .or(choice.usage)
            .as_ref()
            .map(usage::decode),
    })
}

fn first(choices: Vec<wire::Choice<'_>>) -> Option<wire::Choice<'_>> {
    choices.into_iter().find(|choice| choice.index == 0)
}

#[derive(Default)]
struct Parts<'a> {
    list: Vec<Part<'a>>,
    calls: usize,
}

impl<'a> Parts<'a> {
    fn push(&mut self, content: Content<'a>) {
        self.list.push(Part::new(At::default(), content));
    }

    fn message(
        &mut self,
        message: wire::AnswerMessage<'a>,
        fields: ReasoningFields,
        sources: Vec<proxai_ir::Citation<'a>>,
        logprobs: Option<Str<'a>>,
    ) -> Result<(), ReplyError> {
        let (thought, details) = Members {
            content: message.reasoning_content,
            reasoning: message.reasoning,
            text: message.reasoning_text,
            thinking: message.thinking,
            details: message.reasoning_details,
        }
        .choose(fields);
        if let Some(reasoning) = from_answer(thought, details) {
            self.push(Content::Reasoning(reasoning));
        }
        if let Some(extra) = message.extra_content {
            self.push(Content::Reasoning(lone_seal(extra.into_text())));
        }
        match message.content.value() {
            Some(Text::String(text)) => self.text(text),
            Some(Text::Parts(parts)) => parts.into_iter().for_each(|part| self.content(part)),
            None => {}
        }
        if let Some(audio) = message.audio {
            self.push(opaque("audio", false));
            self.text(audio.transcript.unwrap_or_default());
        }
        if message.images.is_some() {
            self.push(opaque("images", false));
        }
        let mut cited = citations::from_annotations(message.annotations.unwrap_or_default());
        if cited.is_empty() {
            cited = sources;
        }
        if let Some(Content::Text(text)) = self
            .list
            .iter_mut()
            .map(|part| &mut part.content)
            .find(|content| matches!(content, Content::Text(_)))
        {
            text.citations = cited;
            text.logprobs = logprobs.filter(|logprobs| logprobs.as_str() != "[]");
        }
        if let Some(refusal) = message.refusal.value().filter(|text| !text.is_empty()) {
            self.push(Content::Refusal(refusal));
        }
        for call in message.tool_calls.unwrap_or_default() {
            self.call(call)?;
        }
        if let Some(call) = message.function_call
            && !call.name.is_empty()
        {
            self.function(None, call, None)?;
        }
        Ok(())
    }

    fn text(&mut self, text: Str<'a>) {
        if !text.is_empty() {
            self.push(Content::Text(TextPart {
                text,
                ..TextPart::default()
            }));
        }
    }

    fn content(&mut self, part: wire::ContentPart<'a>) {
        match part {
            wire::ContentPart::Text(part) => self.text(part.text),
            wire::ContentPart::Refusal(part) => self.push(Content::Refusal(part.refusal)),
            wire::ContentPart::Thinking(part) => {
                let text = thinking_text(part.thinking);
                self.push(Content::Reasoning(Reasoning {
                    text,
                    ..Reasoning::default()
                }));
            }
            other => self.push(opaque(other.kind(), false)),
        }
    }

    fn call(&mut self, call: wire::ToolCall<'a>) -> Result<(), ReplyError> {
        match call {
            wire::ToolCall::Function(call) => {
                self.function(call.id, call.function, call.extra_content)
            }
            wire::ToolCall::Custom(call) => {
                let body = ToolCall {
                    id: call.id.unwrap_or_default(),
                    name: call.custom.name,
                    kind: ToolKind::Custom,
                    input: call.custom.input,
                    sealed: call.extra_content.map(|seal| native(seal.into_text())),
                    ..ToolCall::default()
                };
                self.named(body)
            }
            // Kinds of calls that are not official belong to tools that the provider runs.
            other => {
                self.push(opaque(other.kind(), true));
                Ok(())
            }
        }
    }

    fn function(
        &mut self,
        id: Option<Str<'a>>,
        body: wire::FunctionCallBody<'a>,
        seal: Option<wire::Raw<'a>>,
    ) -> Result<(), ReplyError> {
        self.named(ToolCall {
            id: id.unwrap_or_default(),
            name: body.name,
            input: body.arguments.0,
            sealed: seal.map(|seal| native(seal.into_text())),
            ..ToolCall::default()
        })
    }

    fn named(&mut self, call: ToolCall<'a>) -> Result<(), ReplyError> {
        if call.name.is_empty() {
            return Err(ReplyError::Failure(nameless()));
        }
        self.calls += 1;
        self.push(Content::ToolCall(call));
        Ok(())
    }
}

fn opaque<'a>(kind: &str, hosted: bool) -> Content<'a> {
    Content::Opaque(Opaque {
        kind: kind.to_owned().into(),
        hosted,
    })
}

/// The text of a thinking part.
pub(super) fn thinking_text<'a>(thinking: Text<'a, wire::TextContent<'a>>) -> Str<'a> {
    match thinking {
        Text::String(text) => text,
        Text::Parts(mut parts) if parts.len() == 1 => parts.remove(0).text,
        Text::Parts(parts) => parts
            .iter()
            .map(|part| part.text.as_str())
            .collect::<String>()
            .into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(body: &[u8]) -> Result<Response<'_>, ReplyError> {
        super::decode(body, ReasoningFields::default())
    }
    use proxai_ir::StopReason;

    fn kinds<'r>(response: &'r Response<'_>) -> Vec<(&'static str, &'r str)> {
        response
            .parts
            .iter()
            .map(|part| match &part.content {
                Content::Text(text) => ("text", text.text.as_str()),
                Content::Reasoning(reasoning) => ("reasoning", reasoning.text.as_str()),
                Content::Refusal(text) => ("refusal", text.as_str()),
                Content::ToolCall(call) => ("call", call.input.as_str()),
                Content::Opaque(opaque) => ("opaque", opaque.kind.as_str()),
                _ => ("other", ""),
            })
            .collect()
    }

    fn message(members: &str) -> String {
        format!(r#"{{"id":"x","choices":[{{"message":{{{members}}},"finish_reason":"stop"}}]}}"#)
    }

    #[test]
    fn every_spelling_of_reasoning_is_reasoning() {
        for members in [
            r#""content":"Hi","reasoning_content":"hm""#,
            r#""content":"Hi","reasoning":"hm""#,
            r#""content":"Hi","reasoning":null,"reasoning_details":[{"type":"reasoning.summary","summary":"hm"}]"#,
            r#""content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"Hi"}]"#,
        ] {
            let body = message(members);
            let response = decode(body.as_bytes()).unwrap();
            assert_eq!(
                kinds(&response),
                [("reasoning", "hm"), ("text", "Hi")],
                "{members}"
            );
        }
    }

    #[test]
    fn calls_are_read_in_every_form_and_make_the_stop_reason_agree() {
        let body = message(
            r#""content":null,"tool_calls":[
                {"id":"a","type":"function","function":{"name":"f","arguments":"{}"}},
                {"id":"a","function":{"name":"f","arguments":{"x":1}}},
                {"id":"b","type":"custom","custom":{"name":"p","input":"free"}},
                {"id":"w","type":"web_search_call","status":"done"}]"#,
        );
        let response = decode(body.as_bytes()).unwrap();
        assert_eq!(
            kinds(&response),
            [
                ("call", "{}"),
                ("call", "{\"x\":1}"),
                ("call", "free"),
                ("opaque", "web_search_call")
            ]
        );
        assert_eq!(response.finish.reason, StopReason::ToolCalls);
        assert_eq!(response.finish.raw.as_deref(), Some("stop"));
        let Content::ToolCall(second) = &response.parts[1].content else {
            panic!()
        };
        assert_eq!(second.id, "", "a repeated id is left for the encoder");
    }

    #[test]
    fn the_old_function_call_is_a_call() {
        let body = message(r#""content":"","function_call":{"name":"f","arguments":"{}"}"#);
        let response = decode(body.as_bytes()).unwrap();
        assert_eq!(kinds(&response), [("call", "{}")]);
    }

    #[test]
    fn signatures_are_sealed_where_they_belong() {
        let body = message(
            r#""content":"Hi","extra_content":{"vendor":{"signature":"s"}},
               "tool_calls":[{"id":"a","function":{"name":"f","arguments":"{}"},"extra_content":{"vendor":1}}]"#,
        );
        let response = decode(body.as_bytes()).unwrap();
        let Content::Reasoning(whole) = &response.parts[0].content else {
            panic!()
        };
        assert!(whole.redacted);
        assert_eq!(
            whole.sealed.as_ref().unwrap().data,
            r#"{"vendor":{"signature":"s"}}"#
        );
        let Content::ToolCall(call) = &response.parts[2].content else {
            panic!()
        };
        assert_eq!(call.sealed.as_ref().unwrap().data, r#"{"vendor":1}"#);
    }

    #[test]
    fn errors_inside_a_success_are_failures() {
        for body in [
            r#"{"error":{"message":"busy","code":503}}"#,
            r#"{"choices":[{"message":{"content":"ha"},"finish_reason":"error","error":{"message":"busy","code":503}}]}"#,
        ] {
            let Err(ReplyError::Failure(failure)) = decode(body.as_bytes()) else {
                panic!("{body}")
            };
            assert_eq!(
                (failure.message.as_str(), failure.http_status()),
                ("busy", 503)
            );
        }
        assert!(matches!(decode(b"<html>"), Err(ReplyError::Json(_))));
        assert!(matches!(decode(b"{}"), Err(ReplyError::Failure(_))));
    }

    #[test]
    fn sources_beside_the_answer_belong_to_its_text() {
        let body =
            r#"{"choices":[{"message":{"content":"It is so [1]."}}],"citations":["https://a"]}"#;
        let response = decode(body.as_bytes()).unwrap();
        let Content::Text(text) = &response.parts[0].content else {
            panic!()
        };
        assert_eq!(text.citations[0].url, "https://a");
    }
}
