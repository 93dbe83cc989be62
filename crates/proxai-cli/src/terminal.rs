//! Colours, tables and the line that shows progress.
//!
//! A few escape sequences instead of a library: that is all a terminal has to know. Without a
//! terminal, with `NO_COLOR` or on a dumb terminal there are none, and the words say the same.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};

use proxai_config::Sources;

/// What the output streams are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terminal {
    /// Results may be coloured.
    pub colour: bool,
    /// A line of progress may be written and taken back on the other stream.
    pub progress: bool,
}

impl Terminal {
    /// What the streams of this process are (<https://no-color.org>).
    pub fn of_process(sources: &dyn Sources) -> Self {
        Self::from(
            sources,
            io::stdout().is_terminal(),
            io::stderr().is_terminal(),
        )
    }

    /// The same, told whether the streams are terminals.
    pub fn from(sources: &dyn Sources, out: bool, err: bool) -> Self {
        let is_set = |name: &str| sources.var(name).is_some_and(|value| !value.is_empty());
        let dumb = sources.var("TERM").is_some_and(|term| term == "dumb");
        Self {
            colour: out && !dumb && !is_set("NO_COLOR"),
            progress: err && !dumb,
        }
    }
}

/// What a text is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    #[default]
    Plain,
    Strong,
    Faint,
    Good,
    Doubtful,
    Bad,
}

/// Puts colours around texts, or not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Paint {
    pub(crate) colour: bool,
}

impl Paint {
    pub(crate) fn text(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Plain => return text.to_owned(),
            Tone::Strong => "1",
            Tone::Faint => "2",
            Tone::Good => "32",
            Tone::Doubtful => "33",
            Tone::Bad => "1;31",
        };
        if self.colour && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}

/// One cell of a table.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    text: String,
    tone: Tone,
}

impl Cell {
    pub(crate) fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            tone,
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::new(Tone::Plain, text)
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::new(Tone::Plain, text)
    }
}

/// Aligned columns.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// A table with a line of headings.
    pub(crate) fn with_headings(headings: &[&str]) -> Self {
        let cells = headings.iter().map(|text| Cell::new(Tone::Strong, *text));
        Self {
            rows: vec![cells.collect()],
        }
    }

    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        self.rows.push(cells);
    }

    /// Writes it; the last cell of a row is not filled up, so that no line ends in spaces.
    pub(crate) fn write(&self, out: &mut dyn Write, paint: Paint, indent: &str) -> io::Result<()> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| cell.text.chars().count()).max()
        };
        let widths: Vec<usize> = (0..columns).map(|at| width(at).unwrap_or(0)).collect();
        for row in &self.rows {
            let mut line = indent.to_owned();
            let last = row.iter().rposition(|cell| !cell.text.is_empty());
            for (at, cell) in row.iter().enumerate().take(last.map_or(0, |last| last + 1)) {
                line.push_str(&paint.text(cell.tone, &cell.text));
                if Some(at) != last {
                    let missing = widths[at].saturating_sub(cell.text.chars().count()) + 2;
                    line.extend(std::iter::repeat_n(' ', missing));
                }
            }
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

/// A line that says what is being waited for, on a terminal only.
pub(crate) struct Progress<'a> {
    err: RefCell<&'a mut dyn Write>,
    shown: bool,
    done: std::cell::Cell<usize>,
    total: usize,
}

impl<'a> Progress<'a> {
    /// Nothing done yet of so many.
    pub(crate) fn new(err: &'a mut dyn Write, shown: bool, total: usize) -> Self {
        Self {
            err: RefCell::new(err),
            shown,
            done: std::cell::Cell::new(0),
            total,
        }
    }

    /// One more is done.
    pub(crate) fn advance(&self) {
        self.done.set(self.done.get() + 1);
    }

    /// Says what is being done.
    pub(crate) fn show(&self, text: &str) {
        self.line(&format!("[{}/{}] {text}", self.done.get(), self.total));
    }

    /// Replaces the line. That it cannot be written is no reason to stop.
    fn line(&self, text: &str) {
        if self.shown {
            let mut err = self.err.borrow_mut();
            drop(write!(err, "\r\x1b[2K{text}"));
            drop(err.flush());
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        self.line("");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proxai_config::Memory;

    fn written(table: &Table, colour: bool) -> String {
        let mut out = Vec::new();
        table.write(&mut out, Paint { colour }, "").unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn columns_align_with_and_without_colours() {
        let mut table = Table::with_headings(&["A", "B", "C"]);
        table.row(vec!["größer".into(), Cell::new(Tone::Bad, "no"), "".into()]);
        table.row(vec!["x".into(), "maybe".into(), "end".into()]);
        assert_eq!(
            written(&table, false),
            "A       B      C\ngrößer  no\nx       maybe  end\n"
        );
        assert!(written(&table, true).contains("\x1b[1;31mno\x1b[0m\n"));
    }

    #[test]
    fn colours_need_a_terminal_that_is_able_and_a_user_who_wants_them() {
        let colour = |sources: Memory, out| Terminal::from(&sources, out, false).colour;
        assert!(colour(Memory::default(), true));
        assert!(!colour(Memory::default(), false));
        assert!(!colour(Memory::default().with_var("NO_COLOR", "1"), true));
        assert!(colour(Memory::default().with_var("NO_COLOR", ""), true));
        assert!(!colour(Memory::default().with_var("TERM", "dumb"), true));
    }

    #[test]
    fn progress_is_for_terminals_only() {
        let mut err = Vec::new();
        Progress::new(&mut err, false, 1).show("busy");
        assert!(err.is_empty());
        let progress = Progress::new(&mut err, true, 2);
        progress.advance();
        progress.show("busy");
        progress.clear();
        assert_eq!(
            String::from_utf8(err).unwrap(),
            "\r\x1b[2K[1/2] busy\r\x1b[2K"
        );
    }
}
