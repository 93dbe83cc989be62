//! Where a body names pictures and documents by URL, and how it holds them as bytes.
//!
//! Only the places that the protocols' references give; a URL in a text is a text. Every other byte
//! of the body stays (T1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proxai_json::{Container, Doc, Edit, Span};
use proxai_types::Protocol;

use super::{Fetched, MediaKind};

/// Documents in tool results in documents: no client nests deeper.
const MAX_DEPTH: usize = 4;

/// The name of a file that has none; the extension tells its type.
const NAMELESS: &str = "document.pdf";

/// A name in a URL that is longer is none.
const MAX_NAME_BYTES: usize = 128;

/// Which URLs are looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) images: bool,
    pub(crate) documents: bool,
}

impl Wanted {
    /// Whether there is nothing to look for.
    pub(crate) fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

/// A URL in a body.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) path: String,
    pub(crate) url: String,
    pub(crate) kind: MediaKind,
    form: Form,
}

/// What is written in its place.
#[derive(Clone, Debug)]
enum Form {
    /// A data URL, as a string.
    DataUrl(Span),
    /// A base64 source, as an object.
    Source(Span),
    /// Another member of the object.
    FileData(Span, Container),
}

/// Finds the URLs in a body of a protocol.
pub(crate) fn find(protocol: Protocol, body: &[u8], wanted: Wanted) -> Vec<Place> {
    let mut search = Search {
        protocol,
        body,
        wanted,
        found: Vec::new(),
    };
    let (list, members) = match protocol {
        Protocol::Chat | Protocol::Messages => ("messages", &["content"][..]),
        Protocol::Responses => ("input", &["content", "output"][..]),
    };
    if let Some(turns) = Doc::scan(body).ok().and_then(|doc| doc.child(list)) {
        for (index, turn) in turns.items.iter().enumerate() {
            let Ok(turn) = Container::scan(body, turn.value) else {
                continue;
            };
            for member in members {
                search.parts(&turn, member, &format!("{list}[{index}]"), 0);
            }
        }
    }
    search.found
}

struct Search<'a> {
    protocol: Protocol,
    body: &'a [u8],
    wanted: Wanted,
    found: Vec<Place>,
}

impl Search<'_> {
    /// The part or the parts that are a member of an object.
    fn parts(&mut self, object: &Container, member: &str, path: &str, depth: usize) {
        let Some(parts) = object.child(self.body, member) else {
            return;
        };
        let path = format!("{path}.{member}");
        if parts.span.kind(self.body) == b'{' {
            self.part(&parts, &path, depth);
            return;
        }
        for (index, part) in parts.items.iter().enumerate() {
            if let Ok(part) = Container::scan(self.body, part.value) {
                self.part(&part, &format!("{path}[{index}]"), depth);
            }
        }
    }

    fn part(&mut self, part: &Container, path: &str, depth: usize) {
        match self.protocol {
            Protocol::Chat => {
                self.url(part, "image_url", path, MediaKind::Image);
                if let Some(image) = part.child(self.body, "image_url") {
                    self.url(
                        &image,
                        "url",
                        &format!("{path}.image_url"),
                        MediaKind::Image,
                    );
                }
                if let Some(file) = part.child(self.body, "file") {
                    self.url(
                        &file,
                        "file_data",
                        &format!("{path}.file"),
                        MediaKind::Document,
                    );
                }
            }
            Protocol::Responses => {
                self.url(part, "image_url", path, MediaKind::Image);
                self.url(part, "file_url", path, MediaKind::Document);
            }
            Protocol::Messages => {
                if depth < MAX_DEPTH {
                    self.parts(part, "content", path, depth + 1);
                }
                let kind = match self.text(part, "type").as_deref() {
                    Some("image") => MediaKind::Image,
                    Some("document") => MediaKind::Document,
                    _ => return,
                };
                let Some(source) = part.child(self.body, "source") else {
                    return;
                };
                let path = format!("{path}.source");
                self.url(&source, "url", &path, kind);
                if depth < MAX_DEPTH {
                    self.parts(&source, "content", &path, depth + 1);
                }
            }
        }
    }

    fn text(&self, object: &Container, member: &str) -> Option<String> {
        let text = object.value(self.body, member)?.string(self.body)?;
        Some(text.into_owned())
    }

    /// Notes a member that is a URL.
    fn url(&mut self, object: &Container, member: &str, path: &str, kind: MediaKind) {
        let wanted = match kind {
            MediaKind::Image => self.wanted.images,
            MediaKind::Document => self.wanted.documents,
        };
        let Some(url) = self
            .text(object, member)
            .filter(|url| wanted && is_url(url))
        else {
            return;
        };
        let Some(value) = object.value(self.body, member) else {
            return;
        };
        self.found.push(Place {
            path: format!("{path}.{member}"),
            url,
            kind,
            form: match (self.protocol, member) {
                (Protocol::Messages, _) => Form::Source(object.span),
                (_, "file_url") => Form::FileData(value, object.clone()),
                _ => Form::DataUrl(value),
            },
        });
    }
}

/// The body with files in place of their URLs.
pub(crate) fn written(body: &[u8], files: &[(Place, Fetched)]) -> Option<Vec<u8>> {
    let mut edit = Edit::new(body);
    for (place, file) in files {
        let media_type = file.media_type;
        let data = STANDARD.encode(&file.bytes);
        let data_url = |data: String| format!("\"data:{media_type};base64,{data}\"");
        match &place.form {
            Form::DataUrl(span) => edit.replace(*span, data_url(data)),
            Form::Source(span) => edit.replace(
                *span,
                format!(r#"{{"type":"base64","media_type":"{media_type}","data":"{data}"}}"#),
            ),
            Form::FileData(span, object) => {
                edit.rename(object, "file_url", "file_data");
                edit.replace(*span, data_url(data));
                if object.get(body, "filename").is_none() {
                    let name = proxai_json::to_vec(name_in(&place.url));
                    edit.set(object, "filename", &name);
                }
            }
        }
    }
    edit.finish().ok()
}

fn is_url(text: &str) -> bool {
    let begins = |scheme: &str| {
        text.get(..scheme.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    };
    begins("http://") || begins("https://")
}

/// The file's name in a URL.
fn name_in(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.rsplit('/')
        .next()
        .filter(|name| name.len() <= MAX_NAME_BYTES && name.to_ascii_lowercase().ends_with(".pdf"))
        .unwrap_or(NAMELESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Wanted = Wanted {
        images: true,
        documents: true,
    };

    /// Each place with what is written there.
    fn inlined(protocol: Protocol, body: &str) -> (Vec<String>, String) {
        let places = find(protocol, body.as_bytes(), ALL);
        let paths = places.iter().map(|place| place.path.clone()).collect();
        let files: Vec<_> = places
            .into_iter()
            .map(|place| {
                let file = Fetched {
                    media_type: match place.kind {
                        MediaKind::Image => "image/png",
                        MediaKind::Document => "application/pdf",
                    },
                    bytes: "abc".into(),
                };
                (place, file)
            })
            .collect();
        let written = written(body.as_bytes(), &files).unwrap();
        (paths, String::from_utf8(written).unwrap())
    }

    #[test]
    fn chat_holds_files_as_data_urls() {
        let (paths, body) = inlined(
            Protocol::Chat,
            r#"{ "model":"m", "messages":[{"role":"user","content":"https://a.test"},{"role":"user","content":[{"type":"text","text":"https://a.test/x.png"},{"type":"image_url","image_url":{"url":"https://a.test/x.png","detail":"low"}},{"type":"image_url","image_url":"HTTP://a.test/y"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}},{"type":"file","file":{"file_data":"https://a.test/z.pdf"}}]}]}"#,
        );
        assert_eq!(
            paths,
            [
                "messages[1].content[1].image_url.url",
                "messages[1].content[2].image_url",
                "messages[1].content[4].file.file_data",
            ]
        );
        assert_eq!(
            body,
            r#"{ "model":"m", "messages":[{"role":"user","content":"https://a.test"},{"role":"user","content":[{"type":"text","text":"https://a.test/x.png"},{"type":"image_url","image_url":{"url":"data:image/png;base64,YWJj","detail":"low"}},{"type":"image_url","image_url":"data:image/png;base64,YWJj"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA"}},{"type":"file","file":{"file_data":"data:application/pdf;base64,YWJj"}}]}]}"#
        );
    }

    #[test]
    fn responses_hold_files_under_another_name() {
        let (paths, body) = inlined(
            Protocol::Responses,
            r#"{"input":["x",{"role":"user","content":[{"type":"input_image","image_url":"https://a.test/x"},{"type":"input_file","file_url":"https://a.test/a/Report.PDF?s=1"},{"type":"input_file","file_url":"https://a.test/","filename":"b.pdf"}]},{"type":"function_call_output","output":[{"type":"input_image","image_url":"https://a.test/y"}]},{"type":"computer_call_output","output":{"type":"computer_screenshot","image_url":"https://a.test/z"}}]}"#,
        );
        assert_eq!(
            paths,
            [
                "input[1].content[0].image_url",
                "input[1].content[1].file_url",
                "input[1].content[2].file_url",
                "input[2].output[0].image_url",
                "input[3].output.image_url",
            ]
        );
        assert_eq!(
            body,
            r#"{"input":["x",{"role":"user","content":[{"type":"input_image","image_url":"data:image/png;base64,YWJj"},{"type":"input_file","file_data":"data:application/pdf;base64,YWJj","filename":"Report.PDF"},{"type":"input_file","file_data":"data:application/pdf;base64,YWJj","filename":"b.pdf"}]},{"type":"function_call_output","output":[{"type":"input_image","image_url":"data:image/png;base64,YWJj"}]},{"type":"computer_call_output","output":{"type":"computer_screenshot","image_url":"data:image/png;base64,YWJj"}}]}"#
        );
    }

    #[test]
    fn messages_hold_files_as_sources_also_in_results_and_documents() {
        let (paths, body) = inlined(
            Protocol::Messages,
            r#"{"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://a.test/x"},"cache_control":{"type":"ephemeral"}},{"type":"tool_result","tool_use_id":"t","content":[{"type":"image","source":{"type":"url","url":"https://a.test/y"}}]},{"type":"document","title":"T","source":{"type":"url","url":"https://a.test/z"}},{"type":"document","source":{"type":"content","content":[{"type":"image","source":{"type":"url","url":"https://a.test/w"}}]}},{"type":"search_result","source":"https://a.test/page","content":[]}]}]}"#,
        );
        assert_eq!(
            paths,
            [
                "messages[0].content[0].source.url",
                "messages[0].content[1].content[0].source.url",
                "messages[0].content[2].source.url",
                "messages[0].content[3].source.content[0].source.url",
            ]
        );
        assert!(body.contains(
            r#""source":{"type":"base64","media_type":"image/png","data":"YWJj"},"cache_control""#
        ));
        assert!(body.contains(
            r#""title":"T","source":{"type":"base64","media_type":"application/pdf","data":"YWJj"}"#
        ));
        assert!(body.contains(r#""source":"https://a.test/page""#));
    }

    #[test]
    fn only_what_is_wanted_is_found_and_strange_shapes_are_left() {
        let body = br#"{"messages":[{"content":[{"type":"image_url","image_url":{"url":"https://a.test/x"}},{"type":"file","file":{"file_data":"https://a.test/y"}}]}]}"#;
        let images = Wanted {
            images: true,
            documents: false,
        };
        let found = find(Protocol::Chat, body, images);
        assert_eq!(found.len(), 1);
        assert!(find(Protocol::Chat, body, Wanted::default()).is_empty());
        for body in [
            "",
            "[]",
            r#"{"messages":{}}"#,
            r#"{"messages":[1,"x",[],{"content":7},{"content":[1,null,{"image_url":7},{"type":"image","source":"https://a.test"}]}]}"#,
            r#"{"input":"https://a.test/x"}"#,
        ] {
            for protocol in Protocol::ALL {
                assert!(find(protocol, body.as_bytes(), ALL).is_empty(), "{body}");
            }
        }
    }
}
