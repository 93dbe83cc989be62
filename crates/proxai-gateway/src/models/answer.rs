//! What is answered at `/v1/models` and `/v1/models/{id}` (E3).

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap};
use proxai_ir::{Failure, FailureKind};

use crate::answer::Answer;
use crate::headers::JSON;
use crate::inbound::call::Call;
use crate::problem::Problem;
use crate::snapshot::Snapshot;

/// The list or one model, in the shape that the client's headers ask for.
pub(crate) async fn answer(snapshot: &Snapshot, call: &Call) -> Result<Answer, Box<Problem>> {
    let anthropic = call.headers.contains_key("anthropic-version");
    let path = call.uri.path().trim_end_matches('/');
    let id = path.split_once("/models/").map(|(_, id)| id);
    let listed = &snapshot.models;
    let known = id.and_then(|id| listed.known(id, anthropic));
    let body = if let Some(body) = known {
        body
    } else {
        let current = listed.current(&snapshot.table).await;
        match id {
            Some(id) => current
                .find(id, anthropic)
                .ok_or_else(|| no_model(snapshot, id))?,
            None if anthropic => current.anthropic(call.uri.query()),
            None => current.openai(),
        }
    };
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, JSON);
    Ok(Answer::whole(StatusCode::OK, headers, body, call.dialect))
}

fn no_model(snapshot: &Snapshot, id: &str) -> Box<Problem> {
    let known = snapshot.models.remembered(&snapshot.table);
    let closest = proxai_router::closest(id, known).join(", ");
    let hint = if closest.is_empty() {
        String::new()
    } else {
        format!("; the closest are {closest}")
    };
    Problem::refused(
        Failure::new(
            FailureKind::NotFound,
            format!("no model is called `{id}`{hint}"),
        )
        .with_code("model_not_found")
        .with_param("model"),
    )
}
