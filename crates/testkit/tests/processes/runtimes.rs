//! A runtime that is shut down in the middle of a run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use towpath_pattern::{Cancelled, Cause, PatternExt, Run, Scope, Source};
use towpath_testkit::Case;

use crate::child::in_child;
use crate::patterns;

const GOES: [fn(Runtime); 3] =
    [drop, Runtime::shutdown_background, |runtime| runtime.shutdown_timeout(Duration::from_millis(1))];

struct Job(Arc<AtomicUsize>);

impl Job {
    fn begin(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(alive))
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn kinds() -> [Runtime; 2] {
    [Builder::new_current_thread(), Builder::new_multi_thread()]
        .map(|mut kind| kind.enable_time().build().expect("a runtime"))
}

/// Runs every pattern on both kinds of runtime, shuts the runtime down in every way, and calls `then` with the run.
/// `then` can use another runtime, and waits for the end of the scope.
fn each(then: fn(&str, Run<usize>, &Scope, &Runtime)) {
    let other = Builder::new_current_thread().enable_time().build().expect("a runtime");
    for goes in GOES {
        let alive = Arc::new(AtomicUsize::new(0));
        let begun = Arc::clone(&alive);
        let job = move |item: usize| {
            let job = Job::begin(&begun);
            async move {
                let _job = job;
                if item > 2 {
                    std::future::pending::<()>().await;
                }
                Ok(item)
            }
        };
        for position in 0..patterns::all(Case::new(3), &job).len() {
            for runtime in kinds() {
                let patterns::Named { name, pattern } =
                    patterns::all(Case::new(3), &job).swap_remove(position);
                let scope = Scope::new("runtimes");
                let (source, kept) = Source::new(0..100_usize).kept();
                let run = runtime.block_on(async {
                    let run = pattern.run_in(&scope, source);
                    while alive.load(Ordering::SeqCst) < 3 {
                        tokio::task::yield_now().await;
                    }
                    run
                });
                goes(runtime);
                then(&name, run, &scope, &other);
                assert_eq!(
                    alive.load(Ordering::SeqCst),
                    0,
                    "{name}: jobs are left after the end of the scope"
                );
                assert!(kept.take().is_some(), "{name}: the source was not given back");
            }
        }
    }
}

#[test]
fn run_of_a_lost_runtime_yields_the_cancellation() {
    let child = in_child("runtimes::run_of_a_lost_runtime_yields_the_cancellation", || {
        each(|name, mut run, scope, other| {
            other.block_on(async {
                let failure = loop {
                    match run.next().await {
                        Some(Ok(_)) => {}
                        Some(Err(failure)) => break failure,
                        None => panic!("{name}: the run ended without a failure"),
                    }
                };
                let is_told = matches!(failure.cause(), Cause::Cancelled(Cancelled::Runtime));
                assert!(is_told, "{name}: {failure:#}");
                let report = run.finish().await;
                for stage in &report.stages {
                    assert_eq!(stage.counts.taken, stage.counts.settled(), "{name}: {report}");
                }
                scope.wait().await.expect("the failure was taken");
            });
        });
    });
    child.well();
}

#[test]
fn run_of_a_lost_runtime_may_be_dropped() {
    let child = in_child("runtimes::run_of_a_lost_runtime_may_be_dropped", || {
        each(|_, run, scope, other| {
            drop(run);
            let _ = other.block_on(scope.wait());
        });
    });
    child.well();
}
