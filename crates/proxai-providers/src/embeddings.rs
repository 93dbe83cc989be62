//! Brings the many shapes of embeddings answers to the one of the reference (P9, E2).
//!
//! The shape is that of <https://platform.openai.com/docs/api-reference/embeddings/object> (checked
//! 2026-11-21): a `list` of objects with `object`, `index` and `embedding`, beside `model` and
//! `usage`. Clients take it for granted; servers give flat and nested lists, lists under other
//! names and lists without anything around them. An answer that has the shape is given back
//! untouched, and of any other only what is wrong changes: numbers keep their spelling, and members
//! that nobody asked for stay.
//!
//! Vectors become base64, or numbers, as the request asked; base64 holds 32-bit floats, the lowest
//! byte first. Formats other than these two are not converted.
//!
//! Refuses to guess: a list that has not one vector per input (tokens that were not pooled, or one
//! flat list for several inputs) is an error, since a wrong vector would go unnoticed.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use proxai_json::{Container, Doc, Edit, EditError, ScanError, Span};

/// How deep vectors may lie below the list that holds them.
const MAX_NESTING: usize = 8;

/// Members that hold the vectors, in the order in which they are believed.
const HOLDERS: [&str; 3] = ["data", "embeddings", "embedding"];

/// Members of native answers that count the prompt:
/// <https://github.com/ollama/ollama/blob/main/docs/api.md#generate-embeddings> (2026-11-21).
const COUNTS: [&str; 2] = ["prompt_eval_count", "tokens_evaluated"];

/// English text has about four bytes to a token.
const BYTES_PER_TOKEN: u64 = 4;

/// Accepts base64 with and without padding, as servers write both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// How a request wants its vectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncodingFormat {
    /// Lists of numbers; also what a request gets that does not say.
    #[default]
    Float,
    /// Base64 of 32-bit floats.
    Base64,
    /// Something else, which is left to client and upstream.
    Other,
}

/// What an answer has to agree with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EmbeddingRequestFacts {
    /// How vectors are wanted.
    pub encoding_format: EncodingFormat,
    /// The model, for answers that do not name theirs.
    pub model: String,
    /// How many inputs there are; `None` if the request does not show it.
    pub inputs: Option<usize>,
    /// The prompt's tokens, for answers without usage. Reading a request sets it by the length of
    /// its texts; who has a tokenizer may set it better.
    pub estimated_tokens: u64,
}

impl EmbeddingRequestFacts {
    /// Reads a request. A body that is no embeddings request has default facts: judging it is the
    /// upstream's business.
    pub fn read(body: &[u8]) -> Self {
        let Ok(doc) = Doc::scan(body) else {
            return Self::default();
        };
        let encoding_format = match doc.str("encoding_format").as_deref() {
            None | Some("float") => EncodingFormat::Float,
            Some("base64") => EncodingFormat::Base64,
            Some(_) => EncodingFormat::Other,
        };
        let (inputs, estimated_tokens) = doc
            .get("input")
            .and_then(|span| inputs(body, span))
            .map_or((None, 0), |(inputs, tokens)| (Some(inputs), tokens));
        Self {
            encoding_format,
            model: doc.str("model").unwrap_or_default().into_owned(),
            inputs,
            estimated_tokens,
        }
    }
}

/// The number of inputs and of their tokens.
fn inputs(body: &[u8], span: Span) -> Option<(usize, u64)> {
    let tokens = |list: &Container| list.items.len() as u64;
    match span.kind(body) {
        b'"' => Some((1, text_tokens(span))),
        b'[' => {
            let list = Container::scan(body, span).ok()?;
            if is_vector(body, span) {
                return Some((1, tokens(&list)));
            }
            let mut sum = 0;
            for item in &list.items {
                sum += match item.value.kind(body) {
                    b'[' => tokens(&Container::scan(body, item.value).ok()?),
                    _ => text_tokens(item.value),
                };
            }
            Some((list.items.len(), sum))
        }
        _ => None,
    }
}

fn text_tokens(span: Span) -> u64 {
    // Without the quotes.
    ((span.end - span.start).saturating_sub(2) as u64).div_ceil(BYTES_PER_TOKEN)
}

/// An answer that cannot be brought to the shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddingError {
    /// It is not JSON.
    #[error("the upstream's embeddings are not JSON: {0}")]
    Scan(ScanError),
    /// It has no vectors in any known place.
    #[error("the upstream's answer holds no embeddings")]
    Missing,
    /// Something stands where a vector should.
    #[error("the upstream's embeddings hold something else than vectors at byte {offset}")]
    NotAVector {
        /// Where.
        offset: usize,
    },
    /// There is not one vector per input.
    #[error("the upstream gave {found} embeddings for {expected} inputs")]
    Count {
        /// Inputs of the request.
        expected: usize,
        /// Vectors of the answer.
        found: usize,
    },
    /// Two changes wanted the same bytes: the answer has a member twice, or a defect here.
    #[error("the upstream's embeddings cannot be rewritten: {0}")]
    Edit(EditError),
}

/// Brings the body of a successful answer to the reference's shape.
///
/// ```
/// use proxai_providers::embeddings::{EmbeddingRequestFacts, conform};
///
/// let request = br#"{"model":"e","input":"four words of text"}"#;
/// let facts = EmbeddingRequestFacts::read(request);
/// let body = conform(br#"{"embedding":[1.50,-2e-3]}"#, &facts).unwrap();
/// assert_eq!(
///     std::str::from_utf8(&body).unwrap(),
///     r#"{"data":[{"object":"embedding","index":0,"embedding":[1.50,-2e-3]}],"object":"list","model":"e","usage":{"prompt_tokens":5,"total_tokens":5}}"#
/// );
/// ```
pub fn conform<'a>(
    body: &'a [u8],
    request: &EmbeddingRequestFacts,
) -> Result<Cow<'a, [u8]>, EmbeddingError> {
    let mut edit = Edit::new(body);
    let start = body.iter().position(|byte| !is_space(*byte));
    if start.and_then(|at| body.get(at)) == Some(&b'[') {
        return bare(body, start.unwrap_or_default(), request, edit).map(Cow::Owned);
    }
    let doc = Doc::scan(body).map_err(EmbeddingError::Scan)?;
    let root = &doc.root;
    let holder = HOLDERS
        .into_iter()
        .find_map(|key| Some((key, present(body, root, key)?)));
    let Some((key, holder)) = holder else {
        return Err(EmbeddingError::Missing);
    };
    if key != "data" {
        edit.remove(root, "data");
        edit.rename(root, key, "data");
    }
    list(body, holder, request, &mut edit)?;
    if !is_string(body, root, "object") {
        edit.set(root, "object", b"\"list\"");
    }
    if !is_string(body, root, "model") {
        edit.set(root, "model", &quoted(&request.model));
    }
    usage(body, root, request, &mut edit);
    if edit.is_empty() {
        return Ok(Cow::Borrowed(body));
    }
    edit.finish().map(Cow::Owned).map_err(EmbeddingError::Edit)
}

/// A list with nothing around it.
fn bare(
    body: &[u8],
    start: usize,
    request: &EmbeddingRequestFacts,
    mut edit: Edit<'_>,
) -> Result<Vec<u8>, EmbeddingError> {
    let span = Span {
        start,
        end: body.len(),
    };
    let end = Container::scan(body, span)
        .map_err(EmbeddingError::Scan)?
        .span
        .end;
    let rest = body.get(end..).unwrap_or_default();
    if let Some(at) = rest.iter().position(|byte| !is_space(*byte)) {
        return Err(EmbeddingError::Scan(ScanError {
            offset: end + at,
            message: "trailing characters",
        }));
    }
    list(body, Span { start, end }, request, &mut edit)?;
    let list = edit.finish().map_err(EmbeddingError::Edit)?;
    let mut out = Vec::with_capacity(list.len() + 128);
    out.extend_from_slice(b"{\"object\":\"list\",\"data\":");
    out.extend_from_slice(list.trim_ascii());
    out.extend_from_slice(b",\"model\":");
    out.extend_from_slice(&quoted(&request.model));
    out.extend_from_slice(b",\"usage\":");
    out.extend_from_slice(&counts(&request.estimated_tokens.to_string()));
    out.push(b'}');
    Ok(out)
}

/// Makes a list of embedding objects of whatever holds the vectors.
fn list(
    body: &[u8],
    holder: Span,
    request: &EmbeddingRequestFacts,
    edit: &mut Edit<'_>,
) -> Result<(), EmbeddingError> {
    if holder.kind(body) == b'[' {
        let items = Container::scan(body, holder).map_err(EmbeddingError::Scan)?;
        if let Some(objects) = objects(body, &items)? {
            return complete(body, &objects, request, edit);
        }
    }
    let mut found = Vec::new();
    collect(body, holder, MAX_NESTING, &mut found)?;
    if let Some(expected) = request.inputs
        && expected != found.len()
    {
        let found = found.len();
        return Err(EmbeddingError::Count { expected, found });
    }
    let mut built = Vec::with_capacity(holder.end - holder.start + 64 * found.len());
    built.push(b'[');
    for (index, vector) in found.into_iter().enumerate() {
        if index > 0 {
            built.push(b',');
        }
        built.extend_from_slice(b"{\"object\":\"embedding\",\"index\":");
        built.extend_from_slice(index.to_string().as_bytes());
        built.extend_from_slice(b",\"embedding\":");
        match converted(body, vector, request.encoding_format)? {
            Some(vector) => built.extend_from_slice(&vector),
            None => built.extend_from_slice(vector.of(body)),
        }
        built.push(b'}');
    }
    built.push(b']');
    edit.replace(holder, built);
    Ok(())
}

/// An embedding object, the value of its vector, and the vector itself.
type Object = (Container, Span, Span);

/// The embedding objects of a list; `None` if it holds anything else, or several vectors in one.
fn objects(body: &[u8], list: &Container) -> Result<Option<Vec<Object>>, EmbeddingError> {
    let mut objects = Vec::with_capacity(list.items.len());
    for item in &list.items {
        if item.value.kind(body) != b'{' {
            return Ok(None);
        }
        let object = Container::scan(body, item.value).map_err(EmbeddingError::Scan)?;
        let Some(value) = present(body, &object, "embedding") else {
            return Ok(None);
        };
        let mut found = Vec::new();
        collect(body, value, MAX_NESTING, &mut found)?;
        let [vector] = found[..] else {
            return Ok(None);
        };
        objects.push((object, value, vector));
    }
    Ok(Some(objects))
}

/// Adds what embedding objects lack.
fn complete(
    body: &[u8],
    objects: &[Object],
    request: &EmbeddingRequestFacts,
    edit: &mut Edit<'_>,
) -> Result<(), EmbeddingError> {
    for (index, (object, value, vector)) in objects.iter().enumerate() {
        if !is_string(body, object, "object") {
            edit.set(object, "object", b"\"embedding\"");
        }
        if !is_number(body, object, "index") {
            edit.set(object, "index", index.to_string().as_bytes());
        }
        if let Some(vector) = converted(body, *vector, request.encoding_format)? {
            edit.replace(*value, vector);
        } else if value != vector {
            edit.replace(*value, vector.of(body));
        }
    }
    Ok(())
}

/// Finds the vectors below a value, in order.
fn collect(
    body: &[u8],
    span: Span,
    depth: usize,
    found: &mut Vec<Span>,
) -> Result<(), EmbeddingError> {
    let wrong = EmbeddingError::NotAVector { offset: span.start };
    let Some(depth) = depth.checked_sub(1) else {
        return Err(wrong);
    };
    match span.kind(body) {
        b'"' => found.push(span),
        b'[' if is_vector(body, span) => found.push(span),
        b'[' => {
            let list = Container::scan(body, span).map_err(EmbeddingError::Scan)?;
            for item in &list.items {
                collect(body, item.value, depth, found)?;
            }
        }
        b'{' => {
            let object = Container::scan(body, span).map_err(EmbeddingError::Scan)?;
            let inner = HOLDERS.iter().find_map(|key| present(body, &object, key));
            collect(body, inner.ok_or(wrong)?, depth, found)?;
        }
        _ => return Err(wrong),
    }
    Ok(())
}

/// The vector in the format asked for; `None` if it is in it, or in one that is not known.
fn converted(
    body: &[u8],
    span: Span,
    format: EncodingFormat,
) -> Result<Option<Vec<u8>>, EmbeddingError> {
    let wrong = || EmbeddingError::NotAVector { offset: span.start };
    let is_text = span.kind(body) == b'"';
    match format {
        EncodingFormat::Float if is_text => {
            let text = span.string(body).ok_or_else(wrong)?;
            let bytes = BASE64.decode(&*text).map_err(|_| wrong())?;
            let (floats, []) = bytes.as_chunks::<4>() else {
                return Err(wrong());
            };
            let floats: Vec<f32> = floats
                .iter()
                .map(|four| f32::from_le_bytes(*four))
                .collect();
            if floats.iter().any(|float| !float.is_finite()) {
                return Err(wrong());
            }
            Ok(Some(proxai_json::to_vec(&floats)))
        }
        EncodingFormat::Base64 if !is_text => {
            let list = Container::scan(body, span).map_err(EmbeddingError::Scan)?;
            let mut bytes = Vec::with_capacity(list.items.len() * 4);
            for item in &list.items {
                let float = std::str::from_utf8(item.value.of(body))
                    .ok()
                    .and_then(|number| number.parse::<f32>().ok())
                    .filter(|float| float.is_finite())
                    .ok_or_else(wrong)?;
                bytes.extend_from_slice(&float.to_le_bytes());
            }
            Ok(Some(quoted(&BASE64.encode(bytes))))
        }
        _ => Ok(None),
    }
}

/// Adds the counts that usage lacks.
fn usage(body: &[u8], root: &Container, request: &EmbeddingRequestFacts, edit: &mut Edit<'_>) {
    let usage = root.child(body, "usage");
    let usage = usage.filter(|usage| usage.span.kind(body) == b'{');
    let count = |object: &Container, key| {
        is_number(body, object, key)
            .then(|| object.value(body, key))
            .flatten()
            .map(|span| String::from_utf8_lossy(span.of(body)).into_owned())
    };
    let known = |usage: &Container| count(usage, "prompt_tokens").or(count(usage, "total_tokens"));
    let tokens = (usage.as_ref().and_then(known))
        .or_else(|| COUNTS.iter().find_map(|key| count(root, key)))
        .unwrap_or_else(|| request.estimated_tokens.to_string());
    let Some(usage) = usage else {
        return edit.set(root, "usage", &counts(&tokens));
    };
    for key in ["prompt_tokens", "total_tokens"] {
        if !is_number(body, &usage, key) {
            edit.set(&usage, key, tokens.as_bytes());
        }
    }
}

fn counts(tokens: &str) -> Vec<u8> {
    format!("{{\"prompt_tokens\":{tokens},\"total_tokens\":{tokens}}}").into_bytes()
}

/// Whether a list has numbers only. The body has been scanned, so anything else in it begins with
/// one of these bytes; a list of nothing counts as a list of vectors.
fn is_vector(body: &[u8], span: Span) -> bool {
    let inner = span.of(body).get(1..).unwrap_or_default();
    inner.iter().any(u8::is_ascii_digit)
        && !inner
            .iter()
            .any(|byte| matches!(byte, b'[' | b'{' | b'"' | b't' | b'f' | b'n'))
}

/// A member that is there and not null.
fn present(body: &[u8], object: &Container, key: &str) -> Option<Span> {
    object
        .value(body, key)
        .filter(|span| span.kind(body) != b'n')
}

fn is_string(body: &[u8], object: &Container, key: &str) -> bool {
    object
        .value(body, key)
        .is_some_and(|span| span.kind(body) == b'"')
}

fn is_number(body: &[u8], object: &Container, key: &str) -> bool {
    object
        .value(body, key)
        .is_some_and(|span| matches!(span.kind(body), b'-' | b'0'..=b'9'))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// A string as JSON.
fn quoted(text: &str) -> Vec<u8> {
    proxai_json::to_vec(text)
}
