//! Runs chained more often than a stack is deep: a stage neither ends, stops nor is dropped by recursion.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use towpath_pattern::{Cause, Pattern, PatternExt, Run, Scope, anyhow};
use towpath_testkit::Case;

use crate::child::in_child;
use crate::patterns;
use crate::stack::SMALL;

/// A link of a chain, and the number of stages of the chain.
#[derive(Clone, Copy)]
struct Chain {
    position: usize,
    stages: usize,
}

/// Stages on a small stack: a frame of 220 bytes for each overflows it.
const STAGES: usize = 600;

/// The stack of a thread, unless it is given less.
const USUAL: usize = 2 << 20;

/// Stages on a stack of the usual size.
const MOST_STAGES: usize = 9_000;

/// Items of a run.
const ITEMS: usize = 3;

/// The job of one link of a chain.
#[derive(Clone)]
enum Acts {
    Passes,
    Fails,
    /// Counts its start, and waits without an end.
    Waits(Arc<AtomicUsize>),
}

impl Chain {
    /// Returns the pattern of the link, with that job.
    fn link(self, acts: Acts) -> Box<dyn Pattern<usize, Out = usize>> {
        let job = move |item: usize| {
            let acts = acts.clone();
            async move {
                match acts {
                    Acts::Passes => {}
                    Acts::Fails => anyhow::bail!("a failure"),
                    Acts::Waits(started) => {
                        started.fetch_add(1, SeqCst);
                        pending().await
                    }
                }
                Ok(item)
            }
        };
        patterns::all(Case::new(1), &job).swap_remove(self.position).pattern
    }

    /// Chains runs. The first and the last link have jobs of their own.
    fn run(self, scope: &Scope, first: Acts, last: Acts) -> Run<usize> {
        let passes = self.link(Acts::Passes);
        let mut run = self.link(first).run_in(scope, 0..ITEMS);
        for _ in 2..self.stages / run.stats().len() {
            run = passes.run_in(scope, run);
        }
        self.link(last).run_in(scope, run)
    }

    /// Chains runs, the last job of which waits, until it waits.
    async fn waiting(self, scope: &Scope) -> Run<usize> {
        let started = Arc::new(AtomicUsize::new(0));
        let run = self.run(scope, Acts::Passes, Acts::Waits(Arc::clone(&started)));
        while started.load(SeqCst) == 0 {
            yield_now().await;
        }
        run
    }

    async fn ends(self) {
        let run = self.run(&Scope::default(), Acts::Passes, Acts::Passes);
        assert_eq!(run.collect().await.expect("no failure").len(), ITEMS);
    }

    async fn is_cancelled(self) {
        let run = self.waiting(&Scope::default()).await;
        run.cancel();
        assert!(run.finish().await.failures[0].is_cancelled());
    }

    async fn is_dropped(self) {
        let scope = Scope::new("dropped");
        drop(self.waiting(&scope).await);
        scope.closed().await.expect("no failure");
    }

    async fn is_cancelled_by_its_scope(self) {
        let scope = Scope::new("cancelled");
        let run = self.waiting(&scope).await;
        scope.cancel();
        assert!(run.finish().await.failures[0].is_cancelled());
    }

    async fn fails(self) {
        for (first, last) in [(Acts::Fails, Acts::Passes), (Acts::Passes, Acts::Fails)] {
            let failure = self.run(&Scope::default(), first, last).collect().await.expect_err("it fails");
            assert!(matches!(failure.cause(), Cause::Errored(_)), "{failure}");
        }
    }
}

/// Calls `body` for a chain of every pattern on both runtimes and small stacks, and for the longest chain on a stack of the
/// usual size.
fn each(test: &str, body: fn(Runtime, Chain)) {
    let child = in_child(test, || {
        on_stack(SMALL, move || {
            let patterns = patterns::all(Case::new(1), &|item: usize| async move { Ok(item) });
            for position in 0..patterns.len() {
                for kind in [Builder::new_current_thread(), Builder::new_multi_thread()] {
                    body(runtime(kind, SMALL), Chain { position, stages: STAGES });
                }
            }
        });
        on_stack(USUAL, move || {
            body(runtime(Builder::new_multi_thread(), USUAL), Chain { position: 0, stages: MOST_STAGES });
        });
    });
    child.well();
}

fn on_stack(size: usize, body: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(size).spawn(body).expect("a thread");
    thread.join().expect("no panic");
}

fn runtime(mut kind: Builder, stack: usize) -> Runtime {
    kind.worker_threads(2).thread_stack_size(stack).enable_time().build().expect("a runtime")
}

#[test]
fn a_chain_that_ends_needs_no_stack() {
    each("chains::a_chain_that_ends_needs_no_stack", |runtime, chain| {
        runtime.block_on(runtime.spawn(chain.ends())).expect("no panic");
    });
}

#[test]
fn a_chain_that_is_cancelled_needs_no_stack() {
    each("chains::a_chain_that_is_cancelled_needs_no_stack", |runtime, chain| {
        runtime.block_on(runtime.spawn(chain.is_cancelled())).expect("no panic");
    });
}

#[test]
fn a_chain_that_is_dropped_needs_no_stack() {
    each("chains::a_chain_that_is_dropped_needs_no_stack", |runtime, chain| {
        runtime.block_on(runtime.spawn(chain.is_dropped())).expect("no panic");
    });
}

#[test]
fn a_chain_in_a_cancelled_scope_needs_no_stack() {
    each("chains::a_chain_in_a_cancelled_scope_needs_no_stack", |runtime, chain| {
        runtime.block_on(runtime.spawn(chain.is_cancelled_by_its_scope())).expect("no panic");
    });
}

#[test]
fn a_chain_whose_first_or_last_stage_fails_needs_no_stack() {
    each("chains::a_chain_whose_first_or_last_stage_fails_needs_no_stack", |runtime, chain| {
        runtime.block_on(runtime.spawn(chain.fails())).expect("no panic");
    });
}

#[test]
fn a_chain_whose_runtime_goes_away_needs_no_stack() {
    each("chains::a_chain_whose_runtime_goes_away_needs_no_stack", |runtime, chain| {
        let chained = async move { chain.waiting(&Scope::default()).await };
        let run = runtime.block_on(runtime.spawn(chained)).expect("no panic");
        drop(runtime);
        let other = Builder::new_current_thread().build().expect("a runtime");
        assert!(other.block_on(run.finish()).failures[0].is_cancelled());
    });
}
