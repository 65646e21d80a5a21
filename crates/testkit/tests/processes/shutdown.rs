//! A runtime that is shut down after each number of polls in turn, up to the first number at which the run has ended
//! before.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use tokio::runtime::Builder;
use towpath_pattern::{Cancelled, Cause, Failure, Kept, PatternExt, Run, Scope, Source};
use towpath_testkit::Case;

use crate::child::in_child;
use crate::patterns;

const ITEMS: usize = 6;

/// The item whose job fails, if any.
const FAILS: [Option<usize>; 4] = [None, Some(0), Some(2), Some(ITEMS - 1)];

/// The remains of a run whose runtime was shut down.
struct Left {
    /// The description of the run in messages.
    at: String,
    run: Run<usize>,
    scope: Scope,
    kept: Kept<usize>,
    yielded: Vec<Result<usize, Failure>>,
    /// The number of jobs that have returned an error.
    errors: Arc<AtomicUsize>,
    /// The scope of the run ended before the shutdown.
    was_over: bool,
}

impl Left {
    /// Starts a run of the pattern at `position`, and shuts its runtime down after the given number of polls.
    fn after(polls: usize, position: usize, fails: Option<usize>) -> Self {
        let errors = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&errors);
        let job = move |item: usize| {
            let counted = Arc::clone(&counted);
            async move {
                tokio::task::yield_now().await;
                if Some(item) == fails {
                    counted.fetch_add(1, Ordering::SeqCst);
                    anyhow::bail!("item {item} is a bad one");
                }
                Ok(item)
            }
        };
        let patterns::Named { name, pattern } = patterns::all(Case::new(3), &job).swap_remove(position);
        let scope = Scope::new("shutdown");
        let (source, kept) = Source::new(0..ITEMS).kept();
        // The runtime polls one task between two polls of the future of `block_on`.
        let runtime = Builder::new_current_thread().event_interval(1).build().expect("a runtime");
        let mut yielded = Vec::new();
        let (run, was_over) = runtime.block_on(async {
            let mut run = pattern.run_in(&scope, source);
            for _ in 0..polls {
                tokio::task::yield_now().await;
                if let Poll::Ready(Some(result)) = poll_once(run.next()).await {
                    yielded.push(result);
                }
            }
            (run, poll_once(scope.wait()).await.is_ready())
        });
        drop(runtime);
        let fails = fails.map_or("none".to_owned(), |item| item.to_string());
        let at = format!("{name}, after {polls} polls, of jobs of which {fails} fails");
        Self { at, run, scope, kept, yielded, errors, was_over }
    }
}

async fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

/// Takes the remaining outputs. The run must report that outputs are missing.
async fn is_taken(left: Left) {
    let Left { at, mut run, scope, kept, mut yielded, errors, was_over } = left;
    while let Some(result) = run.next().await {
        yielded.push(result);
    }
    let report = run.finish().await;
    for stage in &report.stages {
        assert_eq!(stage.counts.taken, stage.counts.settled(), "{at}: {report}");
    }
    assert!(kept.take().is_some(), "{at}: the source was not given back");
    let outputs = yielded.iter().take_while(|result| result.is_ok()).count();
    let failures: Vec<Failure> = yielded.into_iter().skip(outputs).filter_map(Result::err).collect();
    let by_runtime =
        failures.iter().any(|failure| matches!(failure.cause(), Cause::Cancelled(Cancelled::Runtime)));
    assert!(outputs == ITEMS || failures.len() == 1, "{at}: {outputs} outputs, {} failures", failures.len());
    assert!(!(was_over && by_runtime), "{at}: the run ended before the shutdown");
    let scoped = scope.wait().await.err();
    is_told(&at, &errors, failures.iter().chain(&report.failures).chain(&scoped));
}

/// Drops the run. The scope must report the failures.
async fn is_dropped(left: Left) {
    let Left { at, run, scope, kept, yielded, errors, .. } = left;
    drop(run);
    let scoped = scope.wait().await.err();
    assert!(kept.take().is_some(), "{at}: the source was not given back");
    is_told(&at, &errors, yielded.iter().filter_map(|result| result.as_ref().err()).chain(&scoped));
}

/// Asserts that each failure of a job is reported once: by the run, by its report or by the scope.
fn is_told<'a>(at: &str, errors: &AtomicUsize, failures: impl Iterator<Item = &'a Failure>) {
    let told = failures.filter(|failure| format!("{failure:#}").contains("is a bad one")).count();
    assert_eq!(told, errors.load(Ordering::SeqCst), "{at}: the number of reported failures of jobs");
}

/// Calls `then` with the remains of a run of each pattern after each number of polls, until the run has ended before
/// the shutdown.
fn after_each_poll(then: impl AsyncFn(Left)) {
    let other = Builder::new_current_thread().build().expect("a runtime");
    let patterns = patterns::all(Case::new(3), &|item: usize| std::future::ready(anyhow::Ok(item)));
    for (position, pattern) in patterns.iter().enumerate() {
        for fails in FAILS {
            let is_over = (0..1_000).any(|polls| {
                let left = Left::after(polls, position, fails);
                let was_over = left.was_over;
                other.block_on(then(left));
                was_over
            });
            assert!(is_over, "{}: not over after 1,000 polls", pattern.name);
        }
    }
}

#[test]
fn runtime_lost_after_any_poll_is_yielded_by_the_run() {
    let test = "shutdown::runtime_lost_after_any_poll_is_yielded_by_the_run";
    in_child(test, || after_each_poll(is_taken)).well();
}

#[test]
fn runtime_lost_after_any_poll_is_recorded_for_a_dropped_run() {
    let test = "shutdown::runtime_lost_after_any_poll_is_recorded_for_a_dropped_run";
    in_child(test, || after_each_poll(is_dropped)).well();
}
