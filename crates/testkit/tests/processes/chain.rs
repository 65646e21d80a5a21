//! Chains of runs.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tokio::task::yield_now;
use towpath_pattern::{Cause, Pattern, PatternExt, Run, Scope, anyhow};
use towpath_testkit::Case;

use crate::patterns;

/// A link of a chain, and the number of stages of the chain.
#[derive(Clone, Copy)]
pub struct Chain {
    pub position: usize,
    pub stages: usize,
}

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
    /// Returns the pattern of the link with the given job.
    fn link(self, acts: Acts) -> Box<dyn Pattern<usize, Out = usize>> {
        let job = move |item: usize| {
            let acts = acts.clone();
            async move {
                match acts {
                    Acts::Passes => {}
                    Acts::Fails => anyhow::bail!("a failure"),
                    Acts::Waits(started) => {
                        started.fetch_add(1, SeqCst);
                        pending::<()>().await;
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
        for _ in 2..self.stages / run.report().stages.len() {
            run = passes.run_in(scope, run);
        }
        self.link(last).run_in(scope, run)
    }

    /// Chains runs with a last job that waits, and returns after the start of this job.
    pub async fn waiting(self, scope: &Scope) -> Run<usize> {
        let started = Arc::new(AtomicUsize::new(0));
        let run = self.run(scope, Acts::Passes, Acts::Waits(Arc::clone(&started)));
        while started.load(SeqCst) == 0 {
            yield_now().await;
        }
        run
    }

    pub async fn ends(self) {
        let run = self.run(&Scope::default(), Acts::Passes, Acts::Passes);
        assert_eq!(run.collect().await.expect("no failure").len(), ITEMS);
    }

    pub async fn is_cancelled(self) {
        let run = self.waiting(&Scope::default()).await;
        run.cancel();
        assert!(run.finish().await.failures[0].is_cancelled());
    }

    pub async fn is_dropped(self) {
        let scope = Scope::new("dropped");
        drop(self.waiting(&scope).await);
        scope.wait().await.expect("no failure");
    }

    pub async fn is_cancelled_by_its_scope(self) {
        let scope = Scope::new("cancelled");
        let run = self.waiting(&scope).await;
        scope.cancel();
        assert!(run.finish().await.failures[0].is_cancelled());
    }

    pub async fn fails(self) {
        for (first, last) in [(Acts::Fails, Acts::Passes), (Acts::Passes, Acts::Fails)] {
            let failure = self.run(&Scope::default(), first, last).collect().await.expect_err("it fails");
            assert!(matches!(failure.cause(), Cause::Errored(_)), "{failure:#}");
        }
    }
}
