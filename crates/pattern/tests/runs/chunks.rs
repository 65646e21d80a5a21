//! Chunks of a source: by size, by time, at the end, and after a stop.

use std::future::pending;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::Stream;
use tokio::task::yield_now;
use tokio::time::{Instant, advance, sleep};
use towpath_pattern::{Kept, OnFailure, Run, Scope, Settings, Source, anyhow, async_channel, queue};

use crate::{run_in, settle};

const SECOND: Duration = Duration::from_secs(1);

/// Yields `count` numbers, one after every `wait`.
fn slow(count: u32, wait: Duration) -> Source<u32> {
    Source::generate(move |out| async move {
        for number in 0..count {
            sleep(wait).await;
            out.send(number).await;
        }
    })
}

/// A channel whose items a run takes while its jobs wait: a generator makes progress only during a poll.
fn eager() -> (async_channel::Sender<u32>, Source<u32>) {
    let (sender, receiver) = async_channel::bounded(100);
    let source = Source::generate(move |out| async move {
        while let Ok(item) = receiver.recv().await {
            out.send(item).await;
        }
    });
    (sender, source)
}

/// Takes all chunks of a source, with the time of each.
async fn timed(mut source: Source<Vec<u32>>) -> Vec<(u64, Vec<u32>)> {
    let start = Instant::now();
    let mut chunks = Vec::new();
    while let Some(chunk) = source.next().await {
        let elapsed = u64::try_from(start.elapsed().as_millis()).expect("a short test");
        chunks.push((elapsed, chunk.expect("no failure")));
    }
    chunks
}

async fn rest(kept: &Kept<u32>) -> Vec<u32> {
    let mut rest = kept.take().expect("the run is over");
    let mut items = Vec::new();
    while let Some(item) = rest.next().await {
        items.push(item.expect("no failure"));
    }
    items
}

async fn sizes(source: Source<Vec<u32>>) -> Vec<usize> {
    let settings = Settings::new("sizes", 2).ordered();
    let run = run_in(&Scope::default(), source, settings, |chunk: Vec<u32>| async move { Ok(chunk.len()) });
    run.collect().await.expect("no failure")
}

#[tokio::test(start_paused = true)]
async fn chunks_are_full_apart_from_the_last() {
    for (items, size, expected) in
        [(7, 3, vec![3, 3, 1]), (6, 3, vec![3, 3]), (0, 3, vec![]), (2, 1, vec![1, 1])]
    {
        assert_eq!(sizes(Source::new(0..items).chunks(size, SECOND)).await, expected);
        let (sender, channel) = Source::channel(10);
        (0..items).for_each(|item| sender.try_send(item).expect("capacity"));
        drop(sender);
        assert_eq!(sizes(channel.chunks(size, SECOND)).await, expected);
    }
}

/// A chunk longer than a turn of the source, from a source that never waits.
#[tokio::test(start_paused = true)]
async fn chunk_of_many_items_is_complete() {
    assert_eq!(sizes(Source::new(0..10_000).chunks(6_000, SECOND)).await, [6_000, 4_000]);
}

/// The time counts from the first item: after a silence, the second item of a burst is in the chunk of the first.
#[tokio::test(start_paused = true)]
async fn time_of_a_chunk_starts_at_its_first_item() {
    let source = Source::generate(|out| async move {
        for (wait, item) in [(5_000, 0), (400, 1), (700, 2), (9_000, 3)] {
            sleep(Duration::from_millis(wait)).await;
            out.send(item).await;
        }
    });
    let chunks = timed(source.chunks(100, SECOND)).await;
    assert_eq!(chunks, [(6_000, vec![0, 1]), (7_100, vec![2]), (15_100, vec![3])]);
}

#[tokio::test(start_paused = true)]
async fn chunk_is_handed_on_in_time_although_items_keep_coming() {
    let chunks = timed(slow(25, Duration::from_millis(100)).chunks(1_000, SECOND)).await;
    let times: Vec<_> = chunks.iter().map(|(time, chunk)| (*time, chunk.len())).collect();
    assert_eq!(times, [(1_100, 10), (2_100, 10), (2_500, 5)]);
}

/// A stream that is always ready; every item takes 10 milliseconds of the clock.
struct Busy(u32);

impl Stream for Busy {
    type Item = u32;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<u32>> {
        // The first poll of the future moves the clock.
        let moved = pin!(advance(Duration::from_millis(10)));
        let _ = moved.poll(&mut Context::from_waker(Waker::noop()));
        self.0 += 1;
        Poll::Ready((self.0 <= 500).then_some(self.0))
    }
}

#[tokio::test(start_paused = true)]
async fn chunk_of_a_source_that_never_waits_is_handed_on_in_time() {
    let chunks = timed(Source::new(Busy(0)).chunks(1_000, SECOND)).await;
    assert!(chunks.len() >= 4, "{chunks:?}");
    assert!(chunks.iter().all(|(_, chunk)| chunk.len() <= 101), "{chunks:?}");
    assert_eq!(chunks.iter().map(|(_, chunk)| chunk.len()).sum::<usize>(), 500);
}

#[tokio::test(start_paused = true)]
async fn chunk_without_a_time_waits_for_its_size_or_the_end() {
    let chunks = timed(slow(5, 100 * SECOND).chunks(3, Duration::MAX)).await;
    assert_eq!(chunks, [(300_000, vec![0, 1, 2]), (500_000, vec![3, 4])]);
}

/// The wait of a chunk begins in a run without another event.
#[tokio::test(start_paused = true)]
async fn worker_waits_for_the_time_of_a_chunk() {
    let (sender, channel) = Source::channel(10);
    let job = |chunk: Vec<u32>| async move { Ok(chunk) };
    let mut run = run_in(&Scope::default(), channel.chunks(10, SECOND), Settings::new("chunks", 1), job);
    let start = Instant::now();
    for item in 0..2 {
        sender.try_send(item).expect("capacity");
        assert_eq!(run.next().await.expect("an output").expect("no failure"), [item]);
    }
    let elapsed = start.elapsed().as_millis();
    assert!((2_000..2_010).contains(&elapsed), "{elapsed}");
}

#[test]
#[should_panic(expected = "a chunk of 0 items would never be complete; use 1 or more")]
fn chunk_without_a_size_is_refused() {
    let _ = Source::new(0..3).chunks(0, SECOND);
}

#[tokio::test(start_paused = true)]
async fn chunk_of_a_large_size_takes_no_memory_in_advance() {
    let mut source = Source::new(0..3).chunks(usize::MAX, SECOND);
    let chunk = source.next().await.expect("a chunk").expect("no failure");
    assert!(chunk.len() == 3 && chunk.capacity() < 100);
}

#[tokio::test(start_paused = true)]
async fn unfinished_chunk_counts_as_waiting_and_never_started() {
    let (sender, channel) = Source::channel(10);
    let job = |chunk: Vec<u32>| async move { Ok(chunk) };
    let run = run_in(&Scope::default(), channel.chunks(4, Duration::MAX), Settings::new("chunks", 3), job);
    let counts = || run.report().stages[0].counts;
    for (items, waiting) in [(2, 1), (1, 1), (1, 0), (4, 0), (1, 1)] {
        (0..items).for_each(|item| sender.try_send(item).expect("capacity"));
        settle().await;
        assert_eq!(counts().waiting(), waiting, "after {items} more");
    }
    run.cancel();
    let report = run.finish().await;
    let counts = report.last();
    assert_eq!((counts.taken, counts.succeeded, counts.never_started), (3, 2, 1));
    assert_eq!(counts.taken, counts.settled());
}

/// The bound counts the unfinished chunk, and a full stage completes it.
#[tokio::test(start_paused = true)]
async fn full_stage_completes_its_unfinished_chunk() {
    let job = |chunk: Vec<u32>| async move {
        sleep(SECOND).await;
        Ok(chunk.len())
    };
    for capacity in [0, 1, 2] {
        let source = slow(10, Duration::from_millis(300)).chunks(3, SECOND);
        let settings = Settings::new("chunks", 1).capacity(capacity);
        let outputs = run_in(&Scope::default(), source, settings, job).collect().await;
        assert_eq!(outputs.expect("no failure").iter().sum::<usize>(), 10);
    }
}

/// The index of a failed chunk is the index of its first item.
#[tokio::test(start_paused = true)]
async fn index_of_a_chunk_is_the_index_of_its_first_item() {
    let job = |chunk: Vec<u32>| async move {
        if chunk[0] == 6 { Err(anyhow::anyhow!("six")) } else { Ok(chunk[0]) }
    };
    let settings = || Settings::new("chunks", 2).ordered().on_failure(OnFailure::Continue);
    let run = run_in(&Scope::default(), Source::new(0..10).chunks(3, SECOND), settings(), job);
    let (outcomes, _) = run.outcomes().await;
    let failed: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()?.index()).collect();
    assert_eq!(failed, [6]);
    let job = |chunk: Vec<u32>| async move { Ok(chunk[0]) };
    let mut run = run_in(&Scope::default(), Source::new(0..10).chunks(3, SECOND), settings(), job).indexed();
    while let Some(output) = run.next().await {
        let (index, first) = output.expect("no failure");
        assert_eq!(index, first as usize);
    }
}

/// After every number of polls, each item was in the running chunk, or comes back, in order. No item occurs twice.
#[tokio::test(start_paused = true)]
async fn items_of_chunks_come_back_one_by_one_after_a_stop() {
    for polls in 0..40 {
        for drops in [false, true] {
            let (sender, source) = eager();
            let (source, kept) = source.kept();
            let scope = Scope::default();
            let job = |_: Vec<u32>| pending::<anyhow::Result<()>>();
            let settings = Settings::new("chunks", 2).capacity(2);
            let run = run_in(&scope, source.chunks(3, Duration::MAX), settings, job);
            for item in 0..polls {
                sender.try_send(item).expect("capacity");
                yield_now().await;
            }
            drop(sender);
            let counts = if drops {
                drop(run);
                None
            } else {
                run.cancel();
                Some(*run.finish().await.last())
            };
            scope.wait().await.expect("no failure");
            let rest = rest(&kept).await;
            let lost = polls - u32::try_from(rest.len()).expect("few items");
            assert!(lost <= 6 && lost % 3 == 0, "{polls} items: {rest:?}");
            assert_eq!(rest, (lost..polls).collect::<Vec<_>>(), "after {polls} items");
            if let Some(counts) = counts {
                assert_eq!(counts.taken, counts.settled());
                assert_eq!(counts.cancelled, lost as usize / 3);
            }
        }
    }
}

/// The source of a chunk keeps the indices of the items, although the indices are not consecutive.
#[tokio::test(start_paused = true)]
async fn items_that_come_back_keep_their_indices() {
    let numbers = |from: u32| {
        Source::generate(move |out| async move {
            for item in from..from + 40 {
                out.send(item).await;
            }
        })
    };
    let (merged, kept) = Source::merge([numbers(0), numbers(100)]).kept();
    let job = |_: Vec<u32>| pending::<anyhow::Result<()>>();
    let settings = Settings::new("chunks", 1).capacity(3);
    let scope = Scope::default();
    let run = run_in(&scope, merged.chunks(5, SECOND), settings, job);
    settle().await;
    run.cancel();
    assert!(run.finish().await.last().never_started > 0);
    let source = kept.take().expect("the run is over");
    // The rest. The indices show the source of every item.
    let job = |item: u32| async move { Ok(item) };
    let mut again = run_in(&scope, source, Settings::new("again", 1).ordered(), job).indexed();
    for _ in 0..20 {
        let (index, item) = again.next().await.expect("an output").expect("no failure");
        assert_eq!(item, u32::try_from(index / 2 + index % 2 * 100).expect("a small number"));
    }
}

#[tokio::test(start_paused = true)]
async fn chunks_of_a_kept_source_come_back_as_chunks() {
    let (sender, source) = eager();
    let (source, kept) = source.chunks(3, Duration::MAX).kept();
    let job = |_: Vec<u32>| pending::<anyhow::Result<()>>();
    let run = run_in(&Scope::default(), source, Settings::new("chunks", 1).capacity(2), job);
    (0..8).for_each(|item| sender.try_send(item).expect("capacity"));
    settle().await;
    (8..11).for_each(|item| sender.try_send(item).expect("capacity"));
    drop(sender);
    run.cancel();
    let report = run.finish().await;
    assert_eq!((report.last().taken, report.last().cancelled, report.last().never_started), (3, 1, 2));
    let mut chunks = Vec::new();
    let mut rest = kept.take().expect("the run is over");
    while let Some(chunk) = rest.next().await {
        chunks.push(chunk.expect("no failure"));
    }
    assert_eq!(chunks, [vec![3, 4, 5], vec![6, 7], vec![8, 9, 10]]);
}

#[tokio::test(start_paused = true)]
async fn unfinished_chunk_without_a_run_goes_back() {
    let (sender, channel) = Source::channel(10);
    let (source, kept) = channel.kept();
    let mut chunks = source.chunks(10, SECOND);
    (0..3).for_each(|item| sender.try_send(item).expect("capacity"));
    assert!(tokio::time::timeout(SECOND / 2, chunks.next()).await.is_err());
    drop((chunks, sender));
    assert_eq!(rest(&kept).await, [0, 1, 2]);
}

fn failing(panics: bool) -> Source<u32> {
    Source::try_generate(move |out| async move {
        for item in 0..4 {
            out.send(item).await;
        }
        assert!(!panics, "the page is torn");
        anyhow::bail!("the page is missing")
    })
}

#[tokio::test(start_paused = true)]
async fn failure_of_the_source_loses_no_item_of_a_chunk() {
    for panics in [false, true] {
        // The run goes on with the unfinished chunk.
        let settings = Settings::new("chunks", 1).ordered().on_failure(OnFailure::Continue);
        let job = |chunk: Vec<u32>| async move { Ok(chunk) };
        let run = run_in(&Scope::default(), failing(panics).chunks(3, SECOND), settings, job);
        let (outcomes, report) = run.outcomes().await;
        let (outputs, failures): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(Result::is_ok);
        let outputs: Vec<_> = outputs.into_iter().flatten().collect();
        assert_eq!((outputs, failures.len()), (vec![vec![0, 1, 2], vec![3]], 1));
        assert_eq!(report.last().taken, report.last().settled());

        // The run stops, and the items come back.
        let (source, kept) = failing(panics).kept();
        let job = |_: Vec<u32>| pending::<anyhow::Result<()>>();
        let run = run_in(&Scope::default(), source.chunks(3, SECOND), Settings::new("chunks", 1), job);
        run.collect().await.expect_err("the source fails");
        assert_eq!(rest(&kept).await, [3]);
    }
}

/// The last chunk of a queue does not wait for further items, since no job is left that can send an item.
#[tokio::test(start_paused = true)]
async fn last_chunk_of_a_queue_is_handed_on_when_no_job_is_left() {
    let scope = Scope::default();
    let (sender, receiver) = queue::bounded(100);
    let more = sender.clone();
    let send = Arc::new(move |item: u32| {
        let sender = sender.clone();
        async move { Ok(sender.send(item).await?) }
    });
    let producers =
        Run::spawn_discarding(scope.clone(), Source::new([10, 11, 12]), Settings::new("producers", 1), send);
    // The job of a chunk sends a smaller item for every item.
    let job = Arc::new(move |chunk: Vec<u32>| {
        let results: Vec<_> =
            chunk.iter().filter(|item| **item > 9).map(|item| more.try_send(item - 9)).collect();
        async move {
            sleep(SECOND).await;
            results.into_iter().collect::<Result<Vec<()>, _>>().map_err(|_| anyhow::anyhow!("full"))?;
            Ok(chunk)
        }
    });
    let source = Source::produced(producers, receiver).chunks(100, Duration::MAX);
    let start = Instant::now();
    let chunks =
        Run::spawn(scope, source, Settings::new("chunks", 2), job).collect().await.expect("no failure");
    assert_eq!(chunks.concat(), [10, 11, 12, 1, 2, 3]);
    assert!(start.elapsed() < 10 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn chunks_between_two_runs_have_all_outputs_of_the_first() {
    let double = |item: u32| async move {
        yield_now().await;
        Ok(item * 2)
    };
    let scope = Scope::default();
    let first = run_in(&scope, 0..10, Settings::new("double", 3).ordered(), double);
    let second = |chunk: Vec<u32>| async move { Ok(chunk) };
    let run = run_in(&scope, Source::new(first).chunks(4, SECOND), Settings::new("chunks", 1), second);
    let (outcomes, report) = run.outcomes().await;
    let outputs: Vec<_> = outcomes.into_iter().map(|outcome| outcome.expect("no failure")).collect();
    assert_eq!(outputs.concat(), (0..20).step_by(2).collect::<Vec<_>>());
    assert_eq!(report.stages.len(), 2);
    assert!(outputs[..outputs.len() - 1].iter().all(|chunk| chunk.len() == 4), "{outputs:?}");
}
