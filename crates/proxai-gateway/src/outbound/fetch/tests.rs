//! The fetcher against servers on this machine, with a resolver that says what the test wants.

use std::collections::VecDeque;
use std::sync::Mutex;

use proxai_testkit::upstream::{Ending, Reply, Upstream};

use super::*;

/// Answers from a list, one after the other; an empty list is no address.
#[derive(Debug)]
struct Scripted(Mutex<VecDeque<Vec<IpAddr>>>);

impl Scripted {
    fn new(answers: &[&[&str]]) -> Self {
        let parse = |list: &&[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        Self(Mutex::new(answers.iter().map(parse).collect()))
    }
}

impl Resolve for Scripted {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        let next = self.0.lock().unwrap().pop_front();
        Box::pin(async move { next.ok_or_else(|| io::Error::other("asked once too often")) })
    }
}

const PNG: &[u8] = b"\x89PNG\r\n\x1a\npixels";

fn options(internal: &[String]) -> FetchOptions {
    FetchOptions {
        rules: FetchRules {
            internal_hosts: internal.to_vec(),
            ..FetchRules::default()
        },
        max_bytes: 64,
        max_files: 4,
        timeout: Duration::from_secs(5),
        max_redirects: 2,
    }
}

/// A server on this machine, and its authority.
async fn server(reply: Reply) -> (Upstream, String) {
    let server = Upstream::start().await;
    server.will(reply);
    let authority = server.base_url();
    let authority = authority
        .strip_prefix("http://")
        .and_then(|rest| rest.strip_suffix("/v1"));
    let authority = authority.unwrap().to_owned();
    (server, authority)
}

/// A redirect; the text lives as long as the test.
fn redirect_to(location: &str) -> Reply {
    let location = Box::leak(location.to_owned().into_boxed_str());
    Reply::new("text/html", vec![])
        .status(302)
        .header("location", location)
}

fn picture() -> Reply {
    Reply::new("application/octet-stream", vec![PNG.into()])
}

async fn image(fetcher: &Fetcher, url: &str) -> Result<Fetched, String> {
    let fetched = fetcher.get(url, MediaKind::Image).await;
    fetched.map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_picture_comes_with_the_type_of_its_bytes_and_nothing_of_the_client_is_sent() {
    let (server, authority) = server(picture()).await;
    let fetcher = Fetcher::new(options(std::slice::from_ref(&authority)));
    let fetched = image(&fetcher, &format!("http://{authority}/a.txt?b=c")).await;
    let fetched = fetched.unwrap();
    assert_eq!((fetched.media_type, &*fetched.bytes), ("image/png", PNG));
    let asked = server.last();
    assert_eq!(
        (asked.method.as_str(), asked.target.as_str()),
        ("GET", "/a.txt?b=c")
    );
    let mut sent: Vec<&str> = asked.headers.keys().map(http::HeaderName::as_str).collect();
    sent.sort_unstable();
    assert_eq!(sent, ["accept", "accept-encoding", "host", "user-agent"]);
}

#[tokio::test]
async fn a_name_is_resolved_once_and_connected_to_where_it_was_checked() {
    let (server, authority) = server(picture()).await;
    let port = authority.rsplit(':').next().unwrap();
    let named = format!("img.test:{port}");
    // Asked again it would have no address, or another one.
    let fetcher = Fetcher::with_resolver(
        options(std::slice::from_ref(&named)),
        Box::new(Scripted::new(&[&["127.0.0.1"]])),
    );
    let fetched = image(&fetcher, &format!("http://{named}/a")).await;
    assert!(fetched.is_ok(), "{fetched:?}");
    assert_eq!(server.last().header("host"), named);
}

#[tokio::test]
async fn a_name_that_also_leads_inside_is_not_asked_at_all() {
    let (server, authority) = server(picture()).await;
    let port = authority.rsplit(':').next().unwrap();
    let mut options = options(&[]);
    options.rules.hosts = vec![format!("img.example:{port}")];
    options.rules.allow_http = true;
    for addresses in [
        &["127.0.0.1"][..],
        &["93.184.216.34", "127.0.0.1"],
        &["::ffff:127.0.0.1"],
        &["169.254.169.254"],
        &[],
    ] {
        let fetcher =
            Fetcher::with_resolver(options.clone(), Box::new(Scripted::new(&[addresses])));
        let refused = image(&fetcher, &format!("http://img.example:{port}/a")).await;
        assert_eq!(
            refused,
            Err("its host is not on the public internet".to_owned()),
            "{addresses:?}"
        );
    }
    assert!(server.received().is_empty());
}

#[tokio::test]
async fn redirects_go_through_the_same_checks_each_time() {
    let (inside, elsewhere) = server(picture()).await;
    for (location, expected) in [
        ("/b?x=1".to_owned(), Ok(())),
        (
            format!("http://{elsewhere}/secret"),
            Err("only https is fetched here"),
        ),
        (
            "https://169.254.169.254/latest/meta-data".to_owned(),
            Err("its host is not on the public internet"),
        ),
        (
            "https://[::ffff:10.0.0.1]/".to_owned(),
            Err("its host is not on the public internet"),
        ),
        (
            "file:///etc/passwd".to_owned(),
            Err("it is no absolute http or https URL"),
        ),
        (
            "https://user:secret@a.example/".to_owned(),
            Err("it holds user information before `@`"),
        ),
    ] {
        let (first, authority) = server(redirect_to(&location)).await;
        first.will(picture());
        let fetcher = Fetcher::new(options(std::slice::from_ref(&authority)));
        let got = image(&fetcher, &format!("http://{authority}/a")).await;
        let got = got.map(drop);
        assert_eq!(got, expected.map_err(str::to_owned), "{location}");
        let asked = first.received();
        assert_eq!(asked.len(), if expected.is_ok() { 2 } else { 1 });
        assert_eq!(asked.last().unwrap().header("referer"), "");
    }
    assert!(inside.received().is_empty());
}

#[tokio::test]
async fn redirects_end() {
    let (server, authority) = server(redirect_to("/again")).await;
    let fetcher = Fetcher::new(options(std::slice::from_ref(&authority)));
    let got = image(&fetcher, &format!("http://{authority}/a")).await;
    assert_eq!(got, Err("it redirects more than 2 times".to_owned()));
    assert_eq!(server.received().len(), 3);
}

#[tokio::test]
async fn size_is_counted_while_reading_and_believed_where_it_is_announced() {
    let piece = || Bytes::from(vec![0; 40]);
    let announced = Reply::new("image/png", vec![Bytes::from(vec![0; 65])]);
    // Says no length and never ends.
    let endless = Reply::new("image/png", vec![piece(), piece()]).ending(Ending::Hang);
    for reply in [announced, endless] {
        let (_server, authority) = server(reply).await;
        let fetcher = Fetcher::new(options(std::slice::from_ref(&authority)));
        let got = image(&fetcher, &format!("http://{authority}/a")).await;
        assert_eq!(got, Err("it is larger than 64 bytes".to_owned()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_does_not_finish_is_not_waited_for() {
    let (_server, authority) =
        server(Reply::new("image/png", vec![PNG.into()]).ending(Ending::Hang)).await;
    let mut options = options(std::slice::from_ref(&authority));
    // Below the limit for connecting, as this clock runs whenever nothing else does.
    options.timeout = Duration::from_secs(4);
    let got = image(&Fetcher::new(options), &format!("http://{authority}/a")).await;
    assert_eq!(got, Err("it was not there within 4 s".to_owned()));
}

#[tokio::test]
async fn what_was_fetched_lately_is_not_fetched_again() {
    let (server, authority) = server(picture()).await;
    let fetcher = Fetcher::new(options(std::slice::from_ref(&authority)));
    for (path, count) in [("a", 1), ("a", 1), ("b", 2), ("a", 2)] {
        let url = format!("http://{authority}/{path}");
        assert!(image(&fetcher, &url).await.is_ok());
        assert_eq!(server.received().len(), count, "{path}");
    }
    let url = format!("http://{authority}/a");
    let got = fetcher.get(&url, MediaKind::Document).await.unwrap_err();
    assert_eq!(got.to_string(), "it is no PDF");
}

#[tokio::test]
async fn only_whole_pictures_and_documents_of_the_right_kind_are_taken() {
    let typed = |media_type, body: &'static [u8]| Reply::new(media_type, vec![body.into()]);
    for (reply, expected) in [
        (
            typed("image/png", b"<html>intranet</html>"),
            "it is neither a picture nor a PDF",
        ),
        (typed("image/png", b""), "it is neither a picture nor a PDF"),
        (typed("image/png", b"%PDF-1.7"), "it is no picture"),
        (
            picture().header("content-encoding", "gzip"),
            "it is compressed, which was not asked for",
        ),
        (picture().status(404), "its server answered with status 404"),
        (picture().status(206), "its server answered with status 206"),
        (picture().status(304), "its server answered with status 304"),
        (
            Reply::new("image/png", vec![PNG.into()]).ending(Ending::Abort),
            "it could not be downloaded",
        ),
    ] {
        let (_server, authority) = server(reply).await;
        let fetcher = Fetcher::new(options(std::slice::from_ref(&authority)));
        let got = image(&fetcher, &format!("http://{authority}/a")).await;
        assert_eq!(got, Err(expected.to_owned()));
    }
    let (_server, authority) = server(typed("text/plain", b"%PDF-1.7")).await;
    let fetcher = Fetcher::new(options(std::slice::from_ref(&authority)));
    let url = format!("http://{authority}/a");
    let got = fetcher.get(&url, MediaKind::Document).await.unwrap();
    assert_eq!(got.media_type, "application/pdf");
}

#[tokio::test]
async fn what_nobody_listens_on_is_told_like_what_does_not_exist() {
    let (server, authority) = server(picture()).await;
    drop(server);
    let internal = [authority.clone(), "gone.test".to_owned()];
    let fetcher = Fetcher::with_resolver(options(&internal), Box::new(Scripted::new(&[])));
    for url in [format!("http://{authority}/a"), "http://gone.test/a".into()] {
        let got = image(&fetcher, &url).await;
        assert_eq!(got, Err("it could not be downloaded".to_owned()), "{url}");
    }
}
