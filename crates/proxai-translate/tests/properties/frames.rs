//! Streams of every protocol, told from one list of steps and then cut, repeated and shuffled.

use proptest::prelude::*;
use proxai_types::Protocol;

use crate::json::{Json, arguments, name, object, raw, text};

/// What an upstream does next.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Text(u8, String),
    Thought(u8, String),
    Call { slot: u8, id: String, name: String },
    Input(u8, String),
    Seal(u8, String),
    Close(u8),
    Usage(u32),
    Stop(&'static str),
    End,
    Error,
    Ping,
    Odd,
    NotJson,
}

/// A whole stream as it goes over the line.
pub(crate) fn stream(protocol: Protocol) -> impl Strategy<Value = Vec<u8>> {
    let steps = prop_oneof![
        4 => tidy(),
        1 => prop::collection::vec(any_step(), 0..12),
        2 => (tidy(), prop::collection::vec((any::<prop::sample::Index>(), any_step()), 1..3))
            .prop_map(|(mut steps, odd)| {
                for (at, step) in odd {
                    steps.insert(at.index(steps.len() + 1), step);
                }
                steps
            }),
        1 => (tidy(), any::<prop::sample::Index>()).prop_map(|(mut steps, at)| {
            steps.truncate(at.index(steps.len() + 1));
            steps
        }),
    ];
    (steps, prop::bool::weighted(0.9), any::<bool>()).prop_map(move |(steps, begun, named)| {
        let mut frames = Frames {
            protocol,
            named,
            sequence: 0,
            out: String::new(),
        };
        if begun {
            frames.begin();
        }
        for step in &steps {
            match protocol {
                Protocol::Chat => frames.chat(step),
                Protocol::Responses => frames.responses(step),
                Protocol::Messages => frames.messages(step),
            }
        }
        frames.out.into_bytes()
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    let slot = || 0_u8..4;
    prop_oneof![
        (slot(), text()).prop_map(|(slot, text)| Step::Text(slot, text)),
        (slot(), text()).prop_map(|(slot, text)| Step::Thought(slot, text)),
        (slot(), name(), name()).prop_map(|(slot, id, name)| Step::Call { slot, id, name }),
        (slot(), arguments()).prop_map(|(slot, input)| Step::Input(slot, input)),
        (slot(), text()).prop_map(|(slot, seal)| Step::Seal(slot, seal)),
        slot().prop_map(Step::Close),
        any::<u32>().prop_map(Step::Usage),
        stop().prop_map(Step::Stop),
        Just(Step::End),
        Just(Step::Error),
        Just(Step::Ping),
        Just(Step::Odd),
        Just(Step::NotJson),
    ]
}

fn stop() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "stop",
        "length",
        "tool_calls",
        "content_filter",
        "odd",
        "",
    ])
}

/// A stream without mistakes: thought, text, calls that may interleave, an end.
fn tidy() -> impl Strategy<Value = Vec<Step>> {
    (
        prop::option::of((text(), text())),
        prop::collection::vec(text(), 0..3),
        prop::collection::vec((name(), arguments()), 0..3),
        any::<bool>(),
        stop(),
    )
        .prop_map(|(thought, said, calls, interleaved, reason)| {
            let mut steps = Vec::new();
            let mut slot = 0;
            if let Some((thought, seal)) = thought {
                steps.extend([
                    Step::Thought(0, thought),
                    Step::Seal(0, seal),
                    Step::Close(0),
                ]);
                slot = 1;
            }
            if !said.is_empty() {
                steps.extend(said.into_iter().map(|text| Step::Text(slot, text)));
                steps.push(Step::Close(slot));
                slot += 1;
            }
            let mut pieces = Vec::new();
            for (name, input) in calls {
                let id = format!("call_{slot}");
                let middle = input.floor_char_boundary(input.len() / 2);
                let (head, tail) = input.split_at(middle);
                pieces.push([
                    Step::Call { slot, id, name },
                    Step::Input(slot, head.to_owned()),
                    Step::Input(slot, tail.to_owned()),
                    Step::Close(slot),
                ]);
                slot += 1;
            }
            if interleaved {
                for turn in 0..4 {
                    steps.extend(pieces.iter().map(|piece| piece[turn].clone()));
                }
            } else {
                steps.extend(pieces.into_iter().flatten());
            }
            steps.extend([Step::Stop(reason), Step::Usage(7), Step::End]);
            steps
        })
}

struct Frames {
    protocol: Protocol,
    /// Event lines, where the protocol has them.
    named: bool,
    sequence: u32,
    out: String,
}

impl Frames {
    fn frame(&mut self, kind: &str, data: Json) {
        let data = if self.protocol == Protocol::Responses {
            let number = raw(self.sequence.to_string());
            self.sequence += 1;
            data.and([("sequence_number".to_owned(), number)])
        } else {
            data
        };
        if self.named && self.protocol != Protocol::Chat {
            self.out.extend(["event: ", kind, "\n"]);
        }
        let text = data.write(crate::json::PLAIN);
        self.out.extend(["data: ", &text, "\n\n"]);
    }

    fn event<const N: usize>(&mut self, kind: &str, members: [(&str, Json); N]) {
        let members = members.map(|(name, value)| (name.to_owned(), value));
        self.frame(kind, object([("type", kind.into())]).and(members));
    }

    fn begin(&mut self) {
        match self.protocol {
            Protocol::Chat => self.delta(object([("role", "assistant".into())])),
            Protocol::Responses => {
                self.event("response.created", [("response", response("in_progress"))]);
            }
            Protocol::Messages => {
                let usage = object([("input_tokens", raw("3")), ("output_tokens", raw("1"))]);
                let message = object([
                    ("id", "msg_1".into()),
                    ("type", "message".into()),
                    ("role", "assistant".into()),
                    ("content", Json::List(Vec::new())),
                    ("model", "m".into()),
                    ("usage", usage),
                ]);
                self.event("message_start", [("message", message)]);
            }
        }
    }

    fn common(&mut self, step: &Step) {
        match step {
            Step::Ping => self.out += ": alive\n\n",
            Step::Odd => self.event("novelty", [("x", raw("[{}]"))]),
            Step::NotJson => self.out += "data: {\"cut\n\n",
            Step::Error => {
                let error = object([("type", "server_error".into()), ("message", "broke".into())]);
                self.event("error", [("error", error)]);
            }
            _ => {}
        }
    }

    fn delta(&mut self, delta: Json) {
        self.choice(object([("index", raw("0")), ("delta", delta)]));
    }

    fn choice(&mut self, choice: Json) {
        self.chunk(Json::List(vec![choice]), raw("null"));
    }

    fn chunk(&mut self, choices: Json, usage: Json) {
        let chunk = object([
            ("id", "chatcmpl-1".into()),
            ("object", "chat.completion.chunk".into()),
            ("created", raw("1")),
            ("model", "m".into()),
            ("choices", choices),
            ("usage", usage),
        ]);
        self.frame("", chunk);
    }

    fn chat(&mut self, step: &Step) {
        let call = |slot: &u8, members: Json| {
            let call = members.and([("index".to_owned(), raw(slot.to_string()))]);
            object([("tool_calls", Json::List(vec![call]))])
        };
        match step {
            Step::Text(_, text) => self.delta(object([("content", text.as_str().into())])),
            Step::Thought(_, text) => {
                self.delta(object([("reasoning_content", text.as_str().into())]));
            }
            Step::Seal(_, seal) => {
                let detail = object([
                    ("type", "reasoning.encrypted".into()),
                    ("data", seal.as_str().into()),
                ]);
                self.delta(object([("reasoning_details", Json::List(vec![detail]))]));
            }
            Step::Call { slot, id, name } => {
                let function = object([("name", name.as_str().into()), ("arguments", "".into())]);
                let members = object([("id", id.as_str().into()), ("function", function)]);
                self.delta(call(slot, members));
            }
            Step::Input(slot, input) => {
                let function = object([("arguments", input.as_str().into())]);
                self.delta(call(slot, object([("function", function)])));
            }
            Step::Stop(reason) => self.choice(object([
                ("index", raw("0")),
                ("delta", object([])),
                ("finish_reason", (*reason).into()),
            ])),
            Step::Usage(count) => {
                let usage = object([
                    ("prompt_tokens", raw("3")),
                    ("completion_tokens", raw(count.to_string())),
                ]);
                self.chunk(Json::List(Vec::new()), usage);
            }
            Step::End => self.out += "data: [DONE]\n\n",
            Step::Close(_) => {}
            other => self.common(other),
        }
    }

    fn block(&mut self, slot: u8, block: Json) {
        let index = raw(slot.to_string());
        self.event(
            "content_block_start",
            [("index", index), ("content_block", block)],
        );
    }

    fn block_delta(&mut self, slot: u8, kind: &str, member: &str, text: &str) {
        let delta = object([("type", kind.into()), (member, text.into())]);
        let index = raw(slot.to_string());
        self.event("content_block_delta", [("index", index), ("delta", delta)]);
    }

    fn messages(&mut self, step: &Step) {
        match step {
            Step::Text(slot, text) => {
                let block = object([("type", "text".into()), ("text", "".into())]);
                self.block(*slot, block);
                self.block_delta(*slot, "text_delta", "text", text);
            }
            Step::Thought(slot, text) => {
                let block = object([("type", "thinking".into()), ("thinking", "".into())]);
                self.block(*slot, block);
                self.block_delta(*slot, "thinking_delta", "thinking", text);
            }
            Step::Seal(slot, seal) => self.block_delta(*slot, "signature_delta", "signature", seal),
            Step::Call { slot, id, name } => self.block(
                *slot,
                object([
                    ("type", "tool_use".into()),
                    ("id", id.as_str().into()),
                    ("name", name.as_str().into()),
                    ("input", object([])),
                ]),
            ),
            Step::Input(slot, input) => {
                self.block_delta(*slot, "input_json_delta", "partial_json", input);
            }
            Step::Close(slot) => {
                self.event("content_block_stop", [("index", raw(slot.to_string()))]);
            }
            Step::Stop(reason) => {
                let reason = match *reason {
                    "stop" => "end_turn",
                    "length" => "max_tokens",
                    "tool_calls" => "tool_use",
                    other => other,
                };
                let usage = object([("output_tokens", raw("5"))]);
                let delta = object([("stop_reason", reason.into())]);
                self.event("message_delta", [("delta", delta), ("usage", usage)]);
            }
            Step::End => self.event("message_stop", []),
            Step::Ping => self.event("ping", []),
            Step::Usage(_) => {}
            other => self.common(other),
        }
    }

    fn responses(&mut self, step: &Step) {
        let place = |slot: &u8| {
            let index = ("output_index", raw(slot.to_string()));
            [index, ("item_id", format!("it_{slot}").into())]
        };
        let added = |slot: &u8, item: Json| {
            let id = ("id".to_owned(), format!("it_{slot}").into());
            [
                ("output_index", raw(slot.to_string())),
                ("item", item.and([id])),
            ]
        };
        match step {
            Step::Text(slot, text) => {
                let item = object([("type", "message".into()), ("role", "assistant".into())]);
                self.event("response.output_item.added", added(slot, item));
                let [index, id] = place(slot);
                let part = ("content_index", raw("0"));
                let delta = ("delta", text.as_str().into());
                self.event("response.output_text.delta", [index, id, part, delta]);
            }
            Step::Thought(slot, text) => {
                let item = object([("type", "reasoning".into()), ("summary", raw("[]"))]);
                self.event("response.output_item.added", added(slot, item));
                let [index, id] = place(slot);
                let part = ("summary_index", raw("0"));
                let delta = ("delta", text.as_str().into());
                self.event(
                    "response.reasoning_summary_text.delta",
                    [index, id, part, delta],
                );
            }
            Step::Call { slot, id, name } => {
                let item = object([
                    ("type", "function_call".into()),
                    ("call_id", id.as_str().into()),
                    ("name", name.as_str().into()),
                    ("arguments", "".into()),
                ]);
                self.event("response.output_item.added", added(slot, item));
            }
            Step::Input(slot, input) => {
                let [index, id] = place(slot);
                let delta = ("delta", input.as_str().into());
                self.event("response.function_call_arguments.delta", [index, id, delta]);
            }
            Step::Seal(slot, seal) => {
                let item = object([
                    ("type", "reasoning".into()),
                    ("encrypted_content", seal.as_str().into()),
                ]);
                self.event("response.output_item.done", added(slot, item));
            }
            Step::Close(slot) => self.event("response.output_item.done", place(slot)),
            Step::Stop(_) | Step::Usage(_) => {}
            Step::End => self.event("response.completed", [("response", response("completed"))]),
            Step::Ping => self.event("response.in_progress", []),
            other => self.common(other),
        }
    }
}

fn response(status: &str) -> Json {
    object([
        ("id", "resp_1".into()),
        ("object", "response".into()),
        ("model", "m".into()),
        ("status", status.into()),
    ])
}
