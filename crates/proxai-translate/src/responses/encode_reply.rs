//! Answers, written: whole ones and streams, both by the [`Composer`].

use std::sync::Arc;

use bytes::BytesMut;
use proxai_ir::{Event, Losses, Response};

use super::compose::Composer;
use crate::adapter::StreamEncoder;
use crate::context::ReplyContext;

/// Writes a whole answer.
pub(super) fn encode(
    response: &Response<'_>,
    context: &ReplyContext,
    losses: &mut Losses,
    out: &mut Vec<u8>,
) {
    let mut composer = Composer::new(Arc::new(context.clone()));
    composer.foretell(response.finish.reason);
    response.replay(&mut |event: Event<'_>| composer.event(event, None));
    losses.extend(composer.take_losses());
    out.extend_from_slice(&composer.into_body());
}

/// Writes one client stream.
pub(super) struct Encoder(Composer);

impl Encoder {
    pub(super) fn new(context: Arc<ReplyContext>) -> Self {
        Self(Composer::new(context))
    }
}

impl StreamEncoder for Encoder {
    fn event(&mut self, event: Event<'_>, out: &mut BytesMut) {
        self.0.event(event, Some(out));
    }

    fn take_losses(&mut self) -> Losses {
        self.0.take_losses()
    }
}
