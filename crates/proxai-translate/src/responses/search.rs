//! The web search that the provider runs, as a tool and as items.
//!
//! <https://platform.openai.com/docs/guides/tools-web-search>, checked 2026-11-21. What was found
//! is told only to those who ask for it with `include`, and then by address alone. Looking at a
//! page and looking for a text in it are items of the same kind: they are no searches, but their
//! reasoning wants them back, so they travel sealed like searches do.
//!
//! A search that must not leave what the provider has stored (`external_web_access: false`) is not
//! offered elsewhere: other providers search the live web.

use proxai_ir::{
    At, Location, Losses, Request, Source, Tool, ToolDefinition, WEB_SEARCH, WebSearch,
    WebSearchTool,
};
use proxai_json::{RawValue, Str};
use proxai_responses::{self as wire, Item, SearchAction, SearchSource};
use proxai_types::Protocol;

use super::content::report_extra;
use crate::features::Feature;
use crate::seal;
use crate::tools::search::lose_setting;

/// Prefix of the ids of searches.
pub(super) const PREFIX: &str = "ws_";

/// What has to be asked for to be told what a search found.
pub(super) const SOURCES: &str = "web_search_call.action.sources";

/// Reads the tool.
pub(super) fn definition<'a>(
    tool: wire::WebSearchTool<'a>,
    at: At,
    losses: &mut Losses,
) -> ToolDefinition<'a> {
    report_extra(at, &without_defaults(tool.extra), losses);
    let only_text = |kinds: &Vec<Str<'_>>| kinds.iter().all(|kind| kind == "text");
    if !tool.search_content_types.as_ref().is_none_or(only_text) {
        losses.dropped(
            at.member("search_content_types"),
            "only text is searched for",
        );
    }
    let filters = tool.filters.unwrap_or_default();
    report_extra(at.member("filters"), &filters.extra, losses);
    ToolDefinition::WebSearch(WebSearchTool {
        allowed_domains: filters.allowed_domains.unwrap_or_default(),
        blocked_domains: Vec::new(),
        max_uses: None,
        context_size: tool.search_context_size,
        location: tool.user_location.map(|place| {
            report_extra(at.member("user_location"), &place.extra, losses);
            Location {
                city: place.city,
                country: place.country,
                region: place.region,
                timezone: place.timezone,
            }
        }),
    })
}

fn without_defaults(mut extra: proxai_json::Extra<'_>) -> proxai_json::Extra<'_> {
    extra
        .0
        .retain(|(name, value)| name != "return_token_budget" || value.get() != r#""default""#);
    extra
}

/// Reads the limit of all tools that the provider runs; it is one of searches if there is no other
/// such tool.
pub(super) fn limit(request: &mut Request<'_>, most: u64, losses: &mut Losses) {
    let hosted = |tool: &&mut Tool<'_>| {
        matches!(
            tool.definition,
            ToolDefinition::WebSearch(_) | ToolDefinition::Hosted { .. }
        )
    };
    let mut tools = request.tools.iter_mut().filter(hosted);
    match (tools.next().map(|tool| &mut tool.definition), tools.next()) {
        (Some(ToolDefinition::WebSearch(search)), None) => search.max_uses = Some(most),
        _ => losses.dropped("max_tool_calls", "it limits tools of the provider only"),
    }
}

/// Writes the tool.
pub(super) fn write_tool<'r>(
    tool: &'r Tool<'_>,
    search: &'r WebSearchTool<'_>,
    origin: Protocol,
    losses: &mut Losses,
) -> wire::Tool<'r> {
    if !search.blocked_domains.is_empty() {
        let setting = Feature::SearchBlockedDomains;
        lose_setting(setting, origin, tool, Protocol::Responses, losses);
    }
    let text = |text: &'r Option<Str<'_>>| text.as_ref().map(Str::reborrow);
    let domains = &search.allowed_domains;
    wire::Tool::WebSearch(wire::WebSearchTool {
        filters: (!domains.is_empty()).then(|| wire::SearchFilters {
            allowed_domains: Some(domains.iter().map(Str::reborrow).collect()),
            ..wire::SearchFilters::default()
        }),
        search_context_size: text(&search.context_size),
        user_location: search.location.as_ref().map(|place| wire::UserLocation {
            kind: Some(Str::borrowed("approximate")),
            city: text(&place.city),
            country: text(&place.country),
            region: text(&place.region),
            timezone: text(&place.timezone),
            ..wire::UserLocation::default()
        }),
        ..wire::WebSearchTool::default()
    })
}

/// The limit of a request's searches, for all tools that the provider runs.
pub(super) fn most_uses(request: &Request<'_>) -> Option<u64> {
    request
        .tools
        .iter()
        .find_map(|tool| match &tool.definition {
            ToolDefinition::WebSearch(search) => search.max_uses,
            _ => None,
        })
}

/// Whether a kind of tool is the search, in any of its versions.
pub(super) fn is_search(kind: &str) -> bool {
    kind.starts_with(WEB_SEARCH)
}

/// Reads an item. One that has not been told what it did yet is empty.
pub(super) fn read<'a>(call: wire::WebSearchCall<'a>) -> WebSearch<'a> {
    let action: SearchAction<'a> = call
        .action
        .and_then(|action| serde_json::from_str(action.get()).ok())
        .unwrap_or_default();
    let address = |source: SearchSource<'a>| {
        let url = source.url.filter(|url| !url.is_empty())?;
        Some(Source { url, title: None })
    };
    let mut queries = action.queries.unwrap_or_default().into_iter();
    let query = action.query.filter(|query| !query.is_empty());
    let sources = action.sources.unwrap_or_default().into_iter();
    let failed = call.status.as_deref() == Some("failed");
    let id = call.id.clone().unwrap_or_default();
    let sealed = call.action.and_then(|_| {
        let item = Item::WebSearchCall(call);
        seal::item(Protocol::Responses, &proxai_json::to_string(&item))
    });
    WebSearch {
        id,
        query: query.or_else(|| queries.next()).unwrap_or_default(),
        sources: sources.filter_map(address).collect(),
        failed: failed.then_some(Str::borrowed("failed")),
        sealed,
    }
}

/// The item of a search on its way home.
pub(super) fn item_of<'r>(sealed: &'r proxai_ir::Sealed<'_>) -> Option<Item<'r>> {
    if sealed.origin != Protocol::Responses {
        return None;
    }
    proxai_json::from_str(seal::item_of(sealed)?).ok()
}

/// What a search did, as its item says it.
pub(super) fn action(search: &WebSearch<'_>) -> Box<RawValue> {
    let sources = search.sources.iter().map(|source| SearchSource {
        kind: Str::borrowed("url"),
        url: Some(source.url.reborrow()),
        ..SearchSource::default()
    });
    let action = SearchAction {
        kind: Str::borrowed("search"),
        query: Some(search.query.reborrow()),
        queries: (!search.query.is_empty()).then(|| vec![search.query.reborrow()]),
        sources: (!search.sources.is_empty()).then(|| sources.collect()),
        ..SearchAction::default()
    };
    serde_json::value::to_raw_value(&action).expect("wire types serialise")
}

/// The item that shows a search to a client.
pub(super) fn item<'s>(id: &'s str, action: &'s RawValue, status: &'static str) -> Item<'s> {
    Item::WebSearchCall(wire::WebSearchCall {
        id: Some(id.into()),
        status: Some(status.into()),
        action: Some(action),
        ..wire::WebSearchCall::default()
    })
}
