//! Latency: the added time of a pattern, for items that arrive by a schedule, and for a fixed number of items in flight.
//!
//! The loop is open: the time of every arrival is fixed before the run starts, and does not depend on earlier items.
//! The added time of an item is the time from the arrival until the receiver has the output. So the figures include the
//! wait of an item before the send, and no coordinated omission is left to correct.
//!
//! A task of the same runtime sends the items, and yields until the next item is due: the timer of tokio ticks once a
//! millisecond, and a thread that spins next to the runtime would cost the jobs a core. A peer does the same with
//! the tasks and channels of the peer.

use std::time::{Duration, Instant};

use towpath_pattern::{PatternExt, Source};

use crate::measured::Measured;
use crate::times::Times;
use towpath_testkit::{Case, Subject};

/// Jobs at once.
const LIMIT: usize = 16;

/// The capacity of the channel in front of the pattern and of the pattern: more than a burst.
const ROOM: usize = 1_024;

/// The time from the start of the run to the first arrival.
const LEAD: Duration = Duration::from_millis(5);

/// The sender stops to yield at this time before the next item is due.
const NEAR: Duration = Duration::from_micros(5);

/// Bursts of `burst` items at intervals of `every`.
#[derive(Clone, Copy)]
pub(crate) struct Arrivals {
    pub(crate) burst: u64,
    pub(crate) every: Duration,
}

impl Arrivals {
    /// Returns the arrival time of `item`, if the first item arrives at `first`.
    fn due(self, first: Instant, item: u64) -> Instant {
        first + Duration::from_nanos(item / self.burst * u64::from(self.every.subsec_nanos()))
    }
}

/// Measures the added times of `items` jobs without work, and the sum of the outputs.
pub(crate) async fn latency<S: Subject>(
    subject: S,
    arrivals: Arrivals,
    items: u64,
) -> anyhow::Result<Measured> {
    let case = Case::new(LIMIT).capacity(ROOM);
    let pattern = subject.pattern(case, |item: u64| async move { Ok(item) });
    let (sender, source) = Source::channel(ROOM);
    let mut times = Times::new()?;
    let first = Instant::now() + LEAD;
    let mut run = pattern.run(source);
    let sending = tokio::spawn(async move {
        for item in 0..items {
            until(arrivals.due(first, item)).await;
            sender.send(item).await?;
        }
        anyhow::Ok(())
    });
    let mut answer = 0_u64;
    while let Some(output) = run.next().await {
        let item = output?;
        times.record(arrivals.due(first, item).elapsed())?;
        answer = answer.wrapping_add(item);
    }
    sending.await??;
    Ok(Measured { answer, latency: times.points(), ..Measured::default() })
}

/// Measures the times of `items` jobs without work, from the send to the output, with `in_flight` items at once: every
/// output sends the next item. The loop is closed, so a slow output delays the sends, and the figures are of a caller
/// that waits for an answer before the next question.
pub(crate) async fn in_flight<S: Subject>(
    subject: S,
    in_flight: u64,
    items: u64,
) -> anyhow::Result<Measured> {
    let case = Case::new(LIMIT).capacity(ROOM);
    let pattern = subject.pattern(case, |sent: (u64, Instant)| async move { Ok(sent) });
    let (sender, source) = Source::channel(ROOM);
    let mut times = Times::new()?;
    let mut run = pattern.run(source);
    let mut unsent = 0..items;
    for item in unsent.by_ref().take(usize::try_from(in_flight)?) {
        sender.try_send((item, Instant::now()))?;
    }
    let (mut answer, mut left) = (0_u64, items);
    while let Some(output) = run.next().await {
        let (item, sent) = output?;
        times.record(sent.elapsed())?;
        answer = answer.wrapping_add(item);
        if let Some(next) = unsent.next() {
            sender.try_send((next, Instant::now()))?;
        }
        left -= 1;
        if left == 0 {
            sender.close();
        }
    }
    Ok(Measured { answer, latency: times.points(), ..Measured::default() })
}

async fn until(due: Instant) {
    loop {
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        if left > NEAR {
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burst_is_due_at_once_and_the_next_after_its_interval() {
        let arrivals = Arrivals { burst: 1_000, every: Duration::from_millis(1) };
        let first = Instant::now();
        let due = [0, 999, 1_000, 2_500_000].map(|item| arrivals.due(first, item) - first);
        assert_eq!(due, [0, 0, 1, 2_500].map(Duration::from_millis));
    }
}
