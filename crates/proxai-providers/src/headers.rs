//! Which of a client's headers may reach an upstream (P4).
//!
//! An allow list with a deny list on top. The allow list alone would do, were it not that a
//! configuration can extend it: no configuration can make a credential pass.
//!
//! `openai-organization` and `openai-project` do not pass either: they belong to the client's
//! key, and with ours the upstream answers 401. A configured provider sends its own.

use proxai_types::Protocol;

use crate::glob;

/// The two kinds of hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hop {
    /// Client and upstream speak this protocol.
    Same(Protocol),
    /// The body is translated; only what means the same everywhere passes.
    Translated,
    /// Another path, forwarded 1:1, whose body may be no JSON at all (E7).
    Other,
}

/// Never pass, whatever a configuration says: credentials, the connection's own headers, what
/// describes a body that is decoded and rebuilt here, and what says where the client is.
const NEVER: [&str; 36] = [
    "accept-encoding",
    "api-key",
    "authorization",
    "connection",
    "content-encoding",
    "content-length",
    "cookie",
    "cookie2",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "openai-organization",
    "openai-project",
    "origin",
    "referer",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "x-access-token",
    "x-amz-security-token",
    "x-api-key",
    "x-auth-token",
    "x-client-ip",
    "x-csrf-token",
    "x-forwarded",
    "x-goog-api-key",
    "x-goog-iam-authorization-token",
    "x-litellm-api-key",
    "x-real-ip",
    "x-subscription-token",
    "x-vault-token",
];

/// Families that never pass.
const NEVER_PATTERNS: [&str; 8] = [
    "proxy-*",
    "sec-*",
    "cf-*",
    "x-forwarded-*",
    "x-proxai-*",
    "x-langwatch-*",
    "*-authorization",
    "*-api-key",
];

/// Pass on every hop.
const ALWAYS: [&str; 3] = ["idempotency-key", "user-agent", "x-request-id"];

/// Pass where both sides speak Chat or Responses. The agents' session headers keep an upstream's
/// prompt cache warm.
const OPENAI: [&str; 10] = [
    "openai-*",
    "x-stainless-*",
    "x-client-request-id",
    "x-codex-*",
    "x-openai-*",
    "originator",
    "session_id",
    "session-id",
    "conversation_id",
    "version",
];

/// Pass where both sides speak Messages.
const ANTHROPIC: [&str; 5] = [
    "anthropic-*",
    "x-stainless-*",
    "x-app",
    "x-claude-*",
    "x-client-request-id",
];

/// Whether a client's header may go upstream.
///
/// `connection` is the value of the request's `Connection` headers, joined by commas; the headers
/// it names are the connection's own. `extra` are patterns from the configuration, for hops that
/// are not translated.
pub fn passes(hop: Hop, name: &str, connection: &str, extra: &[String]) -> bool {
    if never_passes(name, connection) {
        return false;
    }
    let any = |patterns: &[&str]| patterns.iter().any(|pattern| glob::matches(pattern, name));
    any(&ALWAYS)
        || match hop {
            Hop::Translated => false,
            Hop::Same(Protocol::Chat | Protocol::Responses) => any(&OPENAI),
            Hop::Same(Protocol::Messages) => any(&ANTHROPIC),
            Hop::Other => {
                any(&OPENAI) || any(&ANTHROPIC) || any(&["accept", "content-type", "range"])
            }
        }
        || (hop != Hop::Translated && extra.iter().any(|pattern| glob::matches(pattern, name)))
}

/// Whether a header stops here on every hop.
pub fn never_passes(name: &str, connection: &str) -> bool {
    NEVER.iter().any(|never| never.eq_ignore_ascii_case(name))
        || NEVER_PATTERNS
            .iter()
            .any(|pattern| glob::matches(pattern, name))
        || connection
            .split(',')
            .any(|token| token.trim().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOPS: [Hop; 5] = [
        Hop::Same(Protocol::Chat),
        Hop::Same(Protocol::Responses),
        Hop::Same(Protocol::Messages),
        Hop::Translated,
        Hop::Other,
    ];

    #[test]
    fn no_credential_passes_on_any_hop_even_when_configured() {
        let everything = ["*".to_owned()];
        for name in [
            "Authorization",
            "x-api-key",
            "API-Key",
            "cookie",
            "x-goog-api-key",
            "proxy-authorization",
            "cf-aig-authorization",
            "x-vendor-api-key",
            "transfer-encoding",
            "x-forwarded-for",
            "openai-organization",
            "x-proxai-provider",
            "host",
            "content-length",
        ] {
            for hop in HOPS {
                assert!(!passes(hop, name, "", &everything), "{name} on {hop:?}");
            }
        }
    }

    #[test]
    fn headers_named_in_connection_stop_here() {
        let same = Hop::Same(Protocol::Messages);
        assert!(passes(same, "anthropic-beta", "", &[]));
        assert!(!passes(
            same,
            "Anthropic-Beta",
            "keep-alive, anthropic-beta",
            &[]
        ));
    }

    #[test]
    fn protocol_headers_pass_only_where_they_are_understood() {
        for (name, chat, messages, translated) in [
            ("anthropic-beta", false, true, false),
            ("anthropic-version", false, true, false),
            ("OpenAI-Beta", true, false, false),
            ("session_id", true, false, false),
            ("idempotency-key", true, true, true),
            ("User-Agent", true, true, true),
            ("x-unheard-of", false, false, false),
        ] {
            assert_eq!(
                passes(Hop::Same(Protocol::Chat), name, "", &[]),
                chat,
                "{name}"
            );
            assert_eq!(
                passes(Hop::Same(Protocol::Messages), name, "", &[]),
                messages,
                "{name}"
            );
            assert_eq!(passes(Hop::Translated, name, "", &[]), translated, "{name}");
        }
    }

    #[test]
    fn a_configuration_extends_what_passes_untranslated() {
        let extra = ["x-team-*".to_owned()];
        assert!(passes(Hop::Same(Protocol::Chat), "X-Team-Id", "", &extra));
        assert!(!passes(Hop::Translated, "X-Team-Id", "", &extra));
        assert!(passes(Hop::Other, "content-type", "", &[]));
    }
}
