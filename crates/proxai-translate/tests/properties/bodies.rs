//! A conversation as each protocol's clients write it.

use proxai_translate::fuzzing::ISSUER;
use proxai_translate::ir::Sealed;
use proxai_translate::seal;
use proxai_types::Protocol;

use crate::history::{Answer, Call, History, Said, Seal, Tool};
use crate::json::{Json, object, raw};
use crate::options::Members;

/// The body of a request.
pub(crate) fn body(protocol: Protocol, history: &History, options: &Members) -> Json {
    let tools = history.tools.iter().map(|it| tool(protocol, it)).collect();
    let mut body = object([
        ("model", "house-model".into()),
        ("tools", Json::List(tools)),
    ]);
    let system = history.system.clone().map(Json::Text);
    let mut items = Vec::new();
    match (protocol, system) {
        (Protocol::Chat, Some(text)) => items.push(message("system", text)),
        (Protocol::Responses, Some(text)) => body = body.and([("instructions".to_owned(), text)]),
        (Protocol::Messages, Some(text)) => body = body.and([("system".to_owned(), text)]),
        (_, None) => {}
    }
    for (ask, calls, answer) in history.asks() {
        let results = ask.results(calls);
        if protocol == Protocol::Messages {
            let mut blocks: Vec<Json> = results
                .iter()
                .map(|(call, said)| messages_result(&call.id, said))
                .collect();
            if ask.orphan {
                blocks.push(messages_result("nobody", &[]));
            }
            blocks.extend(ask.said.iter().map(|it| said(protocol, it)));
            if !blocks.is_empty() {
                items.push(message("user", Json::List(blocks)));
            }
        } else {
            items.extend(
                results
                    .iter()
                    .map(|(call, said)| result(protocol, call, said)),
            );
            if ask.orphan {
                let call = Call {
                    id: "nobody".to_owned(),
                    name: "f".to_owned(),
                    arguments: String::new(),
                    custom: false,
                };
                items.push(result(protocol, &call, &[]));
            }
            items.extend(user(protocol, &ask.said));
        }
        if let Some(text) = &ask.system {
            items.push(message("system", text.as_str().into()));
        }
        items.extend(answer.into_iter().flat_map(|answer| match protocol {
            Protocol::Chat => vec![chat_answer(answer)],
            Protocol::Responses => responses_answer(answer),
            Protocol::Messages => vec![messages_answer(answer)],
        }));
    }
    let list = match protocol {
        Protocol::Responses => "input",
        _ => "messages",
    };
    body.and([(list.to_owned(), Json::List(items))])
        .and(options.iter().cloned())
}

fn message(role: &str, content: Json) -> Json {
    object([("role", role.into()), ("content", content)])
}

fn user(protocol: Protocol, parts: &[Said]) -> Option<Json> {
    let content = match parts {
        [] => return None,
        [Said::Text(text)] => text.as_str().into(),
        parts => Json::List(parts.iter().map(|it| said(protocol, it)).collect()),
    };
    Some(message("user", content))
}

fn said(protocol: Protocol, part: &Said) -> Json {
    let kind = |kind: &str| ("type", kind.into());
    match (protocol, part) {
        (_, Said::Odd(value)) => object([kind("novelty"), ("novelty", value.clone())]),
        (Protocol::Responses, Said::Text(text)) => {
            object([kind("input_text"), ("text", text.as_str().into())])
        }
        (_, Said::Text(text)) => object([kind("text"), ("text", text.as_str().into())]),
        (Protocol::Chat, Said::Image(url)) => object([
            kind("image_url"),
            ("image_url", object([("url", url.as_str().into())])),
        ]),
        (Protocol::Responses, Said::Image(url)) => {
            object([kind("input_image"), ("image_url", url.as_str().into())])
        }
        (Protocol::Messages, Said::Image(url)) => object([
            kind("image"),
            (
                "source",
                object([kind("url"), ("url", url.as_str().into())]),
            ),
        ]),
        (Protocol::Chat, Said::File(name)) => object([
            kind("file"),
            (
                "file",
                object([
                    ("filename", name.as_str().into()),
                    ("file_data", "data:application/pdf;base64,AAAA".into()),
                ]),
            ),
        ]),
        (Protocol::Responses, Said::File(name)) => object([
            kind("input_file"),
            ("filename", name.as_str().into()),
            ("file_data", "data:application/pdf;base64,AAAA".into()),
        ]),
        (Protocol::Messages, Said::File(name)) => object([
            kind("document"),
            ("title", name.as_str().into()),
            (
                "source",
                object([
                    kind("text"),
                    ("media_type", "text/plain".into()),
                    ("data", "words".into()),
                ]),
            ),
        ]),
    }
}

fn result(protocol: Protocol, call: &Call, parts: &[Said]) -> Json {
    let content = match parts {
        [] => "".into(),
        [Said::Text(text)] => text.as_str().into(),
        parts => Json::List(parts.iter().map(|it| said(protocol, it)).collect()),
    };
    let id = call.id.as_str();
    match (protocol, call.custom) {
        (Protocol::Chat, _) => object([
            ("role", "tool".into()),
            ("tool_call_id", id.into()),
            ("content", content),
        ]),
        (_, custom) => object([
            (
                "type",
                if custom {
                    "custom_tool_call_output"
                } else {
                    "function_call_output"
                }
                .into(),
            ),
            ("call_id", id.into()),
            ("output", content),
        ]),
    }
}

fn messages_result(id: &str, parts: &[Said]) -> Json {
    let content = parts.iter().map(|it| said(Protocol::Messages, it));
    object([
        ("type", "tool_result".into()),
        ("tool_use_id", id.into()),
        ("content", Json::List(content.collect())),
    ])
}

/// What a client's opaque field holds; `None` if it is left out.
fn opaque(seal: Seal, own: Protocol) -> Option<String> {
    let foreign = |issuer: &str| {
        let origin = Protocol::ALL
            .into_iter()
            .find(|other| *other != own)
            .expect("there are three");
        let data = match origin {
            Protocol::Chat => r#"[{"type":"reasoning.encrypted","data":"s"}]"#,
            _ => "c2VhbGVk",
        };
        let sealed = Sealed {
            origin,
            issuer: Some(issuer.to_owned().into()),
            data: data.into(),
        };
        seal::wrap(&sealed, issuer, Some("rs_1"))
    };
    match seal {
        Seal::None => None,
        Seal::Native => Some("bmF0aXZl".to_owned()),
        Seal::Foreign { home: true } => Some(foreign(ISSUER)),
        Seal::Foreign { home: false } => Some(foreign("elsewhere")),
        Seal::Broken => Some(foreign(ISSUER).replace("proxai1.", "proxai1.x")),
    }
}

fn chat_answer(answer: &Answer) -> Json {
    let content = match answer.said.as_slice() {
        [] => raw("null"),
        [text] => text.as_str().into(),
        parts => Json::List(
            parts
                .iter()
                .map(|text| object([("type", "text".into()), ("text", text.as_str().into())]))
                .collect(),
        ),
    };
    let mut message = message("assistant", content);
    if let Some((thought, seal)) = &answer.thought {
        message = message.and([("reasoning_content".to_owned(), thought.as_str().into())]);
        if let Some(data) = opaque(*seal, Protocol::Chat) {
            let detail = object([
                ("type", "reasoning.encrypted".into()),
                ("data", data.into()),
                ("format", "proxai-v1".into()),
                ("length", raw(thought.len().to_string())),
            ]);
            message = message.and([("reasoning_details".to_owned(), Json::List(vec![detail]))]);
        }
    }
    let calls: Vec<Json> = answer.calls.iter().map(chat_call).collect();
    if !calls.is_empty() {
        message = message.and([("tool_calls".to_owned(), Json::List(calls))]);
    }
    message
}

fn chat_call(call: &Call) -> Json {
    let (kind, input) = if call.custom {
        ("custom", "input")
    } else {
        ("function", "arguments")
    };
    object([
        ("id", call.id.as_str().into()),
        ("type", kind.into()),
        (
            kind,
            object([
                ("name", call.name.as_str().into()),
                (input, call.arguments.as_str().into()),
            ]),
        ),
    ])
}

fn responses_answer(answer: &Answer) -> Vec<Json> {
    let mut items = Vec::new();
    let text = |kind: &str, text: &str| object([("type", kind.into()), ("text", text.into())]);
    if let Some((thought, seal)) = &answer.thought {
        let summary = Json::List(vec![text("summary_text", thought)]);
        let item = object([("type", "reasoning".into()), ("summary", summary)]);
        let sealed = opaque(*seal, Protocol::Responses).map(Json::Text);
        items.push(item.and(sealed.map(|seal| ("encrypted_content".to_owned(), seal))));
    }
    if !answer.said.is_empty() {
        let parts = answer.said.iter().map(|said| text("output_text", said));
        items.push(message("assistant", Json::List(parts.collect())));
    }
    items.extend(answer.calls.iter().map(|call| {
        let (kind, input) = if call.custom {
            ("custom_tool_call", "input")
        } else {
            ("function_call", "arguments")
        };
        object([
            ("type", kind.into()),
            ("call_id", call.id.as_str().into()),
            ("name", call.name.as_str().into()),
            (input, call.arguments.as_str().into()),
        ])
    }));
    items
}

fn messages_answer(answer: &Answer) -> Json {
    let mut blocks = Vec::new();
    if let Some((thought, seal)) = &answer.thought {
        let sealed = opaque(*seal, Protocol::Messages);
        blocks.push(match sealed {
            Some(data) if thought.is_empty() => {
                object([("type", "redacted_thinking".into()), ("data", data.into())])
            }
            sealed => object([
                ("type", "thinking".into()),
                ("thinking", thought.as_str().into()),
            ])
            .and(sealed.map(|seal| ("signature".to_owned(), seal.into()))),
        });
    }
    blocks.extend(
        answer
            .said
            .iter()
            .map(|text| object([("type", "text".into()), ("text", text.as_str().into())])),
    );
    blocks.extend(answer.calls.iter().map(|call| {
        let value = serde_json::from_str::<serde_json::Value>(&call.arguments);
        let input = match value {
            Ok(value) if value.is_object() => call.arguments.clone(),
            _ => "{}".to_owned(),
        };
        object([
            ("type", "tool_use".into()),
            ("id", call.id.as_str().into()),
            ("name", call.name.as_str().into()),
            ("input", raw(input)),
        ])
    }));
    message("assistant", Json::List(blocks))
}

fn tool(protocol: Protocol, tool: &Tool) -> Json {
    let kind = |kind: &str| ("type", kind.into());
    match (protocol, tool) {
        (_, Tool::Odd { kind }) => object([("type", kind.as_str().into())]),
        (Protocol::Messages, Tool::Custom { name }) => object([
            ("name", name.as_str().into()),
            ("input_schema", object([kind("object")])),
        ]),
        (Protocol::Messages, Tool::Function { name, schema }) => object([
            ("name", name.as_str().into()),
            ("input_schema", schema.clone()),
        ]),
        (Protocol::Chat, Tool::Custom { name }) => object([
            kind("custom"),
            ("custom", object([("name", name.as_str().into())])),
        ]),
        (Protocol::Responses, Tool::Custom { name }) => {
            object([kind("custom"), ("name", name.as_str().into())])
        }
        (Protocol::Chat, Tool::Function { name, schema }) => object([
            kind("function"),
            (
                "function",
                object([
                    ("name", name.as_str().into()),
                    ("parameters", schema.clone()),
                ]),
            ),
        ]),
        (Protocol::Responses, Tool::Function { name, schema }) => object([
            kind("function"),
            ("name", name.as_str().into()),
            ("parameters", schema.clone()),
        ]),
    }
}
