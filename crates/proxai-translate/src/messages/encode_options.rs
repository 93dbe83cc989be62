//! Settings of a request for an upstream of this protocol: length, sampling, thinking, form.
//!
//! Effort and budget become each other by the steps of [`proxai_types::effort`], which the page on
//! compatibility shows.
//!
//! A budget is at least 1,024 and below `max_tokens`; the client's `max_tokens` is never raised
//! (case 68). With thinking on, sampling is the model's own (case 69) and no tool can be forced
//! (case 46): what cannot stay is dropped and reported.

use proxai_ir::{Losses, ReasoningConfig, ReasoningMode, Request};
use proxai_json::Str;
use proxai_messages as wire;
use proxai_types::Protocol;
use proxai_types::effort::{MIN_BUDGET, budget_of, effort_of};

use super::encode_turns::{LONGEST_CACHE, cache_control};
use super::format;
use crate::context::Target;
use crate::features::{Feature, lose, lose_at};

/// What the conversation and the tools imply for thinking.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Constraints {
    /// A tool must be called.
    pub(super) forced_tool: bool,
    /// See [`Conversation::unthinking_tool_loop`](super::encode_turns::Conversation).
    pub(super) unthinking_tool_loop: bool,
}

/// Writes the settings into `wire`; returns an instruction that has to stand in the system prompt.
pub(super) fn encode<'r>(
    request: &'r Request<'_>,
    target: &Target<'_>,
    constraints: Constraints,
    wire: &mut wire::Request<'r>,
    losses: &mut Losses,
) -> Option<String> {
    let said = request.sampling.max_output_tokens;
    let mut max_tokens = said.unwrap_or_else(|| {
        losses.defaulted(
            Feature::MaxOutputTokens.path(request.origin),
            format!(
                "Messages needs it; {} is sent",
                target.abilities.default_max_tokens
            ),
        );
        target.abilities.default_max_tokens
    });
    if let Some(config) = &request.reasoning {
        let mut thinking = Thinking {
            request,
            target,
            constraints,
            losses,
        };
        thinking.encode(config, said.is_some(), &mut max_tokens, wire);
    }
    wire.max_tokens = Some(max_tokens);
    sampling(request, wire, losses);
    unsupported(request, losses);
    stops(request, wire, losses);
    wire.service_tier = service_tier(request, losses);
    wire.metadata = request.end_user.as_ref().map(|user| wire::Metadata {
        user_id: Some(user.reborrow()),
        ..wire::Metadata::default()
    });
    wire.cache_control = request.cache.automatic.as_ref().map(|mark| {
        let ttl = mark.ttl.as_deref();
        if ttl.is_some_and(|ttl| !matches!(ttl, "5m" | "30m" | LONGEST_CACHE)) {
            let path = format!("{}.ttl", mark.member);
            losses.approximated(path, Feature::CacheAutomatic.note(Protocol::Messages));
        }
        cache_control(mark)
    });
    format::encode(request, target, wire, losses)
}

struct Thinking<'t, 'r> {
    request: &'t Request<'r>,
    target: &'t Target<'t>,
    constraints: Constraints,
    losses: &'t mut Losses,
}

impl Thinking<'_, '_> {
    /// What the client calls the member that it gave.
    fn path(&self, config: &ReasoningConfig<'_>) -> &'static str {
        let feature = match config {
            config if config.effort.is_some() => Feature::ReasoningEffort,
            config if config.budget.is_some() || config.mode.is_some() => Feature::ReasoningBudget,
            _ => Feature::ReasoningSummary,
        };
        feature.path(self.request.origin)
    }

    fn encode<'w>(
        &mut self,
        config: &'w ReasoningConfig<'_>,
        length_was_said: bool,
        max_tokens: &mut u64,
        wire: &mut wire::Request<'w>,
    ) {
        let at = self.path(config);
        let effort = config.effort.as_deref();
        if config.mode == Some(ReasoningMode::Disabled) || effort == Some("none") {
            wire.thinking = Some(wire::Thinking::Disabled(wire::NoThinking::default()));
            return;
        }
        let asked = config.mode.is_some()
            || effort.is_some()
            || config.budget.is_some()
            || config.summary.is_some();
        if !asked {
            return;
        }
        if self.constraints.forced_tool {
            self.losses
                .dropped(at, "Messages refuses thinking while a tool is forced");
            return;
        }
        if self.target.abilities.adaptive_thinking {
            self.adaptive(config, wire);
            return;
        }
        if self.constraints.unthinking_tool_loop {
            self.losses.dropped(
                at,
                "the turn that called the tools holds no thought of this provider, so thinking cannot go on",
            );
            return;
        }
        if config.hidden {
            self.losses
                .dropped(at, "this model always shows its thoughts");
        }
        if length_was_said && *max_tokens <= MIN_BUDGET {
            self.losses.dropped(
                at,
                "thinking needs more than 1024 tokens and the limit is lower",
            );
            return;
        }
        let budget = self.budget(config);
        if budget >= *max_tokens {
            if length_was_said {
                self.losses
                    .approximated(at, "the budget was lowered to fit the token limit");
            } else {
                *max_tokens += budget;
            }
        }
        let fitting = if budget < *max_tokens {
            budget
        } else {
            (*max_tokens / 2).max(MIN_BUDGET)
        };
        wire.thinking = Some(wire::Thinking::Enabled(wire::EnabledThinking {
            budget_tokens: Some(fitting),
            ..wire::EnabledThinking::default()
        }));
    }

    fn adaptive<'w>(&mut self, config: &'w ReasoningConfig<'_>, wire: &mut wire::Request<'w>) {
        let at = self.path(config);
        let display = if config.hidden {
            Some(Str::borrowed("omitted"))
        } else {
            config.summary.as_ref().map(|_| Str::borrowed("summarized"))
        };
        wire.thinking = Some(wire::Thinking::Adaptive(wire::AdaptiveThinking {
            display,
            ..wire::AdaptiveThinking::default()
        }));
        let effort = match (config.effort.as_deref(), config.budget) {
            (Some("minimal"), _) => {
                self.losses
                    .approximated(at, "the lowest effort of Messages is `low`");
                Some(Str::borrowed("low"))
            }
            (Some(effort), _) => Some(Str::from(effort)),
            (None, Some(budget)) => {
                self.losses
                    .approximated(at, "a budget is sent as the nearest effort");
                Some(Str::borrowed(effort_of(budget)))
            }
            (None, None) => None,
        };
        if let Some(effort) = effort {
            wire.output_config.get_or_insert_default().effort = Some(effort);
        }
    }

    fn budget(&mut self, config: &ReasoningConfig<'_>) -> u64 {
        let at = self.path(config);
        match (config.budget, config.effort.as_deref()) {
            (Some(budget), _) if budget >= MIN_BUDGET => budget,
            (Some(_), _) => {
                self.losses
                    .approximated(at, "the smallest budget of Messages is 1024");
                MIN_BUDGET
            }
            (None, Some(effort)) => {
                self.losses
                    .approximated(at, "the effort is sent as a budget");
                budget_of(effort)
            }
            (None, None) => {
                self.losses
                    .defaulted(at, "this model needs a budget; 8192 is sent");
                budget_of("medium")
            }
        }
    }
}

fn sampling(request: &Request<'_>, wire: &mut wire::Request<'_>, losses: &mut Losses) {
    let thinks = matches!(
        wire.thinking,
        Some(wire::Thinking::Enabled(_) | wire::Thinking::Adaptive(_))
    );
    let sampling = &request.sampling;
    let mut lost = |feature| lose(feature, request.origin, Protocol::Messages, losses);
    wire.temperature = match sampling.temperature {
        Some(temperature) if thinks => {
            if (temperature - 1.0).abs() > f64::EPSILON {
                lost(Feature::Temperature);
            }
            None
        }
        Some(temperature) if temperature > 1.0 => {
            lost(Feature::Temperature);
            Some(1.0)
        }
        other => other,
    };
    wire.top_p = match sampling.top_p {
        Some(top_p) if thinks && top_p < 0.95 => {
            lost(Feature::TopP);
            None
        }
        other => other,
    };
    wire.top_k = sampling.top_k.filter(|_| !thinks);
    if thinks && sampling.top_k.is_some() {
        losses.dropped(
            Feature::TopK.path(request.origin),
            Feature::TopK.note(Protocol::Messages),
        );
    }
}

/// What Messages has no member for. Values that ask for nothing are no loss.
fn unsupported(request: &Request<'_>, losses: &mut Losses) {
    let sampling = &request.sampling;
    let asked = |value: Option<f64>| value.is_some_and(|value| value != 0.0);
    let verbosity = request.output.verbosity.as_deref();
    for (feature, there) in [
        (Feature::FrequencyPenalty, asked(sampling.frequency_penalty)),
        (Feature::PresencePenalty, asked(sampling.presence_penalty)),
        (Feature::Seed, sampling.seed.is_some()),
        (Feature::Logprobs, sampling.logprobs == Some(true)),
        (
            Feature::LogitBias,
            sampling.logit_bias.is_some_and(|bias| bias.get() != "{}"),
        ),
        (
            Feature::Verbosity,
            verbosity.is_some_and(|level| level != "medium"),
        ),
        (
            Feature::Metadata,
            request.metadata.is_some_and(|data| data.get() != "{}"),
        ),
        (Feature::CacheKey, request.cache.key.is_some()),
        (Feature::CacheRetention, request.cache.retention.is_some()),
        (Feature::Store, request.store == Some(true)),
    ] {
        if there {
            lose(feature, request.origin, Protocol::Messages, losses);
        }
    }
    if sampling.top_logprobs.is_some_and(|count| count > 0) {
        let target = Protocol::Messages;
        lose_at(Feature::Logprobs, "top_logprobs", target, losses);
    }
}

fn stops<'r>(request: &'r Request<'_>, wire: &mut wire::Request<'r>, losses: &mut Losses) {
    let mut stops = Vec::with_capacity(request.sampling.stop.len());
    for stop in &request.sampling.stop {
        if stop.trim().is_empty() {
            losses.dropped(
                Feature::Stop.path(request.origin),
                Feature::Stop.note(Protocol::Messages),
            );
        } else {
            stops.push(stop.reborrow());
        }
    }
    wire.stop_sequences = (!stops.is_empty()).then_some(stops);
}

fn service_tier(request: &Request<'_>, losses: &mut Losses) -> Option<Str<'static>> {
    match request.service_tier.as_deref()? {
        "auto" => Some(Str::borrowed("auto")),
        "default" => Some(Str::borrowed("standard_only")),
        _ => {
            lose(
                Feature::ServiceTier,
                request.origin,
                Protocol::Messages,
                losses,
            );
            None
        }
    }
}
