//! The guarantees of a kept source, which hold after any number of resumptions.

use std::future::pending;
use std::sync::Arc;
use std::thread;

use tokio::runtime::Builder;
use tokio::task::yield_now;
use towpath_pattern::{Kept, Run, Scope, Settings, Source, Taken, anyhow};

use crate::{Bomb, run_in, settle};

/// Returns the next `count` outputs of a run over `source`, each with the index of its input, and the source of the
/// items that the run did not start.
async fn some_of(source: Source<u32>, count: usize) -> (Vec<(usize, u32)>, Source<u32>) {
    let (source, kept) = source.kept();
    let job = |item: u32| async move {
        yield_now().await;
        Ok(item)
    };
    let settings = Settings::new("some", 3).ordered().capacity(0);
    let scope = Scope::default();
    let mut run = Run::spawn(scope.clone(), source, settings, Arc::new(job)).indexed();
    let mut outputs = Vec::new();
    for _ in 0..count {
        outputs.push(run.next().await.expect("there is more").expect("no failure"));
    }
    drop(run);
    scope.wait().await.expect("no failure");
    (outputs, taken(&kept))
}

fn taken(kept: &Kept<u32>) -> Source<u32> {
    kept.take().expect("the run is over")
}

#[test]
fn source_resumed_many_times_needs_no_stack() {
    let resumes = || {
        let runtime = Builder::new_current_thread().build().unwrap();
        let mut source = Source::new(0..10);
        for _ in 0..100_000 {
            let (again, kept) = source.kept();
            drop(again);
            source = taken(&kept);
        }
        runtime.block_on(async {
            let (outputs, mut rest) = some_of(source, 2).await;
            assert_eq!(outputs, [(0, 0), (1, 1)]);
            assert!(rest.next().await.is_some());
        });
    };
    let small = thread::Builder::new().stack_size(128 << 10).spawn(resumes).unwrap();
    small.join().expect("it does not panic");
}

#[tokio::test]
async fn source_resumed_many_times_stays_in_order() {
    let mut source = Source::new(0..1_000_000);
    let mut before = None;
    let mut seen = 0;
    for round in 0..500 {
        let (outputs, rest) = some_of(source, round % 3).await;
        source = rest;
        for (index, item) in outputs {
            assert_eq!(index, item as usize);
            assert!(before < Some(item), "{item} came after {before:?}");
            before = Some(item);
            seen += 1;
        }
    }
    assert!(seen > 400);
    let next = source.next().await.expect("there is more").expect("no failure");
    assert!(before < Some(next));
}

#[tokio::test]
async fn unstarted_items_precede_items_given_back_later() {
    // A later run takes some of the four returned items, and starts none of them.
    let mut source = Source::new(0..100);
    for limit in [4, 1, 2, 1, 3] {
        let (again, kept) = source.kept();
        let scope = Scope::default();
        let work = |taken: Taken<u32, u32>| async move {
            std::future::pending::<()>().await;
            taken.start().1.complete(Ok(0))
        };
        let run = Run::spawn(scope.clone(), again, Settings::new("never", limit), work);
        for _ in 0..50 {
            yield_now().await;
        }
        drop(run);
        scope.wait().await.expect("no failure");
        source = taken(&kept);
    }
    for expected in 0..100 {
        assert_eq!(source.next().await.expect("there is more").expect("no failure"), expected);
    }
    assert!(source.next().await.is_none());
}

/// The handle is dropped before the run, so the items and the source are dropped with the run. Without a catch of each
/// drop, the second panic aborts the process.
#[tokio::test]
async fn kept_items_without_a_handle_panic_in_their_drops() {
    // A stream is polled even if no job is free.
    let source = Source::new(tokio_stream::iter((0..).map(|_| Bomb("an item")))).kept().0;
    let job = |item: Bomb| {
        std::mem::forget(item);
        pending::<anyhow::Result<()>>()
    };
    let run = run_in(&Scope::default(), source, Settings::new("kept", 1).capacity(5), job);
    settle().await;
    run.cancel();
    let report = run.finish().await;
    assert_eq!((report.last().cancelled, report.last().never_started), (1, 5), "{report}");
    let failures: Vec<_> = report.failures.iter().map(|failure| format!("{failure:#}")).collect();
    assert_eq!(failures[1..], ["stage `kept` panicked: an item"]);
}
