//! The deadline of a scope cancels the token of the scope, with any contents of the scope.

use std::future::pending;
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::{spawn_blocking, yield_now};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use towpath_pattern::{Cancelled, Cause, Failure, Run, Scope, Settings, Source};

use crate::{run_in, settle};

const AFTER: Duration = Duration::from_secs(5);

fn limited() -> Scope {
    Scope::new("limited").with_timeout(AFTER)
}

fn is_deadline(failure: &Failure) -> bool {
    matches!(failure.cause(), Cause::Cancelled(Cancelled::Deadline))
}

fn paused() -> Runtime {
    Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime")
}

/// Waits for the cancellation and returns the time that passed until then.
async fn cancelled_after(token: &CancellationToken) -> Option<Duration> {
    let began = Instant::now();
    timeout(AFTER * 10, token.cancelled()).await.ok().map(|()| began.elapsed())
}

/// An action on a scope.
type Act = fn(&Scope);

/// Puts a tenant (a task, a run or a child) into a scope, and returns the token to watch.
type Tenant = fn(&Scope) -> CancellationToken;

const TENANTS: &[(&str, Tenant)] = &[
    ("nothing", |scope| scope.token().clone()),
    ("nothing in a child", |scope| scope.child("inner").child("innermost").token().child_token()),
    ("a task", |scope| {
        scope.spawn("endless", pending());
        scope.token().clone()
    }),
    ("a task that ends", |scope| {
        scope.spawn("short", async { Ok(()) });
        scope.token().clone()
    }),
    ("a task in a child", |scope| {
        scope.child("inner").spawn("short", async { Ok(()) });
        scope.token().clone()
    }),
    ("a run that was dropped", |scope| {
        drop(run_in(scope, vec![()], Settings::new("stage", 1), |()| pending::<anyhow::Result<()>>()));
        scope.token().clone()
    }),
    ("a child with a later deadline", |scope| {
        let later = scope.with_timeout(AFTER * 2);
        later.token().clone()
    }),
];

#[test]
fn token_at_deadline_is_cancelled_whatever_lives_in_the_scope() {
    for (what, tenant) in TENANTS {
        let after = paused().block_on(async {
            let scope = limited();
            let token = tenant(&scope);
            // The drop of a child cancels the token of the child, and the deadline of the parent does not. The test
            // watches the token of the scope instead.
            let token = if token.is_cancelled() { scope.token().clone() } else { token };
            settle().await;
            cancelled_after(&token).await
        });
        assert_eq!(after, Some(AFTER), "{what}");
    }
}

/// A blocking job that watches the token alone.
#[tokio::test]
async fn blocking_job_that_watches_the_token_stops_at_the_deadline() {
    let scope = Scope::new("limited").with_timeout(Duration::from_millis(1));
    let (token, began) = (scope.token().clone(), std::time::Instant::now());
    let watches = spawn_blocking(move || {
        while !token.is_cancelled() {
            if began.elapsed() > Duration::from_secs(10) {
                return false;
            }
            std::thread::yield_now();
        }
        true
    });
    assert!(watches.await.expect("no panic"), "the token was not cancelled within ten seconds");
}

/// The deadline is the cause of every failure, in any order of the cancellations of the tokens.
#[test]
fn deadline_with_a_watched_token_stays_the_cause() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_time().build().expect("a runtime");
    let lost = (0..300)
        .filter(|_| {
            runtime.block_on(async {
                let scope = Scope::new("limited").with_timeout(Duration::from_millis(1));
                let inner = scope.child("inner");
                let _token = scope.token().clone();
                scope.spawn("endless", pending());
                inner.spawn("endless", pending());
                let job = |()| pending::<anyhow::Result<()>>();
                let run = run_in(&inner, vec![()], Settings::new("stage", 1), job);
                let run = run.collect().await.expect_err("it was stopped");
                let told = (inner.wait().await, scope.wait().await);
                !is_deadline(&run)
                    || ![told.0, told.1].iter().all(|told| told.as_ref().is_err_and(is_deadline))
            })
        })
        .count();
    assert_eq!(lost, 0, "of 300 scopes");
}

/// The cause is recorded once: a deadline that passes after a cancellation by hand does not change the cause.
#[test]
fn cancelled_scope_whose_deadline_passes_later_was_cancelled_by_hand() {
    let by_hand: [(&str, Act); 3] = [
        ("the scope", Scope::cancel),
        ("its token", |scope| scope.token().cancel()),
        ("a clone of its token", |scope| scope.token().clone().cancel()),
    ];
    for (what, cancel) in by_hand {
        paused().block_on(async {
            let scope = limited();
            let inner = scope.child("inner");
            inner.spawn("endless", pending());
            cancel(&inner);
            inner.wait().await.unwrap_or_else(|failure| panic!("{what}: {failure:#}"));
            tokio::time::sleep(AFTER * 2).await;
            let job = |()| async { Ok(()) };
            let run = run_in(&inner, vec![()], Settings::new("stage", 1), job);
            let failure = run.collect().await.expect_err("the scope is cancelled");
            assert!(matches!(failure.cause(), Cause::Cancelled(Cancelled::Scope)), "{what}: {failure:#}");
        });
    }
}

#[test]
fn cancel_after_the_deadline_leaves_the_deadline_as_the_cause() {
    paused().block_on(async {
        let scope = limited();
        tokio::time::sleep(AFTER).await;
        scope.cancel();
        let run = run_in(&scope, vec![()], Settings::new("stage", 1), |()| async { Ok(()) });
        assert!(is_deadline(&run.collect().await.expect_err("it was stopped")));
    });
}

/// The task that watches the deadline holds no handle of the scope, and ends with the scope.
#[tokio::test(start_paused = true)]
async fn watched_scope_that_is_dropped_leaves_no_task() {
    let alive = || Handle::current().metrics().num_alive_tasks();
    let before = alive();
    for cancelled in [false, true] {
        let scope = limited();
        let token = scope.token().clone();
        scope.spawn("short", async { Ok(()) });
        scope.wait().await.expect("nothing but a short task is in it");
        if cancelled {
            scope.cancel();
        } else {
            drop(scope);
        }
        assert!(token.is_cancelled());
        yield_now().await;
        yield_now().await;
        assert_eq!(alive(), before, "cancelled: {cancelled}");
    }
}

#[tokio::test(start_paused = true)]
async fn wait_with_a_watched_token_does_not_wait_for_the_deadline() {
    let (scope, began) = (limited(), Instant::now());
    let token = scope.token().clone();
    scope.wait().await.expect("nothing is in it");
    assert_eq!((began.elapsed(), token.is_cancelled()), (Duration::ZERO, false));
}

/// A scope may outlive the runtime in which its token was first requested.
#[test]
fn token_across_two_runtimes_is_cancelled_at_the_deadline() {
    let scope = Scope::new("limited").with_timeout(Duration::from_millis(50));
    let inner = scope.child("inner");
    let single = || Builder::new_current_thread().enable_time().build().expect("a runtime");
    let first = single();
    first.block_on(async { inner.token().clone() });
    let second = single();
    let token = second.block_on(async { inner.token().clone() });
    drop(first);
    let cancelled = second.block_on(async { timeout(Duration::from_secs(10), token.cancelled()).await });
    assert!(cancelled.is_ok(), "not within ten seconds");
}

/// The token may be requested outside of a runtime. The next use of the scope in a runtime starts the watch.
#[test]
fn token_from_outside_of_a_runtime_is_cancelled_at_the_deadline() {
    let uses: [(&str, Act); 3] = [
        ("the token", |scope| drop(scope.token().clone())),
        ("a task", |scope| {
            scope.spawn("short", async { Ok(()) });
        }),
        ("a run of a child", |scope| {
            let source = Source::new(vec![()]);
            drop(run_in(&scope.child("inner"), source, Settings::new("stage", 1), |()| async { Ok(()) }));
        }),
    ];
    for (what, use_it) in uses {
        let runtime = paused();
        let scope = {
            let _entered = runtime.enter();
            limited()
        };
        let token = scope.token().clone();
        let after = runtime.block_on(async {
            use_it(&scope);
            settle().await;
            cancelled_after(&token).await
        });
        assert_eq!(after, Some(AFTER), "{what}");
    }
}

#[test]
#[should_panic(expected = "timers are disabled")]
fn token_of_a_limited_scope_without_timers_panics_at_once() {
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async { drop(Scope::new("limited").with_timeout(AFTER).token().clone()) });
}

/// A run that is stopped by the deadline cancels the token, before the receiver sees the end of the run.
#[tokio::test(start_paused = true)]
async fn run_stopped_by_the_deadline_has_cancelled_the_token() {
    let scope = limited();
    let run = Run::spawn(
        scope.child("inner"),
        Source::new(vec![()]),
        Settings::new("stage", 1),
        std::sync::Arc::new(|()| pending::<anyhow::Result<()>>()),
    );
    assert!(is_deadline(&run.collect().await.expect_err("it was stopped")));
    assert!(scope.token().is_cancelled());
}
