//! Scopes of resources: runs and tasks in the scope end before the resource is released or reused.

mod log;

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use log::{Logged, RELEASE, Releases, State};
use tokio::time::{Instant, sleep, timeout};
use towpath_resource::{
    Cause, JobOutcome, OnFailure, PatternExt, Resource, ResourceGuard, Scope, WithResource, resource_fn,
    with, with_in,
};

const MS: Duration = Duration::from_millis(1);

/// Fails the test if `future` does not complete.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    timeout(60_000 * MS, future).await.expect("the future completes soon")
}

/// The names of the released resources, in order.
#[derive(Clone, Debug, Default)]
struct Order(Arc<Mutex<Vec<&'static str>>>);

impl Order {
    /// Returns a resource whose drop is recorded as `name`.
    fn named(&self, name: &'static str, release: Duration) -> impl Resource<State = Named> + use<> {
        let order = self.clone();
        let acquire = move || {
            let named = Named { name, order: order.clone() };
            async move { Ok(named) }
        };
        resource_fn(acquire, move |named: Named, _| async move {
            sleep(release).await;
            drop(named);
            Ok(())
        })
    }

    fn put_down(&self, name: &'static str) {
        self.0.lock().unwrap().push(name);
    }

    fn now(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().clone()
    }
}

struct Named {
    name: &'static str,
    order: Order,
}

impl Drop for Named {
    fn drop(&mut self) {
        self.order.put_down(self.name);
    }
}

/// The end of the inner work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Success,
    Error,
    Panic,
    Drop,
    Cancel,
    Deadline,
}

async fn work(end: End) -> anyhow::Result<()> {
    sleep(10 * MS).await;
    match end {
        End::Success => Ok(()),
        End::Error => anyhow::bail!("no"),
        End::Panic => panic!("broken"),
        End::Drop | End::Cancel | End::Deadline => pending().await,
    }
}

/// The inner resource is released before the outer resource, however the work ends.
#[tokio::test(start_paused = true)]
async fn inner_resource_is_released_before_the_outer_one() {
    for end in [End::Success, End::Error, End::Panic, End::Drop, End::Cancel, End::Deadline] {
        let (order, around) = (Order::default(), Scope::new("around"));
        let inside = if end == End::Deadline { around.with_timeout(50 * MS) } else { around.clone() };
        let (transaction, savepoint) =
            (order.named("transaction", 100 * MS), order.named("savepoint", 100 * MS));
        let nested =
            with_in(&inside, order.named("connection", Duration::ZERO), move |connection| async move {
                let scope = connection.scope();
                let inner = with_in(&scope, transaction, move |transaction| async move {
                    Ok(with_in(&transaction.scope(), savepoint, move |_| work(end)).await?)
                });
                Ok(inner.await?)
            });
        match end {
            End::Drop => drop(timeout(50 * MS, nested).await.expect_err("it waits")),
            End::Cancel => {
                let mut nested = std::pin::pin!(nested);
                timeout(50 * MS, nested.as_mut()).await.expect_err("it waits");
                around.cancel();
                nested.await.expect_err("it was cancelled");
            }
            _ => assert_eq!(nested.await.is_ok(), end == End::Success, "{end:?}"),
        }
        soon(around.wait()).await.expect("no release failed");
        assert_eq!(order.now(), ["savepoint", "transaction", "connection"], "{end:?}");
    }
}

/// Starts a transaction as a task in `scope`, which outlives the job.
fn leave(scope: &Scope, transaction: impl Resource, end: End) {
    let inside = scope.clone();
    scope.spawn("transaction", async move { Ok(with_in(&inside, transaction, move |_| work(end)).await?) });
}

/// The tasks in the scope of a resource end before the next job gets the resource.
#[tokio::test(start_paused = true)]
async fn scope_of_a_resource_ends_before_the_next_job() {
    for end in [End::Success, End::Error, End::Panic] {
        let (log, order) = (Logged::default(), Order::default());
        let jobs = order.clone();
        let job = move |(held, end): (ResourceGuard<State>, End)| {
            let order = jobs.clone();
            async move {
                let left = if end == End::Success { end } else { End::Drop };
                leave(&held.scope(), order.named("transaction", 100 * MS), left);
                let ended = work(end).await;
                order.put_down("job");
                ended
            }
        };
        let jobs = WithResource::new(1, log.clone(), job).on_failure(OnFailure::Continue);
        let report = soon(jobs.run([end; 3]).finish()).await;
        let of_a_job = if end == End::Panic { &["transaction"][..] } else { &["job", "transaction"] };
        assert_eq!(order.now(), of_a_job.repeat(3), "{end:?}: {report}");
        let counts = report.last();
        assert_eq!(
            (counts.succeeded, report.failures.len()),
            (if end == End::Success { 3 } else { 0 }, 3 - counts.succeeded)
        );
        assert_eq!(log.made(), (if end == End::Panic { 3 } else { 1 }, 1), "{end:?}");
    }
}

/// The scope of a resource whose job is stopped is cancelled, and ends before the release.
#[tokio::test(start_paused = true)]
async fn scope_of_a_stopped_job_ends_before_the_release() {
    let (order, around) = (Order::default(), Scope::new("around"));
    let transaction = order.named("transaction", 100 * MS);
    let nested = with_in(&around, order.named("connection", Duration::ZERO), move |held| async move {
        leave(&held.scope(), transaction, End::Drop);
        ResourceGuard::discard(held);
        pending::<anyhow::Result<()>>().await
    });
    timeout(50 * MS, nested).await.expect_err("it waits");
    soon(around.wait()).await.expect("nothing failed");
    assert_eq!(order.now(), ["transaction", "connection"]);
}

/// An unreported failure in the scope of a resource fails the item.
#[tokio::test(start_paused = true)]
async fn unreported_failure_in_the_scope_fails_the_item() {
    let outcomes = [
        (Releases::Fail, "failed", "failed: release 0 failed", JobOutcome::Error),
        (Releases::Panic, "panicked", "panicked: release 0 broke", JobOutcome::Panic),
    ];
    for (releases, kind, what, after) in outcomes {
        let log = Logged::default();
        let failed = with(log.clone(), move |held| async move {
            leave(&held.scope(), Logged::with_releases_that(releases), End::Success);
            Ok(())
        });
        let told = format!("{:#}", failed.await.expect_err("the release inside failed"));
        assert_eq!(
            told,
            format!("item 0 at stage `resource` {kind}: stage `transaction` {kind}: stage `resource` {what}")
        );
        assert_eq!(log.released(), [(0, after)]);
    }
}

/// A failed release in the scope of a resource is reported however the job ends.
#[tokio::test(start_paused = true)]
async fn failed_release_in_the_scope_is_reported() {
    for end in [End::Error, End::Panic, End::Cancel, End::Drop] {
        let job = |(held, end): (ResourceGuard<State>, End)| async move {
            let scope = held.scope();
            let mut inner =
                Box::pin(with_in(&scope, Logged::with_releases_that(Releases::Fail), |_| work(End::Drop)));
            timeout(50 * MS, inner.as_mut()).await.expect_err("it waits");
            if end == End::Error {
                drop(inner);
            } else if end != End::Panic {
                inner.await?;
            }
            work(end).await
        };
        let around = Scope::new("around");
        let mut run = WithResource::new(1, Logged::default(), job).run_in(&around, [end]);
        sleep(100 * MS).await;
        let told = if end == End::Drop {
            drop(run);
            format!("{:#}", soon(around.wait()).await.expect_err("the release inside failed"))
        } else {
            if end == End::Cancel {
                run.cancel();
            }
            run.next().await.expect("a failure").expect_err("it did not succeed");
            let failures = run.finish().await.failures;
            assert_eq!(failures.len(), 1, "{end:?}");
            format!("{:#}", failures[0])
        };
        assert_eq!(told, "stage `resource` failed: stage `resource` failed: release 0 failed", "{end:?}");
    }
}

/// A scope that does not end in time does not block the release. The run waits for both.
#[tokio::test(start_paused = true)]
async fn slow_scope_delays_the_run_and_not_the_release() {
    let (outer, inner) = (Logged::default(), Logged::with_releases_that(Releases::Hang));
    let hangs = inner.clone();
    let job = move |(held, ()): (ResourceGuard<State>, ())| {
        let slow =
            WithResource::new(1, hangs.clone(), |(_held, ()): (ResourceGuard<State>, ())| work(End::Drop));
        async move {
            slow.release_within(10_000 * MS).run_in(&held.scope(), [()]).collect().await?;
            Ok(())
        }
    };
    let run = WithResource::new(1, outer.clone(), job).release_within(1_000 * MS).run([()]);
    sleep(100 * MS).await;
    run.cancel();
    let began = Instant::now();
    let finish = tokio::spawn(run.finish());
    sleep(1_000 * MS + RELEASE + MS).await;
    assert_eq!(outer.released(), [(0, JobOutcome::Cancellation)]);
    let report = finish.await.expect("no panic");
    assert_eq!((began.elapsed(), inner.alive()), (10_000 * MS, 0));
    let failures: Vec<_> = report.failures.iter().filter(|failure| !failure.is_cancelled()).collect();
    let late = "stage `resource` timed out: the scope of a resource did not end in time: no result within 1s";
    let inside = "stage `resource` timed out: stage `resource` timed out: a release was not done in time: no result within 10s";
    assert_eq!(failures.iter().map(|failure| format!("{failure:#}")).collect::<Vec<_>>(), [late, inside]);
    assert!(matches!(failures[0].cause(), Cause::TimedOut(_)));
}

/// The scope of a guard that outlives its job lasts until the guard is dropped. The resource is not reused.
#[tokio::test(start_paused = true)]
async fn scope_of_an_outliving_guard_lasts_until_the_drop() {
    for asked_within_the_job in [false, true] {
        let order = Order::default();
        let jobs = order.clone();
        let give_away = move |(held, ()): (ResourceGuard<Named>, ())| {
            let order = jobs.clone();
            async move {
                let scope = asked_within_the_job.then(|| held.scope());
                tokio::spawn(async move {
                    sleep(50 * MS).await;
                    with_in(&held.scope(), order.named("first", MS), |_| work(End::Success))
                        .await
                        .expect("the scope goes on");
                    leave(&held.scope(), order.named("second", 100 * MS), End::Drop);
                    sleep(50 * MS).await;
                    drop(scope);
                });
                Ok(())
            }
        };
        let jobs = WithResource::new(1, order.named("connection", Duration::ZERO), give_away);
        let report = soon(jobs.run([(), ()]).finish()).await;
        assert!(report.failures.is_empty(), "{report}");
        assert_eq!(
            order.now(),
            ["first", "second", "connection"].repeat(2),
            "the resource is not reused, and is released after its dependents"
        );
    }
}

/// The scope of a guard that is dropped after the run is cancelled.
#[tokio::test(start_paused = true)]
async fn scope_of_a_guard_dropped_too_late_is_cancelled() {
    let around = Scope::new("around");
    let lend = |(held, ()): (ResourceGuard<State>, ())| async move { Ok(held) };
    let mut run = WithResource::new(1, Logged::default(), lend).run_in(&around, [()]);
    let held = run.next().await.expect("an output").expect("it does not fail");
    let scope = held.scope();
    leave(&scope, Logged::default(), End::Drop);
    assert_eq!(run.finish().await.failures.len(), 1, "it is still held");
    drop(held);
    soon(around.wait()).await.expect("nothing in the scope failed");
}

/// A guard that a task in its own scope owns is dropped when the job is stopped.
#[tokio::test(start_paused = true)]
async fn guard_in_its_own_scope_is_dropped_at_a_stop() {
    let (log, around) = (Logged::default(), Scope::new("around"));
    let run = WithResource::new(1, log.clone(), |(held, ()): (ResourceGuard<State>, ())| async move {
        held.scope().spawn("keeper", async move {
            let _held = held;
            pending().await
        });
        pending::<anyhow::Result<()>>().await
    })
    .run_in(&around, [()]);
    sleep(50 * MS).await;
    let dropped = Instant::now();
    drop(run);
    soon(around.wait()).await.expect("nothing failed");
    assert_eq!((dropped.elapsed(), log.released()), (RELEASE, vec![(0, JobOutcome::Cancellation)]));
}

/// Nothing starts in the scope of a resource after a stop of the job, nor after the end of the run.
#[tokio::test(start_paused = true)]
async fn scope_after_a_stop_or_the_run_starts_nothing() {
    let (send, held) = tokio::sync::oneshot::channel();
    let send = Mutex::new(Some(send));
    let mut run = WithResource::new(1, Logged::default(), move |(held, ()): (ResourceGuard<State>, ())| {
        let send = send.lock().unwrap().take().expect("one job");
        async move {
            send.send(held).expect("the test waits");
            pending::<anyhow::Result<()>>().await
        }
    })
    .run([()]);
    let held = held.await.expect("the job sends it");
    run.cancel();
    sleep(MS).await;
    let begins = || async {
        let log = Logged::default();
        let inside = with_in(&held.scope(), log.clone(), |_| work(End::Success)).await;
        (inside.is_err(), log.made())
    };
    assert_eq!(begins().await, (true, (0, 0)), "its job was stopped");
    while run.next().await.is_some() {}
    assert_eq!(begins().await, (true, (0, 0)), "its run is over");
}

/// The scope of a run ends while a caller keeps the scope of a resource, and no part of the run is left.
#[tokio::test(start_paused = true)]
async fn kept_child_scope_keeps_no_part_of_the_run() {
    let (around, resource) = (Scope::new("around"), Arc::new(Logged::default()));
    let kept = with_in(&around, Arc::clone(&resource), |held| async move { Ok(held.scope()) }).await;
    let kept = kept.expect("it does not fail");
    soon(around.wait()).await.expect("nothing failed");
    assert!(kept.token().is_cancelled(), "the resource was released");
    assert_eq!(Arc::strong_count(&resource), 1, "nothing of the run is left");
    drop(around);
    assert_eq!(kept.name(), "resource");
}
