//! A closed set of words as a configuration value.
//!
//! The types behind the words live in crates that know no serde; this is the bridge, and the one
//! place where the words of each are listed for the schema.

use std::fmt;
use std::str::FromStr;

use proxai_router::{CachePolicy, FallbackOn, LossPolicy, MatchKind};
use proxai_types::Protocol;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use crate::settings::{AnswerModel, ErrorFormat, LogFormat, LogLevel};

/// A value that is written as a word.
pub trait FromWord: Sized {
    /// What a schema calls the set.
    const NAME: &'static str;

    /// The words, in the order in which people should see them.
    fn words() -> Vec<&'static str>;

    /// The value of a word.
    fn from_word(word: &str) -> Option<Self>;

    /// The word that somebody means who writes this one, where likeness would find another.
    fn meant(_word: &str) -> Option<&'static str> {
        None
    }
}

/// A word that was recognised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word<T>(pub T);

impl<'de, T: FromWord> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct WordVisitor<T>(std::marker::PhantomData<T>);

        impl<T: FromWord> Visitor<'_> for WordVisitor<T> {
            type Value = Word<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "one of {}", T::words().join(", "))
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<Self::Value, E> {
                T::from_word(word.trim()).map(Word).ok_or_else(|| {
                    let words = T::words();
                    let known = words.join(", ");
                    let like = T::meant(word.trim())
                        .or_else(|| crate::similar::closest(word, words.iter().copied()));
                    let like = like.map(|like| format!("; did you mean `{like}`?"));
                    E::custom(format!(
                        "unknown value `{word}`, use one of {known}{}",
                        like.unwrap_or_default()
                    ))
                })
            }
        }

        deserializer.deserialize_str(WordVisitor(std::marker::PhantomData))
    }
}

impl FromWord for Protocol {
    const NAME: &'static str = "Protocol";

    fn words() -> Vec<&'static str> {
        let long = Self::ALL.map(Self::config_name);
        long.into_iter().chain(Self::ALL.map(Self::name)).collect()
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::from_str(word).ok()
    }

    /// A vendor stands for what most servers that follow it speak.
    fn meant(word: &str) -> Option<&'static str> {
        let word = word.to_ascii_lowercase();
        let responses = word.contains("response");
        match word {
            word if word.starts_with("openai") && !responses => Some(Self::Chat.config_name()),
            word if word.starts_with("anthropic") || word.starts_with("claude") => {
                Some(Self::Messages.config_name())
            }
            _ => None,
        }
    }
}

impl FromWord for MatchKind {
    const NAME: &'static str = "MatchKind";

    fn words() -> Vec<&'static str> {
        Self::ALL.map(Self::name).to_vec()
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::from_str(word).ok()
    }
}

impl FromWord for FallbackOn {
    const NAME: &'static str = "FallbackOn";

    fn words() -> Vec<&'static str> {
        Self::ALL.map(Self::name).to_vec()
    }

    fn from_word(word: &str) -> Option<Self> {
        Self::from_str(word).ok()
    }
}

macro_rules! words {
    ($($type:ident { $($word:literal => $value:ident),* $(,)? })*) => { $(
        impl FromWord for $type {
            const NAME: &'static str = stringify!($type);

            fn words() -> Vec<&'static str> {
                vec![$($word),*]
            }

            fn from_word(word: &str) -> Option<Self> {
                match word.to_ascii_lowercase().as_str() {
                    $($word => Some(Self::$value),)*
                    _ => None,
                }
            }
        }
    )* };
}

words! {
    LogLevel { "trace" => Trace, "debug" => Debug, "info" => Info, "warn" => Warn, "error" => Error }
    LogFormat { "human" => Human, "json" => Json }
    AnswerModel { "requested" => Requested, "upstream" => Upstream }
    ErrorFormat { "json" => Json, "text" => Text }
    Compatibility { "anthropic_compatible" => AnthropicCompatible, "strict" => Strict }
    CachePolicy { "respect" => Respect, "disable" => Disable, "force" => Force }
    LossPolicy { "report" => Report, "strict" => Strict }
    Balance {
        "weighted" => Weighted,
        "round_robin" => RoundRobin,
        "least_busy" => LeastBusy,
        "least_latency" => LeastLatency,
        "cheapest" => Cheapest,
        "hash" => Hash,
    }
}

/// How far the answers of a Messages upstream are trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compatibility {
    /// They are completed to the reference's shape.
    AnthropicCompatible,
    /// They are passed on as they are.
    Strict,
}

/// How targets of one priority share requests (R3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    /// A draw by weight.
    #[default]
    Weighted,
    /// In turn.
    RoundRobin,
    /// The one with the fewest requests in flight.
    LeastBusy,
    /// The one that answered fastest.
    LeastLatency,
    /// The one with the lowest price.
    Cheapest,
    /// The same one for the same caller.
    Hash,
}
