//! Runs with limiters: held items, grants from other tasks, a stop, and the lease of the source. And a limit that
//! changes while a stage runs.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::future::{JoinHandle, block_on, spawn, yield_now};
use towpath_models_shuttle::explore::{a_while, any, explore, once_in};
use towpath_models_shuttle::jobs::{ITEMS, Live, adds_up, are_all, cancel_in_a_while, take_all};
use towpath_models_shuttle::{
    Failure, Fanout, Job, LimitedBy, Limiter, LiveLimit, OnFailure, OwnedSemaphorePermit, PatternExt, Scope,
    Semaphore, Source, anyhow,
};

/// The permits of a semaphore, a permit for each item. The item waits without a slot if `PER_ITEM`.
#[derive(Clone)]
struct Permits<const PER_ITEM: bool>(Semaphore);

impl<const PER_ITEM: bool> Limiter<usize> for Permits<PER_ITEM> {
    type Permit = OwnedSemaphorePermit;
    const PER_ITEM: bool = PER_ITEM;

    fn acquire(
        &self,
        _: &usize,
    ) -> impl Future<Output = anyhow::Result<OwnedSemaphorePermit>> + Send + 'static + use<PER_ITEM> {
        let permits = self.0.clone();
        async move { Ok(permits.acquire_owned().await?) }
    }
}

/// The number of permits.
const PERMITS: usize = 2;

/// A task that takes a permit and returns the permit, several times.
fn visitor(permits: &Semaphore) -> JoinHandle<()> {
    let permits = permits.clone();
    spawn(async move {
        for _ in 0..any(1..=2) {
            let permit = permits.acquire().await.expect("the permits are not closed");
            if once_in(2) {
                yield_now().await;
            }
            drop(permit);
        }
    })
}

/// A fan-out whose jobs and the visitors share `PERMITS` permits. The job of item `fails` fails.
fn limited<const PER_ITEM: bool>(
    permits: &Semaphore,
    fails: Option<usize>,
) -> (Fanout<impl Job<usize, Out = usize>, LimitedBy<(), Permits<PER_ITEM>>>, Live) {
    let live = Live::at_most(PERMITS);
    let jobs = live.clone();
    let job = move |item: usize| {
        let jobs = jobs.clone();
        async move {
            let item = jobs.job(item).await;
            anyhow::ensure!(Some(item) != fails, "the job of {item} fails");
            Ok(item)
        }
    };
    let fanout = Fanout::new(any(1..=3), job).capacity(any(0..=2)).limited_by(&Permits(permits.clone()));
    (if once_in(2) { fanout.ordered() } else { fanout }, live)
}

/// A source that is ready, or sometimes waits.
fn source() -> Source<usize> {
    if once_in(2) {
        return Source::new(0..ITEMS);
    }
    Source::generate(|out| async move {
        for item in 0..ITEMS {
            if once_in(3) {
                yield_now().await;
            }
            out.send(item).await;
        }
    })
}

/// Asserts that all permits are free, once the visitors have ended.
async fn is_free(permits: &Semaphore, visitors: Vec<JoinHandle<()>>) {
    for visitor in visitors {
        visitor.await.expect("a visitor");
    }
    assert_eq!(permits.available_permits(), PERMITS, "permits that are free at the end");
}

fn all_items_complete<const PER_ITEM: bool>() {
    let permits = Semaphore::new(PERMITS);
    let (fanout, live) = limited::<PER_ITEM>(&permits, None);
    block_on(async {
        let visitors = (0..any(0..=2)).map(|_| visitor(&permits)).collect();
        let mut run = fanout.run(source());
        let (outputs, failure) = take_all(&mut run).await;
        assert!(failure.is_none(), "{failure:?}");
        are_all(outputs, ITEMS);
        adds_up(&run.finish().await);
        is_free(&permits, visitors).await;
    });
    live.is_over();
}

/// A grant that no worker notices leaves its item waiting: the model then ends in a deadlock.
#[test]
fn held_items_are_granted_by_other_tasks() {
    explore(1_000, all_items_complete::<true>);
}

#[test]
fn items_in_slots_are_granted_by_other_tasks() {
    explore(1_000, all_items_complete::<false>);
}

/// The scope is cancelled while items are held, granted and started. A visitor may have the permit that a held item
/// needs.
#[test]
fn cancelled_run_returns_held_items_and_permits() {
    explore(1_000, || {
        let permits = Semaphore::new(PERMITS);
        let (fanout, live) = limited::<true>(&permits, None);
        block_on(async {
            let visitors = (0..any(0..=2)).map(|_| visitor(&permits)).collect();
            let scope = Scope::new("model");
            let (source, kept) = Source::new(0..ITEMS).kept();
            let mut run = fanout.run_in(&scope, source);
            cancel_in_a_while(&scope);
            let (_, failure) = take_all(&mut run).await;
            assert!(failure.is_none_or(|failure| failure.is_cancelled()));
            live.is_over();
            let report = run.finish().await;
            adds_up(&report);
            let counts = report.last();
            let mut rest = kept.take().expect("the run is over");
            let mut items = Vec::new();
            while let Some(item) = rest.next().await {
                items.push(item.expect("no failure"));
            }
            assert!(items.is_sorted(), "{items:?}");
            assert_eq!(counts.settled() - counts.never_started + items.len(), ITEMS, "{report}");
            is_free(&permits, visitors).await;
        });
    });
}

/// The receiver of the run is dropped. Nothing of the run is left at the end of its scope.
#[test]
fn dropped_run_returns_the_permits_of_held_items() {
    explore(1_000, || {
        let permits = Semaphore::new(PERMITS);
        let (fanout, live) = limited::<true>(&permits, None);
        block_on(async {
            let visitors = (0..any(0..=1)).map(|_| visitor(&permits)).collect();
            let scope = Scope::new("model");
            let mut run = fanout.run_in(&scope, source());
            for _ in 0..any(0..=2) {
                run.next().await.expect("an output").expect("no failure");
            }
            drop(run);
            scope.wait().await.expect("no failure");
            live.is_over();
            is_free(&permits, visitors).await;
        });
    });
}

/// A failure stops the run while items are held, or the run goes on.
#[test]
fn failure_returns_the_permits_of_held_items() {
    explore(1_000, || {
        let permits = Semaphore::new(PERMITS);
        let (fanout, live) = limited::<true>(&permits, Some(1));
        let goes_on = once_in(2);
        let fanout = fanout.on_failure(if goes_on { OnFailure::Continue } else { OnFailure::Stop });
        block_on(async {
            let visitors = (0..any(0..=1)).map(|_| visitor(&permits)).collect();
            let (outcomes, report) = fanout.run(source()).outcomes().await;
            live.is_over();
            let mut failed = outcomes.iter().filter_map(|outcome| outcome.as_ref().err());
            assert_eq!(failed.next().and_then(Failure::index), Some(1), "{report}");
            assert!(failed.next().is_none(), "{report}");
            assert!(!goes_on || outcomes.len() == ITEMS, "{report}");
            adds_up(&report);
            is_free(&permits, visitors).await;
        });
    });
}

/// A limit that another task changes. `allowed` is the largest number of jobs that may run, and falls only after the
/// engine has counted the running jobs.
#[test]
fn changed_limit_bounds_every_start() {
    explore(1_000, || {
        let limit = LiveLimit::new(any(0..=2));
        let allowed = Arc::new(AtomicUsize::new(limit.get()));
        let running = Arc::new(AtomicUsize::new(0));
        let job = {
            let (allowed, running) = (Arc::clone(&allowed), Arc::clone(&running));
            move |item: usize| {
                let most = allowed.load(Ordering::SeqCst);
                let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                assert!(now <= most.max(allowed.load(Ordering::SeqCst)), "{now} jobs run, {most} may");
                let running = Arc::clone(&running);
                async move {
                    for _ in 0..any(0..=2) {
                        yield_now().await;
                    }
                    running.fetch_sub(1, Ordering::SeqCst);
                    Ok(item)
                }
            }
        };
        let fanout = Fanout::new(&limit, job).capacity(any(0..=2));
        block_on(async {
            let mut run = fanout.run(source());
            let monitor = run.monitor();
            let changes = spawn(async move {
                for _ in 0..any(1..=3) {
                    let (before, jobs) = (limit.get(), any(0..=2));
                    allowed.store(before.max(jobs), Ordering::SeqCst);
                    limit.set(jobs);
                    // After this look, fewer jobs run at any start.
                    if monitor.report().last().running <= jobs {
                        allowed.store(jobs, Ordering::SeqCst);
                    } else {
                        allowed.store(before.max(jobs), Ordering::SeqCst);
                        limit.set(before.max(jobs));
                    }
                    a_while().await;
                }
                allowed.fetch_max(1, Ordering::SeqCst);
                limit.set(allowed.load(Ordering::SeqCst));
            });
            let (outputs, failure) = take_all(&mut run).await;
            assert!(failure.is_none(), "{failure:?}");
            are_all(outputs, ITEMS);
            // The monitor of a run that is being dropped blocks its thread for a moment, and a schedule has one thread.
            changes.await.expect("the changes");
            adds_up(&run.finish().await);
        });
    });
}

/// A limit that pauses a run of held items, and a cancellation.
#[test]
fn changed_limit_and_held_items_end_with_a_cancel() {
    explore(1_000, || {
        let permits = Semaphore::new(PERMITS);
        let limit = LiveLimit::new(any(0..=2));
        let live = Live::at_most(2);
        let jobs = live.clone();
        let job = move |item: usize| {
            let jobs = jobs.clone();
            async move { Ok(jobs.job(item).await) }
        };
        let fanout = Fanout::new(&limit, job).capacity(1).limited_by(&Permits::<true>(permits.clone()));
        block_on(async {
            let visitors = (0..any(0..=1)).map(|_| visitor(&permits)).collect();
            let scope = Scope::new("model");
            let mut run = fanout.run_in(&scope, source());
            let changes = spawn(async move {
                for _ in 0..any(0..=3) {
                    limit.set(any(0..=2));
                    yield_now().await;
                }
            });
            cancel_in_a_while(&scope);
            let (_, failure) = take_all(&mut run).await;
            assert!(failure.is_none_or(|failure| failure.is_cancelled()));
            live.is_over();
            adds_up(&run.finish().await);
            changes.await.expect("the changes");
            is_free(&permits, visitors).await;
        });
    });
}
