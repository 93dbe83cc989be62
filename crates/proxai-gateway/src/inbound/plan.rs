//! Where a request may go: its route, or why there is none.

use proxai_ir::{Failure, FailureKind};
use proxai_router::{Ask, NoRoute, Plan};
use proxai_types::{Operation, Protocol};

use super::call::Call;
use crate::problem::Problem;
use crate::snapshot::Snapshot;

/// The targets of a request, in order.
pub(crate) fn plan(snapshot: &Snapshot, call: &Call, seed: u64) -> Result<Plan, NoRoute> {
    let protocol = match call.operation {
        Operation::Generate(protocol) => Some(protocol),
        Operation::CountTokens => Some(Protocol::Messages),
        // What belongs to no protocol still has a family, and that has a default.
        _ => None,
    };
    let header = |name: &str| call.headers.get(name).and_then(|value| value.to_str().ok());
    let ask = Ask {
        protocol,
        model: &call.head.model,
        path: call.extra.as_deref(),
        header: &header,
        seed,
    };
    match proxai_router::resolve(&snapshot.table, &ask) {
        // A path without a model still has somebody to ask.
        Err(_) if call.operation == Operation::Other => {
            let ask = Ask {
                protocol: Some(call.dialect),
                ..ask
            };
            proxai_router::resolve(&snapshot.table, &ask)
        }
        found => found,
    }
}

/// What the client is told instead, with the names that come closest.
pub(crate) async fn no_route(snapshot: &Snapshot, mut error: NoRoute) -> Box<Problem> {
    if let NoRoute::UnknownModel { model, closest, .. } = &mut error {
        snapshot.models.ask_local().await;
        *closest = proxai_router::closest(model, snapshot.models.remembered(&snapshot.table));
    }
    let mut failure = Failure::new(FailureKind::from_status(error.status()), error.to_string())
        .with_code(error.code())
        .with_param("model");
    failure.status = Some(error.status());
    Problem::refused(failure)
}
