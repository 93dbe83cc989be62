//! `proxai doctor models`: what each provider lists.

use std::io::Write;
use std::time::Duration;

use proxai_providers::Resource;
use proxai_translate::decode_failure;
use proxai_types::Protocol;
use serde_json::{Value, json};

use super::advice;
use super::body::read_models;
use super::finding::Diagnosis;
use super::subject::Subject;
use super::wire::{Trouble, Wire};
use crate::outcome::Stop;
use crate::terminal::{Paint, Progress, Tone};
use crate::text::{count, quote};

/// The models of one provider.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) provider: String,
    pub(crate) result: Result<Vec<String>, Diagnosis>,
}

/// Asks a provider for its models.
pub(crate) async fn models(
    subject: &Subject<'_>,
    timeout: Duration,
    progress: &Progress<'_>,
) -> List {
    let provider = subject.provider;
    progress.show(&format!("{}: models …", provider.name));
    let mut result = ask(subject, timeout).await;
    progress.advance();
    if let Ok(models) = &mut result {
        models.sort();
        models.dedup();
    }
    List {
        provider: provider.name.clone(),
        result,
    }
}

async fn ask(subject: &Subject<'_>, timeout: Duration) -> Result<Vec<String>, Diagnosis> {
    let wire = Wire::new(subject.provider, timeout);
    let trouble = |trouble| match trouble {
        Trouble::Transport(kind, message) => advice::transport(subject, kind, &message),
        Trouble::Timeout(waited) => advice::timeout(subject, waited),
        Trouble::Key(message) => Diagnosis::new(message, advice::missing_key(subject)),
        Trouble::Request(message) => {
            Diagnosis::new(message, format!("correct {}", subject.table()))
        }
    };
    let question = wire.get(Resource::Models).map_err(trouble)?;
    let answer = wire
        .ask(&question, subject.keys.first())
        .await
        .map_err(trouble)?;
    let url = &question.url;
    match answer.status {
        200..=299 => read_models(&answer.body).ok_or_else(|| advice::page_or_list(subject, url)),
        status => {
            let mut failure = decode_failure(Protocol::Chat, status, &answer.body);
            failure.status = Some(status);
            Err(match status {
                401 | 403 => advice::key(subject, Protocol::Chat, url, &failure, 0),
                300..=399 => advice::redirect(subject, status, url, answer.location.as_deref()),
                404 | 405 => Diagnosis::new(
                    format!("{status} at {}: no list of models", advice::place(url)),
                    format!(
                        "compare `base_url` of {} with the vendor's page; some providers have no list",
                        subject.table()
                    ),
                ),
                _ => advice::refusal(subject, url, &failure),
            })
        }
    }
}

/// Writes the lists for people.
pub(crate) fn print(lists: &[List], out: &mut dyn Write, paint: Paint) -> Result<(), Stop> {
    for (at, list) in lists.iter().enumerate() {
        if at > 0 {
            writeln!(out)?;
        }
        let name = paint.text(Tone::Strong, &list.provider);
        match &list.result {
            Ok(models) => {
                writeln!(out, "{name}: {}", count(models.len(), "model"))?;
                for model in models {
                    writeln!(out, "  {}", quote(model, &[]))?;
                }
            }
            Err(diagnosis) => {
                let mark = paint.text(Tone::Bad, "FAILED");
                writeln!(out, "{name}: {mark} {}", diagnosis.seen)?;
                writeln!(out, "  -> {}", diagnosis.advice)?;
            }
        }
    }
    Ok(())
}

/// The lists for programs.
pub(crate) fn as_json(lists: &[List]) -> Value {
    let all: Vec<Value> = lists
        .iter()
        .map(|list| match &list.result {
            Ok(models) => json!({ "provider": list.provider, "ok": true, "models": models }),
            Err(diagnosis) => json!({
                "provider": list.provider,
                "ok": false,
                "seen": diagnosis.seen,
                "advice": diagnosis.advice,
            }),
        })
        .collect();
    let ok = lists.iter().all(|list| list.result.is_ok());
    json!({ "ok": ok, "providers": all })
}
