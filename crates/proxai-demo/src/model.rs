//! What the name of the model asks for.

use std::time::Duration;

use bytes::Bytes;
use proxai_ir::{Failure, FailureKind};

use crate::{DemoAnswer, NAME};

/// The pace of an ordinary stream; quick enough for a test, slow enough to be seen.
const PACE: Duration = Duration::from_millis(15);
/// The pace of `slow`.
const SLOW_PACE: Duration = Duration::from_millis(750);
/// How many pieces `slow` makes of a JSON body.
const SLOW_PIECES: usize = 4;

/// What the name of the model asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Answer,
    Slow,
    /// The body breaks off in the middle.
    Cut,
    /// An error with this status.
    Fail(u16),
}

impl Behaviour {
    /// With or without the name of the provider in front.
    pub(crate) fn of(model: &str) -> Self {
        let name = model.rsplit_once('/').map_or(model, |(_, name)| name);
        match name {
            "slow" => Self::Slow,
            "cut" => Self::Cut,
            _ => name
                .strip_prefix("error-")
                .and_then(|status| status.parse().ok())
                .filter(|status| (400..600).contains(status))
                .map_or(Self::Answer, Self::Fail),
        }
    }

    pub(crate) fn apply(self, answer: &mut DemoAnswer) {
        answer.pause = PACE;
        match self {
            Self::Slow => {
                answer.pause = SLOW_PACE;
                if let [whole] = answer.chunks.as_slice() {
                    answer.chunks = pieces(whole);
                }
            }
            Self::Cut => cut(&mut answer.chunks),
            Self::Answer | Self::Fail(_) => {}
        }
    }
}

fn pieces(whole: &Bytes) -> Vec<Bytes> {
    let length = whole.len().div_ceil(SLOW_PIECES).max(1);
    (0..whole.len())
        .step_by(length)
        .map(|start| whole.slice(start..whole.len().min(start + length)))
        .collect()
}

/// Leaves the first half; the last chunk that is left may end inside a line.
fn cut(chunks: &mut Vec<Bytes>) {
    let total: usize = chunks.iter().map(Bytes::len).sum();
    let mut left = total / 2;
    chunks.retain_mut(|chunk| {
        chunk.truncate(left);
        left -= chunk.len();
        !chunk.is_empty()
    });
}

/// The error that a model named `error-…` stands for.
pub(crate) fn failure(status: u16, model: &str) -> Failure {
    let mut failure = Failure::new(
        FailureKind::from_status(status),
        format!("the model `{model}` always fails with {status}; use `{NAME}` for an answer"),
    )
    .with_code("demo_error");
    failure.status = Some(status);
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_work_with_and_without_the_provider() {
        assert_eq!(Behaviour::of("demo"), Behaviour::Answer);
        assert_eq!(Behaviour::of("demo/slow"), Behaviour::Slow);
        assert_eq!(Behaviour::of("cut"), Behaviour::Cut);
        assert_eq!(Behaviour::of("demo/error-429"), Behaviour::Fail(429));
        assert_eq!(Behaviour::of("error-200"), Behaviour::Answer);
        assert_eq!(Behaviour::of("error-soon"), Behaviour::Answer);
    }

    #[test]
    fn pieces_and_the_cut_keep_the_bytes() {
        let whole = Bytes::from_static(b"0123456789");
        assert_eq!(pieces(&whole).concat(), b"0123456789");
        let mut chunks = vec![Bytes::from_static(b"0123"), Bytes::from_static(b"456789")];
        cut(&mut chunks);
        assert_eq!(chunks.concat(), b"01234");
    }
}
