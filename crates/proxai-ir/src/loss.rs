//! What a translation could not carry over (T4).

use std::borrow::Cow;
use std::fmt;

/// How much is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LossKind {
    /// It is gone.
    Dropped,
    /// Something close was sent instead.
    Approximated,
    /// The target needs it and the client did not say it.
    Defaulted,
}

impl LossKind {
    /// The word used in headers, logs and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dropped => "dropped",
            Self::Approximated => "approximated",
            Self::Defaulted => "defaulted",
        }
    }
}

/// One thing that was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Its path in the client's body.
    pub path: String,
    /// How much is lost.
    pub kind: LossKind,
    /// Why, for a person.
    pub why: Cow<'static, str>,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.path, self.kind.name(), self.why)
    }
}

/// What was lost by one translation, in the order it was met. A path is listed once per kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses(Vec<Loss>);

impl Losses {
    /// Nothing lost yet.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Notes a loss.
    pub fn push(
        &mut self,
        path: impl fmt::Display,
        kind: LossKind,
        why: impl Into<Cow<'static, str>>,
    ) {
        let path = path.to_string();
        if !self
            .0
            .iter()
            .any(|loss| loss.kind == kind && loss.path == path)
        {
            self.0.push(Loss {
                path,
                kind,
                why: why.into(),
            });
        }
    }

    /// Notes something that is gone.
    pub fn dropped(&mut self, path: impl fmt::Display, why: impl Into<Cow<'static, str>>) {
        self.push(path, LossKind::Dropped, why);
    }

    /// Notes something that was replaced by something close.
    pub fn approximated(&mut self, path: impl fmt::Display, why: impl Into<Cow<'static, str>>) {
        self.push(path, LossKind::Approximated, why);
    }

    /// Notes something that had to be made up.
    pub fn defaulted(&mut self, path: impl fmt::Display, why: impl Into<Cow<'static, str>>) {
        self.push(path, LossKind::Defaulted, why);
    }

    /// Takes over the losses of another step.
    pub fn extend(&mut self, other: Self) {
        for loss in other.0 {
            self.push(loss.path, loss.kind, loss.why);
        }
    }

    /// Changes paths to those that `spelling` gives. Two may become one, which
    /// [`extend`](Self::extend) joins.
    pub fn respell<S: Into<String>>(&mut self, spelling: impl Fn(&str) -> Option<S>) {
        for loss in &mut self.0 {
            if let Some(path) = spelling(&loss.path) {
                loss.path = path.into();
            }
        }
    }

    /// How many things were lost.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing was lost.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The losses.
    pub fn iter(&self) -> std::slice::Iter<'_, Loss> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Losses {
    type Item = &'a Loss;
    type IntoIter = std::slice::Iter<'a, Loss>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
