//! The searches of one stream: a call in one block, its result in a later one, one part in the hub.

use proxai_ir::{Event, PartId, PartKind, Sink, WEB_SEARCH, WebSearch};
use proxai_json::Str;
use proxai_messages as wire;

use super::search;

/// Searches without a result so far. Their parts are open.
#[derive(Debug, Default)]
pub(super) struct Searches(Vec<(PartId, WebSearch<'static>)>);

impl Searches {
    /// A search is called, as `part`.
    pub(super) fn begin(&mut self, part: PartId, id: Str<'_>) {
        let begun = WebSearch {
            id: id.into_static(),
            ..WebSearch::default()
        };
        self.0.push((part, begun));
    }

    /// The call is whole.
    pub(super) fn called(&mut self, part: PartId, input: Option<String>) {
        let input = input
            .and_then(wire::Json::from_string)
            .or_else(|| wire::Json::parse("{}"));
        if let Some((_, search)) = self.0.iter_mut().find(|(known, _)| *known == part) {
            *search = search::called(wire::ServerToolUseBlock {
                id: std::mem::take(&mut search.id),
                name: Str::borrowed(WEB_SEARCH),
                input,
                ..wire::ServerToolUseBlock::default()
            });
        }
    }

    /// What a search gave. A result without a call becomes a part of its own, the next of `parts`.
    pub(super) fn found(
        &mut self,
        block: wire::HostedResultBlock<'_>,
        parts: &mut u32,
        sink: &mut dyn Sink,
    ) {
        let result = search::found(block);
        let Some(at) = self.0.iter().position(|(_, search)| search.id == result.id) else {
            let part = PartId(*parts);
            *parts += 1;
            let id = result.id.reborrow();
            let kind = PartKind::WebSearch { id };
            sink.event(Event::Open { part, kind });
            return tell(part, result, sink);
        };
        let (part, mut search) = self.0.remove(at);
        search::join(&mut search, result.into_static());
        tell(part, search, sink);
    }

    /// The answer is over: tells the searches that got no result.
    pub(super) fn tell_rest(&mut self, sink: &mut dyn Sink) {
        for (part, search) in std::mem::take(&mut self.0) {
            tell(part, search, sink);
        }
    }
}

fn tell(part: PartId, search: WebSearch<'_>, sink: &mut dyn Sink) {
    sink.event(Event::Search { part, search });
    sink.event(Event::Close { part });
}
