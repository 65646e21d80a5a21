//! Jobs that are counted, and assertions on the result of every run.
//!
//! Jobs fail but do not panic: shuttle runs all tasks on one thread, so while one task unwinds, every task would appear
//! to be panicking.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::future::{spawn, yield_now};

use crate::explore::{a_while, any, once_in};
use crate::{Failure, Fanout, Job, Report, Run, Scope};

/// The number of running jobs, and the largest allowed number.
#[derive(Clone)]
pub struct Live(Arc<AtomicUsize>, usize);

impl Live {
    /// Creates a counter that allows `most` running jobs.
    #[must_use]
    pub fn at_most(jobs: usize) -> Self {
        Self(Arc::default(), jobs)
    }

    /// Counts one more running job until the returned value is dropped.
    ///
    /// # Panics
    ///
    /// Panics if the number exceeds the allowed number.
    #[must_use]
    pub fn enter(&self) -> Running {
        let running = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(running <= self.1, "{running} jobs run, {} may", self.1);
        Running(Arc::clone(&self.0))
    }

    /// Runs a job that sometimes waits.
    pub async fn job(&self, item: usize) -> usize {
        let _running = self.enter();
        for _ in 0..any(0..=2) {
            yield_now().await;
        }
        item
    }

    /// Asserts that no job runs.
    ///
    /// # Panics
    ///
    /// Panics if a job runs.
    #[track_caller]
    pub fn is_over(&self) {
        assert_eq!(self.0.load(Ordering::Relaxed), 0, "jobs are left");
    }
}

/// A running job.
pub struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The number of items of most models.
pub const ITEMS: usize = 4;

/// Returns a fan-out of two jobs at once, and the counter of its jobs.
#[must_use]
pub fn fanout() -> (Fanout<impl Job<usize, Out = usize>>, Live) {
    let live = Live::at_most(2);
    let jobs = live.clone();
    let job = move |item: usize| {
        let jobs = jobs.clone();
        async move { Ok(jobs.job(item).await) }
    };
    let fanout = Fanout::new(2, job).capacity(any(0..=2));
    (if once_in(2) { fanout.ordered() } else { fanout }, live)
}

/// Asserts that every item that a stage has taken is settled.
///
/// # Panics
///
/// Panics if an item is not settled.
#[track_caller]
pub fn adds_up(report: &Report) {
    for stage in &report.stages {
        assert_eq!(stage.counts.taken, stage.counts.settled(), "{report}");
    }
}

/// Asserts that the outputs are the outputs of all `items`.
///
/// # Panics
///
/// Panics if the outputs differ.
#[track_caller]
pub fn are_all(mut outputs: Vec<usize>, items: usize) {
    outputs.sort_unstable();
    assert!(outputs.iter().copied().eq(0..items), "of 0 to {items} there are {outputs:?}");
}

/// Receives all outputs, sometimes after a delay.
pub async fn take_all(run: &mut Run<usize>) -> (Vec<usize>, Option<Failure>) {
    let mut outputs = Vec::new();
    loop {
        match run.next().await {
            Some(Ok(output)) => outputs.push(output),
            Some(Err(failure)) => return (outputs, Some(failure)),
            None => return (outputs, None),
        }
        if once_in(3) {
            yield_now().await;
        }
    }
}

/// Cancels the scope at a time that the schedule chooses.
pub fn cancel_in_a_while(scope: &Scope) {
    let scope = scope.clone();
    spawn(async move {
        a_while().await;
        scope.cancel();
    });
}
