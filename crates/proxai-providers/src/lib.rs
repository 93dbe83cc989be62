//! The provider registry as data, and what follows from it: endpoints, authentication, quirks.
//!
//! One TOML file per provider under `providers/` is embedded at build time; a configuration
//! overrides any cell of a row with the very same schema ([`ProviderOverride`]). Nothing here
//! names a provider in code, reads the environment or opens a connection: variables are looked up
//! through a function the caller passes.
//!
//! ```
//! use proxai_providers::{Provider, ProviderOverride, Registry, Resource};
//! use proxai_types::Protocol;
//!
//! let registry = Registry::builtin();
//! let row = registry.resolve("Groq").unwrap();
//! let provider = Provider::build("groq", row, &ProviderOverride::default(), &|_| None).unwrap();
//! let url = provider.url(Resource::Generate(Protocol::Chat)).unwrap();
//! assert_eq!(url.to_string(), "https://api.groq.com/openai/v1/chat/completions");
//! ```

pub mod auth;
mod builtin;
pub mod embeddings;
pub mod endpoint;
pub mod glob;
pub mod headers;
mod notes;
mod provider;
pub mod quirks;
mod registry;
mod row;
mod secret;
mod url;

pub use auth::{Applied, AuthError, AuthStyle};
pub use endpoint::{EndpointError, Resource};
pub use notes::Note;
pub use provider::{Auth, EnvKey, Key, Provider, ProviderError};
pub use quirks::Quirks;
pub use registry::{Registry, RegistryError, UnknownProvider, normalize_name};
pub use row::{
    AuthCells, EndpointCells, Endpoints, EnvName, HttpVersion, Identity, ModelCells,
    ParameterCells, ParameterLookup, ProviderOverride, Row, StyleName, UrlCells,
};
pub use secret::Secret;
pub use url::{Scheme, Url, UrlError};
