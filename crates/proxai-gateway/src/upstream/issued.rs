//! Who issued the ids and seals that clients of Responses give back as they got them (case 118).
//!
//! A stored answer, an item that is only named and an encrypted thought mean something to nobody but
//! the provider that made them, and do not say who that is. So what passes is remembered, where a
//! route has several providers and nowhere else: as numbers, so many and no more, the oldest
//! forgotten first. What is forgotten, or was issued through another process, is found by its
//! refusals.
//!
//! Lives as long as the gateway: providers are known by their names, so a reload forgets nothing.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use memchr::memmem;
use proxai_json::{Container, Doc, Span};

/// How many ids and seals are remembered: some two million bytes, and the latest of ten thousand
/// conversations.
const MAX_REMEMBERED: usize = 1 << 16;

/// How many of the latest items of a request are looked up. Those before them have the same origin,
/// or are worth less.
const MAX_LOOKED_UP: usize = 64;

/// An id or a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Mark(u64);

/// A provider, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Name(u64);

/// What was issued, and by whom.
#[derive(Debug, Default)]
pub(crate) struct Issued {
    /// Its keys are of this process, so nobody can make two seals that are taken for one.
    hasher: RandomState,
    marks: Mutex<Marks>,
}

#[derive(Debug, Default)]
struct Marks {
    issuers: HashMap<Mark, Name>,
    /// The oldest first.
    order: VecDeque<Mark>,
}

impl Marks {
    fn put(&mut self, mark: Mark, issuer: Name) {
        if self.issuers.insert(mark, issuer).is_none() {
            self.order.push_back(mark);
        }
        if self.order.len() > MAX_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.issuers.remove(&oldest);
        }
    }
}

impl Issued {
    /// How a provider is known here.
    pub(crate) fn name(&self, provider: &str) -> Name {
        Name(self.hasher.hash_one(provider))
    }

    fn mark(&self, text: &str) -> Mark {
        Mark(self.hasher.hash_one(text))
    }

    fn put(&self, marks: &[Mark], issuer: Name) {
        if marks.is_empty() {
            return;
        }
        let mut held = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        for mark in marks {
            held.put(*mark, issuer);
        }
    }

    fn issuer(&self, text: &str) -> Option<Name> {
        let mark = self.mark(text);
        let held = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        held.issuers.get(&mark).copied()
    }

    fn is_empty(&self) -> bool {
        let held = self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        held.order.is_empty()
    }

    /// To whom a path such as `/v1/responses/resp_1/cancel` belongs.
    pub(crate) fn of_path(&self, path: &str) -> Option<Name> {
        path.split('/').rev().find_map(|part| self.issuer(part))
    }

    /// To whom a Responses request belongs: to who has the answer that it goes on from, else to who
    /// issued the latest item that only its issuer can read. `None` if that is not known, or if the
    /// latest is sealed by us and names its issuer itself.
    pub(crate) fn of_request(&self, body: &[u8]) -> Option<Name> {
        if self.is_empty() {
            return None;
        }
        let doc = Doc::scan(body).ok()?;
        let named = |key: &str| self.issuer(&doc.str(key)?);
        let conversation = || {
            let object = doc.child("conversation")?;
            self.issuer(&object.value(body, "id")?.string(body)?)
        };
        let state = named("previous_response_id")
            .or_else(|| named("conversation"))
            .or_else(conversation);
        if state.is_some() {
            return state;
        }
        let input = doc.child("input")?;
        for item in input.items.iter().rev().take(MAX_LOOKED_UP) {
            let Ok(item) = Container::scan(body, item.value) else {
                continue;
            };
            let text = |key: &str| item.value(body, key)?.string(body);
            let encrypted = text("encrypted_content");
            if encrypted.as_deref().is_some_and(|text| {
                proxai_translate::seal::latest_issuer(text.as_bytes()).is_some()
            }) {
                return None;
            }
            // Only these are looked for where they were issued; the id of a message is decoration,
            // and of some servers always the same.
            let is_looked_for = matches!(
                text("type").as_deref(),
                Some("item_reference" | "reasoning")
            );
            let issuer = encrypted
                .and_then(|text| self.issuer(&text))
                .or_else(|| self.issuer(&text("id").filter(|_| is_looked_for)?));
            if issuer.is_some() {
                return issuer;
            }
        }
        None
    }
}

/// Takes note of what one answer issues.
#[derive(Clone, Debug)]
pub(crate) struct Noting {
    issued: Arc<Issued>,
    issuer: Name,
}

impl Noting {
    pub(crate) fn new(issued: &Arc<Issued>, provider: &str) -> Self {
        Self {
            issuer: issued.name(provider),
            issued: Arc::clone(issued),
        }
    }

    /// A whole answer.
    pub(crate) fn answer(&self, body: &[u8]) {
        if let Ok(doc) = Doc::scan(body) {
            self.response(body, &doc.root);
        }
    }

    /// An event of a stream. Those that issue nothing, which are nearly all, are not read.
    pub(crate) fn event(&self, name: Option<&str>, data: &[u8]) {
        let name = name.unwrap_or_else(|| kind_of(data));
        let read = |member: &str| {
            let doc = Doc::scan(data).ok()?;
            doc.child(member)
        };
        match name {
            "response.created" | "response.completed" | "response.incomplete" => {
                if let Some(response) = read("response") {
                    self.response(data, &response);
                }
            }
            "response.output_item.done" => {
                if let Some(item) = read("item") {
                    let mut marks = Vec::with_capacity(2);
                    self.item(data, &item, &mut marks);
                    self.issued.put(&marks, self.issuer);
                }
            }
            _ => {}
        }
    }

    fn response(&self, body: &[u8], response: &Container) {
        let mut marks = Vec::new();
        self.push(body, response.value(body, "id"), &mut marks);
        if let Some(conversation) = response.child(body, "conversation") {
            self.push(body, conversation.value(body, "id"), &mut marks);
        }
        if let Some(output) = response.child(body, "output") {
            for item in &output.items {
                if let Ok(item) = Container::scan(body, item.value) {
                    self.item(body, &item, &mut marks);
                }
            }
        }
        self.issued.put(&marks, self.issuer);
    }

    fn item(&self, body: &[u8], item: &Container, marks: &mut Vec<Mark>) {
        self.push(body, item.value(body, "id"), marks);
        self.push(body, item.value(body, "encrypted_content"), marks);
    }

    fn push(&self, body: &[u8], value: Option<Span>, marks: &mut Vec<Mark>) {
        let text = value.and_then(|value| value.string(body));
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            marks.push(self.issued.mark(&text));
        }
    }
}

/// The name of an event that only its data tell: one that issues something, or nothing.
fn kind_of(data: &[u8]) -> &'static str {
    /// Where the type stands in what every vendor sends.
    const HEAD: usize = 128;
    let head = data.get(..HEAD).unwrap_or(data);
    [
        "response.created",
        "response.completed",
        "response.incomplete",
        "response.output_item.done",
    ]
    .into_iter()
    .find(|name| memmem::find(head, name.as_bytes()).is_some())
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noting(issued: &Arc<Issued>, provider: &str) -> Noting {
        Noting::new(issued, provider)
    }

    #[test]
    fn a_whole_answer_and_its_events_leave_the_same_marks() {
        let response = r#"{"id":"resp_1","conversation":{"id":"conv_1"},"output":[{"type":"reasoning","id":"rs_1","encrypted_content":"Enc\/1="},{"type":"message","id":"msg_1","content":[{"id":"no"}]}]}"#;
        let whole = Arc::<Issued>::default();
        noting(&whole, "a").answer(response.as_bytes());
        let streamed = Arc::<Issued>::default();
        for (name, data) in [
            (
                Some("response.created"),
                r#"{"type":"response.created","response":{"id":"resp_1","output":[]}}"#,
            ),
            (
                None,
                r#"{"type":"response.output_item.done","item":{"type":"reasoning","id":"rs_1","encrypted_content":"Enc/1="}}"#,
            ),
            (
                None,
                r#"{"type":"response.output_item.done","item":{"type":"message","id":"msg_1"}}"#,
            ),
            (
                Some("response.output_text.delta"),
                r#"{"type":"response.output_text.delta","item":{"id":"no"}}"#,
            ),
            (
                Some("response.completed"),
                r#"{"type":"response.completed","response":{"id":"resp_1","conversation":{"id":"conv_1"}}}"#,
            ),
        ] {
            noting(&streamed, "a").event(name, data.as_bytes());
        }
        for issued in [whole, streamed] {
            let own = issued.name("a");
            for text in ["resp_1", "conv_1", "rs_1", "Enc/1=", "msg_1"] {
                assert_eq!(issued.issuer(text), Some(own), "{text}");
            }
            assert_eq!(issued.issuer("no"), None);
            assert_eq!(issued.marks.lock().unwrap().order.len(), 5);
        }
    }

    #[test]
    fn a_request_belongs_to_who_has_its_state_and_else_to_who_issued_its_latest_item() {
        let issued = Arc::<Issued>::default();
        assert_eq!(issued.of_request(b"{}"), None);
        noting(&issued, "a").answer(
            br#"{"id":"resp_a","output":[{"id":"rs_a","encrypted_content":"A"},{"id":"msg_0"}]}"#,
        );
        noting(&issued, "b").answer(
            br#"{"id":"resp_b","output":[{"id":"rs_b","encrypted_content":"B"},{"id":"msg_0"}]}"#,
        );
        let [a, b] = ["a", "b"].map(|name| Some(issued.name(name)));
        let sealed = proxai_translate::seal::wrap(
            &proxai_translate::seal::item(proxai_types::Protocol::Messages, "{}").unwrap(),
            "c",
            None,
        );
        let sealed = format!(
            r#"{{"input":[{{"type":"reasoning","id":"rs_a","encrypted_content":"A"}},{{"type":"reasoning","id":"x","encrypted_content":"{sealed}"}}]}}"#
        );
        for (body, belongs) in [
            (
                r#"{"previous_response_id":"resp_a","input":[{"type":"item_reference","id":"rs_b"}]}"#,
                a,
            ),
            (r#"{"conversation":"resp_b"}"#, b),
            (r#"{"conversation":{"id":"resp_b"},"input":"hi"}"#, b),
            (
                r#"{"input":[{"type":"reasoning","encrypted_content":"A"},{"type":"reasoning","encrypted_content":"B"},{"role":"user","content":"B"}]}"#,
                b,
            ),
            (
                r#"{"input":[{"type":"reasoning","id":"rs_b","encrypted_content":"B"},{"type":"item_reference","id":"rs_a"}]}"#,
                a,
            ),
            // Changed by its client, but still named.
            (
                r#"{"input":[{"type":"reasoning","id":"rs_a","encrypted_content":"?"}]}"#,
                a,
            ),
            (
                r#"{"input":[{"type":"compaction","encrypted_content":"B"}]}"#,
                b,
            ),
            // Some servers name every message alike.
            (
                r#"{"input":[{"type":"reasoning","encrypted_content":"A"},{"type":"message","id":"msg_0"}]}"#,
                a,
            ),
            (r#"{"previous_response_id":"resp_c","input":"rs_a"}"#, None),
            (r#"{"input":[{"role":"user","content":"A"}]}"#, None),
            (&*sealed, None),
        ] {
            assert_eq!(issued.of_request(body.as_bytes()), belongs, "{body}");
        }
        assert_eq!(issued.of_path("/v1/responses/resp_b/input_items"), b);
        assert_eq!(issued.of_path("/v1/responses/resp_z"), None);
    }

    #[test]
    fn only_so_much_is_remembered_and_the_oldest_is_forgotten_first() {
        let issued = Arc::<Issued>::default();
        let noting = noting(&issued, "a");
        for count in 0..=MAX_REMEMBERED {
            noting.answer(format!(r#"{{"id":"resp_{count}"}}"#).as_bytes());
            // What is told again is not told twice.
            noting.answer(br#"{"id":"resp_0"}"#);
            if count == MAX_REMEMBERED - 1 {
                assert!(issued.issuer("resp_0").is_some());
            }
        }
        let marks = issued.marks.lock().unwrap();
        assert_eq!(marks.order.len(), MAX_REMEMBERED);
        assert_eq!(marks.issuers.len(), MAX_REMEMBERED);
        drop(marks);
        // It was the oldest, went, and came again; so the next one is gone.
        assert!(issued.issuer("resp_0").is_some());
        assert!(issued.issuer("resp_1").is_none());
        assert!(issued.issuer(&format!("resp_{MAX_REMEMBERED}")).is_some());
    }
}
