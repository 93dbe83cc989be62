//! What proxai itself writes into a stream that it otherwise forwards: errors and keep-alives.

use bytes::BytesMut;
use proxai_ir::Failure;
use proxai_json::{Doc, Edit};
use proxai_sse::encode;
use proxai_types::Protocol;

use crate::answer::seen::Seen;

/// Ends a stream with the error of its dialect, open items first (S3). `name` is the client's of the
/// model, where the upstream knows it by another (T12).
pub(crate) fn failure(
    protocol: Protocol,
    seen: &Seen,
    name: Option<&str>,
    failure: &Failure,
    request_id: &str,
    out: &mut BytesMut,
) {
    let body = proxai_translate::encode_failure(protocol, failure, request_id);
    match protocol {
        Protocol::Chat => encode::raw(out, None, &body),
        Protocol::Messages => {
            if let Some(index) = &seen.open_block {
                let mut stop = br#"{"type":"content_block_stop","index":"#.to_vec();
                stop.extend_from_slice(index);
                stop.push(b'}');
                encode::raw(out, Some("content_block_stop"), &stop);
            }
            encode::raw(out, Some("error"), &body);
        }
        Protocol::Responses => {
            let mut event = br#"{"type":"response.failed","sequence_number":"#.to_vec();
            event.extend_from_slice((seen.sequence + 1).to_string().as_bytes());
            event.extend_from_slice(br#","response":"#);
            event.extend_from_slice(&failed_response(seen.head.as_deref(), name, failure));
            event.push(b'}');
            encode::raw(out, Some("response.failed"), &event);
        }
    }
}

/// The response object that the stream began with, now failed. Agents read the reason from its
/// `error` and ignore a bare `error` event.
fn failed_response(head: Option<&[u8]>, name: Option<&str>, failure: &Failure) -> Vec<u8> {
    const NOTHING: &[u8] = br#"{"response":{"id":"","object":"response","output":[]}}"#;
    #[derive(serde::Serialize)]
    struct Error<'a> {
        code: &'a str,
        message: &'a str,
    }
    let error = proxai_json::to_vec(&Error {
        code: failure.code.as_deref().unwrap_or("server_error"),
        message: &failure.message,
    });
    let rewritten = |body: &[u8]| {
        let response = Doc::scan(body).ok()?.child("response")?;
        let body = response.span.of(body);
        let doc = Doc::scan(body).ok()?;
        let mut edit = Edit::new(body);
        edit.set(&doc.root, "status", br#""failed""#);
        edit.set(&doc.root, "error", &error);
        if let Some(name) = name.filter(|_| doc.get("model").is_some()) {
            edit.set(&doc.root, "model", &proxai_json::to_vec(name));
        }
        edit.finish().ok()
    };
    head.and_then(rewritten)
        .or_else(|| rewritten(NOTHING))
        .unwrap_or_default()
}

/// Tells the client that a silent stream lives (S4).
pub(crate) fn keepalive(protocol: Protocol, seen: &Seen, out: &mut BytesMut) {
    match protocol {
        Protocol::Chat => encode::comment(out, "keep-alive"),
        Protocol::Messages => encode::raw(out, Some("ping"), br#"{"type":"ping"}"#),
        // A comment resets no timer of an agent that counts events. The number is that of the
        // last event: those that follow are the upstream's and go on from there.
        Protocol::Responses => {
            let event = format!(
                r#"{{"type":"keepalive","sequence_number":{}}}"#,
                seen.sequence
            );
            encode::raw(out, Some("keepalive"), event.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxai_ir::FailureKind;

    #[test]
    fn a_failed_response_keeps_its_id_and_tells_why() {
        let seen = Seen {
            head: Some(
                br#"{"response":{"id":"resp_7","status":"in_progress","error":null}}"#
                    .as_slice()
                    .into(),
            ),
            sequence: 4,
            ..Seen::default()
        };
        let failed = Failure::new(FailureKind::BadUpstream, "cut").with_code("upstream_stream_cut");
        let mut out = BytesMut::new();
        failure(Protocol::Responses, &seen, None, &failed, "req_1", &mut out);
        assert_eq!(
            out,
            "event: response.failed\ndata: {\"type\":\"response.failed\",\"sequence_number\":5,\"response\":{\"id\":\"resp_7\",\"status\":\"failed\",\"error\":{\"code\":\"upstream_stream_cut\",\"message\":\"cut\"}}}\n\n"
        );
        let bare = failed_response(None, Some("m"), &failed);
        assert!(Doc::scan(&bare).unwrap().get("error").is_some());
    }

    #[test]
    fn an_open_block_is_closed_before_the_error() {
        let seen = Seen {
            open_block: Some(b"3".as_slice().into()),
            ..Seen::default()
        };
        let mut out = BytesMut::new();
        failure(
            Protocol::Messages,
            &seen,
            None,
            &Failure::new(FailureKind::Overloaded, "busy"),
            "req_1",
            &mut out,
        );
        let text = std::str::from_utf8(&out).unwrap();
        let stop = text
            .find(r#"{"type":"content_block_stop","index":3}"#)
            .unwrap();
        assert!(stop < text.find("event: error").unwrap());
    }
}
