//! The endpoints of the admin listener (E6).
//!
//! Only answers requests whose `Host` is an address or `localhost`: a web page that a name was
//! rebound to cannot talk to it (Z6).

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderValue, ORIGIN};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;

use crate::metrics;
use crate::state::State;

/// Answers one request.
pub(crate) fn answer<B>(state: &State, request: &Request<B>) -> Response<Full<Bytes>> {
    if !trusted(request) {
        return text(
            StatusCode::FORBIDDEN,
            "the admin listener answers to an IP address or localhost only\n",
        );
    }
    let path = request.uri().path();
    let get = matches!(*request.method(), Method::GET | Method::HEAD);
    match (path, get) {
        ("/healthz", true) => text(StatusCode::OK, "ok\n"),
        ("/readyz", true) => match state.not_ready() {
            None => text(StatusCode::OK, "ready\n"),
            Some(reason) => text(StatusCode::SERVICE_UNAVAILABLE, reason),
        },
        ("/metrics", true) => {
            let page = metrics::render(&state.gateway);
            let mut response = Response::new(Full::new(Bytes::from(page)));
            let kind = HeaderValue::from_static(metrics::CONTENT_TYPE);
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        }
        ("/healthz" | "/readyz" | "/metrics", false) => {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "use GET\n");
            response
                .headers_mut()
                .insert(http::header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            response
        }
        _ => text(StatusCode::NOT_FOUND, "there is nothing here\n"),
    }
}

fn trusted<B>(request: &Request<B>) -> bool {
    let local = |authority: &str| {
        let host = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => authority,
        };
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        bare.eq_ignore_ascii_case("localhost") || bare.parse::<std::net::IpAddr>().is_ok()
    };
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok())
        .or_else(|| request.uri().authority().map(http::uri::Authority::as_str));
    // HTTP/1.0 probes send none, and no browser speaks that.
    let host_fits = host.is_none_or(local);
    let origin_fits = request.headers().get(ORIGIN).is_none_or(|origin| {
        origin
            .to_str()
            .ok()
            .and_then(|origin| origin.split_once("://"))
            .is_some_and(|(_, authority)| local(authority))
    });
    host_fits && origin_fits
}

fn text(status: StatusCode, body: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_rebound_is_not_answered() {
        for (host, origin, expected) in [
            ("127.0.0.1:18081", "", true),
            ("[::1]:18081", "", true),
            ("localhost", "http://localhost:18081", true),
            ("evil.example:18081", "", false),
            ("127.0.0.1", "http://evil.example", false),
        ] {
            let mut request = Request::builder().header(HOST, host);
            if !origin.is_empty() {
                request = request.header(ORIGIN, origin);
            }
            assert_eq!(
                trusted(&request.body(()).unwrap()),
                expected,
                "{host} {origin}"
            );
        }
    }
}
