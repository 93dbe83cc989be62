//! The upstream's model id, fixed or with captures of the route's pattern.
//!
//! `$1` and `${1}` are groups by number, `$name` and `${name}` by name, `$0` is the whole model,
//! `$$` a dollar sign. Unlike in the regex crate, `$1b` is group 1 followed by `b`. A group that
//! the pattern does not have is an error when the table is built, not an empty string later.

use crate::pattern::Pattern;

/// A parsed upstream model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pieces: Vec<Piece>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(String),
    Group(usize),
}

/// A reference to a group that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{reference}` is no capture of pattern `{pattern}`; it has {}", groups(.known))]
pub struct TemplateError {
    /// As written.
    pub reference: String,
    /// The pattern's text.
    pub pattern: String,
    /// What could have been written.
    pub known: Vec<String>,
}

impl Template {
    /// Parses a template for a pattern.
    pub fn parse(text: &str, pattern: &Pattern) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            literal.push_str(before);
            if let Some(tail) = after.strip_prefix('$') {
                literal.push('$');
                rest = tail;
                continue;
            }
            let Some((name, tail)) = reference(after) else {
                literal.push('$');
                rest = after;
                continue;
            };
            let group = pattern.group(name).ok_or_else(|| TemplateError {
                reference: format!("${}", after.strip_suffix(tail).unwrap_or(after)),
                pattern: pattern.as_str().to_owned(),
                known: pattern.group_names(),
            })?;
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal)));
            }
            pieces.push(Piece::Group(group));
            rest = tail;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal));
        }
        Ok(Self { pieces })
    }

    /// Fills in what the pattern captures from a model. `None` if the pattern does not match.
    pub fn expand(&self, pattern: &Pattern, model: &str) -> Option<String> {
        if let [Piece::Literal(fixed)] = self.pieces.as_slice() {
            return Some(fixed.clone());
        }
        let groups = pattern.captures(model)?;
        Some(
            self.pieces
                .iter()
                .map(|piece| match piece {
                    Piece::Literal(text) => text.as_str(),
                    Piece::Group(index) => groups.get(*index).copied().flatten().unwrap_or(""),
                })
                .collect(),
        )
    }
}

/// Splits what follows a dollar sign into the name of a group and the rest.
fn reference(text: &str) -> Option<(&str, &str)> {
    if let Some(braced) = text.strip_prefix('{') {
        return braced.split_once('}').filter(|(name, _)| !name.is_empty());
    }
    let first = text.chars().next()?;
    let belongs: fn(char) -> bool = if first.is_ascii_digit() {
        |c| c.is_ascii_digit()
    } else if first.is_ascii_alphabetic() || first == '_' {
        |c| c.is_ascii_alphanumeric() || c == '_'
    } else {
        return None;
    };
    let end = text.find(|c| !belongs(c)).unwrap_or(text.len());
    text.split_at_checked(end)
}

fn groups(known: &[String]) -> String {
    let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    list.join(", ")
}
