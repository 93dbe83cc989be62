//! The URL of something to fetch, read so that it has one meaning (Z3).
//!
//! Strict where a browser is lenient: each spelling that two readers could read differently is
//! refused (`0x7f.1`, `127.1`, a backslash, a percent sign in the host, user information), so that
//! what is checked is what is connected to. Nothing here resolves or connects.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::Uri;

use super::rules::Refusal;

/// Longer URLs are refused; signed URLs of object stores are below 2 kB.
pub(super) const MAX_URL_BYTES: usize = 8192;

/// The longest host name of the DNS.
const MAX_HOST_BYTES: usize = 253;

/// The longest part of one.
const MAX_LABEL_BYTES: usize = 63;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    Address(IpAddr),
    Name(String),
}

/// A URL that is written as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) uri: Uri,
    pub(crate) host: Host,
    pub(crate) port: u16,
    pub(crate) secure: bool,
}

impl Target {
    /// Reads a URL.
    pub(crate) fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > MAX_URL_BYTES {
            return Err(Refusal::TooLong);
        }
        let (scheme, rest) = text.split_once("://").ok_or(Refusal::NotHttp)?;
        let secure = match scheme {
            _ if scheme.eq_ignore_ascii_case("https") => true,
            _ if scheme.eq_ignore_ascii_case("http") => false,
            _ => return Err(Refusal::NotHttp),
        };
        if rest
            .chars()
            .any(|c| c.is_whitespace() || c.is_control() || c == '\\')
        {
            return Err(Refusal::BadCharacter);
        }
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        if authority.contains('@') {
            return Err(Refusal::UserInformation);
        }
        let (host, port) = split_port(authority)?;
        let host = read_host(host)?;
        let port = port.unwrap_or(if secure { 443 } else { 80 });
        let mut written = format!("{}://{host}", if secure { "https" } else { "http" });
        if port != if secure { 443 } else { 80 } {
            written.push(':');
            written.push_str(&port.to_string());
        }
        if !tail.starts_with('/') {
            written.push('/');
        }
        written.push_str(&encoded(tail));
        Ok(Self {
            uri: written.parse().map_err(|_| Refusal::BadCharacter)?,
            host,
            port,
            secure,
        })
    }

    /// Where a redirect leads.
    pub(crate) fn join(&self, location: &str) -> Result<Self, Refusal> {
        let location = location.trim();
        let scheme = if self.secure { "https" } else { "http" };
        let authority = self.uri.authority().map_or("", |it| it.as_str());
        let path = self.uri.path();
        let reference = location.split(['/', '?', '#']).next().unwrap_or_default();
        if reference.contains(':') {
            return Self::parse(location);
        }
        let whole = match location {
            _ if location.starts_with("//") => format!("{scheme}:{location}"),
            _ if location.starts_with('/') => format!("{scheme}://{authority}{location}"),
            _ if location.starts_with('?') => format!("{scheme}://{authority}{path}{location}"),
            _ => {
                let folder = path.rfind('/').map_or("/", |at| &path[..=at]);
                format!("{scheme}://{authority}{folder}{location}")
            }
        };
        Self::parse(&whole)
    }
}

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// Host and port, as they are written.
pub(super) fn split_port(authority: &str) -> Result<(&str, Option<u16>), Refusal> {
    let after = authority.rfind(']').map_or(0, |at| at + 1);
    let Some(colon) = authority[after..].find(':').map(|at| at + after) else {
        return Ok((authority, None));
    };
    let digits = &authority[colon + 1..];
    let usual = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = digits.parse().ok().filter(|port| usual && *port != 0);
    Ok((&authority[..colon], Some(port.ok_or(Refusal::BadPort)?)))
}

fn read_host(text: &str) -> Result<Host, Refusal> {
    if let Some(inner) = text.strip_prefix('[') {
        let inner = inner.strip_suffix(']').ok_or(Refusal::BadHost)?;
        let address: Ipv6Addr = inner.parse().map_err(|_| Refusal::BadHost)?;
        return Ok(Host::Address(IpAddr::V6(address)));
    }
    let name = text.to_ascii_lowercase();
    // One dot at the end says that the name is complete.
    let name = name.strip_suffix('.').unwrap_or(&name);
    if let Ok(address) = name.parse::<Ipv4Addr>() {
        return Ok(Host::Address(IpAddr::V4(address)));
    }
    let label_fits = |label: &str| {
        !label.is_empty()
            && label.len() <= MAX_LABEL_BYTES
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    // `127.1`, `2130706433`, `0177.0.0.1`, `0x7f000001`: addresses to some, names to others.
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit())
        || last
            .strip_prefix("0x")
            .is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if name.len() > MAX_HOST_BYTES || numeric || !name.split('.').all(label_fits) {
        return Err(Refusal::BadHost);
    }
    Ok(Host::Name(name.to_owned()))
}

/// Path and query as ASCII.
fn encoded(tail: &str) -> String {
    let mut out = String::with_capacity(tail.len());
    for byte in tail.bytes() {
        let plain = byte.is_ascii_graphic()
            && !matches!(byte, b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}');
        if plain {
            out.push(char::from(byte));
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Result<String, Refusal> {
        Target::parse(text).map(|target| target.uri.to_string())
    }

    #[test]
    fn urls_are_written_in_one_way() {
        for (text, expected) in [
            ("https://A.Example.COM/x.png", "https://a.example.com/x.png"),
            ("HTTPS://a.test./x", "https://a.test/x"),
            ("https://a.test", "https://a.test/"),
            ("https://a.test?x=1", "https://a.test/?x=1"),
            ("https://a.test:443/x#part", "https://a.test/x"),
            ("http://a.test:8080/x?y=a/b", "http://a.test:8080/x?y=a/b"),
            (
                "https://xn--bcher-kva.example/ü.png",
                "https://xn--bcher-kva.example/%C3%BC.png",
            ),
            ("https://[2606:4700::1111]/x", "https://[2606:4700::1111]/x"),
            (
                "https://[::FFFF:127.0.0.1]/x",
                "https://[::ffff:127.0.0.1]/x",
            ),
            ("https://8.8.8.8/a|b", "https://8.8.8.8/a%7Cb"),
        ] {
            assert_eq!(uri(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn spellings_with_two_readings_are_refused() {
        for (text, expected) in [
            ("ftp://a.test/x", Refusal::NotHttp),
            ("file:///etc/passwd", Refusal::NotHttp),
            ("gopher://a.test/", Refusal::NotHttp),
            ("//a.test/x", Refusal::NotHttp),
            ("/etc/passwd", Refusal::NotHttp),
            ("https:a.test", Refusal::NotHttp),
            ("https://user:pass@a.test/", Refusal::UserInformation),
            ("https://a.test@127.0.0.1/", Refusal::UserInformation),
            ("https://a.test\\@127.0.0.1/", Refusal::BadCharacter),
            ("https://a.test/ x", Refusal::BadCharacter),
            ("https://a.test/\r\nHost: b", Refusal::BadCharacter),
            ("https:///x", Refusal::BadHost),
            ("https://./x", Refusal::BadHost),
            ("https://a..test/", Refusal::BadHost),
            ("https://a.test../", Refusal::BadHost),
            ("https://-a.test/", Refusal::BadHost),
            ("https://bücher.example/", Refusal::BadHost),
            ("https://①②⑦.⓪.⓪.①/", Refusal::BadHost),
            ("https://127%2e0.0.1/", Refusal::BadHost),
            ("https://a.test%00.b.test/", Refusal::BadHost),
            ("https://2130706433/", Refusal::BadHost),
            ("https://017700000001/", Refusal::BadHost),
            ("https://0x7f000001/", Refusal::BadHost),
            ("https://0x7f.0.0.1/", Refusal::BadHost),
            ("https://0177.0.0.1/", Refusal::BadHost),
            ("https://127.1/", Refusal::BadHost),
            ("https://127.0.0.0x1/", Refusal::BadHost),
            ("https://1.2.3.4.5/", Refusal::BadHost),
            ("https://256.1.1.1/", Refusal::BadHost),
            ("https://a.0x/", Refusal::BadHost),
            ("https://[::1]x/", Refusal::BadHost),
            ("https://[::1/", Refusal::BadPort),
            ("https://[fe80::1%25eth0]/", Refusal::BadHost),
            ("https://[127.0.0.1]/", Refusal::BadHost),
            ("https://a.test:0/", Refusal::BadPort),
            ("https://a.test:/", Refusal::BadPort),
            ("https://a.test:+80/", Refusal::BadPort),
            ("https://a.test:99999/", Refusal::BadPort),
        ] {
            assert_eq!(uri(text), Err(expected), "{text}");
        }
        let long = format!("https://a.test/{}", "x".repeat(MAX_URL_BYTES));
        assert_eq!(uri(&long), Err(Refusal::TooLong));
    }

    #[test]
    fn redirects_are_read_against_where_they_came_from() {
        let from = Target::parse("https://a.test:8443/dir/file?x=1").unwrap();
        for (location, expected) in [
            ("https://b.test/y", Ok("https://b.test/y")),
            ("//b.test/y", Ok("https://b.test/y")),
            ("/y?z", Ok("https://a.test:8443/y?z")),
            ("other", Ok("https://a.test:8443/dir/other")),
            (
                "other?u=http://c.test",
                Ok("https://a.test:8443/dir/other?u=http://c.test"),
            ),
            ("?q", Ok("https://a.test:8443/dir/file?q")),
            ("http://a.test/y", Ok("http://a.test/y")),
            ("file:///etc/passwd", Err(Refusal::NotHttp)),
            ("data:image/png;base64,AA", Err(Refusal::NotHttp)),
            ("//user@b.test/", Err(Refusal::UserInformation)),
        ] {
            let joined = from.join(location).map(|target| target.uri.to_string());
            assert_eq!(joined.as_deref(), expected.as_ref().copied(), "{location}");
        }
    }
}
