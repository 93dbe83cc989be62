//! What a client sees of an answer's reasoning (P8).
//!
//! Runs on the hub, between a decoder and an encoder, so no protocol module knows of it. Three
//! steps, each on whole answers and on streams: `tags` takes thoughts that an upstream wrote
//! into its text out of it, `policy` decides what becomes of all thoughts, and `echo` seals those
//! that the upstream wants back (T6).
//!
//! A filtered stream keeps the grammar of [`Event`]: parts that appear or vanish renumber those
//! behind them. The fold of a filtered stream is the filtered fold, as long as parts do not
//! interleave; where they do, parts stand in the order in which the filter could tell what they
//! are.
//!
//! Does nothing, and costs a comparison, unless a provider's rules ask for something.

mod echo;
mod policy;
mod slots;
mod tags;
#[cfg(test)]
mod tests;

use proxai_ir::{Event, Response, Sink};

/// What a client sees of reasoning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReasoningPolicy {
    /// Reasoning, in the client protocol's own form.
    #[default]
    Separate,
    /// As `Separate`; but if the answer has neither text nor a call of the client's tools, the
    /// reasoning is told once more, as the text.
    Fallback,
    /// Text, before the answer and parted from it by a blank line. Seals go, since a client that
    /// has no reasoning cannot give it back.
    Inline,
    /// Nothing.
    Drop,
}

/// A member of a Chat message or delta that may hold reasoning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasoningField {
    /// `reasoning_content`, a text.
    ReasoningContent,
    /// `reasoning`, a text.
    Reasoning,
    /// `reasoning_details`, a list of blocks.
    ReasoningDetails,
    /// `reasoning_text`, a text.
    ReasoningText,
    /// `thinking`, a text.
    Thinking,
}

/// Where reasoning is looked for, in order of trust; what is not named is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReasoningFields([Option<ReasoningField>; 5]);

impl Default for ReasoningFields {
    /// All members that are known.
    fn default() -> Self {
        Self([
            Some(ReasoningField::ReasoningContent),
            Some(ReasoningField::Reasoning),
            Some(ReasoningField::ReasoningDetails),
            Some(ReasoningField::ReasoningText),
            Some(ReasoningField::Thinking),
        ])
    }
}

impl ReasoningFields {
    /// The members in order of trust.
    pub fn iter(&self) -> impl Iterator<Item = ReasoningField> {
        self.0.into_iter().flatten()
    }
}

impl FromIterator<ReasoningField> for ReasoningFields {
    /// A member that is named twice counts where it is named first.
    fn from_iter<I: IntoIterator<Item = ReasoningField>>(fields: I) -> Self {
        let mut kept = [None; 5];
        for field in fields {
            let free = kept.iter().position(Option::is_none);
            if let Some(at) = free.filter(|_| !kept.contains(&Some(field))) {
                kept[at] = Some(field);
            }
        }
        Self(kept)
    }
}

/// How one provider's reasoning is read and shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReasoningRules {
    /// What the client sees.
    pub policy: ReasoningPolicy,
    /// `<think>…</think>` and `<thinking>…</thinking>` at the start of the answer's text are
    /// reasoning. The same tags later in the text are text: an answer may speak of them.
    pub think_tags: bool,
    /// Where Chat answers hold it.
    pub fields: ReasoningFields,
    /// The upstream wants thoughts back that it did not seal: they are sealed for it, since
    /// clients give back only what is. Set for each request, where its target is known.
    pub wanted_back: bool,
}

impl ReasoningRules {
    /// Whether answers stay as they are once they are read.
    pub const fn change_nothing(self) -> bool {
        !self.think_tags && !self.wanted_back && matches!(self.policy, ReasoningPolicy::Separate)
    }
}

/// Applies the rules to a whole answer.
pub fn apply_response(rules: ReasoningRules, response: &mut Response<'_>) {
    if rules.think_tags {
        tags::apply(response);
    }
    policy::apply(rules.policy, response);
    if rules.wanted_back {
        echo::apply(response);
    }
}

/// Applies the rules to a stream. Keeps the state that a stream needs; `pass` lends the sink.
#[derive(Debug)]
pub struct ReasoningFilter {
    rules: ReasoningRules,
    tags: tags::Tags,
    policy: policy::Policy,
    echo: echo::Echo,
}

impl ReasoningFilter {
    /// A filter at the start of a stream.
    pub fn new(rules: ReasoningRules) -> Self {
        Self {
            rules,
            tags: tags::Tags::default(),
            policy: policy::Policy::new(rules.policy),
            echo: echo::Echo::default(),
        }
    }

    /// Passes `event` on to `sink`, as the client is to see it.
    pub fn pass(&mut self, event: Event<'_>, sink: &mut dyn Sink) {
        if self.rules.change_nothing() {
            return sink.event(event);
        }
        let Self {
            rules,
            tags,
            policy,
            echo,
        } = self;
        let mut sealing = |event: Event<'_>| {
            if rules.wanted_back {
                echo.pass(event, sink);
            } else {
                sink.event(event);
            }
        };
        if rules.think_tags {
            tags.pass(event, &mut |event: Event<'_>| {
                policy.pass(event, &mut sealing);
            });
        } else {
            policy.pass(event, &mut sealing);
        }
    }
}
