//! What was seen, and what to change about it, as a table of cases (K6).
//!
//! Advice names the key and the table of the configuration that it is about. It is written for
//! somebody who has not read the code and wants to be done.

use std::time::Duration;

use proxai_ir::Failure;
use proxai_providers::{AuthStyle, Url};
use proxai_types::Protocol;
use proxai_upstream::UpstreamErrorKind;

use super::finding::Diagnosis;
use super::subject::Subject;
use crate::text::quote;

/// Listed models that a message names.
const NAMED_MODELS: usize = 5;

/// A URL without its query, which may hold a key.
pub(crate) fn place(url: &Url) -> String {
    format!("{}{}", url.origin(), url.path())
}

/// `1.2 s`, `230 ms`.
pub(crate) fn time(duration: Duration) -> String {
    if duration.as_millis() < 1000 {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

/// The connection failed.
pub(crate) fn transport(
    subject: &Subject<'_>,
    kind: UpstreamErrorKind,
    message: &str,
) -> Diagnosis {
    let table = subject.table();
    let seen = match message.split_once("; ") {
        Some((seen, _)) => seen,
        None => message,
    };
    let advice = match kind {
        UpstreamErrorKind::Resolve => {
            format!("correct the host in `base_url` of {table}, or the machine's DNS")
        }
        UpstreamErrorKind::Refused if subject.provider.local => {
            format!("start the server, or set `base_url` in {table} to where it listens")
        }
        UpstreamErrorKind::Refused => {
            format!("correct host and port in `base_url` of {table}")
        }
        UpstreamErrorKind::Connect | UpstreamErrorKind::ConnectTimeout => {
            format!("check `base_url` of {table}, and whether a firewall or a proxy is in the way")
        }
        UpstreamErrorKind::Tls => format!(
            "write `http://` in `base_url` of {table} if the server speaks no TLS; otherwise its certificate must be one that this machine trusts"
        ),
        UpstreamErrorKind::Request => format!("correct the headers and the key of {table}"),
        _ => format!(
            "try again; if it stays so, something between here and there breaks connections: try `http = \"1.1\"` in {table}"
        ),
    };
    Diagnosis::new(quote(seen, &subject.secrets()), advice)
}

/// HTTP/2 fails and HTTP/1.1 works (P7).
pub(crate) fn http2(subject: &Subject<'_>, message: &str) -> Diagnosis {
    let seen = message.split_once("; ").map_or(message, |(seen, _)| seen);
    Diagnosis::new(
        format!(
            "HTTP/2 is broken there and HTTP/1.1 works: {}",
            quote(seen, &subject.secrets())
        ),
        format!("set http = \"1.1\" in {}", subject.table()),
    )
}

/// Nothing came in time.
pub(crate) fn timeout(subject: &Subject<'_>, waited: Duration) -> Diagnosis {
    Diagnosis::new(
        format!("too slow: no answer within {}", time(waited)),
        format!(
            "the model may be loading or the host overloaded: try `--timeout` with more seconds, or another model; clients are given up on after read_idle_timeout_secs = {} of {}",
            subject.read_idle_timeout.as_secs(),
            subject.table()
        ),
    )
}

/// An answer came late.
pub(crate) fn slow(subject: &Subject<'_>, waited: Duration) -> Diagnosis {
    let limit = subject.read_idle_timeout;
    let advice = if waited > limit {
        format!(
            "clients get 504 after {}: raise read_idle_timeout_secs in {}",
            time(limit),
            subject.table()
        )
    } else {
        "choose a nearer region or a faster model, or give this one a lower place in its routes"
            .to_owned()
    };
    Diagnosis::new(
        format!("slow: the answer began after {}", time(waited)),
        advice,
    )
}

/// The key is refused, or may not do this.
pub(crate) fn key(
    subject: &Subject<'_>,
    protocol: Protocol,
    url: &Url,
    failure: &Failure,
    index: usize,
) -> Diagnosis {
    let status = failure.http_status();
    let which = match subject.keys.len() {
        0 | 1 => String::new(),
        all => format!(" for key {} of {all}", index + 1),
    };
    let message = quote(&failure.message, &subject.secrets());
    let seen = format!("{status} at {}{which}: {message}", place(url));
    let origin = subject.key_origin(index);
    let advice = if subject.keys.is_empty() {
        format!("it wants a key: {}", missing_key(subject))
    } else if status == 403 {
        format!(
            "the key from {origin} is known and may not do this: give it access to the model, or check the account's region and plan"
        )
    } else {
        format!(
            "the key from {origin} is refused: put a valid one there{}",
            style(subject.provider.auth_style(protocol))
        )
    };
    Diagnosis::new(seen, advice)
}

/// How the key was sent, where another way is usual too.
fn style(style: &AuthStyle) -> String {
    let sent = match style {
        AuthStyle::Bearer => "authorization: Bearer".to_owned(),
        AuthStyle::XApiKey => "x-api-key".to_owned(),
        AuthStyle::ApiKey => "api-key".to_owned(),
        AuthStyle::Header { name, .. } => name.clone(),
        AuthStyle::Query { name } => format!("?{name}="),
        _ => return String::new(),
    };
    format!(" (it was sent as `{sent}`; `auth_style` changes that)")
}

/// There is no key and one is needed.
pub(crate) fn missing_key(subject: &Subject<'_>) -> String {
    let variables: Vec<&str> = subject
        .provider
        .auth
        .env
        .iter()
        .map(|variable| variable.name.as_str())
        .collect();
    if variables.is_empty() {
        format!("set `api_key` in {}", subject.table())
    } else {
        format!(
            "set variable {}, or `api_key` in {}",
            variables.join(" or "),
            subject.table()
        )
    }
}

/// The path is wrong. `found` is a base whose endpoint answers.
pub(crate) fn path(
    subject: &Subject<'_>,
    status: u16,
    url: &Url,
    stem: &str,
    found: Option<&Url>,
) -> Diagnosis {
    let table = subject.table();
    let at = format!("{status} at {}", place(url));
    let base = |url: &Url| place(url).trim_end_matches('/').to_owned();
    match found {
        Some(found) if found.path() == format!("{stem}/v1") => Diagnosis::new(
            format!("{at}: the base URL lacks /v1"),
            format!(
                "set base_url = \"{}\" in {table}; it answers there",
                base(found)
            ),
        ),
        Some(found) => Diagnosis::new(
            format!("{at}: the base URL has the wrong path"),
            format!(
                "set base_url = \"{}\" in {table}; it answers there",
                base(found)
            ),
        ),
        None if !has_version(stem) => Diagnosis::new(
            format!("{at}: perhaps the base URL lacks /v1, though nothing answers there either"),
            format!("correct the path in `base_url` of {table}{}", see(subject)),
        ),
        None => Diagnosis::new(
            format!("{at}: there is no such endpoint"),
            format!(
                "correct the path in `base_url` of {table}, or set `protocol` to one that the server speaks{}",
                see(subject)
            ),
        ),
    }
}

fn see(subject: &Subject<'_>) -> String {
    let docs = subject.docs.as_ref();
    docs.map_or_else(String::new, |docs| format!("; see {docs}"))
}

/// Whether a path ends in a version: `/v1`, `/api/v3`, `/v1beta`.
pub(crate) fn has_version(path: &str) -> bool {
    let last = path.rsplit('/').next().unwrap_or_default();
    let mut characters = last.chars();
    matches!(characters.next(), Some('v' | 'V'))
        && characters.next().is_some_and(|c| c.is_ascii_digit())
}

/// The model is unknown there.
pub(crate) fn model(
    subject: &Subject<'_>,
    model: &str,
    failure: &Failure,
    listed: &[String],
) -> Diagnosis {
    let some = if listed.is_empty() {
        String::new()
    } else {
        format!(" to one it lists, such as {}", named(listed))
    };
    Diagnosis::new(
        format!(
            "{}: {}",
            failure.http_status(),
            quote(&failure.message, &subject.secrets())
        ),
        format!(
            "model `{model}` is not there: set `model` in {}{some}",
            subject.table()
        ),
    )
}

/// Nobody says which model to ask.
pub(crate) fn no_model(subject: &Subject<'_>, listed: &[String]) -> Diagnosis {
    let table = subject.table();
    if listed.is_empty() {
        return Diagnosis::new(
            "no model to ask: none is configured and none is listed",
            format!("set `model` in {table}, or say --model"),
        );
    }
    Diagnosis::new(
        format!("it lists no model that chats, only {}", named(listed)),
        format!("set `model` in {table}, or say --model, if one of them does"),
    )
}

/// The list of models is refused, which says little about the models.
pub(crate) fn no_list(subject: &Subject<'_>, url: &Url, failure: &Failure) -> Diagnosis {
    let status = failure.http_status();
    let seen = format!("{status} at {}: no list", place(url));
    let usual = format!(
        "list what may be used as `models` in {}, if clients ask for it",
        subject.table()
    );
    if matches!(status, 200..=299 | 404 | 405) {
        return Diagnosis::new(seen, usual);
    }
    let seen = format!("{seen}: {}", quote(&failure.message, &subject.secrets()));
    let wants_key = subject.keys.is_empty() && !subject.provider.auth.env.is_empty();
    let advice = if wants_key {
        format!("if it wants a key: {}", missing_key(subject))
    } else {
        usual
    };
    Diagnosis::new(seen, advice)
}

fn named(models: &[String]) -> String {
    let named: Vec<String> = models
        .iter()
        .take(NAMED_MODELS)
        .map(|model| quote(model, &[]))
        .collect();
    named.join(", ")
}

/// It points elsewhere.
pub(crate) fn redirect(
    subject: &Subject<'_>,
    status: u16,
    url: &Url,
    to: Option<&str>,
) -> Diagnosis {
    // A query may hold anything.
    let to = to
        .and_then(|to| to.split('?').next())
        .unwrap_or("elsewhere");
    Diagnosis::new(
        format!(
            "{status} at {}: it points to {}",
            place(url),
            quote(to, &subject.secrets())
        ),
        format!(
            "if that is right, make it the `base_url` of {}; a key is never sent after a redirect",
            subject.table()
        ),
    )
}

/// It is a website.
pub(crate) fn page(subject: &Subject<'_>, url: &Url) -> Diagnosis {
    Diagnosis::new(
        format!("{} answers with a web page", place(url)),
        format!(
            "`base_url` of {} is the address of a site: set that of its API{}",
            subject.table(),
            see(subject)
        ),
    )
}

/// A good status and no list of models.
pub(crate) fn page_or_list(subject: &Subject<'_>, url: &Url) -> Diagnosis {
    Diagnosis::new(
        format!(
            "{} answers with something that is no list of models",
            place(url)
        ),
        format!(
            "compare `base_url` of {} with the vendor's page{}",
            subject.table(),
            see(subject)
        ),
    )
}

/// Any other refusal.
pub(crate) fn refusal(subject: &Subject<'_>, url: &Url, failure: &Failure) -> Diagnosis {
    let status = failure.http_status();
    let seen = format!(
        "{status} at {}: {}",
        place(url),
        quote(&failure.message, &subject.secrets())
    );
    let advice = match status {
        402 => "the account has no credit: add some, or use another key".to_owned(),
        429 => "the key is at its limit: wait, raise the limit, or add `api_keys` that take turns"
            .to_owned(),
        400 if failure.message.contains("max_completion_tokens") => format!(
            "set max_tokens_field = \"max_completion_tokens\" in {}",
            quirks_table(subject)
        ),
        500.. => "the provider fails: try again, and give the route another target".to_owned(),
        _ => format!(
            "if it names a parameter, add that to `refused_parameters` in {}",
            quirks_table(subject)
        ),
    };
    Diagnosis::new(seen, advice)
}

/// What came is not what the protocol says.
pub(crate) fn unreadable(subject: &Subject<'_>, protocol: Protocol, message: &str) -> Diagnosis {
    Diagnosis::new(
        quote(message, &subject.secrets()),
        format!(
            "it does not answer in {}: set `protocol` in {} to what it speaks",
            protocol.config_name(),
            subject.table()
        ),
    )
}

/// It does not stream (P13).
pub(crate) fn no_stream(subject: &Subject<'_>, seen: String) -> Diagnosis {
    if seen.contains("stream_options") {
        let advice = format!("set stream_options = false in {}", quirks_table(subject));
        return Diagnosis::new(seen, advice);
    }
    Diagnosis::new(
        seen,
        format!(
            "set stream = \"never\" in {}: clients that want a stream then get the whole answer replayed as one",
            quirks_table(subject)
        ),
    )
}

/// A whole answer broke off.
pub(crate) fn cut(subject: &Subject<'_>, message: &str) -> Diagnosis {
    Diagnosis::new(
        format!(
            "the answer breaks off: {}",
            quote(message, &subject.secrets())
        ),
        "something between here and there may cut connections: look at proxies in between, and at the provider's status",
    )
}

/// A stream broke off.
pub(crate) fn cut_stream(subject: &Subject<'_>, message: &str) -> Diagnosis {
    Diagnosis::new(
        format!(
            "the stream breaks off: {}",
            quote(message, &subject.secrets())
        ),
        "something between here and there may cut or buffer streams: look at proxies in between, and at the provider's status",
    )
}

fn quirks_table(subject: &Subject<'_>) -> String {
    subject.table().replace(']', ".quirks]")
}
