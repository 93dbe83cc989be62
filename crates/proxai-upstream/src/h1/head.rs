//! Heads: a request's is written, an answer's is read.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING,
};
use http::{Method, Request, Response, StatusCode, Version};
use smallvec::SmallVec;

use super::H1Error;
use super::chunked::Chunked;

/// Headers of an answer; vendors send below 40.
const MAX_HEADERS: usize = 128;

/// An answer's head, all of it.
pub(super) const MAX_HEAD: usize = 256 << 10;

/// How the length of an answer's body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// This many bytes are to come.
    Length(u64),
    /// In chunks.
    Chunked(Chunked),
    /// Until the connection is closed.
    UntilClose,
}

/// An answer without its body.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) response: Response<()>,
    pub(super) framing: Framing,
    /// The connection may be used again.
    pub(super) keep_alive: bool,
}

/// Writes a request's head.
pub(super) fn write(request: &Request<Bytes>, out: &mut Vec<u8>) {
    out.extend_from_slice(request.method().as_str().as_bytes());
    out.push(b' ');
    let target = request.uri().path_and_query();
    out.extend_from_slice(target.map_or("/", |target| target.as_str()).as_bytes());
    out.extend_from_slice(b" HTTP/1.1\r\n");
    if !request.headers().contains_key(HOST) {
        let authority = request.uri().authority();
        header(
            out,
            b"host",
            authority.map_or("", |a| a.as_str()).as_bytes(),
        );
    }
    for (name, value) in request.headers() {
        if *name != CONTENT_LENGTH && *name != TRANSFER_ENCODING && *name != CONNECTION {
            header(out, name.as_str().as_bytes(), value.as_bytes());
        }
    }
    let length = request.body().len();
    let bodiless = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::DELETE
    );
    if length > 0 || !bodiless {
        header(out, b"content-length", length.to_string().as_bytes());
    }
    out.extend_from_slice(b"\r\n");
}

fn header(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Takes an answer's head from the buffer if it is complete. Interim answers are skipped.
pub(super) fn read(method: &Method, buffer: &mut BytesMut) -> Result<Option<Head>, H1Error> {
    loop {
        let Some((status, version, fields, length)) = parse(buffer)? else {
            return if buffer.len() > MAX_HEAD {
                Err(H1Error::Protocol("the head of the answer is too long"))
            } else {
                Ok(None)
            };
        };
        let head = buffer.split_to(length).freeze();
        if status.is_informational() {
            if status == StatusCode::SWITCHING_PROTOCOLS {
                return Err(H1Error::Protocol("the upstream switches protocols"));
            }
            continue;
        }
        let mut headers = HeaderMap::with_capacity(fields.len());
        for [name_start, name_end, start, end] in fields {
            let name = HeaderName::from_bytes(&head[name_start..name_end])
                .map_err(|_| H1Error::Protocol("a header has no valid name"))?;
            // Shares the head's bytes.
            let value = HeaderValue::from_maybe_shared(head.slice(start..end))
                .map_err(|_| H1Error::Protocol("a header has no valid value"))?;
            headers.append(name, value);
        }
        let framing = framing(method, status, &headers)?;
        let says = |word: &str| {
            headers.get_all(CONNECTION).iter().any(|value| {
                value.to_str().is_ok_and(|value| {
                    value
                        .split(',')
                        .any(|token| token.trim().eq_ignore_ascii_case(word))
                })
            })
        };
        let keep_alive = framing != Framing::UntilClose
            && if version == Version::HTTP_11 {
                !says("close")
            } else {
                says("keep-alive")
            };
        let mut response = Response::new(());
        *response.status_mut() = status;
        *response.version_mut() = version;
        *response.headers_mut() = headers;
        return Ok(Some(Head {
            response,
            framing,
            keep_alive,
        }));
    }
}

/// Where name and value of each header lie.
type Fields = SmallVec<[[usize; 4]; 24]>;

fn parse(buffer: &[u8]) -> Result<Option<(StatusCode, Version, Fields, usize)>, H1Error> {
    let mut headers = [const { MaybeUninit::uninit() }; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut []);
    let parser = httparse::ParserConfig::default();
    let length = match parser.parse_response_with_uninit_headers(&mut parsed, buffer, &mut headers)
    {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(H1Error::Protocol("the answer has too many headers"));
        }
        Err(_) => return Err(H1Error::Protocol("the answer does not begin like HTTP/1")),
    };
    let origin = buffer.as_ptr() as usize;
    let place = |part: &[u8]| {
        let start = part.as_ptr() as usize - origin;
        (start, start + part.len())
    };
    let fields = parsed
        .headers
        .iter()
        .map(|header| {
            let (name_start, name_end) = place(header.name.as_bytes());
            let (start, end) = place(header.value);
            [name_start, name_end, start, end]
        })
        .collect();
    let status = StatusCode::from_u16(parsed.code.unwrap_or_default())
        .map_err(|_| H1Error::Protocol("the answer has no valid status"))?;
    let version = if parsed.version == Some(1) {
        Version::HTTP_11
    } else {
        Version::HTTP_10
    };
    Ok(Some((status, version, fields, length)))
}

/// RFC 9112, section 6.3.
fn framing(method: &Method, status: StatusCode, headers: &HeaderMap) -> Result<Framing, H1Error> {
    if *method == Method::HEAD
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED
    {
        return Ok(Framing::Length(0));
    }
    if let Some(coding) = headers.get_all(TRANSFER_ENCODING).iter().next_back() {
        let last = coding.to_str().unwrap_or_default().rsplit(',').next();
        return match last.map(str::trim) {
            Some(last) if last.eq_ignore_ascii_case("chunked") => {
                Ok(Framing::Chunked(Chunked::default()))
            }
            _ => Ok(Framing::UntilClose),
        };
    }
    let mut length = None;
    for value in headers.get_all(CONTENT_LENGTH) {
        for text in value.to_str().unwrap_or("?").split(',') {
            let text = text.trim();
            let stated: u64 = match text.parse() {
                Ok(stated) if text.bytes().all(|byte| byte.is_ascii_digit()) => stated,
                _ => return Err(H1Error::Protocol("the answer has no valid length")),
            };
            if length.is_some_and(|length| length != stated) {
                return Err(H1Error::Protocol("the answer has two lengths"));
            }
            length = Some(stated);
        }
    }
    Ok(length.map_or(Framing::UntilClose, Framing::Length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(wire: &str) -> Result<Option<Head>, H1Error> {
        read(&Method::POST, &mut BytesMut::from(wire))
    }

    #[test]
    fn the_length_of_a_body_is_known_as_the_standard_says() {
        for (fields, framing, keep_alive) in [
            ("content-length: 5\r\n", Framing::Length(5), true),
            (
                "content-length: 5\r\nconnection: Close\r\n",
                Framing::Length(5),
                false,
            ),
            ("content-length: 5, 5\r\n", Framing::Length(5), true),
            (
                "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
                Framing::Chunked(Chunked::Size),
                true,
            ),
            ("transfer-encoding: gzip\r\n", Framing::UntilClose, false),
            ("", Framing::UntilClose, false),
        ] {
            let head = head(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"))
                .unwrap()
                .unwrap();
            assert_eq!(
                (head.framing, head.keep_alive),
                (framing, keep_alive),
                "{fields}"
            );
        }
        for fields in [
            "content-length: 5\r\ncontent-length: 6\r\n",
            "content-length: +5\r\n",
        ] {
            assert!(
                head(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n")).is_err(),
                "{fields}"
            );
        }
    }

    #[test]
    fn interim_answers_are_skipped_and_the_rest_stays_in_the_buffer() {
        let wire = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\na: b\r\n\r\nHTTP/1.1 429 X\r\nRetry-After: 3\r\ncontent-length: 2\r\n\r\n{}";
        let mut buffer = BytesMut::from(wire);
        let head = read(&Method::POST, &mut buffer).unwrap().unwrap();
        assert_eq!(head.response.status(), 429);
        assert_eq!(head.response.headers()["retry-after"], "3");
        assert_eq!(&buffer[..], b"{}");
        for end in 0..wire.len() - 2 {
            assert!(
                read(&Method::POST, &mut BytesMut::from(&wire[..end]))
                    .unwrap()
                    .is_none()
            );
        }
    }

    #[test]
    fn a_request_has_one_length_and_names_its_host() {
        let mut request = Request::post("http://up.test:81/v1/x?a=b")
            .header("content-length", "99")
            .header("x-a", "1")
            .body(Bytes::from_static(b"{}"))
            .unwrap();
        let mut out = Vec::new();
        write(&request, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "POST /v1/x?a=b HTTP/1.1\r\nhost: up.test:81\r\nx-a: 1\r\ncontent-length: 2\r\n\r\n"
        );
        *request.method_mut() = Method::GET;
        *request.body_mut() = Bytes::new();
        let mut out = Vec::new();
        write(&request, &mut out);
        assert!(!String::from_utf8(out).unwrap().contains("content-length"));
    }
}
