//! The end of a run: no release and no dependent of a resource goes on.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;
use towpath_resource::{PatternExt, ResourceGuard, Scope, WithResource, resource_fn};

const S: Duration = Duration::from_secs(1);

/// A release that starts while the run ends completes before the run is over, and its failure is reported.
#[tokio::test(start_paused = true)]
async fn release_started_as_the_run_ends_is_awaited_and_reported() {
    let (made, releasing) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let first_released = Arc::new(Notify::new());
    let resource = {
        let (releasing, signal) = (Arc::clone(&releasing), Arc::clone(&first_released));
        let acquire = move || {
            let number = made.fetch_add(1, SeqCst);
            async move { Ok(number) }
        };
        resource_fn(acquire, move |number: usize, _| {
            let (releasing, signal) = (Arc::clone(&releasing), Arc::clone(&signal));
            async move {
                if number == 1 {
                    sleep(3 * S).await;
                    signal.notify_one();
                    return Ok(());
                }
                releasing.fetch_add(1, SeqCst);
                sleep(S).await;
                releasing.fetch_sub(1, SeqCst);
                anyhow::bail!("release 0 failed")
            }
        })
    };
    let around = Scope::new("around");
    let lend = |(held, ()): (ResourceGuard<usize>, ())| async move { Ok(held) };
    let mut run = WithResource::new(2, resource, lend).release_within(4 * S).run_in(&around, [(), ()]);
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(run.next().await.expect("an output").expect("no failure"));
    }
    held.sort_by_key(|held| **held);
    let (one, zero) = (held.pop().expect("two"), held.pop().expect("two"));
    tokio::spawn(async move {
        sleep(2 * S).await;
        drop(one);
    });
    // The time limit has passed, and the last other release has just completed.
    tokio::spawn(async move {
        first_released.notified().await;
        drop(zero);
    });

    let report = run.finish().await;
    assert_eq!(releasing.load(SeqCst), 0, "no release runs after the run");
    let told: Vec<_> = report.failures.iter().map(|failure| format!("{failure:#}")).collect();
    assert!(told.iter().any(|failure| failure.ends_with("release 0 failed")), "{told:?}");
    around.wait().await.expect("the report has all failures");
}

/// At the end of the run, the scope of a resource that is still checked out is empty and cancelled.
#[tokio::test(start_paused = true)]
async fn scope_of_a_guard_outliving_the_run_is_cancelled() {
    let resource = resource_fn(|| async { Ok(()) }, |(), _| async { Ok(()) });
    let lend = |(held, ()): (ResourceGuard<()>, ())| async move {
        let scope = held.scope();
        Ok((held, scope))
    };
    let mut run = WithResource::new(1, resource, lend).release_within(S).run([()]);
    let (held, scope) = run.next().await.expect("an output").expect("no failure");
    let alive = Arc::new(());
    let guard = Arc::clone(&alive);
    scope.spawn("dependent", async move {
        pending::<()>().await;
        drop(guard);
        Ok(())
    });
    let report = run.finish().await;
    assert_eq!(Arc::strong_count(&alive), 1, "the dependent is gone");
    assert_eq!(report.failures.len(), 1, "the resource is still checked out: {report}");
    let began = Arc::new(AtomicUsize::new(0));
    let begins = Arc::clone(&began);
    scope.spawn("late", async move {
        begins.fetch_add(1, SeqCst);
        Ok(())
    });
    sleep(S).await;
    assert_eq!(began.load(SeqCst), 0, "the run is over");
    drop(held);
}
