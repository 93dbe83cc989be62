//! Seals of ours in a body that goes on within the client's own protocol (T1, T6, case 63).
//!
//! A conversation may move from an upstream of another protocol to one of the client's own. Its
//! history then holds seals that only the translators know, and the vendor would refuse what it
//! did not issue. Nothing is translated here, so nothing is built anew: the parts that hold such a
//! seal are cut out and every other byte stays. A seal of this very upstream, which it gave while
//! its answers were translated, becomes its own value again.
//!
//! What is cut depends on the part alone, so a longer history still begins with the bytes of the
//! shorter one (T5).
//!
//! A search that the client was shown goes with its seal: the block alone would claim that this
//! provider has run it.
//!
//! Refuses to let any seal of ours through, whole or damaged; a body without one is looked through
//! once and not parsed.

mod chat;
mod messages;
mod responses;

use std::collections::HashSet;

use proxai_ir::{At, Losses};
use proxai_json::{Container, Doc, Edit, Span};
use proxai_types::Protocol;

use crate::features::Feature;
use crate::seal::{self, Opened};

/// Why a seal that was changed is not sent.
const CHANGED: &str = "the seal was changed on the way and can no longer be opened";

/// The body without what belongs to others, and with what belongs to `issuer` in its own form;
/// `None` if it can be sent as it is.
pub fn in_place(
    protocol: Protocol,
    issuer: &str,
    body: &[u8],
    losses: &mut Losses,
) -> Option<Vec<u8>> {
    if !seal::stands_in(body) {
        return None;
    }
    let doc = Doc::scan(body).ok()?;
    let mut cut = Cut {
        protocol,
        issuer,
        body,
        edit: Edit::new(body),
        losses,
        searches: HashSet::new(),
    };
    match protocol {
        Protocol::Chat => chat::walk(&doc, &mut cut),
        Protocol::Responses => responses::walk(&doc, &mut cut),
        Protocol::Messages => messages::walk(&doc, &mut cut),
    }
    if cut.edit.is_empty() {
        return None;
    }
    let done = cut.edit.finish();
    debug_assert!(done.is_ok(), "each part is changed once: {done:?}");
    done.ok()
}

/// What one body is cut with.
struct Cut<'b, 'l> {
    protocol: Protocol,
    issuer: &'b str,
    body: &'b [u8],
    edit: Edit<'b>,
    losses: &'l mut Losses,
    /// Ids of searches whose seals are cut.
    searches: HashSet<String>,
}

/// What a member that may hold a seal holds.
enum Found {
    /// A value of the vendor's, or none.
    Native,
    /// The upstream's own value and the id it gave.
    Home { data: String, id: Option<String> },
    /// Nothing for this upstream.
    Away(Away),
}

/// Why a seal goes no further.
enum Away {
    Changed,
    Search,
    /// A thought, or what the client got beside the call of this id.
    Other(Option<String>),
}

impl Away {
    /// The reason that the table gives.
    fn why(&self, target: Protocol, is_call: impl FnOnce(&str) -> bool) -> &'static str {
        match self {
            Self::Changed => CHANGED,
            Self::Search => Feature::SearchHistory.note(target),
            Self::Other(Some(id)) if is_call(id) => Feature::CallSeal.note(target),
            Self::Other(_) => Feature::ReasoningHistory.note(target),
        }
    }
}

impl Cut<'_, '_> {
    /// Opens what stands at `span`. The id of a search is remembered.
    fn look(&mut self, span: Option<Span>) -> Found {
        let Some(text) = span.and_then(|span| span.string(self.body)) else {
            return Found::Native;
        };
        let (sealed, id) = match seal::open(&text) {
            Opened::Native => return Found::Native,
            Opened::Broken => return Found::Away(Away::Changed),
            Opened::Sealed { sealed, id } => (sealed, id),
        };
        if seal::item_of(&sealed).is_some() {
            self.searches.extend(id);
            return Found::Away(Away::Search);
        }
        if !seal::belongs_to(&sealed, self.protocol, self.issuer) {
            return Found::Away(Away::Other(id));
        }
        Found::Home {
            data: sealed.data.into_string(),
            id,
        }
    }

    fn lose(&mut self, at: At, why: &'static str) {
        self.losses.dropped(at, why);
    }

    /// The object at `span`, if it is one.
    fn object(&self, span: Span) -> Option<Container> {
        (span.kind(self.body) == b'{')
            .then(|| Container::scan(self.body, span).ok())
            .flatten()
    }

    /// The list at member `key`, if it is one.
    fn list(&self, object: &Container, key: &str) -> Option<Container> {
        let span = object.value(self.body, key)?;
        (span.kind(self.body) == b'[')
            .then(|| Container::scan(self.body, span).ok())
            .flatten()
    }

    /// Whether member `key` is this text.
    fn says(&self, object: &Container, key: &str, text: &str) -> bool {
        self.string(object, key).is_some_and(|said| said == text)
    }

    fn string(&self, object: &Container, key: &str) -> Option<std::borrow::Cow<'_, str>> {
        object.value(self.body, key)?.string(self.body)
    }

    /// Whether one of the cut searches may be told of in `span`.
    fn tells_of_search(&self, span: Span) -> bool {
        let text = span.of(self.body);
        let mut ids = self.searches.iter();
        ids.any(|id| memchr::memmem::find(text, id.as_bytes()).is_some())
    }
}

/// A JSON string.
fn quoted(text: &str) -> Vec<u8> {
    serde_json::to_vec(text).expect("a string serialises")
}

#[cfg(test)]
mod tests;
