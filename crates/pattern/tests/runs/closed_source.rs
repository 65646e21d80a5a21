//! A source whose channel is closed by the owner of the source.

use std::future::pending;
use std::time::Duration;

use tokio::sync::mpsc;
use towpath_pattern::{Scope, Settings, Source, anyhow};

use crate::settle;

/// Returns the items of a closed source. A source that does not end hangs, which the paused clock turns into an elapsed
/// time.
async fn rest<T: Send + 'static>(source: Source<T>) -> Vec<T> {
    let collected = tokio::time::timeout(Duration::from_secs(1), source.close().collect()).await;
    collected.expect("the source ends").expect("no failure")
}

#[tokio::test(start_paused = true)]
async fn closed_source_ends_behind_the_items_in_the_channel() {
    let (sender, source) = Source::channel(4);
    sender.send(1).await.expect("open");
    sender.send(2).await.expect("open");
    assert_eq!(rest(source).await, [1, 2]);
    assert!(sender.send(3).await.is_err());

    let (sender, receiver) = mpsc::channel(4);
    sender.send(1).await.expect("open");
    assert_eq!(rest(Source::new(receiver)).await, [1]);
    assert!(sender.send(3).await.is_err());

    let (sender, receiver) = mpsc::unbounded_channel();
    sender.send(1).expect("open");
    assert_eq!(rest(Source::new(receiver)).await, [1]);
    assert!(sender.send(3).is_err());
}

/// A sender that waits for capacity gets its item back.
#[tokio::test(start_paused = true)]
async fn close_returns_the_item_of_a_waiting_sender() {
    let (sender, source) = Source::channel(1);
    sender.send(1).await.expect("open");
    let waiting = tokio::spawn(async move { sender.send(2).await });
    settle().await;
    assert_eq!(rest(source).await, [1]);
    let refused = waiting.await.expect("no panic").expect_err("closed");
    assert_eq!(refused.into_inner(), 2);
}

#[tokio::test(start_paused = true)]
async fn close_reaches_the_channels_inside_of_a_source() {
    let (_first, first) = Source::channel(4);
    let (second, receiver) = mpsc::channel(4);
    second.send(2).await.expect("open");
    let (_third, third) = mpsc::channel(4);
    let mut merged = Source::merge([first, Source::new(receiver), Source::new([7, 8]), Source::new(third)]);
    let mut items = Vec::new();
    for _ in 0..3 {
        items.push(merged.next().await.expect("an item").expect("no failure"));
    }
    items.sort_unstable();
    assert_eq!(items, [2, 7, 8]);
    // All channels wait for their next item.
    assert!(tokio::time::timeout(Duration::from_secs(1), merged.next()).await.is_err());
    second.send(3).await.expect("open");
    assert_eq!(rest(merged).await, [3]);
    assert!(second.send(4).await.is_err());

    let (sender, receiver) = mpsc::channel(4);
    sender.send(1).await.expect("open");
    sender.send(2).await.expect("open");
    let chunks = Source::new(receiver).chunks(5, Duration::from_secs(60));
    assert_eq!(rest(chunks).await, [[1, 2]]);

    let (sender, receiver) = mpsc::channel(4);
    sender.send(vec![1, 2]).await.expect("open");
    assert_eq!(rest(Source::new(receiver).flatten()).await, [1, 2]);
    drop(sender);
}

/// An item that the run has taken and not started comes first.
#[tokio::test(start_paused = true)]
async fn kept_source_is_closed_with_a_live_sender() {
    let (sender, receiver) = mpsc::channel(8);
    let (source, kept) = Source::new(receiver).kept();
    for item in 0..4 {
        sender.send(item).await.expect("open");
    }
    let job = |_: u32| pending::<anyhow::Result<()>>();
    let run = crate::run_in(&Scope::default(), source, Settings::new("never", 1).capacity(1), job);
    settle().await;
    run.cancel();
    run.finish().await;
    sender.send(4).await.expect("the handle keeps the channel open");
    let source = kept.take().expect("the run is over");
    // The source is kept a second time.
    let (source, _kept) = source.kept();
    assert_eq!(rest(source).await, [1, 2, 3, 4]);
    assert!(sender.send(5).await.is_err());
}

/// The sources have no input from outside.
#[tokio::test(start_paused = true)]
async fn close_leaves_the_items_of_other_sources() {
    assert_eq!(rest(Source::new([1, 2])).await, [1, 2]);
    let generator = Source::generate(|out| async move {
        out.send(1).await;
        out.send(2).await;
    });
    assert_eq!(rest(generator).await, [1, 2]);
}
