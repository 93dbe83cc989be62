//! What each case becomes, as it was last read and approved.
//!
//! `cargo xtask golden` writes them anew. A golden shows a change, it does not say what is right:
//! that is what `case.toml` and the properties are for.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use bytes::Bytes;
use proxai_testkit::fixtures::{Case, Kind, cases};
use proxai_translate::{ReplyError, decode_failure, encode_failure};
use proxai_types::Protocol;
use serde_json::Value;

use crate::{drive, for_each_case};

/// Compares the goldens of one case; the first difference fails it, all are shown.
struct Goldens {
    folder: PathBuf,
    seen: BTreeSet<String>,
}

impl Goldens {
    fn of(case: &Case) -> Self {
        Self {
            folder: case.goldens(),
            seen: BTreeSet::new(),
        }
    }

    fn check(&mut self, name: &str, text: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&self.folder);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.remove_snapshot_suffix();
        settings.remove_input_file();
        self.seen.insert(format!("{name}.snap"));
        settings.bind(|| insta::assert_snapshot!(name, text));
    }

    /// Goldens that no code writes any more.
    fn stale(&self) -> Vec<String> {
        let Ok(listing) = fs::read_dir(&self.folder) else {
            return Vec::new();
        };
        listing
            .map(|entry| entry.expect("a listed folder can be read"))
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|name| !name.ends_with(".snap.new") && !self.seen.contains(name))
            .collect()
    }
}

/// JSON for people: indented, members in the order they are sent.
fn pretty(body: &[u8]) -> String {
    let raw: Box<serde_json::value::RawValue> =
        serde_json::from_slice(body).expect("what is sent is JSON");
    indent(raw.get())
}

/// Indents JSON without reading numbers or strings, so that nothing but spaces is hidden.
fn indent(json: &str) -> String {
    let (mut out, mut depth, mut in_string, mut escaped) = (String::new(), 0, false, false);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.push_str(&"  ".repeat(depth));
    };
    let mut rest = json.chars().peekable();
    while let Some(character) = rest.next() {
        if in_string {
            out.push(character);
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
            continue;
        }
        match character {
            '{' | '[' => {
                out.push(character);
                while rest.next_if(|next| next.is_whitespace()).is_some() {}
                if rest.peek().is_some_and(|next| matches!(next, '}' | ']')) {
                    continue;
                }
                depth += 1;
                line(&mut out, depth);
            }
            '}' | ']' => {
                if !out.ends_with(['{', '[']) {
                    depth -= 1;
                    line(&mut out, depth);
                }
                out.push(character);
            }
            ',' => {
                out.push(character);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ if character.is_whitespace() => {}
            _ => {
                in_string = character == '"';
                out.push(character);
            }
        }
    }
    out
}

fn others(protocol: Protocol) -> impl Iterator<Item = Protocol> {
    Protocol::ALL
        .into_iter()
        .filter(move |other| *other != protocol)
}

fn request_goldens(case: &Case, goldens: &mut Goldens) -> Vec<String> {
    let mut losses = Vec::new();
    let Some(sent) = &case.request else {
        return losses;
    };
    for upstream in others(sent.protocol) {
        let name = format!("request-{upstream}");
        match drive::request(sent, upstream, &drive::target(case)) {
            Ok(prepared) => {
                goldens.check(&name, &pretty(&prepared.body));
                losses.extend(drive::lines(&format!("to {upstream}"), &prepared.losses));
            }
            Err(error) => {
                let path = error.path().unwrap_or_default().to_owned();
                goldens.check(&name, &format!("refused at {path}: {error}"));
            }
        }
    }
    losses
}

fn finish(goldens: &mut Goldens, mut losses: Vec<String>, found: &mut Vec<String>) {
    if losses.is_empty() {
        losses.push("none".to_owned());
    }
    goldens.check("losses", &losses.join("\n"));
    let stale = goldens.stale();
    found.extend(stale.iter().map(|name| format!("golden/{name}: delete it")));
}

#[test]
fn goldens_of_requests_hold() {
    for_each_case(&cases(Kind::Request), |case, found| {
        let mut goldens = Goldens::of(case);
        let losses = request_goldens(case, &mut goldens);
        finish(&mut goldens, losses, found);
    });
}

#[test]
fn goldens_of_streams_hold() {
    for_each_case(&cases(Kind::Stream), |case, found| {
        let mut goldens = Goldens::of(case);
        let mut losses = request_goldens(case, &mut goldens);
        let sent = case.upstream();
        let whole = [Bytes::copy_from_slice(&sent.body)];
        goldens.check("events", &drive::events(sent.protocol, &whole));
        for client in others(sent.protocol) {
            let streamed = drive::stream(client, drive::reply(case, client), &whole);
            let text = match &streamed.refused {
                Some(failure) => format!("before the start: {failure:?}"),
                None => String::from_utf8(streamed.body).expect("what is sent is text"),
            };
            goldens.check(&format!("client-{client}"), &text);
            losses.extend(drive::lines(&format!("for {client}"), &streamed.losses));
        }
        finish(&mut goldens, losses, found);
    });
}

#[test]
fn goldens_of_answers_hold() {
    for_each_case(&cases(Kind::Unary), |case, found| {
        let mut goldens = Goldens::of(case);
        let mut losses = request_goldens(case, &mut goldens);
        for client in others(case.upstream().protocol) {
            let name = format!("client-{client}");
            match drive::answer(case, client) {
                Ok(translated) => {
                    goldens.check(&name, &pretty(&translated.body));
                    losses.extend(drive::lines(&format!("for {client}"), &translated.losses));
                }
                Err(ReplyError::Failure(failure)) => {
                    goldens.check(&name, &format!("{failure:?}"));
                }
                Err(error) => goldens.check(&name, &error.to_string()),
            }
        }
        finish(&mut goldens, losses, found);
    });
}

#[test]
fn goldens_of_errors_hold() {
    for_each_case(&cases(Kind::Error), |case, found| {
        let mut goldens = Goldens::of(case);
        let sent = case.upstream();
        let status = case.about.status.expect("checked when it was loaded");
        let failure = decode_failure(sent.protocol, status, &sent.body);
        goldens.check("failure", &format!("{failure:#?}"));
        for client in Protocol::ALL {
            let body = encode_failure(client, &failure, "req_1");
            let value: Value = serde_json::from_slice(&body).expect("an error is JSON");
            assert!(value.is_object());
            goldens.check(&format!("client-{client}"), &pretty(&body));
        }
        let stale = goldens.stale();
        found.extend(stale.iter().map(|name| format!("golden/{name}: delete it")));
    });
}

#[test]
fn indented_json_is_the_same_json() {
    let json = r#"{"a":[],"b":{"c":"x{,:\"\\","d":[1,{}]},"e":1e3}"#;
    let again = indent(json);
    assert_eq!(indent(&again), again);
    let squeezed: String = again.lines().map(str::trim_start).collect();
    assert_eq!(squeezed.replace("\": ", "\":"), json);
}
