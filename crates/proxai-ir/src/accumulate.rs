//! Folds a stream of events back into a whole answer.

use proxai_json::Str;
use proxai_types::Usage;

use crate::{
    At, Content, Event, Failure, Opaque, Part, PartKind, Reasoning, Response, Sink, TextPart,
    ToolCall, WebSearch,
};

/// A sink that builds the [`Response`] a stream tells.
///
/// Memory is bounded by the stream itself; callers bound that.
#[derive(Debug, Default)]
pub struct Accumulator {
    response: Response<'static>,
    failure: Option<Failure>,
    finished: bool,
}

impl Accumulator {
    /// Nothing told yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The answer, or why there is none. A stream without an end counts as cut.
    pub fn into_response(self) -> Result<Response<'static>, Failure> {
        match self.failure {
            Some(failure) => Err(failure),
            None if self.finished => Ok(self.response),
            None => Err(Failure::new(
                crate::FailureKind::BadUpstream,
                "the upstream's stream ended before its answer was complete",
            )),
        }
    }

    /// What was told so far.
    pub const fn response(&self) -> &Response<'static> {
        &self.response
    }

    fn part(&mut self, part: crate::PartId) -> Option<&mut Content<'static>> {
        self.response
            .parts
            .get_mut(part.0 as usize)
            .map(|part| &mut part.content)
    }
}

impl Sink for Accumulator {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(start) => {
                self.response.id = start.id.into_static();
                self.response.model = start.model.into_static();
                self.response.created = start.created;
                self.response.service_tier = start.service_tier.map(Str::into_static);
            }
            Event::Open { kind, .. } => {
                self.response
                    .parts
                    .push(Part::new(At::default(), empty(kind)));
            }
            Event::Delta { part, text } => {
                if let Some(slot) = self.part(part).and_then(text_of) {
                    slot.0.to_mut().push_str(&text);
                }
            }
            Event::Seal { part, sealed } => {
                let sealed = Some(sealed.into_static());
                match self.part(part) {
                    Some(Content::Reasoning(reasoning)) => reasoning.sealed = sealed,
                    Some(Content::ToolCall(call)) => call.sealed = sealed,
                    _ => {}
                }
            }
            Event::Cite { part, citation } => {
                if let Some(Content::Text(text)) = self.part(part) {
                    text.citations.push(crate::Citation {
                        url: citation.url.into_static(),
                        title: citation.title.map(Str::into_static),
                        quote: citation.quote.map(Str::into_static),
                        ..citation
                    });
                }
            }
            Event::Logprobs { part, json } => {
                if let Some(Content::Text(text)) = self.part(part) {
                    append_array(&mut text.logprobs, &json);
                }
            }
            Event::Search { part, search } => {
                if let Some(Content::WebSearch(slot)) = self.part(part) {
                    *slot = search.into_static();
                }
            }
            Event::Usage(usage) => {
                self.response
                    .usage
                    .get_or_insert_with(Usage::default)
                    .merge(&usage);
            }
            Event::Finish(finish) => {
                self.response.finish = finish.into_static();
                self.finished = true;
            }
            Event::Failure(failure) => self.failure = Some(failure),
            Event::Close { .. } | Event::Keepalive => {}
        }
    }
}

fn empty(kind: PartKind<'_>) -> Content<'static> {
    match kind {
        PartKind::Text => Content::Text(TextPart::default()),
        PartKind::Reasoning {
            id,
            summary,
            redacted,
        } => Content::Reasoning(Reasoning {
            id: id.map(Str::into_static),
            summary,
            redacted,
            ..Reasoning::default()
        }),
        PartKind::Refusal => Content::Refusal(Str::default()),
        PartKind::ToolCall {
            id,
            item_id,
            name,
            namespace,
            kind,
        } => Content::ToolCall(ToolCall {
            id: id.into_static(),
            item_id: item_id.map(Str::into_static),
            name: name.into_static(),
            namespace: namespace.map(Str::into_static),
            kind,
            ..ToolCall::default()
        }),
        PartKind::WebSearch { id } => Content::WebSearch(WebSearch {
            id: id.into_static(),
            ..WebSearch::default()
        }),
        PartKind::Opaque { kind, hosted } => Content::Opaque(Opaque {
            kind: kind.into_static(),
            hosted,
        }),
    }
}

fn text_of<'c>(content: &'c mut Content<'static>) -> Option<&'c mut Str<'static>> {
    match content {
        Content::Text(text) => Some(&mut text.text),
        Content::Reasoning(reasoning) => Some(&mut reasoning.text),
        Content::Refusal(text) => Some(text),
        Content::ToolCall(call) => Some(&mut call.input),
        _ => None,
    }
}

/// Joins two JSON arrays as text.
fn append_array(slot: &mut Option<Str<'static>>, json: &str) {
    let inner = |text: &str| {
        text.trim()
            .strip_prefix('[')
            .and_then(|t| t.strip_suffix(']'))
            .map(|t| t.trim().to_owned())
    };
    let Some(more) = inner(json) else { return };
    let joined = match slot.as_deref().and_then(inner) {
        Some(have) if !have.is_empty() && !more.is_empty() => format!("[{have},{more}]"),
        Some(have) if more.is_empty() => format!("[{have}]"),
        _ => format!("[{more}]"),
    };
    *slot = Some(joined.into());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Citation, Finish, Sealed, Source, StopReason, ToolKind};
    use proxai_types::Protocol;

    #[test]
    fn folding_a_replayed_answer_gives_it_back() {
        let response = Response {
            id: "r1".into(),
            model: "m".into(),
            created: Some(7),
            service_tier: None,
            parts: vec![
                Part::new(
                    At::default(),
                    Content::Reasoning(Reasoning {
                        text: "hmm".into(),
                        sealed: Some(Sealed {
                            origin: Protocol::Messages,
                            issuer: None,
                            data: "sig".into(),
                        }),
                        ..Reasoning::default()
                    }),
                ),
                Part::new(
                    At::default(),
                    Content::Text(TextPart {
                        text: "hello".into(),
                        citations: vec![Citation {
                            url: "u".into(),
                            ..Citation::default()
                        }],
                        logprobs: Some("[1]".into()),
                    }),
                ),
                Part::new(
                    At::default(),
                    Content::ToolCall(ToolCall {
                        id: "c1".into(),
                        name: "f".into(),
                        kind: ToolKind::Custom,
                        input: "{}".into(),
                        ..ToolCall::default()
                    }),
                ),
                Part::new(
                    At::default(),
                    Content::WebSearch(WebSearch {
                        id: "s1".into(),
                        query: "tides".into(),
                        sources: vec![Source {
                            url: "u".into(),
                            title: None,
                        }],
                        ..WebSearch::default()
                    }),
                ),
            ],
            finish: Finish {
                reason: StopReason::ToolCalls,
                ..Finish::default()
            },
            usage: Some(Usage {
                input: Some(3),
                ..Usage::default()
            }),
        };
        let mut checked = crate::Checked::new(Accumulator::new());
        response.replay(&mut checked);
        let (accumulator, violations) = checked.into_parts();
        assert_eq!(violations, []);
        let folded = accumulator.into_response().unwrap();
        assert_eq!(format!("{folded:?}"), format!("{response:?}"));
    }

    #[test]
    fn a_stream_without_an_end_is_a_failure() {
        let mut accumulator = Accumulator::new();
        accumulator.event(Event::Start(crate::Start::default()));
        assert!(accumulator.into_response().is_err());
    }

    #[test]
    fn log_probabilities_of_deltas_are_joined() {
        let mut slot = None;
        append_array(&mut slot, "[ 1 ]");
        append_array(&mut slot, "[]");
        append_array(&mut slot, "[2,3]");
        assert_eq!(slot.as_deref(), Some("[1,2,3]"));
    }
}
