//! The checks of what goes beyond a plain answer: streams, tools, reasoning, further keys.

use super::advice;
use super::body::{self, Holds};
use super::examine::{Examination, Exchange};
use super::finding::{Check, Diagnosis, Finding, Verdict};
use super::wire::Kind;
use crate::text::quote;

impl Examination<'_, '_> {
    /// Whether events come, and end as they should.
    pub(super) async fn stream(&mut self, model: &str) {
        let Exchange { question, answer } = match self.ask(Check::Stream, model, 0).await {
            Ok(exchange) => exchange,
            Err(trouble) => return self.trouble(Check::Stream, trouble),
        };
        let subject = self.subject;
        if !(200..=299).contains(&answer.status) {
            if self.report.finding(Check::Chat).map(|found| found.verdict) == Some(Verdict::Nothing)
            {
                // Nothing was asked of this endpoint before.
                return self.refused(&question, &answer, model).await;
            }
            let failure = self.failure(&answer);
            let message = quote(&failure.message, &subject.secrets());
            let seen = format!("no stream: {} and {message}", answer.status);
            let diagnosis = advice::no_stream(subject, seen);
            return self.bad(Check::Stream, diagnosis);
        }
        self.report.add(Finding::good(Check::Authenticated, "ok"));
        if answer.kind == Kind::Json || answer.body.trim_ascii_start().starts_with(b"{") {
            let seen = "no stream: one JSON answer came instead of events".to_owned();
            let diagnosis = advice::no_stream(subject, seen);
            return self.bad(Check::Stream, diagnosis);
        }
        match body::read_stream(self.protocol, &answer.body) {
            Ok(_) => {
                let seen = format!("first event after {}", advice::time(answer.first));
                self.report
                    .add(Finding::good(Check::Stream, seen).after(answer.first));
            }
            Err(failure) => {
                let message = answer.cut.as_deref().unwrap_or(&failure.message);
                let diagnosis = advice::cut_stream(subject, message);
                self.bad(Check::Stream, diagnosis);
            }
        }
    }

    /// What a model cannot do is no fault of the provider.
    pub(super) async fn tools(&mut self, model: &str) {
        let found = self.ability(Check::Tools, model).await;
        let advice = "choose a model that calls tools if clients use them";
        match found {
            Err(()) => {}
            Ok(Ok(holds)) if holds.call => {
                self.report.add(Finding::good(Check::Tools, "called"));
            }
            Ok(Ok(_)) => {
                let seen = "it answered in words instead of calling the tool";
                self.doubt(Check::Tools, Diagnosis::new(seen, advice));
            }
            Ok(Err(message)) => self.doubt(Check::Tools, Diagnosis::new(message, advice)),
        }
    }

    /// Neither is it one that a model does not think, or does not show it.
    pub(super) async fn reasoning(&mut self, model: &str) {
        match self.ability(Check::Reasoning, model).await {
            Err(()) => {}
            Ok(Ok(holds)) if holds.reasoning => {
                self.report.add(Finding::good(Check::Reasoning, "shown"));
            }
            Ok(Ok(_)) => {
                let seen = "the model shows none";
                self.report.add(Finding::nothing(Check::Reasoning, seen));
            }
            Ok(Err(message)) => {
                self.report.add(Finding::nothing(Check::Reasoning, message));
            }
        }
    }

    /// What an answer holds, or how it was refused. `Err` if the finding has been made.
    async fn ability(&mut self, check: Check, model: &str) -> Result<Result<Holds, String>, ()> {
        let exchange = match self.ask(check, model, 0).await {
            Ok(exchange) => exchange,
            Err(trouble) => {
                self.trouble(check, trouble);
                return Err(());
            }
        };
        let answer = &exchange.answer;
        if answer.status >= 500 {
            let failure = self.failure(answer);
            let diagnosis = advice::refusal(self.subject, &exchange.question.url, &failure);
            self.bad(check, diagnosis);
            return Err(());
        }
        if !(200..=299).contains(&answer.status) {
            let message = quote(&self.failure(answer).message, &self.subject.secrets());
            return Ok(Err(format!("{}: {message}", answer.status)));
        }
        Ok(body::read_whole(self.protocol, &answer.body)
            .map_err(|error| quote(&error.to_string(), &self.subject.secrets())))
    }

    /// Each further key is asked once: one that is refused would fail every so many requests.
    pub(super) async fn other_keys(&mut self, model: &str) {
        for index in 1..self.subject.keys.len() {
            let Ok(exchange) = self.ask(Check::Chat, model, index).await else {
                continue;
            };
            if matches!(exchange.answer.status, 401 | 403) {
                let failure = self.failure(&exchange.answer);
                let url = &exchange.question.url;
                let diagnosis = advice::key(self.subject, self.protocol, url, &failure, index);
                self.bad(Check::Authenticated, diagnosis);
            }
        }
    }
}
