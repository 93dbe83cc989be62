//! What goes back of the thoughts of earlier turns, and what is reported of them (T4, T6).
//!
//! A thought has two halves, and one rule each. The seal is its issuer's: nobody else can open it,
//! so it goes to nobody else. The text is the client's own, like any other text of the history, so
//! it goes to whatever upstream wants thoughts back: some refuse a turn with a call that comes
//! without its thought, and a conversation that moves on to such an upstream would be lost.
//!
//! Where the seal stays behind, the upstream gets less than there was: perhaps a summary, and
//! nothing it could know for its own. That is reported as approximated, also where the same
//! provider sealed it under another protocol. It does not matter whether the seal is a vendor's or
//! an echo of ours: who does not own it learns nothing from it but the text, and the text is told.
//! A thought that nobody sealed is all text, so nothing of it is lost.
//!
//! Refuses to send a seal, an echo included, to anybody but its issuer.

use proxai_chat as wire;
use proxai_ir::{At, Losses, Reasoning};
use proxai_types::Protocol;

use crate::context::Target;
use crate::features::{Feature, lose_at};
use crate::seal;

/// Why a text without its seal is reported.
const TEXT_ALONE: &str = "the text is sent as reasoning, without the seal of who issued it";

/// What an upstream gets of one thought.
#[derive(Debug)]
pub(super) struct Sendable<'r> {
    /// For the member that holds reasoning; empty where nothing goes there.
    pub(super) text: &'r str,
    pub(super) seal: Option<Seal<'r>>,
}

/// What the upstream itself sealed.
#[derive(Debug)]
pub(super) enum Seal<'r> {
    /// The text of an array, `reasoning_details`.
    Details(&'r str),
    /// The signature of a call or of the whole message, `extra_content`.
    Extra(wire::Raw<'r>),
}

impl<'r> Seal<'r> {
    fn read(data: &'r str) -> Option<Self> {
        if data.trim_start().starts_with('[') {
            return Some(Self::Details(data));
        }
        wire::Raw::view(data).map(Self::Extra)
    }
}

/// Divides a thought into what may be sent, and reports what stays behind.
pub(super) fn sendable<'r>(
    at: At,
    thought: &'r Reasoning<'_>,
    target: &Target<'_>,
    losses: &mut Losses,
) -> Sendable<'r> {
    let sealed = thought.sealed.as_ref();
    let own = sealed.is_none_or(|seal| seal::belongs_to(seal, Protocol::Chat, target.issuer));
    let echoed = sealed.and_then(seal::echo_of);
    let search = sealed.and_then(seal::item_of).is_some();
    let text = match echoed {
        _ if search || !target.abilities.reasoning_echo => "",
        // The client may have kept nothing else.
        Some(carried) if !carried.is_empty() => carried,
        _ => thought.text.as_str(),
    };
    let seal = sealed
        .filter(|_| own && echoed.is_none() && !search)
        .and_then(|sealed| Seal::read(&sealed.data));
    if text.is_empty() && seal.is_none() {
        let feature = if search {
            Feature::SearchHistory
        } else {
            Feature::ReasoningHistory
        };
        lose_at(feature, at, Protocol::Chat, losses);
    } else if !own {
        losses.approximated(at, TEXT_ALONE);
    }
    Sendable { text, seal }
}

#[cfg(test)]
mod tests {
    use proxai_ir::Sealed;

    use super::*;

    const WANTED: &str = "messages[0] approximated: the text is sent as reasoning, without the seal of who issued it";
    const UNWANTED: &str = "messages[0] dropped: it goes back only to the provider that issued it";
    const SEARCH: &str = "messages[0] dropped: a search goes back only to the provider that ran it; its answer stays";

    fn from(issuer: &'static str, mut sealed: Sealed<'static>) -> Sealed<'static> {
        sealed.issuer = Some(issuer.into());
        sealed
    }

    fn vendor(origin: Protocol, data: &'static str) -> Sealed<'static> {
        Sealed {
            origin,
            issuer: None,
            data: data.into(),
        }
    }

    /// Text and seal that are sent, and the report, for a target that wants thoughts back or not.
    fn sent(
        text: &'static str,
        sealed: Option<&Sealed<'static>>,
        wants: bool,
    ) -> (String, String, String) {
        let mut target = Target::new("m", "up");
        target.abilities.reasoning_echo = wants;
        let thought = Reasoning {
            text: text.into(),
            sealed: sealed.cloned(),
            ..Reasoning::default()
        };
        let mut losses = Losses::new();
        let sendable = sendable(At::item("messages", 0), &thought, &target, &mut losses);
        let seal = match sendable.seal {
            Some(Seal::Details(array)) => array.to_owned(),
            Some(Seal::Extra(extra)) => extra.get().to_owned(),
            None => String::new(),
        };
        let losses: Vec<_> = losses.iter().map(ToString::to_string).collect();
        (sendable.text.to_owned(), seal, losses.join("; "))
    }

    #[test]
    fn a_seal_goes_to_its_issuer_alone_and_a_text_without_its_seal_is_reported() {
        use Protocol::{Chat, Messages, Responses};
        for (text, sealed, wanted, unwanted) in [
            ("hm", None, ("hm", "", ""), UNWANTED),
            (
                "hm",
                Some(from("up", seal::echo(""))),
                ("hm", "", ""),
                UNWANTED,
            ),
            (
                "",
                Some(from("up", seal::echo("hm"))),
                ("hm", "", ""),
                UNWANTED,
            ),
            (
                "hm",
                Some(from("other", seal::echo(""))),
                ("hm", "", WANTED),
                UNWANTED,
            ),
            (
                "",
                Some(from("other", seal::echo("hm"))),
                ("hm", "", WANTED),
                UNWANTED,
            ),
            (
                "",
                Some(from("other", seal::echo(""))),
                ("", "", UNWANTED),
                UNWANTED,
            ),
            (
                "hm",
                Some(from("up", vendor(Chat, "[1]"))),
                ("hm", "[1]", ""),
                "",
            ),
            ("", Some(from("up", vendor(Chat, "{}"))), ("", "{}", ""), ""),
            (
                "hm",
                Some(from("other", vendor(Chat, "[1]"))),
                ("hm", "", WANTED),
                UNWANTED,
            ),
            (
                "hm",
                Some(from("up", vendor(Messages, "s"))),
                ("hm", "", WANTED),
                UNWANTED,
            ),
            (
                "sum",
                Some(from("other", vendor(Responses, "E"))),
                ("sum", "", WANTED),
                UNWANTED,
            ),
            (
                "",
                Some(from("other", vendor(Responses, "E"))),
                ("", "", UNWANTED),
                UNWANTED,
            ),
            (
                "x",
                Some(from("up", seal::item(Messages, "{}").unwrap())),
                ("", "", SEARCH),
                SEARCH,
            ),
        ] {
            let case = format!("{text} {sealed:?}");
            let (told, seal, report) = sent(text, sealed.as_ref(), true);
            assert_eq!((&*told, &*seal, &*report), wanted, "{case}");
            let (told, seal, report) = sent(text, sealed.as_ref(), false);
            assert_eq!(
                (&*told, &*seal, &*report),
                ("", wanted.1, unwanted),
                "{case}"
            );
        }
    }
}
