//! Reasoning: `reasoning_content`, `reasoning` and `reasoning_details`.
//!
//! `reasoning_details` is an array that its vendor wants back as it was, so in the hub it is a
//! seal: the JSON text of the array. A message's `extra_content`, where another vendor puts the
//! signature of a whole message, is sealed too; the two are told apart by their first character.
//!
//! Towards clients the array carries seals of other protocols (T6): one `reasoning.encrypted`
//! block per reasoning part, with the number of bytes of `reasoning_content` it stands for, so
//! that several parts can be told apart again when the client sends the joined text back.

use proxai_chat as wire;
use proxai_chat::ReasoningDetail;
use proxai_ir::{At, Losses, Reasoning, Sealed};
use proxai_json::{Extra, RawValue, Str};
use proxai_types::Protocol;

use crate::reasoning::{ReasoningField, ReasoningFields};
use crate::seal::{self, Opened};

/// The `format` of blocks that carry a seal of ours.
const FORMAT: &str = "proxai-v1";

/// Most bytes of reasoning details that are collected from one stream; more are not sealed.
const MAX_COLLECTED: usize = 8 << 20;

/// What a block counts beside its text, so that empty ones are bounded too.
const BLOCK_OVERHEAD: usize = 64;

/// Reads `reasoning_details`; what is not such an array gives nothing.
pub(super) fn parse(details: &str) -> Vec<ReasoningDetail<'_>> {
    serde_json::from_str(details).unwrap_or_default()
}

/// The text of the blocks, for vendors that give it only there.
pub(super) fn text_of(details: &[ReasoningDetail<'_>]) -> String {
    let text = |detail: &ReasoningDetail<'_>| {
        let text = detail.text.as_deref().or(detail.summary.as_deref());
        text.unwrap_or_default().to_owned()
    };
    details.iter().map(text).collect()
}

/// Whether the text is a summary.
pub(super) fn is_summary(details: &[ReasoningDetail<'_>]) -> bool {
    details
        .first()
        .is_some_and(|detail| detail.r#type == "reasoning.summary")
}

/// The members of a message or delta that may hold reasoning.
pub(super) struct Members<'a> {
    pub(super) content: Option<Str<'a>>,
    pub(super) reasoning: Option<Str<'a>>,
    pub(super) text: Option<Str<'a>>,
    pub(super) thinking: Option<&'a RawValue>,
    pub(super) details: Option<wire::Raw<'a>>,
}

impl<'a> Members<'a> {
    /// The text of the first member that has one, and the blocks. Blocks that come first have no
    /// text beside them: what they say is theirs.
    pub(super) fn choose(
        mut self,
        fields: ReasoningFields,
    ) -> (Option<Str<'a>>, Option<wire::Raw<'a>>) {
        let mut blocks = false;
        let mut text = None;
        for field in fields.iter() {
            let found = match field {
                ReasoningField::ReasoningContent => self.content.take(),
                ReasoningField::Reasoning => self.reasoning.take(),
                ReasoningField::ReasoningText => self.text.take(),
                ReasoningField::Thinking => self
                    .thinking
                    .and_then(|raw| serde_json::from_str::<String>(raw.get()).ok())
                    .map(Str::from),
                ReasoningField::ReasoningDetails => {
                    blocks = true;
                    let says = |details: &wire::Raw<'_>| !text_of(&parse(details.get())).is_empty();
                    if text.is_none() && self.details.as_ref().is_some_and(says) {
                        break;
                    }
                    None
                }
            };
            if text.is_none() {
                text = found.filter(|text| !text.is_empty());
            }
        }
        (text, self.details.filter(|_| blocks))
    }
}

/// The reasoning of an upstream's whole message.
pub(super) fn from_answer<'a>(
    text: Option<Str<'a>>,
    details: Option<wire::Raw<'a>>,
) -> Option<Reasoning<'a>> {
    let details = details.map(wire::Raw::into_text).unwrap_or_default();
    let blocks = parse(&details);
    let text = text.filter(|text| !text.is_empty());
    if blocks.is_empty() && text.is_none() {
        return None;
    }
    let summary = is_summary(&blocks);
    let text = text.unwrap_or_else(|| text_of(&blocks).into());
    let sealed = !blocks.is_empty();
    drop(blocks);
    Some(Reasoning {
        redacted: text.is_empty(),
        text,
        summary,
        sealed: sealed.then(|| native(details)),
        ..Reasoning::default()
    })
}

/// A vendor's own value, as the hub holds it.
pub(super) const fn native(data: Str<'_>) -> Sealed<'_> {
    Sealed {
        origin: Protocol::Chat,
        issuer: None,
        data,
    }
}

/// A seal that stands alone, such as the signature of a whole message.
pub(super) fn lone_seal(data: Str<'_>) -> Reasoning<'_> {
    Reasoning {
        redacted: true,
        sealed: Some(native(data)),
        ..Reasoning::default()
    }
}

/// The block that carries a seal to the client.
pub(super) fn sealed_block(
    sealed: &Sealed<'_>,
    issuer: &str,
    id: Option<&str>,
    index: usize,
    length: usize,
    redacted: bool,
) -> ReasoningDetail<'static> {
    ReasoningDetail {
        r#type: Str::borrowed("reasoning.encrypted"),
        data: Some(seal::wrap(sealed, issuer, id).into()),
        format: Some(Str::borrowed(FORMAT)),
        index: Some((index as u64).into()),
        length: (length > 0).then_some(length as u64),
        redacted: redacted.then_some(true),
        ..ReasoningDetail::default()
    }
}

/// The reasoning of an assistant message in a client's history.
pub(super) fn from_history<'a>(
    text: Option<Str<'a>>,
    details: Option<wire::Raw<'a>>,
    places: [At; 2],
    losses: &mut Losses,
) -> Vec<Reasoning<'a>> {
    let [text_at, details_at] = places;
    let text = text.unwrap_or_default();
    let details = details.map(wire::Raw::into_text).unwrap_or_default();
    let mut ours = Vec::new();
    let mut others: Vec<String> = Vec::new();
    for block in serde_json::from_str::<Vec<&RawValue>>(&details).unwrap_or_default() {
        let detail: ReasoningDetail<'_> = serde_json::from_str(block.get()).unwrap_or_default();
        match seal::open(detail.data.as_deref().unwrap_or_default()) {
            Opened::Native => others.push(block.get().to_owned()),
            Opened::Broken => losses.dropped(details_at, "a sealed block was changed on the way"),
            Opened::Sealed { sealed, id } => ours.push(Restored {
                length: usize::try_from(detail.length.unwrap_or(0)).unwrap_or(usize::MAX),
                reasoning: Reasoning {
                    id: id.map(Str::from),
                    redacted: detail.redacted.unwrap_or(false),
                    sealed: Some(sealed),
                    ..Reasoning::default()
                },
            }),
        }
    }
    let mut found = Vec::new();
    if ours.is_empty() {
        if others.is_empty() {
            if !text.is_empty() {
                found.push(Reasoning {
                    text,
                    ..Reasoning::default()
                });
            }
            return found;
        }
        let blocks = parse(&details);
        let summary = is_summary(&blocks);
        let text = if text.is_empty() {
            text_of(&blocks).into()
        } else {
            text
        };
        drop(blocks);
        found.push(Reasoning {
            redacted: text.is_empty(),
            text,
            summary,
            sealed: Some(native(details)),
            ..Reasoning::default()
        });
        return found;
    }
    share_out(&mut ours, &text, text_at, losses);
    found.extend(ours.into_iter().map(|restored| restored.reasoning));
    if !others.is_empty() {
        found.push(lone_seal(format!("[{}]", others.join(",")).into()));
    }
    found
}

struct Restored<'a> {
    length: usize,
    reasoning: Reasoning<'a>,
}

/// Gives each seal its piece of the text. A text that was changed cannot be split, and a seal
/// would not fit it; the seals go back alone then, which their issuers accept.
fn share_out(ours: &mut [Restored<'_>], text: &str, at: At, losses: &mut Losses) {
    let whole = ours
        .iter()
        .fold(0_usize, |sum, restored| sum.saturating_add(restored.length));
    if text.is_empty() {
        return;
    }
    let mut rest = text;
    let mut pieces = Vec::with_capacity(ours.len());
    if whole == text.len() {
        for restored in ours.iter() {
            let Some((piece, tail)) = rest.split_at_checked(restored.length) else {
                break;
            };
            pieces.push(piece);
            rest = tail;
        }
    }
    if pieces.len() != ours.len() {
        losses.approximated(
            at,
            "it is not the text that was sealed; only the sealed form is sent",
        );
        return;
    }
    for (restored, piece) in ours.iter_mut().zip(pieces) {
        restored.reasoning.text = piece.to_owned().into();
    }
}

/// Joins the arrays of several seals into one.
pub(super) fn join_arrays(into: &mut String, array: &str) {
    let inner = array
        .trim()
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .map_or("", str::trim);
    if inner.is_empty() {
        return;
    }
    if into.is_empty() {
        into.push('[');
    } else {
        into.pop();
        into.push(',');
    }
    into.push_str(inner);
    into.push(']');
}

/// Collects the blocks of a stream, joining the pieces of a text that were sent one by one.
#[derive(Debug, Default)]
pub(super) struct Collector {
    blocks: Vec<ReasoningDetail<'static>>,
    bytes: usize,
}

impl Collector {
    /// Adds the blocks of one chunk.
    pub(super) fn push(&mut self, blocks: Vec<ReasoningDetail<'_>>) {
        for block in blocks {
            let members = [&block.text, &block.summary, &block.data, &block.signature];
            self.bytes += BLOCK_OVERHEAD;
            self.bytes += members
                .iter()
                .map(|m| m.as_deref().map_or(0, str::len))
                .sum::<usize>();
            if self.bytes > MAX_COLLECTED {
                self.blocks.clear();
                continue;
            }
            match self.blocks.last_mut() {
                Some(last) if continues(last, &block) => join(last, block),
                _ => self.blocks.push(owned(block)),
            }
        }
    }

    /// Whether nothing was collected.
    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The array so far, which begins anew.
    pub(super) fn take(&mut self) -> Option<String> {
        if self.blocks.is_empty() {
            return None;
        }
        Some(proxai_json::to_string(&std::mem::take(&mut self.blocks)))
    }
}

fn continues(last: &ReasoningDetail<'_>, next: &ReasoningDetail<'_>) -> bool {
    let pieces = next.text.is_some() || next.summary.is_some() || next.signature.is_some();
    pieces && next.data.is_none() && last.r#type == next.r#type && last.index == next.index
}

fn join(last: &mut ReasoningDetail<'static>, next: ReasoningDetail<'_>) {
    fn append(slot: &mut Option<Str<'static>>, more: Option<Str<'_>>) {
        if let Some(more) = more {
            slot.get_or_insert_default().0.to_mut().push_str(&more);
        }
    }
    append(&mut last.text, next.text);
    append(&mut last.summary, next.summary);
    if let Some(signature) = next.signature {
        last.signature = Some(signature.into_static());
    }
    if let Some(format) = next.format {
        last.format = Some(format.into_static());
    }
}

fn owned(block: ReasoningDetail<'_>) -> ReasoningDetail<'static> {
    ReasoningDetail {
        r#type: block.r#type.into_static(),
        text: block.text.map(Str::into_static),
        summary: block.summary.map(Str::into_static),
        data: block.data.map(Str::into_static),
        signature: block.signature.map(Str::into_static),
        id: block.id.map(Str::into_static),
        format: block.format.map(Str::into_static),
        index: block.index,
        length: block.length,
        redacted: block.redacted,
        extra: Extra::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Option<wire::Raw<'_>> {
        wire::Raw::view(text)
    }

    fn sealed(data: &'static str) -> Sealed<'static> {
        Sealed {
            origin: Protocol::Messages,
            issuer: None,
            data: data.into(),
        }
    }

    /// Where text and details stand.
    fn places() -> [At; 2] {
        let at = At::item("messages", 1);
        [
            at.member("reasoning_content"),
            at.member("reasoning_details"),
        ]
    }

    fn members<'a>() -> Members<'a> {
        Members {
            content: Some("".into()),
            reasoning: Some("r".into()),
            text: Some("t".into()),
            thinking: serde_json::from_str(r#""h""#).ok(),
            details: raw(r#"[{"type":"reasoning.text","text":"d"}]"#),
        }
    }

    #[test]
    fn reasoning_is_read_where_the_provider_is_known_to_put_it() {
        use ReasoningField::{
            Reasoning, ReasoningContent, ReasoningDetails, ReasoningText, Thinking,
        };
        let read = |fields: &[ReasoningField]| {
            let (text, details) = members().choose(fields.iter().copied().collect());
            (text.map(|text| text.as_str().to_owned()), details.is_some())
        };
        for (fields, text, blocks) in [
            (&[ReasoningContent][..], None, false),
            (&[ReasoningContent, Reasoning], Some("r"), false),
            (&[Thinking, Reasoning], Some("h"), false),
            (&[ReasoningText], Some("t"), false),
            (&[Reasoning, ReasoningDetails], Some("r"), true),
            (&[ReasoningDetails, Reasoning], None, true),
        ] {
            assert_eq!(
                read(fields),
                (text.map(str::to_owned), blocks),
                "{fields:?}"
            );
        }
        let (text, details) = members().choose(ReasoningFields::default());
        assert_eq!((text.as_deref(), details.is_some()), (Some("r"), true));
    }

    #[test]
    fn joined_texts_are_split_again_for_their_seals() {
        let blocks = vec![
            sealed_block(&sealed("s1"), "up", Some("rs_1"), 0, "Ää".len(), false),
            sealed_block(&sealed("s2"), "up", None, 1, "b".len(), false),
            sealed_block(&sealed("s3"), "up", None, 2, 0, true),
        ];
        let details = proxai_json::to_string(&blocks);
        let mut losses = Losses::new();
        let found = from_history(Some("Ääb".into()), raw(&details), places(), &mut losses);
        let view: Vec<_> = found
            .iter()
            .map(|r| {
                let seal = r.sealed.as_ref().unwrap();
                (r.text.as_str(), seal.data.as_str(), r.redacted)
            })
            .collect();
        assert_eq!(
            view,
            [("Ää", "s1", false), ("b", "s2", false), ("", "s3", true)]
        );
        assert_eq!(found[0].id.as_deref(), Some("rs_1"));
        assert_eq!(
            found[0].sealed.as_ref().unwrap().issuer.as_deref(),
            Some("up")
        );
        assert!(losses.is_empty());
    }

    #[test]
    fn a_changed_text_goes_without_and_is_reported() {
        let blocks = vec![sealed_block(&sealed("s1"), "up", None, 0, 3, false)];
        let details = proxai_json::to_string(&blocks);
        let mut losses = Losses::new();
        let found = from_history(Some("other".into()), raw(&details), places(), &mut losses);
        assert_eq!(found[0].text, "");
        assert_eq!(found[0].sealed.as_ref().unwrap().data, "s1");
        assert_eq!(
            losses.iter().next().unwrap().path,
            "messages[1].reasoning_content"
        );
    }

    #[test]
    fn blocks_of_a_vendor_stay_as_they_are() {
        let details = r#"[ {"type":"reasoning.text","text":"a","signature":"x","odd":1} ]"#;
        let found = from_history(None, raw(details), places(), &mut Losses::new());
        assert_eq!(found[0].text, "a");
        assert_eq!(found[0].sealed.as_ref().unwrap().data, details);
        let answer = from_answer(None, raw(details)).unwrap();
        assert_eq!((answer.text.as_str(), answer.redacted), ("a", false));
    }

    #[test]
    fn a_broken_seal_is_dropped_and_reported() {
        let details = r#"[{"type":"reasoning.encrypted","data":"proxai1.messages.dXA.0.AAAA"}]"#;
        let mut losses = Losses::new();
        let found = from_history(None, raw(details), places(), &mut losses);
        assert!(found.is_empty());
        let paths: Vec<&str> = losses.iter().map(|loss| loss.path.as_str()).collect();
        assert_eq!(paths, ["messages[1].reasoning_details"]);
    }

    #[test]
    fn pieces_of_a_stream_become_whole_blocks() {
        let mut collector = Collector::default();
        for chunk in [
            r#"[{"type":"reasoning.text","text":"We ","index":0}]"#,
            r#"[{"type":"reasoning.text","text":"need","index":0}]"#,
            r#"[{"type":"reasoning.text","signature":"sig","index":0}]"#,
            r#"[{"type":"reasoning.encrypted","data":"AA","index":1}]"#,
        ] {
            collector.push(parse(chunk));
        }
        assert_eq!(
            collector.take().unwrap(),
            r#"[{"type":"reasoning.text","text":"We need","signature":"sig","index":0},{"type":"reasoning.encrypted","data":"AA","index":1}]"#
        );
        assert!(collector.is_empty());
    }

    #[test]
    fn arrays_are_joined_as_text() {
        let mut joined = String::new();
        for array in ["[1]", "[]", " [2, 3] "] {
            join_arrays(&mut joined, array);
        }
        assert_eq!(joined, "[1,2, 3]");
    }
}
