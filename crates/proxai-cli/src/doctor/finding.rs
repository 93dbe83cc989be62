//! What a check found.

use std::time::Duration;

use proxai_types::Protocol;

/// What is checked, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Check {
    Reachable,
    Authenticated,
    Models,
    Chat,
    Stream,
    Tools,
    Reasoning,
}

impl Check {
    pub(crate) const ALL: [Self; 7] = [
        Self::Reachable,
        Self::Authenticated,
        Self::Models,
        Self::Chat,
        Self::Stream,
        Self::Tools,
        Self::Reasoning,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Reachable => "reachable",
            Self::Authenticated => "authenticated",
            Self::Models => "models",
            Self::Chat => "chat",
            Self::Stream => "stream",
            Self::Tools => "tools",
            Self::Reasoning => "reasoning",
        }
    }
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// As it should be.
    Good,
    /// It works, and something deserves a look.
    Doubtful,
    /// It does not work.
    Bad,
    /// There is nothing to be said: it was not tried, or the model has no such thing.
    Nothing,
}

impl Verdict {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Good => "ok",
            Self::Doubtful => "warning",
            Self::Bad => "failed",
            Self::Nothing => "skipped",
        }
    }
}

/// The result of one check.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) check: Check,
    pub(crate) verdict: Verdict,
    /// What was seen.
    pub(crate) seen: String,
    /// What to change.
    pub(crate) advice: Option<String>,
    pub(crate) latency: Option<Duration>,
}

impl Finding {
    pub(crate) fn new(check: Check, verdict: Verdict, seen: impl Into<String>) -> Self {
        Self {
            check,
            verdict,
            seen: seen.into(),
            advice: None,
            latency: None,
        }
    }

    pub(crate) fn good(check: Check, seen: impl Into<String>) -> Self {
        Self::new(check, Verdict::Good, seen)
    }

    pub(crate) fn nothing(check: Check, seen: impl Into<String>) -> Self {
        Self::new(check, Verdict::Nothing, seen)
    }

    pub(crate) fn of(check: Check, verdict: Verdict, diagnosis: Diagnosis) -> Self {
        Self {
            advice: Some(diagnosis.advice),
            ..Self::new(check, verdict, diagnosis.seen)
        }
    }

    #[must_use]
    pub(crate) const fn after(mut self, latency: Duration) -> Self {
        self.latency = Some(latency);
        self
    }
}

/// What was seen, and what to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diagnosis {
    pub(crate) seen: String,
    pub(crate) advice: String,
}

impl Diagnosis {
    pub(crate) fn new(seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            seen: seen.into(),
            advice: advice.into(),
        }
    }
}

/// All that was found about a provider.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) provider: String,
    pub(crate) base_url: String,
    pub(crate) protocol: Protocol,
    pub(crate) model: Option<String>,
    pub(crate) findings: Vec<Finding>,
}

impl Report {
    pub(crate) fn is_good(&self) -> bool {
        self.findings
            .iter()
            .all(|finding| finding.verdict != Verdict::Bad)
    }

    pub(crate) fn finding(&self, check: Check) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.check == check)
    }

    /// Takes a doubt back that another finding explains.
    pub(crate) fn forget_doubt(&mut self, check: Check) {
        self.findings
            .retain(|finding| finding.check != check || finding.verdict != Verdict::Doubtful);
    }

    /// Adds a finding. A check that has one keeps the worse of the two.
    pub(crate) fn add(&mut self, finding: Finding) {
        let rank = |verdict| match verdict {
            Verdict::Nothing => 0,
            Verdict::Good => 1,
            Verdict::Doubtful => 2,
            Verdict::Bad => 3,
        };
        match self
            .findings
            .iter_mut()
            .find(|known| known.check == finding.check)
        {
            Some(known) if rank(known.verdict) >= rank(finding.verdict) => {}
            Some(known) => *known = finding,
            None => self.findings.push(finding),
        }
    }
}
