//! Jobs without work, under limiters.

use std::time::{Duration, Instant};

use towpath_fanout::{Fanout, Pattern, PatternExt};
use towpath_limit::{Rate, per_key};
use towpath_semaphore::Semaphore;

/// The limit of jobs at once.
const LIMIT: usize = 16;
const CAPACITY: usize = 1_024;
const KEYS: u64 = 1_000;
const PER_SECOND: u32 = 1_000;
const BURST: usize = 10;
const PERMITS: usize = 32;

/// Runs the items of a key one at a time and in order.
pub async fn keys(items: u64) -> anyhow::Result<u64> {
    let noop = Fanout::new(LIMIT, |item: u64| async move { Ok(item) }).capacity(CAPACITY);
    sum(noop.limited_by(&per_key(1, |item: &u64| item % KEYS)), items).await
}

/// Runs items of 1 to 8 permits.
pub async fn weights(items: u64) -> anyhow::Result<u64> {
    let noop = Fanout::new(LIMIT, |item: u64| async move { Ok(item) }).capacity(CAPACITY);
    sum(noop.limited_by(&Semaphore::new(PERMITS).weighted(|item: &u64| weight(*item))), items).await
}

fn weight(item: u64) -> usize {
    usize::try_from(item % 8 + 1).unwrap_or(1)
}

async fn sum(pattern: impl Pattern<u64, Out = u64>, items: u64) -> anyhow::Result<u64> {
    let mut run = pattern.run(0..items);
    let mut sum = 0_u64;
    while let Some(output) = run.next().await {
        sum = sum.wrapping_add(output?);
    }
    Ok(sum)
}

/// Runs items at a rate. Returns for each start the time between the moment at which the start was allowed and the
/// start.
pub async fn rate(items: u64) -> anyhow::Result<(u64, Vec<Duration>)> {
    let begin = Instant::now();
    let start = Fanout::new(LIMIT, |item: u64| async move { Ok((item, Instant::now())) })
        .capacity(CAPACITY)
        .limited_by(&Rate::per_second(PER_SECOND).burst(BURST));
    let mut run = start.run(0..items);
    let (mut sum, mut starts) = (0_u64, Vec::new());
    while let Some(output) = run.next().await {
        let (item, start) = output?;
        sum = sum.wrapping_add(item);
        starts.push(start);
    }
    starts.sort_unstable();
    let allowed = |start: usize| {
        let beyond_the_burst = u32::try_from((start + 1).saturating_sub(BURST)).unwrap_or(u32::MAX);
        begin + Duration::from_secs(1) / PER_SECOND * beyond_the_burst
    };
    let late =
        starts.iter().enumerate().map(|(number, start)| start.saturating_duration_since(allowed(number)));
    Ok((sum, late.collect()))
}
