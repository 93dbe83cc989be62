//! Sources of an answer: `annotations` of the message, or lists of addresses beside it.

use proxai_chat as wire;
use proxai_ir::Citation;
use proxai_json::RawValue;

/// Reads `annotations`; kinds other than addresses have no place in the hub.
pub(super) fn from_annotations(annotations: Vec<wire::Annotation<'_>>) -> Vec<Citation<'_>> {
    let address = |annotation| match annotation {
        wire::Annotation::UrlCitation(found) => {
            let found = found.url_citation;
            Some(Citation {
                url: found.url,
                title: found.title,
                quote: found.content,
                start: found.start_index,
                end: found.end_index,
            })
        }
        _ => None,
    };
    annotations.into_iter().filter_map(address).collect()
}

/// Reads the lists some vendors put beside the choices: `search_results` with titles, else bare
/// `citations`.
pub(super) fn from_lists<'a>(
    results: Option<&'a RawValue>,
    addresses: Option<&'a RawValue>,
) -> Vec<Citation<'a>> {
    let results: Vec<wire::SearchResult<'a>> = results
        .and_then(|list| serde_json::from_str(list.get()).ok())
        .unwrap_or_default();
    if !results.is_empty() {
        let citation = |result: wire::SearchResult<'a>| Citation {
            url: result.url,
            title: result.title,
            ..Citation::default()
        };
        return results.into_iter().map(citation).collect();
    }
    let addresses: Vec<proxai_json::Str<'a>> = addresses
        .and_then(|list| serde_json::from_str(list.get()).ok())
        .unwrap_or_default();
    let citation = |url| Citation {
        url,
        ..Citation::default()
    };
    addresses.into_iter().map(citation).collect()
}

/// Writes a citation of a text that begins at `offset` of the content and is `length` characters
/// long. `None` if the source has no address, which this protocol has no form for.
pub(super) fn annotation<'c>(
    citation: &'c Citation<'_>,
    offset: u64,
    length: u64,
) -> Option<wire::Annotation<'c>> {
    if citation.url.is_empty() {
        return None;
    }
    let title = citation.title.as_ref().map_or("", |title| title.as_str());
    Some(wire::Annotation::UrlCitation(wire::UrlCitationAnnotation {
        url_citation: wire::UrlCitation {
            url: citation.url.reborrow(),
            title: Some(title.into()),
            start_index: Some(offset + citation.start.unwrap_or(0)),
            end_index: Some(offset + citation.end.unwrap_or(length)),
            content: None,
        },
        index: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_win_over_bare_addresses() {
        let results: &RawValue =
            serde_json::from_str(r#"[{"title":"T","url":"https://a","date":null}]"#).unwrap();
        let addresses: &RawValue = serde_json::from_str(r#"["https://a","https://b"]"#).unwrap();
        let found = from_lists(Some(results), Some(addresses));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].title.as_deref(), Some("T"));
        assert_eq!(from_lists(None, Some(addresses)).len(), 2);
        assert!(from_lists(None, None).is_empty());
    }

    #[test]
    fn a_citation_without_a_place_covers_its_text() {
        let citation = Citation {
            url: "https://a".into(),
            ..Citation::default()
        };
        assert_eq!(
            proxai_json::to_string(&annotation(&citation, 4, 10).unwrap()),
            r#"{"type":"url_citation","url_citation":{"url":"https://a","title":"","start_index":4,"end_index":14}}"#
        );
        assert!(annotation(&Citation::default(), 0, 1).is_none());
    }
}
