//! The demo provider as an upstream inside the process (K4).

use http::StatusCode;
use proxai_gateway::{LocalAnswer, LocalAsk, LocalUpstream};
use proxai_ir::{Failure, FailureKind};
use proxai_types::Operation;

/// Answers like a vendor, knows nothing, needs no key.
#[derive(Clone, Copy, Debug, Default)]
pub struct Demo;

impl LocalUpstream for Demo {
    fn models(&self) -> &[&str] {
        proxai_demo::models()
    }

    fn answer(&self, ask: &LocalAsk<'_>) -> LocalAnswer {
        let answer = match ask.operation {
            Operation::Generate(protocol) => {
                proxai_demo::answer(protocol, ask.body, ask.id, ask.now)
            }
            Operation::Embeddings => proxai_demo::embeddings(ask.body, ask.id),
            _ => return nothing(ask),
        };
        LocalAnswer {
            status: StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK),
            content_type: answer.content_type,
            pieces: answer.chunks,
            pause: answer.pause,
        }
    }
}

fn nothing(ask: &LocalAsk<'_>) -> LocalAnswer {
    let failure = Failure::new(
        FailureKind::NotFound,
        format!("the demo provider has nothing at {}", ask.path),
    )
    .with_code("unknown_path");
    LocalAnswer {
        status: StatusCode::NOT_FOUND,
        content_type: "application/json",
        pieces: vec![proxai_translate::encode_failure(ask.protocol, &failure, ask.id).into()],
        pause: std::time::Duration::ZERO,
    }
}
