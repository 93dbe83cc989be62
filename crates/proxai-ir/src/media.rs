//! Pictures, documents, sound and film.
//!
//! Protocols differ in where they put the same bytes: behind an address, in a data URL, as base64
//! beside a type, or in a store under an id. Here data are always base64 without a prefix, and a
//! media type never has parameters. Nothing is decoded.

use std::borrow::Cow;

use proxai_json::Str;

use crate::part::Part;

/// What kind of media a part holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// A picture.
    Image,
    /// A PDF, a text file and the like.
    Document,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
}

/// Media with its source.
#[derive(Clone, Debug)]
pub struct Media<'a> {
    /// What it is.
    pub kind: MediaKind,
    /// Where it is.
    pub source: MediaSource<'a>,
    /// The media type, such as `image/png`; audio formats as `audio/wav`.
    pub media_type: Option<Str<'a>>,
    /// The file name or title.
    pub name: Option<Str<'a>>,
    /// Image resolution asked for: `low`, `high`, `auto`, …
    pub detail: Option<Str<'a>>,
    /// What the sender says about the document, beside its title.
    pub context: Option<Str<'a>>,
    /// Whether the model is asked to cite the document.
    pub citations: bool,
}

impl<'a> Media<'a> {
    /// Media with nothing but a kind and a source.
    pub const fn new(kind: MediaKind, source: MediaSource<'a>) -> Self {
        Self {
            kind,
            source,
            media_type: None,
            name: None,
            detail: None,
            context: None,
            citations: false,
        }
    }

    /// Media behind an address. A data URL holds the data itself and is taken apart.
    pub fn at(kind: MediaKind, address: Str<'a>) -> Self {
        let Some((type_length, data_at)) = data_url(&address) else {
            return Self::new(kind, MediaSource::Url(address));
        };
        let (media_type, data) = match address.0 {
            Cow::Borrowed(url) => (
                Str::borrowed(&url[SCHEME.len()..][..type_length]),
                Str::borrowed(&url[data_at..]),
            ),
            Cow::Owned(mut url) => {
                let data = url.split_off(data_at);
                let media_type = url[SCHEME.len()..][..type_length].to_owned();
                (media_type.into(), data.into())
            }
        };
        Self::new(kind, MediaSource::Base64(data)).of_type(Some(media_type))
    }

    /// With its media type, less the parameters: no vendor takes `text/plain; charset=utf-8`.
    ///
    /// A document whose type says that it is none becomes what it is. Clients attach pictures and
    /// sound as files, and a target that has a part for each refuses them there.
    #[must_use]
    pub fn of_type(mut self, media_type: Option<Str<'a>>) -> Self {
        self.media_type = media_type.map(essence).filter(|it| !it.is_empty());
        let family = self.media_type.as_deref().and_then(|it| it.split_once('/'));
        self.kind = match (self.kind, family) {
            (MediaKind::Document, Some(("image", _))) => MediaKind::Image,
            (MediaKind::Document, Some(("audio", _))) => MediaKind::Audio,
            (MediaKind::Document, Some(("video", _))) => MediaKind::Video,
            (kind, _) => kind,
        };
        self
    }
}

const SCHEME: &str = "data:";

/// How long the media type of a base64 data URL is, and where its data begin.
fn data_url(url: &str) -> Option<(usize, usize)> {
    const ENCODING: &str = ";base64";
    let scheme = url.get(..SCHEME.len())?;
    let comma = url.find(',')?;
    let head = url.get(SCHEME.len()..comma)?;
    let encoding = head.get(head.len().checked_sub(ENCODING.len())?..)?;
    (scheme.eq_ignore_ascii_case(SCHEME) && encoding.eq_ignore_ascii_case(ENCODING))
        .then(|| (head.find(';').unwrap_or(head.len()), comma + 1))
}

/// A media type without its parameters.
fn essence(media_type: Str<'_>) -> Str<'_> {
    let end = media_type.find(';').unwrap_or(media_type.len());
    match media_type.0 {
        Cow::Borrowed(text) => Str::borrowed(text[..end].trim()),
        Cow::Owned(text) => text[..end].trim().to_owned().into(),
    }
}

/// Where media is.
#[derive(Clone, Debug)]
pub enum MediaSource<'a> {
    /// Base64 text, without the `data:` prefix.
    Base64(Str<'a>),
    /// An address to fetch.
    Url(Str<'a>),
    /// An id from the upstream's file store.
    File(Str<'a>),
    /// Plain text.
    Text(Str<'a>),
    /// A document made of parts.
    Parts(Vec<Part<'a>>),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(media: &Media<'_>) -> String {
        let source = match &media.source {
            MediaSource::Base64(text) => format!("base64 {text}"),
            MediaSource::Url(text) => format!("url {text}"),
            _ => String::new(),
        };
        let media_type = media.media_type.as_deref().unwrap_or("no type");
        format!("{:?} {media_type} {source}", media.kind)
    }

    #[test]
    fn data_urls_are_taken_apart_and_others_are_left_alone() {
        for (address, expected) in [
            ("data:image/png;base64,AA==", "Image image/png base64 AA=="),
            (
                "DATA:image/svg+xml;charset=utf-8;BASE64,AA",
                "Image image/svg+xml base64 AA",
            ),
            ("data:;base64,AA", "Image no type base64 AA"),
            ("data:base64,AA", "Image no type url data:base64,AA"),
            ("data:text/plain,hi", "Image no type url data:text/plain,hi"),
            ("https://a/b.png", "Image no type url https://a/b.png"),
            ("dä", "Image no type url dä"),
        ] {
            assert_eq!(
                shown(&Media::at(MediaKind::Image, address.into())),
                expected
            );
            let owned = address.to_owned().into();
            assert_eq!(shown(&Media::at(MediaKind::Image, owned)), expected);
        }
    }

    #[test]
    fn a_document_is_what_its_type_says_and_a_type_has_no_parameters() {
        for (media_type, expected) in [
            ("application/pdf", "Document application/pdf"),
            ("image/png", "Image image/png"),
            ("audio/wav", "Audio audio/wav"),
            ("video/mp4;codecs=avc1", "Video video/mp4"),
            ("text/plain ; charset=utf-8", "Document text/plain"),
            (";base64", "Document no type"),
        ] {
            let media = Media::new(MediaKind::Document, MediaSource::Base64("AA".into()));
            let media = media.of_type(Some(media_type.into()));
            assert_eq!(shown(&media), format!("{expected} base64 AA"));
        }
    }
}
