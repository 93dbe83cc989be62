//! Requests of every protocol for every upstream.

use proptest::prelude::*;
use proxai_translate::fuzzing::{check_request, is_prefix, target};
use proxai_types::Protocol;

use crate::bodies::body;
use crate::history::{History, history};
use crate::json::spelling;
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

fn every_pair(client: Protocol) -> impl Strategy<Value = (Vec<u8>, Option<Vec<u8>>)> {
    (history(), options(client), spelling()).prop_map(move |(history, options, spelling)| {
        let write =
            |history: &History| body(client, history, &options).write(spelling).into_bytes();
        (write(&history), history.shorter().map(|it| write(&it)))
    })
}

/// What [`check_request`] demands, and T5: a longer history begins with the bytes of the shorter.
fn holds(client: Protocol, longer: &[u8], shorter: Option<&[u8]>) -> Result<(), TestCaseError> {
    for upstream in Protocol::ALL {
        for capable in [false, true] {
            let target = target(capable);
            let sent = check_request(client, upstream, &target, longer);
            let before = shorter.and_then(|body| check_request(client, upstream, &target, body));
            if let (Some(sent), Some(before)) = (sent, before) {
                let again = check_request(client, upstream, &target, longer);
                prop_assert_eq!(&sent.body, &again.expect("it was sent before").body);
                if let Err(difference) = is_prefix(upstream, &before.body, &sent.body) {
                    return Err(TestCaseError::fail(format!(
                        "{client} to {upstream}: {difference}"
                    )));
                }
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn chat_requests_reach_every_upstream((longer, shorter) in every_pair(Protocol::Chat)) {
        holds(Protocol::Chat, &longer, shorter.as_deref())?;
    }

    #[test]
    fn responses_requests_reach_every_upstream((longer, shorter) in every_pair(Protocol::Responses)) {
        holds(Protocol::Responses, &longer, shorter.as_deref())?;
    }

    #[test]
    fn messages_requests_reach_every_upstream((longer, shorter) in every_pair(Protocol::Messages)) {
        holds(Protocol::Messages, &longer, shorter.as_deref())?;
    }
}
