//! How many tokens a request is, without sending it (E4).
//!
//! For upstreams that have no such operation. The count is a real one of everything the model
//! would see, but of another tokenizer than the upstream's, so whoever hands it on has to mark it
//! as estimated.

use proxai_ir::Losses;
use proxai_types::Protocol;

use crate::adapter::{RequestError, adapter};

/// The number of tokens of a request in the client's protocol; never 0.
///
/// Takes the body of a counting operation as well as that of a generation: members that only the
/// latter must have are not missed. Work for the processor, see [`proxai_tokens`].
pub fn count_tokens(client: Protocol, body: &[u8]) -> Result<u64, RequestError> {
    let request = adapter(client).decode_request(body, &mut Losses::new())?;
    Ok(proxai_tokens::count_request(&request))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(body: &str) -> u64 {
        count_tokens(Protocol::Messages, body.as_bytes()).unwrap()
    }

    #[test]
    fn all_that_the_model_sees_is_counted() {
        let plain = messages(r#"{"model":"m","messages":[{"role":"user","content":"count me"}]}"#);
        assert!((4..20).contains(&plain), "{plain}");
        let system = messages(
            r#"{"model":"m","system":"be brief and kind","messages":[{"role":"user","content":"count me"}]}"#,
        );
        let tool = messages(
            r#"{"model":"m","tools":[{"name":"look","description":"looks a word up","input_schema":{"type":"object","properties":{"word":{"type":"string"}}}}],"messages":[{"role":"user","content":"count me"}]}"#,
        );
        assert!(
            plain + 3 < system && system < tool,
            "{plain} {system} {tool}"
        );
    }

    #[test]
    fn the_same_conversation_counts_the_same_in_each_protocol() {
        let turns = r#"[{"role":"user","content":"what is it"},{"role":"assistant","content":"a gateway"},{"role":"user","content":"of what"}]"#;
        let counts = [
            (Protocol::Chat, "messages"),
            (Protocol::Messages, "messages"),
            (Protocol::Responses, "input"),
        ]
        .map(|(protocol, list)| {
            let body = format!(r#"{{"model":"m","{list}":{turns}}}"#);
            count_tokens(protocol, body.as_bytes()).unwrap()
        });
        assert_eq!(counts, [counts[0]; 3]);
    }

    #[test]
    fn a_body_that_is_no_request_is_an_error_and_an_empty_one_is_not_nothing() {
        assert!(count_tokens(Protocol::Messages, b"{\"messages\":7}").is_err());
        assert!(count_tokens(Protocol::Messages, b"").is_err());
        assert!(messages(r#"{"model":"m","messages":[]}"#) > 0);
    }
}
