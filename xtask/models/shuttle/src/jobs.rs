//! Jobs that are watched, and what every run of them has to come to.
//!
//! Jobs fail but do not panic: shuttle runs all tasks on one thread, where one that unwinds would have the others
//! believe that they do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::future::{spawn, yield_now};

use crate::explore::{a_while, any, once_in};
use crate::{Failure, Fanout, Job, Report, Run, Scope};

/// How many jobs run, and the most that may.
#[derive(Clone)]
pub struct Live(Arc<AtomicUsize>, usize);

impl Live {
    /// So many may run.
    #[must_use]
    pub fn at_most(jobs: usize) -> Self {
        Self(Arc::default(), jobs)
    }

    /// One more runs, until what this returns is dropped.
    ///
    /// # Panics
    ///
    /// When it is one too many.
    #[must_use]
    pub fn enter(&self) -> Running {
        let running = self.0.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(running <= self.1, "{running} jobs run, {} may", self.1);
        Running(Arc::clone(&self.0))
    }

    /// A job that waits now and then.
    pub async fn job(&self, item: usize) -> usize {
        let _running = self.enter();
        for _ in 0..any(0..=2) {
            yield_now().await;
        }
        item
    }

    /// None runs.
    ///
    /// # Panics
    ///
    /// When one does.
    #[track_caller]
    pub fn is_over(&self) {
        assert_eq!(self.0.load(Ordering::Relaxed), 0, "jobs are left");
    }
}

/// A job that runs.
pub struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How many items most models have.
pub const ITEMS: usize = 4;

/// A fan-out of two jobs at once, and the jobs.
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

/// Every item is in one group of its stage.
///
/// # Panics
///
/// When one is not.
#[track_caller]
pub fn adds_up(report: &Report) {
    for stage in &report.stages {
        assert_eq!(stage.counts.taken, stage.counts.settled(), "{report}");
    }
}

/// The outputs are those of all `items`.
///
/// # Panics
///
/// When they are not.
#[track_caller]
pub fn are_all(mut outputs: Vec<usize>, items: usize) {
    outputs.sort_unstable();
    assert!(outputs.iter().copied().eq(0..items), "of 0 to {items} there are {outputs:?}");
}

/// Takes everything, now and then after a while.
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

/// Cancels the scope, whenever the schedule likes.
pub fn cancel_in_a_while(scope: &Scope) {
    let scope = scope.clone();
    spawn(async move {
        a_while().await;
        scope.cancel();
    });
}
