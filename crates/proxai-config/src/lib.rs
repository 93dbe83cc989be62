//! Layered configuration: figment sources into validated settings.

mod problem;
mod settings;
mod sources;

pub use problem::{Problem, Problems};
pub use settings::{
    Capture, ErrorFormat, LogFormat, LogLevel, Logging, ProviderSettings, Server, Settings,
};
pub use sources::{MAX_FILE_BYTES, Memory, Sources, System};
