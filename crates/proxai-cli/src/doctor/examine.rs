//! The checks of one provider, one after the other.
//!
//! A check that fails for a reason that the next ones would share ends the row; what was not tried
//! says nothing.

use std::time::Duration;

use proxai_ir::Failure;
use proxai_providers::quirks::StreamSupport;
use proxai_providers::{Resource, Url};
use proxai_translate::{ReplyError, decode_failure};
use proxai_types::Protocol;

use super::advice;
use super::body::{self, Holds};
use super::finding::{Check, Diagnosis, Finding, Report, Verdict};
use super::subject::Subject;
use super::wire::{Answer, Kind, Question, Trouble, Wire};
use crate::terminal::Progress;
use crate::text::count;

/// How long to wait, and from when to complain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    pub(crate) timeout: Duration,
    pub(crate) slow: Duration,
}

/// Checks a provider.
pub(crate) async fn examine<'a>(
    subject: &'a Subject<'a>,
    (model, protocol): (Option<&str>, Option<Protocol>),
    patience: Patience,
    progress: &'a Progress<'_>,
) -> Report {
    let provider = subject.provider;
    let best = provider.protocols().next().unwrap_or(Protocol::Chat);
    let mut examination = Examination {
        subject,
        wire: Wire::new(provider, patience.timeout),
        protocol: protocol.unwrap_or(best),
        patience,
        progress,
        listed: Vec::new(),
        report: Report {
            provider: provider.name.clone(),
            base_url: advice::place(&provider.base),
            protocol: protocol.unwrap_or(best),
            model: model.map(str::to_owned).or_else(|| subject.model.clone()),
            findings: Vec::new(),
        },
    };
    if let Some(protocol) = protocol.filter(|protocol| !provider.speaks(*protocol)) {
        let spoken: Vec<&str> = provider.protocols().map(Protocol::name).collect();
        examination.report.add(Finding::of(
            Check::Chat,
            Verdict::Bad,
            Diagnosis::new(
                format!("it has no {protocol} endpoint"),
                format!("it speaks {}: ask in one of them", spoken.join(", ")),
            ),
        ));
        return examination.report;
    }
    examination.run().await;
    progress.advance();
    examination.report
}

/// The state of the checks of one provider.
pub(super) struct Examination<'a, 'p> {
    pub(super) subject: &'a Subject<'a>,
    wire: Wire<'a>,
    pub(super) protocol: Protocol,
    patience: Patience,
    progress: &'a Progress<'p>,
    /// The models that the provider lists.
    listed: Vec<String>,
    pub(super) report: Report,
}

/// A question with its answer.
pub(super) struct Exchange {
    pub(super) question: Question,
    pub(super) answer: Answer,
}

impl Examination<'_, '_> {
    async fn run(&mut self) {
        self.models().await;
        if !self.report.is_good() {
            return;
        }
        if self.report.model.is_none() {
            self.report.model = body::first_chat_model(&self.listed).cloned();
        }
        let Some(model) = self.report.model.clone() else {
            let diagnosis = advice::no_model(self.subject, &self.listed);
            // A server of embeddings is as it should be.
            if self.listed.is_empty() {
                self.bad(Check::Chat, diagnosis);
            } else {
                self.doubt(Check::Chat, diagnosis);
            }
            return;
        };
        let quirks = self.subject.provider.quirks(self.protocol, &model);
        let streams = quirks.stream();
        if streams == StreamSupport::Always {
            self.report
                .add(Finding::nothing(Check::Chat, "it only streams"));
        } else {
            self.chat(&model).await;
        }
        if self.report.is_good() {
            if streams == StreamSupport::Never {
                let seen = "it does not stream, as configured: whole answers are replayed";
                self.report.add(Finding::nothing(Check::Stream, seen));
            } else {
                self.stream(&model).await;
            }
        }
        if self.can_go_on() && streams != StreamSupport::Always {
            self.tools(&model).await;
            self.reasoning(&model).await;
            self.other_keys(&model).await;
        }
        if let Some(message) = self.wire.downgraded() {
            let diagnosis = advice::http2(self.subject, &message);
            self.bad(Check::Reachable, diagnosis);
        }
    }

    /// Without streams all else can still be tried.
    fn can_go_on(&self) -> bool {
        let mut bad = self.report.findings.iter();
        !bad.any(|finding| finding.verdict == Verdict::Bad && finding.check != Check::Stream)
    }

    pub(super) fn bad(&mut self, check: Check, diagnosis: Diagnosis) {
        self.report.add(Finding::of(check, Verdict::Bad, diagnosis));
    }

    pub(super) fn doubt(&mut self, check: Check, diagnosis: Diagnosis) {
        self.report
            .add(Finding::of(check, Verdict::Doubtful, diagnosis));
    }

    fn announce(&self, check: Check) {
        let provider = &self.report.provider;
        self.progress
            .show(&format!("{provider}: {} …", check.name()));
    }

    fn reached(&mut self, latency: Duration) {
        let seen = advice::time(latency);
        self.report
            .add(Finding::good(Check::Reachable, seen).after(latency));
    }

    pub(super) fn failure(&self, answer: &Answer) -> Failure {
        let mut failure = decode_failure(self.protocol, answer.status, &answer.body);
        failure.status = Some(answer.status);
        failure
    }

    /// The list of models, which is also the first contact.
    async fn models(&mut self) {
        self.announce(Check::Models);
        let asked = match self.wire.get(Resource::Models) {
            Ok(question) => {
                let key = self.subject.keys.first();
                (self.wire.ask(&question, key).await).map(|answer| Exchange { question, answer })
            }
            Err(trouble) => Err(trouble),
        };
        let Exchange { question, answer } = match asked {
            Ok(exchange) => exchange,
            // The list may hang or break where the model's endpoint does not.
            Err(Trouble::Timeout(_)) => return,
            Err(trouble) => return self.trouble(Check::Reachable, trouble),
        };
        self.reached(answer.first);
        match (answer.status, body::read_models(&answer.body)) {
            (200..=299, Some(models)) => {
                let seen = count(models.len(), "model");
                self.report
                    .add(Finding::good(Check::Models, seen).after(answer.whole));
                self.listed = models;
            }
            (401, _) => {
                let failure = self.failure(&answer);
                let diagnosis =
                    advice::key(self.subject, self.protocol, &question.url, &failure, 0);
                self.bad(Check::Authenticated, diagnosis);
            }
            _ => {
                let failure = self.failure(&answer);
                let diagnosis = advice::no_list(self.subject, &question.url, &failure);
                self.doubt(Check::Models, diagnosis);
            }
        }
    }

    pub(super) fn trouble(&mut self, check: Check, trouble: Trouble) {
        let subject = self.subject;
        match trouble {
            Trouble::Transport(kind, message) => {
                let diagnosis = advice::transport(subject, kind, &message);
                self.bad(check, diagnosis);
            }
            Trouble::Timeout(waited) => {
                let diagnosis = advice::timeout(subject, waited);
                self.bad(check, diagnosis);
            }
            Trouble::Key(message) => {
                let advice = if subject.keys.is_empty() {
                    advice::missing_key(subject)
                } else {
                    format!("correct the key from {}", subject.key_origin(0))
                };
                let message = message.split_once("; ").map_or(&*message, |(seen, _)| seen);
                self.bad(Check::Authenticated, Diagnosis::new(message, advice));
            }
            Trouble::Request(message) => {
                let advice = format!("correct {}", subject.table());
                self.bad(check, Diagnosis::new(message, advice));
            }
        }
    }

    pub(super) async fn ask(
        &mut self,
        check: Check,
        model: &str,
        key: usize,
    ) -> Result<Exchange, Trouble> {
        self.announce(check);
        let question = body::question(check, self.subject.provider, self.protocol, model)?;
        let key = self.subject.keys.get(key);
        let answer = self.wire.ask(&question, key).await?;
        self.reached(answer.first);
        Ok(Exchange { question, answer })
    }

    async fn chat(&mut self, model: &str) {
        let Exchange { question, answer } = match self.ask(Check::Chat, model, 0).await {
            Ok(exchange) => exchange,
            Err(trouble) => return self.trouble(Check::Chat, trouble),
        };
        if !(200..=299).contains(&answer.status) || answer.kind == Kind::Page {
            return self.refused(&question, &answer, model).await;
        }
        self.report.add(Finding::good(Check::Authenticated, "ok"));
        if let Some(message) = &answer.cut {
            let diagnosis = advice::cut(self.subject, message);
            return self.bad(Check::Chat, diagnosis);
        }
        match body::read_whole(self.protocol, &answer.body) {
            Err(ReplyError::Failure(failure)) => {
                let diagnosis = advice::refusal(self.subject, &question.url, &failure);
                self.bad(Check::Chat, diagnosis);
            }
            Err(error) => {
                let diagnosis = advice::unreadable(self.subject, self.protocol, &error.to_string());
                self.bad(Check::Chat, diagnosis);
            }
            Ok(holds) => self.answered(holds, &answer, model),
        }
    }

    fn answered(&mut self, holds: Holds, answer: &Answer, model: &str) {
        let waited = answer.first;
        if waited > self.subject.read_idle_timeout || waited > self.patience.slow {
            let diagnosis = advice::slow(self.subject, waited);
            let verdict = if waited > self.subject.read_idle_timeout {
                Verdict::Bad
            } else {
                Verdict::Doubtful
            };
            let finding = Finding::of(Check::Chat, verdict, diagnosis);
            self.report.add(finding.after(answer.whole));
        } else if holds.nothing() {
            let advice = format!("ask `{model}` by hand, or choose another with --model");
            self.doubt(Check::Chat, Diagnosis::new("the answer is empty", advice));
        } else {
            let seen = advice::time(answer.whole);
            self.report
                .add(Finding::good(Check::Chat, seen).after(answer.whole));
        }
    }

    /// The first request to the model's endpoint was refused.
    pub(super) async fn refused(&mut self, question: &Question, answer: &Answer, model: &str) {
        let subject = self.subject;
        let url = &question.url;
        let failure = self.failure(answer);
        match answer.status {
            401 | 403 => {
                let diagnosis = advice::key(subject, self.protocol, url, &failure, 0);
                self.bad(Check::Authenticated, diagnosis);
            }
            404 | 405 if is_about_model(&failure, model) => {
                let diagnosis = advice::model(subject, model, &failure, &self.listed);
                self.bad(Check::Chat, diagnosis);
            }
            404 | 405 => {
                let suffix = self.protocol.path();
                let stem = url.path().strip_suffix(suffix).unwrap_or_default();
                let found = self.look_around(question, stem).await;
                // The list of models is missing for the same reason.
                self.report.forget_doubt(Check::Models);
                let diagnosis = advice::path(subject, answer.status, url, stem, found.as_ref());
                self.bad(Check::Chat, diagnosis);
            }
            300..=399 => {
                let to = answer.location.as_deref();
                let diagnosis = advice::redirect(subject, answer.status, url, to);
                self.bad(Check::Chat, diagnosis);
            }
            200..=299 => self.bad(Check::Chat, advice::page(subject, url)),
            _ => self.bad(Check::Chat, advice::refusal(subject, url, &failure)),
        }
    }

    /// Looks for the endpoint on the same host, below the paths that are usually meant.
    async fn look_around(&self, question: &Question, stem: &str) -> Option<Url> {
        let mut stems = Vec::new();
        if advice::has_version(stem) {
            let parent = stem.rsplit_once('/').map_or("", |(parent, _)| parent);
            stems.push(parent.to_owned());
        } else {
            stems.push(format!("{stem}/v1"));
        }
        stems.push("/v1".to_owned());
        stems.retain(|candidate| candidate != stem);
        stems.dedup();
        for stem in stems {
            let elsewhere = Question {
                url: question
                    .url
                    .with_path(format!("{stem}{}", self.protocol.path())),
                ..question.clone()
            };
            let answer = self.wire.ask(&elsewhere, self.subject.keys.first()).await;
            let speaks = |answer: &Answer| {
                !matches!(answer.status, 300..=399 | 404 | 405) && answer.kind != Kind::Page
            };
            if answer.as_ref().is_ok_and(speaks) {
                return Some(question.url.with_path(stem));
            }
        }
        None
    }
}

/// A shorter model id may be a part of any word.
const MIN_MODEL_BYTES: usize = 4;

/// Whether a 404 is about the model and not about the path.
fn is_about_model(failure: &Failure, model: &str) -> bool {
    let code = failure.code.as_deref().unwrap_or_default();
    let message = failure.message.to_ascii_lowercase();
    code.contains("model")
        || message.contains("model")
        || model.len() >= MIN_MODEL_BYTES && message.contains(&model.to_ascii_lowercase())
}
