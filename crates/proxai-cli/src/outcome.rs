//! How a command ends.

use std::io;
use std::process::ExitCode;

use proxai_config::Problems;

/// The answer of a command to whoever started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Yes,
    /// It is not; what is wrong has been written.
    No,
}

impl Exit {
    /// The exit status of the process.
    pub const fn code(self) -> u8 {
        match self {
            Self::Yes => 0,
            Self::No => 1,
        }
    }

    /// [`Yes`](Self::Yes) if something holds.
    pub const fn when(good: bool) -> Self {
        if good { Self::Yes } else { Self::No }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command could not do what it is for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// The configuration cannot be run.
    #[error(transparent)]
    Configuration(#[from] Problems),
    /// The output cannot be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] io::Error),
    /// Anything else, with what to do.
    #[error("{0}")]
    Because(String),
}

impl Stop {
    pub(crate) fn because(message: impl Into<String>) -> Self {
        Self::Because(message.into())
    }
}
