//! What must hold for any input, for the fuzz targets and the property tests; no part of the API.
//!
//! Each `check_*` panics where the translator is wrong. The `fuzz_*` wrappers take raw bytes: the
//! first picks the pair of protocols and some settings, the rest is what was sent. What is read
//! back is read as plain JSON wherever a protocol's own rules are at stake; the adapters are used
//! only to ask whether they understand each other.

mod answers;
mod items;
pub mod order;
mod requests;

use proxai_types::Protocol;

pub use answers::{check_failure, check_response, check_stream};
pub use requests::{check_request, is_prefix, resolve};

use crate::context::{ReplyContext, Target};

/// The provider in all checks; seals of another one must not be opened.
pub const ISSUER: &str = "here";

/// An upstream with every ability or with the usual ones.
pub fn target(capable: bool) -> Target<'static> {
    let mut target = Target::new("upstream-model", ISSUER);
    let abilities = &mut target.abilities;
    for ability in [
        &mut abilities.custom_tools,
        &mut abilities.max_completion_tokens,
        &mut abilities.developer_role,
        &mut abilities.reasoning_echo,
        &mut abilities.system_turns,
    ] {
        *ability = capable;
    }
    abilities.adaptive_thinking = !capable;
    abilities.output_format = !capable;
    target
}

/// What an answer of `upstream` is written with.
pub fn reply(upstream: Protocol) -> ReplyContext {
    ReplyContext::new("house-model", ISSUER, upstream, "0a1b2c", 1_760_000_000)
}

/// A pair of protocols, client first, and one more choice.
fn choices(data: &[u8]) -> Option<(Protocol, Protocol, usize, &[u8])> {
    let (first, rest) = data.split_first()?;
    let choice = usize::from(*first);
    let [client, upstream] = [choice % 3, choice / 3 % 3].map(|index| Protocol::ALL[index]);
    Some((client, upstream, choice / 9, rest))
}

/// A client's request.
pub fn fuzz_request(data: &[u8]) {
    if let Some((client, upstream, choice, body)) = choices(data) {
        check_request(client, upstream, &target(choice % 2 == 1), body);
    }
}

/// An upstream's stream.
pub fn fuzz_stream(data: &[u8]) {
    if let Some((client, upstream, choice, body)) = choices(data) {
        check_stream(client, upstream, body, choice);
    }
}

/// An upstream's whole answer.
pub fn fuzz_response(data: &[u8]) {
    if let Some((client, upstream, _, body)) = choices(data) {
        check_response(client, upstream, body);
    }
}

/// An upstream's error body.
pub fn fuzz_failure(data: &[u8]) {
    if let Some((client, upstream, choice, body)) = choices(data) {
        let status = [200, 400, 401, 404, 413, 429, 500, 502, 529, 599][choice % 10];
        check_failure(client, upstream, status, body);
    }
}
