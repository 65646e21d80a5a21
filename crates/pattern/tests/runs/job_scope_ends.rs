//! The runs and tasks that the jobs of a run start in their scope end before the run. The tests have each kind of
//! thing, each depth of runs within jobs and each end of the outer run, alone and behind another stage, on both
//! runtimes.

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::{spawn_blocking, yield_now};
use towpath_pattern::{Failure, Job, Run, Scope, Settings, anyhow};

use crate::{run_in, settle};

/// The thing that a job starts.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Thing {
    DroppedRun,
    ForgottenRun,
    Task,
    /// A task of a scope that is a child of the scope of the jobs.
    TaskOfAChild,
    /// A blocking function that watches the token.
    Blocking,
}

const THINGS: [Thing; 5] =
    [Thing::DroppedRun, Thing::ForgottenRun, Thing::Task, Thing::TaskOfAChild, Thing::Blocking];

/// How the outer run ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    Completes,
    Fails,
    Cancelled,
    Dropped,
    ScopeCancelled,
    Deadline,
    Shutdown,
}

const ENDINGS: [Ending; 7] = [
    Ending::Completes,
    Ending::Fails,
    Ending::Cancelled,
    Ending::Dropped,
    Ending::ScopeCancelled,
    Ending::Deadline,
    Ending::Shutdown,
];

/// The number of things that are alive, and the number of all started things.
#[derive(Debug, Default)]
struct Things {
    alive: AtomicUsize,
    started: AtomicUsize,
}

struct Alive(Arc<Things>);

impl Alive {
    fn new(things: &Arc<Things>) -> Self {
        things.alive.fetch_add(1, Ordering::SeqCst);
        things.started.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(things))
    }

    /// Runs for a while. If `ends` is not set, runs until the stop.
    async fn goes_on(self, ends: bool) {
        if !ends {
            pending::<()>().await;
        }
        for _ in 0..20 {
            yield_now().await;
        }
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A job that starts the thing in its scope, or an inner run of such jobs.
#[derive(Clone)]
struct Starts {
    thing: Thing,
    ending: Ending,
    depth: usize,
    things: Arc<Things>,
    blocking: Arc<AtomicUsize>,
    cancelled: Arc<AtomicBool>,
}

impl Starts {
    /// Starts the thing.
    fn start(&self, scope: &Scope) {
        let ends = self.ending == Ending::Completes;
        let things = Arc::clone(&self.things);
        let inner = || {
            let things = Arc::clone(&things);
            let job = move |_: i32| {
                let alive = Alive::new(&things);
                async move {
                    alive.goes_on(ends).await;
                    Ok(())
                }
            };
            // The capacity is for all items, so the run ends without a receiver.
            run_in(scope, 0..4, Settings::new("thing", 2).capacity(4), job)
        };
        match self.thing {
            Thing::DroppedRun => drop(inner()),
            Thing::ForgottenRun => std::mem::forget(inner()),
            Thing::Task | Thing::TaskOfAChild => {
                let scope = if self.thing == Thing::Task { scope.clone() } else { scope.child("child") };
                let alive = Alive::new(&things);
                let owned = scope.clone();
                scope.spawn("thing", async move {
                    alive.goes_on(ends).await;
                    drop(owned);
                    Ok(())
                });
            }
            Thing::Blocking => {
                let (token, blocking) = (scope.token().clone(), Arc::clone(&self.blocking));
                let cancelled = Arc::clone(&self.cancelled);
                self.things.started.fetch_add(1, Ordering::SeqCst);
                spawn_blocking(move || {
                    // The function is counted here, since a runtime that shuts down drops the functions that have not
                    // started.
                    blocking.fetch_add(1, Ordering::SeqCst);
                    // The loop also ends without a cancellation of the token, so the test fails and does not hang.
                    while !token.is_cancelled() && !cancelled.load(Ordering::SeqCst) {
                        std::thread::yield_now();
                    }
                    if token.is_cancelled() {
                        blocking.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        }
    }
}

impl Job<usize> for Starts {
    type Out = usize;

    async fn call(&self, _: usize) -> anyhow::Result<usize> {
        unreachable!("a pattern calls `call_in`")
    }

    fn call_in(&self, item: usize, scope: &Scope) -> impl Future<Output = anyhow::Result<usize>> + Send {
        let (this, scope) = (self.clone(), scope.clone());
        let started: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(async move {
            if this.depth > 0 {
                let inner = Starts { depth: this.depth - 1, ..this };
                let outputs = run_in(&scope, 0..2, Settings::new("between", 2), inner).collect().await?;
                return Ok(outputs.len());
            }
            this.start(&scope);
            yield_now().await;
            match this.ending {
                Ending::Completes => Ok(item),
                Ending::Fails if item == 1 => {
                    settle().await;
                    anyhow::bail!("on purpose")
                }
                // The job waits until its stop.
                _ => pending().await,
            }
        });
        started
    }
}

/// A form of the test.
#[derive(Clone, Copy, Debug)]
struct Form {
    thing: Thing,
    ending: Ending,
    depth: usize,
    /// The jobs are in the first of two stages.
    behind: bool,
}

fn start(form: Form, scope: &Scope, job: Starts) -> Run<usize> {
    let run = run_in(scope, 0..2, Settings::new("outer", 2), job);
    if form.behind {
        run_in(scope, run, Settings::new("behind", 2), |item: usize| async move { Ok(item) })
    } else {
        run
    }
}

async fn started(things: &Things) {
    while things.started.load(Ordering::SeqCst) == 0 {
        yield_now().await;
    }
    settle().await;
}

/// Ends the run and waits for its end.
async fn end(form: Form, scope: Scope, job: Starts, things: Arc<Things>) {
    let run = start(form, &scope, job);
    // The jobs of a dropped run, and all jobs of a run whose deadline passes early, may never start.
    if form.thing != Thing::DroppedRun && form.ending != Ending::Deadline {
        started(&things).await;
    }
    match form.ending {
        Ending::Completes => {
            let report = run.finish().await;
            assert!(report.failures.is_empty(), "{form:?}: {report}");
        }
        Ending::Fails => {
            let report = run.finish().await;
            // The inner run of another job may also have failed.
            let on_purpose = |failure: &Failure| format!("{failure:#}").ends_with("on purpose");
            assert!(!report.failures.is_empty(), "{form:?}: {report}");
            assert!(report.failures.iter().all(on_purpose), "{form:?}: {report}");
        }
        Ending::Cancelled => {
            run.cancel();
            let report = run.finish().await;
            // The cancellation of a run within a cancelled job is not a further failure.
            assert!(report.failures.len() == 1 && report.failures[0].is_cancelled(), "{form:?}: {report}");
        }
        Ending::Dropped => {
            drop(run);
            scope.wait().await.unwrap_or_else(|failure| panic!("{form:?}: {failure:#}"));
        }
        Ending::ScopeCancelled => {
            scope.cancel();
            let report = run.finish().await;
            assert!(report.failures.len() == 1 && report.failures[0].is_cancelled(), "{form:?}: {report}");
            scope.wait().await.unwrap_or_else(|failure| panic!("{form:?}: {failure:#}"));
        }
        Ending::Deadline => {
            let report = run.finish().await;
            assert!(!report.failures.is_empty(), "{form:?}: {report}");
            assert!(report.failures.iter().all(Failure::is_cancelled), "{form:?}: {report}");
        }
        Ending::Shutdown => unreachable!("without a receiver on the runtime"),
    }
    assert_eq!(things.alive.load(Ordering::SeqCst), 0, "{form:?}: alive after the end of the run");
}

fn try_form(runtime: Runtime, form: Form) {
    let things = Arc::<Things>::default();
    let (blocking, gave_up) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
    let job = Starts {
        thing: form.thing,
        ending: form.ending,
        depth: form.depth,
        things: Arc::clone(&things),
        blocking: Arc::clone(&blocking),
        cancelled: Arc::clone(&gave_up),
    };
    let scope = if form.ending == Ending::Deadline {
        let within = runtime.enter();
        let scope = Scope::new("outer").with_timeout(Duration::from_millis(5));
        drop(within);
        scope
    } else {
        Scope::new("outer")
    };
    if form.ending == Ending::Shutdown {
        let (seen, within) = (Arc::clone(&things), scope.clone());
        let run = runtime.block_on(async move {
            let run = start(form, &within, job);
            if form.thing != Thing::DroppedRun {
                started(&seen).await;
            }
            run
        });
        if form.thing == Thing::Blocking {
            // A runtime waits for its blocking functions, which wait for the token.
            runtime.shutdown_background();
        } else {
            drop(runtime);
        }
        let receiver = Builder::new_current_thread().build().expect("a runtime");
        let report = receiver.block_on(run.finish());
        assert!(report.failures[0].is_cancelled(), "{form:?}: {report}");
        let _ = receiver.block_on(scope.wait());
        assert_eq!(things.alive.load(Ordering::SeqCst), 0, "{form:?}: alive after the end of the run");
    } else {
        let ending = end(form, scope.clone(), job, Arc::clone(&things));
        runtime.block_on(async { runtime.spawn(ending).await }).unwrap_or_else(|_| panic!("{form:?}"));
    }
    // A thread may need a moment to see the cancellation of the token.
    for _ in 0..1_000_000 {
        if blocking.load(Ordering::SeqCst) == 0 {
            break;
        }
        std::thread::yield_now();
    }
    gave_up.store(true, Ordering::SeqCst);
    assert_eq!(blocking.load(Ordering::SeqCst), 0, "{form:?}: the token was not cancelled");
}

fn try_all(runtime: impl Fn() -> Runtime) {
    for thing in THINGS {
        for ending in ENDINGS {
            for depth in 0..3 {
                for behind in [false, true] {
                    try_form(runtime(), Form { thing, ending, depth, behind });
                }
            }
        }
    }
}

#[test]
fn things_of_jobs_end_before_the_run_on_one_thread() {
    try_all(|| Builder::new_current_thread().enable_time().build().expect("a runtime"));
}

#[test]
fn things_of_jobs_end_before_the_run_on_two_threads() {
    try_all(|| Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime"));
}
