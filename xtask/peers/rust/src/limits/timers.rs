//! Tokio's timers, held in one vector for each core, without a task or an allocation for each sleep.

use std::future::poll_fn;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::task::{JoinSet, unconstrained};
use tokio::time::{Instant, Sleep, sleep};

use super::{cores, parts};
use crate::io_10k::AT_ONCE;
use crate::protocol::Outcome;

const IO: Duration = Duration::from_millis(1);

/// As many timers as concurrently sleeping jobs. Each timer is reset after it fires.
#[tokio::main]
pub async fn sleeps(items: u32) -> Outcome {
    let start = Instant::now();
    let at_once = AT_ONCE / cores();
    let tasks: JoinSet<u64> = parts(items).map(|part| unconstrained(sleep_for_each(part, at_once))).collect();
    let sum = tasks.join_all().await.into_iter().sum();
    Outcome::timed(sum, start.elapsed()).with_peak()
}

async fn sleep_for_each(mut items: Range<u64>, at_once: usize) -> u64 {
    let mut timers = started(items.by_ref().take(at_once), IO).await;
    let mut sum = 0;
    let all_fired = |cx: &mut Context<'_>| {
        let mut at = 0;
        while let Some((item, timer)) = timers.get_mut(at) {
            if !timer.is_elapsed() {
                at += 1;
                continue;
            }
            sum += *item;
            if let Some(next) = items.next() {
                *item = next;
                timer.as_mut().reset(Instant::now() + IO);
                let _ = timer.as_mut().poll(cx);
            } else {
                drop(timers.swap_remove(at));
            }
        }
        if timers.is_empty() { Poll::Ready(sum) } else { Poll::Pending }
    };
    poll_fn(all_fired).await
}

/// Returns a timer for each of `items`, polled once, so that the timer wakes the task.
async fn started(items: impl Iterator<Item = u64>, time: Duration) -> Vec<(u64, Pin<Box<Sleep>>)> {
    let mut timers: Vec<_> = items.map(|item| (item, Box::pin(sleep(time)))).collect();
    poll_fn(|cx| {
        for (_, timer) in &mut timers {
            let _ = timer.as_mut().poll(cx);
        }
        Poll::Ready(())
    })
    .await;
    timers
}

/// Drops sleeping timers, on all cores.
#[tokio::main]
pub async fn drops(items: u32) -> Outcome {
    let hour = Duration::from_secs(3600);
    let tasks: JoinSet<_> = parts(items).map(|part| unconstrained(started(part, hour))).collect();
    let timers = tasks.join_all().await;

    let start = Instant::now();
    let mut dropping = JoinSet::new();
    for timers in timers {
        dropping.spawn(async move {
            let count = timers.len() as u64;
            drop(timers);
            count
        });
    }
    let dropped = dropping.join_all().await.into_iter().sum();
    Outcome::timed(dropped, start.elapsed())
}
