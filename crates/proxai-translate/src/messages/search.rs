//! The web search that the provider runs, as a tool and as blocks.
//!
//! <https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-search-tool>, checked
//! 2026-11-21. A search is two blocks, the call and its result; the hub has one part. What a page
//! says is encrypted for the provider alone, so pages that another provider found are shown with
//! their address and an empty `encrypted_content`: clients read address and title. Back to the
//! provider go only its own blocks, as it sent them.

use proxai_ir::{
    At, Location, Losses, Sealed, Source, Tool, ToolDefinition, WEB_SEARCH, WebSearch,
    WebSearchTool,
};
use proxai_json::Str;
use proxai_messages as wire;
use proxai_messages::{ContentBlock, HostedContent};
use proxai_types::Protocol;

use super::blocks::{mark, unread};
use super::encode_turns::cache_control;
use crate::features::Feature;
use crate::seal;
use crate::tools::search::lose_setting;

/// What stands for a reason that the provider did not give in a word of this protocol.
const UNAVAILABLE: &str = "unavailable";

/// The words that clients of this protocol know for a search that failed.
const ERRORS: [&str; 6] = [
    "invalid_tool_input",
    "unavailable",
    "max_uses_exceeded",
    "too_many_requests",
    "query_too_long",
    "request_too_large",
];

/// Reads the tool.
pub(super) fn tool<'a>(tool: wire::WebSearchTool<'a>, at: At, losses: &mut Losses) -> Tool<'a> {
    unread(at, &tool.extra, losses);
    super::request_tools::callers(tool.allowed_callers.as_deref(), at, losses);
    let search = WebSearchTool {
        allowed_domains: tool.allowed_domains.unwrap_or_default(),
        blocked_domains: tool.blocked_domains.unwrap_or_default(),
        max_uses: tool.max_uses,
        context_size: None,
        location: tool.user_location.map(|place| {
            unread(at.member("user_location"), &place.extra, losses);
            Location {
                city: place.city,
                country: place.country,
                region: place.region,
                timezone: place.timezone,
            }
        }),
    };
    Tool {
        at,
        name: Str::borrowed(WEB_SEARCH),
        namespace: None,
        description: None,
        definition: ToolDefinition::WebSearch(search),
        cache: mark(tool.cache_control),
        deferred: tool.defer_loading.unwrap_or(false),
    }
}

/// Writes the tool, in its first version, which every model that can search has.
pub(super) fn write_tool<'r>(
    tool: &'r Tool<'_>,
    search: &'r WebSearchTool<'_>,
    origin: Protocol,
    losses: &mut Losses,
) -> wire::Tool<'r> {
    let size = search.context_size.as_deref();
    if size.is_some_and(|size| size != "medium") {
        let setting = Feature::SearchContextSize;
        lose_setting(setting, origin, tool, Protocol::Messages, losses);
    }
    let domains = |list: &'r [Str<'_>]| {
        (!list.is_empty()).then(|| list.iter().map(Str::reborrow).collect::<Vec<_>>())
    };
    let text = |text: &'r Option<Str<'_>>| text.as_ref().map(Str::reborrow);
    wire::Tool::WebSearch20250305(wire::WebSearchTool {
        name: Str::borrowed(WEB_SEARCH),
        max_uses: search.max_uses,
        allowed_domains: domains(&search.allowed_domains),
        blocked_domains: domains(&search.blocked_domains),
        user_location: search.location.as_ref().map(|place| wire::UserLocation {
            kind: Some(Str::borrowed("approximate")),
            city: text(&place.city),
            country: text(&place.country),
            region: text(&place.region),
            timezone: text(&place.timezone),
            ..wire::UserLocation::default()
        }),
        cache_control: tool.cache.as_ref().map(cache_control),
        ..wire::WebSearchTool::default()
    })
}

/// Prefix of the ids of calls of tools that the provider runs.
pub(super) const PREFIX: &str = "srvtoolu_";

/// Whether a block calls the search.
pub(super) fn is_call(call: &wire::ServerToolUseBlock<'_>) -> bool {
    call.name == WEB_SEARCH
}

proxai_json::wire! {
    /// The input of a search.
    pub struct Query<'a> {
        /// What is searched for.
        pub query: Str<'a> = "query",
    }
}

/// What an input searches for.
pub(super) fn query_of(input: &str) -> Str<'static> {
    let input = serde_json::from_str::<Query<'_>>(input).unwrap_or_default();
    input.query.into_static()
}

/// The search that a call begins; its result joins it later.
pub(super) fn called(call: wire::ServerToolUseBlock<'_>) -> WebSearch<'_> {
    let query = call.input.as_ref().map(|input| query_of(input.get()));
    let id = call.id.clone();
    let block = ContentBlock::ServerToolUse(call);
    WebSearch {
        query: query.unwrap_or_default(),
        sealed: own(&[block]),
        id,
        ..WebSearch::default()
    }
}

/// What a search gave, as a search without a query.
pub(super) fn found(result: wire::HostedResultBlock<'_>) -> WebSearch<'_> {
    let content = result.content.as_ref().map_or("", |content| content.get());
    let (mut sources, mut failed) = (Vec::new(), None);
    match serde_json::from_str::<Vec<HostedContent<'_>>>(content) {
        Ok(list) => {
            for page in list {
                if let HostedContent::WebSearch(page) = page {
                    sources.push(Source {
                        url: page.url.unwrap_or_default().into_static(),
                        title: page.title.map(Str::into_static),
                    });
                }
            }
        }
        Err(_) => {
            if let Ok(HostedContent::WebSearchError(error)) = serde_json::from_str(content) {
                let code = error.error_code.map(Str::into_static);
                failed = Some(code.unwrap_or(Str::borrowed(UNAVAILABLE)));
            }
        }
    }
    WebSearch {
        id: result.tool_use_id.clone(),
        query: Str::default(),
        sources,
        failed,
        sealed: own(&[ContentBlock::WebSearchResult(result)]),
    }
}

/// Adds a result to the search it belongs to.
pub(super) fn join<'a>(search: &mut WebSearch<'a>, result: WebSearch<'a>) {
    search.sources = result.sources;
    search.failed = result.failed;
    let blocks = |sealed: &Option<Sealed<'_>>| {
        let json = sealed.as_ref().and_then(seal::item_of)?;
        Some(json.strip_prefix('[')?.strip_suffix(']')?.to_owned())
    };
    search.sealed = blocks(&search.sealed)
        .zip(blocks(&result.sealed))
        .and_then(|(call, result)| seal::item(Protocol::Messages, &format!("[{call},{result}]")));
}

/// The provider's own blocks, for the way back.
fn own(blocks: &[ContentBlock<'_>]) -> Option<Sealed<'static>> {
    seal::item(Protocol::Messages, &proxai_json::to_string(blocks))
}

/// The blocks of a search on its way home.
pub(super) fn blocks_of<'r>(sealed: &'r Sealed<'_>) -> Option<Vec<ContentBlock<'r>>> {
    if sealed.origin != Protocol::Messages {
        return None;
    }
    proxai_json::from_str(seal::item_of(sealed)?).ok()
}

/// The input of the call that shows a search to a client.
pub(super) fn input(query: &str) -> String {
    super::input::wrapped("query", query)
}

/// The result that shows to a client what a search gave.
pub(super) fn result<'s>(id: &'s str, search: &'s WebSearch<'_>) -> ContentBlock<'s> {
    let own = search.sealed.as_ref().and_then(blocks_of);
    if let Some(ContentBlock::WebSearchResult(own)) = own.and_then(|mut own| own.pop()) {
        return ContentBlock::WebSearchResult(wire::HostedResultBlock {
            tool_use_id: Str::from(id),
            ..own
        });
    }
    let content = if let Some(reason) = &search.failed {
        let known = ERRORS.iter().find(|known| *known == &reason.as_str());
        let error = wire::HostedError {
            error_code: Some(Str::borrowed(known.copied().unwrap_or(UNAVAILABLE))),
            ..wire::HostedError::default()
        };
        proxai_json::to_string(&HostedContent::WebSearchError(error))
    } else {
        let pages: Vec<HostedContent<'_>> = search.sources.iter().map(page).collect();
        proxai_json::to_string(&pages)
    };
    ContentBlock::WebSearchResult(wire::HostedResultBlock {
        tool_use_id: Str::from(id),
        content: wire::Json::from_string(content),
        ..wire::HostedResultBlock::default()
    })
}

fn page<'s>(source: &'s Source<'_>) -> HostedContent<'s> {
    let title = source.title.as_ref().unwrap_or(&source.url);
    HostedContent::WebSearch(wire::WebSearchResult {
        url: Some(source.url.reborrow()),
        title: Some(title.reborrow()),
        encrypted_content: Some(Str::default()),
        ..wire::WebSearchResult::default()
    })
}
