//! The answer side: tools get the names and kinds the client knows.

use proxai_ir::{Content, Event, PartId, PartKind, Response, Sink, ToolCall, ToolKind};
use proxai_json::Str;

use super::ToolMap;
use super::unwrap::Unwrapper;

/// Restores the calls of a whole answer.
pub fn restore_response(map: &ToolMap, response: &mut Response<'_>) {
    if map.is_empty() {
        return;
    }
    for part in &mut response.parts {
        if let Content::ToolCall(call) = &mut part.content {
            restore_call(map, call);
        }
    }
}

fn restore_call(map: &ToolMap, call: &mut ToolCall<'_>) {
    let Some(original) = map.original(&call.name) else {
        return;
    };
    let wrapped = call.kind != ToolKind::Custom && original.kind == ToolKind::Custom;
    call.name = Str::from(original.name.clone());
    call.namespace = original.namespace.clone().map(Str::from);
    call.kind = original.kind;
    if wrapped {
        let mut unwrapper = Unwrapper::default();
        let mut text = unwrapper.push(&call.input);
        text.push_str(&unwrapper.finish());
        call.input = text.into();
    }
}

/// Restores the calls of a stream. Keeps the state that a stream needs; `pass` lends the sink.
#[derive(Debug, Default)]
pub struct Restoring {
    /// Calls whose text is being taken out of JSON.
    wrapped: Vec<(PartId, Unwrapper)>,
}

impl Restoring {
    /// Passes `event` on to `sink`, with the client's names.
    pub fn pass(&mut self, map: &ToolMap, event: Event<'_>, sink: &mut dyn Sink) {
        if map.is_empty() {
            return sink.event(event);
        }
        match event {
            Event::Open {
                part,
                kind:
                    PartKind::ToolCall {
                        id,
                        item_id,
                        name,
                        namespace,
                        kind,
                    },
            } => {
                let Some(original) = map.original(&name) else {
                    let kind = PartKind::ToolCall {
                        id,
                        item_id,
                        name,
                        namespace,
                        kind,
                    };
                    return sink.event(Event::Open { part, kind });
                };
                if kind != ToolKind::Custom && original.kind == ToolKind::Custom {
                    self.wrapped.push((part, Unwrapper::default()));
                }
                let kind = PartKind::ToolCall {
                    id,
                    item_id,
                    name: Str::borrowed(&original.name),
                    namespace: original.namespace.as_deref().map(Str::borrowed),
                    kind: original.kind,
                };
                sink.event(Event::Open { part, kind });
            }
            Event::Delta { part, text } => {
                let Some((_, unwrapper)) = self.wrapped.iter_mut().find(|(id, _)| *id == part)
                else {
                    return sink.event(Event::Delta { part, text });
                };
                let text = unwrapper.push(&text);
                if !text.is_empty() {
                    sink.event(Event::Delta {
                        part,
                        text: text.into(),
                    });
                }
            }
            Event::Close { part } => {
                if let Some(at) = self.wrapped.iter().position(|(id, _)| *id == part) {
                    let rest = self.wrapped.swap_remove(at).1.finish();
                    if !rest.is_empty() {
                        sink.event(Event::Delta {
                            part,
                            text: rest.into(),
                        });
                    }
                }
                sink.event(Event::Close { part });
            }
            other => sink.event(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tools::Original;
    use proxai_ir::{Accumulator, At, Part, StopReason};

    #[test]
    fn json_and_stream_restore_alike() {
        let mut map = ToolMap::default();
        map.changed.insert(
            "ns__patch".into(),
            Original {
                name: "patch".into(),
                namespace: Some("ns".into()),
                kind: ToolKind::Custom,
            },
        );
        let call = ToolCall {
            id: "c".into(),
            name: "ns__patch".into(),
            input: r#"{"input":"a\nb"}"#.into(),
            ..ToolCall::default()
        };
        let mut response = Response {
            parts: vec![Part::new(At::default(), Content::ToolCall(call))],
            ..Response::default()
        };
        response.finish.reason = StopReason::ToolCalls;
        let mut restoring = Restoring::default();
        let mut accumulator = Accumulator::new();
        response.replay(&mut |event: Event<'_>| restoring.pass(&map, event, &mut accumulator));
        restore_response(&map, &mut response);
        let Content::ToolCall(call) = &response.parts[0].content else {
            panic!()
        };
        assert_eq!((call.name.as_str(), call.input.as_str()), ("patch", "a\nb"));
        let streamed = accumulator.into_response().unwrap();
        assert_eq!(format!("{streamed:?}"), format!("{response:?}"));
    }
}
