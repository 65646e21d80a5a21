//! The guarantees of the sources.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use towpath_pattern::{
    Cause, IntoSource, OnFailure, PatternExt, Report, Run, Scope, Settings, Source, StageReport, Taken, queue,
};

/// Returns the items of a source up to the first failure, and the failure.
async fn drain<T: Send + 'static>(mut source: Source<T>) -> (Vec<T>, Option<String>) {
    let mut items = Vec::new();
    while let Some(item) = source.next().await {
        match item {
            Ok(item) => items.push(item),
            Err(failure) => return (items, Some(format!("{failure:#}"))),
        }
    }
    (items, None)
}

/// A stream of the items of a vector, pending once before each item.
struct Hesitant<T>(Vec<T>, bool);

impl<T: Unpin> Stream for Hesitant<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        self.1 = !self.1;
        if self.1 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(if self.0.is_empty() { None } else { Some(self.0.remove(0)) })
    }
}

/// Starts a run that passes every item of `source` on unchanged, and fails for item 7.
fn hand_on<Kind>(source: impl IntoSource<u64, Kind>, on_failure: OnFailure) -> Run<u64> {
    let settings = Settings::new("hand on", 2).ordered().on_failure(on_failure);
    let work = |taken: Taken<u64, u64>| async move {
        let (item, running) = taken.start();
        running.complete(if item == 7 { Err(anyhow::anyhow!("seven")) } else { Ok(item) })
    };
    Run::spawn(Scope::default(), Source::new(source), settings, work)
}

#[tokio::test]
async fn stream_and_stream_of_results_yield_their_items() {
    assert_eq!(drain(Source::new(Hesitant(vec![1, 2, 3], false))).await, (vec![1, 2, 3], None));
    let fallible: Vec<Result<u64, std::num::ParseIntError>> = vec![Ok(1), "x".parse(), Ok(3)];
    let (items, failure) = drain(Source::try_stream(Hesitant(fallible, false))).await;
    let told = "item 1 at stage `source` failed: invalid digit found in string";
    assert_eq!((items, failure.as_deref()), (vec![1], Some(told)));
}

#[tokio::test]
async fn collect_of_a_source_returns_all_items_in_order() {
    assert_eq!(Source::new(Hesitant(vec![1, 2, 3], false)).collect().await.unwrap(), [1, 2, 3]);
}

/// The items before the failure are dropped, and the items behind the failure are not taken.
#[tokio::test]
async fn collect_of_a_broken_source_returns_the_failure() {
    let texts: Vec<Result<u64, std::num::ParseIntError>> = vec![Ok(1), "x".parse(), Ok(3)];
    let failure = Source::try_stream(Hesitant(texts, false)).collect().await.unwrap_err();
    assert_eq!(format!("{failure:#}"), "item 1 at stage `source` failed: invalid digit found in string");
}

#[tokio::test]
async fn channel_ends_when_its_senders_are_gone() {
    let (sender, source) = Source::channel(2);
    let feeds = tokio::spawn(async move {
        for item in 0..5 {
            sender.send(item).await.expect("the receiver is alive");
        }
    });
    assert_eq!(drain(source).await, (vec![0, 1, 2, 3, 4], None));
    feeds.await.expect("it does not panic");
}

#[tokio::test]
#[should_panic(expected = "a channel of capacity 0 could never hold an item; use 1 or more")]
async fn channel_without_room_is_refused() {
    let _ = Source::<u64>::channel(0);
}

#[tokio::test]
#[should_panic(
    expected = "a channel takes memory for all of its 18446744073709551615 items at once; use 16777216 or fewer"
)]
async fn channel_larger_than_any_memory_is_refused() {
    let _ = Source::<u64>::channel(usize::MAX);
}

#[tokio::test]
async fn generator_goes_on_only_when_its_item_was_taken() {
    let (told, sent) = async_channel::unbounded();
    let mut source = Source::generate(move |out| async move {
        for item in 0..3 {
            told.send(item).await.expect("the receiver is alive");
            out.send(item).await;
        }
    });
    assert_eq!(sent.len(), 0);
    source.next().await.expect("an item").expect("no failure");
    assert_eq!(sent.len(), 1);
    source.next().await.expect("an item").expect("no failure");
    assert_eq!(sent.len(), 2);
}

#[tokio::test]
async fn generator_may_send_from_two_places_at_once() {
    let source = Source::generate(|out| async move {
        let evens = async {
            for item in [0, 2, 4] {
                out.send(item).await;
            }
        };
        let odds = async {
            for item in [1, 3, 5] {
                out.send(item).await;
            }
        };
        tokio::join!(evens, odds);
    });
    let (mut items, failure) = drain(source).await;
    items.sort_unstable();
    assert_eq!((items, failure), (vec![0, 1, 2, 3, 4, 5], None));
}

#[tokio::test]
async fn error_of_a_generator_comes_after_its_items() {
    let source = Source::try_generate(|out| async move {
        out.send(1).await;
        anyhow::bail!("the page is missing")
    });
    let (items, failure) = drain(source).await;
    assert_eq!(
        (items, failure.as_deref()),
        (vec![1], Some("item 1 at stage `source` failed: the page is missing"))
    );
}

#[tokio::test]
async fn kept_items_run_again_to_the_end() {
    let (source, kept) = Source::new(0..20_u64).kept();
    let run = hand_on(source, OnFailure::Stop);
    assert!(kept.take().is_none(), "the run is not over");
    let (first, report) = run.outcomes().await;
    assert!(matches!(first.last(), Some(Err(failure)) if failure.index() == Some(7)));
    let begun = report.last().settled();

    let rest = kept.take().expect("the run is over");
    let second = hand_on(rest, OnFailure::Continue).collect().await.expect("seven was before");
    assert_eq!(second.last(), Some(&19));
    assert!(second.len() <= 12 && begun + second.len() >= 20, "{begun} and {}", second.len());
}

#[tokio::test]
async fn run_as_a_source_yields_its_remaining_outputs() {
    let mut first = hand_on(0..6, OnFailure::Stop);
    assert_eq!(first.next().await.transpose().expect("no failure"), Some(0));
    let rest = hand_on(first, OnFailure::Stop).collect().await.expect("no failure");
    assert_eq!(rest, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn failures_pass_through_and_are_counted_at_their_stage() {
    let first = hand_on(5..10, OnFailure::Continue);
    let (outcomes, report) = hand_on(first, OnFailure::Continue).outcomes().await;
    let told: Vec<_> =
        outcomes.iter().map(|outcome| outcome.as_ref().map_err(|failure| format!("{failure:#}"))).collect();
    let seven = "item 2 at stage `hand on` failed: seven".to_owned();
    assert_eq!(told, [Ok(&5), Ok(&6), Err(seven), Ok(&8), Ok(&9)]);
    let Report { stages, failures, .. } = report;
    let counts = |stage: &StageReport| (stage.counts.taken, stage.counts.errored, stage.counts.delivered);
    assert_eq!(stages.iter().map(counts).collect::<Vec<_>>(), [(5, 1, 5), (4, 0, 4)]);
    assert!(failures.is_empty());
}

#[tokio::test]
async fn failure_of_the_first_stage_stops_the_second_at_once() {
    let endless = Source::new(0..);
    let first = hand_on(endless, OnFailure::Stop);
    let failure = hand_on(first, OnFailure::Stop).collect().await.expect_err("item 7 fails");
    assert_eq!((failure.index(), failure.stage()), (Some(7), "hand on"));
    assert!(matches!(failure.cause(), Cause::Errored(_)));
}

#[tokio::test]
async fn indexed_run_yields_the_index_of_each_output() {
    let mut run = hand_on(10..13, OnFailure::Stop).indexed();
    let mut seen = Vec::new();
    while let Some(output) = run.next().await {
        seen.push(output.expect("no failure"));
    }
    assert_eq!(seen, [(0, 10), (1, 11), (2, 12)]);
    let _ = run.into_inner().report();
}

#[tokio::test]
async fn boxed_pattern_is_a_pattern() {
    struct HandOn;
    impl towpath_pattern::Pattern<u64> for HandOn {
        type Out = u64;

        fn start(&self, input: Source<u64>, _scope: Scope) -> Run<u64> {
            hand_on(input, OnFailure::Stop)
        }
    }
    let patterns = [HandOn.boxed(), HandOn.then(HandOn).boxed()];
    for pattern in patterns {
        assert_eq!(pattern.run([1, 2]).collect().await.expect("no failure"), [1, 2]);
    }
}

#[tokio::test]
async fn queue_item_has_the_index_of_its_input_or_its_number() {
    let (producer, consumer) = queue::bounded(8);
    for item in [10, 11, 12] {
        producer.try_send(item).expect("there is room");
    }
    let nobody = Run::spawn_discarding(
        Scope::default(),
        Source::new(Vec::<()>::new()),
        Settings::new("nobody", 1),
        |taken: Taken<(), ()>| async move { taken.start().1.complete(Ok(())) },
    );
    let mut source = Source::produced(nobody, consumer);
    assert_eq!(source.next().await.transpose().expect("no failure"), Some(10));
    producer.from_input(7).try_send(13).expect("there is room");
    producer.try_send(14).expect("there is room");
    producer.close();
    let mut run = hand_on(source, OnFailure::Stop).indexed();
    let mut seen = Vec::new();
    while let Some(output) = run.next().await {
        seen.push(output.expect("no failure"));
    }
    assert_eq!(seen, [(1, 11), (2, 12), (7, 13), (4, 14)]);
}

/// A source of producers that is read by hand ends when no producer is left, and closes its open queue.
#[tokio::test]
async fn produced_source_read_by_hand_ends_with_its_producers() {
    let (producer, consumer) = queue::bounded(8);
    producer.try_send(10).expect("there is room");
    let nobody = Run::spawn_discarding(
        Scope::default(),
        Source::new(Vec::<()>::new()),
        Settings::new("nobody", 1),
        |taken: Taken<(), ()>| async move { taken.start().1.complete(Ok(())) },
    );
    let mut source = Source::produced(nobody, consumer);
    assert_eq!(source.next().await.transpose().expect("no failure"), Some(10));
    assert!(source.next().await.is_none());
    assert!(producer.try_send(11).is_err(), "the queue is closed");
}
