//! What an upstream answers.

use proxai_json::Str;
use proxai_types::Usage;

use crate::{Content, Event, Part, PartId, PartKind, Sink, Start};

/// A whole answer.
#[derive(Clone, Debug, Default)]
pub struct Response<'a> {
    /// The upstream's id.
    pub id: Str<'a>,
    /// The model, as the upstream names it.
    pub model: Str<'a>,
    /// Seconds since 1970.
    pub created: Option<u64>,
    /// The service tier that was used.
    pub service_tier: Option<Str<'a>>,
    /// What was generated, in order.
    pub parts: Vec<Part<'a>>,
    /// Why it ended.
    pub finish: Finish<'a>,
    /// What it cost; `None` if the upstream did not say.
    pub usage: Option<Usage>,
}

/// Why generation ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finish<'a> {
    /// In hub terms.
    pub reason: StopReason,
    /// In the upstream's words (T11).
    pub raw: Option<Str<'a>>,
    /// The stop text that was met.
    pub stop_sequence: Option<Str<'a>>,
    /// What the upstream says about a refusal.
    pub explanation: Option<Str<'a>>,
}

impl Finish<'_> {
    /// A copy that owns its text.
    pub fn into_static(self) -> Finish<'static> {
        Finish {
            reason: self.reason,
            raw: self.raw.map(Str::into_static),
            stop_sequence: self.stop_sequence.map(Str::into_static),
            explanation: self.explanation.map(Str::into_static),
        }
    }
}

/// Why generation ended, in hub terms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum StopReason {
    /// The model was done.
    #[default]
    Stop,
    /// A stop text was met.
    StopSequence,
    /// The most tokens allowed.
    Length,
    /// The context window is full.
    ContextWindow,
    /// Tools are to be run.
    ToolCalls,
    /// A filter of the provider stepped in.
    ContentFilter,
    /// The model or a safety system declined.
    Refusal,
    /// The provider paused a long turn; the client is to send it again.
    Pause,
    /// Something else; see the raw reason.
    Other,
}

impl StopReason {
    /// The reason made to agree with the content (T11): an answer with tool calls that says it
    /// simply stopped has stopped for the tools, and the reverse.
    #[must_use]
    pub const fn agreeing_with(self, has_tool_calls: bool) -> Self {
        match (self, has_tool_calls) {
            (Self::Stop | Self::Other, true) => Self::ToolCalls,
            (Self::ToolCalls, false) => Self::Stop,
            _ => self,
        }
    }
}

impl Response<'_> {
    /// Whether the client is to run a tool.
    pub fn has_tool_calls(&self) -> bool {
        self.parts
            .iter()
            .any(|part| matches!(part.content, Content::ToolCall(_)))
    }

    /// Tells the answer as a stream of events (P13).
    pub fn replay(&self, sink: &mut dyn Sink) {
        sink.event(Event::Start(Start {
            id: self.id.reborrow(),
            model: self.model.reborrow(),
            created: self.created,
            service_tier: self.service_tier.as_ref().map(Str::reborrow),
        }));
        for (index, part) in self.parts.iter().enumerate() {
            let id = PartId(u32::try_from(index).unwrap_or(u32::MAX));
            replay_part(id, &part.content, sink);
        }
        if let Some(usage) = self.usage {
            sink.event(Event::Usage(usage));
        }
        sink.event(Event::Finish(self.finish.clone()));
    }
}

fn replay_part(part: PartId, content: &Content<'_>, sink: &mut dyn Sink) {
    let open = |kind, text: &Str<'_>, sink: &mut dyn Sink| {
        sink.event(Event::Open { part, kind });
        if !text.is_empty() {
            sink.event(Event::Delta {
                part,
                text: text.reborrow(),
            });
        }
    };
    match content {
        Content::Text(value) => {
            open(PartKind::Text, &value.text, sink);
            for citation in &value.citations {
                sink.event(Event::Cite {
                    part,
                    citation: citation.clone(),
                });
            }
            if let Some(json) = &value.logprobs {
                sink.event(Event::Logprobs {
                    part,
                    json: json.reborrow(),
                });
            }
        }
        Content::Reasoning(value) => {
            let kind = PartKind::Reasoning {
                id: value.id.as_ref().map(Str::reborrow),
                summary: value.summary,
                redacted: value.redacted,
            };
            open(kind, &value.text, sink);
            if let Some(sealed) = &value.sealed {
                sink.event(Event::Seal {
                    part,
                    sealed: sealed.clone(),
                });
            }
        }
        Content::Refusal(text) => open(PartKind::Refusal, text, sink),
        Content::ToolCall(call) => {
            let kind = PartKind::ToolCall {
                id: call.id.reborrow(),
                item_id: call.item_id.as_ref().map(Str::reborrow),
                name: call.name.reborrow(),
                namespace: call.namespace.as_ref().map(Str::reborrow),
                kind: call.kind,
            };
            open(kind, &call.input, sink);
            if let Some(sealed) = &call.sealed {
                sink.event(Event::Seal {
                    part,
                    sealed: sealed.clone(),
                });
            }
        }
        Content::WebSearch(search) => {
            let kind = PartKind::WebSearch {
                id: search.id.reborrow(),
            };
            open(kind, &Str::default(), sink);
            sink.event(Event::Search {
                part,
                search: search.clone(),
            });
        }
        Content::Opaque(value) => {
            let kind = PartKind::Opaque {
                kind: value.kind.reborrow(),
                hosted: value.hosted,
            };
            open(kind, &Str::default(), sink);
        }
        // No protocol streams media, and no answer should hold a result. Each still is a part:
        // one that is passed over would shift the ids of those behind it.
        Content::Media(_) | Content::ToolResult(_) => {
            let kind = if matches!(content, Content::Media(_)) {
                "media"
            } else {
                "tool_result"
            };
            let kind = PartKind::Opaque {
                kind: Str::borrowed(kind),
                hosted: false,
            };
            open(kind, &Str::default(), sink);
        }
    }
    sink.event(Event::Close { part });
}
