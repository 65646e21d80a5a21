//! The number of items that a run takes ahead of its jobs. The number depends on the kind of the source.

use std::future::pending;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc;
use tokio::task::yield_now;
use towpath_pattern::{Job, Run, Scope, Settings, Source, async_channel, queue};

const ITEMS: u32 = 100;

/// The capacity in addition to the single job.
const CAPACITY: usize = 16;

/// A stream of numbers that is always ready.
struct Numbers(std::ops::Range<u32>);

impl Stream for Numbers {
    type Item = u32;

    fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<u32>> {
        Poll::Ready(self.0.next())
    }
}

fn generator() -> Source<u32> {
    Source::generate(|out| async move {
        for item in 0..ITEMS {
            out.send(item).await;
        }
    })
}

fn channel() -> Source<u32> {
    let (sender, source) = Source::channel(ITEMS as usize);
    (0..ITEMS).for_each(|item| sender.try_send(item).expect("there is room"));
    source
}

/// The receivers of other channels, as inputs of a run.
fn receivers() -> [Source<u32>; 3] {
    let (sender, asynchronous) = async_channel::bounded(ITEMS as usize);
    (0..ITEMS).for_each(|item| sender.try_send(item).expect("there is room"));
    let (sender, bounded) = mpsc::channel(ITEMS as usize);
    (0..ITEMS).for_each(|item| sender.try_send(item).expect("there is room"));
    let (sender, unbounded) = mpsc::unbounded_channel();
    (0..ITEMS).for_each(|item| sender.send(item).expect("the receiver is there"));
    [Source::new(asynchronous), Source::new(bounded), Source::new(unbounded)]
}

/// Returns a source of producers. All items are in the queue before the first take.
async fn queue() -> Source<u32> {
    let (producer, consumer) = queue::bounded(ITEMS as usize);
    let put = move |item: u32| {
        let put = producer.try_send(item).map_err(|_| anyhow::anyhow!("no room"));
        async move { put }
    };
    let producers = Run::spawn_discarding(
        Scope::default(),
        Source::new(0..ITEMS),
        Settings::new("produce", 1),
        Arc::new(put),
    );
    while producers.report().stages[0].counts.delivered < ITEMS as usize {
        yield_now().await;
    }
    Source::produced(producers, consumer)
}

/// Returns the rest of a source after a run.
async fn left(source: Source<u32>) -> Source<u32> {
    let (source, kept) = source.kept();
    let mut run = run(source, |item: u32| async move { Ok(item) });
    run.next().await;
    run.cancel();
    run.finish().await;
    kept.take().expect("it is over")
}

fn run(source: Source<u32>, job: impl Job<u32, Out = u32>) -> Run<u32> {
    let settings = Settings::new("one at a time", 1).capacity(CAPACITY);
    Run::spawn(Scope::default(), source, settings, Arc::new(job))
}

/// Returns the number of items that a run has taken and not started. The first `jobs` jobs wait once, and the next job
/// waits forever.
async fn ahead_of(jobs: usize, source: Source<u32>) -> usize {
    let begun = AtomicUsize::new(0);
    let run = run(source, move |item: u32| {
        let number = begun.fetch_add(1, Ordering::Relaxed);
        async move {
            yield_now().await;
            if number < jobs { Ok(item) } else { pending().await }
        }
    });
    for _ in 0..200 {
        yield_now().await;
    }
    let counts = run.report().stages.pop().expect("it has a stage").counts;
    assert_eq!((counts.succeeded, counts.running), (jobs, 1));
    counts.waiting()
}

#[tokio::test(start_paused = true)]
async fn lazy_source_is_polled_up_to_the_bound_while_jobs_wait() {
    let stream = || Source::new(Numbers(0..ITEMS));
    for source in [generator(), stream(), generator().kept().0, stream().kept().0, left(generator()).await] {
        assert_eq!(ahead_of(0, source).await, CAPACITY);
    }
}

#[tokio::test(start_paused = true)]
async fn items_in_a_channel_stay_there_while_jobs_wait() {
    for source in [channel(), channel().kept().0, left(channel()).await].into_iter().chain(receivers()) {
        assert_eq!(ahead_of(0, source).await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn queue_source_is_taken_only_as_far_as_jobs_run() {
    for source in [queue().await, queue().await.kept().0, left(queue().await).await] {
        assert_eq!(ahead_of(10, source).await, 0);
    }
    assert_ne!(ahead_of(10, channel()).await, 0, "a run takes items of a channel ahead, which costs less");
}
