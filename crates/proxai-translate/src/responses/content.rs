//! Content parts, both ways.
//!
//! Base64 media stand in data URLs here and bare in the hub. Plain-text documents are inlined,
//! because `input_file` takes only what the provider can render.

use proxai_ir::{
    At, CacheMark, Citation, Content, Losses, Media, MediaKind, MediaSource, Part, TextPart,
};
use proxai_json::{Extra, Str, Text};
use proxai_responses::{
    Annotation, CacheBreakpoint, ContentPart, FileCitation, InputFile, InputImage, InputText,
    OutputText, UrlCitation,
};
use proxai_types::Protocol;

use super::raw::parsed;
use crate::adapter::RequestError;
use crate::features::{Feature, lose_at, refused};

/// Reads the content of a message.
pub(super) fn read_all<'a>(
    at: At,
    member: &'static str,
    content: Text<'a, ContentPart<'a>>,
    losses: &mut Losses,
) -> Vec<Part<'a>> {
    match content {
        Text::String(text) => vec![Part::text(at.member(member), text)],
        Text::Parts(parts) => parts
            .into_iter()
            .enumerate()
            .filter_map(|(index, part)| read(at.element(member, index), part, losses))
            .collect(),
    }
}

/// Reports members that nobody read.
pub(super) fn report_extra(at: At, extra: &Extra<'_>, losses: &mut Losses) {
    for (name, value) in extra.iter() {
        if value.get() != "null" {
            losses.dropped(
                format_args!("{at}.{name}"),
                "not a member that another protocol has",
            );
        }
    }
}

fn read<'a>(at: At, part: ContentPart<'a>, losses: &mut Losses) -> Option<Part<'a>> {
    let (content, mark) = match part {
        ContentPart::InputText(part) | ContentPart::Text(part) => {
            report_extra(at, &part.extra, losses);
            let text = TextPart {
                text: part.text,
                ..TextPart::default()
            };
            (Content::Text(text), part.prompt_cache_breakpoint)
        }
        ContentPart::OutputText(part) => {
            let given = part.annotations.len();
            let text = output_text(part);
            if text.citations.len() < given {
                let path = Feature::CitationHistory.within(at, Protocol::Responses);
                losses.dropped(path, "the kind of a source is not known");
            }
            (Content::Text(text), None)
        }
        ContentPart::Refusal(part) => (Content::Refusal(part.refusal), None),
        ContentPart::InputImage(part) => {
            report_extra(at, &part.extra, losses);
            let media = match (given(part.image_url), given(part.file_id)) {
                (Some(url), _) => Media::at(MediaKind::Image, url),
                (None, Some(id)) => Media::new(MediaKind::Image, MediaSource::File(id)),
                (None, None) => {
                    losses.dropped(at, "the image has neither image_url nor file_id");
                    return None;
                }
            };
            let media = Media {
                detail: part.detail,
                ..media
            };
            (Content::Media(media), part.prompt_cache_breakpoint)
        }
        ContentPart::InputFile(part) => {
            report_extra(at, &part.extra, losses);
            let media = match (
                given(part.file_data),
                given(part.file_url),
                given(part.file_id),
            ) {
                (Some(data), _, _) => match Media::at(MediaKind::Document, data) {
                    // Some clients leave the `data:` prefix out.
                    Media {
                        source: MediaSource::Url(data),
                        ..
                    } => Media::new(MediaKind::Document, MediaSource::Base64(data))
                        .of_type(type_by_name(part.filename.as_deref())),
                    media => media,
                },
                (None, Some(url), _) => Media::new(MediaKind::Document, MediaSource::Url(url)),
                (None, None, Some(id)) => Media::new(MediaKind::Document, MediaSource::File(id)),
                (None, None, None) => {
                    losses.dropped(
                        at,
                        "the file has neither file_data nor file_url nor file_id",
                    );
                    return None;
                }
            };
            let media = Media {
                name: part.filename,
                detail: part.detail,
                ..media
            };
            (Content::Media(media), part.prompt_cache_breakpoint)
        }
        ContentPart::InputAudio(part) => {
            let audio = part.input_audio.unwrap_or_default();
            if audio.data.is_empty() {
                losses.dropped(at, "the audio has no data");
                return None;
            }
            let media_type = audio
                .format
                .map(|format| Str::from(format!("audio/{format}")));
            let media = Media {
                media_type,
                ..Media::new(MediaKind::Audio, MediaSource::Base64(audio.data))
            };
            (Content::Media(media), None)
        }
        ContentPart::ReasoningText(part) | ContentPart::SummaryText(part) => {
            let text = TextPart {
                text: part.text,
                ..TextPart::default()
            };
            (Content::Text(text), None)
        }
        ContentPart::ComputerScreenshot(part) => {
            let media = match (given(part.image_url), given(part.file_id)) {
                (Some(url), _) => Media::at(MediaKind::Image, url),
                (None, Some(id)) => Media::new(MediaKind::Image, MediaSource::File(id)),
                (None, None) => {
                    losses.dropped(at, "the screenshot has neither image_url nor file_id");
                    return None;
                }
            };
            (Content::Media(media), None)
        }
        other => {
            losses.dropped(
                at,
                format!("content of the kind `{}` is not known", other.kind()),
            );
            return None;
        }
    };
    Some(Part {
        cache: mark
            .map(|mark: CacheBreakpoint<'a>| CacheMark::new("prompt_cache_breakpoint", mark.ttl)),
        ..Part::new(at, content)
    })
}

/// A text of an answer, with its sources.
pub(super) fn output_text(part: OutputText<'_>) -> TextPart<'_> {
    TextPart {
        text: part.text,
        citations: part.annotations.into_iter().filter_map(citation).collect(),
        logprobs: part
            .logprobs
            .map(proxai_json::RawValue::get)
            .filter(|logprobs| has_elements(logprobs))
            .map(Str::from),
    }
}

/// Whether the text of a JSON array shows that it is not empty.
pub(super) fn has_elements(array: &str) -> bool {
    array
        .trim_start_matches('[')
        .trim_start()
        .starts_with(|c: char| c != ']' && c != 'n')
}

/// A source that a text cites; `None` for files that the text merely links to.
pub(super) fn citation(annotation: Annotation<'_>) -> Option<Citation<'_>> {
    match annotation {
        Annotation::UrlCitation(cited) => Some(Citation {
            url: cited.url,
            title: Some(cited.title).filter(|title| !title.is_empty()),
            quote: None,
            start: Some(cited.start_index),
            end: Some(cited.end_index),
        }),
        Annotation::FileCitation(FileCitation { filename, .. }) => Some(Citation {
            title: Some(filename),
            ..Citation::default()
        }),
        Annotation::ContainerFileCitation(cited) => Some(Citation {
            title: Some(cited.filename),
            start: Some(cited.start_index),
            end: Some(cited.end_index),
            ..Citation::default()
        }),
        _ => None,
    }
}

/// The form of a citation here; `None` if it has no address, which is the only kind of source
/// that does not belong to the provider's own file store.
pub(super) fn annotation<'c>(
    citation: &'c Citation<'_>,
    characters: u64,
) -> Option<Annotation<'c>> {
    if citation.url.is_empty() {
        return None;
    }
    Some(Annotation::UrlCitation(UrlCitation {
        start_index: citation.start.unwrap_or(0),
        end_index: citation.end.unwrap_or(characters),
        title: citation
            .title
            .as_ref()
            .map(Str::reborrow)
            .unwrap_or_default(),
        url: citation.url.reborrow(),
        ..UrlCitation::default()
    }))
}

/// A member that is there and says something.
fn given(value: Option<Str<'_>>) -> Option<Str<'_>> {
    value.filter(|value| !value.is_empty())
}

fn type_by_name(name: Option<&str>) -> Option<Str<'static>> {
    let (_, extension) = name?.rsplit_once('.')?;
    Some(Str::borrowed(
        match extension.to_ascii_lowercase().as_str() {
            "pdf" => "application/pdf",
            "txt" | "log" => "text/plain",
            "md" => "text/markdown",
            "csv" => "text/csv",
            "json" => "application/json",
            "html" | "htm" => "text/html",
            _ => return None,
        },
    ))
}

/// A part of a user or system message, or of a tool's output.
pub(super) fn write<'p>(
    part: &'p Part<'_>,
    origin: Protocol,
    losses: &mut Losses,
    out: &mut Vec<ContentPart<'p>>,
) -> Result<(), RequestError> {
    match &part.content {
        Content::Text(text) => out.push(input_text(&text.text)),
        Content::Refusal(text) => out.push(input_text(text)),
        Content::Media(media) => write_media(part, media, origin, losses, out)?,
        _ => lose_at(Feature::OpaquePart, part.at, Protocol::Responses, losses),
    }
    Ok(())
}

/// A text of a user.
pub(super) fn input_text<'p>(text: &'p Str<'_>) -> ContentPart<'p> {
    ContentPart::InputText(InputText {
        text: text.reborrow(),
        ..InputText::default()
    })
}

fn write_media<'p>(
    part: &'p Part<'_>,
    media: &'p Media<'_>,
    origin: Protocol,
    losses: &mut Losses,
    out: &mut Vec<ContentPart<'p>>,
) -> Result<(), RequestError> {
    let unnamed = !matches!(media.source, MediaSource::Base64(_));
    for (feature, said) in [
        (Feature::DocumentTitle, unnamed && media.name.is_some()),
        (Feature::DocumentContext, media.context.is_some()),
        (Feature::Citations, media.citations),
    ] {
        if said {
            let path = feature.within(part.at, origin);
            lose_at(feature, path, Protocol::Responses, losses);
        }
    }
    let cannot = |feature: Feature| {
        let path = feature.within(part.at, origin);
        Err(refused(feature, path, Protocol::Responses))
    };
    match (media.kind, &media.source) {
        (MediaKind::Audio, _) => cannot(Feature::Audio),
        (MediaKind::Video, _) => cannot(Feature::Video),
        (_, MediaSource::File(_)) => cannot(Feature::UploadedFile),
        (_, MediaSource::Text(text)) => {
            out.push(input_text(text));
            Ok(())
        }
        (_, MediaSource::Parts(parts)) => {
            let mut all = parts.iter();
            all.try_for_each(|part| write(part, origin, losses, out))
        }
        (MediaKind::Image, source) => {
            out.push(ContentPart::InputImage(InputImage {
                image_url: Some(media_url(media, source, "image/png")),
                // The official types demand it.
                detail: Some(media.detail.as_ref().map_or("auto".into(), Str::reborrow)),
                ..InputImage::default()
            }));
            Ok(())
        }
        (MediaKind::Document, source) => {
            let mut file = InputFile::default();
            if let MediaSource::Url(url) = source {
                file.file_url = Some(url.reborrow());
            } else {
                file.filename = Some(file_name(media));
                file.file_data = Some(media_url(media, source, "application/pdf"));
            }
            out.push(ContentPart::InputFile(file));
            Ok(())
        }
    }
}

fn media_url<'p>(media: &Media<'_>, source: &'p MediaSource<'_>, default: &str) -> Str<'p> {
    match source {
        MediaSource::Base64(data) => {
            let media_type = media.media_type.as_deref().unwrap_or(default);
            Str::from(format!("data:{media_type};base64,{data}"))
        }
        MediaSource::Url(url) => url.reborrow(),
        _ => Str::default(),
    }
}

/// `file_data` needs a name; its extension has to fit the type.
fn file_name<'p>(media: &'p Media<'_>) -> Str<'p> {
    if let Some(name) = &media.name
        && name.contains('.')
    {
        return name.reborrow();
    }
    let extension = match media.media_type.as_deref() {
        Some("text/plain") => "txt",
        Some("text/markdown") => "md",
        Some("text/csv") => "csv",
        Some("text/html") => "html",
        Some("application/json") => "json",
        _ => "pdf",
    };
    let stem = media.name.as_deref().unwrap_or("document");
    Str::from(format!("{stem}.{extension}"))
}

/// A text of an earlier answer, with its sources.
pub(super) fn write_output_text<'p>(text: &'p TextPart<'_>) -> ContentPart<'p> {
    let characters = text.text.chars().count() as u64;
    ContentPart::OutputText(OutputText {
        text: text.text.reborrow(),
        annotations: text
            .citations
            .iter()
            .filter_map(|cited| annotation(cited, characters))
            .collect(),
        logprobs: text.logprobs.as_deref().and_then(parsed),
        ..OutputText::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_one<'a>(body: &'a str, losses: &mut Losses) -> Option<Part<'a>> {
        read(
            At::item("input", 0),
            proxai_json::from_str(body).unwrap(),
            losses,
        )
    }

    fn round_trip(body: &str) -> String {
        let mut losses = Losses::new();
        let part = read_one(body, &mut losses).unwrap();
        let mut out = Vec::new();
        write(&part, Protocol::Responses, &mut losses, &mut out).unwrap();
        assert!(losses.is_empty(), "{losses:?}");
        proxai_json::to_string(&out[0])
    }

    #[test]
    fn a_source_of_an_unknown_kind_is_reported() {
        let mut losses = Losses::new();
        let part = read_one(
            r#"{"type":"output_text","text":"a","annotations":[{"type":"rune_citation","rune":1}]}"#,
            &mut losses,
        );
        assert!(part.is_some());
        let paths: Vec<_> = losses.iter().map(|loss| loss.path.as_str()).collect();
        assert_eq!(paths, ["input[0].annotations"]);
    }

    #[test]
    fn media_come_out_as_they_went_in() {
        for body in [
            r#"{"type":"input_image","detail":"high","image_url":"data:image/webp;base64,QUJD"}"#,
            r#"{"type":"input_image","detail":"auto","image_url":"https://example.org/a.png"}"#,
            r#"{"type":"input_file","filename":"a.pdf","file_data":"data:application/pdf;base64,QUJD"}"#,
            r#"{"type":"input_file","file_url":"https://example.org/a.pdf"}"#,
            r#"{"type":"input_text","text":"hi"}"#,
        ] {
            assert_eq!(round_trip(body), body);
        }
    }

    #[test]
    fn a_file_without_the_data_prefix_gets_one() {
        assert_eq!(
            round_trip(r#"{"type":"input_file","filename":"n.md","file_data":"QUJD"}"#),
            r#"{"type":"input_file","filename":"n.md","file_data":"data:text/markdown;base64,QUJD"}"#
        );
    }

    #[test]
    fn an_escaped_data_url_is_taken_apart_too() {
        let body = r#"{"type":"input_image","image_url":"data:image\/png;base64,QUJD"}"#;
        let part = read_one(body, &mut Losses::new()).unwrap();
        let Content::Media(media) = part.content else {
            panic!()
        };
        assert_eq!(media.media_type.as_deref(), Some("image/png"));
        assert!(matches!(media.source, MediaSource::Base64(data) if data == "QUJD"));
    }

    #[test]
    fn a_cache_breakpoint_becomes_a_mark_and_unknown_content_is_reported() {
        let mut losses = Losses::new();
        let body = r#"{"type":"input_text","text":"a","prompt_cache_breakpoint":{"mode":"explicit","ttl":"30m"}}"#;
        let part = read_one(body, &mut losses).unwrap();
        assert_eq!(part.cache.unwrap().ttl.as_deref(), Some("30m"));
        assert!(losses.is_empty());
        assert!(read_one(r#"{"type":"hologram"}"#, &mut losses).is_none());
        assert_eq!(losses.iter().next().unwrap().path, "input[0]");
    }

    #[test]
    fn audio_and_files_of_another_store_are_refused_by_name() {
        let at = At::item("messages", 3);
        let audio = Media::new(MediaKind::Audio, MediaSource::Base64("QQ".into()));
        let file = Media::new(MediaKind::Image, MediaSource::File("file_1".into()));
        for (media, path) in [
            (audio, "messages[3].input_audio"),
            (file, "messages[3].file.file_id"),
        ] {
            let part = Part::new(at, Content::Media(media));
            let (mut losses, mut out) = (Losses::new(), Vec::new());
            let error = write(&part, Protocol::Chat, &mut losses, &mut out).unwrap_err();
            assert_eq!(error.path(), Some(path));
        }
    }
}
