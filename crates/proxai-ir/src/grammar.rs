//! Checks that a stream keeps the grammar of [`Event`](crate::Event).
//!
//! For tests, fuzzing and debug builds. It never changes or drops an event.

use std::fmt;

use crate::{Event, PartId, Sink};

/// A step that the grammar does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which event, from 0.
    pub event: usize,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {}: {}", self.event, self.problem)
    }
}

/// A sink that passes every event on and notes each breach of the grammar.
#[derive(Debug)]
pub struct Checked<S> {
    inner: S,
    violations: Vec<Violation>,
    seen: usize,
    started: bool,
    ended: bool,
    /// One entry per part, by id; whether it is still open.
    parts: Vec<bool>,
}

impl<S> Checked<S> {
    /// Checks what goes into `inner`.
    pub const fn new(inner: S) -> Self {
        Self {
            inner,
            violations: Vec::new(),
            seen: 0,
            started: false,
            ended: false,
            parts: Vec::new(),
        }
    }

    /// The breaches so far.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Whether the stream has had its `Finish` or `Failure`.
    pub const fn ended(&self) -> bool {
        self.ended
    }

    /// The sink and the breaches; a stream without an end is one.
    pub fn into_parts(mut self) -> (S, Vec<Violation>) {
        if !self.ended {
            self.complain("the stream ends without Finish or Failure");
        }
        (self.inner, self.violations)
    }

    fn complain(&mut self, problem: impl Into<String>) {
        self.violations.push(Violation {
            event: self.seen,
            problem: problem.into(),
        });
    }

    fn open_part(&mut self, part: PartId, what: &str) {
        match self.parts.get(part.0 as usize) {
            Some(true) => {}
            Some(false) => self.complain(format!("{what} for closed part {}", part.0)),
            None => self.complain(format!("{what} for part {} that was never opened", part.0)),
        }
    }

    fn check(&mut self, event: &Event<'_>) {
        if self.ended {
            self.complain("an event after the end");
        }
        let allowed_before_start = matches!(
            event,
            Event::Start(_) | Event::Failure(_) | Event::Keepalive
        );
        if !self.started && !allowed_before_start {
            self.complain("an event before Start");
            self.started = true;
        }
        match event {
            Event::Start(_) => {
                if self.started {
                    self.complain("a second Start");
                }
                self.started = true;
            }
            Event::Open { part, .. } => {
                if part.0 as usize != self.parts.len() {
                    self.complain(format!(
                        "part {} opened, expected {}",
                        part.0,
                        self.parts.len()
                    ));
                }
                self.parts.push(true);
            }
            Event::Delta { part, .. } => self.open_part(*part, "Delta"),
            Event::Seal { part, .. } => self.open_part(*part, "Seal"),
            Event::Cite { part, .. } => self.open_part(*part, "Cite"),
            Event::Logprobs { part, .. } => self.open_part(*part, "Logprobs"),
            Event::Search { part, .. } => self.open_part(*part, "Search"),
            Event::Close { part } => {
                self.open_part(*part, "Close");
                if let Some(open) = self.parts.get_mut(part.0 as usize) {
                    *open = false;
                }
            }
            Event::Finish(_) => {
                if let Some(part) = self.parts.iter().position(|open| *open) {
                    self.complain(format!("Finish while part {part} is open"));
                }
                self.ended = true;
            }
            Event::Failure(_) => self.ended = true,
            Event::Usage(_) | Event::Keepalive => {}
        }
    }
}

impl<S: Sink> Sink for Checked<S> {
    fn event(&mut self, event: Event<'_>) {
        self.check(&event);
        self.seen += 1;
        self.inner.event(event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Failure, FailureKind, Finish, PartKind, Start};

    fn problems(events: Vec<Event<'static>>) -> Vec<Violation> {
        let mut checked = Checked::new(|_: Event<'_>| {});
        for event in events {
            checked.event(event);
        }
        checked.into_parts().1
    }

    fn open(part: u32) -> Event<'static> {
        Event::Open {
            part: PartId(part),
            kind: PartKind::Text,
        }
    }

    #[test]
    fn interleaved_parts_are_allowed() {
        let delta = |part| Event::Delta {
            part: PartId(part),
            text: "x".into(),
        };
        let close = |part| Event::Close { part: PartId(part) };
        let events = vec![
            Event::Start(Start::default()),
            open(0),
            open(1),
            delta(0),
            delta(1),
            delta(0),
            close(1),
            close(0),
            Event::Finish(Finish::default()),
        ];
        assert_eq!(problems(events), []);
    }

    #[test]
    fn every_breach_is_found() {
        let start = || Event::Start(Start::default());
        let finish = || Event::Finish(Finish::default());
        let close = Event::Close { part: PartId(0) };
        for events in [
            vec![open(0), close.clone(), finish()],
            vec![start(), start(), finish()],
            vec![start(), open(1), Event::Close { part: PartId(0) }, finish()],
            vec![start(), open(0), finish()],
            vec![start(), open(0), close.clone(), close, finish()],
            vec![start(), finish(), Event::Keepalive],
            vec![start()],
        ] {
            let found = problems(events.clone());
            assert_eq!(found.len(), 1, "{events:?} {found:?}");
        }
    }

    #[test]
    fn a_failure_may_come_first() {
        let failure = Failure::new(FailureKind::Overloaded, "busy");
        assert_eq!(problems(vec![Event::Failure(failure)]), []);
    }
}
