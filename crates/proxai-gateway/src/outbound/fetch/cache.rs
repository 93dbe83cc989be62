//! Files that were fetched lately.
//!
//! An agent sends its whole history with each turn, so the same URL comes again and again; and a
//! URL whose bytes changed meanwhile would change the history, which no prompt cache survives (T5).

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::Fetched;

/// How much is kept.
const MAX_BYTES: usize = 64 << 20;

/// What is larger is not kept: it would push out everything else.
const MAX_FILE_BYTES: usize = MAX_BYTES / 4;

/// How long a file is kept after it was last asked for.
const KEPT: Duration = Duration::from_mins(10);

/// The files, the one asked for last at the back.
#[derive(Debug, Default)]
pub(super) struct Cache {
    files: VecDeque<(Box<str>, Fetched, Instant)>,
    bytes: usize,
}

impl Cache {
    /// The file of a URL.
    pub(super) fn get(&mut self, url: &str, now: Instant) -> Option<Fetched> {
        self.forget(|_, asked| now.duration_since(asked) >= KEPT);
        let at = self.files.iter().position(|(known, ..)| **known == *url)?;
        let (url, file, _) = self.files.remove(at)?;
        self.files.push_back((url, file.clone(), now));
        Some(file)
    }

    /// Keeps a file.
    pub(super) fn put(&mut self, url: &str, file: &Fetched, now: Instant) {
        let size = file.bytes.len();
        if size > MAX_FILE_BYTES || self.files.iter().any(|(known, ..)| **known == *url) {
            return;
        }
        self.bytes += size;
        self.files.push_back((url.into(), file.clone(), now));
        self.forget(|bytes, _| bytes > MAX_BYTES);
    }

    /// Drops files from the front while `old` says so.
    fn forget(&mut self, old: impl Fn(usize, Instant) -> bool) {
        while let Some((_, file, asked)) = self.files.front()
            && old(self.bytes, *asked)
        {
            self.bytes -= file.bytes.len();
            self.files.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size: usize) -> Fetched {
        Fetched {
            media_type: "image/png",
            bytes: vec![0; size].into(),
        }
    }

    #[test]
    fn files_are_forgotten_when_nobody_asks() {
        let start = Instant::now();
        let mut cache = Cache::default();
        cache.put("a", &file(1), start);
        cache.put("b", &file(2), start);
        let later = start + KEPT / 2;
        assert_eq!(cache.get("a", later), Some(file(1)));
        assert_eq!(cache.get("b", start + KEPT), None);
        assert_eq!(cache.get("a", start + KEPT), Some(file(1)));
        assert_eq!(cache.bytes, 1);
    }

    #[test]
    fn memory_is_bounded_and_what_was_asked_for_stays() {
        let now = Instant::now();
        let mut cache = Cache::default();
        cache.put("huge", &file(MAX_FILE_BYTES + 1), now);
        assert_eq!(cache.get("huge", now), None);
        for name in ["a", "b", "c", "d"] {
            cache.put(name, &file(MAX_FILE_BYTES), now);
        }
        assert!(cache.get("a", now).is_some());
        cache.put("e", &file(MAX_FILE_BYTES), now);
        assert!(cache.get("b", now).is_none() && cache.get("a", now).is_some());
        assert!(cache.bytes <= MAX_BYTES);
    }
}
