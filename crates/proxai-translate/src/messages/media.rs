//! Images and documents for an upstream of this protocol.
//!
//! Messages takes images as base64, address or file, and as documents PDFs and plain text. It takes
//! no sound and no film: that is refused with the path, since an answer that ignored them would
//! mislead (case 83).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proxai_ir::{At, Content, Losses, Media, MediaKind, MediaSource, Part};
use proxai_json::{Str, Text};
use proxai_messages as wire;
use proxai_messages::{CacheControl, ContentBlock, Source};
use proxai_types::Protocol;

use super::encode_turns::{cache_control, is_blank};
use crate::adapter::RequestError;
use crate::features::{Feature, lose_at, refused};

/// A media part as a block.
pub(super) fn encode<'r>(
    part: &'r Part<'_>,
    media: &'r Media<'_>,
    origin: Protocol,
    losses: &mut Losses,
) -> Result<ContentBlock<'r>, RequestError> {
    let cache = part.cache.as_ref().map(cache_control);
    let document = match media.kind {
        MediaKind::Image => false,
        MediaKind::Document => true,
        MediaKind::Audio | MediaKind::Video => {
            let feature = match media.kind {
                MediaKind::Audio => Feature::Audio,
                _ => Feature::Video,
            };
            let path = feature.within(part.at, origin);
            return Err(refused(feature, path, Protocol::Messages));
        }
    };
    if media
        .detail
        .as_deref()
        .is_some_and(|detail| detail != "auto")
    {
        let path = Feature::ImageDetail.within(part.at, origin);
        lose_at(Feature::ImageDetail, path, Protocol::Messages, losses);
    }
    if document {
        return Ok(ContentBlock::Document(self::document(
            part.at, media, cache, origin, losses,
        )?));
    }
    let source = match &media.source {
        MediaSource::Base64(data) => base64(data, image_type(media, data)),
        MediaSource::Url(url) => address(url),
        MediaSource::File(_) => return Err(foreign_file(part.at, origin)),
        MediaSource::Text(_) | MediaSource::Parts(_) => {
            return Err(RequestError::invalid(
                part.at,
                "an image cannot be made of text",
            ));
        }
    };
    Ok(ContentBlock::Image(wire::ImageBlock {
        source: Some(source),
        cache_control: cache,
        ..wire::ImageBlock::default()
    }))
}

fn document<'r>(
    at: At,
    media: &'r Media<'_>,
    cache: Option<CacheControl<'r>>,
    origin: Protocol,
    losses: &mut Losses,
) -> Result<wire::DocumentBlock<'r>, RequestError> {
    let source = match &media.source {
        MediaSource::Url(url) => address(url),
        MediaSource::File(_) => return Err(foreign_file(at, origin)),
        MediaSource::Text(text) => plain(text.reborrow()),
        MediaSource::Parts(parts) => {
            let mut blocks = Vec::with_capacity(parts.len());
            for part in parts {
                match &part.content {
                    Content::Text(text) if !is_blank(&text.text) => {
                        blocks.push(ContentBlock::Text(wire::TextBlock {
                            text: text.text.reborrow(),
                            ..wire::TextBlock::default()
                        }));
                    }
                    Content::Media(media) => blocks.push(encode(part, media, origin, losses)?),
                    _ => {}
                }
            }
            let content = Some(Text::Parts(blocks));
            Source::Content(wire::ContentSource { content })
        }
        MediaSource::Base64(data) if is_pdf(media, data) => base64(data, "application/pdf".into()),
        MediaSource::Base64(data) => {
            let text = STANDARD.decode(data.trim()).ok();
            let Some(text) = text.and_then(|bytes| String::from_utf8(bytes).ok()) else {
                let path = Feature::DocumentType.within(at, origin);
                return Err(refused(Feature::DocumentType, path, Protocol::Messages));
            };
            plain(text.into())
        }
    };
    Ok(wire::DocumentBlock {
        source: Some(source),
        title: media.name.as_ref().map(Str::reborrow),
        context: media.context.as_ref().map(Str::reborrow),
        citations: media.citations.then_some(wire::CitationsConfig {
            enabled: Some(true),
        }),
        cache_control: cache,
        ..wire::DocumentBlock::default()
    })
}

fn base64<'r>(data: &'r Str<'_>, media_type: Str<'r>) -> Source<'r> {
    Source::Base64(wire::Base64Source {
        media_type: Some(media_type),
        data: data.reborrow(),
    })
}

fn address<'r>(url: &'r Str<'_>) -> Source<'r> {
    Source::Url(wire::UrlSource {
        url: url.reborrow(),
    })
}

fn foreign_file(at: At, origin: Protocol) -> RequestError {
    let path = Feature::UploadedFile.within(at, origin);
    refused(Feature::UploadedFile, path, Protocol::Messages)
}

fn plain(text: Str<'_>) -> Source<'_> {
    Source::Text(wire::TextSource {
        media_type: Some(Str::borrowed("text/plain")),
        data: text,
    })
}

fn is_pdf(media: &Media<'_>, data: &str) -> bool {
    let named = media.name.as_deref().and_then(|name| name.rsplit_once('.'));
    match media.media_type.as_deref() {
        Some("application/pdf") => true,
        Some("" | "application/octet-stream") | None => {
            // `%PDF-` in base64.
            data.starts_with("JVBERi0")
                || named.is_some_and(|(_, ending)| ending.eq_ignore_ascii_case("pdf"))
        }
        Some(_) => false,
    }
}

/// The type that was said, else what the first bytes tell.
fn image_type<'r>(media: &'r Media<'_>, data: &str) -> Str<'r> {
    match media.media_type.as_deref() {
        Some("image/jpg") => Str::borrowed("image/jpeg"),
        Some(said) if !said.is_empty() => Str::from(said),
        _ if data.starts_with("/9j/") => Str::borrowed("image/jpeg"),
        _ if data.starts_with("R0lG") => Str::borrowed("image/gif"),
        _ if data.starts_with("UklG") => Str::borrowed("image/webp"),
        _ => Str::borrowed("image/png"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(media: Media<'static>) -> Result<String, RequestError> {
        let part = Part::new(
            At::item("messages", 0).element("content", 1),
            Content::Media(media),
        );
        let Content::Media(media) = &part.content else {
            unreachable!("made above")
        };
        encode(&part, media, Protocol::Chat, &mut Losses::new())
            .map(|block| proxai_json::to_string(&block))
    }

    #[test]
    fn images_are_sent_from_every_source() {
        let image = |source| Media::new(MediaKind::Image, source);
        assert_eq!(
            written(image(MediaSource::Base64("/9j/AA".into()))).unwrap(),
            r#"{"type":"image","source":{"type":"base64","media_type":"image/jpeg","data":"/9j/AA"}}"#
        );
        assert_eq!(
            written(Media::at(
                MediaKind::Image,
                "data:image/gif;base64,R0lG".into()
            ))
            .unwrap(),
            r#"{"type":"image","source":{"type":"base64","media_type":"image/gif","data":"R0lG"}}"#
        );
        assert!(
            written(image(MediaSource::Url("https://e.x/a.png".into())))
                .unwrap()
                .contains(r#"{"type":"url","url":"https://e.x/a.png"}"#)
        );
        let file = written(image(MediaSource::File("file_1".into())));
        assert!(matches!(file, Err(RequestError::Unsupported { .. })));
    }

    #[test]
    fn documents_are_pdf_or_text() {
        let mut pdf = Media::new(MediaKind::Document, MediaSource::Base64("JVBERi0x".into()));
        pdf.name = Some("a.pdf".into());
        assert!(
            written(pdf)
                .unwrap()
                .contains(r#""media_type":"application/pdf""#)
        );
        let mut text = Media::new(MediaKind::Document, MediaSource::Base64("aGk=".into()));
        text.media_type = Some("text/markdown".into());
        assert!(
            written(text)
                .unwrap()
                .contains(r#"{"type":"text","media_type":"text/plain","data":"hi"}"#)
        );
        let zip = Media::new(MediaKind::Document, MediaSource::Base64("/+7/".into()));
        assert_eq!(
            written(zip).unwrap_err().path(),
            Some("messages[0].content[1].file.file_data")
        );
    }

    #[test]
    fn sound_is_refused_with_its_path() {
        let sound = Media::new(MediaKind::Audio, MediaSource::Base64("AA".into()));
        let error = written(sound).unwrap_err();
        assert!(matches!(error, RequestError::Unsupported { .. }));
        assert_eq!(error.path(), Some("messages[0].content[1].input_audio"));
    }
}
