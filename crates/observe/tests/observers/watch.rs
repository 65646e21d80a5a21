//! The stream of counts.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::time::{Instant, advance, sleep};
use towpath_fanout::{Fanout, PatternExt, Scope};
use towpath_pattern::StageReport;

const SECOND: Duration = Duration::from_secs(1);

async fn nap(_: u64) -> anyhow::Result<()> {
    sleep(SECOND).await;
    Ok(())
}

fn succeeded(stages: &[StageReport]) -> usize {
    stages.iter().map(|stage| stage.counts.succeeded).sum()
}

/// A late receiver gets the newest counts, and no backlog.
#[tokio::test(start_paused = true)]
async fn late_receiver_misses_ticks() {
    let run = Fanout::new(1, nap).run(0..100);
    let mut counts = run.watch(SECOND);
    counts.next().await.unwrap();
    let job = tokio::spawn(run.finish());
    sleep(Duration::from_millis(10_500)).await;
    assert_eq!(succeeded(&counts.next().await.unwrap()), 10);
    let before = Instant::now();
    counts.next().await.unwrap();
    assert_eq!(before.elapsed(), SECOND / 2, "a backlog");
    job.await.unwrap();
}

/// The last value comes at the end of a run that is dropped, and not with the next tick.
#[tokio::test(start_paused = true)]
async fn last_value_comes_at_the_end() {
    let run = Fanout::new(1, nap).run(0..3);
    let mut counts = run.watch(1_000 * SECOND);
    counts.next().await.unwrap();
    let began = Instant::now();
    let (report, last) = tokio::join!(run.finish(), counts.next());
    assert_eq!(last.unwrap(), report.stages);
    assert_eq!(began.elapsed(), 3 * SECOND);
    assert!(counts.next().await.is_none());
}

/// A run that is over and not dropped ends the stream.
#[tokio::test(start_paused = true)]
async fn run_that_is_over_and_held_ends_the_stream() {
    let run = Fanout::new(1, nap).capacity(3).run(0..3);
    let counts: Vec<_> = run.watch(2 * SECOND).collect().await;
    let counts: Vec<_> = counts.iter().map(|stages| succeeded(stages)).collect();
    assert_eq!(counts, [0, 1, 3]);
    drop(run);
}

/// The stream keeps no part of the run alive.
#[tokio::test(start_paused = true)]
async fn stream_keeps_nothing_alive() {
    let scope = Scope::default();
    let run = Fanout::new(1, nap).run_in(&scope, 0..3);
    let mut counts = pin!(run.watch(SECOND));
    drop(run);
    scope.wait().await.unwrap();
    advance(SECOND).await;
    assert!(counts.next().await.is_some());
    assert!(counts.next().await.is_none());
}
