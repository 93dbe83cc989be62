//! Writes a whole answer.
//!
//! A message holds one text, one refusal and one list of calls, so texts are joined and their
//! place among the calls is lost, which is reported. The pieces are built by the same functions
//! that the stream uses, so that the two cannot disagree (T2). Therefore what came before a refusal
//! stays (case 105), as it does in a stream: `content_filter` says that none of it may be used.

use proxai_chat as wire;
use proxai_ir::{Content, Losses, Response, Sealed, StopReason, ToolKind, WEB_SEARCH, WebSearch};
use proxai_json::{Nullable, Str, Text};

use super::{citations, finish, reasoning, usage};
use crate::context::ReplyContext;
use crate::{ids, seal};

/// What the finish reason of an answer turns on.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    /// Parts that call a tool.
    pub(super) calls: usize,
    /// Reasoning blocks that carry a seal.
    pub(super) seals: usize,
    /// Characters of text so far.
    pub(super) characters: u64,
    /// A refusal in the model's own words.
    pub(super) refusal: bool,
}

impl Seen {
    /// Reports what the order of parts loses when a text begins.
    pub(super) fn before_text(self, losses: &mut Losses) {
        if self.calls > 0 {
            losses.approximated(
                "choices[0].message.content",
                "text behind a tool call is joined with the text before it",
            );
        }
    }

    /// The finish reason.
    pub(super) fn finish_reason(self, reason: StopReason, losses: &mut Losses) -> &'static str {
        if reason == StopReason::Pause {
            losses.approximated(
                "choices[0].finish_reason",
                "the provider paused the turn; Chat can only say that it is not whole",
            );
        }
        finish::encode(reason, self.calls > 0, self.refusal)
    }
}

/// Reports a part that has no form in an answer of this protocol.
pub(super) fn drop_opaque(kind: &str, losses: &mut Losses) {
    losses.dropped(
        format!("choices[0].message ({kind})"),
        "Chat has no form for it",
    );
}

/// The block that carries a search home; the client is not shown it (case 52).
pub(super) fn sealed_search(
    search: &WebSearch<'_>,
    issuer: &str,
    seen: &mut Seen,
    losses: &mut Losses,
) -> Option<wire::ReasoningDetail<'static>> {
    drop_opaque(WEB_SEARCH, losses);
    let sealed = search.sealed.as_ref()?;
    seen.seals += 1;
    let index = seen.seals - 1;
    Some(reasoning::sealed_block(
        sealed, issuer, None, index, 0, true,
    ))
}

/// The id of a call, made where the upstream gave none.
pub(super) fn call_id<'c>(given: &'c str, answer: &str, index: usize) -> Str<'c> {
    if given.is_empty() {
        let bare = answer.strip_prefix("chatcmpl-").unwrap_or(answer);
        ids::item("call_", bare, index).into()
    } else {
        Str::borrowed(given)
    }
}

/// Where a call carries its seal to the client and back.
pub(super) fn sealed_call(sealed: &Sealed<'_>, issuer: &str) -> Option<wire::Raw<'static>> {
    let wrapped = proxai_json::to_string(&seal::wrap(sealed, issuer, None));
    wire::Raw::from_text(format!("{{\"proxai\":{{\"seal\":{wrapped}}}}}"))
}

/// Whether the kind of a part becomes a call of this protocol, and of which kind.
pub(super) const fn is_custom(kind: ToolKind) -> bool {
    matches!(kind, ToolKind::Custom)
}

/// Raw JSON without line ends, which would break a frame; inside strings JSON has none.
pub(super) fn one_line(json: &str) -> String {
    json.split(['\n', '\r']).collect()
}

/// Arguments a client can parse: nothing at all means no arguments.
pub(super) const fn or_empty_object(input: &str) -> &str {
    if input.is_empty() { "{}" } else { input }
}

/// Writes the answer as the client's body.
pub(super) fn encode(
    response: &Response<'_>,
    context: &ReplyContext,
    losses: &mut Losses,
    out: &mut Vec<u8>,
) {
    let id = ids::answer("chatcmpl-", &response.id, &context.id);
    let mut body = Body {
        id: &id,
        context,
        seen: Seen::default(),
        text: String::new(),
        has_text: false,
        refusal: String::new(),
        thought: String::new(),
        blocks: Vec::new(),
        annotations: Vec::new(),
        logprobs: String::new(),
        calls: Vec::new(),
    };
    for part in &response.parts {
        body.part(&part.content, losses);
    }
    let reason = response.finish.reason;
    if let Some(explanation) = response.finish.explanation.as_deref()
        && !body.seen.refusal
        && reason == StopReason::Refusal
    {
        body.refusal.push_str(explanation);
    }
    let finish_reason = body.seen.finish_reason(reason, losses);
    let answer = wire::Response {
        id: Str::borrowed(&id),
        object: Str::borrowed("chat.completion"),
        created: Some(response.created.unwrap_or(context.created).into()),
        model: Str::borrowed(&context.model),
        choices: vec![body.choice(finish_reason)],
        usage: response.usage.as_ref().map(usage::encode),
        service_tier: response.service_tier.as_ref().map(Str::reborrow),
        ..wire::Response::default()
    };
    out.extend_from_slice(&proxai_json::to_vec(&answer));
}

struct Body<'r> {
    id: &'r str,
    context: &'r ReplyContext,
    seen: Seen,
    text: String,
    has_text: bool,
    refusal: String,
    thought: String,
    blocks: Vec<wire::ReasoningDetail<'static>>,
    annotations: Vec<wire::Annotation<'r>>,
    logprobs: String,
    calls: Vec<wire::ToolCall<'r>>,
}

impl<'r> Body<'r> {
    fn part(&mut self, content: &'r Content<'r>, losses: &mut Losses) {
        match content {
            Content::Text(part) => {
                self.seen.before_text(losses);
                self.has_text = true;
                self.text.push_str(&part.text);
                let length = part.text.chars().count() as u64;
                for citation in &part.citations {
                    match citations::annotation(citation, self.seen.characters, length) {
                        Some(annotation) => self.annotations.push(annotation),
                        None => drop_opaque("citation", losses),
                    }
                }
                self.seen.characters += length;
                if let Some(logprobs) = &part.logprobs {
                    reasoning::join_arrays(&mut self.logprobs, &one_line(logprobs));
                }
            }
            Content::Reasoning(part) => {
                self.thought.push_str(&part.text);
                // Clients of this protocol give the text back as it is.
                let vendors = |sealed: &&Sealed<'_>| seal::echo_of(sealed).is_none();
                if let Some(sealed) = part.sealed.as_ref().filter(vendors) {
                    self.blocks.push(reasoning::sealed_block(
                        sealed,
                        &self.context.issuer,
                        part.id.as_deref(),
                        self.seen.seals,
                        part.text.len(),
                        part.redacted,
                    ));
                    self.seen.seals += 1;
                }
            }
            Content::Refusal(text) => {
                self.seen.refusal = true;
                self.refusal.push_str(text);
            }
            Content::ToolCall(call) => self.call(call),
            Content::WebSearch(search) => {
                if let Some(block) =
                    sealed_search(search, &self.context.issuer, &mut self.seen, losses)
                {
                    self.blocks.push(block);
                }
            }
            Content::Opaque(opaque) => drop_opaque(&opaque.kind, losses),
            _ => drop_opaque("media", losses),
        }
    }

    fn call(&mut self, call: &'r proxai_ir::ToolCall<'r>) {
        let id = Some(call_id(&call.id, self.id, self.seen.calls));
        self.seen.calls += 1;
        let extra_content = call
            .sealed
            .as_ref()
            .and_then(|sealed| sealed_call(sealed, &self.context.issuer));
        self.calls.push(if is_custom(call.kind) {
            wire::ToolCall::Custom(wire::CustomCall {
                id,
                custom: wire::CustomCallBody {
                    name: call.name.reborrow(),
                    input: call.input.reborrow(),
                    ..wire::CustomCallBody::default()
                },
                extra_content,
                ..wire::CustomCall::default()
            })
        } else {
            wire::ToolCall::Function(wire::FunctionCall {
                id,
                function: wire::FunctionCallBody {
                    name: call.name.reborrow(),
                    arguments: Str::borrowed(or_empty_object(&call.input)).into(),
                    ..wire::FunctionCallBody::default()
                },
                extra_content,
                ..wire::FunctionCall::default()
            })
        });
    }

    fn choice(self, finish_reason: &'static str) -> wire::Choice<'r> {
        let silent = !self.has_text && (!self.calls.is_empty() || !self.refusal.is_empty());
        let some = |text: String| (!text.is_empty()).then(|| Str::from(text));
        let details = (!self.blocks.is_empty())
            .then(|| proxai_json::to_string(&self.blocks))
            .and_then(wire::Raw::from_text);
        let logprobs = (!self.logprobs.is_empty())
            .then(|| wire::Raw::from_text(self.logprobs))
            .flatten()
            .map(|content| wire::Logprobs {
                content: Nullable::Value(content),
                refusal: Nullable::Null,
            });
        wire::Choice {
            index: 0,
            message: wire::AnswerMessage {
                role: Some(Str::borrowed("assistant")),
                content: if silent {
                    Nullable::Null
                } else {
                    Nullable::Value(Text::String(self.text.into()))
                },
                refusal: Nullable::or_null(some(self.refusal)),
                reasoning_content: some(self.thought),
                reasoning_details: details,
                annotations: (!self.annotations.is_empty()).then_some(self.annotations),
                tool_calls: (!self.calls.is_empty()).then_some(self.calls),
                ..wire::AnswerMessage::default()
            },
            logprobs: Nullable::or_null(logprobs),
            finish_reason: Nullable::Value(Str::borrowed(finish_reason).into()),
            ..wire::Choice::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxai_ir::{At, Citation, Finish, Opaque, Part, Reasoning, TextPart, ToolCall};
    use proxai_types::{Protocol, Usage};

    fn written(response: &Response<'_>) -> (String, Losses) {
        let context = ReplyContext::new("asked", "up", Protocol::Messages, "fallback", 7);
        let (mut losses, mut out) = (Losses::new(), Vec::new());
        encode(response, &context, &mut losses, &mut out);
        (String::from_utf8(out).unwrap(), losses)
    }

    fn part(content: Content<'_>) -> Part<'_> {
        Part::new(At::default(), content)
    }

    fn call<'a>(id: &'a str, input: &'a str) -> Part<'a> {
        part(Content::ToolCall(ToolCall {
            id: id.into(),
            name: "f".into(),
            input: input.into(),
            ..ToolCall::default()
        }))
    }

    #[test]
    fn a_plain_answer_has_every_member_that_clients_require() {
        let response = Response {
            id: "msg_01".into(),
            model: "upstream-name".into(),
            parts: vec![
                Part::text(At::default(), "Hi"),
                Part::text(At::default(), "!"),
            ],
            usage: Some(Usage {
                input: Some(3),
                output: Some(2),
                ..Usage::default()
            }),
            ..Response::default()
        };
        assert_eq!(
            written(&response).0,
            concat!(
                r#"{"id":"chatcmpl-01","object":"chat.completion","created":7,"model":"asked","#,
                r#""choices":[{"index":0,"message":{"role":"assistant","content":"Hi!","refusal":null},"#,
                r#""logprobs":null,"finish_reason":"stop"}],"#,
                r#""usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"#,
                r#""prompt_tokens_details":{"cached_tokens":0},"completion_tokens_details":{"reasoning_tokens":0}}}"#
            )
        );
    }

    #[test]
    fn calls_alone_leave_the_content_null_and_get_ids_and_arguments() {
        let response = Response {
            id: "resp_9".into(),
            parts: vec![call("", ""), call("c2", "{\"x\":1}")],
            ..Response::default()
        };
        let (body, losses) = written(&response);
        assert!(body.contains(r#""content":null"#), "{body}");
        assert!(
            body.contains(
                r#"{"type":"function","id":"call_9_0","function":{"name":"f","arguments":"{}"}}"#
            ),
            "{body}"
        );
        assert!(body.contains(r#""finish_reason":"tool_calls""#), "{body}");
        assert!(losses.is_empty());
    }

    #[test]
    fn what_has_no_place_in_a_message_is_reported() {
        let response = Response {
            parts: vec![
                call("a", "{}"),
                Part::text(At::default(), "later"),
                part(Content::Opaque(Opaque {
                    kind: "server_tool_use".into(),
                    hosted: true,
                })),
            ],
            finish: Finish {
                reason: StopReason::Pause,
                ..Finish::default()
            },
            ..Response::default()
        };
        let (body, losses) = written(&response);
        assert!(!body.contains("server_tool_use"), "{body}");
        let paths: Vec<_> = losses.iter().map(|loss| loss.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "choices[0].message.content",
                "choices[0].message (server_tool_use)",
                "choices[0].finish_reason"
            ]
        );
    }

    #[test]
    fn reasoning_is_shown_and_its_seals_travel_beside_it() {
        let thought = |text: &'static str, data: &'static str| {
            part(Content::Reasoning(Reasoning {
                text: text.into(),
                redacted: text.is_empty(),
                sealed: Some(Sealed {
                    origin: Protocol::Messages,
                    issuer: None,
                    data: data.into(),
                }),
                ..Reasoning::default()
            }))
        };
        let response = Response {
            parts: vec![
                thought("hm ", "s1"),
                thought("", "s2"),
                Part::text(At::default(), "Hi"),
            ],
            ..Response::default()
        };
        let (body, _) = written(&response);
        let answer: wire::Response<'_> = proxai_json::from_str(&body).unwrap();
        let message = &answer.choices[0].message;
        assert_eq!(message.reasoning_content.as_deref(), Some("hm "));
        let found = reasoning::from_history(
            message.reasoning_content.clone(),
            message.reasoning_details.clone(),
            [At::default(); 2],
            &mut Losses::new(),
        );
        let seals: Vec<_> = found
            .iter()
            .map(|r| {
                (
                    r.text.as_str(),
                    r.sealed.as_ref().unwrap().data.as_str(),
                    r.redacted,
                )
            })
            .collect();
        assert_eq!(seals, [("hm ", "s1", false), ("", "s2", true)]);
    }

    #[test]
    fn a_refusal_keeps_its_words() {
        let explained = Response {
            finish: Finish {
                reason: StopReason::Refusal,
                explanation: Some("not that".into()),
                ..Finish::default()
            },
            ..Response::default()
        };
        let (body, _) = written(&explained);
        assert!(
            body.contains(r#""content":null,"refusal":"not that""#),
            "{body}"
        );
        assert!(body.contains(r#""finish_reason":"content_filter""#));
        let refused = Response {
            parts: vec![part(Content::Refusal("no".into()))],
            ..Response::default()
        };
        let (body, _) = written(&refused);
        assert!(body.contains(r#""refusal":"no""#) && body.contains(r#""finish_reason":"stop""#));
    }

    #[test]
    fn citations_count_from_the_start_of_the_content() {
        let cited = part(Content::Text(TextPart {
            text: "dé".into(),
            citations: vec![Citation {
                url: "https://a".into(),
                start: Some(1),
                end: Some(2),
                ..Citation::default()
            }],
            ..TextPart::default()
        }));
        let response = Response {
            parts: vec![Part::text(At::default(), "äbc"), cited],
            ..Response::default()
        };
        let (body, _) = written(&response);
        assert!(body.contains(r#""start_index":4,"end_index":5"#), "{body}");
    }
}
