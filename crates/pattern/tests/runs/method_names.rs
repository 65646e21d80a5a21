//! F8: no extension trait shadows an inherent method of a run, of a source, or of the types that these methods return.
//! `tests/queue/method_names.rs` has the same test for the queue.

#[allow(unused_imports)]
use futures_util::{FutureExt, StreamExt, TryFutureExt, TryStreamExt};
#[allow(unused_imports)]
use tokio_stream::StreamExt as _;
use towpath_pattern::{Run, Scope, Settings, Source, anyhow, queue};

use crate::run_in;

async fn same(item: u32) -> anyhow::Result<u32> {
    Ok(item)
}

fn run() -> Run<u32> {
    run_in(&Scope::default(), vec![1, 2, 3], Settings::new("same", 1), same)
}

#[tokio::test]
async fn run_methods_are_not_shadowed_by_extension_traits() {
    let mut one = run();
    assert_eq!(one.next().await.unwrap().unwrap(), 1);
    assert_eq!(one.report().stages.len(), 1);
    one.cancel();
    assert_eq!(one.finish().await.stages.len(), 1);
    assert_eq!(run().outcomes().await.0.len(), 3);
    assert_eq!(run().collect().await.unwrap(), [1, 2, 3]);
}

#[tokio::test]
async fn indexed_methods_are_not_shadowed_by_extension_traits() {
    let mut indexed = run().indexed();
    assert_eq!(indexed.next().await.unwrap().unwrap().0, 0);
    indexed.cancel();
    assert_eq!(indexed.into_inner().indexed().finish().await.stages.len(), 1);
}

#[tokio::test]
async fn source_methods_are_not_shadowed_by_extension_traits() {
    let (mut source, kept) = Source::new(vec![1, 2, 3]).kept();
    assert_eq!(source.next().await.unwrap().unwrap(), 1);
    drop(source);
    let mut rest = kept.take().expect("the items that were not taken are kept");
    assert_eq!(rest.next().await.unwrap().unwrap(), 2);
}

#[tokio::test]
async fn handles_of_a_source_are_not_shadowed_by_extension_traits() {
    let mut source = Source::generate(|items| async move {
        items.send(1).await;
    });
    assert_eq!(source.next().await.unwrap().unwrap(), 1);
    let (sender, mut receiver) = queue::bounded(2);
    sender.from_input(7).try_send(1).unwrap();
    sender.send_many(&mut [2].into()).await.unwrap();
    assert_eq!((sender.len(), sender.is_empty(), sender.capacity()), (2, false, 2));
    assert_eq!(receiver.recv_many(2, &mut Vec::new()).await, 2);
    drop(receiver);
    assert!(sender.join().await.is_ok() && sender.is_closed());
    sender.close();
}
