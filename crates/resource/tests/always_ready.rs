//! Releases, dependents and works that are always ready, and use up the budget of their task, end in time.

use std::future::ready;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::coop::consume_budget;
use tokio::time::advance;
use towpath_resource::{PatternExt, ResourceGuard, Scope, WithResource, resource_fn, with_in};

/// The steps of a loop, which take far longer than the time limit.
const STEPS: usize = 1_000_000;

const GIVEN: Duration = Duration::from_millis(2);

async fn always_ready() -> anyhow::Result<()> {
    for _ in 0..STEPS {
        consume_budget().await;
    }
    Ok(())
}

/// Returns the runtimes, with a flag for a paused clock.
fn runtimes() -> [(Runtime, bool); 2] {
    [
        (Builder::new_current_thread().enable_time().start_paused(true).build().unwrap(), true),
        (Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap(), false),
    ]
}

/// Advances a paused clock in a task of its own, which takes turns with the ready tasks.
fn let_time_pass(paused: bool) {
    if paused {
        tokio::spawn(async {
            for _ in 0..20 {
                advance(GIVEN).await;
            }
        });
    }
}

/// A release that is always ready is dropped after the time limit.
#[test]
fn release_that_is_always_ready_is_dropped_in_time() {
    for (runtime, paused) in runtimes() {
        let failure = runtime.block_on(async {
            let resource = resource_fn(|| ready(Ok(())), |(), _| always_ready());
            let holding =
                WithResource::new(1, resource, |(_held, ()): (ResourceGuard<()>, ())| ready(Ok(())));
            let run = holding.release_within(GIVEN).run([()]);
            let_time_pass(paused);
            run.collect().await.expect_err("the release takes too long")
        });
        assert!(format!("{failure:#}").contains("not done in time"), "paused: {paused}: {failure:#}");
    }
}

/// A dependent that is always ready is stopped before the release of its resource.
#[test]
fn dependent_that_is_always_ready_is_stopped_in_time() {
    for (runtime, paused) in runtimes() {
        runtime.block_on(async {
            let resource = resource_fn(|| ready(Ok(())), |(), _| ready(Ok(())));
            let job = |(held, ()): (ResourceGuard<()>, ())| async move {
                held.scope().spawn("dependent", always_ready());
                Err::<(), _>(anyhow::anyhow!("by itself"))
            };
            let run = WithResource::new(1, resource, job).release_within(GIVEN).run([()]);
            let_time_pass(paused);
            let failure = run.collect().await.expect_err("its job fails");
            assert!(format!("{failure:#}").ends_with("by itself"), "paused: {paused}: {failure:#}");
        });
    }
}

/// Work that is always ready is stopped at the deadline.
#[test]
fn work_that_is_always_ready_is_stopped_at_the_deadline() {
    for (runtime, paused) in runtimes() {
        runtime.block_on(async {
            let scope = Scope::new("limited").with_timeout(GIVEN);
            let resource = resource_fn(|| ready(Ok(())), |(), _| ready(Ok(())));
            let within = scope.clone();
            let works = tokio::spawn(async move { with_in(&within, resource, |_held| always_ready()).await });
            let_time_pass(paused);
            let failure = works.await.expect("no panic").expect_err("the deadline passed");
            assert!(failure.is_cancelled(), "paused: {paused}: {failure:#}");
        });
    }
}
