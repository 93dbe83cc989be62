//! What each protocol can say, as data.
//!
//! One row per feature of a request: how each protocol spells it and how a target holds it. The
//! encoders report a loss by naming the feature, so the reason a client reads, the table in
//! `docs/compatibility.md` and the behaviour come from the same row. A feature that a target has
//! natively must never be reported as lost, and one that is refused is no loss; [`lose`] checks
//! both (T4). That the adapters do what each cell says, with its words, is tested cell by cell
//! against requests of every client (`tests/it/table`).

mod label;
mod spelling;
mod table;

use std::fmt;

use proxai_ir::{At, CacheMark, LossKind, Losses};
use proxai_types::Protocol;

use crate::adapter::RequestError;

pub use label::{OTHER, label};
pub(crate) use spelling::as_sent;
pub use spelling::{SYSTEM_MESSAGES, respell};
pub use table::TABLE;

/// Something a request can ask for or contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
#[expect(missing_docs, reason = "each is described by its row in the table")]
pub enum Feature {
    MaxOutputTokens,
    Temperature,
    TopP,
    TopK,
    FrequencyPenalty,
    PresencePenalty,
    Seed,
    Stop,
    SeveralAnswers,
    Logprobs,
    LogitBias,
    ReasoningEffort,
    ReasoningBudget,
    ReasoningSummary,
    ReasoningOff,
    ReasoningHistory,
    CallSeal,
    FunctionTool,
    CustomTool,
    ToolGrammar,
    NamespaceTool,
    NativeTool,
    WebSearch,
    SearchDomains,
    SearchBlockedDomains,
    SearchLimit,
    SearchContextSize,
    SearchLocation,
    SearchHistory,
    HostedTool,
    DeferredTool,
    StrictSchema,
    ToolChoice,
    AllowedTools,
    ParallelToolCalls,
    ToolResultError,
    ToolResultMedia,
    JsonSchema,
    FormatName,
    FormatDescription,
    JsonObject,
    Verbosity,
    Image,
    ImageDetail,
    Document,
    DocumentAddress,
    DocumentType,
    DocumentTitle,
    DocumentContext,
    Citations,
    CitationHistory,
    UploadedFile,
    Audio,
    Video,
    SystemTurn,
    SpeakerName,
    Prefill,
    Refusal,
    CacheAutomatic,
    CacheMark,
    CacheKey,
    CacheRetention,
    EndUser,
    Metadata,
    ServiceTier,
    Store,
    PreviousResponse,
    OpaquePart,
}

/// How a target holds a feature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// As it is, perhaps under another name.
    Native,
    /// In another form that means the same.
    Mapped(&'static str),
    /// In a form that comes close; reported.
    Approximated(&'static str),
    /// Not at all; reported.
    Dropped(&'static str),
    /// Not at all, and leaving it out would mislead: the request is refused.
    Refused(&'static str),
}

impl Support {
    /// The word used in tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Mapped(_) => "mapped",
            Self::Approximated(_) => "approximated",
            Self::Dropped(_) => "dropped",
            Self::Refused(_) => "refused",
        }
    }

    /// How or why.
    pub const fn note(self) -> &'static str {
        match self {
            Self::Native => "",
            Self::Mapped(note)
            | Self::Approximated(note)
            | Self::Dropped(note)
            | Self::Refused(note) => note,
        }
    }
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The feature.
    pub feature: Feature,
    /// What it is, for people.
    pub title: &'static str,
    /// How Chat, Responses and Messages spell it in a request; empty where they cannot.
    pub paths: [&'static str; 3],
    /// How a Chat, Responses and Messages target holds it.
    pub targets: [Support; 3],
}

impl Feature {
    /// Its row.
    pub fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// How a protocol spells it; the title where it cannot.
    pub fn path(self, protocol: Protocol) -> &'static str {
        let row = self.row();
        let path = row.paths[protocol.index()];
        if path.is_empty() { row.title } else { path }
    }

    /// Where it stands in `element` of a list, such as a part or a tool, as a protocol spells it;
    /// a member of the message where the protocol has it beside the parts.
    pub fn within(self, element: At, protocol: Protocol) -> String {
        let Some((list, member)) = self.row().paths[protocol.index()].rsplit_once("[].") else {
            return element.to_string();
        };
        // Tools stand in tools and in items; what is spelled as theirs is theirs wherever they do.
        let beside = !list.contains("[]") && element.member != "tools";
        let element = if beside { element.member("") } else { element };
        format!("{element}.{member}")
    }

    /// How a target holds it.
    pub fn support(self, target: Protocol) -> Support {
        self.row().targets[target.index()]
    }

    /// How or why a target holds it so: the reason too of what is lost, in some requests only, of
    /// a feature that is otherwise mapped.
    pub fn note(self, target: Protocol) -> &'static str {
        self.support(target).note()
    }
}

/// The error for something at `path` without which the request would mislead `target`.
pub(crate) fn refused(feature: Feature, path: impl fmt::Display, target: Protocol) -> RequestError {
    let support = feature.support(target);
    debug_assert!(
        matches!(support, Support::Refused(_)),
        "{feature:?} is not refused for {target}"
    );
    RequestError::unsupported(path, support.note())
}

/// Reports a parameter that `target` cannot hold, under the client's spelling.
pub fn lose(feature: Feature, origin: Protocol, target: Protocol, losses: &mut Losses) {
    lose_at(feature, feature.path(origin), target, losses);
}

/// Reports a prompt-cache breakpoint of `element`, such as a part or a tool, that `target` cannot
/// hold.
pub(crate) fn lose_mark(
    mark: Option<&CacheMark<'_>>,
    element: At,
    target: Protocol,
    losses: &mut Losses,
) {
    if let Some(mark) = mark {
        let path = format_args!("{element}.{}", mark.member);
        lose_at(Feature::CacheMark, path, target, losses);
    }
}

/// The same for the breakpoint that the provider is to place.
pub(crate) fn lose_automatic(mark: Option<&CacheMark<'_>>, target: Protocol, losses: &mut Losses) {
    if let Some(mark) = mark {
        lose_at(Feature::CacheAutomatic, mark.member, target, losses);
    }
}

/// Reports something at `path` that `target` cannot hold.
pub fn lose_at(feature: Feature, path: impl fmt::Display, target: Protocol, losses: &mut Losses) {
    let (kind, why) = match feature.support(target) {
        Support::Approximated(why) => (LossKind::Approximated, why),
        Support::Dropped(why) => (LossKind::Dropped, why),
        support => {
            debug_assert!(
                false,
                "{feature:?} is {} for {target} and cannot be lost",
                support.name()
            );
            return;
        }
    };
    losses.push(path, kind, why);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_has_its_row() {
        for (at, row) in TABLE.iter().enumerate() {
            assert_eq!(
                row.feature as usize, at,
                "{:?} is out of order",
                row.feature
            );
            assert!(
                row.paths.iter().any(|path| !path.is_empty()),
                "{:?}",
                row.feature
            );
            for support in row.targets {
                assert_eq!(support == Support::Native, support.note().is_empty());
            }
        }
        assert_eq!(TABLE.len(), Feature::OpaquePart as usize + 1);
    }

    #[test]
    fn a_loss_is_named_as_the_client_spells_it() {
        let mut losses = Losses::new();
        lose(
            Feature::Stop,
            Protocol::Messages,
            Protocol::Responses,
            &mut losses,
        );
        assert_eq!(losses.iter().next().unwrap().path, "stop_sequences");
    }
}
