//! Requests of every protocol for every upstream.

use proptest::prelude::*;
use proxai_translate::fuzzing::{ISSUER, check_request, is_prefix, target};
use proxai_translate::ir::Losses;
use proxai_translate::{seal, unseal};
use proxai_types::Protocol;

use crate::bodies::body;
use crate::history::{History, history};
use crate::json::{PLAIN, Spelling, spelling};
use crate::options::options;

/// Few enough cases for every run; `PROPTEST_CASES` asks for more.
pub(crate) fn config() -> ProptestConfig {
    let usual = ProptestConfig::default();
    ProptestConfig {
        // A case is nine pairs. `PROPTEST_CASES` has been read into the default already.
        cases: if std::env::var_os("PROPTEST_CASES").is_some() {
            usual.cases
        } else {
            64
        },
        failure_persistence: None,
        ..usual
    }
}

/// A conversation as it was sent for each of its answers, the longest first.
fn every_pair(client: Protocol) -> impl Strategy<Value = Vec<Vec<u8>>> {
    spelled(client, spelling())
}

/// The same as clients write it: none escapes letters, a seal's least of all.
fn usual(client: Protocol) -> impl Strategy<Value = Vec<Vec<u8>>> {
    spelled(client, Just(PLAIN))
}

fn spelled(
    client: Protocol,
    spelling: impl Strategy<Value = Spelling>,
) -> impl Strategy<Value = Vec<Vec<u8>>> {
    (history(), options(client), spelling).prop_map(move |(history, options, spelling)| {
        let write =
            |history: &History| body(client, history, &options).write(spelling).into_bytes();
        std::iter::successors(Some(history), History::shorter)
            .map(|history| write(&history))
            .collect()
    })
}

/// What [`check_request`] demands, and T5: a longer history begins with the bytes of the shorter.
fn holds(client: Protocol, bodies: &[Vec<u8>]) -> Result<(), TestCaseError> {
    for upstream in Protocol::ALL {
        for capable in [false, true] {
            let target = target(capable);
            let mut longer: Option<Vec<u8>> = None;
            for body in bodies {
                let sent = check_request(client, upstream, &target, body).map(|it| it.body);
                if let (Some(longer), Some(sent)) = (&longer, &sent) {
                    let again = check_request(client, upstream, &target, body);
                    prop_assert_eq!(sent, &again.expect("it was sent before").body);
                    if let Err(difference) = is_prefix(upstream, sent, longer) {
                        return Err(TestCaseError::fail(format!(
                            "{client} to {upstream}: {difference}"
                        )));
                    }
                }
                longer = sent;
            }
        }
    }
    Ok(())
}

/// What goes on within the client's own protocol holds no seal of ours any more, says the same as
/// before (the translators leave out what is cut), and keeps its prefix (T1, T5, T6).
fn keeps_seals_home(client: Protocol, bodies: &[Vec<u8>]) -> Result<(), TestCaseError> {
    let mut longer: Option<Vec<u8>> = None;
    for body in bodies {
        let mut losses = Losses::new();
        let cut = unseal::in_place(client, ISSUER, body, &mut losses);
        prop_assert_eq!(cut.is_some(), seal::stands_in(body));
        let sent = cut.unwrap_or_else(|| body.clone());
        prop_assert!(!seal::stands_in(&sent));
        let target = target(true);
        let hub = |body: &[u8]| check_request(client, client, &target, body).map(|it| it.body);
        let (before, after) = (hub(body), hub(&sent));
        prop_assert_eq!(
            before.as_deref().map(String::from_utf8_lossy),
            after.as_deref().map(String::from_utf8_lossy)
        );
        if let Some(longer) = &longer
            && let Err(difference) = is_prefix(client, &sent, longer)
        {
            return Err(TestCaseError::fail(format!("{client}: {difference}")));
        }
        longer = Some(sent);
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn chat_requests_take_no_seal_to_strangers(bodies in usual(Protocol::Chat)) {
        keeps_seals_home(Protocol::Chat, &bodies)?;
    }

    #[test]
    fn responses_requests_take_no_seal_to_strangers(bodies in usual(Protocol::Responses)) {
        keeps_seals_home(Protocol::Responses, &bodies)?;
    }

    #[test]
    fn messages_requests_take_no_seal_to_strangers(bodies in usual(Protocol::Messages)) {
        keeps_seals_home(Protocol::Messages, &bodies)?;
    }

    #[test]
    fn chat_requests_reach_every_upstream(bodies in every_pair(Protocol::Chat)) {
        holds(Protocol::Chat, &bodies)?;
    }

    #[test]
    fn responses_requests_reach_every_upstream(bodies in every_pair(Protocol::Responses)) {
        holds(Protocol::Responses, &bodies)?;
    }

    #[test]
    fn messages_requests_reach_every_upstream(bodies in every_pair(Protocol::Messages)) {
        holds(Protocol::Messages, &bodies)?;
    }
}
