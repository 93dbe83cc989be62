//! Searches of the web that the provider runs: the tool on offer, and what a search was and found.
//!
//! Two protocols have blocks or items of their own for it, the third a switch and citations. What
//! only one of them says stays with its decoder, as a loss.

use proxai_json::Str;

use crate::Sealed;

/// The name of the tool, for every protocol that calls it by one.
pub const WEB_SEARCH: &str = "web_search";

/// How the provider is to search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebSearchTool<'a> {
    /// Only pages of these domains and of what is below them.
    pub allowed_domains: Vec<Str<'a>>,
    /// No pages of these domains.
    pub blocked_domains: Vec<Str<'a>>,
    /// Most searches for one answer.
    pub max_uses: Option<u64>,
    /// How much of the context a search may fill: `low`, `medium`, `high`.
    pub context_size: Option<Str<'a>>,
    /// Where the person is, roughly.
    pub location: Option<Location<'a>>,
}

/// Where the person is, roughly.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location<'a> {
    /// The city.
    pub city: Option<Str<'a>>,
    /// The country, two letters.
    pub country: Option<Str<'a>>,
    /// The region.
    pub region: Option<Str<'a>>,
    /// The IANA time zone.
    pub timezone: Option<Str<'a>>,
}

/// One search that the provider ran, or a page it looked at on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebSearch<'a> {
    /// Its id at whoever told of it.
    pub id: Str<'a>,
    /// What was searched for; empty if no search was made but a page looked at.
    pub query: Str<'a>,
    /// What was found, as far as it was told.
    pub sources: Vec<Source<'a>>,
    /// Why it gave nothing, in the provider's word.
    pub failed: Option<Str<'a>>,
    /// The search in its origin's own form, for the way back.
    pub sealed: Option<Sealed<'a>>,
}

/// A page that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source<'a> {
    /// Its address.
    pub url: Str<'a>,
    /// Its title.
    pub title: Option<Str<'a>>,
}

impl WebSearch<'_> {
    /// Whether a search was made, and not just a page looked at.
    pub fn is_shown(&self) -> bool {
        !self.query.is_empty() || !self.sources.is_empty() || self.failed.is_some()
    }

    /// A copy that owns its text.
    pub fn into_static(self) -> WebSearch<'static> {
        WebSearch {
            id: self.id.into_static(),
            query: self.query.into_static(),
            sources: self.sources.into_iter().map(Source::into_static).collect(),
            failed: self.failed.map(Str::into_static),
            sealed: self.sealed.map(Sealed::into_static),
        }
    }
}

impl Source<'_> {
    fn into_static(self) -> Source<'static> {
        Source {
            url: self.url.into_static(),
            title: self.title.map(Str::into_static),
        }
    }
}
