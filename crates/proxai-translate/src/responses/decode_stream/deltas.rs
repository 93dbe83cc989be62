//! Pieces of items, and the events that repeat them whole.

use proxai_ir::{Content, Event, PartId, PartKind, Sink};
use proxai_json::{RawValue, Str};
use proxai_responses::{ContentPart, DeltaEvent};

use super::super::content::has_elements;
use super::super::items::{self, PARAGRAPH};
use super::super::progress::Progress;
use super::Decoder;
use super::slots::{Call, Piece, Slot, Thought};

/// Most content parts of one message.
const MAX_PARTS: usize = 10_000;

impl Decoder {
    /// The content part of a message, opened if it is new.
    pub(super) fn piece(
        &mut self,
        item: u64,
        index: u64,
        refusal: bool,
        sink: &mut dyn Sink,
    ) -> Option<&mut Piece> {
        let next = self.parts;
        let Slot::Message(pieces) = self.slot_or(item, || Slot::Message(Vec::new()), sink)? else {
            return None;
        };
        let known = pieces.iter().any(|(known, _)| *known == index);
        if !known {
            if pieces.len() >= MAX_PARTS {
                return None;
            }
            pieces.push((
                index,
                Piece {
                    part: PartId(next),
                    told: Progress::default(),
                    citations: 0,
                    logprobs: false,
                    closed: false,
                },
            ));
            let kind = if refusal {
                PartKind::Refusal
            } else {
                PartKind::Text
            };
            self.open(kind, sink);
        }
        match self.slot(item) {
            Some(Slot::Message(pieces)) => pieces
                .iter_mut()
                .find(|(known, _)| *known == index)
                .map(|(_, piece)| piece)
                .filter(|piece| !piece.closed),
            _ => None,
        }
    }

    pub(super) fn text_delta(
        &mut self,
        event: &DeltaEvent<'_>,
        refusal: bool,
        sink: &mut dyn Sink,
    ) {
        let item = self.index(event.output_index);
        let index = event.content_index.unwrap_or(0);
        let Some(piece) = self.piece(item, index, refusal, sink) else {
            return;
        };
        if !event.delta.is_empty() {
            piece.told.push(&event.delta);
            sink.event(Event::Delta {
                part: piece.part,
                text: event.delta.reborrow(),
            });
        }
        tell_logprobs(piece, event.logprobs, sink);
    }

    /// The end of a content part: what was not told, and its close.
    pub(super) fn piece_done(
        &mut self,
        item: u64,
        index: u64,
        part: ContentPart<'_>,
        sink: &mut dyn Sink,
    ) {
        let Some(content) = items::message_part(part) else {
            return;
        };
        let refusal = matches!(content, Content::Refusal(_));
        let Some(piece) = self.piece(item, index, refusal, sink) else {
            return;
        };
        match content {
            Content::Refusal(text) => tell_piece(Some(piece), &text, None, sink),
            Content::Text(text) => {
                let rest = piece.told.rest(&text.text);
                tell(piece.part, &mut piece.told, rest, sink);
                for citation in text.citations.into_iter().skip(piece.citations) {
                    sink.event(Event::Cite {
                        part: piece.part,
                        citation,
                    });
                }
                if let Some(json) = text.logprobs.filter(|_| !piece.logprobs) {
                    sink.event(Event::Logprobs {
                        part: piece.part,
                        json,
                    });
                }
            }
            _ => {}
        }
        piece.closed = true;
        sink.event(Event::Close { part: piece.part });
    }

    /// A text of a section of a reasoning item: a piece of it, or the whole.
    pub(super) fn thought(
        &mut self,
        item: u64,
        section: (bool, u64),
        text: &str,
        whole: bool,
        sink: &mut dyn Sink,
    ) {
        let slot = self.slot_or(item, || Slot::Thought(Thought::default()), sink);
        let Some(Slot::Thought(thought)) = slot else {
            return;
        };
        let is_new = thought.section != Some(section);
        let is_over = is_new
            && thought
                .section
                .is_some_and(|(summary, index)| summary == section.0 && section.1 < index);
        if text.is_empty() || is_over {
            return;
        }
        let mut thought = std::mem::take(thought);
        let part = if let Some(part) = thought.part {
            part
        } else {
            let kind = PartKind::Reasoning {
                id: thought.id.as_deref().map(Str::from),
                summary: section.0,
                redacted: false,
            };
            self.open(kind, sink)
        };
        if is_new {
            if thought.section.is_some() {
                tell(part, &mut thought.told, PARAGRAPH, sink);
            }
            thought.section = Some(section);
            thought.section_told = Progress::default();
        }
        thought.part = Some(part);
        let text = if whole {
            thought.section_told.rest(text)
        } else {
            text
        };
        thought.section_told.push(text);
        tell(part, &mut thought.told, text, sink);
        if let Some(slot) = self.slot(item) {
            *slot = Slot::Thought(thought);
        }
    }

    /// The input of a call: a piece of it, or the whole.
    pub(super) fn input(&mut self, item: u64, text: &str, whole: bool, sink: &mut dyn Sink) {
        let Some(Slot::Call(Call {
            part: Some(part),
            told,
        })) = self.slot(item)
        else {
            return;
        };
        let text = if whole { told.rest(text) } else { text };
        tell(*part, told, text, sink);
    }
}

pub(super) fn tell(part: PartId, told: &mut Progress, text: &str, sink: &mut dyn Sink) {
    if !text.is_empty() {
        told.push(text);
        sink.event(Event::Delta {
            part,
            text: text.into(),
        });
    }
}

/// What a closing event adds to a content part.
pub(super) fn tell_piece(
    piece: Option<&mut Piece>,
    whole: &str,
    logprobs: Option<&RawValue>,
    sink: &mut dyn Sink,
) {
    if let Some(piece) = piece {
        let rest = piece.told.rest(whole);
        tell(piece.part, &mut piece.told, rest, sink);
        if !piece.logprobs {
            tell_logprobs(piece, logprobs, sink);
        }
    }
}

pub(super) fn tell_logprobs(piece: &mut Piece, logprobs: Option<&RawValue>, sink: &mut dyn Sink) {
    if let Some(json) = logprobs.filter(|json| has_elements(json.get())) {
        piece.logprobs = true;
        sink.event(Event::Logprobs {
            part: piece.part,
            json: json.get().into(),
        });
    }
}
