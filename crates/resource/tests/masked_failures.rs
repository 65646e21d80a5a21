//! Two failures in a row: the first failure is reported first, and the second is reported as well.

use std::future::{Future, pending};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::sleep;
use towpath_resource::{PatternExt, Report, ResourceGuard, WithResource, resource_fn, with_in};

/// Panics in its drop.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped later");
    }
}

/// Fails at once, and panics in its drop.
struct FailsAndPanics {
    _later: Bomb,
}

impl Future for FailsAndPanics {
    type Output = anyhow::Result<()>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Err(anyhow::anyhow!("came first")))
    }
}

fn told(report: &Report) -> Vec<String> {
    report.failures.iter().map(|failure| format!("{failure:#}")).collect()
}

const LATER: &str = "stage `resource` panicked: dropped later";

/// A release that exceeds its time and panics in its drop is reported as both.
#[tokio::test(start_paused = true)]
async fn late_release_that_panics_in_its_drop_is_reported_twice() {
    let resource = resource_fn(
        || async { Ok(Bomb) },
        |bomb: Bomb, _| async move {
            let _bomb = bomb;
            pending::<()>().await;
            Ok(())
        },
    );
    let report = WithResource::new(1, resource, |(_held, ()): (ResourceGuard<Bomb>, ())| async { Ok(()) })
        .run([()])
        .finish()
        .await;
    assert_eq!(
        told(&report),
        ["stage `resource` timed out: a release was not done in time: no result within 5s", LATER]
    );
}

/// The error of a release is not masked by a panic in the drop of the future.
#[tokio::test(start_paused = true)]
async fn error_of_a_release_is_not_masked_by_its_drop() {
    let resource = resource_fn(|| async { Ok(()) }, |(), _| FailsAndPanics { _later: Bomb });
    let report = WithResource::new(1, resource, |(_held, ()): (ResourceGuard<()>, ())| async { Ok(()) })
        .run([()])
        .finish()
        .await;
    assert_eq!(told(&report), ["stage `resource` failed: came first", LATER]);
}

/// A failure in the scope of a resource is not masked by a panic in the drop of the output.
#[tokio::test(start_paused = true)]
async fn failure_in_the_scope_is_not_masked_by_the_output() {
    let resource = resource_fn(|| async { Ok(()) }, |(), _| async { Ok(()) });
    let jobs = WithResource::new(1, resource, |(held, ()): (ResourceGuard<()>, ())| async move {
        held.scope().spawn("dependent", async { anyhow::bail!("came first") });
        Ok(Bomb)
    });
    let told = told(&jobs.run([()]).finish().await);
    assert_eq!(told, ["item 0 at stage `resource` failed: stage `dependent` failed: came first", LATER]);
}

/// The error of a job is not masked by a panic in the drop of the future.
#[tokio::test(start_paused = true)]
async fn error_of_a_job_is_not_masked_by_its_drop() {
    let resource = resource_fn(|| async { Ok(()) }, |(), _| async { Ok(()) });
    let jobs = WithResource::new(1, resource, |(_held, ()): (ResourceGuard<()>, ())| FailsAndPanics {
        _later: Bomb,
    });
    let report = jobs.run([()]).finish().await;
    assert_eq!(told(&report), ["item 0 at stage `resource` failed: came first", LATER]);
    assert_eq!((report.last().errored, report.last().panicked), (1, 0), "{report}");
}

/// The error of an acquisition is not masked by a panic in the drop of the future.
#[tokio::test(start_paused = true)]
async fn error_of_an_acquire_is_not_masked_by_its_drop() {
    let resource = resource_fn(|| FailsAndPanics { _later: Bomb }, |(), _| async { Ok(()) });
    let jobs = WithResource::new(1, resource, |(_held, ()): (ResourceGuard<()>, ())| async { Ok(()) });
    let told = told(&jobs.run([()]).finish().await);
    assert_eq!(told, ["item 0 at stage `resource` failed: came first", LATER]);
}

/// The error of a job is reported if the run is cancelled while the scope of the resource has not ended.
#[tokio::test(start_paused = true)]
async fn error_of_a_job_is_reported_after_a_cancel_of_the_run() {
    const MS: Duration = Duration::from_millis(1);
    let resource = resource_fn(|| async { Ok(()) }, |(), _| async { Ok(()) });
    let jobs = WithResource::new(1, resource, |(held, ()): (ResourceGuard<()>, ())| async move {
        let scope = held.scope();
        let slow = resource_fn(
            || async { Ok(()) },
            |(), _| async {
                sleep(1_000 * MS).await;
                Ok(())
            },
        );
        tokio::spawn(async move { with_in(&scope, slow, |_| pending::<anyhow::Result<()>>()).await });
        sleep(10 * MS).await;
        Err::<(), _>(anyhow::anyhow!("came first"))
    });
    let run = jobs.run([()]);
    sleep(100 * MS).await;
    run.cancel();
    let told = told(&run.finish().await);
    assert_eq!(
        told,
        ["stage `resource` was cancelled: the run was cancelled", "stage `resource` failed: came first"]
    );
}
