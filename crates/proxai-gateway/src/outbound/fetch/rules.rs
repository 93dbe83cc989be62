//! What the configuration lets be fetched, and from where (Z3).
//!
//! Asked twice: with the URL, before anything is resolved, and with the addresses, before anything
//! is connected.

use std::net::IpAddr;

use proxai_providers::glob;

use super::address::{Reach, reach};
use super::target::{Host, MAX_URL_BYTES, Target, split_port};

/// Names that mean this machine or the network around it whatever they resolve to.
const INTERNAL_SUFFIXES: [&str; 8] = [
    "localhost",
    "local",
    "localdomain",
    "internal",
    "intranet",
    "lan",
    "home.arpa",
    "onion",
];

/// Why something is not fetched. Says nothing of what a name resolved to or who answered: a client
/// could map the network behind the gateway with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("it is longer than {MAX_URL_BYTES} bytes")]
    TooLong,
    #[error("it is no absolute http or https URL")]
    NotHttp,
    #[error("only https is fetched here")]
    PlainText,
    #[error("it holds user information before `@`")]
    UserInformation,
    #[error("it holds a character that a URL cannot hold")]
    BadCharacter,
    #[error("its host is not written in the usual way")]
    BadHost,
    #[error("its port is not one that is fetched from")]
    BadPort,
    #[error("its host is not among those that are fetched from")]
    HostNotAllowed,
    #[error("its host is not on the public internet")]
    NotPublic,
}

/// What may be fetched from where.
#[derive(Clone, Debug, Default)]
pub struct FetchRules {
    /// `http` URLs too.
    pub allow_http: bool,
    /// The only hosts that are fetched from, with an optional port; `*` stands for any text. Empty
    /// means every public host.
    pub hosts: Vec<String>,
    /// Hosts, with an optional port, that need not be public and may use `http`.
    pub internal_hosts: Vec<String>,
}

/// What a target may resolve to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Permit {
    internal: bool,
}

impl Target {
    /// Whether the rules let it be fetched, as far as that can be said before its name is resolved.
    pub(crate) fn admit(&self, rules: &FetchRules) -> Result<Permit, Refusal> {
        let (internal, names_port) = self.named_in(&rules.internal_hosts);
        let permit = Permit { internal };
        if internal {
            let usual = matches!(self.port, 80 | 443);
            return if usual || names_port {
                Ok(permit)
            } else {
                Err(Refusal::BadPort)
            };
        }
        if !self.secure && !rules.allow_http {
            return Err(Refusal::PlainText);
        }
        let (listed, names_port) = self.named_in(&rules.hosts);
        if !rules.hosts.is_empty() && !listed {
            return Err(Refusal::HostNotAllowed);
        }
        let usual = self.port == 443 || self.port == 80 && !self.secure;
        if !usual && !names_port {
            return Err(Refusal::BadPort);
        }
        if let Host::Name(name) = &self.host {
            let inside = |suffix: &&str| {
                let before = name.strip_suffix(*suffix);
                before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
            };
            // A name without a dot is one of the local network.
            if !name.contains('.') || INTERNAL_SUFFIXES.iter().any(inside) {
                return Err(Refusal::NotPublic);
            }
        }
        Ok(permit)
    }

    /// Whether a list names this host, and whether it does so with this port.
    fn named_in(&self, list: &[String]) -> (bool, bool) {
        let host = self.host.to_string();
        let mut found = (false, false);
        for entry in list {
            let entry = entry.to_ascii_lowercase();
            let Ok((pattern, port)) = split_port(&entry) else {
                continue;
            };
            let named = glob::matches(pattern, &host);
            match port {
                None => found.0 |= named,
                Some(port) if port == self.port => {
                    found.0 |= named;
                    found.1 |= named;
                }
                Some(_) => {}
            }
        }
        found
    }
}

impl Permit {
    /// Whether all of the addresses may be connected to. One that may not makes the name suspect.
    pub(crate) fn check(self, addresses: &[IpAddr]) -> Result<(), Refusal> {
        let fits = |address: &IpAddr| match reach(*address) {
            Reach::Public => true,
            Reach::Internal => self.internal,
            Reach::Never => false,
        };
        if !addresses.is_empty() && addresses.iter().all(fits) {
            Ok(())
        } else {
            Err(Refusal::NotPublic)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(hosts: &[&str], internal: &[&str]) -> FetchRules {
        let owned = |list: &[&str]| list.iter().map(|host| (*host).to_owned()).collect();
        FetchRules {
            allow_http: false,
            hosts: owned(hosts),
            internal_hosts: owned(internal),
        }
    }

    /// Whether a URL would be fetched if its name resolved to `address`.
    fn fetched(text: &str, rules: &FetchRules, address: &str) -> Result<(), Refusal> {
        let target = Target::parse(text)?;
        let permit = target.admit(rules)?;
        match target.host {
            Host::Address(address) => permit.check(&[address]),
            Host::Name(_) => permit.check(&[address.parse().unwrap()]),
        }
    }

    #[test]
    fn only_public_hosts_are_fetched_from_unless_the_configuration_names_them() {
        let open = rules(&[], &[]);
        let public = "93.184.216.34";
        for (text, address, expected) in [
            ("https://img.example.com/a", public, Ok(())),
            ("https://8.8.8.8/a", public, Ok(())),
            (
                "https://img.example.com/a",
                "10.0.0.1",
                Err(Refusal::NotPublic),
            ),
            (
                "https://img.example.com/a",
                "::ffff:127.0.0.1",
                Err(Refusal::NotPublic),
            ),
            ("https://127.0.0.1/a", public, Err(Refusal::NotPublic)),
            ("https://[::1]/a", public, Err(Refusal::NotPublic)),
            (
                "https://[::ffff:127.0.0.1]/a",
                public,
                Err(Refusal::NotPublic),
            ),
            (
                "https://[::ffff:a9fe:a9fe]/a",
                public,
                Err(Refusal::NotPublic),
            ),
            (
                "https://169.254.169.254./latest",
                public,
                Err(Refusal::NotPublic),
            ),
            (
                "https://[fd00:ec2::254]/latest",
                public,
                Err(Refusal::NotPublic),
            ),
            ("https://localhost/a", public, Err(Refusal::NotPublic)),
            ("https://localhost./a", public, Err(Refusal::NotPublic)),
            ("https://LOCALHOST/a", public, Err(Refusal::NotPublic)),
            ("https://img.localhost/a", public, Err(Refusal::NotPublic)),
            (
                "https://metadata.google.internal/a",
                public,
                Err(Refusal::NotPublic),
            ),
            ("https://printer.local/a", public, Err(Refusal::NotPublic)),
            ("https://redis/a", public, Err(Refusal::NotPublic)),
            ("https://notlocal.example/a", public, Ok(())),
            ("http://img.example.com/a", public, Err(Refusal::PlainText)),
            (
                "https://img.example.com:6379/a",
                public,
                Err(Refusal::BadPort),
            ),
            (
                "https://img.example.com:80/a",
                public,
                Err(Refusal::BadPort),
            ),
        ] {
            assert_eq!(
                fetched(text, &open, address),
                expected,
                "{text} at {address}"
            );
        }
        let plain = FetchRules {
            allow_http: true,
            ..open
        };
        assert_eq!(fetched("http://img.example.com/a", &plain, public), Ok(()));
        assert_eq!(
            fetched("http://img.example.com:22/a", &plain, public),
            Err(Refusal::BadPort)
        );
    }

    #[test]
    fn a_list_of_hosts_is_the_only_way_and_may_name_ports() {
        let public = "93.184.216.34";
        let listed = rules(
            &["*.cdn.test", "img.test:8443"],
            &["files.intern", "127.0.0.1:9000"],
        );
        for (text, address, expected) in [
            ("https://a.cdn.test/x", public, Ok(())),
            ("https://img.test:8443/x", public, Ok(())),
            ("https://img.test/x", public, Err(Refusal::HostNotAllowed)),
            (
                "https://cdn.test.evil.test/x",
                public,
                Err(Refusal::HostNotAllowed),
            ),
            ("https://a.cdn.test:8443/x", public, Err(Refusal::BadPort)),
            (
                "https://a.cdn.test/x",
                "192.168.0.1",
                Err(Refusal::NotPublic),
            ),
            ("http://files.intern/x", "192.168.0.1", Ok(())),
            ("https://files.intern/x", "10.1.2.3", Ok(())),
            (
                "https://files.intern:8080/x",
                "10.1.2.3",
                Err(Refusal::BadPort),
            ),
            (
                "https://files.intern/x",
                "169.254.169.254",
                Err(Refusal::NotPublic),
            ),
            (
                "https://files.intern/x",
                "fd00:ec2::254",
                Err(Refusal::NotPublic),
            ),
            ("http://127.0.0.1:9000/x", public, Ok(())),
            ("http://127.0.0.1:9001/x", public, Err(Refusal::PlainText)),
            ("https://127.0.0.2/x", public, Err(Refusal::HostNotAllowed)),
        ] {
            assert_eq!(
                fetched(text, &listed, address),
                expected,
                "{text} at {address}"
            );
        }
    }

    #[test]
    fn one_address_that_is_not_public_spoils_the_name() {
        let permit = Permit { internal: false };
        let both = ["8.8.8.8".parse().unwrap(), "10.0.0.1".parse().unwrap()];
        assert!(permit.check(&both[..1]).is_ok());
        assert_eq!(permit.check(&both), Err(Refusal::NotPublic));
        assert_eq!(permit.check(&[]), Err(Refusal::NotPublic));
    }
}
