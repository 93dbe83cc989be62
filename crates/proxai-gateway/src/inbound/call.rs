//! A request as the rest of the gateway sees it: body collected, model and stream flag found.
//!
//! The body is scanned once and nothing is built of it (T1). What the scan refuses is parsed
//! again, only to say where and why in the words of a JSON parser.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, Method, Uri, header};
use proxai_ir::{Failure, FailureKind};
use proxai_json::{Container, Doc, Span};
use proxai_types::{Operation, Protocol};
use smallvec::SmallVec;

use crate::inbound::wishes::Wishes;
use crate::problem::Problem;

/// A request whose body has been read.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) operation: Operation,
    /// Whose error shape the client expects.
    pub(crate) dialect: Protocol,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    /// The extra endpoint's path, where the request came in on one.
    pub(crate) extra: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) head: Head,
    pub(crate) wishes: Wishes,
}

/// What routing needs to know of a body.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// Empty if there is none.
    pub(crate) model: String,
    /// Where it stands: a JSON string with its quotes, or bare text in a form.
    pub(crate) place: Place,
    pub(crate) stream: bool,
    /// What makes a Chat request ask for the usage of its stream; `None` where it asks itself, or
    /// says something about it that only the upstream can judge (T10).
    pub(crate) ask_usage: Option<Splice>,
}

/// A change of one place in a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Splice {
    span: Span,
    text: &'static str,
}

/// Where the model stands in a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Place {
    #[default]
    Nowhere,
    /// Nowhere, but it is a JSON object and there is room behind this byte.
    Insert(usize, bool),
    Json(Span),
    Form(Span),
}

impl Head {
    /// Reads the head of a JSON object.
    pub(crate) fn json(body: &[u8]) -> Result<Self, Box<Problem>> {
        let doc = match Doc::scan(body) {
            Ok(doc) => doc,
            Err(error) => return Err(malformed(body, &error)),
        };
        let mut head = Self {
            stream: doc.is_true("stream"),
            place: Place::Insert(doc.root.span.start + 1, doc.root.items.is_empty()),
            ask_usage: ask_usage(&doc),
            ..Self::default()
        };
        let Some(span) = doc.get("model") else {
            return Ok(head);
        };
        // Two models in one body are read differently by whoever checks and whoever serves.
        if doc.root.count(body, "model") > 1 {
            return Err(invalid(
                "model",
                "`model` stands in the body twice; send it once",
            ));
        }
        let Some(model) = span.string(body) else {
            return Err(invalid("model", "`model` must be a string"));
        };
        head.model = model.into_owned();
        head.place = Place::Json(span);
        Ok(head)
    }

    /// Reads the head of a body that may be anything (E7).
    pub(crate) fn any(headers: &HeaderMap, body: &[u8]) -> Self {
        let kind = headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        if kind.starts_with("multipart/form-data") {
            return Self::form(body).unwrap_or_default();
        }
        Self::json(body).unwrap_or_default()
    }

    /// The `model` field of a form: what stands between its headers and the next line end.
    fn form(body: &[u8]) -> Option<Self> {
        let name = memchr::memmem::find(body, b"name=\"model\"")?;
        let start = name + memchr::memmem::find(&body[name..], b"\r\n\r\n")? + 4;
        let end = start + memchr::memchr(b'\r', &body[start..])?;
        let span = Span { start, end };
        Some(Self {
            model: std::str::from_utf8(span.of(body)).ok()?.to_owned(),
            place: Place::Form(span),
            ..Self::default()
        })
    }
}

impl Call {
    /// The same request with another body of the same meaning.
    pub(crate) fn with_body(&self, body: Bytes) -> Result<Self, Box<Problem>> {
        Ok(Self {
            operation: self.operation,
            dialect: self.dialect,
            method: self.method.clone(),
            uri: self.uri.clone(),
            extra: self.extra.clone(),
            headers: self.headers.clone(),
            head: Head::json(&body)?,
            body,
            wishes: self.wishes,
        })
    }

    /// The body with this model, and the same bytes if it is the one that stands there (T1).
    pub(crate) fn body_for(&self, model: &str) -> Bytes {
        spliced(&self.body, self.head.model_splice(model), None)
    }

    /// The same, and the upstream is asked for the usage of the stream where the client does not.
    pub(crate) fn body_with_usage(&self, model: &str) -> Bytes {
        let ask = self
            .head
            .ask_usage
            .map(|ask| (ask.span, Cow::Borrowed(ask.text.as_bytes())));
        spliced(&self.body, self.head.model_splice(model), ask)
    }
}

impl Head {
    /// What puts a model into the body, unless it stands there.
    fn model_splice(&self, model: &str) -> Option<Change> {
        if model == self.model || model.is_empty() {
            return None;
        }
        Some(match self.place {
            Place::Nowhere => return None,
            Place::Json(span) => (span, Cow::Owned(proxai_json::to_vec(model))),
            Place::Form(span) => (span, Cow::Owned(model.as_bytes().to_vec())),
            Place::Insert(at, only) => {
                let mut member = br#""model":"#.to_vec();
                member.extend(proxai_json::to_vec(model));
                if !only {
                    member.push(b',');
                }
                (Span { start: at, end: at }, Cow::Owned(member))
            }
        })
    }
}

type Change = (Span, Cow<'static, [u8]>);

/// The body with both changes, copied once or not at all.
fn spliced(body: &Bytes, one: Option<Change>, other: Option<Change>) -> Bytes {
    let mut changes: SmallVec<[Change; 2]> = one.into_iter().chain(other).collect();
    if changes.is_empty() {
        return body.clone();
    }
    changes.sort_by_key(|(span, _)| span.start);
    let grown: usize = changes.iter().map(|(_, text)| text.len()).sum();
    let mut out = Vec::with_capacity(body.len() + grown);
    let mut copied = 0;
    for (span, text) in &changes {
        out.extend_from_slice(&body[copied..span.start]);
        out.extend_from_slice(text);
        copied = span.end;
    }
    out.extend_from_slice(&body[copied..]);
    out.into()
}

/// What makes a body ask for usage. New members go to the end, where they disturb no prompt cache.
fn ask_usage(doc: &Doc<'_>) -> Option<Splice> {
    let behind = |container: &Container| {
        let last = container.items.last();
        let at = last.map_or(container.span.start + 1, |item| item.value.end);
        Span { start: at, end: at }
    };
    let Some(options) = doc.get("stream_options") else {
        // An empty body asks for nothing, a stream least of all.
        return (!doc.root.items.is_empty()).then(|| Splice {
            span: behind(&doc.root),
            text: r#","stream_options":{"include_usage":true}"#,
        });
    };
    if options.of(doc.body) == b"null" {
        return Some(Splice {
            span: options,
            text: r#"{"include_usage":true}"#,
        });
    }
    if options.kind(doc.body) != b'{' {
        return None;
    }
    let options = Container::scan(doc.body, options).ok()?;
    match options.value(doc.body, "include_usage") {
        None => Some(Splice {
            span: behind(&options),
            text: if options.items.is_empty() {
                r#""include_usage":true"#
            } else {
                r#","include_usage":true"#
            },
        }),
        Some(asked) if matches!(asked.of(doc.body), b"false" | b"null") => Some(Splice {
            span: asked,
            text: "true",
        }),
        Some(_) => None,
    }
}

fn invalid(param: &str, message: &str) -> Box<Problem> {
    Problem::refused(
        Failure::new(FailureKind::InvalidRequest, message)
            .with_code("invalid_request")
            .with_param(param),
    )
}

fn malformed(body: &[u8], error: &proxai_json::ScanError) -> Box<Problem> {
    // A parser that builds nothing but sees everything the scan did not like.
    let parsed = proxai_json::from_slice::<serde::de::IgnoredAny>(body);
    let (message, path) = match parsed {
        Err(parsed) => (parsed.to_string(), parsed.path),
        Ok(_) => (error.to_string(), String::new()),
    };
    let mut failure = Failure::new(
        FailureKind::InvalidRequest,
        format!("the request body is not a JSON object: {message}"),
    )
    .with_code("invalid_json");
    if !path.is_empty() {
        failure = failure.with_param(path);
    }
    Problem::refused(failure)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(body: &str) -> Call {
        Call {
            operation: Operation::Generate(Protocol::Chat),
            dialect: Protocol::Chat,
            method: Method::POST,
            uri: Uri::from_static("/v1/chat/completions"),
            extra: None,
            headers: HeaderMap::new(),
            wishes: Wishes::default(),
            head: Head::json(body.as_bytes()).unwrap(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    #[test]
    fn another_model_changes_only_its_own_bytes() {
        let call = call(r#"{ "n": 1.50, "model" : "up/a",  "stream":true, "x":{"model":1} }"#);
        assert!(call.head.stream);
        assert_eq!(
            call.body_for("a"),
            r#"{ "n": 1.50, "model" : "a",  "stream":true, "x":{"model":1} }"#
        );
        let same = call.body_for("up/a");
        assert_eq!(same.as_ptr(), call.body.as_ptr());
    }

    #[test]
    fn a_body_without_a_model_gets_the_default_one() {
        assert_eq!(call("{}").body_for("m"), r#"{"model":"m"}"#);
        assert_eq!(call(r#"{"a":1}"#).body_for("m"), r#"{"model":"m","a":1}"#);
    }

    #[test]
    fn usage_is_asked_for_in_the_smallest_place_and_in_the_same_copy_as_the_model() {
        for (body, asking) in [
            (
                r#"{"stream":true}"#,
                r#"{"model":"n","stream":true,"stream_options":{"include_usage":true}}"#,
            ),
            (
                "{ \"a\":1.0 , \"model\" : \"m\" }\n",
                "{ \"a\":1.0 , \"model\" : \"n\",\"stream_options\":{\"include_usage\":true} }\n",
            ),
            (
                r#"{"stream_options": null ,"model":"m"}"#,
                r#"{"stream_options": {"include_usage":true} ,"model":"n"}"#,
            ),
            (
                r#"{"stream_options":{ },"model":"m"}"#,
                r#"{"stream_options":{"include_usage":true },"model":"n"}"#,
            ),
            (
                r#"{"model":"m","stream_options":{ "x": 1.50, "include_usage" : false }}"#,
                r#"{"model":"n","stream_options":{ "x": 1.50, "include_usage" : true }}"#,
            ),
            (
                r#"{"model":"m","stream_options":{"include_obfuscation":false }}"#,
                r#"{"model":"n","stream_options":{"include_obfuscation":false,"include_usage":true }}"#,
            ),
        ] {
            let call = call(body);
            assert_eq!(call.body_with_usage("n"), asking, "{body}");
            assert!(!call.body_for("n").ends_with(b"true}}"), "{body}");
        }
    }

    #[test]
    fn a_body_that_asks_for_usage_or_asks_oddly_is_left_as_it_is() {
        for body in [
            r#"{"model":"m","stream_options":{"include_usage":true}}"#,
            r#"{"model":"m","stream_options":{"include_usage":"yes"}}"#,
            r#"{"model":"m","stream_options":[]}"#,
            "{}",
        ] {
            let call = call(body);
            assert_eq!(call.head.ask_usage, None, "{body}");
            assert_eq!(call.body_with_usage("").as_ptr(), call.body.as_ptr());
        }
    }

    #[test]
    fn a_malformed_body_is_told_with_its_place() {
        let problem = Head::json(b"{\n \"messages\": [1,]\n}").unwrap_err();
        let message = &problem.failure.message;
        assert!(message.contains("line 2 column"), "{message}");
        assert_eq!(problem.failure.param.as_deref(), Some("messages[1]"));
        assert_eq!(problem.status().as_u16(), 400);
    }

    #[test]
    fn two_models_in_one_body_are_refused() {
        let problem = Head::json(br#"{"model":"a","model":"b"}"#).unwrap_err();
        assert_eq!(problem.failure.param.as_deref(), Some("model"));
        assert!(Head::json(br#"{"model":7}"#).is_err());
    }

    #[test]
    fn a_form_names_its_model_too() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nup/whisper-1\r\n--x--\r\n";
        let mut headers = HeaderMap::new();
        headers.insert(
            header::CONTENT_TYPE,
            "multipart/form-data; boundary=x".parse().unwrap(),
        );
        let head = Head::any(&headers, body);
        assert_eq!(head.model, "up/whisper-1");
        assert!(matches!(head.place, Place::Form(_)));
    }
}
