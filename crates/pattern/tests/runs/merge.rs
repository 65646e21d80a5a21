//! Several sources, merged into a single source.

use std::collections::HashMap;
use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};
use towpath_pattern::{Kept, OnFailure, Run, Scope, Settings, Source, anyhow, async_channel, queue};

use crate::{run_in, settle};

type Items = Vec<(usize, u32)>;

/// The items of source `number`: the number and a running number.
fn numbers(number: usize, count: u32) -> Source<(usize, u32)> {
    Source::new((0..count).map(move |item| (number, item)))
}

async fn all<T: Send + 'static>(mut source: Source<T>) -> Vec<T> {
    let mut items = Vec::new();
    while let Some(item) = source.next().await {
        items.push(item.expect("no failure"));
    }
    items
}

/// Asserts that the items of each source are in order, and complete.
fn assert_each_in_order(items: &Items, counts: &[u32]) {
    for (number, count) in counts.iter().enumerate() {
        let own: Vec<_> = items.iter().filter(|item| item.0 == number).map(|item| item.1).collect();
        assert_eq!(own, (0..*count).collect::<Vec<_>>(), "source {number}");
    }
}

#[tokio::test]
async fn merged_sources_yield_all_items_in_their_orders() {
    for counts in [vec![], vec![0], vec![5], vec![3, 0, 7], vec![1; 100]] {
        let sources = || counts.iter().enumerate().map(|(number, count)| numbers(number, *count));
        let by_hand = all(Source::merge(sources())).await;
        assert_each_in_order(&by_hand, &counts);
        let job = |item: (usize, u32)| async move { Ok(item) };
        let run = run_in(&Scope::default(), Source::merge(sources()), Settings::new("all", 3).ordered(), job);
        assert_each_in_order(&run.collect().await.expect("no failure"), &counts);
    }
}

/// At every moment, the positions of two sources differ by at most one turn, with all sizes of the batches.
#[tokio::test]
async fn sources_with_items_take_turns() {
    for count in [2, 3, 7, 50] {
        let sources = (0..count).map(|number| numbers(number, u32::MAX));
        let job = |item: (usize, u32)| async move { Ok(item) };
        let settings = Settings::new("all", 1).ordered().capacity(99);
        let mut run = run_in(&Scope::default(), Source::merge(sources), settings, job);
        let mut seen = vec![0_u32; count];
        for _ in 0..count * 200 {
            let (number, _) = run.next().await.expect("an output").expect("no failure");
            seen[number] += 1;
            let (most, least) = (seen.iter().max().expect("one"), seen.iter().min().expect("one"));
            assert!(most - least <= 16, "{seen:?}");
        }
    }
}

#[tokio::test]
async fn single_items_come_from_each_source_in_turn() {
    let mut source = Source::merge((0..3).map(|number| numbers(number, 2)));
    let mut seen = Vec::new();
    while let Some(item) = source.next().await {
        seen.push(item.expect("no failure"));
    }
    assert_eq!(seen, [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]);
}

/// A stream that is always ready does not keep the items of another source from the run.
#[tokio::test]
async fn endless_source_does_not_starve_a_channel() {
    let (sender, channel) = async_channel::bounded(1);
    let source = Source::merge([Source::new(0_u32..), Source::new(channel)]);
    let job = |item: u32| async move { Ok(item) };
    let mut run = run_in(&Scope::default(), source, Settings::new("all", 1).ordered(), job);
    run.next().await;
    for _ in 0..10 {
        sender.send(u32::MAX).await.expect("the run takes");
        let mut later = 0;
        while run.next().await.expect("an output").expect("no failure") != u32::MAX {
            later += 1;
            assert!(later < 100);
        }
    }
}

/// Counts its polls. A poll is ready if the channel has an item.
struct Counted(Pin<Box<async_channel::Receiver<u32>>>, Arc<AtomicUsize>);

impl Stream for Counted {
    type Item = u32;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u32>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.as_mut().poll_next(cx)
    }
}

/// A wake-up of one of many sources costs no poll of the others.
#[tokio::test]
async fn poll_reaches_only_the_woken_source() {
    const SOURCES: usize = 100;
    let polls = Arc::new(AtomicUsize::new(0));
    let (senders, sources): (Vec<_>, Vec<_>) = (0..SOURCES)
        .map(|_| {
            let (sender, receiver) = async_channel::bounded(1);
            (sender, Source::new(Counted(Box::pin(receiver), Arc::clone(&polls))))
        })
        .unzip();
    let job = |item: u32| async move { Ok(item) };
    let mut run = run_in(&Scope::default(), Source::merge(sources), Settings::new("all", 1), job);
    settle().await;
    let before = polls.load(Ordering::Relaxed);
    for (item, sender) in (0..).zip(&senders) {
        sender.try_send(item).expect("capacity");
        assert_eq!(run.next().await.expect("an output").expect("no failure"), item);
    }
    settle().await;
    let later = polls.load(Ordering::Relaxed) - before;
    assert!((SOURCES..4 * SOURCES).contains(&later), "{later} polls");
    drop(senders);
    assert!(run.next().await.is_none());
}

/// A stream that wakes itself before every item.
struct WakesItself(u32, bool);

impl Stream for WakesItself {
    type Item = u32;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<u32>> {
        self.1 = !self.1;
        if self.1 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.0 += 1;
        Poll::Ready((self.0 <= 20).then_some(self.0))
    }
}

#[tokio::test(start_paused = true)]
async fn sources_that_wake_themselves_or_sleep_end() {
    let sleeps = Source::generate(|out| async move {
        for item in 0..20 {
            sleep(Duration::from_millis(10)).await;
            out.send(item).await;
        }
    });
    let start = Instant::now();
    let source =
        Source::merge([Source::new(WakesItself(0, false)), sleeps, Source::new(WakesItself(0, false))]);
    assert_eq!(all(source).await.len(), 60);
    assert!(start.elapsed() < Duration::from_millis(300));
}

fn failing(after: u32, panics: bool) -> Source<u32> {
    Source::try_generate(move |out| async move {
        for item in 0..after {
            out.send(item).await;
        }
        assert!(!panics, "the page is torn");
        anyhow::bail!("the page is missing")
    })
}

#[tokio::test]
async fn failure_of_a_source_fails_the_run() {
    for panics in [false, true] {
        let job = |item: u32| async move { Ok(item) };
        let sources = || [Source::new(0..1_000), failing(3, panics), Source::new(0..1_000)];
        let (idle, channel) = Source::channel(1);
        let endless = Source::merge(sources().into_iter().chain([channel]));
        let failed = run_in(&Scope::default(), endless, Settings::new("all", 1), job).collect().await;
        let failure = failed.expect_err("the second source fails");
        assert_eq!(failure.index(), if panics { None } else { Some(3 * 4 + 1) });
        drop(idle);

        let settings = Settings::new("all", 1).on_failure(OnFailure::Continue);
        let run = run_in(&Scope::default(), Source::merge(sources()), settings, job);
        let (outcomes, _) = run.outcomes().await;
        let failures = outcomes.iter().filter(|outcome| outcome.is_err()).count();
        assert_eq!((outcomes.len(), failures), (2_004, 1));
    }
}

async fn rest(kept: &Kept<(usize, u32)>) -> Vec<u32> {
    all(kept.take().expect("the run is over")).await.into_iter().map(|item| item.1).collect()
}

/// After every number of polls, each source has its own items back.
#[tokio::test]
async fn kept_sources_get_their_own_items_back() {
    for polls in 0..40 {
        for drops in [false, true] {
            let (sources, kept): (Vec<_>, Vec<_>) = (0..3)
                .map(|number| {
                    let source = Source::generate(move |out| async move {
                        for item in 0..20 {
                            out.send((number, item)).await;
                        }
                    });
                    source.kept()
                })
                .unzip();
            let scope = Scope::default();
            let started = Arc::new(std::sync::Mutex::new(HashMap::<usize, u32>::new()));
            let job = {
                let started = Arc::clone(&started);
                move |(number, _): (usize, u32)| {
                    *started.lock().expect("no panic").entry(number).or_default() += 1;
                    pending::<anyhow::Result<()>>()
                }
            };
            let settings = Settings::new("all", 4).capacity(13);
            let run = run_in(&scope, Source::merge(sources), settings, job);
            for _ in 0..polls {
                yield_now().await;
            }
            if drops {
                drop(run);
            } else {
                run.cancel();
                let report = run.finish().await;
                assert_eq!(report.last().taken, report.last().settled());
            }
            scope.wait().await.expect("no failure");
            for (number, kept) in kept.iter().enumerate() {
                let lost = started.lock().expect("no panic").get(&number).copied().unwrap_or(0);
                assert_eq!(
                    rest(kept).await,
                    (lost..20).collect::<Vec<_>>(),
                    "source {number}, {polls} polls"
                );
            }
        }
    }
}

#[tokio::test]
async fn index_names_the_source_and_the_item() {
    let job = |item: (usize, u32)| async move { Ok(item) };
    let source = Source::merge((0..3).map(|number| numbers(number, 10)));
    let mut run = run_in(&Scope::default(), source, Settings::new("all", 2), job).indexed();
    while let Some(output) = run.next().await {
        let (index, (number, item)) = output.expect("no failure");
        assert_eq!(index, item as usize * 3 + number);
    }
}

/// Chunks of each source, merged: an unfinished chunk keeps no other source from its turn.
#[tokio::test(start_paused = true)]
async fn unfinished_chunks_of_merged_sources_wait_apart() {
    let (sender, channel) = Source::channel(10);
    let slow = channel.chunks(3, Duration::from_secs(1));
    let quick = Source::new(0..9).chunks(3, Duration::MAX);
    let job = |chunk: Vec<i32>| async move { Ok(chunk.len()) };
    (0..3).for_each(|item| sender.try_send(item).expect("capacity"));
    let settings = Settings::new("all", 1).capacity(0);
    let mut run = run_in(&Scope::default(), Source::merge([slow, quick]), settings, job);
    let mut sizes = Vec::new();
    for _ in 0..4 {
        sizes.push(run.next().await.expect("an output").expect("no failure"));
    }
    assert_eq!(sizes, [3, 3, 3, 3]);
    sender.try_send(1).expect("capacity");
    let start = Instant::now();
    assert_eq!(run.next().await.expect("an output").expect("no failure"), 1);
    assert!(start.elapsed() >= Duration::from_secs(1));
    drop(sender);
    assert!(run.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn full_stage_completes_the_chunks_that_its_sources_hold() {
    for bound in 1..4 {
        let slow = |wait| {
            Source::generate(move |out| async move {
                for item in 0..10 {
                    sleep(Duration::from_millis(wait)).await;
                    out.send(item).await;
                }
            })
        };
        let sources = [slow(70), slow(110), slow(1_300), Source::new(0..10)]
            .map(|source| source.chunks(3, Duration::from_secs(1)));
        let job = |chunk: Vec<i32>| async move {
            sleep(Duration::from_millis(50)).await;
            Ok(chunk.len())
        };
        let settings = Settings::new("all", 1).capacity(bound - 1);
        let run = run_in(&Scope::default(), Source::merge(sources), settings, job);
        let sizes = run.collect().await.expect("no failure");
        assert_eq!(sizes.iter().sum::<usize>(), 40);
        assert!(sizes.iter().all(|size| *size <= 3));
    }
}

/// The runs behind a stopped run are stopped, and their failures are reported.
#[tokio::test]
async fn merged_runs_stop_with_the_run() {
    let scope = Scope::default();
    let upstream = || {
        let job = |item: u32| async move {
            yield_now().await;
            Ok(item)
        };
        Source::new(run_in(&scope, 0.., Settings::new("upstream", 2), job))
    };
    let source = Source::merge([upstream(), upstream(), Source::new(0..)]);
    let job = |item: u32| async move {
        yield_now().await;
        Ok(item)
    };
    let mut run = run_in(&scope, source, Settings::new("all", 2), job);
    for _ in 0..50 {
        run.next().await.expect("an output").expect("no failure");
    }
    run.cancel();
    let report = run.finish().await;
    assert_eq!(report.last().taken, report.last().settled());
    scope.wait().await.expect("no failure");
}

/// A job on an item of any source may send to the queue, so the merged source ends last.
#[tokio::test]
async fn merged_queue_ends_when_no_job_is_left() {
    let scope = Scope::default();
    let (sender, receiver) = queue::bounded(100);
    let nothing = Arc::new(|(): ()| async move { Ok(()) });
    let producers = Run::spawn_discarding(scope.clone(), Source::new([]), Settings::new("none", 1), nothing);
    let job = Arc::new(move |item: u32| {
        let sender = sender.clone();
        async move {
            yield_now().await;
            if item > 0 {
                sender.try_send(item - 1).map_err(|_| anyhow::anyhow!("the queue is closed"))?;
            }
            Ok(item)
        }
    });
    let source = Source::merge([Source::new([5, 3]), Source::produced(producers, receiver)]);
    let mut outputs =
        Run::spawn(scope, source, Settings::new("all", 2), job).collect().await.expect("no failure");
    outputs.sort_unstable();
    assert_eq!(outputs, [0, 0, 1, 1, 2, 2, 3, 3, 4, 5]);
}

/// A merged source that is kept goes on after its wait was dropped, and after a run.
#[tokio::test]
async fn kept_merged_source_runs_again() {
    let (sender, channel) = Source::channel(10);
    let mut source = Source::merge([channel, Source::new([7])]);
    assert_eq!(source.next().await.transpose().expect("no failure"), Some(7));
    for item in 0..5 {
        assert!(futures_util::FutureExt::now_or_never(source.next()).is_none());
        let (kept_source, kept) = source.kept();
        let job = |_: u32| pending::<anyhow::Result<()>>();
        let run = run_in(&Scope::default(), kept_source, Settings::new("none", 1), job);
        settle().await;
        run.cancel();
        run.finish().await;
        source = kept.take().expect("the run is over");
        sender.try_send(item).expect("capacity");
        assert_eq!(source.next().await.transpose().expect("no failure"), Some(item));
    }
    drop(sender);
    assert!(source.next().await.is_none());
}

/// The outputs left in a merged run count as taken and cancelled.
#[tokio::test]
async fn outputs_of_merged_runs_are_counted_after_a_stop() {
    let upstream = |first: u32| {
        let job = |item: u32| async move { Ok(item) };
        let settings = Settings::new("upstream", 5).capacity(5);
        Source::new(run_in(&Scope::default(), first..first + 5, settings, job))
    };
    let source = Source::merge([upstream(0), upstream(5)]);
    let job = |_: u32| pending::<anyhow::Result<()>>();
    let run = run_in(&Scope::default(), source, Settings::new("all", 1).capacity(0), job);
    settle().await;
    run.cancel();
    let report = run.finish().await;
    assert_eq!((report.last().taken, report.last().cancelled), (10, 10));
}

/// The close of a merged run is no wake-up of the member, and the resumed source polls the member again.
#[tokio::test(start_paused = true)]
async fn resumed_merge_of_a_stopped_run_ends() {
    let job = |item: u32| async move {
        sleep(Duration::from_secs(1)).await;
        Ok(item)
    };
    let upstream: Source<u32> =
        Source::new(run_in(&Scope::default(), 0.., Settings::new("upstream", 1), job));
    let (source, kept) = Source::merge([upstream]).kept();
    let job = |_: u32| pending::<anyhow::Result<()>>();
    let run = run_in(&Scope::default(), source, Settings::new("none", 1), job);
    settle().await;
    run.cancel();
    run.finish().await;
    let rest = all(kept.take().expect("the run is over"));
    let rest = tokio::time::timeout(Duration::from_secs(100), rest).await.expect("the source ends");
    assert_eq!(rest, [0; 0]);
}

/// The seal of a member with an unfinished chunk hands the chunk on.
#[tokio::test]
async fn last_chunk_of_a_merged_queue_is_handed_on() {
    let scope = Scope::default();
    let (sender, receiver) = queue::bounded(10);
    (0..3).for_each(|item| sender.try_send(item).expect("capacity"));
    let nothing = Arc::new(|(): ()| async move { Ok(()) });
    let producers = Run::spawn_discarding(scope.clone(), Source::new([]), Settings::new("none", 1), nothing);
    let chunks = Source::produced(producers, receiver).chunks(10, Duration::MAX);
    let job = |chunk: Vec<u32>| async move { Ok(chunk) };
    let run = run_in(&scope, Source::merge([Source::new([]), chunks]), Settings::new("all", 1), job);
    assert_eq!(run.collect().await.expect("no failure"), [[0, 1, 2]]);
}

/// Yields items, and panics in its drop.
struct Fuse(&'static str, u32);

impl Iterator for Fuse {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.1 += 1;
        Some(self.1)
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        panic!("{}", self.0);
    }
}

/// Without a catch of each drop, the second panic aborts the process.
#[tokio::test]
async fn merged_sources_that_panic_in_their_drops_end_the_run() {
    let source = Source::merge([Source::new(Fuse("first", 0)), Source::new(Fuse("second", 0))]);
    let job = |_: u32| pending::<anyhow::Result<()>>();
    let run = run_in(&Scope::default(), source, Settings::new("all", 2), job);
    settle().await;
    run.cancel();
    let report = run.finish().await;
    assert_eq!((report.last().cancelled, report.last().taken), (2, report.last().settled()), "{report}");
    let failures: Vec<_> = report.failures.iter().map(|failure| format!("{failure:#}")).collect();
    assert_eq!(failures[1..], ["stage `source` panicked: first", "stage `source` panicked: second"]);
}

/// The job waits for the drop of the receiver, which stands behind a source with a broken drop.
#[tokio::test(start_paused = true)]
async fn panic_in_the_drop_of_a_source_skips_no_other_source() {
    let (sender, receiver) = mpsc::channel::<u32>(1);
    let job = move |_: u32| {
        let sender = sender.clone();
        async move {
            sender.closed().await;
            Ok(())
        }
    };
    let source = Source::merge([Source::new(Fuse("broken", 0)), Source::new(receiver)]);
    let settings = Settings::new("all", 1).on_failure(OnFailure::Continue);
    let run = run_in(&Scope::default(), source, settings, job);
    settle().await;
    run.stop_taking();
    let report = timeout(Duration::from_secs(60), run.finish()).await.expect("the receiver is dropped");
    assert_eq!((report.last().succeeded, report.failures.len()), (1, 1), "{report}");
}

/// The source fails and panics in its drop. The run next to the source is closed all the same, and loses no item.
#[tokio::test(start_paused = true)]
async fn panic_at_the_close_of_a_source_skips_no_merged_run() {
    let scope = Scope::default();
    let (items, kept) = Source::new(0..20).kept();
    let upstream = run_in(&scope, items, Settings::new("a", 3), |item: u32| async move {
        sleep(Duration::from_millis(1)).await;
        Ok(item)
    });
    let fails = Source::try_stream(Fails(Fuse("broken", 0)));
    let job = |_: u32| async { Ok(()) };
    let run = run_in(&scope, Source::merge([fails, Source::new(upstream)]), Settings::new("all", 1), job);
    let report = run.finish().await;
    let failures: Vec<_> = report.failures.iter().map(|failure| format!("{failure:#}")).collect();
    assert_eq!(
        failures,
        ["item 0 at stage `source` failed: returned first", "stage `source` panicked: broken"]
    );
    let counts = report.stages[0].counts;
    assert_eq!((counts.taken, counts.cancelled), (counts.settled(), 3), "{report}");
    assert!(kept.take().is_some(), "the run of the branch is over");
}

/// Fails at the first poll.
struct Fails(#[allow(dead_code)] Fuse);

impl Stream for Fails {
    type Item = anyhow::Result<u32>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(Some(Err(anyhow::anyhow!("returned first"))))
    }
}
