//! Pure planning: which provider and model a request goes to (R1–R4).
//!
//! A [`Table`] is built once from the configuration and answers an [`Ask`] with a [`Plan`]: all
//! attempts in the order in which they are to be made. Nothing here reads a clock, a random
//! number or the environment: the same table, ask and seed give the same plan.
//!
//! It refuses to guess. A model that nothing declares and no default takes is a [`NoRoute`]
//! which names the closest models, never a request to some provider that might know it.
//!
//! ```
//! use proxai_router::{Ask, ProviderFacts, RouteSpec, Table, TableSpec, TargetSpec, resolve};
//!
//! let table = Table::build(TableSpec {
//!     providers: vec![ProviderFacts::named("groq"), ProviderFacts::named("local")],
//!     routes: vec![RouteSpec {
//!         model_pattern: "fast-*".to_owned(),
//!         targets: vec![TargetSpec::new("groq").model("llama-$1")],
//!         ..RouteSpec::default()
//!     }],
//!     ..TableSpec::default()
//! })
//! .unwrap();
//!
//! let plan = resolve(&table, &Ask::new("fast-8b")).unwrap();
//! assert_eq!(plan.attempts[0].upstream_model, "llama-8b");
//! let plan = resolve(&table, &Ask::new("local/meta-llama/Llama-3.1-8B")).unwrap();
//! assert_eq!(plan.attempts[0].upstream_model, "meta-llama/Llama-3.1-8B");
//! ```

mod ask;
mod endpoint;
mod explain;
mod lint;
mod order;
mod pattern;
mod plan;
mod resolve;
mod spec;
mod table;
mod template;

pub use ask::Ask;
pub use endpoint::ExtraEndpoint;
pub use explain::{Explanation, Outcome, Step, explain};
pub use lint::{Lint, LintKind};
pub use pattern::{MatchKind, Pattern, PatternError, UnknownMatchKind};
pub use plan::{Attempt, CacheRules, NoRoute, Plan, ProviderId, Rule};
pub use resolve::{closest, resolve};
pub use spec::{
    CachePolicy, DefaultSpec, FallbackOn, FallbackPolicy, LossPolicy, Options, ProviderFacts,
    RouteSpec, TableSpec, TargetSpec,
};
pub use table::{ListedModel, RouteError, RouteField, RouteView, Table};
pub use template::{Template, TemplateError};
