//! What Chat refuses and Responses takes, at providers that have both (case 71).
//!
//! Newer models of one vendor take no tools beside an effort on Chat. The alternative, `none` as
//! the effort, gives a weaker answer than was asked for, so it is left to providers that have
//! nothing but Chat. Which models these are is the registry's to say; one that it does not know
//! yet says it itself by refusing.

use proxai_json::Doc;
use proxai_types::Protocol;

use crate::inbound::call::Call;
use crate::upstream::provider::Upstream;

/// The protocol to ask in instead of `protocol`, if the request would be refused or weakened there.
pub(crate) fn around(
    call: &Call,
    client: Protocol,
    upstream: &Upstream,
    protocol: Protocol,
    model: &str,
) -> Option<Protocol> {
    let other = Protocol::Responses;
    let provider = &upstream.provider;
    let open = protocol == Protocol::Chat
        && provider.speaks(other)
        && !upstream.learned.is_missing(other)
        && thinks_beside_tools(client, &call.body);
    // The quirks last: nearly every request is done by now.
    let refused = open
        && !provider
            .quirks(protocol, model)
            .reasoning
            .effort_with_tools();
    refused.then_some(other)
}

/// Whether a refusal says that the request belongs to Responses.
pub(crate) fn shown_by(
    status: u16,
    said: &[u8],
    upstream: &Upstream,
    protocol: Protocol,
) -> Option<Protocol> {
    let other = Protocol::Responses;
    let told = status == 400
        && protocol == Protocol::Chat
        && upstream.provider.speaks(other)
        && memchr::memmem::find(said, b"/v1/responses").is_some()
        && Doc::scan(said).ok().is_some_and(|doc| {
            let error = doc.child("error");
            let param = error.and_then(|error| error.value(said, "param")?.string(said));
            param.is_some_and(|param| param == "reasoning_effort")
        });
    told.then_some(other)
}

/// Whether a request has tools and asks for an effort.
fn thinks_beside_tools(client: Protocol, body: &[u8]) -> bool {
    let has = |word: &[u8]| memchr::memmem::find(body, word).is_some();
    let may = match client {
        Protocol::Chat => has(b"\"reasoning_effort\""),
        Protocol::Responses => has(b"\"effort\""),
        Protocol::Messages => has(b"\"effort\"") || has(b"\"thinking\""),
    };
    if !may || !has(b"\"tools\"") {
        return false;
    }
    let Ok(doc) = Doc::scan(body) else {
        return false;
    };
    let effort_in = |member: &str| {
        let object = doc.child(member);
        let effort = object.and_then(|object| object.value(body, "effort")?.string(body));
        effort.is_some_and(|effort| effort != "none")
    };
    let asks = match client {
        Protocol::Chat => doc
            .str("reasoning_effort")
            .is_some_and(|effort| effort != "none"),
        Protocol::Responses => effort_in("reasoning"),
        Protocol::Messages => {
            let thinking = doc.child("thinking");
            let kind = thinking.and_then(|thinking| thinking.value(body, "type")?.string(body));
            kind.map_or_else(|| effort_in("output_config"), |kind| kind != "disabled")
        }
    };
    asks && doc
        .child("tools")
        .is_some_and(|tools| !tools.items.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_effort_beside_tools_takes_the_detour() {
        use Protocol::{Chat, Messages, Responses};
        for (client, body, thinks) in [
            (Chat, r#"{"tools":[{}],"reasoning_effort":"high"}"#, true),
            (Chat, r#"{"tools":[{}],"reasoning_effort":"none"}"#, false),
            (Chat, r#"{"tools":[{}],"reasoning_effort":null}"#, false),
            (Chat, r#"{"tools":[],"reasoning_effort":"high"}"#, false),
            (Chat, r#"{"reasoning_effort":"high"}"#, false),
            (Chat, r#"{"tools":[{}]}"#, false),
            (
                Responses,
                r#"{"tools":[{}],"reasoning":{"effort":"low"}}"#,
                true,
            ),
            (
                Responses,
                r#"{"tools":[{}],"reasoning":{"summary":"auto"}}"#,
                false,
            ),
            (
                Messages,
                r#"{"tools":[{}],"thinking":{"type":"adaptive"}}"#,
                true,
            ),
            (
                Messages,
                r#"{"tools":[{}],"thinking":{"type":"disabled"}}"#,
                false,
            ),
            (
                Messages,
                r#"{"tools":[{}],"output_config":{"effort":"low"}}"#,
                true,
            ),
            (Messages, r#"{"tools":[{}]}"#, false),
        ] {
            assert_eq!(
                thinks_beside_tools(client, body.as_bytes()),
                thinks,
                "{body}"
            );
        }
    }
}
