//! Content blocks into hub parts, for the history of a request and for answers alike.

use proxai_ir::{
    At, CacheMark, Citation, Content, Losses, Media, MediaKind, MediaSource, Opaque, Part,
    Reasoning, Sealed, TextPart, ToolCall, ToolKind, ToolResult,
};
use proxai_json::{Extra, Nullable, Str, Text};
use proxai_messages as wire;
use proxai_messages::ContentBlock;
use proxai_types::Protocol;

use super::search;
use crate::features::Feature;
use crate::seal::{self, Opened};

/// The member under which tool input that is no JSON object is kept: this protocol demands an
/// object (case 30). Taken out again when the call comes back.
pub(super) const RAW_INPUT: &str = "_raw";

const NO_PLACE: &str = "has no counterpart in other protocols";

/// Reports members that nobody read.
pub(super) fn unread(at: impl std::fmt::Display, extra: &Extra<'_>, losses: &mut Losses) {
    for (key, _) in extra.iter() {
        losses.dropped(format_args!("{at}.{key}"), NO_PLACE);
    }
}

/// The cache mark of a block.
pub(super) fn mark(control: Option<wire::CacheControl<'_>>) -> Option<CacheMark<'_>> {
    control.map(|control| CacheMark::new("cache_control", control.ttl))
}

/// Where blocks come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// A client's history: what its opaque fields hold may be wrapped by us (T6).
    Request,
    /// An upstream's answer: its opaque fields are its own, whatever they look like.
    Reply,
}

/// A string or blocks, as parts.
pub(super) fn parts<'a>(
    content: Option<Text<'a, ContentBlock<'a>>>,
    side: Side,
    place: impl Fn(Option<usize>) -> At,
    losses: &mut Losses,
) -> Vec<Part<'a>> {
    match content {
        None => Vec::new(),
        Some(Text::String(text)) => vec![Part::text(place(None), text)],
        Some(Text::Parts(blocks)) => {
            let mut parts = Vec::with_capacity(blocks.len());
            for (index, block) in blocks.into_iter().enumerate() {
                if let Some(part) = part(block, side, place(Some(index)), losses) {
                    push(&mut parts, part);
                }
            }
            parts
        }
    }
}

/// Adds a part; what a search gave joins the search.
pub(super) fn push<'a>(parts: &mut Vec<Part<'a>>, part: Part<'a>) {
    let Content::WebSearch(result) = part.content else {
        return parts.push(part);
    };
    let begun = parts
        .iter_mut()
        .rev()
        .find_map(|part| match &mut part.content {
            Content::WebSearch(search) if search.id == result.id => Some(search),
            _ => None,
        });
    match begun {
        Some(search) => search::join(search, result),
        None => parts.push(Part {
            content: Content::WebSearch(result),
            ..part
        }),
    }
}

/// One block as a part; `None` if nothing of it is left.
pub(super) fn part<'a>(
    block: ContentBlock<'a>,
    side: Side,
    at: At,
    losses: &mut Losses,
) -> Option<Part<'a>> {
    let mut cache = None;
    let content = match block {
        ContentBlock::Text(text) => {
            cache = mark(text.cache_control);
            unread(at, &text.extra, losses);
            let given = text.citations.unwrap_or_default();
            let count = given.len();
            let citations: Vec<_> = given.into_iter().filter_map(citation).collect();
            if citations.len() < count && matches!(side, Side::Request) {
                let path = Feature::CitationHistory.within(at, Protocol::Messages);
                losses.dropped(path, "the kind of a citation is not known");
            }
            Content::Text(TextPart {
                text: text.text,
                citations,
                logprobs: None,
            })
        }
        ContentBlock::Image(image) => {
            cache = mark(image.cache_control);
            unread(at, &image.extra, losses);
            Content::Media(media(MediaKind::Image, image.source, side, at, losses)?)
        }
        ContentBlock::Document(document) => {
            cache = mark(document.cache_control);
            unread(at, &document.extra, losses);
            let media = media(MediaKind::Document, document.source, side, at, losses)?;
            let cites = document.citations.and_then(|config| config.enabled);
            Content::Media(Media {
                name: document.title,
                context: document.context,
                citations: cites.unwrap_or(false),
                ..media
            })
        }
        ContentBlock::SearchResult(result) => {
            losses.approximated(
                at,
                "a search result is sent as text with its title and source",
            );
            cache = mark(result.cache_control.clone());
            Content::Text(TextPart {
                text: search_result(&result).into(),
                ..TextPart::default()
            })
        }
        ContentBlock::Thinking(thinking) => {
            unread(at, &thinking.extra, losses);
            let (sealed, id) = opened(thinking.signature, side, at, losses)?;
            Content::Reasoning(Reasoning {
                id,
                text: thinking.thinking,
                sealed,
                ..Reasoning::default()
            })
        }
        ContentBlock::RedactedThinking(thinking) => {
            unread(at, &thinking.extra, losses);
            let (sealed, id) = opened(thinking.data, side, at, losses)?;
            let mut sealed = sealed?;
            if sealed.issuer.is_none() {
                sealed.data = seal::withheld(&sealed.data);
            }
            Content::Reasoning(Reasoning {
                id,
                redacted: true,
                sealed: Some(sealed),
                ..Reasoning::default()
            })
        }
        ContentBlock::ToolUse(call) => {
            cache = mark(call.cache_control);
            unread(at, &call.extra, losses);
            if !matches!(call.caller, None | Some(wire::Caller::Direct(_))) {
                losses.dropped(format_args!("{at}.caller"), NO_PLACE);
            }
            Content::ToolCall(ToolCall {
                id: call.id,
                name: call.name,
                namespace: call.toolset_name,
                kind: ToolKind::Function,
                input: call.input.map(tool_input).unwrap_or_default(),
                ..ToolCall::default()
            })
        }
        ContentBlock::ToolResult(result) => {
            cache = mark(result.cache_control);
            unread(at, &result.extra, losses);
            let place =
                |index: Option<usize>| index.map_or(at, |index| at.within("content", index));
            Content::ToolResult(ToolResult {
                call_id: result.tool_use_id,
                kind: ToolKind::Function,
                parts: parts(result.content, side, place, losses),
                is_error: result.is_error.unwrap_or(false),
            })
        }
        ContentBlock::ToolReference(reference) => {
            losses.approximated(at, "the tool that was found is named in text");
            Content::Text(TextPart {
                text: format!("Found tool: {}", reference.tool_name).into(),
                ..TextPart::default()
            })
        }
        ContentBlock::Compaction(compaction) => {
            losses.approximated(at, "the summary of the conversation is sent as text");
            cache = mark(compaction.cache_control);
            Content::Text(TextPart {
                text: compaction.content?,
                ..TextPart::default()
            })
        }
        ContentBlock::ServerToolUse(call) if search::is_call(&call) => {
            Content::WebSearch(search::called(call))
        }
        ContentBlock::WebSearchResult(result) => Content::WebSearch(search::found(result)),
        other => Content::Opaque(Opaque {
            hosted: hosted(&other),
            kind: Str::from(other.kind().to_owned()),
        }),
    };
    Some(Part { at, content, cache })
}

/// Whether a block belongs to a tool that the provider runs.
pub(super) fn hosted(block: &ContentBlock<'_>) -> bool {
    match block {
        ContentBlock::ServerToolUse(_) | ContentBlock::McpToolUse(_) => true,
        ContentBlock::ToolResult(_) => false,
        other => other.kind().ends_with("_tool_result") || other.kind().ends_with("_tool_use"),
    }
}

/// The text of a tool call's input.
pub(super) fn tool_input(input: wire::Json<'_>) -> Str<'_> {
    let text = input.get();
    if text.starts_with('"') {
        // Some vendors send the arguments as a string, as another protocol has them.
        if let Ok(inner) = proxai_json::from_str::<Str<'_>>(text) {
            return inner.into_static();
        }
    }
    raw_input(text).unwrap_or_else(|| Str::from(input.into_text()))
}

/// The text that [`RAW_INPUT`] holds, if that is all there is.
fn raw_input(text: &str) -> Option<Str<'static>> {
    if !text.contains(RAW_INPUT) {
        return None;
    }
    let mut members: Vec<_> = proxai_json::from_str::<wire::Object<'_>>(text)
        .ok()?
        .members
        .0;
    match (members.pop(), members.is_empty()) {
        (Some((key, raw)), true) if key == RAW_INPUT => proxai_json::from_str::<Str<'_>>(raw.get())
            .ok()
            .map(Str::into_static),
        _ => None,
    }
}

/// A citation; `None` for kinds that name no source.
pub(super) fn citation(citation: wire::Citation<'_>) -> Option<Citation<'_>> {
    Some(match citation {
        wire::Citation::Web(web) => Citation {
            url: web.url,
            title: web.title.value(),
            quote: (!web.cited_text.is_empty()).then_some(web.cited_text),
            ..Citation::default()
        },
        wire::Citation::Search(search) => Citation {
            url: search.source.unwrap_or_default(),
            title: search.title,
            quote: search.cited_text,
            ..Citation::default()
        },
        wire::Citation::Char(document)
        | wire::Citation::Page(document)
        | wire::Citation::Block(document) => Citation {
            title: document.document_title,
            quote: document.cited_text,
            ..Citation::default()
        },
        _ => return None,
    })
}

/// A citation for a client of this protocol; `None` for sources without an address. Clients show
/// it; `encrypted_index` stays empty, since only the search that the provider ran itself has one.
pub(super) fn cite<'c>(citation: &'c Citation<'_>) -> Option<wire::Citation<'c>> {
    if citation.url.is_empty() {
        return None;
    }
    let quote = citation.quote.as_ref().map(Str::reborrow);
    Some(wire::Citation::Web(wire::WebCitation {
        cited_text: quote.unwrap_or_default(),
        url: citation.url.reborrow(),
        title: Nullable::or_null(citation.title.as_ref().map(Str::reborrow)),
        encrypted_index: Str::default(),
    }))
}

/// A seal and the id in it. `None` if the seal was changed: the thought cannot be trusted to be
/// what was sealed, and is dropped with it.
fn opened<'a>(
    text: Str<'a>,
    side: Side,
    at: At,
    losses: &mut Losses,
) -> Option<(Option<Sealed<'a>>, Option<Str<'a>>)> {
    if text.is_empty() {
        return Some((None, None));
    }
    let opened = match side {
        Side::Request => seal::open(&text),
        Side::Reply => Opened::Native,
    };
    Some(match opened {
        Opened::Native => {
            let sealed = Sealed {
                origin: Protocol::Messages,
                issuer: None,
                data: text,
            };
            (Some(sealed), None)
        }
        Opened::Sealed { sealed, id } => (Some(sealed), id.map(Str::from)),
        Opened::Broken => {
            losses.dropped(at, "the seal of the thought was changed on the way");
            return None;
        }
    })
}

fn media<'a>(
    kind: MediaKind,
    source: Option<wire::Source<'a>>,
    side: Side,
    at: At,
    losses: &mut Losses,
) -> Option<Media<'a>> {
    let media = match source {
        Some(wire::Source::Base64(base64)) => {
            Media::new(kind, MediaSource::Base64(base64.data)).of_type(base64.media_type)
        }
        Some(wire::Source::Url(url)) => Media::at(kind, url.url),
        Some(wire::Source::File(file)) => Media::new(kind, MediaSource::File(file.file_id)),
        Some(wire::Source::Text(text)) => {
            Media::new(kind, MediaSource::Text(text.data)).of_type(text.media_type)
        }
        Some(wire::Source::Content(content)) => {
            let source = match content.content {
                Some(Text::String(text)) => MediaSource::Text(text),
                content => MediaSource::Parts(parts(content, side, |_| at, losses)),
            };
            Media::new(kind, source)
        }
        None => {
            losses.dropped(at, "it has no source");
            return None;
        }
        Some(wire::Source::Unknown(_)) => {
            losses.dropped(
                format_args!("{at}.source"),
                "the kind of source is not known",
            );
            return None;
        }
        Some(_) => return None,
    };
    let empty = match &media.source {
        MediaSource::Base64(value) | MediaSource::Url(value) | MediaSource::File(value) => {
            value.is_empty()
        }
        MediaSource::Text(_) | MediaSource::Parts(_) => false,
    };
    if empty {
        losses.dropped(at, "its source is empty");
        return None;
    }
    Some(media)
}

fn search_result(result: &wire::SearchResultBlock<'_>) -> String {
    let mut text = String::new();
    let heads = [("Title", &result.title), ("Source", &result.source)];
    for (name, value) in heads {
        if let Some(value) = value {
            text.push_str(name);
            text.push_str(": ");
            text.push_str(value);
            text.push('\n');
        }
    }
    for block in &result.content {
        if let ContentBlock::Text(block) = block {
            text.push('\n');
            text.push_str(&block.text);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> (Option<Part<'_>>, Losses) {
        let block = proxai_json::from_str(body).unwrap();
        let mut losses = Losses::new();
        let part = part(block, Side::Request, At::item("messages", 0), &mut losses);
        (part, losses)
    }

    #[test]
    fn a_citation_of_an_unknown_kind_is_reported() {
        let block = r#"{"type":"text","text":"a","citations":[{"type":"rune_location","rune":1}]}"#;
        for (side, lost) in [(Side::Request, 1), (Side::Reply, 0)] {
            let mut losses = Losses::new();
            let block = serde_json::from_str(block).unwrap();
            assert!(part(block, side, At::item("messages", 0), &mut losses).is_some());
            assert_eq!(losses.iter().count(), lost);
        }
    }

    #[test]
    fn a_native_signature_is_sealed_for_this_protocol_only() {
        let (part, losses) = read(r#"{"type":"thinking","thinking":"","signature":"EqQB"}"#);
        let Some(Content::Reasoning(thought)) = part.map(|part| part.content) else {
            panic!("no thought")
        };
        let sealed = thought.sealed.unwrap();
        assert_eq!((sealed.origin, &*sealed.data), (Protocol::Messages, "EqQB"));
        assert!(losses.is_empty() && !thought.redacted);
    }

    #[test]
    fn a_wrapped_seal_comes_back_as_its_issuer_gave_it() {
        let sealed = Sealed {
            origin: Protocol::Responses,
            issuer: None,
            data: "blob".into(),
        };
        let text = seal::wrap(&sealed, "up", Some("rs_1"));
        let body = format!(r#"{{"type":"redacted_thinking","data":"{text}"}}"#);
        let (part, _) = read(&body);
        let Some(Content::Reasoning(thought)) = part.map(|part| part.content) else {
            panic!("no thought")
        };
        assert!(thought.redacted);
        assert_eq!(thought.id.as_deref(), Some("rs_1"));
        assert_eq!(thought.sealed.unwrap().origin, Protocol::Responses);
        let broken = format!(r#"{{"type":"thinking","thinking":"t","signature":"{text}x"}}"#);
        let (part, losses) = read(&broken);
        assert!(part.is_none());
        assert_eq!(losses.iter().next().unwrap().path, "messages[0]");
    }

    #[test]
    fn hosted_blocks_never_look_like_calls_of_the_client() {
        for (kind, hosted) in [
            ("server_tool_use", true),
            ("web_fetch_tool_result", true),
            ("mcp_tool_use", true),
            ("some_new_tool_result", true),
            ("container_upload", false),
        ] {
            let body = format!(r#"{{"type":"{kind}","id":"x","name":"n","input":{{}}}}"#);
            let (part, _) = read(&body);
            let Some(Content::Opaque(opaque)) = part.map(|part| part.content) else {
                panic!("{kind}")
            };
            assert_eq!((&*opaque.kind, opaque.hosted), (kind, hosted));
        }
    }

    #[test]
    fn raw_input_is_taken_out_again_and_numbers_survive() {
        for (body, text) in [
            (r#"{"_raw":"a\nb"}"#, "a\nb"),
            (r#"{"_raw":"a","x":1}"#, r#"{"_raw":"a","x":1}"#),
            (r#"{"n":1e400}"#, r#"{"n":1e400}"#),
            (r#""{\"a\":1}""#, r#"{"a":1}"#),
        ] {
            let json = wire::Json::parse(body).unwrap();
            assert_eq!(&*tool_input(json), text);
        }
    }

    #[test]
    fn results_keep_images_errors_and_the_order_of_their_parts() {
        let (part, losses) = read(
            r#"{"type":"tool_result","tool_use_id":"t","is_error":true,"content":[{"type":"text","text":"a"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA"}},{"type":"tool_reference","tool_name":"grep"}],"odd":1}"#,
        );
        let Some(Content::ToolResult(result)) = part.map(|part| part.content) else {
            panic!("no result")
        };
        assert!(result.is_error);
        assert!(matches!(result.parts[0].content, Content::Text(_)));
        assert!(
            matches!(&result.parts[1].content, Content::Media(m) if m.kind == MediaKind::Image)
        );
        assert!(matches!(&result.parts[2].content, Content::Text(t) if t.text.contains("grep")));
        let paths: Vec<_> = losses.iter().map(|loss| loss.path.as_str()).collect();
        assert_eq!(paths, ["messages[0].odd", "messages[0].content[2]"]);
    }
}
