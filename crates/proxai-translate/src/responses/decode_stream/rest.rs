//! What only the last event tells.
//!
//! Some servers add an item and say nothing more of it until the whole response stands in the
//! terminal event; some tell the text that way and a call not at all. What is missing is taken from
//! there, by the items' places: `output_index` counts the same list. Where the indices do not fit
//! the list, only as many items as were added can be matched, in their order. Nothing is guessed
//! beyond that, since an item that is told twice is a tool that is run twice.

use proxai_ir::{Failure, Sink};
use proxai_json::RawValue;
use proxai_responses::{Item, Response};

use super::super::items;
use super::slots::Slot;
use super::{Decoder, unreadable};
use crate::adapter::ReplyError;

impl Decoder {
    /// Tells what the response holds beyond what its events told.
    pub(super) fn tell_rest(
        &mut self,
        response: &Response<'_>,
        sink: &mut dyn Sink,
    ) -> Result<(), Failure> {
        let output = &response.output;
        if self.items.is_empty() {
            for (index, raw) in output.iter().enumerate() {
                self.whole_item(index as u64, read(raw)?, sink);
            }
            return Ok(());
        }
        let mut indices: Vec<u64> = self.items.iter().map(|(index, _)| *index).collect();
        indices.sort_unstable();
        indices.dedup();
        if indices.len() < self.items.len() {
            return Ok(());
        }
        let fits = indices
            .last()
            .is_none_or(|last| *last < output.len() as u64);
        if fits && indices.len() < output.len() && !self.knows(output)? {
            return Ok(());
        }
        if !fits && indices.len() != output.len() {
            return Ok(());
        }
        for (place, raw) in output.iter().enumerate() {
            let index = if fits { place as u64 } else { indices[place] };
            if !matches!(self.slot(index), Some(Slot::Done(_))) {
                self.whole_item(index, read(raw)?, sink);
            }
        }
        Ok(())
    }

    /// Whether every finished item stands in its place, so that the places in between are those of
    /// items that were never told.
    fn knows(&mut self, output: &[&RawValue]) -> Result<bool, Failure> {
        for (index, raw) in output.iter().enumerate() {
            if let Some(Slot::Done(known)) = self.slot(index as u64)
                && known.as_deref() != items::id(&read(raw)?)
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn read(raw: &RawValue) -> Result<Item<'_>, Failure> {
    proxai_json::from_str(raw.get()).map_err(|error| unreadable(&ReplyError::Json(error)))
}
