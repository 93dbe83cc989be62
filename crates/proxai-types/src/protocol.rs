//! The three wire protocols and what can be asked through them.

use std::fmt;
use std::str::FromStr;

/// A wire protocol that clients and upstreams speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// OpenAI Chat Completions, `POST /v1/chat/completions`.
    Chat,
    /// OpenAI Responses, `POST /v1/responses`.
    Responses,
    /// Anthropic Messages, `POST /v1/messages`.
    Messages,
}

impl Protocol {
    /// Every protocol, in the order tables list them.
    pub const ALL: [Self; 3] = [Self::Chat, Self::Responses, Self::Messages];

    /// Its place in [`Self::ALL`], for tables with a cell per protocol.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The short name used in fixtures, logs and the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Responses => "responses",
            Self::Messages => "messages",
        }
    }

    /// The long name used in configuration files.
    pub const fn config_name(self) -> &'static str {
        match self {
            Self::Chat => "openai_chat_completions",
            Self::Responses => "openai_responses",
            Self::Messages => "anthropic_messages",
        }
    }

    /// The path of its main endpoint below the version segment, with a leading slash.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Chat => "/chat/completions",
            Self::Responses => "/responses",
            Self::Messages => "/messages",
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A protocol name that is neither a short nor a configuration name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownProtocol(
    /// The name as it was given.
    pub String,
);

impl fmt::Display for UnknownProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown protocol `{}`; use one of", self.0)?;
        for (i, protocol) in Protocol::ALL.iter().enumerate() {
            let comma = if i == 0 { "" } else { "," };
            write!(
                f,
                "{comma} {} ({})",
                protocol.config_name(),
                protocol.name()
            )?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownProtocol {}

impl FromStr for Protocol {
    type Err = UnknownProtocol;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wanted = text.trim();
        Self::ALL
            .into_iter()
            .find(|p| {
                wanted.eq_ignore_ascii_case(p.name())
                    || wanted.eq_ignore_ascii_case(p.config_name())
            })
            .ok_or_else(|| UnknownProtocol(text.to_owned()))
    }
}

/// What a request asks for. The path and method alone decide it (E1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// A model answer, through one of the three protocols.
    Generate(Protocol),
    /// `POST /v1/messages/count_tokens` (E4).
    CountTokens,
    /// `POST /v1/embeddings` (E2).
    Embeddings,
    /// `GET /v1/models` and `/v1/models/{id}` (E3).
    Models,
    /// Any other `/v1/…` path, forwarded as it is (E7).
    Other,
}

impl Operation {
    /// Whose error shape a client of this operation expects (X1).
    pub const fn dialect(self) -> Protocol {
        match self {
            Self::Generate(protocol) => protocol,
            Self::CountTokens => Protocol::Messages,
            Self::Embeddings | Self::Models | Self::Other => Protocol::Chat,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_the_place_in_all() {
        assert_eq!(Protocol::ALL.map(Protocol::index), [0, 1, 2]);
    }

    #[test]
    fn both_names_parse_in_any_case() {
        for protocol in Protocol::ALL {
            assert_eq!(protocol.name().to_uppercase().parse(), Ok(protocol));
            assert_eq!(protocol.config_name().parse(), Ok(protocol));
        }
        let error = "grpc".parse::<Protocol>().unwrap_err();
        assert!(error.to_string().contains("anthropic_messages"));
    }
}
