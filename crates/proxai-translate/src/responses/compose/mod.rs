//! Makes items out of hub events, and tells how they grow.
//!
//! One state machine serves JSON answers and streams: an answer that is not streamed is replayed
//! through it quietly, so the two can never disagree (T2).
//!
//! Texts that follow each other become parts of one message. A message therefore stays open until
//! something else begins or the answer ends; each of its parts is done as soon as the upstream is
//! done with it. Thoughts and calls stay open as long, though nothing can be added to them: the
//! upstream closes its blocks before it says why it ended, and what was cut must not be told as
//! done (case 106). Calls of shells and the editor have no deltas that clients could read before the
//! whole input is there: they are held until it is. Sources are told when their text is complete,
//! because their span may be all of it.

mod close;
mod grow;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::BytesMut;
use proxai_ir::{Event, Failure, Finish, Losses, PartId, Start, StopReason, WebSearch};
use proxai_json::{RawValue, Str};
use proxai_responses::{Response, Status};
use proxai_types::Usage;

use super::draft::{Call, Draft};
use super::head::{Ending, Head};
use super::wire_out::Wire;
use crate::context::ReplyContext;
use crate::ids;

/// The answer so far.
pub(super) struct Composer {
    context: Arc<ReplyContext>,
    head: Option<Head>,
    wire: Wire,
    slots: Vec<Slot>,
    /// By output index.
    items: Vec<Draft>,
    /// The item of the part that was opened last: the one that is cut if the answer is.
    newest: Option<usize>,
    /// How many calls there are: their ids count nothing else, since in a stream other items may be
    /// told later than in JSON.
    calls: usize,
    /// The answer is whole, and is known to end with a refusal.
    withheld: bool,
    usage: Option<Usage>,
    refused: bool,
    ended: bool,
    losses: Losses,
}

/// Where a part of the hub goes.
enum Slot {
    /// Nowhere.
    Ignored,
    /// A content part of a message.
    Piece { item: usize, index: usize },
    /// An item of its own.
    Item(usize),
    /// A call that is held until it is whole.
    Held(Call),
    /// A search beside another: it is held until it is over, so that what seals each can follow it.
    HeldSearch(String, WebSearch<'static>),
}

impl Composer {
    pub(super) fn new(context: Arc<ReplyContext>) -> Self {
        Self {
            context,
            head: None,
            wire: Wire::default(),
            slots: Vec::new(),
            items: Vec::new(),
            newest: None,
            calls: 0,
            withheld: false,
            usage: None,
            refused: false,
            ended: false,
            losses: Losses::new(),
        }
    }

    /// Tells how the answer will end, which is known of a whole one only.
    ///
    /// What came before a refusal is to be discarded (case 105). In a stream the calls before the
    /// last one were told as done long before the refusal; here none has to look as if it could be
    /// run. Its text stays, as it does in a stream: it was paid for, and runs nothing.
    pub(super) const fn foretell(&mut self, reason: StopReason) {
        self.withheld = matches!(reason, StopReason::Refusal | StopReason::ContentFilter);
    }

    /// What was lost so far.
    pub(super) fn take_losses(&mut self) -> Losses {
        std::mem::take(&mut self.losses)
    }

    /// Takes an event; `out` is `None` for an answer that is not streamed.
    pub(super) fn event(&mut self, event: Event<'_>, mut out: Option<&mut BytesMut>) {
        if self.ended {
            return;
        }
        self.wire.attach(out.as_deref_mut());
        self.take(event);
        self.wire.detach(out);
    }

    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(start) => self.start(&start),
            Event::Open { kind, .. } => {
                self.begin();
                self.open(kind);
            }
            Event::Delta { part, text } => self.delta(part, &text),
            Event::Seal { part, sealed } => self.sealed(part, &sealed),
            Event::Cite { part, citation } => {
                if citation.url.is_empty() {
                    self.losses.dropped(
                        "output[].content[].annotations",
                        "the source has no address, and only files of the provider may have none",
                    );
                } else if let Some(piece) = self.piece(part) {
                    piece.citations.push(proxai_ir::Citation {
                        url: citation.url.into_static(),
                        title: citation.title.map(Str::into_static),
                        quote: None,
                        ..citation
                    });
                }
            }
            Event::Logprobs { part, json } => self.logprobs(part, &json),
            Event::Search { part, search } => self.searched(part, search),
            Event::Close { part } => self.close(part),
            Event::Usage(usage) => self.usage.get_or_insert_with(Usage::default).merge(&usage),
            Event::Keepalive => self.wire.keepalive(),
            Event::Finish(finish) => self.finish(&finish),
            Event::Failure(failure) => self.fail(&failure),
            _ => {}
        }
    }

    fn start(&mut self, start: &Start<'_>) {
        // A keep-alive may have begun the answer before the upstream did.
        if self.head.is_some() {
            return;
        }
        let tier = start.service_tier.as_deref();
        let head = Head::new(&self.context, &start.id, start.created, tier);
        let object = head.object(Vec::new(), &Ending::none_yet());
        self.wire.response("response.created", &object);
        self.wire.response("response.in_progress", &object);
        self.head = Some(head);
    }

    fn begin(&mut self) {
        if self.head.is_none() {
            self.start(&Start::default());
        }
    }

    fn new_id(&self, prefix: &str) -> String {
        ids::item(prefix, self.answer(), self.items.len())
    }

    fn answer(&self) -> &str {
        self.head.as_ref().map_or("", |head| head.id.as_str())
    }

    fn finish(&mut self, finish: &Finish<'_>) {
        self.begin();
        let incomplete = match finish.reason {
            // Of a paused turn there is more, as of one that ran out of tokens; the vendor's own
            // clients know no third reason (case 104).
            StopReason::Length | StopReason::ContextWindow | StopReason::Pause => {
                Some("max_output_tokens")
            }
            StopReason::ContentFilter => Some("content_filter"),
            // A refusal in the model's own words says so itself.
            StopReason::Refusal if !self.refused => Some("content_filter"),
            _ => None,
        };
        let (status, item_status) = match incomplete {
            Some(_) => (Status::Incomplete, "incomplete"),
            None => (Status::Completed, "completed"),
        };
        self.close_newest_item(finish.reason, item_status);
        if let (StopReason::Refusal, false, Some(explanation)) =
            (finish.reason, self.refused, &finish.explanation)
        {
            let part = PartId(u32::try_from(self.slots.len()).unwrap_or(u32::MAX));
            let slot = self.open_piece(true);
            self.slots.push(slot);
            self.delta(part, explanation);
            self.close(part);
        }
        if finish.reason == StopReason::Pause {
            self.losses.approximated(
                "status",
                "the provider paused a long turn: send the conversation again to go on",
            );
        }
        self.close_idle(item_status);
        self.terminal(&Ending {
            status,
            incomplete,
            failure: None,
            usage: self.usage,
        });
    }

    fn fail(&mut self, failure: &Failure) {
        self.begin();
        for item in 0..self.items.len() {
            self.close_item(item, "incomplete");
        }
        self.terminal(&Ending {
            status: Status::Failed,
            incomplete: None,
            failure: Some(failure),
            usage: self.usage,
        });
    }

    fn terminal(&mut self, ending: &Ending<'_>) {
        for item in 0..self.items.len() {
            self.close_item(item, "completed");
        }
        self.ended = true;
        let kind = match ending.status {
            Status::Failed => "response.failed",
            Status::Incomplete => "response.incomplete",
            _ => "response.completed",
        };
        if let Some(head) = &self.head {
            let output = outputs(&self.items);
            let object: Response<'_> = head.object(output, ending);
            self.wire.terminal(kind, &object);
        }
    }

    /// The body of an answer that was not streamed.
    pub(super) fn into_body(self) -> Vec<u8> {
        self.wire.into_body()
    }
}

fn outputs(items: &[Draft]) -> Vec<&RawValue> {
    items
        .iter()
        .filter_map(|item| item.done.as_deref())
        .collect()
}
