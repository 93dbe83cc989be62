//! The requests that are sent, and how their answers are read.
//!
//! They are written once, in Chat, and go through the translators and quirks as a client's
//! requests do: what fails here would fail there.

use bytes::Bytes;
use proxai_ir::{Accumulator, Content, Failure, Response};
use proxai_providers::quirks::request_edits;
use proxai_providers::{Provider, Resource};
use proxai_sse::Decoder;
use proxai_translate::{ReplyError, RequestInfo, Target, adapter, translate_request};
use proxai_types::Protocol;
use serde_json::{Value, json};

use super::finding::Check;
use super::wire::{Question, Trouble};
use proxai_gateway::abilities;

/// Room for a thinking model to think and still say its word.
const MAX_TOKENS: u32 = 1024;

/// Room for a model that is asked to think.
const MAX_THINKING_TOKENS: u32 = 4096;

/// The request of a check in Chat.
fn chat(check: Check, model: &str) -> Value {
    let text = match check {
        Check::Tools => "What is the weather in Paris? Call the tool.",
        Check::Reasoning => "What is 17 times 23? Think, then answer with the number.",
        _ => "Answer with the one word: pong",
    };
    let mut body = json!({
        "model": model,
        "messages": [{ "role": "user", "content": text }],
        "max_tokens": MAX_TOKENS,
    });
    match check {
        Check::Stream => {
            body["stream"] = true.into();
            body["stream_options"] = json!({ "include_usage": true });
        }
        Check::Tools => {
            body["tools"] = json!([{
                "type": "function",
                "function": {
                    "name": "get_weather",
                    "description": "The weather in a city",
                    "parameters": {
                        "type": "object",
                        "properties": { "city": { "type": "string" } },
                        "required": ["city"],
                    },
                },
            }]);
            body["tool_choice"] = "auto".into();
        }
        Check::Reasoning => {
            body["reasoning_effort"] = "low".into();
            body["max_tokens"] = MAX_THINKING_TOKENS.into();
        }
        _ => {}
    }
    body
}

/// The question of a check in the provider's protocol.
pub(crate) fn question(
    check: Check,
    provider: &Provider,
    protocol: Protocol,
    model: &str,
) -> Result<Question, Trouble> {
    let cannot = |error: &dyn std::fmt::Display| Trouble::Request(error.to_string());
    let quirks = provider.quirks(protocol, model);
    let mut body = chat(check, model).to_string().into_bytes();
    if protocol != Protocol::Chat {
        let mut target = Target::new(model, &provider.name);
        target.abilities = abilities(&quirks);
        let info = RequestInfo {
            id: "doctor",
            created: 0,
            model,
        };
        body = translate_request(Protocol::Chat, protocol, &body, &target, &info)
            .map_err(|error| cannot(&error))?
            .body;
    }
    let edited = request_edits(&quirks, protocol, &body).map_err(|error| cannot(&error))?;
    let url = provider
        .url(Resource::Generate(protocol))
        .map_err(|error| cannot(&error))?;
    Ok(Question {
        url,
        family: protocol,
        body: Some(Bytes::from(edited.body.into_owned())),
        stream: check == Check::Stream,
        user_agent: quirks.user_agent().map(str::to_owned),
    })
}

/// What an answer holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holds {
    pub(crate) text: bool,
    pub(crate) call: bool,
    pub(crate) reasoning: bool,
}

impl Holds {
    fn of(response: &Response<'_>) -> Self {
        let mut holds = Self::default();
        for part in &response.parts {
            match &part.content {
                Content::Text(text) => holds.text |= !text.text.is_empty(),
                Content::ToolCall(_) => holds.call = true,
                Content::Reasoning(_) => holds.reasoning = true,
                _ => {}
            }
        }
        // Some models think and do not show it; the count says that they did.
        let counted = response.usage.and_then(|usage| usage.reasoning);
        holds.reasoning |= counted.is_some_and(|tokens| tokens > 0);
        holds
    }

    pub(crate) const fn nothing(self) -> bool {
        !self.text && !self.call && !self.reasoning
    }
}

/// Reads a whole answer.
pub(crate) fn read_whole(protocol: Protocol, body: &[u8]) -> Result<Holds, ReplyError> {
    adapter(protocol)
        .decode_response(body)
        .map(|response| Holds::of(&response))
}

/// Reads a stream.
pub(crate) fn read_stream(protocol: Protocol, body: &Bytes) -> Result<Holds, Failure> {
    let mut frames = Decoder::new();
    frames.push(body.clone());
    let mut decoder = adapter(protocol).stream_decoder();
    let mut accumulator = Accumulator::new();
    while let Ok(Some(frame)) = frames.next_frame() {
        decoder.frame(&frame, &mut accumulator);
    }
    if let Ok(Some(frame)) = frames.finish() {
        decoder.frame(&frame, &mut accumulator);
    }
    decoder.end(&mut accumulator);
    accumulator
        .into_response()
        .map(|response| Holds::of(&response))
}

/// The ids in a list of models; `None` if it is none.
pub(crate) fn read_models(body: &[u8]) -> Option<Vec<String>> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let list = [value.get("data"), value.get("models"), Some(&value)]
        .into_iter()
        .flatten()
        .find_map(Value::as_array)?;
    let id = |entry: &Value| {
        let named = ["id", "name", "model"];
        let named = named.iter().find_map(|key| entry.get(key)?.as_str());
        named.or(entry.as_str()).map(str::to_owned)
    };
    Some(list.iter().filter_map(id).collect())
}

/// Words in the ids of models that do not chat.
const NO_CHAT: [&str; 14] = [
    "embed",
    "whisper",
    "tts",
    "audio",
    "speech",
    "image",
    "video",
    "rerank",
    "moderation",
    "guard",
    "ocr",
    "transcribe",
    "realtime",
    "dall-e",
];

/// The model to try when the configuration has none.
pub(crate) fn first_chat_model(models: &[String]) -> Option<&String> {
    models.iter().find(|model| {
        let lower = model.to_ascii_lowercase();
        !NO_CHAT.iter().any(|word| lower.contains(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_models_are_read_in_every_shape_that_servers_have() {
        for body in [
            r#"{"object":"list","data":[{"id":"a"},{"id":"b"}]}"#,
            r#"{"models":[{"name":"a"},{"model":"b"}]}"#,
            r#"[{"id":"a"},{"id":"b"}]"#,
            r#"["a","b"]"#,
        ] {
            assert_eq!(read_models(body.as_bytes()).unwrap(), ["a", "b"], "{body}");
        }
        assert!(read_models(b"{}").is_none() && read_models(b"<html>").is_none());
    }

    #[test]
    fn a_model_that_cannot_chat_is_not_asked_to() {
        let models = ["text-embedding-3", "gpt-image-1", "small-talk"].map(str::to_owned);
        assert_eq!(first_chat_model(&models).unwrap(), "small-talk");
        assert!(first_chat_model(&models[..2]).is_none());
    }
}
