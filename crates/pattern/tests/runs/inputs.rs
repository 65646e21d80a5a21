//! The inputs that `run` accepts, without a constructor and without an annotation of the job.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::{Stream, stream};
use tokio::sync::mpsc;
use towpath_pattern::{
    AsIterator, AsSource, AsStream, Failure, IntoSource, Job, Pattern, PatternExt, Run, Scope, Settings,
    Source, async_channel,
};

/// A pattern of one ordered stage.
struct Each<J>(Arc<J>);

impl<J> Each<J> {
    fn new<In>(job: J) -> Self
    where
        J: Job<In>,
    {
        Self(Arc::new(job))
    }
}

impl<In: Send + 'static, J: Job<In>> Pattern<In> for Each<J> {
    type Out = J::Out;

    fn start(&self, input: Source<In>, scope: Scope) -> Run<J::Out> {
        Run::spawn(scope, input, Settings::new("each", 2).ordered(), Arc::clone(&self.0))
    }
}

const ITEMS: [u64; 3] = [1, 2, 3];

/// An iterator and a stream at once: the stream has the items in reverse.
#[derive(Clone)]
struct Both(Vec<u64>);

impl Iterator for Both {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }
}

impl Stream for Both {
    type Item = u64;

    fn poll_next(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<u64>> {
        Poll::Ready(self.0.pop())
    }
}

/// A type with its own implementation of `IntoSource`.
struct Countdown(u64);

impl IntoSource<u64, AsSource> for Countdown {
    fn into_source(self) -> Source<u64> {
        Source::new((1..=self.0).rev())
    }
}

/// A run takes an iterator, a stream, a source and a run, as they are.
#[tokio::test]
async fn run_on_any_input_yields_its_items() -> Result<(), Failure> {
    let each = Each::new(|x: u64| async move { Ok(x) });
    assert_eq!(each.run(ITEMS).collect().await?, ITEMS);
    assert_eq!(each.run(ITEMS.to_vec()).collect().await?, ITEMS);
    assert_eq!(each.run(stream::iter(ITEMS)).collect().await?, ITEMS);
    assert_eq!(each.run(Source::new(ITEMS)).collect().await?, ITEMS);
    assert_eq!(each.run(each.run(ITEMS)).collect().await?, ITEMS);
    assert_eq!(each.run(Countdown(3)).collect().await?, [3, 2, 1]);
    assert_eq!(each.run_in(&Scope::default(), stream::iter(ITEMS)).collect().await?, ITEMS);
    Ok(())
}

/// The type of the items comes from the input if the job has no annotation.
#[tokio::test]
async fn job_without_annotation_has_the_type_of_the_input() -> Result<(), Failure> {
    let words = ["a", "b"];
    assert_eq!(Each::new(|word| async move { Ok(word) }).run(words).collect().await?, words);
    assert_eq!(Each::new(|word| async move { Ok(word) }).run(stream::iter(words)).collect().await?, words);
    let (sender, receiver) = mpsc::channel(2);
    for word in words {
        sender.send(word).await.expect("the receiver is there");
    }
    drop(sender);
    assert_eq!(Each::new(|word| async move { Ok(word) }).run(receiver).collect().await?, words);
    Ok(())
}

/// A generic function passes its input to `run`.
#[tokio::test]
async fn generic_function_passes_its_input_on() -> Result<(), Failure> {
    fn start<Kind>(input: impl IntoSource<u64, Kind>) -> Run<u64> {
        Each::new(|x: u64| async move { Ok(x + 1) }).run(input)
    }

    assert_eq!(start(ITEMS).collect().await?, [2, 3, 4]);
    assert_eq!(start(stream::iter(ITEMS)).collect().await?, [2, 3, 4]);
    Ok(())
}

/// The kind chooses between the two sides of a type that is an iterator and a stream.
#[tokio::test]
async fn iterator_and_stream_at_once_is_taken_by_its_kind() -> Result<(), Failure> {
    let each = Each::new(|x: u64| async move { Ok(x) });
    let both = Both(ITEMS.to_vec());
    assert_eq!(each.run::<AsIterator>(both.clone()).collect().await?, ITEMS);
    assert_eq!(each.run::<AsStream>(both).collect().await?, [3, 2, 1]);
    Ok(())
}

/// The items that are sent before and during a run are yielded; the run ends when the last sender is dropped.
#[tokio::test(start_paused = true)]
async fn receiver_yields_what_is_sent_until_it_is_closed() -> Result<(), Failure> {
    const MANY: u64 = 500;
    let each = Each::new(|x: u64| async move { Ok(x) });

    let (sender, receiver) = mpsc::channel(4);
    let send = tokio::spawn(async move {
        for item in 0..MANY {
            sender.send(item).await.expect("the receiver is there");
            if item % 100 == 0 {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        }
    });
    assert!(each.run(receiver).collect().await?.into_iter().eq(0..MANY));
    send.await.expect("the sender does not panic");

    let (sender, receiver) = mpsc::unbounded_channel();
    (0..MANY).for_each(|item| sender.send(item).expect("the receiver is there"));
    let send = tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        sender.send(MANY).expect("the receiver is there");
    });
    assert!(each.run(receiver).collect().await?.into_iter().eq(0..=MANY));
    send.await.expect("the sender does not panic");

    let (sender, receiver) = async_channel::bounded(4);
    let send = tokio::spawn(async move {
        for item in 0..MANY {
            sender.send(item).await.expect("the receiver is there");
        }
    });
    assert!(each.run(receiver).collect().await?.into_iter().eq(0..MANY));
    send.await.expect("the sender does not panic");
    Ok(())
}

/// A run that stops at a failure drops the receiver: a sender gets its item back.
#[tokio::test]
async fn receiver_of_a_failed_run_is_dropped() {
    let (sender, receiver) = mpsc::channel(1);
    let run = Each::new(|x: u64| async move {
        if x == 0 { Err(towpath_pattern::anyhow::anyhow!("zero")) } else { Ok(x) }
    })
    .run(receiver);
    sender.send(0).await.expect("the receiver is there");
    run.collect().await.expect_err("the job fails");
    sender.closed().await;
    assert!(sender.send(1).await.is_err());
}

/// After a run, the items that are still in a channel are in `Kept`.
#[tokio::test]
async fn items_in_the_channel_of_a_stopped_run_are_kept() {
    let (sender, receiver) = mpsc::channel(16);
    for item in 0..16 {
        sender.send(item).await.expect("the receiver is there");
    }
    drop(sender);
    let (source, kept) = Source::new(receiver).kept();
    let each = Each::new(|x: u64| async move {
        if x == 3 { Err(towpath_pattern::anyhow::anyhow!("three")) } else { Ok(x) }
    });
    each.run(source).collect().await.expect_err("the job fails");
    let mut rest = kept.take().expect("the run is over");
    let mut last = None;
    while let Some(item) = rest.next().await {
        last = Some(item.expect("a receiver does not fail"));
    }
    assert_eq!(last, Some(15));
}
