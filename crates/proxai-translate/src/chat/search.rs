//! The web search that the provider runs: `web_search_options`.
//!
//! <https://platform.openai.com/docs/api-reference/chat/create>, checked 2026-11-21. It is no tool
//! among the others and cannot be chosen: models that have it search when they see fit. An answer
//! shows it by its citations only.

use proxai_chat as wire;
use proxai_ir::{
    At, Location, Losses, Request, Tool, ToolChoice, ToolDefinition, WEB_SEARCH, WebSearchTool,
};
use proxai_json::Str;
use proxai_types::Protocol;

use super::request_decode::report_extra;
use crate::features::{Feature, lose_at};
use crate::tools::search::lose_setting;

/// The member.
const MEMBER: &str = "web_search_options";

/// Reads the options as the tool that they stand for.
pub(super) fn tool<'a>(options: wire::WebSearchOptions<'a>, losses: &mut Losses) -> Tool<'a> {
    report_extra(MEMBER, &options.extra, losses);
    let location = options.user_location.and_then(|place| {
        report_extra("web_search_options.user_location", &place.extra, losses);
        place.approximate
    });
    let search = WebSearchTool {
        context_size: options.search_context_size,
        location: location.map(|place| {
            let path = "web_search_options.user_location.approximate";
            report_extra(path, &place.extra, losses);
            Location {
                city: place.city,
                country: place.country,
                region: place.region,
                timezone: place.timezone,
            }
        }),
        ..WebSearchTool::default()
    };
    Tool {
        at: At::root(MEMBER),
        name: Str::borrowed(WEB_SEARCH),
        namespace: None,
        description: None,
        definition: ToolDefinition::WebSearch(search),
        cache: None,
        deferred: false,
    }
}

/// Writes the options of the request's search, if it has one. `tools` tells whether there are
/// other tools, which is what a choice is about.
pub(super) fn options<'r>(
    request: &'r Request<'_>,
    tools: bool,
    losses: &mut Losses,
) -> Option<wire::WebSearchOptions<'r>> {
    let (tool, search) = request
        .tools
        .iter()
        .find_map(|tool| match &tool.definition {
            ToolDefinition::WebSearch(search) => Some((tool, search)),
            _ => None,
        })?;
    let demanded = match &request.tool_choice {
        Some(ToolChoice::Hosted(name)) => name == WEB_SEARCH,
        Some(ToolChoice::Required | ToolChoice::None) => !tools,
        _ => false,
    };
    if demanded && !tools {
        losses.dropped(
            Feature::ToolChoice.path(request.origin),
            "models of Chat search when they see fit",
        );
    }
    for (setting, said) in [
        (Feature::SearchDomains, !search.allowed_domains.is_empty()),
        (
            Feature::SearchBlockedDomains,
            !search.blocked_domains.is_empty(),
        ),
        (Feature::SearchLimit, search.max_uses.is_some()),
    ] {
        if said {
            lose_setting(setting, request.origin, tool, Protocol::Chat, losses);
        }
    }
    if tool.deferred {
        let path = Feature::DeferredTool.within(tool.at, request.origin);
        lose_at(Feature::DeferredTool, path, Protocol::Chat, losses);
    }
    let text = |text: &'r Option<Str<'_>>| text.as_ref().map(Str::reborrow);
    Some(wire::WebSearchOptions {
        search_context_size: text(&search.context_size),
        user_location: search.location.as_ref().map(|place| wire::UserLocation {
            r#type: Some(Str::borrowed("approximate")),
            approximate: Some(wire::ApproximateLocation {
                city: text(&place.city),
                country: text(&place.country),
                region: text(&place.region),
                timezone: text(&place.timezone),
                ..wire::ApproximateLocation::default()
            }),
            ..wire::UserLocation::default()
        }),
        ..wire::WebSearchOptions::default()
    })
}
