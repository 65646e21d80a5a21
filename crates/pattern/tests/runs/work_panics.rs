//! The guarantees for the author of a pattern whose work panics before or after the completion of its item.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use towpath_pattern::{Completed, Failure, OnFailure, Run, Scope, Settings, Source, Taken};

fn going_on() -> Settings {
    Settings::new("author", 1).on_failure(OnFailure::Continue)
}

fn told(failures: &[Failure]) -> Vec<String> {
    failures.iter().map(|failure| format!("{failure:#}")).collect()
}

#[tokio::test]
async fn item_with_a_panic_before_its_start_counts_as_panicked() {
    let (source, kept) = Source::new([0, 1, 2]).kept();
    let panics = AtomicBool::new(true);
    let work = move |taken: Taken<u32, u32>| {
        let panics = taken.index() == 1 && panics.swap(false, Ordering::Relaxed);
        async move {
            assert!(!panics, "before it began");
            let (item, running) = taken.start();
            running.complete(Ok(item))
        }
    };
    let report = Run::spawn(Scope::default(), source, going_on(), work).finish().await;
    let counts = report.last();
    assert_eq!((counts.succeeded, counts.panicked, counts.never_started), (2, 1, 0));
    assert_eq!(told(&report.failures), ["item 1 at stage `author` panicked: before it began"]);
    assert!(kept.take().expect("it is over").next().await.is_none());
}

/// A future that panics in its drop, even after its completion.
struct LoudAtItsEnd<F>(AssertUnwindSafe<Pin<Box<F>>>);

impl<F: Future> Future for LoudAtItsEnd<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl<F> Drop for LoudAtItsEnd<F> {
    fn drop(&mut self) {
        panic!("after its end");
    }
}

#[tokio::test]
async fn item_with_a_panic_after_completion_yields_the_panic_only() {
    let work = |taken: Taken<u32, u32>| {
        let work = async move {
            let (item, running) = taken.start();
            let ended: Completed<u32, u32> = running.complete(Ok(item));
            ended
        };
        LoudAtItsEnd(AssertUnwindSafe(Box::pin(work)))
    };
    let run = Run::spawn(Scope::default(), Source::new([7]), going_on(), work);
    let (outcomes, report) = run.outcomes().await;
    let outcomes: Vec<_> = outcomes.into_iter().map(|result| result.map_err(|e| format!("{e:#}"))).collect();
    assert_eq!(outcomes, [Err("item 0 at stage `author` panicked: after its end".to_owned())]);
    assert_eq!((report.last().succeeded, report.last().panicked), (0, 1));
}
