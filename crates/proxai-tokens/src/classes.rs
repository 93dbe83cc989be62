//! The character classes that the o200k_base pattern asks about.
//!
//! Each class is one bit, so that a set of classes is a mask. The table (`data/classes.bin`:
//! little-endian `first << 8 | class`, ascending, a class holds until the next entry) is derived
//! from the Unicode tables of `regex-syntax`, the ones the reference implementation matches with;
//! a test derives it again. The standard library cannot answer: its `is_lowercase` and
//! `is_alphabetic` are wider than the general categories of the pattern.

use std::sync::OnceLock;

/// Upper and title case letters (`Lu`, `Lt`).
pub(crate) const UPPER: u8 = 1;
/// Lower case letters (`Ll`).
pub(crate) const LOWER: u8 = 1 << 1;
/// Letters without case (`Lm`, `Lo`).
pub(crate) const CASELESS: u8 = 1 << 2;
/// Combining marks (`M`).
pub(crate) const MARK: u8 = 1 << 3;
/// Numbers (`N`).
pub(crate) const NUMBER: u8 = 1 << 4;
/// White space but line ends.
pub(crate) const SPACE: u8 = 1 << 5;
/// Carriage return and line feed.
pub(crate) const NEWLINE: u8 = 1 << 6;
/// All else.
pub(crate) const OTHER: u8 = 1 << 7;

static PACKED: &[u8] = include_bytes!("../data/classes.bin");

/// Characters up to here are looked up directly; nearly all text lies below.
const DIRECT: usize = 0x1_0000;

/// The classes of all characters.
pub(crate) struct Classes {
    direct: Box<[u8]>,
    /// `(first, class)` of the runs, ascending.
    runs: Box<[(u32, u8)]>,
}

impl Classes {
    /// The one table, built when it is first asked for.
    pub(crate) fn get() -> &'static Self {
        static CLASSES: OnceLock<Classes> = OnceLock::new();
        CLASSES.get_or_init(Self::build)
    }

    fn build() -> Self {
        let runs: Box<[(u32, u8)]> = PACKED
            .chunks_exact(4)
            .map(|run| {
                let first = u32::from_le_bytes([run[1], run[2], run[3], 0]);
                (first, run[0])
            })
            .collect();
        let mut direct = vec![OTHER; DIRECT].into_boxed_slice();
        for (index, &(first, class)) in runs.iter().enumerate() {
            let end = runs.get(index + 1).map_or(DIRECT, |next| next.0 as usize);
            if (first as usize) < DIRECT {
                direct[first as usize..end.min(DIRECT)].fill(class);
            }
        }
        Self { direct, runs }
    }

    /// The class of a character.
    pub(crate) fn of(&self, character: char) -> u8 {
        let point = u32::from(character);
        if let Some(&class) = self.direct.get(point as usize) {
            return class;
        }
        let after = self.runs.partition_point(|run| run.0 <= point);
        after
            .checked_sub(1)
            .map_or(OTHER, |index| self.runs[index].1)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::{env, fs};

    use regex_syntax::hir::{Class, HirKind};

    use super::*;

    /// The class of each character by the Unicode tables of `regex-syntax`.
    fn derived() -> Vec<u8> {
        let mut classes = vec![OTHER; char::MAX as usize + 1];
        for (pattern, class) in [
            (r"\s", SPACE),
            (r"[\r\n]", NEWLINE),
            (r"[\p{Lu}\p{Lt}]", UPPER),
            (r"\p{Ll}", LOWER),
            (r"[\p{Lm}\p{Lo}]", CASELESS),
            (r"\p{M}", MARK),
            (r"\p{N}", NUMBER),
        ] {
            let hir = regex_syntax::parse(pattern).unwrap();
            let HirKind::Class(Class::Unicode(set)) = hir.kind() else {
                panic!("{pattern} is a set of characters");
            };
            for range in set.ranges() {
                classes[range.start() as usize..=range.end() as usize].fill(class);
            }
        }
        classes
    }

    fn packed(classes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut last = None;
        for (point, &class) in (0_u32..).zip(classes) {
            if last != Some(class) {
                out.extend_from_slice(&(point << 8 | u32::from(class)).to_le_bytes());
                last = Some(class);
            }
        }
        out
    }

    #[test]
    fn the_table_is_what_the_unicode_tables_give() {
        let derived = derived();
        if env::var_os("PROXAI_UPDATE_CLASSES").is_some() {
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/classes.bin");
            fs::write(path, packed(&derived)).unwrap();
        }
        assert!(
            packed(&derived) == PACKED,
            "data/classes.bin is out of date: run this test with PROXAI_UPDATE_CLASSES=1, then the fixture of counts"
        );
        let mut wrong = String::new();
        for character in '\0'..=char::MAX {
            let expected = derived[character as usize];
            if Classes::get().of(character) != expected {
                write!(wrong, "{character:?} ").unwrap();
            }
        }
        assert_eq!(wrong, "");
    }
}
