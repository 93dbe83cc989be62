//! Patterns over model names: exact, prefix, glob and regular expression, letter case aside.
//!
//! Globs are translated to regular expressions, so that one engine decides and every `*` is a
//! capture (`$1`, `$2` …). `*` also crosses `/`: model ids have slashes without meaning folders.
//! Matching takes time linear in the model's length whatever the pattern is.
//!
//! Surprise: in `auto`, a pattern that begins with `^` or ends with `$` is a regular expression
//! even if it holds a `*`; `^gpt-.*$` as a glob would match nothing and nobody would see why.

use std::fmt;
use std::str::FromStr;

use regex::{Regex, RegexBuilder};

/// A compiled pattern may not be larger than this: the limit stops `a{1000}{1000}`.
const MAX_COMPILED_BYTES: usize = 1 << 20;

/// How a pattern is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MatchKind {
    /// By its looks: `^…` or `…$` is a regular expression; else `*` or `?` makes a glob; else one
    /// of `( [ | + \` makes a regular expression; else it is exact.
    #[default]
    Auto,
    /// The whole model.
    Exact,
    /// The beginning of the model; what follows is `$1`.
    Prefix,
    /// `*`, `?`, `[…]` and `{a,b}`.
    Glob,
    /// A regular expression, found anywhere unless anchored.
    Regex,
}

impl MatchKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::Auto,
        Self::Exact,
        Self::Prefix,
        Self::Glob,
        Self::Regex,
    ];

    /// The word in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Exact => "exact",
            Self::Prefix => "prefix",
            Self::Glob => "glob",
            Self::Regex => "regex",
        }
    }

    /// What `auto` means for a pattern; other kinds mean themselves.
    #[must_use]
    pub fn decide(self, pattern: &str) -> Self {
        match self {
            Self::Auto if pattern.starts_with('^') || pattern.ends_with('$') => Self::Regex,
            Self::Auto if pattern.contains(['*', '?']) => Self::Glob,
            Self::Auto if pattern.contains(['(', '[', '|', '+', '\\']) => Self::Regex,
            Self::Auto => Self::Exact,
            kind => kind,
        }
    }
}

impl fmt::Display for MatchKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is no [`MatchKind`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown match kind `{0}`; use auto, exact, prefix, glob or regex")]
pub struct UnknownMatchKind(pub String);

impl FromStr for MatchKind {
    type Err = UnknownMatchKind;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(text.trim()))
            .ok_or_else(|| UnknownMatchKind(text.to_owned()))
    }
}

/// A pattern that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// A bracket without its partner.
    #[error(
        "glob `{pattern}` has a `{bracket}` without its partner; write `[{bracket}]` for the character itself"
    )]
    Unbalanced {
        /// The pattern.
        pattern: String,
        /// The bracket.
        bracket: char,
    },
    /// Not a regular expression, or one that compiles to something too large.
    #[error("`{pattern}` is no usable regular expression: {reason}")]
    Regex {
        /// The pattern.
        pattern: String,
        /// The last line of the parser's message.
        reason: String,
    },
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    text: String,
    kind: MatchKind,
    matcher: Matcher,
}

#[derive(Clone, Debug)]
enum Matcher {
    Exact,
    Prefix,
    Regex(Regex),
}

impl Pattern {
    /// Compiles a pattern.
    pub fn new(kind: MatchKind, text: &str) -> Result<Self, PatternError> {
        let kind = kind.decide(text);
        let matcher = match kind {
            MatchKind::Exact | MatchKind::Auto => Matcher::Exact,
            MatchKind::Prefix => Matcher::Prefix,
            MatchKind::Glob => Matcher::Regex(compile(text, &glob_to_regex(text)?)?),
            MatchKind::Regex => Matcher::Regex(compile(text, text)?),
        };
        Ok(Self {
            text: text.to_owned(),
            kind,
            matcher,
        })
    }

    /// The pattern as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How it is read; never `auto`.
    pub fn kind(&self) -> MatchKind {
        self.kind
    }

    /// Whether a model matches.
    pub fn matches(&self, model: &str) -> bool {
        match &self.matcher {
            Matcher::Exact => self.text.eq_ignore_ascii_case(model),
            Matcher::Prefix => strip_prefix_ignoring_case(model, &self.text).is_some(),
            Matcher::Regex(regex) => regex.is_match(model),
        }
    }

    /// The text before the first character that stands for something else. Empty for regular
    /// expressions: theirs is not worth guessing.
    pub fn literal_prefix(&self) -> &str {
        match self.kind {
            MatchKind::Exact | MatchKind::Prefix => &self.text,
            MatchKind::Glob => self.text.split(['*', '?', '[', '{']).next().unwrap_or(""),
            MatchKind::Regex | MatchKind::Auto => "",
        }
    }

    /// A model without this pattern's literal prefix up to its last slash. Exact patterns strip
    /// nothing: their slash belongs to the id.
    pub fn strip_literal<'m>(&self, model: &'m str) -> &'m str {
        let literal = match self.kind {
            MatchKind::Prefix | MatchKind::Glob => self.literal_prefix(),
            _ => "",
        };
        literal
            .rfind('/')
            .and_then(|slash| literal.get(..=slash))
            .and_then(|folder| strip_prefix_ignoring_case(model, folder))
            .filter(|rest| !rest.is_empty())
            .unwrap_or(model)
    }

    /// Whether everything that `other` matches is matched by this one too, as far as that can be
    /// told without a proof: `false` may be wrong, `true` never is.
    pub fn covers(&self, other: &Self) -> bool {
        if self.matches_all() {
            return true;
        }
        if self.kind == other.kind && self.text.eq_ignore_ascii_case(&other.text) {
            // Equal but for case means equal, except for regex escapes such as `\d` and `\D`.
            return self.kind != MatchKind::Regex || self.text == other.text;
        }
        if other.kind == MatchKind::Exact {
            return self.matches(&other.text);
        }
        let start = match self.kind {
            MatchKind::Prefix => self.text.as_str(),
            MatchKind::Glob => match self.text.strip_suffix('*') {
                Some(start) if !start.contains(['*', '?', '[', '{']) => start,
                _ => return false,
            },
            _ => return false,
        };
        strip_prefix_ignoring_case(other.literal_prefix(), start).is_some()
    }

    /// Whether any model matches, the empty one included.
    pub fn matches_all(&self) -> bool {
        match self.kind {
            MatchKind::Prefix => self.text.is_empty(),
            MatchKind::Glob => !self.text.is_empty() && self.text.bytes().all(|b| b == b'*'),
            MatchKind::Regex => {
                matches!(self.text.as_str(), "" | ".*" | "^.*$" | "^" | "$" | "^.*")
            }
            MatchKind::Exact | MatchKind::Auto => false,
        }
    }

    /// The index of a capture by number or name.
    pub fn group(&self, name: &str) -> Option<usize> {
        let count = match &self.matcher {
            Matcher::Exact => 1,
            Matcher::Prefix => 2,
            Matcher::Regex(regex) => {
                if let Some(index) = regex.capture_names().position(|known| known == Some(name)) {
                    return Some(index);
                }
                regex.captures_len()
            }
        };
        name.parse().ok().filter(|index| *index < count)
    }

    /// How each capture can be written in a template.
    pub fn group_names(&self) -> Vec<String> {
        let names: Vec<Option<&str>> = match &self.matcher {
            Matcher::Exact => vec![None],
            Matcher::Prefix => vec![None, None],
            Matcher::Regex(regex) => regex.capture_names().collect(),
        };
        names
            .into_iter()
            .enumerate()
            .map(|(index, name)| name.map_or(format!("${index}"), |name| format!("${{{name}}}")))
            .collect()
    }

    /// What the pattern captures from a model: the whole model first, then the groups.
    pub(crate) fn captures<'m>(&self, model: &'m str) -> Option<Vec<Option<&'m str>>> {
        match &self.matcher {
            Matcher::Exact => self.matches(model).then(|| vec![Some(model)]),
            Matcher::Prefix => {
                let rest = strip_prefix_ignoring_case(model, &self.text)?;
                Some(vec![Some(model), Some(rest)])
            }
            Matcher::Regex(regex) => {
                let groups = regex.captures(model)?;
                // `$0` of an unanchored expression would be a part; a model id is a whole.
                let rest = groups.iter().skip(1).map(|group| group.map(|m| m.as_str()));
                Some(std::iter::once(Some(model)).chain(rest).collect())
            }
        }
    }
}

pub(crate) fn strip_prefix_ignoring_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn compile(pattern: &str, expression: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(expression)
        .case_insensitive(true)
        .dot_matches_new_line(true)
        .size_limit(MAX_COMPILED_BYTES)
        .build()
        .map_err(|error| PatternError::Regex {
            pattern: pattern.to_owned(),
            // The parser draws the pattern with a caret over several lines; the last one says it.
            reason: error
                .to_string()
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ")
                .to_owned(),
        })
}

/// `*` becomes a capture, `?` one character, `[…]` a class, `{a,b}` a choice; the rest is itself.
fn glob_to_regex(glob: &str) -> Result<String, PatternError> {
    let unbalanced = |bracket| PatternError::Unbalanced {
        pattern: glob.to_owned(),
        bracket,
    };
    let mut out = String::from("^(?:");
    let mut depth = 0_usize;
    let mut characters = glob.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '*' => {
                while characters.next_if_eq(&'*').is_some() {}
                out.push_str("(.*)");
            }
            '?' => out.push('.'),
            '[' => {
                out.push('[');
                if characters.next_if(|c| matches!(c, '!' | '^')).is_some() {
                    out.push('^');
                }
                let mut first = true;
                loop {
                    match characters.next() {
                        Some(']') if !first => break,
                        Some('-') => out.push('-'),
                        Some(c) => push_escaped(&mut out, c),
                        None => return Err(unbalanced('[')),
                    }
                    first = false;
                }
                out.push(']');
            }
            '{' => {
                depth += 1;
                out.push_str("(?:");
            }
            '}' if depth > 0 => {
                depth -= 1;
                out.push(')');
            }
            ',' if depth > 0 => out.push('|'),
            c => push_escaped(&mut out, c),
        }
    }
    if depth > 0 {
        return Err(unbalanced('{'));
    }
    out.push_str(")$");
    Ok(out)
}

fn push_escaped(out: &mut String, c: char) {
    out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
}
