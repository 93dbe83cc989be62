//! What the comments of a provider file say, for people who look at a row.
//!
//! A comment above a line is a note on that line, one at the end of the file on nothing. Only the
//! layout of provider files is read (a comment stands on lines of its own); anything else gives no
//! note, never a wrong one.

/// A comment and what it stands above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// A cell such as `quirks.tool_choice`, a table such as `endpoint.chat`, or
    /// `models like x*`.
    pub about: String,
    /// The comment in one line.
    pub text: String,
}

/// The notes of a provider file.
pub(crate) fn read(file: &str) -> Vec<Note> {
    let mut notes: Vec<Note> = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    let mut table = String::new();
    // A note on `[[model]]` waits for the pattern that says which.
    let mut waiting: Option<String> = None;
    for line in file.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix('#') {
            comment.push(text.trim());
            continue;
        }
        let text = std::mem::take(&mut comment).join(" ");
        let list = line
            .strip_prefix("[[")
            .and_then(|rest| rest.strip_suffix("]]"));
        let single = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Some(name) = list {
            name.clone_into(&mut table);
            waiting = (!text.is_empty()).then_some(text);
        } else if let Some(name) = single {
            name.clone_into(&mut table);
            add(&mut notes, name.to_owned(), text);
        } else if let Some((key, value)) = line.split_once('=') {
            let (key, value) = (key.trim(), value.trim().trim_matches('"'));
            if key == "pattern"
                && let Some(waited) = waiting.take()
            {
                let kind = if table == "url" {
                    "base URLs"
                } else {
                    "models"
                };
                add(&mut notes, format!("{kind} like {value}"), waited);
            }
            let about = if table.is_empty() {
                key.to_owned()
            } else {
                format!("{table}.{key}")
            };
            add(&mut notes, about, text);
        }
    }
    notes
}

fn add(notes: &mut Vec<Note>, about: String, text: String) {
    if !text.is_empty() {
        notes.push(Note { about, text });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_a_note_on_what_stands_below_it() {
        let file = "# Older hosts:\n# x.\nbase = \"https://h\"\n\n# Lives an hour.\n[auth]\nenv = []\n[quirks]\n# No names.\nmessage_names = false\n\n# Think by budget.\n[[model]]\npattern = \"a-*\"\nquirks = {}\n[[url]]\npattern = \"b\"\n# at the end\n";
        let notes: Vec<(String, String)> = read(file)
            .into_iter()
            .map(|note| (note.about, note.text))
            .collect();
        let expected = [
            ("base", "Older hosts: x."),
            ("auth", "Lives an hour."),
            ("quirks.message_names", "No names."),
            ("models like a-*", "Think by budget."),
        ];
        assert_eq!(
            notes,
            expected.map(|(about, text)| (about.to_owned(), text.to_owned()))
        );
    }
}
