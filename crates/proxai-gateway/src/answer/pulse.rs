//! The clock of one stream: keep-alives, silence, stalled tool calls (S3, S4).
//!
//! One timer serves all of them. Activity only writes down a time; the timer is moved when it
//! fires and finds that its moment has passed on, not with every event, so that a busy stream
//! never touches the runtime's timer wheel.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How long a body may stay open behind its terminal event. Waiting keeps the connection usable
/// for the next request; the client has all it needs already.
const LINGER: Duration = Duration::from_millis(100);

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tick {
    /// The client has heard nothing for a while.
    Keepalive,
    /// The upstream has said nothing for this long.
    Idle(Duration),
    /// A tool call got no further arguments for this long.
    CallStalled(Duration),
    /// The upstream did not close its body.
    Lingered,
}

/// The clock of one stream.
#[derive(Debug)]
pub(crate) struct Pulse {
    timer: Option<Pin<Box<Sleep>>>,
    heard: Instant,
    sent: Instant,
    call: Option<(u64, Instant)>,
    linger_until: Option<Instant>,
    keepalive: Duration,
    idle: Duration,
    call_timeout: Duration,
}

impl Pulse {
    pub(crate) fn new(keepalive: Duration, idle: Duration, call_timeout: Duration) -> Self {
        let now = Instant::now();
        Self {
            timer: None,
            heard: now,
            sent: now,
            call: None,
            linger_until: None,
            keepalive,
            idle,
            call_timeout,
        }
    }

    /// The upstream sent something, be it a comment.
    pub(crate) fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// The client was sent what came last.
    pub(crate) fn sent(&mut self) {
        self.sent = self.sent.max(self.heard);
    }

    /// The answer is complete; only the end of the body is missing.
    pub(crate) fn linger(&mut self) {
        self.linger_until.get_or_insert(self.heard + LINGER);
    }

    /// Another answer is waited for.
    pub(crate) fn again(&mut self) {
        self.heard = Instant::now();
        self.linger_until = None;
    }

    /// Waits for what is due next. `call` counts the pieces of the open tool call.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, call: Option<u64>) -> Poll<Tick> {
        self.call = match (call, self.call) {
            (None, _) => None,
            (Some(count), Some((before, since))) if before == count => Some((count, since)),
            (Some(count), _) => Some((count, self.heard)),
        };
        loop {
            let (due, tick) = self.next();
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
            if timer.deadline() > due {
                timer.as_mut().reset(due);
            }
            ready!(timer.as_mut().poll(cx));
            let now = Instant::now();
            if now >= due {
                if tick == Tick::Keepalive {
                    self.sent = now;
                }
                return Poll::Ready(tick);
            }
            timer.as_mut().reset(due);
        }
    }

    fn next(&self) -> (Instant, Tick) {
        if let Some(until) = self.linger_until {
            return (until, Tick::Lingered);
        }
        let idle = (self.heard + self.idle, Tick::Idle(self.idle));
        let keepalive = (self.sent + self.keepalive, Tick::Keepalive);
        let stalled = self.call.map(|(_, since)| {
            (
                since + self.call_timeout,
                Tick::CallStalled(self.call_timeout),
            )
        });
        [Some(idle), stalled, Some(keepalive)]
            .into_iter()
            .flatten()
            .min_by_key(|(due, _)| *due)
            .unwrap_or(idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;

    const S: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn keepalives_come_until_the_silence_is_too_long() {
        let mut pulse = Pulse::new(15 * S, 40 * S, 100 * S);
        let begin = Instant::now();
        let mut ticks = Vec::new();
        for _ in 0..3 {
            ticks.push((
                poll_fn(|cx| pulse.poll(cx, None)).await,
                begin.elapsed().as_secs(),
            ));
        }
        assert_eq!(
            ticks,
            [
                (Tick::Keepalive, 15),
                (Tick::Keepalive, 30),
                (Tick::Idle(40 * S), 40)
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_piece_of_the_call_resets_its_timeout() {
        let mut pulse = Pulse::new(500 * S, 300 * S, 10 * S);
        let begin = Instant::now();
        let wait = |pulse: &mut Pulse, call| {
            let mut polled = None;
            let mut cx = Context::from_waker(std::task::Waker::noop());
            if let Poll::Ready(tick) = pulse.poll(&mut cx, call) {
                polled = Some(tick);
            }
            polled
        };
        assert_eq!(wait(&mut pulse, Some(1)), None);
        tokio::time::advance(8 * S).await;
        pulse.heard();
        assert_eq!(wait(&mut pulse, Some(2)), None);
        tokio::time::advance(8 * S).await;
        pulse.heard();
        assert_eq!(wait(&mut pulse, Some(2)), None);
        assert_eq!(
            poll_fn(|cx| pulse.poll(cx, Some(2))).await,
            Tick::CallStalled(10 * S)
        );
        assert_eq!(begin.elapsed(), 18 * S);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_complete_lingers_shortly() {
        let mut pulse = Pulse::new(S, S, S);
        pulse.linger();
        assert_eq!(poll_fn(|cx| pulse.poll(cx, None)).await, Tick::Lingered);
    }
}
