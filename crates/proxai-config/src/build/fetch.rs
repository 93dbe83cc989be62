//! `[fetch]`: what is downloaded for upstreams that take no URLs (Z3).

use super::Build;
use crate::settings::Fetch;

/// More redirects than browsers follow are a mistake.
const MAX_REDIRECTS: u64 = 20;

impl Build<'_> {
    /// The section, checked also where it is switched off.
    pub(super) fn fetch(&mut self) -> Option<Fetch> {
        let fetch = &self.options.fetch;
        for (key, hosts) in [
            ("hosts", &fetch.hosts),
            ("internal_hosts", &fetch.internal_hosts),
        ] {
            for (index, host) in hosts.iter().enumerate() {
                if let Some(message) = wrong_host(host, key == "internal_hosts") {
                    let hint =
                        "write `images.example.com`, `*.example.com` or `images.example.com:8443`";
                    self.problem(&["fetch", key, &index.to_string()], message, Some(hint));
                }
            }
        }
        if fetch.max_redirects > MAX_REDIRECTS {
            self.problem(
                &["fetch", "max_redirects"],
                format!("must be at most {MAX_REDIRECTS}"),
                None,
            );
        }
        let settings = Fetch {
            allow_http: fetch.allow_http,
            hosts: fetch.hosts.clone(),
            internal_hosts: fetch.internal_hosts.clone(),
            max_bytes: self.count(&["fetch", "max_bytes"], fetch.max_bytes),
            max_files: self.count(&["fetch", "max_files"], fetch.max_files),
            timeout: self.seconds(&["fetch", "timeout_secs"], fetch.timeout_secs),
            max_redirects: usize::try_from(fetch.max_redirects).unwrap_or(usize::MAX),
        };
        fetch.enabled.then_some(settings)
    }
}

/// What is wrong with an entry that no URL could match, or that would open more than it says.
fn wrong_host(host: &str, internal: bool) -> Option<String> {
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    };
    if host.contains("://") || host.contains(['/', '@', '?', '#', ' ']) || name.is_empty() {
        return Some(format!("`{host}` is not a host"));
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err() || port == "0") {
        return Some(format!("`{host}` has no valid port"));
    }
    if name.contains(':') && !name.starts_with('[') {
        return Some(format!("`{host}` needs brackets around its address"));
    }
    let anything = name.chars().all(|c| matches!(c, '*' | '.'));
    (internal && anything).then(|| format!("`{host}` would open every machine nearby"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_that_match_nothing_or_everything_are_told() {
        for good in [
            "a.test",
            "*.a.test",
            "a.test:8443",
            "10.0.0.1:9000",
            "[::1]",
            "[::1]:80",
        ] {
            assert_eq!(wrong_host(good, true), None, "{good}");
        }
        for bad in [
            "https://a.test",
            "a.test/x",
            "u@a.test",
            "a.test:x",
            "a.test:0",
            "::1",
            "",
        ] {
            assert!(wrong_host(bad, false).is_some(), "{bad}");
        }
        assert!(wrong_host("*", false).is_none());
        for open in ["*", "*.*", "*:80"] {
            assert!(wrong_host(open, true).is_some(), "{open}");
        }
    }
}
