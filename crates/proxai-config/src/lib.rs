//! Layered configuration: figment sources into validated settings (K1–K4).
//!
//! [`load`] finds the file, lays environment variables and flags over it, expands `${VAR}`, reads
//! [`Options`] and checks them into [`Settings`]. It reports everything that is wrong, each with
//! file, line and key. Whoever holds [`Settings`] need not check them again.
//!
//! Files and variables are reached through [`Sources`] alone, so a test, or the check of a file
//! before a reload, needs no real ones. Nothing here opens a connection: which local servers
//! answer is the caller's to find out ([`local_servers`]).
//!
//! ```
//! use proxai_config::{Memory, Overrides, load};
//!
//! let sources = Memory::default().with_var("KEY", "sk-1").with_file(
//!     "proxai.toml",
//!     "[default]\nprovider = \"groq\"\n[providers.groq]\napi_key = \"${KEY}\"\n",
//! );
//! let loaded = load(&sources, &Overrides::default()).unwrap();
//! assert_eq!(loaded.settings.providers[0].keys[0].secret.expose(), "sk-1");
//!
//! let wrong = sources.with_file("proxai.toml", "[server]\nprot = 1\n[defualt]\n");
//! let problems = load(&wrong, &Overrides::default()).unwrap_err();
//! assert_eq!(
//!     problems.0[0].to_string(),
//!     "proxai.toml:2: server.prot: unknown key `prot`; did you mean `port`?"
//! );
//! assert_eq!(problems.0.len(), 2);
//! ```

mod build;
mod expand;
mod later;
mod layers;
mod load;
mod options;
mod place;
mod problem;
mod read;
#[cfg(feature = "schema")]
pub mod schema;
mod settings;
mod similar;
mod sources;
mod word;

pub use layers::Overrides;
pub use load::{Loaded, load, load_with, local_servers};
pub use options::{
    AdminOptions, AuthOptions, CaptureOptions, DefaultOptions, DefaultProviderNames, ErrorOptions,
    Json, LoggingOptions, ModelCellsOr, ModelRouteOptions, OneOrMore, Options, ProviderOptions,
    RouteOptions, RoutingOptions, SecretOptions, ServerOptions, TargetAuthOptions, TargetOptions,
    TargetOverrideOptions, ThresholdOptions, ToolCallOptions,
};
pub use problem::{Problem, Problems};
pub use settings::{
    AnswerModel, Capture, ErrorFormat, Fetch, InFlight, LogFormat, LogLevel, Logging,
    ProviderSettings, Server, Settings,
};
pub use sources::{MAX_FILE_BYTES, Memory, Sources, System};
pub use word::{Balance, Compatibility, FromWord, Word};
