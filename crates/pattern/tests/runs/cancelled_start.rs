//! Jobs that start after a cancellation has returned: at most one for each worker thread, and none on the thread of the
//! cancellation.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::{self, ThreadId};

use tokio::runtime::{Builder, Runtime};
use towpath_pattern::{Run, Scope, Settings, scoped};

use crate::run_in;

const THREADS: usize = 3;
const ITEMS: usize = 100_000;

fn one_thread() -> Runtime {
    Builder::new_current_thread().build().expect("a runtime")
}

fn threads() -> Runtime {
    Builder::new_multi_thread().worker_threads(THREADS).build().expect("a runtime")
}

/// Returns the runtimes, with the number of jobs that may start after a cancellation.
fn runtimes() -> [(Runtime, usize); 2] {
    [(one_thread(), 0), (threads(), THREADS)]
}

/// The number of started jobs. At the return of the cancellation, `cancelled` gets this number and the thread.
#[derive(Default)]
struct Started {
    jobs: AtomicUsize,
    /// The threads of jobs that started after the cancellation.
    later: Mutex<Vec<ThreadId>>,
    cancelled: OnceLock<(usize, ThreadId)>,
}

impl Started {
    /// Counts the start of a job.
    fn add(&self) -> usize {
        if self.cancelled.get().is_some() {
            self.later.lock().expect("no panic").push(thread::current().id());
        }
        self.jobs.fetch_add(1, Ordering::SeqCst)
    }

    /// Calls `cancel` once, and records the number of jobs that had started at the return.
    fn cancel(&self, cancel: impl FnOnce()) {
        if self.cancelled.get().is_none() {
            cancel();
            let _ = self.cancelled.set((self.jobs.load(Ordering::SeqCst), thread::current().id()));
        }
    }

    fn assert_at_most(&self, most: usize, what: &str) {
        let (before, thread) = *self.cancelled.get().expect("it was cancelled");
        let after = self.jobs.load(Ordering::SeqCst) - before;
        assert!(after <= most, "{what}: {after} jobs started after the cancellation");
        let later = self.later.lock().expect("no panic");
        assert!(!later.contains(&thread), "{what}: a job started on the thread of the cancellation");
    }
}

type Cancel = fn(&Scope, &Scope);

/// The cancellations by the scope, by its parent and by its token.
const CANCELS: [(&str, Cancel); 3] = [
    ("scope", |_, scope| scope.cancel()),
    ("parent", |parent, _| parent.cancel()),
    ("token", |_, scope| scope.token().cancel()),
];

/// Takes some outputs of a run with jobs that are always ready, cancels, and waits for the end of the run.
fn cancel_from_the_receiver(
    runtime: &Runtime,
    started: &Arc<Started>,
    start: impl FnOnce(&Scope, &Arc<Started>) -> Run<usize> + Send + 'static,
    cancel: impl FnOnce(&Scope, &Scope, &Run<usize>) + Send + 'static,
) {
    let started = Arc::clone(started);
    let receiver = async move {
        let parent = Scope::new("parent");
        let scope = parent.child("scope");
        let mut run = start(&scope, &started);
        for _ in 0..1_000 {
            run.next().await.expect("there are more").expect("no failure");
        }
        started.cancel(|| cancel(&parent, &scope, &run));
        run.finish().await;
    };
    // The receiver runs on a thread of the runtime.
    runtime.block_on(runtime.spawn(receiver)).expect("no panic");
}

fn one_stage(scope: &Scope, started: &Arc<Started>, limit: usize) -> Run<usize> {
    let started = Arc::clone(started);
    let job = move |item: usize| {
        started.add();
        async move { Ok(item) }
    };
    run_in(scope, 0..ITEMS, settings(limit), job)
}

fn settings(limit: usize) -> Settings {
    Settings::new("stage", limit).capacity(1_000)
}

fn three_stages(scope: &Scope, started: &Arc<Started>, limit: usize) -> Run<usize> {
    let stage = || {
        let started = Arc::clone(started);
        move |item: usize| {
            started.add();
            async move { Ok(item) }
        }
    };
    let first = run_in(scope, 0..ITEMS, settings(limit), stage());
    let second = run_in(scope, first, settings(limit), stage());
    run_in(scope, second, settings(limit), stage())
}

/// Before the fix, up to 32 jobs of a run with a limit of 16 started.
#[test]
fn cancel_from_the_receiver_starts_no_further_job() {
    for (runtime, most) in runtimes() {
        for (what, cancel) in CANCELS {
            let started = Arc::default();
            let cancel = move |parent: &Scope, scope: &Scope, _: &_| cancel(parent, scope);
            cancel_from_the_receiver(
                &runtime,
                &started,
                |scope, started| one_stage(scope, started, 16),
                cancel,
            );
            started.assert_at_most(most, what);
        }
        let started = Arc::default();
        cancel_from_the_receiver(
            &runtime,
            &started,
            |scope, started| one_stage(scope, started, 16),
            |_, _, run| run.cancel(),
        );
        started.assert_at_most(most, "run");
    }
}

/// Before the fix, up to 8,896 jobs of three stages started.
#[test]
fn cancel_of_three_stages_starts_no_further_job() {
    for (runtime, most) in runtimes() {
        for (what, cancel) in CANCELS {
            for limit in [16, 1_000] {
                let started = Arc::default();
                let cancel = move |parent: &Scope, scope: &Scope, _: &_| cancel(parent, scope);
                let start = move |scope: &Scope, started: &Arc<_>| three_stages(scope, started, limit);
                cancel_from_the_receiver(&runtime, &started, start, cancel);
                started.assert_at_most(most, what);
            }
        }
        let started = Arc::default();
        cancel_from_the_receiver(
            &runtime,
            &started,
            |scope, started| three_stages(scope, started, 16),
            |_, _, run| run.cancel(),
        );
        started.assert_at_most(most, "run");
    }
}

/// Before the fix, up to 999 jobs of a run with a limit of 1,000 started.
#[test]
fn cancel_within_a_job_starts_no_further_job() {
    for (runtime, most) in runtimes() {
        for (what, cancel) in CANCELS {
            let started = Arc::<Started>::default();
            let counting = Arc::clone(&started);
            let running = async move {
                let parent = Scope::new("parent");
                let scope = parent.child("scope");
                let within = scope.clone();
                let job = move |item: usize| {
                    if counting.add() == 1_500 {
                        counting.cancel(|| cancel(&parent, &within));
                    }
                    async move { Ok(item) }
                };
                run_in(&scope, 0..ITEMS, settings(1_000), job).finish().await;
            };
            runtime.block_on(runtime.spawn(running)).expect("no panic");
            started.assert_at_most(most, what);
        }
    }
}

/// The scope that a job receives is the scope of all jobs of the run.
#[test]
fn cancel_of_the_scope_of_the_jobs_starts_no_further_job() {
    for (runtime, most) in runtimes() {
        let started = Arc::<Started>::default();
        let counting = Arc::clone(&started);
        let running = async move {
            let job = scoped(async |scope: &Scope, (counting, item): (Arc<Started>, usize)| {
                if counting.add() == 1_500 {
                    scope.spawn("used", async { Ok(()) });
                    counting.cancel(|| scope.cancel());
                }
                Ok(item)
            });
            let items = (0..ITEMS).map(move |item| (Arc::clone(&counting), item));
            run_in(&Scope::new("scope"), items, settings(1_000), job).finish().await;
        };
        runtime.block_on(runtime.spawn(running)).expect("no panic");
        started.assert_at_most(most, "scope of the jobs");
    }
}

/// A job of the second of three stages cancels.
#[test]
fn cancel_within_a_job_starts_no_job_of_any_stage() {
    for (runtime, most) in runtimes() {
        for (what, cancel) in CANCELS {
            let started = Arc::<Started>::default();
            let counting = Arc::clone(&started);
            let running = async move {
                let parent = Scope::new("parent");
                let scope = parent.child("scope");
                let plain = |started: &Arc<Started>| {
                    let started = Arc::clone(started);
                    move |item: usize| {
                        started.add();
                        async move { Ok(item) }
                    }
                };
                let within = scope.clone();
                let cancelling = Arc::clone(&counting);
                let second = move |item: usize| {
                    cancelling.add();
                    if item == 1_500 {
                        cancelling.cancel(|| cancel(&parent, &within));
                    }
                    async move { Ok(item) }
                };
                let first = run_in(&scope, 0..ITEMS, settings(1_000), plain(&counting));
                let second = run_in(&scope, first, settings(1_000), second);
                run_in(&scope, second, settings(1_000), plain(&counting)).finish().await;
            };
            runtime.block_on(runtime.spawn(running)).expect("no panic");
            started.assert_at_most(most, what);
        }
    }
}
