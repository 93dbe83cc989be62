//! What became of each part, and dense numbers for those that are left.

use proxai_ir::PartId;

/// One entry per part of the stream that comes in, in the order of opening.
#[derive(Debug)]
pub(super) struct Slots<T> {
    entries: Vec<T>,
    opened: u32,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            opened: 0,
        }
    }
}

impl<T> Slots<T> {
    /// Notes what becomes of the next part that comes in. Parts come in densely numbered.
    pub(super) fn push(&mut self, entry: T) {
        self.entries.push(entry);
    }

    /// What became of a part; `None` if it was never opened.
    pub(super) fn get_mut(&mut self, part: PartId) -> Option<&mut T> {
        self.entries.get_mut(part.0 as usize)
    }

    /// The number of the next part that goes out.
    pub(super) const fn open(&mut self) -> PartId {
        let part = PartId(self.opened);
        self.opened += 1;
        part
    }
}

/// The part that an event is about, unless it opens it.
pub(super) fn part_of<'e>(event: &'e mut proxai_ir::Event<'_>) -> Option<&'e mut PartId> {
    use proxai_ir::Event;
    match event {
        Event::Delta { part, .. }
        | Event::Seal { part, .. }
        | Event::Cite { part, .. }
        | Event::Logprobs { part, .. }
        | Event::Close { part } => Some(part),
        _ => None,
    }
}
