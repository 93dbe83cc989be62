//! Images and documents that a request names by URL, for upstreams that take only data (Z3, case
//! 81). The rules about addresses have their tests beside them; here is what a client sees.

use proxai_testkit::upstream::{Reply, Upstream};
use serde_json::{Value, json};

use crate::harness::{CHAT, MESSAGES, RESPONSES, Running, one};
use crate::quirks::{answer, says};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\npixels";
const PNG_BASE64: &str = "iVBORw0KGgpwaXhlbHM=";
const PDF: &[u8] = b"%PDF-1.7 report";
const PDF_BASE64: &str = "JVBERi0xLjcgcmVwb3J0";
const ONLY_DATA: &str = "quirks = { image_urls = false, file_urls = false }\n";

fn authority(server: &Upstream) -> String {
    let base = server.base_url();
    let rest = base.strip_prefix("http://").unwrap();
    rest.strip_suffix("/v1").unwrap().to_owned()
}

async fn files(body: &'static [u8]) -> Upstream {
    let files = Upstream::start().await;
    files.will(Reply::new("text/html", vec![body.into()]));
    files
}

/// A gateway that may fetch from `files`.
fn fetching(upstream: &Upstream, protocol: &str, files: &Upstream, quirks: &str) -> Running {
    let section = format!(
        "[fetch]\nenabled = true\ninternal_hosts = [\"{}\"]\n",
        authority(files)
    );
    Running::start(&format!("{}{quirks}", one(upstream, protocol, &section)))
}

/// A request with an image by URL in each protocol: its path, its body, where the URL stands.
fn with_image(url: &str) -> [(&'static str, Value, &'static str); 3] {
    [
        (
            "/v1/chat/completions",
            json!({"model": "up/m", "messages": [{"role": "user", "content": [
                {"type": "text", "text": "what is this"},
                {"type": "image_url", "image_url": {"url": url}},
            ]}]}),
            "messages[0].content[1].image_url.url",
        ),
        (
            "/v1/responses",
            json!({"model": "up/m", "input": [{"role": "user", "content": [
                {"type": "input_text", "text": "what is this"},
                {"type": "input_image", "detail": "auto", "image_url": url},
            ]}]}),
            "input[0].content[1].image_url",
        ),
        (
            "/v1/messages",
            json!({"model": "up/m", "max_tokens": 64, "messages": [{"role": "user", "content": [
                {"type": "text", "text": "what is this"},
                {"type": "image", "source": {"type": "url", "url": url}},
            ]}]}),
            "messages[0].content[1].source.url",
        ),
    ]
}

#[tokio::test]
async fn nothing_is_fetched_unless_it_is_switched_on_and_the_refusal_says_where_and_how() {
    let files = files(PNG).await;
    let url = format!("http://{}/a.png", authority(&files));
    for protocol in [CHAT, RESPONSES, MESSAGES] {
        let upstream = Upstream::start().await;
        let gateway = Running::start(&format!("{}{ONLY_DATA}", one(&upstream, protocol, "")));
        for (path, body, place) in with_image(&url) {
            let got = gateway.post(path, body.to_string()).await;
            assert_eq!(got.status, 400, "{path} to {protocol}: {}", got.text());
            assert!(says(&got, place) && says(&got, "[fetch]"), "{}", got.text());
        }
        assert!(upstream.received().is_empty());
    }
    assert!(files.received().is_empty());
}

#[tokio::test]
async fn a_url_passes_where_the_upstream_takes_urls() {
    let files = files(PNG).await;
    let url = format!("http://{}/a.png", authority(&files));
    for protocol in [CHAT, RESPONSES, MESSAGES] {
        let upstream = Upstream::start().await;
        upstream.will(Reply::json(answer(protocol)));
        let gateway = fetching(&upstream, protocol, &files, "");
        for (path, body, _) in with_image(&url) {
            let got = gateway.post(path, body.to_string()).await;
            assert_eq!(got.status, 200, "{path} to {protocol}: {}", got.text());
            let sent = String::from_utf8(upstream.last().body.to_vec()).unwrap();
            assert!(sent.contains(&url), "{path} to {protocol}: {sent}");
        }
    }
    assert!(files.received().is_empty());
}

#[tokio::test]
async fn an_image_is_fetched_for_upstreams_that_take_only_data_from_clients_of_every_protocol() {
    let files = files(PNG).await;
    let url = format!("http://{}/a.png", authority(&files));
    for protocol in [CHAT, RESPONSES, MESSAGES] {
        let upstream = Upstream::start().await;
        upstream.will(Reply::json(answer(protocol)));
        let gateway = fetching(&upstream, protocol, &files, ONLY_DATA);
        for (path, body, _) in with_image(&url) {
            let got = gateway
                .client()
                .await
                .post(
                    path,
                    &[("authorization", "Bearer sk-client")],
                    body.to_string(),
                )
                .await;
            assert_eq!(got.status, 200, "{path} to {protocol}: {}", got.text());
            assert!(says(&got, "hello"), "{}", got.text());
            // Nothing is lost by it.
            let losses = got.header("x-proxai-loss");
            assert!(
                !losses.contains("content"),
                "{path} to {protocol}: {losses}"
            );
            let sent = String::from_utf8(upstream.last().body.to_vec()).unwrap();
            assert!(!sent.contains(&url), "{path} to {protocol}: {sent}");
            let held = if protocol == MESSAGES {
                format!(r#""media_type":"image/png","data":"{PNG_BASE64}""#)
            } else {
                format!(r#""data:image/png;base64,{PNG_BASE64}""#)
            };
            assert!(sent.contains(&held), "{path} to {protocol}: {sent}");
        }
    }
    let asked = files.received();
    // Once per gateway: an agent sends its history again and again.
    assert_eq!(asked.len(), 3);
    for request in asked {
        assert_eq!(
            (request.method.as_str(), &*request.target),
            ("GET", "/a.png")
        );
        assert_eq!(request.header("authorization"), "");
        assert!(request.body.is_empty());
    }
}

#[tokio::test]
async fn within_one_protocol_only_the_url_changes() {
    let files = files(PNG).await;
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(answer(CHAT)));
    let gateway = fetching(&upstream, CHAT, &files, ONLY_DATA);
    let body = |url: &str| {
        format!(
            "{{ \"odd\" : 1.50,\"model\":\"m\", \"messages\":[ {{\"role\":\"user\",\"content\":[ {{\"type\":\"image_url\", \"image_url\":{{\"detail\":\"low\",\"url\": \"{url}\"}} }} ]}} ] }}"
        )
    };
    let url = format!("http://{}/a.png", authority(&files));
    let got = gateway.post("/v1/chat/completions", body(&url)).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let data = format!("data:image/png;base64,{PNG_BASE64}");
    assert_eq!(upstream.last().body, body(&data));
    assert_eq!(got.text(), answer(CHAT));
}

#[tokio::test]
async fn a_document_is_fetched_also_where_the_protocol_has_no_place_for_its_url() {
    let files = files(PDF).await;
    let url = format!("http://{}/report.pdf", authority(&files));
    for (protocol, quirks, held) in [
        (
            CHAT,
            "",
            format!("data:application/pdf;base64,{PDF_BASE64}"),
        ),
        (MESSAGES, ONLY_DATA, format!(r#""data":"{PDF_BASE64}""#)),
        (
            RESPONSES,
            ONLY_DATA,
            format!(r#""file_data":"data:application/pdf;base64,{PDF_BASE64}""#),
        ),
    ] {
        let upstream = Upstream::start().await;
        upstream.will(Reply::json(answer(protocol)));
        let gateway = fetching(&upstream, protocol, &files, quirks);
        for (path, body) in [
            (
                "/v1/responses",
                json!({"model": "up/m", "input": [{"role": "user", "content": [{"type": "input_file", "file_url": url}]}]}),
            ),
            (
                "/v1/messages",
                json!({"model": "up/m", "max_tokens": 9, "messages": [{"role": "user", "content": [{"type": "document", "source": {"type": "url", "url": url}}]}]}),
            ),
        ] {
            let got = gateway.post(path, body.to_string()).await;
            assert_eq!(got.status, 200, "{path} to {protocol}: {}", got.text());
            let sent = String::from_utf8(upstream.last().body.to_vec()).unwrap();
            assert!(sent.contains(&held), "{path} to {protocol}: {sent}");
            assert!(!sent.contains(&url), "{path} to {protocol}: {sent}");
        }
    }
}

#[tokio::test]
async fn markers_in_text_become_fetched_images() {
    let files = files(PNG).await;
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(answer(CHAT)));
    let quirks = "quirks = { image_urls = false, vision_markers = true }\n";
    let gateway = fetching(&upstream, CHAT, &files, quirks);
    let text = format!("see [IMAGE:http://{}/a.png] there", authority(&files));
    let body =
        json!({"model": "up/m", "max_tokens": 9, "messages": [{"role": "user", "content": text}]});
    let got = gateway.post("/v1/messages", body.to_string()).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let sent: Value = serde_json::from_slice(&upstream.last().body).unwrap();
    assert_eq!(
        sent["messages"][0]["content"][1]["image_url"]["url"],
        format!("data:image/png;base64,{PNG_BASE64}")
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_had_refuses_the_request_and_tells_nothing_of_the_network() {
    let secret = files(PNG).await;
    let files = files(b"<html>sign in</html>").await;
    let upstream = Upstream::start().await;
    let gateway = fetching(&upstream, CHAT, &files, ONLY_DATA);
    let inside = authority(&secret);
    let port = inside.rsplit(':').next().unwrap();
    let own = authority(&files);
    for (url, why) in [
        (format!("http://{inside}/a.png"), "only https"),
        (format!("https://{inside}/a.png"), "port"),
        ("https://127.0.0.1/a.png".to_owned(), "public internet"),
        ("https://[::ffff:127.0.0.1]/a".to_owned(), "public internet"),
        (
            "https://169.254.169.254/latest/".to_owned(),
            "public internet",
        ),
        ("https://localhost/a.png".to_owned(), "public internet"),
        (format!("http://2130706433:{port}/a.png"), "usual way"),
        (format!("http://{own}@{inside}/a.png"), "user information"),
        (format!("http://{own}/a.png"), "neither a picture nor a PDF"),
    ] {
        for (path, body, place) in with_image(&url) {
            let got = gateway.post(path, body.to_string()).await;
            assert_eq!(got.status, 400, "{url}: {}", got.text());
            assert!(
                says(&got, place) && says(&got, why),
                "{url}: {}",
                got.text()
            );
        }
    }
    assert!(secret.received().is_empty() && upstream.received().is_empty());
}

#[tokio::test]
async fn files_are_counted_and_so_is_what_becomes_of_the_request() {
    let files = files(PNG).await;
    let upstream = Upstream::start().await;
    upstream.will(Reply::json(answer(CHAT)));
    let section = format!(
        "[server]\nmax_request_body_bytes = 400\n[fetch]\nenabled = true\nmax_files = 2\ninternal_hosts = [\"{}\"]\n",
        authority(&files)
    );
    let gateway = Running::start(&format!("{}{ONLY_DATA}", one(&upstream, CHAT, &section)));
    let ask = async |names: &[&str]| {
        let parts: Vec<Value> = names
            .iter()
            .map(|name| json!({"image_url": {"url": format!("http://{}/{name}", authority(&files))}}))
            .collect();
        let body = json!({"model": "up/m", "messages": [{"role": "user", "content": parts}]});
        gateway.post("/v1/chat/completions", body.to_string()).await
    };
    let got = ask(&["a", "b", "a"]).await;
    assert_eq!(got.status, 200, "{}", got.text());
    let got = ask(&["a", "b", "c"]).await;
    assert_eq!(got.status, 400, "{}", got.text());
    assert!(says(&got, "too_many_files") && says(&got, "messages[0].content[2]"));
    let got = ask(&["a", "b", "a", "b", "a"]).await;
    assert_eq!(got.status, 413, "{}", got.text());
    assert_eq!(files.received().len(), 2);
}
