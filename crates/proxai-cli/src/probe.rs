//! Which of the usual local servers answer, for somebody who has configured nothing (K4).
//!
//! A port that takes connections says little: other programs like 3000 and 8080 too, and two of
//! the usual servers share one. So the list of models is asked for, without any library and
//! within a moment. A server that takes the connection and says nothing is busy loading its model
//! and counts; a page or a 404 does not.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use proxai_config::local_servers;
use proxai_providers::{Provider, Registry, Resource, Scheme};
use serde_json::Value;

/// On this machine a server answers at once or is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(50);

/// What a list of models may take; llama.cpp needs 1 ms, LiteLLM 60.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(250);

/// A longer list than this is known by its beginning.
const MAX_ANSWER: usize = 256 << 10;

/// The ids of the rows whose server answers on this machine.
///
/// Of rows at one address it is the one that the server names as the owner of its models, else the
/// one that promises least.
pub fn answering(registry: &Registry) -> Vec<String> {
    let mut found: Vec<(Provider, Answer)> = Vec::new();
    for provider in local_servers(registry) {
        let Some(answer) = ask(&provider) else {
            continue;
        };
        let rank = |provider: &Provider, answer: &Answer| {
            let named = answer.owner.as_deref().is_some_and(|owner| {
                let row = registry.resolve(owner);
                row.is_ok_and(|row| row.identity.id == provider.row)
            });
            (named, std::cmp::Reverse(provider.protocols().count()))
        };
        let place = |provider: &Provider| provider.base.authority().to_owned();
        let other = found
            .iter()
            .position(|(other, _)| place(other) == place(&provider));
        match other {
            None => found.push((provider, answer)),
            Some(at) => {
                let (other, before) = &found[at];
                if rank(&provider, &answer) > rank(other, before) {
                    found[at] = (provider, answer);
                }
            }
        }
    }
    found
        .into_iter()
        .map(|(provider, _)| provider.row)
        .collect()
}

/// What a server said of itself.
#[derive(Debug, Default, PartialEq, Eq)]
struct Answer {
    /// The `owned_by` of its first model.
    owner: Option<String>,
}

fn ask(provider: &Provider) -> Option<Answer> {
    let base = &provider.base;
    if base.scheme() == Scheme::Https {
        let address = address(base.authority(), 443)?;
        return TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)
            .is_ok()
            .then(Answer::default);
    }
    let address = address(base.authority(), 80)?;
    let mut stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT).ok()?;
    let path = provider.url(Resource::Models).ok()?.path().to_owned();
    let request = format!(
        "GET {path} HTTP/1.0\r\nhost: {}\r\naccept: application/json\r\n\r\n",
        base.authority()
    );
    stream.set_write_timeout(Some(CONNECT_TIMEOUT)).ok()?;
    stream.write_all(request.as_bytes()).ok()?;
    read(&listen(&mut stream))
}

/// What comes within the time.
fn listen(stream: &mut TcpStream) -> Vec<u8> {
    let until = Instant::now() + ANSWER_TIMEOUT;
    let mut got = Vec::new();
    let mut piece = [0; 4096];
    while got.len() < MAX_ANSWER {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            break;
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(length) => got.extend_from_slice(&piece[..length]),
        }
    }
    got
}

/// Whether an answer is that of a server of models.
fn read(answer: &[u8]) -> Option<Answer> {
    if answer.is_empty() {
        return Some(Answer::default());
    }
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.get(2..5)?;
    match status {
        "200" => {}
        // It wants a key, is not ready, or stumbles over the missing key (LiteLLM without its
        // database): none of that is what another program says at this path.
        "401" | "403" | "500" | "503" => return Some(Answer::default()),
        _ => return None,
    }
    let start = body.find(['{', '['])?;
    let mut documents = serde_json::Deserializer::from_str(&body[start..]).into_iter::<Value>();
    let Some(Ok(list)) = documents.next() else {
        // A list that is longer than what was read.
        let known = body.contains("\"data\"") || body.contains("\"models\"");
        return known.then(Answer::default);
    };
    let models = [list.get("data"), list.get("models"), Some(&list)]
        .into_iter()
        .flatten()
        .find_map(Value::as_array)?;
    let owner = models.first().and_then(|model| model.get("owned_by"));
    Some(Answer {
        owner: owner.and_then(Value::as_str).map(str::to_owned),
    })
}

fn address(authority: &str, default_port: u16) -> Option<SocketAddr> {
    authority
        .to_socket_addrs()
        .or_else(|_| (authority, default_port).to_socket_addrs())
        .ok()?
        .find(|address| address.ip().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_of_models_is_told_from_other_programs_on_its_port() {
        let owner = |owner: &str| {
            Some(Answer {
                owner: Some(owner.to_owned()),
            })
        };
        for (said, found) in [
            (
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{\"object\":\"list\",\"data\":[{\"id\":\"a\",\"owned_by\":\"llamacpp\"}]}",
                owner("llamacpp"),
            ),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2b\r\n{\"data\":[{\"id\":\"a\",\"owned_by\":\"vllm\"}]}   \r\n0\r\n\r\n",
                owner("vllm"),
            ),
            (
                "HTTP/1.0 200 OK\r\n\r\n{\"data\":[]}",
                Some(Answer::default()),
            ),
            (
                "HTTP/1.1 200 OK\r\n\r\n{\"data\":[{\"id\":\"a",
                Some(Answer::default()),
            ),
            ("HTTP/1.1 401 Unauthorized\r\n\r\n", Some(Answer::default())),
            ("", Some(Answer::default())),
            ("HTTP/1.1 404 Not Found\r\n\r\n{\"data\":[]}", None),
            ("HTTP/1.1 200 OK\r\n\r\n<html>{}</html>", None),
            ("HTTP/1.1 200 OK\r\n\r\n{\"status\":\"ok\"}", None),
            ("SSH-2.0-OpenSSH_9.2\r\n", None),
        ] {
            assert_eq!(read(said.as_bytes()), found, "{said}");
        }
    }
}
