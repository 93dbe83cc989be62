//! Images, documents and audio, both ways.
//!
//! Data URLs are put together here; nothing is decoded. Surprises: some clients put bare base64 or
//! an address into `file_data`.

use proxai_chat as wire;
use proxai_ir::{Media, MediaKind, MediaSource};
use proxai_json::{Str, StringOr};

/// Audio with its format.
pub(super) fn from_audio(audio: wire::InputAudio<'_>) -> Media<'_> {
    let media_type = format!("audio/{}", audio.format).into();
    Media {
        media_type: Some(media_type),
        ..Media::new(MediaKind::Audio, MediaSource::Base64(audio.data))
    }
}

/// A file; `None` if it has no source.
pub(super) fn from_file(file: wire::FileSource<'_>) -> Option<Media<'_>> {
    let media = match (file.file_data, file.file_id) {
        // An address of whatever scheme: base64 has no colon.
        (Some(data), _) if data.contains(':') => Media::at(MediaKind::Document, data),
        (Some(data), _) => Media::new(MediaKind::Document, MediaSource::Base64(data)),
        (None, Some(id)) => Media::new(MediaKind::Document, MediaSource::File(id)),
        (None, None) => return None,
    };
    Some(Media {
        name: file.filename,
        ..media
    })
}

/// The address of a link in either form.
pub(super) fn link<'a>(link: Option<StringOr<'a, wire::UrlObject<'a>>>) -> Str<'a> {
    match link {
        Some(StringOr::String(url)) => url,
        Some(StringOr::Value(object)) => object.url,
        None => Str::default(),
    }
}

/// Why media cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// A file id of another provider.
    ForeignFile,
    /// Audio that is not sent with the request.
    AudioByAddress,
}

/// Writes media as a part of a user message. Text documents are not media here.
pub(super) fn to_part<'r>(media: &'r Media<'_>) -> Result<wire::ContentPart<'r>, Obstacle> {
    let address = match &media.source {
        MediaSource::Url(url) => url.reborrow(),
        MediaSource::Base64(data) => {
            let media_type = media.media_type.as_deref().unwrap_or(match media.kind {
                MediaKind::Image => "image/png",
                MediaKind::Document => "application/pdf",
                MediaKind::Audio => "audio/wav",
                MediaKind::Video => "video/mp4",
            });
            if media.kind == MediaKind::Audio {
                return Ok(audio_part(media_type, data));
            }
            format!("data:{media_type};base64,{data}").into()
        }
        MediaSource::File(_) | MediaSource::Text(_) | MediaSource::Parts(_) => {
            return Err(Obstacle::ForeignFile);
        }
    };
    Ok(match media.kind {
        MediaKind::Image => wire::ContentPart::ImageUrl(wire::ImagePart {
            image_url: StringOr::Value(wire::UrlObject {
                url: address,
                detail: media.detail.as_ref().map(Str::reborrow),
                ..wire::UrlObject::default()
            }),
            ..wire::ImagePart::default()
        }),
        MediaKind::Document => wire::ContentPart::File(wire::FilePart {
            file: wire::FileSource {
                filename: Some(Str::borrowed(
                    media.name.as_deref().unwrap_or("document.pdf"),
                )),
                file_data: Some(address),
                ..wire::FileSource::default()
            },
            ..wire::FilePart::default()
        }),
        MediaKind::Video => wire::ContentPart::VideoUrl(wire::LinkPart {
            video_url: Some(StringOr::Value(wire::UrlObject {
                url: address,
                ..wire::UrlObject::default()
            })),
            ..wire::LinkPart::default()
        }),
        MediaKind::Audio => return Err(Obstacle::AudioByAddress),
    })
}

fn audio_part<'r>(media_type: &str, data: &'r Str<'_>) -> wire::ContentPart<'r> {
    let format = match media_type.rsplit('/').next().unwrap_or_default() {
        "mpeg" | "mp3" => "mp3",
        "x-wav" | "wave" | "wav" => "wav",
        other => other,
    };
    wire::ContentPart::InputAudio(wire::AudioPart {
        input_audio: wire::InputAudio {
            data: data.reborrow(),
            format: format.to_owned().into(),
            ..wire::InputAudio::default()
        },
        ..wire::AudioPart::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_its_media_type_says() {
        let file = |data: &'static str| wire::FileSource {
            file_data: Some(data.into()),
            ..wire::FileSource::default()
        };
        let kind = |data| from_file(file(data)).unwrap().kind;
        assert_eq!(kind("data:application/pdf;base64,AA"), MediaKind::Document);
        assert_eq!(kind("data:image/png;base64,AA"), MediaKind::Image);
        assert_eq!(kind("https://a/b.pdf"), MediaKind::Document);
        assert_eq!(kind("JVBERi0="), MediaKind::Document);
        assert!(from_file(wire::FileSource::default()).is_none());
    }

    #[test]
    fn what_was_read_is_written_alike() {
        for part in [
            r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,AA","detail":"low"}}"#,
            r#"{"type":"image_url","image_url":{"url":"https://a"}}"#,
            r#"{"type":"input_audio","input_audio":{"data":"AA","format":"mp3"}}"#,
            r#"{"type":"file","file":{"filename":"a.pdf","file_data":"data:application/pdf;base64,AA"}}"#,
        ] {
            let media = match proxai_json::from_str(part).unwrap() {
                wire::ContentPart::ImageUrl(part) => match part.image_url {
                    StringOr::Value(image) => Media {
                        detail: image.detail,
                        ..Media::at(MediaKind::Image, image.url)
                    },
                    StringOr::String(_) => panic!(),
                },
                wire::ContentPart::InputAudio(part) => from_audio(part.input_audio),
                wire::ContentPart::File(part) => from_file(part.file).unwrap(),
                _ => panic!(),
            };
            assert_eq!(proxai_json::to_string(&to_part(&media).unwrap()), part);
        }
    }

    #[test]
    fn what_only_another_provider_holds_cannot_be_written() {
        let file = Media::new(MediaKind::Image, MediaSource::File("file-1".into()));
        assert_eq!(to_part(&file).unwrap_err(), Obstacle::ForeignFile);
        let audio = Media::new(MediaKind::Audio, MediaSource::Url("https://a".into()));
        assert_eq!(to_part(&audio).unwrap_err(), Obstacle::AudioByAddress);
    }
}
